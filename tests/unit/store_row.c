/* Rows of events: all in their order, and up to the first that Redis does not take. */
#include "link_fixture.h"
#include "store/row.h"

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

static struct bench bench;
static struct store_row *row;

static int begin(void **state)
{
	bench_start(&bench, NULL);
	bench_connect(&bench, &bench.redis.by_socket, NULL, STALL_MS);
	bench_wait(&bench, STORE_READY);
	assert_int_equal(store_row_new(&row), 0);
	return 0;
}

static int end(void **state)
{
	store_row_free(row);
	bench_stop(&bench);
	return 0;
}

/* Ids of one letter each. */
static void fill(const char *letters)
{
	store_row_clear(row);
	for (const char *at = letters; *at != '\0'; at++) {
		const char id[2] = { *at, '\0' };
		struct store_event event = event_of(&bench, id);
		assert_true(store_row_may_have(&event));
		assert_true(store_row_add(row, &event));
	}
}

static void put_filled(struct noted *noted)
{
	*noted = (struct noted){ .put.done = note_put };
	assert_int_equal(store_put_row(bench.store, row, loop_now_ms(bench.loop) + DEADLINE_MS, &noted->put), 0);
}

static void expect_row(const char *letters, enum store_result result, const char *in_reason, const char *stream)
{
	struct noted noted;
	fill(letters);
	put_filled(&noted);
	await_noted(&bench, &noted, 1);
	if (noted.result != result || !strstr(noted.reason, in_reason))
		fail_msg("%s: %d: %s", letters, noted.result, noted.reason);
	expect_stream(&bench, stream);
}

static void test_order_and_duplicates(void **state)
{
	expect_row("a", STORE_STORED, "", "a ");
	expect_row("bcd", STORE_STORED, "", "a b c d ");
	/* The whole again, its beginning, one seen among others, one that stands there twice. */
	expect_row("bcd", STORE_DUPLICATE, "", "a b c d ");
	expect_row("cde", STORE_STORED, "", "a b c d e ");
	expect_row("fag", STORE_STORED, "", "a b c d e f g ");
	expect_row("hihj", STORE_STORED, "", "a b c d e f g h i j ");
	assert_in_range(redis_number(&bench.redis, "TTL " SEEN "j"), 3590, 3600);
	assert_int_equal(redis_number(&bench.redis, "DBSIZE"), 11);
}

/* As one put alone writes it. */
static void test_entry(void **state)
{
	struct store_event event = event_of(&bench, "a");
	struct noted noted;
	struct store_reply *all;
	event.window_s = 0;
	event.guard = SLICE("g1");
	assert_true(store_row_add(row, &event));
	event.id = SLICE("b");
	event.guard = SLICE("g2");
	event.deduplicate = false;
	event.window_s = 70;
	assert_true(store_row_add(row, &event));
	/* The guard says that it was seen. */
	event.id = SLICE("c");
	event.deduplicate = true;
	assert_true(store_row_add(row, &event));
	put_filled(&noted);
	await_noted(&bench, &noted, 1);
	assert_int_equal(noted.result, STORE_STORED);
	expect_stream(&bench, "a b ");
	assert_int_equal(redis_number(&bench.redis, "EXISTS " SEEN "b " SEEN "c"), 0);
	assert_in_range(redis_number(&bench.redis, "TTL " GUARD "g2"), 60, 70);
	event = event_of(&bench, "z");
	assert_int_equal(put_and_wait(&bench, &event, &noted), STORE_STORED);
	all = redis_ask(&bench.redis, "XRANGE " STREAM " - +");
	for (size_t i = 0; i < 26; i++) {
		const struct store_reply *by_row = store_reply_at(store_reply_at(store_reply_at(all, 0), 1), i);
		const struct store_reply *alone = store_reply_at(store_reply_at(store_reply_at(all, 2), 1), i);
		assert_true(i == 3 || slice_eq(store_reply_text(by_row), store_reply_text(alone)));
	}
	store_reply_free(all);
}

static void test_what_refuses(void **state)
{
	redis_do(&bench.redis, "SET hookgate:{stripe}:closed:0 1");
	expect_row("abc", STORE_CLOSED, "", "");
	redis_do(&bench.redis, "DEL hookgate:{stripe}:closed:0");
	redis_do(&bench.redis, "CONFIG SET maxmemory 1");
	expect_row("abc", STORE_UNAVAILABLE, "OOM", "");
	redis_do(&bench.redis, "CONFIG SET maxmemory 0");
	/* The second mark may not be set: what is behind it is not there. */
	redis_do(&bench.redis, "ACL SETUSER default resetkeys ~hookgate:{stripe}:* -set");
	expect_row("abc", STORE_UNAVAILABLE, "", "");
	redis_do(&bench.redis, "ACL SETUSER default allkeys +set");
	assert_int_equal(redis_number(&bench.redis, "EXISTS " SEEN "a " SEEN "b"), 0);
	expect_row("abc", STORE_STORED, "", "a b c ");
}

static void test_refused_for_good(void **state)
{
	struct noted noted;
	redis_do(&bench.redis, "SET " STREAM " x");
	fill("abc");
	put_filled(&noted);
	await_noted(&bench, &noted, 1);
	assert_int_equal(noted.result, STORE_UNAVAILABLE);
	assert_true(noted.put.refused);
	assert_int_equal(redis_number(&bench.redis, "DBSIZE"), 1);
	/* For a while, and nothing of the next is. */
	redis_do(&bench.redis, "DEL " STREAM);
	redis_do(&bench.redis, "CONFIG SET maxmemory 1");
	put_filled(&noted);
	await_noted(&bench, &noted, 1);
	assert_int_equal(noted.result, STORE_UNAVAILABLE);
	assert_false(noted.put.refused);
	redis_do(&bench.redis, "CONFIG SET maxmemory 0");
}

/* A Redis that has lost its scripts does not mind. */
static void test_no_script(void **state)
{
	redis_do(&bench.redis, "SCRIPT FLUSH");
	expect_row("abc", STORE_STORED, "", "a b c ");
	assert_int_equal(counts_of(&bench).script_loads, 0);
}

/* Rows and enough others for batches, in the same turns: each is answered by what became of it. */
static void test_beside_others(void **state)
{
	enum { ROUNDS = 5, OTHERS = 20 };
	static struct noted others[ROUNDS][OTHERS], rows[ROUNDS];
	static char ids[OTHERS][24];
	struct store_target *target;
	assert_int_equal(store_target_new(SLICE("hookgate"), SLICE("other"), SLICE("/"), SLICE("p"), &target), 0);
	for (int round = 0; round < ROUNDS; round++) {
		const char letters[] = { (char)('a' + 2 * round), (char)('b' + 2 * round), '\0' };
		fill(letters);
		put_filled(&rows[round]);
		for (int i = 0; i < OTHERS; i++) {
			snprintf(ids[i], sizeof ids[i], "%d-%d", round, i);
			struct store_event event = event_of(&bench, ids[i]);
			event.target = target;
			put(&bench, &event, DEADLINE_MS, &others[round][i]);
		}
		if (round % 2 == 1)
			await_noted(&bench, others[round], OTHERS);
	}
	for (int round = 0; round < ROUNDS; round++)
		await_noted(&bench, others[round], OTHERS);
	await_noted(&bench, rows, ROUNDS);
	for (int round = 0; round < ROUNDS; round++) {
		assert_int_equal(rows[round].result, STORE_STORED);
		for (int i = 0; i < OTHERS; i++)
			assert_int_equal(others[round][i].result, STORE_STORED);
	}
	expect_stream(&bench, "a b c d e f g h i j ");
	assert_int_equal(redis_number(&bench.redis, "XLEN hookgate:{other}:events"), ROUNDS * OTHERS);
	store_target_free(target);
}

static void test_lost(void **state)
{
	struct noted noted;
	redis_freeze(&bench.redis);
	fill("abc");
	put_filled(&noted);
	redis_kill(&bench.redis);
	await_noted(&bench, &noted, 1);
	assert_int_equal(noted.result, STORE_UNAVAILABLE);
	assert_int_equal(store_put_row(bench.store, row, loop_now_ms(bench.loop) + DEADLINE_MS, &noted.put), -EAGAIN);
	redis_again(&bench.redis);
	bench_wait(&bench, STORE_READY);
	put_filled(&noted);
	await_noted(&bench, &noted, 1);
	assert_int_equal(noted.result, STORE_STORED);
	expect_stream(&bench, "a b c ");
}

static void test_may_have(void **state)
{
	const struct store_target *elsewhere[1] = { bench.target };
	const struct {
		bool deduplicate, guard, elsewhere, waits, may;
	} rows[] = {
		{ true, false, false, false, true }, { true, true, false, false, true },
		{ false, true, false, false, true }, { false, false, false, false, false },
		{ true, false, true, false, false }, { true, true, false, true, false },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct store_event event = event_of(&bench, "a");
		event.deduplicate = rows[i].deduplicate;
		event.guard = rows[i].guard ? SLICE("g") : SLICE_NONE;
		event.elsewhere = elsewhere;
		event.elsewhere_count = rows[i].elsewhere;
		event.wait.level = rows[i].waits ? STORE_LEVEL_REPLICATED : STORE_LEVEL_STORED;
		assert_int_equal(store_row_may_have(&event), rows[i].may);
	}
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(test_order_and_duplicates),
		CASE(test_entry),
		CASE(test_what_refuses),
		CASE(test_refused_for_good),
		CASE(test_no_script),
		CASE(test_beside_others),
		CASE(test_lost),
		CASE(test_may_have),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
