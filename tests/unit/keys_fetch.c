/* Unit tests of keys as a whole, against a real https server on this machine (https_server.py): what is taken, what is
 * refused, who waits and who is told. */
#include "base/clock.h"
#include "base/log.h"
#include "keys/keys.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
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

enum { WAITERS = 50, PATIENCE_MS = 20000 };

static char dir[64], ca_file[96];
static pid_t server;
static int server_input = -1;
static unsigned port_right, port_other, port_expired;

static const struct slice hosts[] = { SLICE_LIT("keys.example.com") };
static const struct keys_policy policy = { .hosts = hosts, .host_count = 1 };

/* ---- the server ---- */

static void become_server(int input, int output)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(input, 0);
	dup2(output, 1);
	execlp("python3", "python3", "-B", PROJECT_ROOT "/tests/unit/https_server.py", dir, (char *)NULL);
	_exit(127);
}

static int start_server(void **state)
{
	int input[2], output[2];
	snprintf(dir, sizeof dir, "/tmp/hookgate-test.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(ca_file, sizeof ca_file, "%s/ca.pem", dir);
	assert_int_equal(pipe2(input, O_CLOEXEC) + pipe2(output, O_CLOEXEC), 0);
	server = fork();
	assert_true(server >= 0);
	if (server == 0)
		become_server(input[0], output[1]);
	close(input[0]);
	close(output[1]);
	server_input = input[1];
	FILE *in = fdopen(output[0], "r");
	int n = fscanf(in, "%u %u %u", &port_right, &port_other, &port_expired);
	fclose(in);
	log_configure(LOG_OFF, LOG_TEXT);
	return n == 3 ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
	return remove(path);
}

static int stop_server(void **state)
{
	close(server_input);
	assert_int_equal(waitpid(server, NULL, 0), server);
	return nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void release(void)
{
	char path[96];
	snprintf(path, sizeof path, "%s/release", dir);
	FILE *out = fopen(path, "w");
	assert_non_null(out);
	fclose(out);
}

/* ---- keys that are asked there ---- */

struct setting {
	const char *host;
	unsigned *port;
	bool allow, own_ca;
};

static const struct setting right = { "127.0.0.1", &port_right, true, true };

static struct keys *keys_of(const struct setting *setting)
{
	char with[64];
	struct config_range loopback[2];
	struct keys *keys;
	snprintf(with, sizeof with, "https://%s:%u", setting->host, *setting->port);
	assert_true(config_range_parse(SLICE("127.0.0.0/8"), &loopback[0], NULL));
	assert_true(config_range_parse(SLICE("::1"), &loopback[1], NULL));
	const struct config_key_replace replace = { .host = hosts[0], .with = slice_str(with) };
	const struct config_key_fetch settings = {
		.ca_file = setting->own_ca ? ca_file : NULL,
		.replace = &replace,
		.replace_count = 1,
		.allow_private = loopback,
		.allow_private_count = setting->allow ? 2 : 0,
	};
	assert_int_equal(keys_new(&settings, &keys), 0);
	return keys;
}

static enum keys_result look(struct keys *keys, const char *url, struct keys_answer *answer)
{
	keys_get(keys, slice_str(url), &policy, 0, answer);
	return answer->result;
}

/* Asks, waits, asks again. */
static enum keys_result fetch(struct keys *keys, const char *url, struct keys_answer *answer)
{
	assert_int_equal(look(keys, url, answer), KEYS_PENDING);
	assert_true(keys_await(keys, slice_str(url), PATIENCE_MS));
	return look(keys, url, answer);
}

static uint64_t ended(struct keys *keys, enum keys_ending ending)
{
	struct keys_counts counts;
	keys_count(keys, &counts);
	return counts.ended[ending];
}

/* ---- tests ---- */

static void fetches_and_keeps(void **state)
{
	struct keys *keys = keys_of(&right);
	struct keys_answer answer;
	assert_int_equal(fetch(keys, "https://keys.example.com/found/a", &answer), KEYS_FOUND);
	assert_true(slice_eq(answer.document->bytes, SLICE("key of /found/a")));
	assert_true(answer.document->version > 0);
	keys_release(answer.document);
	assert_int_equal(fetch(keys, "https://keys.example.com/count/found/a", &answer), KEYS_FOUND);
	assert_true(slice_eq(answer.document->bytes, SLICE("1")));
	/* It may outlive the cache. */
	keys_free(keys);
	assert_true(slice_eq(answer.document->bytes, SLICE("1")));
	keys_release(answer.document);
}

static void refuses_what_is_not_as_it_must_be(void **state)
{
	static const struct {
		const char *name;
		struct setting setting;
		const char *path;
		enum keys_ending ending;
		const char *says;
	} cases[] = {
		{ "not found", { "127.0.0.1", &port_right, true, true }, "/missing", KEYS_ENDED_STATUS, "404" },
		{ "elsewhere",
		  { "127.0.0.1", &port_right, true, true },
		  "/redirect",
		  KEYS_ENDED_STATUS,
		  "redirection" },
		{ "too large", { "127.0.0.1", &port_right, true, true }, "/large", KEYS_ENDED_TOO_LARGE, "262144" },
		{ "of no length",
		  { "127.0.0.1", &port_right, true, true },
		  "/chunked",
		  KEYS_ENDED_TOO_LARGE,
		  "262144" },
		{ "too slow", { "127.0.0.1", &port_right, true, true }, "/never", KEYS_ENDED_TIMEOUT, "timed out" },
		{ "private", { "127.0.0.1", &port_right, false, true }, "/found/p", KEYS_ENDED_ADDRESS, "not public" },
		{ "private by name",
		  { "localhost", &port_right, false, true },
		  "/found/p",
		  KEYS_ENDED_ADDRESS,
		  "not public" },
		{ "another name", { "127.0.0.1", &port_other, true, true }, "/found/p", KEYS_ENDED_TLS, "127.0.0.1" },
		{ "expired", { "127.0.0.1", &port_expired, true, true }, "/found/p", KEYS_ENDED_TLS, "expired" },
		{ "strange", { "127.0.0.1", &port_right, true, false }, "/found/p", KEYS_ENDED_TLS, "certificate" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct keys *keys = keys_of(&cases[i].setting);
		struct keys_answer answer;
		char url[96];
		snprintf(url, sizeof url, "https://keys.example.com%s", cases[i].path);
		if (fetch(keys, url, &answer) != KEYS_FAILED || ended(keys, cases[i].ending) != 1 ||
		    !strstr(answer.reason.text, cases[i].says))
			fail_msg("%s: %d, %s", cases[i].name, (int)answer.result, answer.reason.text);
		/* It is remembered: nothing is fetched a second time. */
		assert_int_equal(look(keys, url, &answer), KEYS_FAILED);
		keys_free(keys);
	}
}

static void nobody_is_there(void **state)
{
	unsigned nobody = 1;
	struct keys *keys = keys_of(&(struct setting){ "127.0.0.1", &nobody, true, true });
	struct keys_answer answer;
	assert_int_equal(fetch(keys, "https://keys.example.com/found/a", &answer), KEYS_FAILED);
	assert_int_equal(ended(keys, KEYS_ENDED_CONNECT), 1);
	keys_free(keys);
}

static void asks_only_where_it_may(void **state)
{
	struct keys *keys = keys_of(&right);
	struct keys_answer answer;
	struct keys_counts counts;
	assert_int_equal(look(keys, "https://evil.example.org/found/a", &answer), KEYS_REFUSED);
	assert_int_equal(look(keys, "http://keys.example.com/found/a", &answer), KEYS_REFUSED);
	keys_count(keys, &counts);
	assert_int_equal(counts.entries, 0);
	/* Who only wants to know what would be fetched. */
	assert_int_equal(look(NULL, "https://keys.example.com/found/a", &answer), KEYS_PENDING);
	assert_int_equal(look(NULL, "https://evil.example.org/found/a", &answer), KEYS_REFUSED);
	keys_free(keys);
}

struct waiting {
	struct loop *loop;
	struct keys_inbox *inbox;
	struct keys_waiter waiters[WAITERS];
	size_t told;
	size_t wanted;
};

static void told(void *arg)
{
	struct waiting *waiting = arg;
	if (++waiting->told == waiting->wanted)
		loop_stop(waiting->loop);
}

static void begin_waiting(struct waiting *waiting, struct keys *keys, const char *url)
{
	struct keys_answer answer;
	assert_int_equal(loop_new(&waiting->loop), 0);
	assert_int_equal(keys_inbox_new(keys, waiting->loop, &waiting->inbox), 0);
	for (size_t i = 0; i < WAITERS; i++) {
		assert_int_equal(look(keys, url, &answer), KEYS_PENDING);
		waiting->waiters[i].told = told;
		waiting->waiters[i].arg = waiting;
		assert_int_equal(keys_wait(waiting->inbox, slice_str(url), &waiting->waiters[i]), 0);
	}
	waiting->wanted = WAITERS;
}

static void one_fetch_for_many_who_wait(void **state)
{
	static const char url[] = "https://keys.example.com/hold/many";
	struct keys *keys = keys_of(&right);
	struct waiting waiting = { .told = 0 };
	struct keys_answer answer;
	struct keys_counts counts;
	begin_waiting(&waiting, keys, url);
	/* Some change their minds. */
	for (size_t i = 0; i < 10; i++)
		keys_unwait(&waiting.waiters[i * 5]);
	keys_unwait(&waiting.waiters[0]);
	waiting.wanted -= 10;
	keys_count(keys, &counts);
	assert_int_equal(counts.waiting, WAITERS - 10);
	assert_int_equal(counts.fetching, 1);
	release();
	assert_int_equal(loop_run(waiting.loop), 0);
	assert_int_equal(waiting.told, WAITERS - 10);
	assert_int_equal(look(keys, url, &answer), KEYS_FOUND);
	keys_release(answer.document);
	assert_int_equal(fetch(keys, "https://keys.example.com/count/hold/many", &answer), KEYS_FOUND);
	assert_true(slice_eq(answer.document->bytes, SLICE("1")));
	keys_release(answer.document);
	/* There is nothing to wait for any more. */
	assert_int_equal(keys_wait(waiting.inbox, slice_str(url), &waiting.waiters[0]), -EALREADY);
	keys_count(keys, &counts);
	assert_int_equal(counts.waiting, 0);
	keys_inbox_free(waiting.inbox);
	loop_free(waiting.loop);
	keys_free(keys);
}

static void ends_while_somebody_waits(void **state)
{
	struct keys *keys = keys_of(&right);
	struct waiting waiting = { .told = 0 };
	begin_waiting(&waiting, keys, "https://keys.example.com/never");
	for (size_t i = 0; i < WAITERS; i++)
		keys_unwait(&waiting.waiters[i]);
	keys_inbox_free(waiting.inbox);
	loop_free(waiting.loop);
	int64_t begun_ms = clock_mono_ms();
	keys_free(keys);
	/* Without waiting for the fetch's own end. */
	assert_true(clock_mono_ms() - begun_ms < 4000);
	assert_int_equal(waiting.told, 0);
}

static void other_settings_ask_again(void **state)
{
	struct keys *keys = keys_of(&(struct setting){ "127.0.0.1", &port_right, false, true });
	struct keys_answer answer;
	static const char url[] = "https://keys.example.com/found/s";
	assert_int_equal(fetch(keys, url, &answer), KEYS_FAILED);
	char with[64];
	struct config_range loopback;
	assert_true(config_range_parse(SLICE("127.0.0.1"), &loopback, NULL));
	snprintf(with, sizeof with, "https://127.0.0.1:%u", port_right);
	const struct config_key_replace replace = { .host = hosts[0], .with = slice_str(with) };
	struct config_key_fetch settings = { .ca_file = ca_file, .replace = &replace, .replace_count = 1 };
	/* The same as before changes nothing. */
	assert_int_equal(keys_configure(keys, &settings), 0);
	assert_int_equal(look(keys, url, &answer), KEYS_FAILED);
	settings.allow_private = &loopback;
	settings.allow_private_count = 1;
	assert_int_equal(keys_configure(keys, &settings), 0);
	assert_int_equal(fetch(keys, url, &answer), KEYS_FOUND);
	keys_release(answer.document);
	keys_free(keys);
}

static void visits(void **state)
{
	static const struct keys_policy queried = { .hosts = hosts, .host_count = 1, .query = true };
	struct keys *keys = keys_of(&right);
	struct reason reason = { "" };
	struct keys_answer answer;
	int64_t end_ms = clock_mono_ms() + PATIENCE_MS;
	assert_false(keys_visit(keys, SLICE("https://evil.example.org/found/v"), &queried, "a test", &reason));
	assert_true(strstr(reason.text, "host") != NULL);
	assert_false(keys_visit(keys, SLICE("https://keys.example.com/found/v?x=1"), &policy, "a test", &reason));
	assert_true(keys_visit(keys, SLICE("https://keys.example.com/found/v?x=1"), &queried, "a test", &reason));
	while (ended(keys, KEYS_ENDED_WELL) == 0)
		assert_true(clock_mono_ms() < end_ms);
	/* Nothing of it is kept. */
	assert_int_equal(fetch(keys, "https://keys.example.com/found/v", &answer), KEYS_FOUND);
	keys_release(answer.document);
	keys_free(keys);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(fetches_and_keeps),
		cmocka_unit_test(refuses_what_is_not_as_it_must_be),
		cmocka_unit_test(nobody_is_there),
		cmocka_unit_test(asks_only_where_it_may),
		cmocka_unit_test(one_fetch_for_many_who_wait),
		cmocka_unit_test(ends_while_somebody_waits),
		cmocka_unit_test(other_settings_ask_again),
		cmocka_unit_test(visits),
	};
	return cmocka_run_group_tests(tests, start_server, stop_server);
}
