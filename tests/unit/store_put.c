/* Events into a real Redis: what is stored, what is a duplicate, and what remains when something fails. */
#include "link_fixture.h"

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

static struct bench bench;

static int begin(void **state)
{
	bench_start(&bench, NULL);
	bench_connect(&bench, &bench.redis.by_socket, NULL, STALL_MS);
	bench_wait(&bench, STORE_READY);
	return 0;
}

static int end(void **state)
{
	bench_stop(&bench);
	return 0;
}

static void expect_put(const struct store_event *event, enum store_result result, const char *in_reason)
{
	struct noted noted;
	put_and_wait(&bench, event, &noted);
	if (noted.result != result || !strstr(noted.reason, in_reason))
		fail_msg("%d: %s", noted.result, noted.reason);
}

/* The contract in gateway/README.md: these fields, in this order. */
static void test_entry(void **state)
{
	static const char *const wanted[] = {
		"specversion",
		"1.0",
		"id",
		"evt_1",
		"source",
		"/hooks/stripe",
		"type",
		"invoice.paid",
		"time",
		"2026-11-22T09:02:03.004Z",
		"datacontenttype",
		"application/json",
		"data",
		"{\"id\":1}",
		"route",
		"stripe",
		"provider",
		"stripe-like",
		"headers",
		"{\"a\":\"b\"}",
		"secret",
		"current",
		"covered",
		"full",
		"traceparent",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
	};
	struct store_event event = event_of(&bench, "evt_1");
	expect_put(&event, STORE_STORED, "");
	struct store_reply *all = redis_ask(&bench.redis, "XRANGE " STREAM " - +");
	assert_int_equal(store_reply_count(all), 1);
	const struct store_reply *fields = store_reply_at(store_reply_at(all, 0), 1);
	assert_int_equal(store_reply_count(fields), sizeof wanted / sizeof *wanted);
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
		assert_true(slice_eq(store_reply_text(store_reply_at(fields, i)), slice_str(wanted[i])));
	store_reply_free(all);
	assert_in_range(redis_number(&bench.redis, "TTL " SEEN "evt_1"), 3590, 3600);
	assert_int_equal(redis_number(&bench.redis, "DBSIZE"), 2);
}

/* A duplicate writes nothing and prolongs nothing. */
static void test_duplicate(void **state)
{
	struct store_event event = event_of(&bench, "evt_1");
	expect_put(&event, STORE_STORED, "");
	redis_number(&bench.redis, "EXPIRE " SEEN "evt_1 100");
	expect_put(&event, STORE_DUPLICATE, "");
	expect_stream(&bench, "evt_1 ");
	assert_in_range(redis_number(&bench.redis, "TTL " SEEN "evt_1"), 90, 100);
}

static void test_guard(void **state)
{
	struct store_event event = event_of(&bench, "evt_1");
	event.guard = SLICE("abcd");
	expect_put(&event, STORE_STORED, "");
	assert_in_range(redis_number(&bench.redis, "TTL " GUARD "abcd"), 3590, 3600);
	/* The same bytes under another id are a replay; the other id is not marked. */
	event.id = SLICE("evt_2");
	redis_number(&bench.redis, "EXPIRE " GUARD "abcd 100");
	expect_put(&event, STORE_DUPLICATE, "");
	assert_in_range(redis_number(&bench.redis, "TTL " GUARD "abcd"), 90, 100);
	/* The same id with other bytes, too; the other bytes are not marked. */
	event.id = SLICE("evt_1");
	event.guard = SLICE("ef01");
	expect_put(&event, STORE_DUPLICATE, "");
	assert_int_equal(redis_number(&bench.redis, "DBSIZE"), 3);
	expect_stream(&bench, "evt_1 ");
}

/* An id may look like anything: none is taken for a guard. */
static void test_id_that_looks_like_a_guard(void **state)
{
	struct store_event event = event_of(&bench, "evt_1");
	event.guard = SLICE("abcd");
	expect_put(&event, STORE_STORED, "");
	event = event_of(&bench, "guard:abcd");
	expect_put(&event, STORE_STORED, "");
	event = event_of(&bench, "../guard:abcd");
	expect_put(&event, STORE_STORED, "");
	expect_stream(&bench, "evt_1 guard:abcd ../guard:abcd ");
}

static void test_without_deduplication(void **state)
{
	struct store_event event = event_of(&bench, "evt_1");
	event.deduplicate = false;
	expect_put(&event, STORE_STORED, "");
	expect_put(&event, STORE_STORED, "");
	expect_stream(&bench, "evt_1 evt_1 ");
	assert_int_equal(redis_number(&bench.redis, "DBSIZE"), 1);

	/* A guard holds by itself. */
	event.guard = SLICE("abcd");
	expect_put(&event, STORE_STORED, "");
	expect_put(&event, STORE_DUPLICATE, "");
	expect_stream(&bench, "evt_1 evt_1 evt_1 ");
	assert_int_equal(redis_number(&bench.redis, "DBSIZE"), 2);
}

static void test_every_byte(void **state)
{
	unsigned char bytes[256];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)i;
	struct store_event event = event_of(&bench, "");
	event.id = event.data = event.type = slice_of(bytes, sizeof bytes);
	expect_put(&event, STORE_STORED, "");
	expect_put(&event, STORE_DUPLICATE, "");
	event.id = slice_of(bytes, sizeof bytes - 1);
	event.data = SLICE_NONE;
	expect_put(&event, STORE_STORED, "");
	struct store_reply *all = redis_ask(&bench.redis, "XRANGE " STREAM " - +");
	assert_int_equal(store_reply_count(all), 2);
	const struct store_reply *one = store_reply_at(store_reply_at(all, 0), 1);
	const struct store_reply *two = store_reply_at(store_reply_at(all, 1), 1);
	assert_true(slice_eq(store_reply_text(store_reply_at(one, 3)), slice_of(bytes, sizeof bytes)));
	assert_true(slice_eq(store_reply_text(store_reply_at(one, 13)), slice_of(bytes, sizeof bytes)));
	assert_true(slice_eq(store_reply_text(store_reply_at(two, 12)), SLICE("data")));
	assert_int_equal(store_reply_text(store_reply_at(two, 13)).n, 0);
	store_reply_free(all);
}

/* Larger than any socket's buffer: it leaves in pieces. */
static void test_large_body(void **state)
{
	size_t n = 20 * 1024 * 1024;
	unsigned char *bytes = malloc(n);
	for (size_t i = 0; i < n; i++)
		bytes[i] = (unsigned char)(i * 31 >> 3);
	struct store_event large = event_of(&bench, "large"), small = event_of(&bench, "small");
	struct noted noted[2];
	large.data = slice_of(bytes, n);
	put(&bench, &large, DEADLINE_MS, &noted[0]);
	put(&bench, &small, DEADLINE_MS, &noted[1]);
	await_noted(&bench, noted, 2);
	assert_int_equal(noted[0].result, STORE_STORED);
	assert_int_equal(noted[1].result, STORE_STORED);
	expect_stream(&bench, "large small ");
	struct store_reply *all = redis_ask(&bench.redis, "XRANGE " STREAM " - +");
	const struct store_reply *fields = store_reply_at(store_reply_at(all, 0), 1);
	assert_true(slice_eq(store_reply_text(store_reply_at(fields, 13)), slice_of(bytes, n)));
	store_reply_free(all);
	free(bytes);
}

/* Redis loses its scripts: all that is out is sent again with the text, once, and none is lost or doubled. */
static void test_script_flush(void **state)
{
	enum { COUNT = 5 };
	struct noted noted[COUNT];
	char ids[COUNT][8], all[COUNT * 8] = "";
	redis_do(&bench.redis, "SCRIPT FLUSH");
	for (size_t i = 0, at = 0; i < COUNT; i++) {
		snprintf(ids[i], sizeof ids[i], "e%zu", i);
		at += (size_t)snprintf(all + at, sizeof all - at, "%s ", ids[i]);
		struct store_event event = event_of(&bench, ids[i]);
		put(&bench, &event, DEADLINE_MS, &noted[i]);
	}
	await_noted(&bench, noted, COUNT);
	for (size_t i = 0; i < COUNT; i++)
		assert_int_equal(noted[i].result, STORE_STORED);
	expect_stream(&bench, all);
	uint64_t loads = counts_of(&bench).script_loads;
	assert_in_range(loads, 1, COUNT);
	struct store_event event = event_of(&bench, "e3");
	expect_put(&event, STORE_DUPLICATE, "");
	event = event_of(&bench, "after");
	expect_put(&event, STORE_STORED, "");
	assert_int_equal(counts_of(&bench).script_loads, loads);
	assert_int_equal(counts_of(&bench).refusals, 0);
}

/* What Redis refuses leaves no mark: the event that is sent again must be stored. */
static void test_out_of_memory(void **state)
{
	struct store_event event = event_of(&bench, "evt_1");
	event.guard = SLICE("abcd");
	redis_do(&bench.redis, "CONFIG SET maxmemory 1");
	expect_put(&event, STORE_UNAVAILABLE, "OOM");
	assert_int_equal(redis_number(&bench.redis, "DBSIZE"), 0);
	assert_int_equal(store_state(bench.store), STORE_READY);
	assert_int_equal(counts_of(&bench).refusals, 1);
	redis_do(&bench.redis, "CONFIG SET maxmemory 0");
	expect_put(&event, STORE_STORED, "");
	expect_stream(&bench, "evt_1 ");
}

static void test_stream_of_another_type(void **state)
{
	struct store_event event = event_of(&bench, "evt_1");
	event.guard = SLICE("abcd");
	redis_do(&bench.redis, "SET " STREAM " x");
	expect_put(&event, STORE_UNAVAILABLE, "WRONGTYPE");
	assert_int_equal(redis_number(&bench.redis, "DBSIZE"), 1);
	assert_int_equal(store_state(bench.store), STORE_READY);
	redis_do(&bench.redis, "DEL " STREAM);
	expect_put(&event, STORE_STORED, "");
}

/* A user who may add to the stream but not mark the id: the entry is taken back. */
static void test_user_without_set(void **state)
{
	struct store_event event = event_of(&bench, "evt_1");
	redis_do(&bench.redis, "ACL SETUSER default -set");
	expect_put(&event, STORE_UNAVAILABLE, "");
	assert_int_equal(redis_number(&bench.redis, "XLEN " STREAM), 0);
	redis_do(&bench.redis, "ACL SETUSER default +set -xadd");
	expect_put(&event, STORE_UNAVAILABLE, "");
	assert_int_equal(redis_number(&bench.redis, "EXISTS " SEEN "evt_1"), 0);
	redis_do(&bench.redis, "ACL SETUSER default +xadd");
	expect_put(&event, STORE_STORED, "");
	expect_stream(&bench, "evt_1 ");
}

/* A replica refuses: the link leaves it, and finds the master that it becomes. */
static void test_replica(void **state)
{
	struct store_event event = event_of(&bench, "evt_1");
	redis_do(&bench.redis, "REPLICAOF 127.0.0.1 1");
	expect_put(&event, STORE_UNAVAILABLE, "READONLY");
	bench_wait(&bench, STORE_AWAY);
	assert_non_null(strstr(bench.reason, "READONLY"));
	redis_do(&bench.redis, "REPLICAOF NO ONE");
	bench_wait(&bench, STORE_READY);
	expect_put(&event, STORE_STORED, "");
	expect_stream(&bench, "evt_1 ");
}

/* What one turn puts is looked for in one write and added in another; what is few and small, in one. */
static void test_writes_per_turn(void **state)
{
	enum { COUNT = 100 };
	static struct noted noted[COUNT];
	char id[8];
	uint64_t writes = counts_of(&bench).writes;
	for (size_t i = 0; i < COUNT; i++) {
		snprintf(id, sizeof id, "e%zu", i);
		struct store_event event = event_of(&bench, id);
		put(&bench, &event, DEADLINE_MS, &noted[i]);
	}
	assert_int_equal(store_waiting(bench.store), COUNT);
	await_noted(&bench, noted, COUNT);
	assert_int_equal(counts_of(&bench).writes - writes, 2);
	assert_int_equal(store_waiting(bench.store), 0);
	assert_int_equal(redis_number(&bench.redis, "XLEN " STREAM), COUNT);

	writes = counts_of(&bench).writes;
	for (size_t i = 0; i < 5; i++) {
		snprintf(id, sizeof id, "f%zu", i);
		struct store_event event = event_of(&bench, id);
		put(&bench, &event, DEADLINE_MS, &noted[i]);
	}
	await_noted(&bench, noted, 5);
	assert_int_equal(counts_of(&bench).writes - writes, 1);
	assert_int_equal(redis_number(&bench.redis, "XLEN " STREAM), COUNT + 5);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(test_entry),
		CASE(test_duplicate),
		CASE(test_guard),
		CASE(test_id_that_looks_like_a_guard),
		CASE(test_without_deduplication),
		CASE(test_every_byte),
		CASE(test_large_body),
		CASE(test_script_flush),
		CASE(test_out_of_memory),
		CASE(test_stream_of_another_type),
		CASE(test_user_without_set),
		CASE(test_replica),
		CASE(test_writes_per_turn),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
