/* The blocking client: replies, errors, time-outs, interruption, connecting anew. */
#include "base/clock.h"
#include "redis_fixture.h"
#include "store/client.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

static struct redis_fixture redis;
static struct store_client *client;

static int begin(void **state)
{
	redis_start(&redis, NULL);
	client = NULL;
	return 0;
}

static int end(void **state)
{
	store_client_free(client);
	redis_stop(&redis);
	return 0;
}

static void new_client(const struct config_redis *place, const char *socket, int64_t timeout_ms)
{
	store_client_free(client);
	assert_int_equal(store_client_new(place, socket, timeout_ms, &client), 0);
}

static int call(const char *line, int64_t extra_ms, struct store_reply **reply, struct reason *reason)
{
	struct slice words[8], rest = slice_str(line);
	size_t n = 0;
	while (rest.n > 0)
		slice_cut(rest, ' ', &words[n++], &rest);
	return store_client_call(client, words, n, extra_ms, reply, reason);
}

static struct store_reply *get(const char *line)
{
	struct store_reply *reply = NULL;
	struct reason reason = { "" };
	if (call(line, 0, &reply, &reason) != 0)
		fail_msg("%s: %s", line, reason.text);
	return reply;
}

static void expect_fault(const char *line, int fault, const char *in_reason)
{
	struct store_reply *poison = (struct store_reply *)(void *)&poison, *reply = poison;
	struct reason reason = { "" };
	assert_int_equal(call(line, 0, &reply, &reason), fault);
	assert_ptr_equal(reply, poison);
	if (!strstr(reason.text, in_reason))
		fail_msg("%s: %s", line, reason.text);
}

static void test_reply_types(void **state)
{
	static const struct {
		const char *line;
		enum store_reply_type type;
		const char *text;
		int64_t number;
		size_t count;
	} rows[] = {
		{ "PING", STORE_REPLY_STRING, "PONG", 0, 0 },	  { "ECHO hello", STORE_REPLY_STRING, "hello", 0, 0 },
		{ "GET nothing", STORE_REPLY_NIL, "", 0, 0 },	  { "INCRBY n 42", STORE_REPLY_NUMBER, "", 42, 0 },
		{ "DECRBY n 50", STORE_REPLY_NUMBER, "", -8, 0 }, { "LRANGE none 0 1", STORE_REPLY_LIST, "", 0, 0 },
		{ "MGET n none", STORE_REPLY_LIST, "", 0, 2 },	  { "LPUSH n x", STORE_REPLY_ERROR, "WRONGTYPE", 0, 0 },
	};
	new_client(&redis.tcp, NULL, 5000);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct store_reply *reply = get(rows[i].line);
		assert_int_equal(store_reply_type(reply), rows[i].type);
		assert_true(slice_starts(store_reply_text(reply), slice_str(rows[i].text)));
		assert_int_equal(store_reply_number(reply), rows[i].number);
		assert_int_equal(store_reply_count(reply), rows[i].count);
		store_reply_free(reply);
	}
	store_reply_free(NULL);
}

static void test_lists(void **state)
{
	new_client(&redis.by_socket, NULL, 5000);
	store_reply_free(get("RPUSH l one two"));
	struct store_reply *reply = get("LRANGE l 0 -1");
	assert_true(slice_eq(store_reply_text(store_reply_at(reply, 1)), SLICE("two")));
	assert_null(store_reply_at(reply, 2));
	assert_null(store_reply_at(store_reply_at(reply, 0), 0));
	store_reply_free(reply);
}

static void test_large_both_ways(void **state)
{
	size_t n = 12 * 1024 * 1024;
	unsigned char *bytes = malloc(n);
	for (size_t i = 0; i < n; i++)
		bytes[i] = (unsigned char)(i * 7 >> 2);
	new_client(&redis.by_socket, NULL, 5000);
	struct store_reply *reply = NULL;
	struct reason reason;
	assert_int_equal(
		store_client_call(client, (struct slice[]){ SLICE("ECHO"), slice_of(bytes, n) }, 2, 0, &reply, &reason),
		0);
	assert_true(slice_eq(store_reply_text(reply), slice_of(bytes, n)));
	store_reply_free(reply);
	free(bytes);
}

static void test_login_and_database(void **state)
{
	redis_do(&redis, "ACL SETUSER me on >good ~* +@all");
	redis_do(&redis, "CONFIG SET requirepass secret");
	struct config_redis place = redis.by_socket;
	new_client(&place, NULL, 5000);
	struct store_reply *reply = get("PING");
	assert_int_equal(store_reply_type(reply), STORE_REPLY_ERROR);
	store_reply_free(reply);
	place.password = SLICE("wrong");
	new_client(&place, NULL, 5000);
	expect_fault("PING", -EIO, "AUTH: WRONGPASS");
	place.username = SLICE("me");
	place.password = SLICE("good");
	place.database = 2;
	new_client(&place, NULL, 5000);
	store_reply_free(get("SET a b"));
	assert_int_equal(redis_number(&redis, "EXISTS a"), 0);
	redis_do(&redis, "SELECT 2");
	assert_int_equal(redis_number(&redis, "EXISTS a"), 1);
	place.database = 99;
	new_client(&place, NULL, 5000);
	expect_fault("PING", -EIO, "SELECT: ERR");
}

static void test_not_there(void **state)
{
	char path[120];
	struct config_redis place = { .kind = CONFIG_REDIS_TCP, .host = "127.0.0.1", .port = 1 };
	new_client(&place, NULL, 5000);
	expect_fault("PING", -EIO, "cannot connect: Connection refused");
	place.host = "no-such-host.invalid";
	expect_fault("PING", -EIO, "no-such-host.invalid");
	new_client(&place, "/nowhere/redis.sock", 5000);
	expect_fault("PING", -EIO, "cannot connect: No such file");
	memset(path, 'x', sizeof path);
	path[sizeof path - 1] = '\0';
	new_client(&place, path, 5000);
	expect_fault("PING", -ENAMETOOLONG, "107 bytes");
	place = (struct config_redis){ .kind = CONFIG_REDIS_EMBEDDED, .path = redis.dir };
	new_client(&place, NULL, 5000);
	store_reply_free(get("PING"));
}

/* Redis ends between two calls: the one that finds out fails, the next connects anew. */
static void test_anew(void **state)
{
	new_client(&redis.tcp, NULL, 5000);
	store_reply_free(get("SET a b"));
	redis_kill(&redis);
	redis_again(&redis);
	expect_fault("PING", -EIO, "");
	store_reply_free(get("PING"));
}

static void test_time_out(void **state)
{
	struct store_reply *reply = NULL;
	struct reason reason;
	new_client(&redis.by_socket, NULL, 400);
	store_reply_free(get("PING"));
	/* What is meant to block gets its time on top, and its reply. */
	assert_int_equal(call("BLPOP none 0.6", 5000, &reply, &reason), 0);
	assert_int_equal(store_reply_type(reply), STORE_REPLY_NIL);
	store_reply_free(reply);
	redis_freeze(&redis);
	int64_t begun_ms = clock_mono_ms();
	expect_fault("PING", -EIO, "did not answer in time");
	assert_in_range(clock_mono_ms() - begun_ms, 400, 3000);
	/* A new connection is made by the kernel alone; the time covers it as well. */
	expect_fault("PING", -EIO, "did not answer in time");
	redis_thaw(&redis);
	/* The late replies are not taken for this one's. */
	reply = get("ECHO mine");
	assert_true(slice_eq(store_reply_text(reply), SLICE("mine")));
	store_reply_free(reply);
}

static void *interrupt_blocked(void *arg)
{
	/* The call has arrived when Redis has a blocked client. */
	for (;;) {
		struct store_reply *info = redis_ask(&redis, "INFO clients");
		struct slice text = store_reply_text(info);
		bool blocked = memmem(text.p, text.n, "blocked_clients:1", 17) != NULL;
		store_reply_free(info);
		if (blocked)
			break;
		(void)poll(NULL, 0, 1);
	}
	store_client_interrupt(client);
	return NULL;
}

static void test_interrupt(void **state)
{
	struct store_reply *reply = NULL;
	struct reason reason;
	pthread_t thread;
	new_client(&redis.by_socket, NULL, 20000);
	int64_t begun_ms = clock_mono_ms();
	assert_int_equal(pthread_create(&thread, NULL, interrupt_blocked, NULL), 0);
	assert_int_equal(call("BLPOP none 0", INT64_MAX, &reply, &reason), -EINTR);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(clock_mono_ms() - begun_ms < 10000);
	/* It counts once, also for a call that comes later. */
	store_reply_free(get("PING"));
	store_client_interrupt(client);
	expect_fault("PING", -EINTR, "interrupted");
	store_reply_free(get("PING"));
}

static void test_free_of_nothing(void **state)
{
	store_client_free(NULL);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(test_reply_types),	       CASE(test_lists),     CASE(test_large_both_ways),
		CASE(test_login_and_database), CASE(test_not_there), CASE(test_anew),
		CASE(test_time_out),	       CASE(test_interrupt), CASE(test_free_of_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
