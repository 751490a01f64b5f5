/* Rows of ordered routes: which events go together, which wait for which, and how who is refused is found. */
#include "intake/rows.h"
#include "link_fixture.h"

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
static struct intake_rows rows;
static struct store_places *places, *others;
static struct store_target *parts[2], *newer, *anew;
static uint64_t sequence;
static struct {
	size_t count, events;
	enum store_result result;
} ended;

static void on_row(void *arg, struct intake_row *row, enum store_result result, const char *reason)
{
	assert_ptr_equal(arg, &bench);
	assert_true(row->count > 0);
	assert_int_equal(reason == NULL, result != STORE_UNAVAILABLE);
	ended.count++;
	ended.events += row->count;
	ended.result = result;
}

static struct store_target *target_of(unsigned partition, uint64_t generation)
{
	struct store_target *target;
	const struct store_target_setup setup = { .prefix = SLICE("hookgate"),
						  .route = SLICE("stripe"),
						  .split = true,
						  .partition = partition,
						  .generation = generation };
	assert_int_equal(store_target_new_at(&setup, &target), 0);
	return target;
}

static int begin(void **state)
{
	const struct store_target_setup names = { .prefix = SLICE("hookgate"), .route = SLICE("stripe") };
	bench_start(&bench, NULL);
	bench_connect(&bench, &bench.redis.by_socket, NULL, STALL_MS);
	bench_wait(&bench, STORE_READY);
	rows = (struct intake_rows){ .store = bench.store, .done = on_row, .arg = &bench };
	assert_int_equal(store_places_new(&names, NULL, &places), 0);
	assert_int_equal(store_places_new(&names, NULL, &others), 0);
	parts[0] = target_of(0, 3);
	parts[1] = target_of(1, 3);
	newer = target_of(1, 4);
	anew = target_of(0, 3);
	memset(&ended, 0, sizeof ended);
	sequence = 0;
	return 0;
}

static int end(void **state)
{
	store_free(bench.store);
	bench.store = NULL;
	intake_rows_free(&rows);
	store_places_free(places);
	store_places_free(others);
	store_target_free(parts[0]);
	store_target_free(parts[1]);
	store_target_free(newer);
	store_target_free(anew);
	bench_stop(&bench);
	return 0;
}

/* The next event, which is of this target, of a route with that slot: into its row, if it may go. */
static struct intake_row *add_of(const struct store_target *target, struct store_places *of, unsigned slot, bool marked,
				 bool alone)
{
	char id[24];
	const struct journal_item item = { .sequence = sequence + 1, .slot = slot };
	struct store_event event;
	struct intake_row *row;
	snprintf(id, sizeof id, "%d", (int)item.sequence);
	event = event_of(&bench, id);
	event.target = target;
	event.deduplicate = marked;
	row = intake_rows_find(&rows, &item, &event, of, alone);
	if (!row)
		return NULL;
	assert_int_equal(intake_row_add(row, &item, &event, loop_now_ms(bench.loop) + DEADLINE_MS), 0);
	sequence++;
	return row;
}

static struct intake_row *add(const struct store_target *target)
{
	return add_of(target, places, 1, true, false);
}

static void send_rows(size_t out)
{
	assert_int_equal(intake_rows_send(&rows, loop_now_ms(bench.loop) + DEADLINE_MS), 0);
	assert_int_equal(rows.out, out);
}

static bool is_back(void *arg)
{
	return rows.out == 0;
}

static void wait_back(void)
{
	run_until(bench.loop, is_back, NULL);
}

static void expect_part(unsigned partition, const char *ids)
{
	char line[64];
	struct buf found = BUF_EMPTY;
	struct store_reply *all;
	snprintf(line, sizeof line, "XRANGE hookgate:{stripe.%u}:events - +", partition);
	all = redis_ask(&bench.redis, line);
	for (size_t i = 0; i < store_reply_count(all); i++) {
		buf_add(&found, store_reply_text(store_reply_at(store_reply_at(store_reply_at(all, i), 1), 3)));
		buf_add_byte(&found, ' ');
	}
	if (!slice_eq(buf_slice(&found), slice_str(ids)))
		fail_msg("%s: %.*s", line, SLICE_ARGS(buf_slice(&found)));
	buf_free(&found);
	store_reply_free(all);
}

/* What comes while a row is out is the next one; of each stream one is out. */
static void test_one_out_one_gathers(void **state)
{
	struct intake_row *first = add(parts[0]), *next, *beside;
	assert_ptr_equal(add(parts[0]), first);
	assert_false(first->out);
	send_rows(1);
	next = add(parts[0]);
	assert_non_null(next);
	assert_ptr_not_equal(next, first);
	assert_ptr_equal(add(parts[0]), next);
	beside = add(parts[1]);
	assert_ptr_not_equal(beside, next);
	send_rows(2);
	assert_false(next->out);
	assert_true(beside->out);
	wait_back();
	assert_int_equal(ended.count, 2);
	send_rows(1);
	wait_back();
	assert_int_equal(ended.count, 3);
	assert_int_equal(ended.events, 5);
	expect_part(0, "1 2 3 4 ");
	expect_part(1, "5 ");
	assert_false(intake_rows_have(&rows, 1));
}

static void test_full(void **state)
{
	struct intake_row *row = NULL;
	for (int i = 0; i < INTAKE_ROW_EVENTS; i++)
		assert_non_null(row = add(parts[0]));
	assert_int_equal(row->count, INTAKE_ROW_EVENTS);
	assert_null(add(parts[0]));
	assert_non_null(add(parts[1]));
	send_rows(2);
	assert_non_null(add(parts[0]));
	assert_true(intake_rows_have(&rows, 1));
	assert_false(intake_rows_have(&rows, 2));
	wait_back();
}

/* Another layout of the route, or another path of it, waits for all; another route for nobody. */
static void test_another_layout(void **state)
{
	assert_non_null(add(parts[0]));
	assert_null(add(newer));
	assert_null(add_of(parts[0], others, 1, true, false));
	assert_non_null(add_of(newer, others, 2, true, false));
	send_rows(2);
	assert_null(add(newer));
	wait_back();
	assert_non_null(add(newer));
}

/* A layout that was read anew has other targets; the stream is the same, and one thing of it is out. */
static void test_same_stream(void **state)
{
	struct intake_row *next;
	assert_non_null(add(parts[0]));
	send_rows(1);
	assert_null(add_of(anew, places, 1, true, true));
	next = add(anew);
	assert_non_null(next);
	assert_ptr_equal(add(parts[0]), next);
	send_rows(1);
	assert_false(next->out);
	wait_back();
	send_rows(1);
	wait_back();
	expect_part(0, "1 2 3 ");
}

/* Nothing tells a second copy of it from the first, so it is not put with others, who may fail. */
static void test_alone(void **state)
{
	struct intake_row *alone, *next;
	assert_non_null(add(parts[0]));
	assert_null(add_of(parts[0], places, 1, false, false));
	send_rows(1);
	assert_null(add_of(parts[0], places, 1, false, false));
	alone = add_of(parts[1], places, 1, false, false);
	assert_true(alone->out && alone->alone);
	assert_null(add_of(parts[1], places, 1, true, true));
	next = add(parts[1]);
	assert_false(next->out);
	send_rows(2);
	assert_false(next->out);
	wait_back();
	send_rows(1);
	wait_back();
	expect_part(0, "1 ");
	expect_part(1, "2 3 ");
}

/* Whom Redis refuses is not known of a row: they go one by one until all of it were asked for. */
static void test_refused(void **state)
{
	redis_do(&bench.redis, "SET hookgate:{stripe.0}:events x");
	for (int i = 0; i < 3; i++)
		assert_non_null(add(parts[0]));
	send_rows(1);
	wait_back();
	assert_int_equal(ended.result, STORE_UNAVAILABLE);
	assert_int_equal(rows.alone_until, 3);
	redis_do(&bench.redis, "DEL hookgate:{stripe.0}:events");
	sequence = 0;
	for (int i = 0; i < 3; i++) {
		const struct intake_row *row = add(parts[0]);
		assert_true(row->out && row->alone);
		assert_null(i < 2 ? add(parts[0]) : NULL);
		wait_back();
	}
	assert_false(add(parts[0])->out);
	send_rows(1);
	wait_back();
	expect_part(0, "1 2 3 4 ");
}

/* What fails for now goes as a row again; what gathered behind it is dropped, and comes again as well. */
static void test_dropped(void **state)
{
	redis_do(&bench.redis, "CONFIG SET maxmemory 1");
	assert_non_null(add(parts[0]));
	assert_non_null(add(parts[0]));
	send_rows(1);
	assert_non_null(add(parts[0]));
	wait_back();
	assert_int_equal(ended.count, 1);
	assert_int_equal(ended.result, STORE_UNAVAILABLE);
	intake_rows_drop(&rows);
	assert_false(intake_rows_have(&rows, 1));
	redis_do(&bench.redis, "CONFIG SET maxmemory 0");
	sequence = 0;
	for (int i = 0; i < 3; i++)
		assert_false(add(parts[0])->out);
	send_rows(1);
	wait_back();
	expect_part(0, "1 2 3 ");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(test_one_out_one_gathers),
		CASE(test_full),
		CASE(test_another_layout),
		CASE(test_same_stream),
		CASE(test_alone),
		CASE(test_refused),
		CASE(test_dropped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
