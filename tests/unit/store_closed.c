/* Streams that are closed, and events that stand elsewhere: what becomes of a put when a route's partitions were changed. */
#include "batch_fixture.h"

#include <stdio.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

/* ---- closed streams ---- */

#define CLOSED "hookgate:{stripe}:closed:0"

static void expect_nothing(void)
{
	expect_all(STORE_CLOSED, "");
	assert_int_equal(redis_number(&bench.redis, "DBSIZE"), 1);
	assert_int_equal(counts_of(&bench).refusals, 0);
}

static void test_closed(void **state)
{
	redis_do(&bench.redis, "SET " CLOSED " 1");
	put_all_and_wait();
	expect_nothing();
	assert_int_equal(relay.commits, 0);
	/* One alone goes by the script. */
	struct store_event event = numbered(0);
	assert_int_equal(put_and_wait(&bench, &event, &noted[0]), STORE_CLOSED);
	event.deduplicate = false;
	assert_int_equal(put_and_wait(&bench, &event, &noted[0]), STORE_CLOSED);
	expect_nothing();
	redis_do(&bench.redis, "DEL " CLOSED);
	put_all_and_wait();
	expect_all(STORE_STORED, "");
}

static void close_it(void)
{
	redis_do(&bench.redis, "SET " CLOSED " 1");
}

static void test_closed_in_between(void **state)
{
	relay.at_commit = close_it;
	put_all_and_wait();
	expect_nothing();
	assert_int_equal(relay.commits, 1);
}

/* Of two streams in a batch one is closed, and some events of each were seen. */
static void test_one_closed(void **state)
{
	struct store_target *other = NULL;
	assert_int_equal(store_target_new_at(&(struct store_target_setup){ .prefix = SLICE("hookgate"),
									   .route = SLICE("stripe"),
									   .split = true,
									   .partition = 3,
									   .generation = 7 },
					     &other),
			 0);
	redis_do(&bench.redis, "SET hookgate:{stripe.3}:closed:7 1");
	redis_do(&bench.redis, "SET hookgate:{stripe}:closed:7 1");
	redis_do(&bench.redis, "SET hookgate:{stripe}:seen:e2 1");
	for (size_t i = 0; i < BATCH_COUNT; i++) {
		struct store_event event = numbered(i);
		event.deduplicate = i != 4 && i != 5;
		if (i % 2 == 1)
			event.target = other;
		put(&bench, &event, DEADLINE_MS, &noted[i]);
	}
	await_noted(&bench, noted, BATCH_COUNT);
	for (size_t i = 0; i < BATCH_COUNT; i++)
		assert_int_equal(noted[i].result, i % 2 == 1 ? STORE_CLOSED : i == 2 ? STORE_DUPLICATE : STORE_STORED);
	assert_int_equal(redis_number(&bench.redis, "XLEN " STREAM), BATCH_COUNT / 2 - 1);
	assert_int_equal(redis_number(&bench.redis, "EXISTS hookgate:{stripe.3}:events"), 0);
	store_target_free(other);
}

/* ---- looks elsewhere ---- */

/* Some stand in another place, by their id or their guard; the others are put. */
static void test_elsewhere(void **state)
{
	struct store_target *parts[2] = { NULL };
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(store_target_new_at(&(struct store_target_setup){ .prefix = SLICE("hookgate"),
										   .route = SLICE("stripe"),
										   .split = true,
										   .partition = i },
						     &parts[i]),
				 0);
	redis_do(&bench.redis, "SET hookgate:{stripe.0}:seen:e2 1");
	redis_do(&bench.redis, "SET hookgate:{stripe.1}:seen:e3 1");
	redis_do(&bench.redis, "SET hookgate:{stripe.1}:guard:g5 1");
	for (size_t i = 0; i < BATCH_COUNT; i++) {
		struct store_event event = numbered(i);
		event.elsewhere = (const struct store_target *const *)parts;
		event.elsewhere_count = 2;
		if (i == 5)
			event.guard = SLICE("g5");
		put(&bench, &event, DEADLINE_MS, &noted[i]);
	}
	await_noted(&bench, noted, BATCH_COUNT);
	for (size_t i = 0; i < BATCH_COUNT; i++)
		assert_int_equal(noted[i].result, i == 2 || i == 3 || i == 5 ? STORE_DUPLICATE : STORE_STORED);
	assert_int_equal(redis_number(&bench.redis, "XLEN " STREAM), BATCH_COUNT - 3);
	/* A key is not a key where Redis does not let us look. */
	redis_do(&bench.redis, "ACL SETUSER default resetkeys ~hookgate:{stripe}:*");
	struct store_event event = event_of(&bench, "e99");
	event.elsewhere = (const struct store_target *const *)parts;
	event.elsewhere_count = 1;
	assert_int_equal(put_and_wait(&bench, &event, &noted[0]), STORE_UNAVAILABLE);
	redis_do(&bench.redis, "ACL SETUSER default allkeys");
	store_target_free(parts[0]);
	store_target_free(parts[1]);
}

/* The connection goes, or the patience, while they are looked for. */
static void test_elsewhere_and_lost(void **state)
{
	struct store_event event = event_of(&bench, "e0");
	const struct store_target *places[] = { bench.target };
	event.elsewhere = places;
	event.elsewhere_count = 1;
	relay.hold = true;
	put(&bench, &event, DEADLINE_MS, &noted[0]);
	put(&bench, &event, 50, &noted[1]);
	await_noted(&bench, &noted[1], 1);
	assert_int_equal(noted[1].result, STORE_UNAVAILABLE);
	assert_int_equal(noted[0].calls, 0);
	redis_kill(&bench.redis);
	relay_release(&relay);
	await_noted(&bench, &noted[0], 1);
	assert_int_equal(noted[0].result, STORE_UNAVAILABLE);
	assert_int_equal(noted[1].calls, 1);
	assert_int_equal(store_waiting(bench.store), 0);
}

/* The store goes. */
static void test_elsewhere_and_freed(void **state)
{
	struct store_event event = event_of(&bench, "e0");
	const struct store_target *places[] = { bench.target };
	event.elsewhere = places;
	event.elsewhere_count = 1;
	relay.hold = true;
	put(&bench, &event, DEADLINE_MS, &noted[0]);
	put(&bench, &event, 20, &noted[1]);
	await_noted(&bench, &noted[1], 1);
	put(&bench, &event, DEADLINE_MS, &noted[2]);
	store_free(bench.store);
	bench.store = NULL;
	assert_int_equal(noted[0].calls, 1);
	assert_int_equal(noted[1].calls, 1);
	assert_int_equal(noted[2].calls, 1);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, batch_begin, batch_end)
	const struct CMUnitTest tests[] = {
		CASE(test_closed),    CASE(test_closed_in_between),  CASE(test_one_closed),
		CASE(test_elsewhere), CASE(test_elsewhere_and_lost), CASE(test_elsewhere_and_freed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
