/* The promise, under everything at once: Redis is stopped, killed, robbed of its scripts and of its connections, made a
 * replica, while events are put, and put again until they are said to be stored. Then each must stand in the stream
 * exactly once, and no other. */
#include "base/clock.h"
#include "base/num.h"
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

enum { SLOTS = 24, IDS_MAX = 100000, RUN_MS = 3000, PAUSE_MS = 2, PATIENCE_MS = 40, STALLED_MS = 60 };

/* One event at a time, until it is stored; then the next. */
struct slot {
	struct store_put put;
	struct loop_timer timer;
	bool out;
	int id;
};

static struct bench bench;
static struct slot slots[SLOTS];
static struct loop_timer trouble;
static int ids, stored, duplicates, failures, kills, flushes;
static bool over, is_frozen;
static unsigned seed = 1;

static unsigned dice(unsigned sides)
{
	seed = seed * 1103515245U + 12345U;
	return (seed >> 16) % sides;
}

static void on_slot(void *arg);

static void on_done(struct store_put *put, enum store_result result, const char *reason, int64_t redis_us)
{
	struct slot *slot = (struct slot *)(void *)put;
	assert_true(slot->out);
	slot->out = false;
	stored += result == STORE_STORED;
	duplicates += result == STORE_DUPLICATE;
	failures += result == STORE_UNAVAILABLE;
	if (result != STORE_UNAVAILABLE)
		slot->id = 0;
	loop_timer_start(bench.loop, &slot->timer, PAUSE_MS, on_slot, slot);
}

static void on_slot(void *arg)
{
	struct slot *slot = arg;
	char id[16];
	if (slot->id == 0 && over)
		return;
	if (slot->id == 0)
		slot->id = ++ids;
	snprintf(id, sizeof id, "%d", slot->id);
	struct store_event event = event_of(&bench, id);
	slot->put.done = on_done;
	slot->out = store_put(bench.store, &event, loop_now_ms(bench.loop) + 1 + dice(PATIENCE_MS), &slot->put) == 0;
	if (!slot->out)
		loop_timer_start(bench.loop, &slot->timer, PAUSE_MS, on_slot, slot);
}

static void make_trouble(unsigned kind)
{
	switch (kind) {
	case 0:
		redis_freeze(&bench.redis);
		is_frozen = true;
		break;
	case 1:
		redis_kill(&bench.redis);
		kills++;
		break;
	case 2:
		redis_do(&bench.redis, "SCRIPT FLUSH");
		flushes++;
		break;
	case 3:
		redis_number(&bench.redis, "CLIENT KILL TYPE normal SKIPME yes");
		break;
	case 4:
		redis_do(&bench.redis, "REPLICAOF 127.0.0.1 1");
		break;
	default:
		break;
	}
}

static void on_trouble(void *arg)
{
	if (bench.redis.pid == 0)
		redis_again(&bench.redis);
	else if (is_frozen)
		redis_thaw(&bench.redis);
	is_frozen = false;
	redis_do(&bench.redis, "REPLICAOF NO ONE");
	if (!over)
		make_trouble(dice(8));
	loop_timer_start(bench.loop, &trouble, 10 + dice(150), on_trouble, NULL);
}

/* Long enough, and until each kind of thing that is looked for has happened, which on a busy machine takes longer. */
static bool is_time(void *arg)
{
	return clock_mono_ms() >= *(int64_t *)arg && stored > 0 && failures > 0 && kills > 0 && duplicates > 0;
}

static bool is_all_done(void *arg)
{
	for (int i = 0; i < SLOTS; i++) {
		if (slots[i].out || slots[i].id != 0)
			return false;
	}
	return true;
}

/* Each id from 1 on once. */
static void expect_each_once(void)
{
	static unsigned char times[IDS_MAX];
	char line[96], from[40] = "-";
	size_t n = 0;
	do {
		snprintf(line, sizeof line, "XRANGE " STREAM " %s + COUNT 500", from);
		struct store_reply *page = redis_ask(&bench.redis, line);
		n = store_reply_count(page);
		for (size_t i = 0; i < n; i++) {
			const struct store_reply *entry = store_reply_at(page, i);
			uint64_t id = 0;
			assert_true(num_parse_u64(store_reply_text(store_reply_at(store_reply_at(entry, 1), 3)),
						  IDS_MAX - 1, &id));
			times[id]++;
			snprintf(from, sizeof from, "(%.*s", SLICE_ARGS(store_reply_text(store_reply_at(entry, 0))));
		}
		store_reply_free(page);
	} while (n > 0);
	assert_int_equal(times[0], 0);
	for (int id = 1; id <= ids; id++)
		assert_int_equal(times[id], 1);
	assert_int_equal(redis_number(&bench.redis, "XLEN " STREAM), ids);
}

static void test_promise(void **state)
{
	/* What was answered is in its file, so that it outlives a kill of the process. Not so with everysec: while the disk
	 * is slow to sync, Redis puts off even the write. */
	static const char *const options[] = { "--appendonly", "yes", "--appendfsync", "always", NULL };
	bench_start(&bench, options);
	bench_connect(&bench, &bench.redis.by_socket, NULL, STALLED_MS);
	bench_wait(&bench, STORE_READY);
	bench.forgetful = true;
	for (int i = 0; i < SLOTS; i++)
		on_slot(&slots[i]);
	loop_timer_start(bench.loop, &trouble, 50, on_trouble, NULL);
	int64_t end_ms = clock_mono_ms() + RUN_MS;
	run_until(bench.loop, is_time, &end_ms);
	over = true;
	run_until(bench.loop, is_all_done, NULL);
	loop_timer_stop(&trouble);
	if (bench.redis.pid == 0)
		redis_again(&bench.redis);
	else if (is_frozen)
		redis_thaw(&bench.redis);
	print_message("%d events: %d stored, %d duplicates, %d unavailable, %d kills, %d flushes, %llu losses, %llu "
		      "script loads\n",
		      ids, stored, duplicates, failures, kills, flushes, (unsigned long long)counts_of(&bench).losses,
		      (unsigned long long)counts_of(&bench).script_loads);
	assert_int_equal(stored + duplicates, ids);
	expect_each_once();
	bench_stop(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_promise),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
