/* What Redis has taken, and the journal keeps: for a time, and until its routes' waits hold. */
#include "intake/kept.h"
#include "journal_fixture.h"
#include "peer_fixture.h"

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

enum { LONG_MS = 600 * 1000 };

static struct bench bench;
static struct peer peer;
static struct journal_fixture fixture;
static struct intake_kept kept;
static int settled, unsettled;

static const struct config_redis plain = { .kind = CONFIG_REDIS_UNIX };
static const struct store_wait nothing = { .level = STORE_LEVEL_STORED };
static const struct store_wait one = { STORE_LEVEL_REPLICATED, 1, 1000 };

static void on_settled(void *arg, const char *reason)
{
	assert_ptr_equal(arg, &kept);
	settled += reason == NULL;
	unsettled += reason != NULL;
}

static void on_wake(void *arg)
{
	(void)arg;
}

static int begin(void **state)
{
	fixture_begin_in(&fixture, new_loop());
	bench = (struct bench){ .loop = fixture.loop };
	peer_start(&peer, &bench);
	assert_int_equal(store_target_new(SLICE("hg"), SLICE("r"), SLICE("/r"), SLICE("p"), &bench.target), 0);
	bench_connect(&bench, &plain, peer.address.sun_path, STALL_MS);
	bench_wait(&bench, STORE_READY);
	fixture_open(&fixture);
	assert_int_equal(journal_reader_start(fixture.journal, fixture.loop, on_wake, NULL), 0);
	settled = unsettled = 0;
	return 0;
}

static int end(void **state)
{
	store_free(bench.store);
	intake_kept_free(&kept);
	fixture_close(&fixture);
	store_target_free(bench.target);
	peer_stop(&peer);
	fixture_end(&fixture);
	return 0;
}

static void keep_for(int64_t ms)
{
	intake_kept_init(&kept, fixture.loop, fixture.journal, bench.store, ms, on_settled, &kept);
}

/* The next event comes into the journal, and out of it into Redis. */
static struct journal_item store_next(const struct store_wait *wait)
{
	static unsigned number;
	struct journal_event event = fixture_event("r", ++number, 10);
	struct journal_item item;
	int refused = 0;
	assert_null(fixture_append(&fixture, &event, &refused));
	assert_int_equal(refused, 0);
	assert_int_equal(journal_next(fixture.journal, &item), 1);
	journal_stored(fixture.journal, &item);
	item.event = NULL;
	assert_true(intake_kept_add(&kept, &item, bench.target, wait));
	return item;
}

static bool is_empty(void *arg)
{
	return kept.mark_count == 0;
}

static bool is_counted(void *arg)
{
	return *(const int *)arg > 0;
}

static bool has_rested(void *arg)
{
	return !loop_timer_running(&kept.forget);
}

/* It has found that nothing is to be forgotten now, and looks again later. */
static bool has_looked(void *arg)
{
	return loop_timer_running(&kept.forget) && kept.forget.due_ms > loop_now_ms(bench.loop);
}

static bool has_asked(void *arg)
{
	return peer_count(&peer, "WAIT") >= *(const size_t *)arg;
}

static void await_asked(size_t times)
{
	run_until(bench.loop, has_asked, &times);
}

/* What is forgotten is not there after the next start. */
static void expect_left(size_t count)
{
	unsigned numbers[16];
	fixture_close(&fixture);
	fixture_open(&fixture);
	assert_int_equal(journal_reader_start(fixture.journal, fixture.loop, on_wake, NULL), 0);
	assert_int_equal(fixture_read(&fixture, numbers, 16), count);
}

static void test_for_a_time(void **state)
{
	keep_for(20);
	for (int i = 0; i < 3; i++)
		store_next(&nothing);
	assert_in_range(kept.mark_count, 1, 3);
	assert_false(intake_kept_owes(&kept));
	run_until(bench.loop, is_empty, NULL);
	expect_left(0);
	assert_int_equal(settled + unsettled, 0);
}

static void test_not_yet(void **state)
{
	keep_for(LONG_MS);
	store_next(&nothing);
	store_next(&nothing);
	expect_left(2);
}

/* What is stored at nearly the same time is one mark; there are never more than so many, the last of which grows. */
static void test_marks(void **state)
{
	struct journal_item last = { .sequence = 0 };
	keep_for(LONG_MS);
	store_next(&nothing);
	store_next(&nothing);
	assert_int_equal(kept.mark_count, 1);
	for (int i = 0; i < INTAKE_KEPT_MARKS + 10; i++) {
		kept.marks[kept.mark_count - 1].begun_ms -= LONG_MS;
		last = store_next(&nothing);
	}
	assert_int_equal(kept.mark_count, INTAKE_KEPT_MARKS);
	assert_int_equal(kept.marks[INTAKE_KEPT_MARKS - 1].item.sequence, last.sequence);
	assert_true(intake_kept_forget(&kept));
	assert_int_equal(kept.mark_count, 0);
	expect_left(0);
}

/* The time is over, and no replica has it: it is asked for again until one does. */
static void test_until_it_holds(void **state)
{
	peer.wait_answer = ":0\r\n";
	keep_for(0);
	store_next(&one);
	run_until(bench.loop, is_counted, &unsettled);
	assert_int_equal(kept.mark_count, 1);
	assert_true(intake_kept_owes(&kept));
	assert_false(intake_kept_forget(&kept));
	assert_int_equal(kept.mark_count, 1);
	peer.wait_answer = ":1\r\n";
	run_until(bench.loop, is_empty, NULL);
	assert_int_equal(settled, 1);
	assert_false(intake_kept_owes(&kept));
	expect_left(0);
}

static void test_not_while_it_is_owed(void **state)
{
	peer.wait_answer = ":0\r\n";
	keep_for(0);
	store_next(&one);
	run_until(bench.loop, is_counted, &unsettled);
	expect_left(1);
}

/* What is stored while a question is out is not told by its answer. */
static void test_stored_meanwhile(void **state)
{
	peer.wait_answer = ":1\r\n";
	peer.hold = true;
	keep_for(0);
	store_next(&one);
	await_asked(1);
	assert_int_equal(kept.asked, 1);
	store_next(&one);
	assert_int_equal(kept.mark_count, 2);
	peer_release(&peer);
	await_asked(2);
	/* The first is forgotten, the second is asked for now. */
	assert_int_equal(settled, 1);
	assert_int_equal(kept.mark_count, 1);
	assert_true(intake_kept_owes(&kept));
	peer_release(&peer);
	run_until(bench.loop, is_empty, NULL);
	assert_int_equal(settled, 2);
	expect_left(0);
}

/* Redis is about to be replaced, or is gone: what it took last may go with it. */
static void test_nothing_grows_old(void **state)
{
	keep_for(0);
	kept.refusing = true;
	store_next(&nothing);
	run_until(bench.loop, has_looked, NULL);
	assert_int_equal(kept.mark_count, 1);
	kept.refusing = false;
	run_until(bench.loop, is_empty, NULL);
	peer_stop(&peer);
	bench_wait(&bench, STORE_AWAY);
	store_next(&nothing);
	run_until(bench.loop, has_rested, NULL);
	assert_int_equal(kept.mark_count, 1);
	/* It is back, and the same. */
	peer_start(&peer, &bench);
}

static void test_renewed_and_dropped(void **state)
{
	keep_for(LONG_MS);
	store_next(&one);
	kept.marks[0].stored_ms -= LONG_MS;
	intake_kept_renew(&kept);
	assert_true(kept.marks[0].stored_ms > loop_now_ms(bench.loop) - LONG_MS);
	assert_true(loop_timer_running(&kept.forget));
	intake_kept_drop(&kept);
	assert_int_equal(kept.mark_count, 0);
	assert_false(intake_kept_owes(&kept));
	assert_false(loop_timer_running(&kept.forget));
	assert_true(intake_kept_forget(&kept));
	expect_left(1);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(test_for_a_time),
		CASE(test_not_yet),
		CASE(test_marks),
		CASE(test_until_it_holds),
		CASE(test_not_while_it_is_owed),
		CASE(test_stored_meanwhile),
		CASE(test_nothing_grows_old),
		CASE(test_renewed_and_dropped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
