/* Events that stand in a former partition on another node of a Cluster: a put with a wait is told when they are safe there. */
#include "link_fixture.h"
#include "node_fixture.h"
#include "store/slot.h"

#include <stdio.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

/* Each node has half of the slots: the bench's target is of `a`, the former one of `b`. */
static struct bench bench;
static struct node a, b;
static struct store_target *former;
static const struct store_target *places[1];
static struct config_redis_host hosts[2];
static struct config_redis redis;

static struct store_target *target_of_b(void)
{
	struct store_target_setup setup = { .prefix = SLICE("hookgate"), .route = SLICE("stripe"), .split = true };
	struct store_target *target = NULL;
	for (;; setup.partition++) {
		assert_int_equal(store_target_new_at(&setup, &target), 0);
		if (store_slot(store_target_stream(target)) >= STORE_SLOTS / 2)
			return target;
		store_target_free(target);
	}
}

static int begin(void **state)
{
	bench = (struct bench){ .loop = new_loop() };
	assert_int_equal(store_target_new(SLICE("hookgate"), SLICE("stripe"), SLICE("/"), SLICE("p"), &bench.target),
			 0);
	assert_true(store_slot(store_target_stream(bench.target)) < STORE_SLOTS / 2);
	places[0] = former = target_of_b();
	node_start(&a, bench.loop, 'a');
	node_start(&b, bench.loop, 'b');
	snprintf(a.slots, sizeof a.slots,
		 "*2\r\n*3\r\n:0\r\n:8191\r\n*2\r\n$9\r\n127.0.0.1\r\n:%d\r\n"
		 "*3\r\n:8192\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:%d\r\n",
		 a.port, b.port);
	memcpy(b.slots, a.slots, sizeof b.slots);
	hosts[0] = (struct config_redis_host){ "127.0.0.1", (uint16_t)a.port };
	hosts[1] = (struct config_redis_host){ "127.0.0.1", (uint16_t)b.port };
	redis = (struct config_redis){
		.kind = CONFIG_REDIS_CLUSTER, .url = "cluster://", .hosts = hosts, .host_count = 2
	};
	bench_connect(&bench, &redis, NULL, STALL_MS);
	bench_wait(&bench, STORE_READY);
	b.exists = ":1\r\n";
	return 0;
}

static int end(void **state)
{
	store_free(bench.store);
	node_stop(&a);
	node_stop(&b);
	store_target_free(bench.target);
	store_target_free(former);
	loop_free(bench.loop);
	return 0;
}

static struct store_event waiting_event(const char *id)
{
	struct store_event event = event_of(&bench, id);
	event.class = STORE_CLASS_WAITING;
	event.wait = (struct store_wait){ STORE_LEVEL_REPLICATED, 1, 300 };
	event.elsewhere = places;
	event.elsewhere_count = 1;
	return event;
}

static void test_waits_where_it_stands(void **state)
{
	struct noted noted;
	struct store_event event = waiting_event("1");
	assert_int_equal(put_and_wait(&bench, &event, &noted), STORE_DUPLICATE);
	assert_int_equal(b.waits, 1);
	assert_int_equal(a.waits, 0);
	assert_ptr_equal(noted.put.stands, former);
	assert_true(noted.put.waited_us > 0);
	b.wait = ":0\r\n";
	assert_int_equal(put_and_wait(&bench, &event, &noted), STORE_UNAVAILABLE);
	assert_string_equal(noted.reason, "Redis has it, but 0 of 1 replicas had it within 300 ms");
	assert_false(noted.put.refused);
	assert_int_equal(counts_of(&bench).shortfalls, 1);
	/* Of one without a wait it is told all the same where it stands; and of one that stands nowhere, nothing. */
	event.class = STORE_CLASS_PLAIN;
	event.wait.level = STORE_LEVEL_STORED;
	assert_int_equal(put_and_wait(&bench, &event, &noted), STORE_DUPLICATE);
	assert_ptr_equal(noted.put.stands, former);
	event = waiting_event("2");
	b.exists = NULL;
	assert_int_equal(put_and_wait(&bench, &event, &noted), STORE_STORED);
	assert_null(noted.put.stands);
	assert_int_equal(a.scripts, 1);
	assert_int_equal(a.waits, 1);
	assert_int_equal(b.waits, 2);
}

static bool waits(void *arg)
{
	const unsigned *count = arg;
	return b.waits >= *count;
}

static void put_held(struct noted *noted, int64_t patience_ms)
{
	struct store_event event = waiting_event("1");
	unsigned count = b.waits + 1;
	b.hold = true;
	put(&bench, &event, patience_ms, noted);
	run_until(bench.loop, waits, &count);
	assert_int_equal(noted->calls, 0);
}

static void test_too_late(void **state)
{
	struct noted noted;
	put_held(&noted, 200);
	await_noted(&bench, &noted, 1);
	assert_int_equal(noted.result, STORE_UNAVAILABLE);
	assert_string_equal(noted.reason, "Redis has it, but its replicas or its disk did not within 200 ms");
	/* Its answer comes all the same, and is nobody else's. */
	b.hold = false;
	node_release(&b);
	struct store_event event = waiting_event("1");
	assert_int_equal(put_and_wait(&bench, &event, &noted), STORE_DUPLICATE);
	assert_int_equal(store_waiting(bench.store), 0);
}

static bool has_lost(void *arg)
{
	const uint64_t *losses = arg;
	return counts_of(&bench).losses >= *losses;
}

static void test_own_link_lost(void **state)
{
	struct noted noted;
	struct store_event event = waiting_event("0");
	/* So that it is connected. */
	b.exists = NULL;
	assert_int_equal(put_and_wait(&bench, &event, &noted), STORE_STORED);
	b.exists = ":1\r\n";
	put_held(&noted, DEADLINE_MS);
	uint64_t losses = counts_of(&bench).losses + 2;
	node_hang_up(&a);
	run_until(bench.loop, has_lost, &losses);
	assert_int_equal(noted.calls, 0);
	node_release(&b);
	await_noted(&bench, &noted, 1);
	assert_int_equal(noted.result, STORE_DUPLICATE);
}

static void test_lost(void **state)
{
	struct noted noted;
	put_held(&noted, DEADLINE_MS);
	node_hang_up(&b);
	await_noted(&bench, &noted, 1);
	assert_int_equal(noted.result, STORE_UNAVAILABLE);
}

static bool has_connected(void *arg)
{
	const uint64_t *connects = arg;
	return counts_of(&bench).connects >= *connects;
}

/* Who said that it has it may have been started anew meanwhile, and who waits have connected to it before and behind that. */
static void test_another_witness(void **state)
{
	struct noted noted;
	put_held(&noted, DEADLINE_MS);
	uint64_t connects = counts_of(&bench).connects + 1;
	node_hang_up_others(&b);
	run_until(bench.loop, has_connected, &connects);
	bench_wait(&bench, STORE_READY);
	node_release(&b);
	await_noted(&bench, &noted, 1);
	assert_int_equal(noted.result, STORE_UNAVAILABLE);
	assert_string_equal(noted.reason, "the connection to Redis was lost");
}

static void test_freed(void **state)
{
	struct noted noted[2];
	put_held(&noted[0], 50);
	await_noted(&bench, &noted[0], 1);
	struct store_event event = waiting_event("2");
	put(&bench, &event, DEADLINE_MS, &noted[1]);
	store_free(bench.store);
	bench.store = NULL;
	assert_int_equal(noted[0].calls, 1);
	assert_int_equal(noted[1].calls, 1);
	assert_int_equal(noted[1].result, STORE_UNAVAILABLE);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(test_waits_where_it_stands), CASE(test_too_late), CASE(test_own_link_lost), CASE(test_lost),
		CASE(test_another_witness),	  CASE(test_freed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
