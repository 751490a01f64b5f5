/* Unit tests of http/listen: sockets that listen, and why one does not. */
#include "config/address.h"
#include "http/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

static char folder[64], unix_path[80], unix_text[100];

static int set_up(void **state)
{
	snprintf(folder, sizeof folder, "/tmp/hookgate-listen-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(unix_path, sizeof unix_path, "%s/s", folder);
	snprintf(unix_text, sizeof unix_text, "unix:%s", unix_path);
	return 0;
}

static int tear_down(void **state)
{
	unlink(unix_path);
	assert_int_equal(rmdir(folder), 0);
	return 0;
}

static int listen_on(const char *text, int *fd, struct reason *reason)
{
	struct config_address address;
	struct reason wrong = { "" };

	if (!config_address_parse(slice_str(text), &address, &wrong))
		fail_msg("%s: %s", text, wrong.text);
	return http_listen(&address, fd, reason);
}

static int must_listen_on(const char *text)
{
	struct reason reason = { "" };
	int fd = -1;

	if (listen_on(text, &fd, &reason) != 0)
		fail_msg("%s", reason.text);
	return fd;
}

/* The output is untouched, and the reason is exactly this. */
static void must_not_listen_on(const char *text, int wanted, const char *why)
{
	struct reason reason = { "" };
	char line[256];
	int fd = 4711;

	snprintf(line, sizeof line, "cannot listen on %s: %s", text, why);
	assert_int_equal(listen_on(text, &fd, &reason), wanted);
	assert_string_equal(reason.text, line);
	assert_int_equal(fd, 4711);
}

/* A client's connection; -errno when there is none to be had. */
static int connect_to(int family, const char *ip, uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

	assert_true(fd >= 0);
	if (family == AF_INET) {
		assert_int_equal(inet_pton(AF_INET, ip, &in.sin_addr), 1);
		r = connect(fd, (const struct sockaddr *)&in, sizeof in);
	} else if (family == AF_INET6) {
		assert_int_equal(inet_pton(AF_INET6, ip, &in6.sin6_addr), 1);
		r = connect(fd, (const struct sockaddr *)&in6, sizeof in6);
	} else {
		memcpy(un.sun_path, unix_path, strlen(unix_path));
		r = connect(fd, (const struct sockaddr *)&un, sizeof un);
	}
	if (r == 0)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

/* A client comes in through exactly this socket. */
static void must_take(int listener, int family, const char *ip)
{
	int client = connect_to(family, ip, http_listen_port(listener)), server;

	assert_true(client >= 0);
	server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(server >= 0);
	close(server);
	close(client);
}

static void assert_is_ours(int fd)
{
	/* Without a client accept() must not wait, and no program that we start may inherit it. */
	assert_int_equal(accept(fd, NULL, NULL), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

static void listens_on_any_free_port(void **state)
{
	static const struct {
		const char *text;
		int family;
		const char *ip;
		const char *shown; /* with the port behind it */
	} cases[] = {
		{ "127.0.0.1:0", AF_INET, "127.0.0.1", "127.0.0.1:" },
		{ "0.0.0.0:0", AF_INET, "127.0.0.1", "0.0.0.0:" },
		{ "[::1]:0", AF_INET6, "::1", "[::1]:" },
		{ "[::]:0", AF_INET6, "::1", "[::]:" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int fd = must_listen_on(cases[i].text);
		char shown[80], wanted[80];

		assert_is_ours(fd);
		assert_true(http_listen_port(fd) > 0);
		snprintf(wanted, sizeof wanted, "%s%u", cases[i].shown, (unsigned)http_listen_port(fd));
		http_listen_text(fd, shown, sizeof shown);
		assert_string_equal(shown, wanted);
		must_take(fd, cases[i].family, cases[i].ip);
		close(fd);
	}
}

/* "[::]" is IPv6 alone, so that "0.0.0.0" can stand beside it; ":0" is both. */
static void one_family_or_both(void **state)
{
	int fd = must_listen_on("[::]:0");

	assert_int_equal(connect_to(AF_INET, "127.0.0.1", http_listen_port(fd)), -ECONNREFUSED);
	close(fd);
	fd = must_listen_on(":0");
	must_take(fd, AF_INET, "127.0.0.1");
	must_take(fd, AF_INET6, "::1");
	close(fd);
}

/* Every worker has a socket of its own on the same port. */
static void workers_share_a_port(void **state)
{
	for (size_t i = 0; i < 2; i++) {
		int first = must_listen_on(i == 0 ? "127.0.0.1:0" : "[::1]:0"), second;
		char text[32];

		snprintf(text, sizeof text, i == 0 ? "127.0.0.1:%u" : "[::1]:%u", (unsigned)http_listen_port(first));
		second = must_listen_on(text);
		assert_int_equal(http_listen_port(second), http_listen_port(first));
		close(first);
		must_take(second, i == 0 ? AF_INET : AF_INET6, i == 0 ? "127.0.0.1" : "::1");
		close(second);
	}
}

/* Somebody else's socket, who does not share. */
static void says_that_an_address_is_in_use(void **state)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char text[32];

	assert_int_equal(bind(other, (const struct sockaddr *)&in, sizeof in), 0);
	assert_int_equal(listen(other, 1), 0);
	snprintf(text, sizeof text, "127.0.0.1:%u", (unsigned)http_listen_port(other));
	must_not_listen_on(text, -EADDRINUSE, "Address already in use");
	close(other);
	/* 192.0.2.0/24 is for documentation: nobody's machine has it. */
	must_not_listen_on("192.0.2.1:0", -EADDRNOTAVAIL, "Cannot assign requested address");
}

static void fails_without_leaving_a_socket_behind(void **state)
{
	struct config_address address;
	struct reason reason;
	int before = dup(0), after, fd;

	close(before);
	assert_true(config_address_parse(SLICE("192.0.2.1:0"), &address, &reason));
	assert_int_equal(http_listen(&address, &fd, NULL), -EADDRNOTAVAIL);
	after = dup(0);
	assert_int_equal(after, before);
	close(after);
}

/* ---- unix sockets ---- */

static void listens_on_a_unix_socket(void **state)
{
	int fd = must_listen_on(unix_text);
	char shown[120];

	assert_is_ours(fd);
	http_listen_text(fd, shown, sizeof shown);
	assert_string_equal(shown, unix_text);
	assert_int_equal(http_listen_port(fd), 0);
	must_take(fd, AF_UNIX, NULL);
	close(fd);
}

/* Its server is gone, without having had the time to remove it. */
static void replaces_a_stale_socket(void **state)
{
	for (int i = 0; i < 2; i++) {
		int fd = must_listen_on(unix_text);

		must_take(fd, AF_UNIX, NULL);
		close(fd);
		assert_int_equal(access(unix_path, F_OK), 0);
	}
}

static void leaves_a_live_socket_alone(void **state)
{
	int live = must_listen_on(unix_text), checked;

	must_not_listen_on(unix_text, -EADDRINUSE, "Address already in use");
	/* What came in to see whether anybody listens. */
	checked = accept(live, NULL, NULL);
	assert_true(checked >= 0);
	close(checked);
	must_take(live, AF_UNIX, NULL);
	close(live);
}

/* A server that is slow to accept is a server. */
static void leaves_a_busy_socket_alone(void **state)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int busy = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), waiting;

	memcpy(un.sun_path, unix_path, strlen(unix_path));
	assert_int_equal(bind(busy, (const struct sockaddr *)&un, sizeof un), 0);
	assert_int_equal(listen(busy, 0), 0);
	waiting = connect_to(AF_UNIX, NULL, 0);
	assert_true(waiting >= 0);
	must_not_listen_on(unix_text, -EADDRINUSE, "Address already in use");
	assert_int_equal(access(unix_path, F_OK), 0);
	close(waiting);
	close(busy);
}

/* A slip in the configuration must not cost anybody a file: connecting to one is refused as well. */
static void leaves_what_is_no_socket_alone(void **state)
{
	struct stat status;
	FILE *file = fopen(unix_path, "we");
	char target[100];

	assert_non_null(file);
	fputs("dear", file);
	fclose(file);
	must_not_listen_on(unix_text, -EADDRINUSE, "Address already in use");
	assert_int_equal(stat(unix_path, &status), 0);
	assert_true(S_ISREG(status.st_mode) && status.st_size == 4);
	/* Nor a link to one. */
	snprintf(target, sizeof target, "%s/dear", folder);
	assert_int_equal(rename(unix_path, target), 0);
	assert_int_equal(symlink(target, unix_path), 0);
	must_not_listen_on(unix_text, -EADDRINUSE, "Address already in use");
	assert_int_equal(access(target, F_OK), 0);
	assert_int_equal(lstat(unix_path, &status), 0);
	assert_true(S_ISLNK(status.st_mode));
	unlink(target);
}

static void says_what_is_wrong_with_a_path(void **state)
{
	char long_path[200], text[120];
	struct config_address address = { .kind = CONFIG_ADDRESS_UNIX, .unix_path = long_path, .text = "long" };
	struct reason reason = { "" };
	int fd = 4711;

	snprintf(text, sizeof text, "unix:%s/no/s", folder);
	must_not_listen_on(text, -ENOENT, "No such file or directory");
	memset(long_path, 'x', sizeof long_path - 1);
	long_path[0] = '/';
	long_path[sizeof long_path - 1] = '\0';
	assert_int_equal(http_listen(&address, &fd, &reason), -ENAMETOOLONG);
	assert_string_equal(reason.text, "cannot listen on long: File name too long");
	assert_int_equal(fd, 4711);
}

static void shows_what_is_no_socket(void **state)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	char shown[8];

	http_listen_text(fd, shown, sizeof shown);
	assert_string_equal(shown, "?");
	assert_int_equal(http_listen_port(fd), 0);
	close(fd);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static bool listens_on(int fd, const char *text)
{
	struct config_address address;
	struct reason wrong = { "" };

	if (!config_address_parse(slice_str(text), &address, &wrong))
		fail_msg("%s: %s", text, wrong.text);
	return http_listens_on(fd, &address);
}

static void test_which_socket_is_the_one_of_an_address(void **state)
{
	static const struct {
		const char *socket, *address;
		bool same;
	} cases[] = {
		{ "127.0.0.1:0", "127.0.0.1:0", true },
		{ "127.0.0.1:0", "127.0.0.2:0", false },
		{ "127.0.0.1:0", "127.0.0.1:1", false },
		{ "127.0.0.1:0", "0.0.0.0:0", false },
		{ "127.0.0.1:0", "[::1]:0", false },
		{ "[::1]:0", "[::1]:0", true },
		{ "[::1]:0", "127.0.0.1:0", false },
		{ ":0", ":0", true },
		{ ":0", "0.0.0.0:0", true },
		{ ":0", "[::]:0", true },
		{ "[::]:0", "0.0.0.0:0", false },
		{ "[::]:0", ":0", false },
		{ "0.0.0.0:0", ":0", false },
		{ "127.0.0.1:0", "unix:/s", false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int fd = must_listen_on(cases[i].socket);

		if (listens_on(fd, cases[i].address) != cases[i].same)
			fail_msg("%s for %s", cases[i].socket, cases[i].address);
		close(fd);
	}
}

static void test_which_unix_socket_is_the_one_of_a_path(void **state)
{
	int fd = must_listen_on(unix_text);

	assert_true(listens_on(fd, unix_text));
	assert_false(listens_on(fd, "unix:/tmp/another"));
	assert_false(listens_on(fd, "127.0.0.1:0"));
	close(fd);
}

static void test_what_listens(void **state)
{
	int fd = must_listen_on("127.0.0.1:0"), deaf = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(http_is_listening(fd));
	assert_false(http_is_listening(deaf));
	assert_false(http_is_listening(STDIN_FILENO));
	assert_false(http_is_listening(-1));
	close(fd);
	close(deaf);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(listens_on_any_free_port),
		cmocka_unit_test(one_family_or_both),
		cmocka_unit_test(workers_share_a_port),
		cmocka_unit_test(says_that_an_address_is_in_use),
		cmocka_unit_test(fails_without_leaving_a_socket_behind),
		WITH_FOLDER(listens_on_a_unix_socket),
		WITH_FOLDER(replaces_a_stale_socket),
		WITH_FOLDER(leaves_a_live_socket_alone),
		WITH_FOLDER(leaves_a_busy_socket_alone),
		WITH_FOLDER(leaves_what_is_no_socket_alone),
		WITH_FOLDER(says_what_is_wrong_with_a_path),
		cmocka_unit_test(shows_what_is_no_socket),
		cmocka_unit_test_setup_teardown(test_which_socket_is_the_one_of_an_address, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_which_unix_socket_is_the_one_of_a_path, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_listens, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
