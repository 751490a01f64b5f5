/* The life of a link: connecting, refusals, stalls, losses, and that no reply is ever taken for another put's. */
#include "base/clock.h"
#include "link_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
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

static struct bench bench;

static int begin(void **state)
{
	bench_start(&bench, NULL);
	return 0;
}

static int end(void **state)
{
	bench_stop(&bench);
	return 0;
}

static void connect_ready(int64_t stall_ms)
{
	bench_connect(&bench, &bench.redis.by_socket, NULL, stall_ms);
	bench_wait(&bench, STORE_READY);
}

static void expect_states(const enum store_state *wanted, size_t count)
{
	assert_int_equal(bench.state_count, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(bench.states[i], wanted[i]);
}

static void expect_stored(const char *id)
{
	struct noted noted;
	struct store_event event = event_of(&bench, id);
	if (put_and_wait(&bench, &event, &noted) != STORE_STORED)
		fail_msg("%s: %d %s", id, noted.result, noted.reason);
}

static void expect_again(struct store_event *event)
{
	struct noted noted = { .calls = 0 };
	assert_int_equal(store_put(bench.store, event, loop_now_ms(bench.loop) + 1000, &noted.put), -EAGAIN);
	assert_int_equal(noted.calls, 0);
}

/* ---- connecting ---- */

static void test_ready(void **state)
{
	bench_connect(&bench, &bench.redis.tcp, NULL, STALL_MS);
	assert_int_equal(store_state(bench.store), STORE_CONNECTING);
	struct store_event event = event_of(&bench, "early");
	expect_again(&event);
	bench_wait(&bench, STORE_READY);
	expect_states((enum store_state[]){ STORE_READY }, 1);
	assert_string_equal(store_reason(bench.store), "");
	assert_int_equal(counts_of(&bench).connects, 1);
	struct store_reply *clients = redis_ask(&bench.redis, "CLIENT LIST");
	assert_non_null(memmem(store_reply_text(clients).p, store_reply_text(clients).n, " name=hookgate ", 15));
	store_reply_free(clients);
	expect_stored("a");
}

/* A name is looked up without the loop; of its addresses, one that is dead does not keep the others from being tried.
 */
static void test_host_name(void **state)
{
	bench.redis.tcp.host = "localhost";
	bench_connect(&bench, &bench.redis.tcp, NULL, STALL_MS);
	bench_wait(&bench, STORE_READY);
	expect_stored("a");
}

static void test_no_such_host(void **state)
{
	bench.redis.tcp.host = "no-such-host.invalid";
	bench_connect(&bench, &bench.redis.tcp, NULL, STALL_MS);
	bench_wait(&bench, STORE_AWAY);
	assert_non_null(strstr(bench.reason, "no-such-host.invalid"));
}

/* Freed while its thread still looks: nothing of it is touched afterwards. */
static bool is_later(void *arg)
{
	return *(bool *)arg;
}

static void on_time(void *arg)
{
	*(bool *)arg = true;
}

static void run_some_turns(int64_t ms)
{
	bool later = false;
	struct loop_timer clock = { 0 };
	assert_int_equal(loop_timer_start(bench.loop, &clock, ms, on_time, &later), 0);
	run_until(bench.loop, is_later, &later);
}

static void test_freed_while_looking_up(void **state)
{
	bench.redis.tcp.host = "no-such-host.invalid";
	bench_connect(&bench, &bench.redis.tcp, NULL, STALL_MS);
	run_some_turns(0);
	store_free(bench.store);
	bench.store = NULL;
}

static void test_database(void **state)
{
	bench.redis.by_socket.database = 3;
	connect_ready(STALL_MS);
	expect_stored("a");
	assert_int_equal(redis_number(&bench.redis, "DBSIZE"), 0);
	redis_do(&bench.redis, "SELECT 3");
	expect_stream(&bench, "a ");
}

static void test_socket_given(void **state)
{
	bench.redis.tcp.port = 1;
	bench_connect(&bench, &bench.redis.tcp, bench.redis.socket, STALL_MS);
	bench_wait(&bench, STORE_READY);
	expect_stored("a");
}

static void test_socket_too_long(void **state)
{
	char path[200];
	memset(path, 'x', sizeof path);
	path[0] = '/';
	path[sizeof path - 1] = '\0';
	bench_connect(&bench, &bench.redis.tcp, path, STALL_MS);
	bench_wait(&bench, STORE_AWAY);
	assert_non_null(strstr(bench.reason, "107 bytes"));
}

static void expect_refused(const char *user, const char *password, const char *in_reason)
{
	bench.redis.by_socket.username = slice_str(user);
	bench.redis.by_socket.password = slice_str(password);
	bench_connect(&bench, &bench.redis.by_socket, NULL, STALL_MS);
	bench_wait(&bench, STORE_AWAY);
	if (!strstr(bench.reason, in_reason))
		fail_msg("%s", bench.reason);
	assert_null(strstr(bench.reason, "bad-password"));
	store_free(bench.store);
	bench.store = NULL;
}

static void test_refused_at_the_door(void **state)
{
	redis_do(&bench.redis, "ACL SETUSER gate on >good ~* +@all");
	redis_do(&bench.redis, "ACL SETUSER meek on >good ~* +@all -script");
	redis_do(&bench.redis, "ACL SETUSER default resetpass >secret");
	expect_refused(NULL, "bad-password", "AUTH: WRONGPASS");
	expect_refused("gate", "bad-password", "AUTH: WRONGPASS");
	expect_refused("meek", "good", "SCRIPT LOAD: NOPERM");
	expect_refused(NULL, NULL, "NOAUTH");
	bench.redis.by_socket.username = SLICE("gate");
	bench.redis.by_socket.password = SLICE("good");
	connect_ready(STALL_MS);
	bench.redis.by_socket.username = SLICE_NONE;
}

/* A user that may neither name its connection nor ask for the role can be a gateway's. */
static void test_least_rights(void **state)
{
	redis_do(&bench.redis,
		 "ACL SETUSER gate on >good ~* -@all +script|load +evalsha +eval +exists +set +xadd +xdel");
	bench.redis.by_socket.username = SLICE("gate");
	bench.redis.by_socket.password = SLICE("good");
	connect_ready(STALL_MS);
	expect_stored("a");
}

static void test_reconfigured(void **state)
{
	redis_do(&bench.redis, "CONFIG SET requirepass good");
	struct config_redis wrong = bench.redis.by_socket, right = bench.redis.by_socket;
	wrong.password = SLICE("bad");
	right.password = SLICE("good");
	bench_connect(&bench, &wrong, NULL, STALL_MS);
	bench_wait(&bench, STORE_AWAY);
	store_reconfigure(bench.store, &right, NULL, STALL_MS);
	bench_wait(&bench, STORE_READY);
	/* The same again under another address changes nothing. */
	struct config_redis same = right;
	store_reconfigure(bench.store, &same, NULL, STALL_MS);
	assert_int_equal(store_state(bench.store), STORE_READY);
	struct noted noted;
	struct store_event event = event_of(&bench, "a");
	put(&bench, &event, DEADLINE_MS, &noted);
	same.database = 1;
	struct config_redis other = same;
	same.database = 0;
	store_reconfigure(bench.store, &other, NULL, STALL_MS);
	assert_int_equal(noted.calls, 1);
	assert_int_equal(noted.result, STORE_UNAVAILABLE);
	bench_wait(&bench, STORE_READY);
	expect_stored("a");
}

/* ---- stalls ---- */

/* Each put ends by its own deadline, whatever the order of the deadlines. */
static void test_deadlines(void **state)
{
	static const int64_t patience_ms[] = { 400, 100, 300, 0, 200, 100 };
	enum { COUNT = sizeof patience_ms / sizeof *patience_ms };
	struct noted noted[COUNT];
	connect_ready(STALL_MS);
	redis_freeze(&bench.redis);
	struct store_event event = event_of(&bench, "a");
	int64_t begun_ms = clock_mono_ms();
	for (size_t i = 0; i < COUNT; i++)
		put(&bench, &event, patience_ms[i], &noted[i]);
	await_noted(&bench, noted, COUNT);
	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(noted[i].result, STORE_UNAVAILABLE);
		assert_true(noted[i].ended_ms - begun_ms >= patience_ms[i]);
		/* Far less than where nothing is given up; a busy machine is late by some of it. */
		assert_true(noted[i].ended_ms - begun_ms < patience_ms[i] + 1000);
	}
	/* What the clock went on by between asking for the time and putting is off. */
	assert_true(strcmp(noted[0].reason, "no answer from Redis within 400 ms") == 0 ||
		    strncmp(noted[0].reason, "no answer from Redis within 39", 30) == 0);
	assert_int_equal(counts_of(&bench).timeouts, COUNT);
	assert_int_equal(store_waiting(bench.store), 0);
	redis_thaw(&bench.redis);
}

/* A stalled Redis comes back: what had given up gets nothing, what still waits gets its own reply and no other's. */
static void test_no_reply_for_another(void **state)
{
	struct noted noted[4];
	connect_ready(300);
	expect_stored("old");
	redis_freeze(&bench.redis);
	struct store_event gone = event_of(&bench, "gone"), old = event_of(&bench, "old"),
			   new = event_of(&bench, "new");
	put(&bench, &gone, 50, &noted[0]);
	put(&bench, &old, DEADLINE_MS, &noted[1]);
	put(&bench, &old, 60, &noted[2]);
	put(&bench, &new, DEADLINE_MS, &noted[3]);
	bench_wait(&bench, STORE_STALLED);
	expect_again(&new);
	assert_int_equal(noted[0].calls, 1);
	assert_int_equal(noted[0].result, STORE_UNAVAILABLE);
	assert_int_equal(noted[2].result, STORE_UNAVAILABLE);
	assert_int_equal(store_waiting(bench.store), 2);
	redis_thaw(&bench.redis);
	await_noted(&bench, noted, 4);
	bench_wait(&bench, STORE_READY);
	assert_int_equal(noted[1].result, STORE_DUPLICATE);
	assert_int_equal(noted[3].result, STORE_STORED);
	expect_states((enum store_state[]){ STORE_READY, STORE_STALLED, STORE_READY }, 3);
	expect_stored("next");
	expect_stream(&bench, "old gone new next ");
	assert_int_equal(counts_of(&bench).losses, 0);
}

/* A Redis that stays silent is given up after twice the time, with all that was out. */
static void test_silence(void **state)
{
	struct noted noted;
	connect_ready(100);
	redis_freeze(&bench.redis);
	struct store_event event = event_of(&bench, "a");
	put(&bench, &event, DEADLINE_MS, &noted);
	await_noted(&bench, &noted, 1);
	assert_int_equal(noted.result, STORE_UNAVAILABLE);
	assert_non_null(strstr(noted.reason, "no answer from Redis for 200 ms"));
	expect_states((enum store_state[]){ STORE_READY, STORE_STALLED, STORE_AWAY }, 3);
	assert_int_equal(counts_of(&bench).losses, 1);
	expect_again(&event);
	redis_thaw(&bench.redis);
	bench_wait(&bench, STORE_READY);
	/* What was sent may or may not have been stored; sent again, it stands there once. */
	struct noted again;
	assert_int_not_equal(put_and_wait(&bench, &event, &again), STORE_UNAVAILABLE);
	expect_stream(&bench, "a ");
}

/* What waits for a Redis that does not read is bounded. */
static void test_bytes_are_bounded(void **state)
{
	enum { MIB = 1024 * 1024 };
	static struct noted noted[70];
	unsigned char *body = calloc(1, MIB);
	struct store_event event = event_of(&bench, "a");
	event.data = slice_of(body, MIB);
	connect_ready(STALL_MS);
	redis_freeze(&bench.redis);
	for (size_t i = 0; i < 64; i++)
		put(&bench, &event, DEADLINE_MS, &noted[i]);
	expect_again(&event);
	redis_thaw(&bench.redis);
	await_noted(&bench, noted, 64);
	assert_int_equal(noted[0].result, STORE_STORED);
	for (size_t i = 1; i < 64; i++)
		assert_int_equal(noted[i].result, STORE_DUPLICATE);
	expect_stored("b");
	free(body);
}

/* ---- losses ---- */

static void test_killed(void **state)
{
	struct noted noted[10];
	char id[8];
	connect_ready(STALL_MS);
	redis_freeze(&bench.redis);
	for (size_t i = 0; i < 10; i++) {
		snprintf(id, sizeof id, "e%zu", i);
		struct store_event event = event_of(&bench, id);
		put(&bench, &event, DEADLINE_MS, &noted[i]);
	}
	int64_t begun_ms = clock_mono_ms();
	redis_kill(&bench.redis);
	await_noted(&bench, noted, 10);
	for (size_t i = 0; i < 10; i++)
		assert_int_equal(noted[i].result, STORE_UNAVAILABLE);
	assert_true(clock_mono_ms() - begun_ms < 1000);
	assert_int_equal(store_state(bench.store), STORE_AWAY);
	assert_int_equal(counts_of(&bench).losses, 1);
	redis_again(&bench.redis);
	bench_wait(&bench, STORE_READY);
	expect_stored("e1");
	assert_int_equal(counts_of(&bench).connects, 2);
}

static void test_freed_with_puts_out(void **state)
{
	struct noted noted[2];
	connect_ready(STALL_MS);
	struct store_event event = event_of(&bench, "a");
	put(&bench, &event, DEADLINE_MS, &noted[0]);
	put(&bench, &event, DEADLINE_MS, &noted[1]);
	store_free(bench.store);
	bench.store = NULL;
	assert_int_equal(noted[0].calls, 1);
	assert_int_equal(noted[1].calls, 1);
	assert_int_equal(noted[1].result, STORE_UNAVAILABLE);
	/* The loop outlives the link, and its hook does no harm. */
	run_some_turns(1);
	store_free(NULL);
}

struct door {
	struct loop_watch watch;
	int fd;
	int knocks;
};

static void on_knock(void *arg, unsigned events)
{
	struct door *door = arg;
	close(accept(door->fd, NULL, NULL));
	door->knocks++;
}

/* Somebody who hangs up at once is not hammered: attempts after 50, 100, 200, 400 ms and so on, each down to a half. */
static void test_backoff(void **state)
{
	struct door door = { .fd = socket(AF_UNIX, SOCK_STREAM, 0) };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	snprintf(address.sun_path, sizeof address.sun_path, "%s/door", bench.redis.dir);
	assert_int_equal(bind(door.fd, (const struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(door.fd, 8), 0);
	assert_int_equal(loop_watch(bench.loop, &door.watch, door.fd, LOOP_READ, on_knock, &door), 0);
	bench_connect(&bench, &bench.redis.by_socket, address.sun_path, STALL_MS);
	run_some_turns(1000);
	assert_in_range(door.knocks, 4, 7);
	assert_int_equal(store_state(bench.store), STORE_AWAY);
	loop_unwatch(&door.watch);
	close(door.fd);
}

/* Two names of 40 digits; the same for each connection to one Redis, and of another Redis others. */
static void test_identity(void **state)
{
	char first[100], second[100];
	connect_ready(STALL_MS);
	snprintf(first, sizeof first, "%s", store_identity(bench.store));
	assert_int_equal(strlen(first), 81);
	assert_int_equal(strspn(first, "0123456789abcdef"), 40);
	assert_int_equal(strspn(first + 41, "0123456789abcdef"), 40);
	store_free(bench.store);
	bench.store = NULL;
	connect_ready(STALL_MS);
	assert_string_equal(store_identity(bench.store), first);
	store_free(bench.store);
	bench.store = NULL;
	/* A history of its own begins with the end of being a replica. */
	redis_do(&bench.redis, "REPLICAOF 127.0.0.1 1");
	redis_do(&bench.redis, "REPLICAOF NO ONE");
	connect_ready(STALL_MS);
	snprintf(second, sizeof second, "%s", store_identity(bench.store));
	assert_memory_equal(first, second, 40);
	assert_string_not_equal(first, second);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(test_ready),	    CASE(test_host_name),
		CASE(test_no_such_host),    CASE(test_freed_while_looking_up),
		CASE(test_database),	    CASE(test_socket_given),
		CASE(test_socket_too_long), CASE(test_refused_at_the_door),
		CASE(test_least_rights),    CASE(test_reconfigured),
		CASE(test_deadlines),	    CASE(test_no_reply_for_another),
		CASE(test_silence),	    CASE(test_bytes_are_bounded),
		CASE(test_killed),	    CASE(test_freed_with_puts_out),
		CASE(test_backoff),	    CASE(test_identity),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
