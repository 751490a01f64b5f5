/* Layouts in a real Redis: who wants another gets it, whoever is cut off in the middle, and what is put meanwhile stands once. */
#include "base/clock.h"
#include "link_fixture.h"
#include "store/fence.h"
#include "store/places.h"
#include "store/spread.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

/* A gateway, as far as it is one here. */
struct gateway {
	struct store_layouts *layouts;
	struct store_spread *spread;
	struct store_places *places;
	struct store_client *client;
	int woken, changed, failed;
	char reason[160];
};

static struct bench bench;
static struct gateway one, two;
static struct arena *arena;

static void on_wake(void *arg)
{
	((struct gateway *)arg)->woken++;
}

static void on_changed(void *arg, struct slice route, const struct store_layout *layout, bool ours)
{
	((struct gateway *)arg)->changed++;
	assert_true(layout->open);
}

static void on_failed(void *arg, struct slice route, const char *reason)
{
	struct gateway *gateway = arg;
	gateway->failed++;
	snprintf(gateway->reason, sizeof gateway->reason, "%s", reason);
}

static void gateway_start(struct gateway *gateway)
{
	const struct store_target_setup names = {
		.prefix = SLICE("hookgate"), .route = SLICE("stripe"), .source = SLICE("/s"), .provider = SLICE("p")
	};
	*gateway = (struct gateway){ .woken = 0 };
	assert_int_equal(store_layouts_new(&gateway->layouts), 0);
	store_layouts_call(gateway->layouts,
			   &(struct store_layouts_calls){
				   .wake = on_wake, .changed = on_changed, .failed = on_failed, .arg = gateway });
	assert_int_equal(store_layouts_spread(gateway->layouts, names.prefix, names.route, &gateway->spread), 0);
	assert_int_equal(store_places_new(&names, gateway->spread, &gateway->places), 0);
	assert_int_equal(store_client_new(&bench.redis.by_socket, NULL, 5000, &gateway->client), 0);
}

static void gateway_stop(struct gateway *gateway)
{
	store_client_free(gateway->client);
	store_places_free(gateway->places);
	store_layouts_free(gateway->layouts);
}

static int begin(void **state)
{
	bench_start(&bench, NULL);
	bench_connect(&bench, &bench.redis.by_socket, NULL, STALL_MS);
	bench_wait(&bench, STORE_READY);
	arena = arena_new(4096, 65536);
	gateway_start(&one);
	gateway_start(&two);
	return 0;
}

static int end(void **state)
{
	gateway_stop(&one);
	gateway_stop(&two);
	arena_free(arena);
	bench_stop(&bench);
	return 0;
}

static void want_safe(struct gateway *gateway, unsigned partitions, const char *order, const struct store_wait *wait)
{
	const struct store_split split = store_split_of(partitions, slice_str(order));
	store_spread_want(gateway->spread, &split, 3600, wait);
}

static void want(struct gateway *gateway, unsigned partitions, const char *order)
{
	want_safe(gateway, partitions, order, &(struct store_wait){ .level = STORE_LEVEL_STORED });
}

static bool never(void *arg)
{
	return false;
}

static int look(struct gateway *gateway)
{
	struct reason reason = { "" };
	int64_t next;
	return store_layouts_round(gateway->layouts, gateway->client, never, NULL, &next, &reason);
}

static const struct store_layout *now(const struct gateway *gateway)
{
	/* What no layout is. */
	static const struct store_layout unknown = { .split = { .partitions = 9999 } };
	const struct store_known *known = store_spread_now(gateway->spread);
	return known ? &known->layout : &unknown;
}

static struct store_event event_with(const char *id, const char *data)
{
	struct store_event event = event_of(&bench, id);
	event.data = slice_str(data);
	return event;
}

static enum store_result put_by(struct gateway *gateway, const char *id, const char *data)
{
	struct store_event event = event_with(id, data);
	struct noted noted;
	bool keyless;
	arena_reset(arena);
	assert_int_equal(store_places_choose(gateway->places, &event, arena, &keyless), 0);
	enum store_result result = put_and_wait(&bench, &event, &noted);
	if (result == STORE_CLOSED)
		store_places_refused(gateway->places);
	return result;
}

/* As a gateway does: until it is known what became of it. */
static enum store_result deliver(struct gateway *gateway, const char *id, const char *data)
{
	for (int i = 0; i < 5; i++) {
		enum store_result result = put_by(gateway, id, data);
		if (result != STORE_CLOSED)
			return result;
		assert_int_equal(look(gateway), 0);
	}
	return STORE_CLOSED;
}

static int64_t entries(void)
{
	int64_t count = redis_number(&bench.redis, "XLEN hookgate:{stripe}:events");
	for (int i = 0; i < 8; i++) {
		char line[64];
		snprintf(line, sizeof line, "XLEN hookgate:{stripe.%d}:events", i);
		count += redis_number(&bench.redis, line);
	}
	return count;
}

/* ---- what is known ---- */

static void test_never_split(void **state)
{
	want(&one, 0, "");
	assert_int_equal(one.woken, 0);
	assert_int_equal(look(&one), 0);
	assert_int_equal(now(&one)->generation, 0);
	assert_int_equal(deliver(&one, "a", "{}"), STORE_STORED);
	assert_int_equal(deliver(&one, "a", "{}"), STORE_DUPLICATE);
	/* Its stream and its mark, and nothing else. */
	assert_int_equal(redis_number(&bench.redis, "DBSIZE"), 2);
}

static void test_split_from_the_start(void **state)
{
	struct store_event event = event_with("a", "{}");
	bool keyless;
	want(&one, 4, "");
	assert_int_equal(one.woken, 1);
	assert_null(store_spread_now(one.spread));
	assert_int_equal(store_places_choose(one.places, &event, arena, &keyless), -EAGAIN);
	assert_int_equal(look(&one), 0);
	assert_int_equal(now(&one)->split.partitions, 4);
	/* No event was ever put in it when it was one stream. */
	assert_int_equal(now(&one)->former_count, 0);
	assert_int_equal(deliver(&one, "a", "{}"), STORE_STORED);
	assert_int_equal(redis_number(&bench.redis, "EXISTS hookgate:{stripe}:events"), 0);
	/* Another one that wants the same has the same. */
	want(&two, 4, "");
	assert_int_equal(look(&two), 0);
	assert_int_equal(now(&two)->generation, now(&one)->generation);
	assert_int_equal(deliver(&two, "a", "{}"), STORE_DUPLICATE);
	assert_int_equal(one.failed + two.failed, 0);
}

/* ---- changes ---- */

static void test_change(void **state)
{
	static const unsigned rows[] = { 0, 1, 4, 2, 0, 3, 0 };
	char id[16];
	want(&one, 0, "");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		want(&one, rows[i], "");
		assert_int_equal(look(&one), 0);
		assert_int_equal(now(&one)->split.partitions, rows[i]);
		for (int e = 0; e < 20; e++) {
			snprintf(id, sizeof id, "e%d", e);
			assert_int_equal(deliver(&one, id, "{}"), i == 0 ? STORE_STORED : STORE_DUPLICATE);
		}
		snprintf(id, sizeof id, "n%zu", i);
		assert_int_equal(deliver(&one, id, "{}"), STORE_STORED);
	}
	assert_int_equal(entries(), 20 + (int64_t)(sizeof rows / sizeof *rows));
}

/* Two gateways of different configurations: the last one counts, and the other follows when it is refused. */
static void test_two_gateways(void **state)
{
	want(&one, 0, "");
	assert_int_equal(deliver(&one, "a", "{}"), STORE_STORED);
	want(&two, 4, "");
	assert_int_equal(look(&two), 0);
	assert_int_equal(deliver(&two, "a", "{}"), STORE_DUPLICATE);
	assert_int_equal(deliver(&two, "b", "{}"), STORE_STORED);
	assert_int_equal(put_by(&one, "b", "{}"), STORE_CLOSED);
	assert_int_equal(one.woken, 1);
	/* It wants one stream, and has not said so since it was started. */
	assert_int_equal(deliver(&one, "b", "{}"), STORE_DUPLICATE);
	assert_int_equal(now(&one)->split.partitions, 0);
	/* Two has its will already: it follows. */
	assert_int_equal(put_by(&two, "c", "{}"), STORE_CLOSED);
	assert_int_equal(deliver(&two, "c", "{}"), STORE_STORED);
	assert_int_equal(now(&two)->generation, now(&one)->generation);
	assert_int_equal(deliver(&one, "c", "{}"), STORE_DUPLICATE);
	assert_int_equal(entries(), 3);
}

/* What orders is a part of it. */
static void test_change_of_order(void **state)
{
	char id[16], data[32];
	want(&one, 4, "body:/k");
	assert_int_equal(look(&one), 0);
	for (int i = 0; i < 20; i++) {
		snprintf(id, sizeof id, "e%d", i);
		snprintf(data, sizeof data, "{\"k\":%d}", i % 3);
		assert_int_equal(deliver(&one, id, data), STORE_STORED);
	}
	want(&one, 4, "header:a");
	assert_int_equal(look(&one), 0);
	for (int i = 0; i < 20; i++) {
		snprintf(id, sizeof id, "e%d", i);
		snprintf(data, sizeof data, "{\"k\":%d}", i % 3);
		assert_int_equal(deliver(&one, id, data), STORE_DUPLICATE);
	}
	assert_int_equal(entries(), 20);
}

/* Signed bytes that are sent again under an id of a stranger's choice are found in whatever partition. */
static void test_guard(void **state)
{
	want(&one, 8, "");
	assert_int_equal(look(&one), 0);
	for (int i = 0; i < 20; i++) {
		struct store_event event = event_with("", "{}");
		struct noted noted;
		char id[16];
		bool keyless;
		snprintf(id, sizeof id, "e%d", i);
		event.id = slice_str(id);
		event.guard = SLICE("mac");
		arena_reset(arena);
		assert_int_equal(store_places_choose(one.places, &event, arena, &keyless), 0);
		assert_int_equal(put_and_wait(&bench, &event, &noted), i == 0 ? STORE_STORED : STORE_DUPLICATE);
	}
	assert_int_equal(entries(), 1);
}

/* ---- cut off ---- */

/* Whoever comes to each of the steps does the next. */
static void test_half_way(void **state)
{
	want(&one, 2, "");
	assert_int_equal(look(&one), 0);
	assert_int_equal(deliver(&one, "a", "{}"), STORE_STORED);
	unsigned long long generation = now(&one)->generation;
	char line[200];
	/* Somebody wanted four, wrote so, closed one of two, and died. */
	struct store_layout layout = *now(&one), next;
	const struct store_split four = store_split_of(4, SLICE_NONE);
	struct buf text = BUF_EMPTY;
	struct store_reply *reply = NULL;
	struct reason reason;
	assert_true(store_layout_change(&layout, &four, generation + 1, 3600, &next));
	store_layout_write(&next, &text);
	const struct slice words[] = { SLICE("SET"), SLICE("hookgate:{stripe}:partitions"), buf_slice(&text) };
	assert_int_equal(store_client_call(one.client, words, 3, 0, &reply, &reason), 0);
	store_reply_free(reply);
	buf_free(&text);
	snprintf(line, sizeof line, "SET hookgate:{stripe.0}:closed:%llu 1", generation);
	redis_do(&bench.redis, line);
	/* Until it is looked at, what goes to the other is taken: nobody puts by the next one yet. */
	int taken = 0;
	for (int i = 0; i < 10; i++) {
		char id[16];
		snprintf(id, sizeof id, "e%d", i);
		taken += put_by(&one, id, "{}") == STORE_STORED;
	}
	assert_in_range(taken, 1, 9);
	for (int i = 0; i < 10; i++) {
		char id[16];
		snprintf(id, sizeof id, "e%d", i);
		taken += deliver(&one, id, "{}") == STORE_STORED;
	}
	assert_int_equal(taken, 10);
	assert_int_equal(now(&one)->split.partitions, 4);
	assert_int_equal(now(&one)->generation, generation + 1);
	assert_int_equal(deliver(&one, "a", "{}"), STORE_DUPLICATE);
	assert_int_equal(entries(), 11);
}

/* Redis has lost the change, and has an older one: a newer one is made, and the lost one is closed as well. */
static void test_lost_change(void **state)
{
	want(&one, 2, "");
	assert_int_equal(look(&one), 0);
	struct store_layout before = *now(&one);
	want(&one, 4, "");
	assert_int_equal(look(&one), 0);
	unsigned long long lost = now(&one)->generation;
	assert_int_equal(deliver(&one, "a", "{}"), STORE_STORED);
	struct buf text = BUF_EMPTY;
	store_layout_write(&before, &text);
	struct store_reply *reply = NULL;
	struct reason reason;
	const struct slice words[] = { SLICE("SET"), SLICE("hookgate:{stripe}:partitions"), buf_slice(&text) };
	assert_int_equal(store_client_call(one.client, words, 3, 0, &reply, &reason), 0);
	store_reply_free(reply);
	buf_free(&text);
	store_spread_stale(one.spread);
	assert_int_equal(look(&one), 0);
	assert_true(now(&one)->generation > lost);
	assert_int_equal(now(&one)->split.partitions, 4);
	char line[100];
	snprintf(line, sizeof line, "EXISTS hookgate:{stripe.3}:closed:%llu", lost);
	assert_int_equal(redis_number(&bench.redis, line), 1);
	snprintf(line, sizeof line, "EXISTS hookgate:{stripe.1}:closed:%llu", (unsigned long long)before.generation);
	assert_int_equal(redis_number(&bench.redis, line), 1);
	assert_int_equal(deliver(&one, "a", "{}"), STORE_DUPLICATE);
	/* All of it is gone. */
	redis_do(&bench.redis, "FLUSHALL");
	store_spread_stale(one.spread);
	assert_int_equal(look(&one), 0);
	assert_int_equal(now(&one)->split.partitions, 4);
	assert_int_equal(deliver(&one, "a", "{}"), STORE_STORED);
}

/* Nor is anybody left who saw it: what was closed then is refused, and would be for ever. */
static void test_lost_by_all(void **state)
{
	char line[100];
	want(&one, 4, "");
	assert_int_equal(look(&one), 0);
	assert_int_equal(deliver(&one, "a", "{}"), STORE_STORED);
	unsigned long long open = now(&one)->generation;
	for (int i = 0; i < 4; i++) {
		snprintf(line, sizeof line, "SET hookgate:{stripe.%d}:closed:%llu 1", i, open);
		redis_do(&bench.redis, line);
	}
	assert_int_equal(put_by(&one, "b", "{}"), STORE_CLOSED);
	assert_int_equal(look(&one), 0);
	assert_true(now(&one)->generation > open);
	assert_int_equal(now(&one)->split.partitions, 4);
	assert_int_equal(deliver(&one, "a", "{}"), STORE_DUPLICATE);
	assert_int_equal(deliver(&one, "b", "{}"), STORE_STORED);
	/* It is once, and not each time that somebody asks. */
	open = now(&one)->generation;
	store_spread_stale(one.spread);
	assert_int_equal(look(&one), 0);
	assert_int_equal(now(&one)->generation, open);
}

/* ---- as safe as the route's events ---- */

static const struct store_wait on_a_replica = { STORE_LEVEL_REPLICATED, 1, 50 };

/* How often Redis was asked to wait; 9 at most. */
static int waits(void)
{
	struct store_reply *all = redis_ask(&bench.redis, "INFO commandstats");
	const char *found = strstr((const char *)store_reply_text(all).p, "cmdstat_wait:calls=");
	int count = found ? found[strlen("cmdstat_wait:calls=")] - '0' : 0;
	store_reply_free(all);
	return count;
}

/* Nobody has the keys that close the former partitions but this Redis: a failover would bring them back, so none is opened. */
static void test_no_replica(void **state)
{
	want(&one, 2, "");
	assert_int_equal(look(&one), 0);
	assert_int_equal(deliver(&one, "a", "{}"), STORE_STORED);
	want_safe(&one, 4, "", &on_a_replica);
	assert_int_equal(look(&one), 0);
	assert_int_equal(one.failed, 1);
	assert_string_equal(one.reason,
			    "a change of its partitions waits: Redis has it, but 0 of 1 replicas had it within 50 ms");
	/* It is tried again and again, and said once. */
	while (waits() < 3)
		assert_int_equal(look(&one), 0);
	assert_int_equal(one.failed, 1);
	assert_int_equal(now(&one)->split.partitions, 2);
	assert_int_equal(put_by(&one, "b", "{}"), STORE_CLOSED);
	/* Who asks for no replica does the rest. */
	want(&two, 4, "");
	assert_int_equal(look(&two), 0);
	assert_int_equal(now(&two)->split.partitions, 4);
	assert_int_equal(deliver(&two, "a", "{}"), STORE_DUPLICATE);
	assert_int_equal(deliver(&two, "b", "{}"), STORE_STORED);
	/* And the first one follows. */
	for (int i = 0; i < 1000 && now(&one)->split.partitions != 4; i++) {
		assert_int_equal(look(&one), 0);
		usleep(5000);
	}
	assert_int_equal(now(&one)->split.partitions, 4);
	assert_int_equal(deliver(&one, "b", "{}"), STORE_DUPLICATE);
}

/* Behind another connection there may be a Redis that never had them. */
static void test_another_connection(void **state)
{
	const struct store_wait none = { STORE_LEVEL_REPLICATED, 0, 50 };
	struct store_reply *reply = NULL;
	struct reason reason;
	bool held = false;
	store_fence_begin(one.client);
	assert_int_equal(store_fence_set(one.client, SLICE("a"), &reason), 0);
	assert_int_equal(store_fence_wait(one.client, &none, &held, &reason), 0);
	assert_true(held);
	redis_do(&bench.redis, "CLIENT KILL TYPE normal SKIPME yes");
	const struct slice ping[] = { SLICE("PING") };
	assert_int_equal(store_client_call(one.client, ping, 1, 0, &reply, &reason), -EIO);
	assert_int_equal(store_fence_wait(one.client, &none, &held, &reason), 0);
	assert_false(held);
	assert_int_equal(store_fence_set(one.client, SLICE("b"), &reason), 0);
	assert_int_equal(store_fence_wait(one.client, &none, &held, &reason), 0);
	assert_false(held);
	store_fence_begin(one.client);
	assert_int_equal(store_fence_set(one.client, SLICE("b"), &reason), 0);
	assert_int_equal(store_fence_wait(one.client, &none, &held, &reason), 0);
	assert_true(held);
}

/* A node that is a replica by now says so of WAIT as it says what is for a person to mend. */
static void test_replica_by_now(void **state)
{
	const struct store_wait wait = { STORE_LEVEL_REPLICATED, 1, 50 };
	struct reason reason;
	bool held = false;
	store_fence_begin(one.client);
	assert_int_equal(store_fence_set(one.client, SLICE("a"), &reason), 0);
	redis_do(&bench.redis, "REPLICAOF 127.0.0.1 1");
	assert_int_equal(store_fence_wait(one.client, &wait, &held, &reason), -EBUSY);
	assert_non_null(strstr(reason.text, "replica instances"));
	redis_do(&bench.redis, "REPLICAOF NO ONE");
}

/* ---- too many, once ---- */

/* As many former layouts as there may be, whose marks are long gone, are in nobody's way. */
static void test_old_ones(void **state)
{
	struct buf text = BUF_EMPTY;
	struct store_reply *reply = NULL;
	struct reason reason;
	buf_add_str(&text, "1 open 77 4 100 \n");
	for (size_t i = 0; i < STORE_FORMERS_MAX; i++) {
		char line[64];
		snprintf(line, sizeof line, "%zu %zu 1000 60 \n", 1 + i, 20 + i);
		buf_add_str(&text, line);
	}
	const struct slice words[] = { SLICE("SET"), SLICE("hookgate:{stripe}:partitions"), buf_slice(&text) };
	assert_int_equal(store_client_call(one.client, words, 3, 0, &reply, &reason), 0);
	store_reply_free(reply);
	buf_free(&text);
	want(&one, 2, "");
	assert_int_equal(look(&one), 0);
	assert_int_equal(one.failed, 0);
	assert_int_equal(now(&one)->split.partitions, 2);
	assert_int_equal(now(&one)->former_count, 1);
}

/* ---- what cannot be read ---- */

static void test_senseless(void **state)
{
	redis_do(&bench.redis, "SET hookgate:{stripe}:partitions nonsense");
	want(&one, 2, "");
	assert_int_equal(look(&one), 0);
	assert_null(store_spread_now(one.spread));
	assert_int_equal(one.failed, 1);
	assert_non_null(strstr(one.reason, "another version"));
	redis_do(&bench.redis, "DEL hookgate:{stripe}:partitions");
	redis_do(&bench.redis, "LPUSH hookgate:{stripe}:partitions x");
	want(&two, 2, "");
	assert_int_equal(look(&two), 0);
	assert_non_null(strstr(two.reason, "WRONGTYPE"));
}

static void test_away(void **state)
{
	want(&one, 2, "");
	redis_kill(&bench.redis);
	assert_int_equal(look(&one), -EIO);
	assert_null(store_spread_now(one.spread));
	redis_again(&bench.redis);
	store_spread_stale(one.spread);
	/* It is given a moment. */
	for (int i = 0; i < 1000 && !store_spread_now(one.spread); i++) {
		assert_int_equal(look(&one), 0);
		bench_wait(&bench, STORE_READY);
		usleep(10000);
	}
	assert_int_equal(now(&one)->split.partitions, 2);
}

/* It is asked again soon, and later each time for as long as it is away. Of what is measured only time that has passed counts. */
static void test_away_for_a_moment(void **state)
{
	const struct store_spread *spread = one.spread;
	want(&one, 2, "");
	redis_kill(&bench.redis);
	for (int64_t ms = 50; ms <= 400; ms *= 2) {
		int64_t begun_ms = clock_mono_ms();
		assert_int_equal(look(&one), -EIO);
		assert_true(spread->next_look_ms - begun_ms >= ms);
		assert_true(spread->next_look_ms - clock_mono_ms() <= ms);
		while (clock_mono_ms() < spread->next_look_ms)
			usleep(5000);
	}
	redis_again(&bench.redis);
	bench_wait(&bench, STORE_READY);
	assert_int_equal(look(&one), 0);
	assert_int_equal(now(&one)->split.partitions, 2);
	/* And as soon the next time. That a put was refused is not forgotten meanwhile. */
	redis_kill(&bench.redis);
	store_spread_stale(one.spread);
	assert_int_equal(look(&one), -EIO);
	assert_true(spread->next_look_ms - clock_mono_ms() <= 50);
	assert_true(spread->stale);
	redis_again(&bench.redis);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(test_never_split),
		CASE(test_split_from_the_start),
		CASE(test_change),
		CASE(test_two_gateways),
		CASE(test_change_of_order),
		CASE(test_guard),
		CASE(test_half_way),
		CASE(test_lost_change),
		CASE(test_senseless),
		CASE(test_away),
		CASE(test_old_ones),
		CASE(test_lost_by_all),
		CASE(test_away_for_a_moment),
		CASE(test_no_replica),
		CASE(test_another_connection),
		CASE(test_replica_by_now),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
