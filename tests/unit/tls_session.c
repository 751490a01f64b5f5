/* An encrypted connection, with a server of the test's own at the other end of a socket: who is believed, and what is carried
 * when little fits into the socket. In a build without TLS: that it says so. */
#include "tls/tls.h"

#include <fcntl.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

enum { MUCH = 300 * 1000, RECORD = 16 * 1024 };

static char folder[] = "/tmp/hookgate-tls-XXXXXX";
static char ca[64], other_ca[64];

static void make(const char *name, const char *more)
{
	char command[512];
	snprintf(command, sizeof command,
		 "cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=x "
		 "-keyout %s.key -out %s.crt %s 2>openssl.log",
		 folder, name, name, more);
	assert_int_equal(system(command), 0);
}

static int make_certificates(void **state)
{
	assert_non_null(mkdtemp(folder));
	snprintf(ca, sizeof ca, "%s/server.crt", folder);
	snprintf(other_ca, sizeof other_ca, "%s/other.crt", folder);
	/* Signed by itself: it is its own authority. */
	make("server", "-addext subjectAltName=DNS:redis.test,DNS:*.wild.test,IP:10.0.0.1,IP:fd00::1");
	make("other", "");
	return 0;
}

static int remove_certificates(void **state)
{
	char command[128];
	snprintf(command, sizeof command, "rm -r %s", folder);
	return system(command);
}

/* ---- the two ends ---- */

static struct tls_context *context;
static struct tls_session *session;
static SSL_CTX *server_context;
static SSL *server;
static int ends[2]; /* ours, the server's */

static void open_ends(const char *believed, const char *name, int versions)
{
	struct config_redis_tls settings = { .on = true, .ca = believed };
	char key[64];
	int small = 4096;
	struct reason reason = { "" };
	if (tls_context_new(&settings, &context, &reason) != 0)
		fail_msg("%s", reason.text);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
	assert_int_equal(tls_session_new(context, ends[0], name, &session), 0);
	server_context = SSL_CTX_new(TLS_server_method());
	snprintf(key, sizeof key, "%s/server.key", folder);
	assert_int_equal(SSL_CTX_use_certificate_chain_file(server_context, ca), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey_file(server_context, key, SSL_FILETYPE_PEM), 1);
	assert_int_equal(SSL_CTX_set_max_proto_version(server_context, versions), 1);
	/* The library's own lowest level would refuse what is to be refused by us. */
	SSL_CTX_set_security_level(server_context, 0);
	SSL_CTX_set_mode(server_context, SSL_MODE_ENABLE_PARTIAL_WRITE);
	server = SSL_new(server_context);
	assert_int_equal(SSL_set_fd(server, ends[1]), 1);
}

static void close_ends(void)
{
	tls_session_free(session);
	tls_context_unref(context);
	SSL_free(server);
	SSL_CTX_free(server_context);
	close(ends[0]);
	close(ends[1]);
}

/* Both sides in turn, until ours has an end. */
static enum tls_end shake(struct reason *reason)
{
	for (int i = 0; i < 1000; i++) {
		enum tls_end end = tls_shake(session, reason);
		(void)SSL_accept(server);
		if (end == TLS_DONE || end == TLS_FAILED)
			return end;
	}
	return TLS_CLOSED;
}

/* ---- tests ---- */

static void test_who_is_believed(void **state)
{
	const struct {
		const char *believed, *name;
		int versions;
		const char *reason; /* NULL: believed */
	} rows[] = {
		{ ca, "redis.test", TLS1_3_VERSION, NULL },
		{ ca, "redis.test", TLS1_2_VERSION, NULL },
		{ ca, "REDIS.test", TLS1_3_VERSION, NULL },
		{ ca, "a.wild.test", TLS1_3_VERSION, NULL },
		{ ca, "10.0.0.1", TLS1_3_VERSION, NULL },
		{ ca, "fd00::1", TLS1_3_VERSION, NULL },
		{ ca, "wild.test", TLS1_3_VERSION, "not believed for wild.test: hostname mismatch" },
		{ ca, "a.b.wild.test", TLS1_3_VERSION, "hostname mismatch" },
		{ ca, "redis.test.other", TLS1_3_VERSION, "hostname mismatch" },
		{ ca, "10.0.0.2", TLS1_3_VERSION, "IP address mismatch" },
		{ ca, "x", TLS1_3_VERSION, "hostname mismatch" },
		{ other_ca, "redis.test", TLS1_3_VERSION, "not believed for redis.test: " },
		{ NULL, "redis.test", TLS1_3_VERSION, "not believed for redis.test: " },
		{ ca, "redis.test", TLS1_1_VERSION, "TLS: " },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct reason reason = { "" };
		open_ends(rows[i].believed, rows[i].name, rows[i].versions);
		enum tls_end end = shake(&reason);
		if (end != (rows[i].reason ? TLS_FAILED : TLS_DONE) ||
		    !strstr(reason.text, rows[i].reason ? rows[i].reason : ""))
			fail_msg("%s: %d %s", rows[i].name, (int)end, reason.text);
		close_ends();
	}
}

/* Byte i of what goes one way, and the other. */
static unsigned char byte_at(size_t i, unsigned way)
{
	return (unsigned char)(i * 31 + i / 257 + way);
}

static size_t send_some(const unsigned char *bytes, size_t sent)
{
	struct reason reason = { "" };
	size_t n = 0, left = MUCH - sent;
	/* From another place each time: what counts is what stands there. */
	unsigned char *copy = malloc(left < RECORD ? left : RECORD);
	assert_non_null(copy);
	memcpy(copy, bytes + sent, left < RECORD ? left : RECORD);
	enum tls_end end = tls_write(session, slice_of(copy, left < RECORD ? left : RECORD), &n, &reason);
	free(copy);
	assert_true(end == TLS_DONE || end == TLS_AWAITS_WRITE);
	return end == TLS_DONE ? n : 0;
}

static void test_much_both_ways(void **state)
{
	unsigned char *ours = malloc(MUCH), *theirs = malloc(MUCH), bytes[RECORD];
	size_t sent = 0, taken = 0, answered = 0, came = 0, n;
	struct reason reason = { "" };
	bool waited = false;
	assert_true(ours && theirs);
	for (size_t i = 0; i < MUCH; i++) {
		ours[i] = byte_at(i, 0);
		theirs[i] = byte_at(i, 1);
	}
	open_ends(ca, "redis.test", TLS1_3_VERSION);
	assert_int_equal(shake(&reason), TLS_DONE);
	while (taken < MUCH || came < MUCH) {
		size_t before = sent;
		if (sent < MUCH)
			sent += send_some(ours, sent);
		waited = waited || sent == before;
		if (SSL_read_ex(server, bytes, sizeof bytes, &n) == 1)
			for (size_t i = 0; i < n; i++)
				assert_int_equal(bytes[i], byte_at(taken++, 0));
		if (answered < MUCH && SSL_write_ex(server, theirs + answered, MUCH - answered, &n) == 1)
			answered += n;
		enum tls_end end = tls_read(session, bytes, sizeof bytes, &n, &reason);
		assert_true(end == TLS_DONE || end == TLS_AWAITS_READ);
		for (size_t i = 0; end == TLS_DONE && i < n; i++)
			assert_int_equal(bytes[i], byte_at(came++, 1));
	}
	assert_true(waited);
	close_ends();
	free(ours);
	free(theirs);
}

/* With and without a good-bye; and writing to who is gone raises no signal. */
static void test_the_end(void **state)
{
	for (int polite = 0; polite < 2; polite++) {
		struct reason reason = { "" };
		char bytes[16];
		size_t n;
		open_ends(ca, "redis.test", TLS1_3_VERSION);
		assert_int_equal(shake(&reason), TLS_DONE);
		if (polite)
			(void)SSL_shutdown(server);
		close(ends[1]);
		ends[1] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		enum tls_end end = tls_read(session, bytes, sizeof bytes, &n, &reason);
		if (end != TLS_CLOSED)
			fail_msg("%d: %s", (int)end, reason.text);
		end = tls_write(session, SLICE("x"), &n, &reason);
		assert_true(end == TLS_CLOSED || end == TLS_FAILED);
		close_ends();
	}
}

static void test_files(void **state)
{
	static const struct {
		struct config_redis_tls settings;
		const char *reason;
	} rows[] = {
		{ { .ca = "/nowhere.crt" }, "redis.tls.ca: /nowhere.crt: cannot be read: No such file" },
		{ { .ca = "/dev/null" }, "redis.tls.ca: /dev/null: holds no certificates" },
		{ { .cert = "/nowhere", .key = "/nowhere" }, "redis.tls.cert: /nowhere: cannot be read" },
		{ { .cert = "/dev/null", .key = "/dev/null" }, "redis.tls.cert: /dev/null: holds no certificate" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct tls_context *none = NULL;
		struct reason reason = { "" };
		assert_int_equal(tls_context_new(&rows[i].settings, &none, &reason), -EINVAL);
		assert_null(none);
		if (!strstr(reason.text, rows[i].reason))
			fail_msg("%s", reason.text);
	}
	struct config_redis_tls wrong = { .cert = ca, .key = other_ca };
	struct tls_context *none = NULL;
	struct reason reason = { "" };
	assert_int_equal(tls_context_new(&wrong, &none, &reason), -EINVAL);
	assert_non_null(strstr(reason.text, "redis.tls.key: "));
}

/* ---- without it ---- */

static void test_none(void **state)
{
	struct config_redis_tls settings = { .on = true };
	struct tls_context *none = NULL;
	struct reason reason = { "" };
	assert_non_null(strstr(tls_lacking(), "hiredis 1.0 or newer"));
	assert_int_equal(tls_context_new(&settings, &none, &reason), -EINVAL);
	assert_string_equal(reason.text, tls_lacking());
	assert_null(none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_is_believed),
		cmocka_unit_test(test_much_both_ways),
		cmocka_unit_test(test_the_end),
		cmocka_unit_test(test_files),
	};
	const struct CMUnitTest without[] = { cmocka_unit_test(test_none) };
	if (tls_lacking())
		return cmocka_run_group_tests(without, NULL, NULL);
	return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
