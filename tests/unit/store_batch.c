/* Batches: what they leave in Redis is what the script would have left, whatever happens between the look and the
 * commit. */
#include "base/clock.h"
#include "batch_fixture.h"

#include <errno.h>
#include <stdio.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

/* All ids from e0 on stand in the stream once, and each has its mark. */
static void expect_all_once(void)
{
	char all[BATCH_COUNT * 8] = "", line[64];
	size_t at = 0;
	for (size_t i = 0; i < BATCH_COUNT; i++) {
		at += (size_t)snprintf(all + at, sizeof all - at, "e%zu ", i);
		snprintf(line, sizeof line, "TTL " SEEN "e%zu", i);
		assert_in_range(redis_number(&bench.redis, line), 3590, 3600);
	}
	expect_stream(&bench, all);
	assert_int_equal(redis_number(&bench.redis, "DBSIZE"), BATCH_COUNT + 1);
}

static struct loop_timer tick;

static void on_tick(void *arg)
{
	loop_timer_start(bench.loop, &tick, 5, on_tick, NULL);
}

/* ---- what a batch leaves ---- */

static void test_stored(void **state)
{
	put_all_and_wait();
	expect_all(STORE_STORED, "");
	expect_all_once();
	assert_int_equal(relay.commits, 1);
	put_all_and_wait();
	expect_all(STORE_DUPLICATE, "");
	expect_all_once();
	assert_int_equal(relay.commits, 1);
}

/* An entry is the same, field by field, whichever way it went. */
static void test_same_as_by_the_script(void **state)
{
	struct store_event event = event_of(&bench, "alone");
	struct noted alone;
	put_all_and_wait();
	assert_int_equal(put_and_wait(&bench, &event, &alone), STORE_STORED);
	assert_int_equal(relay.commits, 1);
	struct store_reply *all = redis_ask(&bench.redis, "XRANGE " STREAM " - +");
	assert_int_equal(store_reply_count(all), BATCH_COUNT + 1);
	const struct store_reply *one = store_reply_at(store_reply_at(all, 0), 1),
				 *two = store_reply_at(store_reply_at(all, BATCH_COUNT), 1);
	assert_int_equal(store_reply_count(one), 26);
	assert_int_equal(store_reply_count(two), 26);
	for (size_t i = 0; i < 26; i++) {
		if (i != 3)
			assert_true(slice_eq(store_reply_text(store_reply_at(one, i)),
					     store_reply_text(store_reply_at(two, i))));
	}
	store_reply_free(all);
}

static void test_some_were_seen(void **state)
{
	struct store_event event = event_of(&bench, "e7");
	struct noted first;
	event.guard = SLICE("abcd");
	put_and_wait(&bench, &event, &first);
	for (size_t i = 0; i < BATCH_COUNT; i++) {
		event = numbered(i);
		event.guard = i == 9 ? SLICE("abcd") : SLICE_NONE;
		event.deduplicate = i != 11 && i != 12;
		put(&bench, &event, DEADLINE_MS, &noted[i]);
	}
	await_noted(&bench, noted, BATCH_COUNT);
	for (size_t i = 0; i < BATCH_COUNT; i++)
		assert_int_equal(noted[i].result, i == 7 || i == 9 ? STORE_DUPLICATE : STORE_STORED);
	assert_int_equal(redis_number(&bench.redis, "XLEN " STREAM), BATCH_COUNT - 1);
	assert_int_equal(redis_number(&bench.redis, "EXISTS " SEEN "e9 " SEEN "e11 " SEEN "e12"), 0);
	assert_int_equal(redis_number(&bench.redis, "EXISTS " SEEN "e8 " SEEN "e10 " SEEN "e13"), 3);
}

/* The same event several times in one batch: by its id, and by its guard. */
static void test_twins(void **state)
{
	for (size_t i = 0; i < BATCH_COUNT; i++) {
		struct store_event event = numbered(i);
		if (i < 10)
			event.id = SLICE("a");
		else
			event.guard = SLICE("abcd");
		put(&bench, &event, DEADLINE_MS, &noted[i]);
	}
	await_noted(&bench, noted, BATCH_COUNT);
	for (size_t i = 0; i < BATCH_COUNT; i++)
		assert_int_equal(noted[i].result, i == 0 || i == 10 ? STORE_STORED : STORE_DUPLICATE);
	expect_stream(&bench, "a e10 ");
	assert_int_equal(redis_number(&bench.redis, "DBSIZE"), 4);
}

static void test_without_marks(void **state)
{
	for (size_t i = 0; i < BATCH_COUNT; i++) {
		struct store_event event = event_of(&bench, "a");
		event.deduplicate = false;
		put(&bench, &event, DEADLINE_MS, &noted[i]);
	}
	await_noted(&bench, noted, BATCH_COUNT);
	expect_all(STORE_STORED, "");
	assert_int_equal(redis_number(&bench.redis, "XLEN " STREAM), BATCH_COUNT);
	assert_int_equal(redis_number(&bench.redis, "DBSIZE"), 1);
}

/* ---- races ---- */

static void mark_e3(void)
{
	redis_do(&bench.redis, "SET " SEEN "e3 1");
}

static void test_marked_in_between(void **state)
{
	relay.at_commit = mark_e3;
	put_all_and_wait();
	for (size_t i = 0; i < BATCH_COUNT; i++)
		assert_int_equal(noted[i].result, i == 3 ? STORE_DUPLICATE : STORE_STORED);
	assert_int_equal(redis_number(&bench.redis, "XLEN " STREAM), BATCH_COUNT - 1);
	assert_int_equal(counts_of(&bench).races, 1);
	assert_int_equal(counts_of(&bench).refusals, 0);
}

static void mark_e3_and_flush(void)
{
	mark_e3();
	redis_do(&bench.redis, "SCRIPT FLUSH");
}

static void test_marked_and_without_the_script(void **state)
{
	relay.at_commit = mark_e3_and_flush;
	put_all_and_wait();
	for (size_t i = 0; i < BATCH_COUNT; i++)
		assert_int_equal(noted[i].result, i == 3 ? STORE_DUPLICATE : STORE_STORED);
	assert_int_equal(redis_number(&bench.redis, "XLEN " STREAM), BATCH_COUNT - 1);
	assert_int_equal(counts_of(&bench).script_loads, BATCH_COUNT);
}

/* Two links put the same events, and both look before either commits. */
static void test_two_gateways(void **state)
{
	struct bench other = bench;
	static struct noted others[BATCH_COUNT];
	other.state_count = 0;
	bench_connect(&other, &bench.redis.by_socket, NULL, STALL_MS);
	bench_wait(&other, STORE_READY);
	redis_freeze(&bench.redis);
	put_all(DEADLINE_MS);
	for (size_t i = 0; i < BATCH_COUNT; i++) {
		struct store_event event = event_of(&bench, ids[i]);
		put(&other, &event, DEADLINE_MS, &others[i]);
	}
	/* Both have sent their look when the next timer fires. */
	struct noted late;
	struct store_event event = event_of(&bench, "late");
	put(&bench, &event, 50, &late);
	await_noted(&bench, &late, 1);
	redis_thaw(&bench.redis);
	await_noted(&bench, noted, BATCH_COUNT);
	await_noted(&other, others, BATCH_COUNT);
	for (size_t i = 0; i < BATCH_COUNT; i++)
		assert_int_equal((noted[i].result == STORE_STORED) + (others[i].result == STORE_STORED), 1);
	store_free(other.store);
	assert_int_equal(redis_number(&bench.redis, "XLEN " STREAM), BATCH_COUNT);
}

/* ---- refusals ---- */

static void test_out_of_memory(void **state)
{
	redis_do(&bench.redis, "CONFIG SET maxmemory 1");
	put_all_and_wait();
	expect_all(STORE_UNAVAILABLE, "OOM");
	assert_int_equal(redis_number(&bench.redis, "DBSIZE"), 0);
	assert_int_equal(counts_of(&bench).refusals, BATCH_COUNT);
	redis_do(&bench.redis, "CONFIG SET maxmemory 0");
	put_all_and_wait();
	expect_all(STORE_STORED, "");
	expect_all_once();
}

static void test_stream_of_another_type(void **state)
{
	redis_do(&bench.redis, "SET " STREAM " x");
	put_all_and_wait();
	expect_all(STORE_UNAVAILABLE, "WRONGTYPE");
	assert_int_equal(relay.commits, 0);
	assert_int_equal(redis_number(&bench.redis, "DBSIZE"), 1);
	redis_do(&bench.redis, "DEL " STREAM);
	put_all_and_wait();
	expect_all(STORE_STORED, "");
	expect_all_once();
}

static void make_another_type(void)
{
	redis_do(&bench.redis, "SET " STREAM " x");
}

/* EXEC goes on after its XADDs have failed, and marks what it did not add: that must not stay. */
static void test_another_type_in_between(void **state)
{
	relay.at_commit = make_another_type;
	put_all_and_wait();
	assert_int_equal(relay.commits, 1);
	expect_all(STORE_UNAVAILABLE, "WRONGTYPE");
	assert_int_equal(redis_number(&bench.redis, "DBSIZE"), 1);
	assert_int_equal(counts_of(&bench).refusals, BATCH_COUNT);
	redis_do(&bench.redis, "DEL " STREAM);
	put_all_and_wait();
	expect_all(STORE_STORED, "");
	expect_all_once();
}

static void forbid_del_and_make_another_type(void)
{
	redis_do(&bench.redis, "ACL SETUSER default -del");
	make_another_type();
}

static bool is_gone(void *arg)
{
	return redis_number(&bench.redis, "DBSIZE") == 1;
}

static void test_another_type_in_between_without_del(void **state)
{
	relay.at_commit = forbid_del_and_make_another_type;
	put_all_and_wait();
	expect_all(STORE_UNAVAILABLE, "WRONGTYPE");
	on_tick(NULL);
	run_until(bench.loop, is_gone, NULL);
	loop_timer_stop(&tick);
}

/* A user without the right to one of a batch's commands: the script does it, and the right is not asked for again at
 * each batch. */
static void test_least_rights(void **state)
{
	static const char *const rights[] = { "watch", "exec", "multi", "type", "discard" };
	char line[64];
	for (size_t i = 0; i < sizeof rights / sizeof *rights; i++) {
		snprintf(line, sizeof line, "ACL SETUSER default -%s", rights[i]);
		redis_do(&bench.redis, line);
		redis_do(&bench.redis, "FLUSHALL");
		put_all_and_wait();
		expect_all(STORE_STORED, "");
		expect_all_once();
		uint64_t writes = counts_of(&bench).writes;
		put_all_and_wait();
		expect_all(STORE_DUPLICATE, "");
		assert_int_equal(counts_of(&bench).writes - writes, 1);
		snprintf(line, sizeof line, "ACL SETUSER default +%s", rights[i]);
		redis_do(&bench.redis, line);
		/* The next connection tries anew. */
		bench.states[0] = store_state(bench.store);
		redis_number(&bench.redis, "CLIENT KILL TYPE normal SKIPME yes");
		bench_wait(&bench, STORE_AWAY);
		bench_wait(&bench, STORE_READY);
	}
	assert_int_equal(counts_of(&bench).refusals, 0);
}

/* ---- losses and deadlines ---- */

/* Nobody knows what EXEC has done: nothing is said to be stored, and put again, each stands there once. */
static void test_lost_at_the_commit(void **state)
{
	relay.cut_at_commit = true;
	put_all_and_wait();
	expect_all(STORE_UNAVAILABLE, "the connection to Redis was lost");
	bench_wait(&bench, STORE_READY);
	put_all_and_wait();
	expect_all(STORE_DUPLICATE, "");
	expect_all_once();
}

/* Who has given up by the time of the commit is not stored behind its back; the others are. */
static void test_given_up_before_the_commit(void **state)
{
	relay.hold = true;
	for (size_t i = 0; i < BATCH_COUNT; i++) {
		struct store_event event = numbered(i);
		put(&bench, &event, i % 2 == 0 ? 10 : DEADLINE_MS, &noted[i]);
	}
	for (size_t i = 0; i < BATCH_COUNT; i += 2)
		await_noted(&bench, &noted[i], 1);
	relay_release(&relay);
	await_noted(&bench, noted, BATCH_COUNT);
	for (size_t i = 0; i < BATCH_COUNT; i++)
		assert_int_equal(noted[i].result, i % 2 == 0 ? STORE_UNAVAILABLE : STORE_STORED);
	assert_int_equal(redis_number(&bench.redis, "XLEN " STREAM), BATCH_COUNT / 2);
	assert_int_equal(redis_number(&bench.redis, "DBSIZE"), BATCH_COUNT / 2 + 1);
}

static bool has_sent(void *arg)
{
	return relay.packets > *(int *)arg;
}

/* f0, f1 ... and their ends, while the e's are out. */
static void put_more(struct noted *more)
{
	char id[8];
	for (size_t i = 0; i < BATCH_COUNT; i++) {
		snprintf(id, sizeof id, "f%zu", i);
		struct store_event event = event_of(&bench, id);
		put(&bench, &event, DEADLINE_MS, &more[i]);
	}
}

/* What comes while a batch is out gathers for the next. */
static void test_gathers_meanwhile(void **state)
{
	static struct noted more[BATCH_COUNT];
	int packets = relay.packets;
	relay.hold = true;
	put_all(DEADLINE_MS);
	run_until(bench.loop, has_sent, &packets);
	uint64_t writes = counts_of(&bench).writes;
	put_more(more);
	relay_release(&relay);
	await_noted(&bench, noted, BATCH_COUNT);
	await_noted(&bench, more, BATCH_COUNT);
	assert_int_equal(counts_of(&bench).writes - writes, 3);
	assert_int_equal(relay.commits, 2);
	assert_int_equal(redis_number(&bench.redis, "XLEN " STREAM), 2 * BATCH_COUNT);
}

static bool are_stored(void *arg)
{
	return redis_number(&bench.redis, "XLEN " STREAM) == *(int64_t *)arg;
}

/* Looked at again and again, since no answer comes to tell. */
static void await_stored(int64_t count)
{
	on_tick(NULL);
	run_until(bench.loop, are_stored, &count);
	loop_timer_stop(&tick);
}

/* A Redis whose answers are slow to come gets everything nevertheless, without an answer. */
static void test_slow_answers(void **state)
{
	static struct noted more[BATCH_COUNT];
	relay.hold = true;
	put_all(DEADLINE_MS);
	await_stored(BATCH_COUNT);
	put_more(more);
	await_stored(2 * BATCH_COUNT);
	assert_int_equal(relay.commits, 0);
	assert_int_equal(store_waiting(bench.store), 2 * BATCH_COUNT);
	relay_release(&relay);
	await_noted(&bench, noted, BATCH_COUNT);
	await_noted(&bench, more, BATCH_COUNT);
	expect_all(STORE_STORED, "");
	assert_int_equal(redis_number(&bench.redis, "XLEN " STREAM), 2 * BATCH_COUNT);
	assert_int_equal(counts_of(&bench).refusals, 0);
}

/* A Redis that was only held up gets batches again before the second of scripts is over. A machine that is too slow to see it
 * says nothing. */
static void test_held_up_once(void **state)
{
	static struct noted more[BATCH_COUNT];
	int64_t begun_ms = clock_mono_ms();
	relay.hold = true;
	put_all(DEADLINE_MS);
	await_stored(BATCH_COUNT);
	relay_release(&relay);
	await_noted(&bench, noted, BATCH_COUNT);
	for (int i = 0, soon = 0; soon < 3 && clock_mono_ms() - begun_ms < 1000; i++) {
		char id[16];
		snprintf(id, sizeof id, "s%d", i);
		struct store_event event = event_of(&bench, id);
		struct noted alone;
		int64_t put_ms = clock_mono_ms();
		assert_int_equal(put_and_wait(&bench, &event, &alone), STORE_STORED);
		soon = clock_mono_ms() - put_ms <= 10 ? soon + 1 : 0;
	}
	put_more(more);
	await_noted(&bench, more, BATCH_COUNT);
	if (clock_mono_ms() - begun_ms < 1000)
		assert_int_equal(relay.commits, 1);
}

static void hold(void)
{
	relay.hold = true;
}

/* What gathers behind a commit whose answer is slow to come does not wait for it. */
static void test_slow_answer_to_the_commit(void **state)
{
	static struct noted more[BATCH_COUNT];
	relay.at_commit = hold;
	put_all(DEADLINE_MS);
	await_stored(BATCH_COUNT);
	put_more(more);
	await_stored(2 * BATCH_COUNT);
	assert_int_equal(relay.commits, 1);
	relay_release(&relay);
	await_noted(&bench, noted, BATCH_COUNT);
	await_noted(&bench, more, BATCH_COUNT);
	expect_all(STORE_STORED, "");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, batch_begin, batch_end)
	const struct CMUnitTest tests[] = {
		CASE(test_stored),
		CASE(test_same_as_by_the_script),
		CASE(test_some_were_seen),
		CASE(test_twins),
		CASE(test_without_marks),
		CASE(test_marked_in_between),
		CASE(test_marked_and_without_the_script),
		CASE(test_two_gateways),
		CASE(test_out_of_memory),
		CASE(test_stream_of_another_type),
		CASE(test_another_type_in_between),
		CASE(test_another_type_in_between_without_del),
		CASE(test_least_rights),
		CASE(test_lost_at_the_commit),
		CASE(test_given_up_before_the_commit),
		CASE(test_gathers_meanwhile),
		CASE(test_slow_answers),
		CASE(test_held_up_once),
		CASE(test_slow_answer_to_the_commit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
