/* A store on a Cluster whose nodes say what a test wants: where events go when slots do, and that each is told once. */
#include "base/clock.h"
#include "link_fixture.h"
#include "node_fixture.h"
#include "store/row.h"

#include <errno.h>
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

/* Of the bench's target, {stripe}; both halves of the slots have a node of their own. */
enum { SLOT = 321 };

static struct bench bench;
static struct node a, b;
static struct config_redis_host hosts[2];
static struct config_redis redis;
static char answers[16][64];
static size_t ready_count;

static void on_changed(void *arg, enum store_state state, const char *reason)
{
	(void)arg;
	assert_int_equal(state, store_state(bench.store));
	assert_int_equal(reason == NULL, state == STORE_READY);
	ready_count += state == STORE_READY;
	snprintf(bench.reason, sizeof bench.reason, "%s", reason ? reason : "");
}

static void set_slots(struct node *node, int first_port, int second_port)
{
	snprintf(node->slots, sizeof node->slots,
		 "*2\r\n*3\r\n:0\r\n:8191\r\n*2\r\n$9\r\n127.0.0.1\r\n:%d\r\n"
		 "*3\r\n:8192\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:%d\r\n",
		 first_port, second_port);
}

static void begin(int64_t stall_ms)
{
	redis = (struct config_redis){
		.kind = CONFIG_REDIS_CLUSTER, .url = "cluster://", .hosts = hosts, .host_count = 2
	};
	hosts[0] = (struct config_redis_host){ "127.0.0.1", (uint16_t)a.port };
	hosts[1] = (struct config_redis_host){ "127.0.0.1", (uint16_t)b.port };
	const struct store_setup setup = {
		.loop = bench.loop, .redis = &redis, .stall_ms = stall_ms, .changed = on_changed
	};
	assert_int_equal(store_new(&setup, &bench.store), 0);
	ready_count = 0;
}

static int set_up(void **state)
{
	bench = (struct bench){ .loop = new_loop() };
	assert_int_equal(store_target_new(SLICE("hookgate"), SLICE("stripe"), SLICE("/hooks/stripe"), SLICE("stripe"),
					  &bench.target),
			 0);
	node_start(&a, bench.loop, 'a');
	node_start(&b, bench.loop, 'b');
	set_slots(&a, a.port, b.port);
	set_slots(&b, a.port, b.port);
	begin(STALL_MS);
	return 0;
}

static int tear_down(void **state)
{
	store_free(bench.store);
	node_stop(&a);
	node_stop(&b);
	store_target_free(bench.target);
	loop_free(bench.loop);
	return 0;
}

static const char *answer_text(size_t i, const char *kind, const struct node *to)
{
	snprintf(answers[i], sizeof answers[i], "-%s %d 127.0.0.1:%d\r\n", kind, SLOT, to->port);
	return answers[i];
}

static enum store_result put_one(const char *id, struct noted *noted)
{
	struct store_event event = event_of(&bench, id);
	return put_and_wait(&bench, &event, noted);
}

static void test_each_to_its_node(void **state)
{
	struct noted noted;
	bench_wait(&bench, STORE_READY);
	assert_int_equal(ready_count, 1);
	assert_int_equal(put_one("1", &noted), STORE_STORED);
	assert_int_equal(a.scripts, 1);
	assert_int_equal(b.scripts, 0);
	assert_string_equal(store_reason(bench.store), "");
}

static void test_moved(void **state)
{
	struct noted noted;
	bench_wait(&bench, STORE_READY);
	unsigned maps = a.maps;
	node_answers(&a, answer_text(0, "MOVED", &b));
	set_slots(&a, b.port, a.port);
	assert_int_equal(put_one("1", &noted), STORE_STORED);
	assert_int_equal(b.scripts, 1);
	/* Straight there from now on; the map says so, too. */
	assert_int_equal(put_one("2", &noted), STORE_STORED);
	assert_int_equal(a.scripts, 1);
	assert_int_equal(b.scripts, 2);
	while (a.maps + b.maps == maps)
		assert_int_equal(put_one("3", &noted), STORE_STORED);
	assert_int_equal(a.scripts, 1);
	assert_int_equal(counts_of(&bench).refusals, 0);
}

/* Once, and behind ASKING; the slot is still the first one's. */
static void test_ask(void **state)
{
	struct noted noted;
	bench_wait(&bench, STORE_READY);
	node_answers(&a, answer_text(0, "ASK", &b));
	node_answers(&b, "-NOSCRIPT No matching script\r\n");
	node_answers(&b, ":0\r\n");
	assert_int_equal(put_one("1", &noted), STORE_DUPLICATE);
	assert_int_equal(b.scripts, 2);
	assert_int_equal(b.asked_scripts, 2);
	assert_int_equal(put_one("2", &noted), STORE_STORED);
	assert_int_equal(a.scripts, 2);
	assert_int_equal(b.scripts, 2);
}

static void test_try_again(void **state)
{
	enum { COUNT = 40 };
	struct noted noted[COUNT];
	char id[24];
	bench_wait(&bench, STORE_READY);
	a.look = "-TRYAGAIN Multiple keys request during rehashing of slot\r\n";
	for (size_t i = 0; i < COUNT + 20; i++)
		node_answers(&a, a.look);
	for (size_t i = 0; i < COUNT; i++) {
		snprintf(id, sizeof id, "%zu", i);
		struct store_event event = event_of(&bench, id);
		put(&bench, &event, DEADLINE_MS, &noted[i]);
	}
	await_noted(&bench, noted, COUNT);
	for (size_t i = 0; i < COUNT; i++)
		assert_int_equal(noted[i].result, STORE_STORED);
	/* All of them again and again would be many more. */
	assert_in_range(a.scripts, COUNT + COUNT, 3 * COUNT);
	assert_int_equal(a.batches, 0);
	assert_int_equal(store_state(bench.store), STORE_READY);
}

/* Who has waited for too long is told once, and the others go on. */
static void test_try_again_until_the_deadline(void **state)
{
	struct noted noted;
	bench_wait(&bench, STORE_READY);
	for (size_t i = 0; i < 10; i++)
		node_answers(&a, "-TRYAGAIN later\r\n");
	struct store_event event = event_of(&bench, "1");
	put(&bench, &event, 120, &noted);
	await_noted(&bench, &noted, 1);
	assert_int_equal(noted.result, STORE_UNAVAILABLE);
	assert_false(noted.put.refused);
	a.answer_at = a.answer_count;
	assert_int_equal(put_one("2", &noted), STORE_STORED);
	assert_int_equal(store_waiting(bench.store), 0);
}

static void test_sent_in_circles(void **state)
{
	struct noted noted;
	bench_wait(&bench, STORE_READY);
	const char *to_b = answer_text(0, "MOVED", &b), *to_a = answer_text(1, "MOVED", &a);
	for (size_t i = 0; i < 20; i++) {
		node_answers(&a, to_b);
		node_answers(&b, to_a);
	}
	assert_int_equal(put_one("1", &noted), STORE_UNAVAILABLE);
	assert_false(noted.put.refused);
	assert_in_range(a.scripts + b.scripts, 2, 12);
}

/* To a node of which no map has told: its first connect is waited for. And to where there is none. */
static void test_moved_to_a_new_node(void **state)
{
	struct noted noted;
	struct node c;
	bench_wait(&bench, STORE_READY);
	node_start(&c, bench.loop, 'c');
	node_answers(&a, answer_text(0, "MOVED", &c));
	set_slots(&a, c.port, b.port);
	set_slots(&b, c.port, b.port);
	assert_int_equal(put_one("1", &noted), STORE_STORED);
	assert_int_equal(c.scripts, 1);
	char before[96];
	snprintf(before, sizeof before, "%s", store_identity(bench.store));
	/* Another master: it is another Cluster, and that is told. */
	while (ready_count < 2)
		assert_int_equal(put_one("2", &noted), STORE_STORED);
	assert_string_not_equal(store_identity(bench.store), before);
	node_stop(&c);
	int64_t begun_ms = clock_mono_ms();
	bench_wait(&bench, STORE_AWAY);
	struct store_event event = event_of(&bench, "3");
	noted = (struct noted){ .calls = 0 };
	assert_int_equal(store_put(bench.store, &event, loop_now_ms(bench.loop) + DEADLINE_MS, &noted.put), -EAGAIN);
	assert_non_null(strstr(store_refused(bench.store), "127.0.0.1:"));
	assert_in_range(clock_mono_ms() - begun_ms, 0, DEADLINE_MS);
}

static void put_batch(struct noted *noted, size_t count)
{
	char id[24];
	for (size_t i = 0; i < count; i++) {
		snprintf(id, sizeof id, "%zu", i);
		struct store_event event = event_of(&bench, id);
		put(&bench, &event, DEADLINE_MS, &noted[i]);
	}
	await_noted(&bench, noted, count);
}

static void put_row(struct store_row *row, size_t events)
{
	char id[24];
	struct noted noted = { .put.done = note_put };
	store_row_clear(row);
	for (size_t i = 0; i < events; i++) {
		snprintf(id, sizeof id, "%zu", i);
		struct store_event event = event_of(&bench, id);
		assert_true(store_row_add(row, &event));
	}
	assert_int_equal(store_put_row(bench.store, row, loop_now_ms(bench.loop) + DEADLINE_MS, &noted.put), 0);
	await_noted(&bench, &noted, 1);
	assert_int_equal(noted.result, STORE_STORED);
}

/* A row of events is one call of a script, and goes whole wherever it is sent. Each such answer is counted by its kind. */
static void test_rows_that_are_sent_elsewhere(void **state)
{
	struct store_counts counts;
	struct store_row *row;
	bench_wait(&bench, STORE_READY);
	assert_int_equal(store_row_new(&row), 0);
	node_answers(&a, answer_text(0, "ASK", &b));
	node_answers(&b, "-TRYAGAIN later\r\n");
	put_row(row, 3);
	assert_int_equal(a.scripts, 1);
	assert_int_equal(b.asked_scripts, 2);
	node_answers(&a, answer_text(1, "MOVED", &b));
	set_slots(&a, b.port, a.port);
	set_slots(&b, b.port, a.port);
	put_row(row, 4);
	put_row(row, 5);
	assert_int_equal(a.scripts, 2);
	assert_int_equal(b.scripts, 4);
	counts = counts_of(&bench);
	assert_int_equal(counts.asked, 1);
	assert_int_equal(counts.asked_again, 1);
	assert_int_equal(counts.moved, 1);
	assert_int_equal(counts.refusals, 0);
	assert_int_equal(a.batches + b.batches, 0);
	store_row_free(row);
}

/* At any step of a batch, nothing was done, and each of its events goes where its own answer says. */
static void test_a_batch_that_is_sent_elsewhere(void **state)
{
	enum { COUNT = 12 };
	static const char *const kinds[] = { "MOVED", "ASK" };
	for (size_t step = 0; step < 4; step++) {
		struct noted noted[COUNT];
		bench_wait(&bench, STORE_READY);
		const char *elsewhere = answer_text(step, kinds[step % 2], &b);
		a.look = step < 2 ? elsewhere : NULL;
		a.exec = step < 2 ? NULL : elsewhere;
		a.answer_count = a.answer_at = 0;
		for (size_t i = 0; i < COUNT; i++)
			node_answers(&a, elsewhere);
		unsigned before = b.scripts;
		put_batch(noted, COUNT);
		for (size_t i = 0; i < COUNT; i++)
			assert_int_equal(noted[i].result, STORE_STORED);
		assert_int_equal(b.scripts - before, COUNT);
		assert_int_equal(counts_of(&bench).losses, 0);
		/* The slot comes back, or the map says that it does. */
		tear_down(NULL);
		set_up(NULL);
	}
}

static void test_a_batch_is_of_one_slot(void **state)
{
	enum { COUNT = 10 };
	struct noted noted[2 * COUNT + 4];
	struct store_target *other, *few;
	char id[24];
	/* Slots 3300 and 7365: of the same node. */
	assert_int_equal(store_target_new(SLICE("hookgate"), SLICE("b"), SLICE("/"), SLICE("p"), &other), 0);
	assert_int_equal(store_target_new(SLICE("hookgate"), SLICE("c"), SLICE("/"), SLICE("p"), &few), 0);
	bench_wait(&bench, STORE_READY);
	for (size_t i = 0; i < 2 * COUNT + 4; i++) {
		snprintf(id, sizeof id, "%zu", i);
		struct store_event event = event_of(&bench, id);
		event.target = i >= 2 * COUNT ? few : i % 2 == 0 ? bench.target : other;
		put(&bench, &event, DEADLINE_MS, &noted[i]);
	}
	await_noted(&bench, noted, 2 * COUNT + 4);
	for (size_t i = 0; i < 2 * COUNT + 4; i++)
		assert_int_equal(noted[i].result, STORE_STORED);
	assert_int_equal(a.batches + b.batches, 2);
	assert_int_equal(a.scripts + b.scripts, 4);
	store_target_free(other);
	store_target_free(few);
}

/* The node is left alone until it says that all is well; a slot of the other goes on. */
static void test_down(void **state)
{
	struct noted noted;
	bench_wait(&bench, STORE_READY);
	node_answers(&a, "-CLUSTERDOWN The cluster is down\r\n");
	assert_int_equal(put_one("1", &noted), STORE_UNAVAILABLE);
	assert_false(noted.put.refused);
	bench_wait(&bench, STORE_AWAY);
	struct store_event event = event_of(&bench, "2");
	assert_int_equal(store_put(bench.store, &event, loop_now_ms(bench.loop) + DEADLINE_MS, &noted.put), -EAGAIN);
	assert_non_null(strstr(store_refused(bench.store), "down"));
	bench_wait(&bench, STORE_READY);
	assert_int_equal(put_one("3", &noted), STORE_STORED);
}

/* All nodes say so: its maps are not believed, and it is away as a whole. */
static void test_a_cluster_that_is_down_from_the_start(void **state)
{
	struct noted noted;
	a.state = b.state = "fail";
	bench_wait(&bench, STORE_AWAY);
	struct store_event event = event_of(&bench, "1");
	assert_int_equal(store_put(bench.store, &event, loop_now_ms(bench.loop) + DEADLINE_MS, &noted.put), -EAGAIN);
	assert_non_null(strstr(store_reason(bench.store), "down"));
	a.state = b.state = "ok";
	bench_wait(&bench, STORE_READY);
	assert_int_equal(put_one("1", &noted), STORE_STORED);
}

/* Its seed is a replica, knows where the slots are, and is never given an event. */
static void test_a_seed_that_is_no_master(void **state)
{
	struct noted noted;
	struct node c;
	tear_down(NULL);
	set_up(NULL);
	store_free(bench.store);
	node_start(&c, bench.loop, 'c');
	c.role = "slave";
	set_slots(&c, a.port, b.port);
	int port = a.port;
	a.port = c.port;
	begin(STALL_MS);
	a.port = port;
	bench_wait(&bench, STORE_READY);
	assert_true(c.maps > 0);
	assert_int_equal(put_one("1", &noted), STORE_STORED);
	assert_int_equal(a.scripts, 1);
	node_stop(&c);
}

static void test_no_cluster(void **state)
{
	snprintf(a.slots, sizeof a.slots, "-ERR This instance has cluster support disabled\r\n");
	snprintf(b.slots, sizeof b.slots, "-ERR This instance has cluster support disabled\r\n");
	bench_wait(&bench, STORE_AWAY);
	assert_non_null(strstr(store_reason(bench.store), "cluster support disabled"));
}

/* A master that ceases to answer: the scout asks another, whose map is taken. */
static void test_a_silent_master(void **state)
{
	struct noted noted;
	bench_wait(&bench, STORE_READY);
	a.silent = true;
	set_slots(&b, b.port, b.port);
	node_hang_up(&a);
	while (store_state(bench.store) != STORE_READY || b.scripts == 0) {
		struct store_event event = event_of(&bench, "1");
		bench_wait(&bench, STORE_READY);
		put(&bench, &event, 100, &noted);
		await_noted(&bench, &noted, 1);
	}
	assert_int_equal(noted.result, STORE_STORED);
}

static bool both_were_asked(void *arg)
{
	(void)arg;
	return a.scripts >= 2 && b.scripts >= 1;
}

/* One waits to be asked for again, one for the other node, some for their turn. */
static void test_freed_with_events_everywhere(void **state)
{
	enum { COUNT = 4 };
	struct noted noted[COUNT];
	bench_wait(&bench, STORE_READY);
	node_answers(&a, "-TRYAGAIN later\r\n");
	node_answers(&a, answer_text(0, "ASK", &b));
	b.silent = true;
	for (size_t i = 0; i < COUNT; i++) {
		char id[24];
		snprintf(id, sizeof id, "%zu", i);
		struct store_event event = event_of(&bench, id);
		put(&bench, &event, DEADLINE_MS, &noted[i]);
		if (i == 1)
			run_until(bench.loop, both_were_asked, NULL);
	}
	assert_true(store_waiting(bench.store) > 0);
	store_free(bench.store);
	bench.store = NULL;
	for (size_t i = 0; i < COUNT; i++)
		assert_int_equal(noted[i].calls, 1);
}

static bool has_connected(void *arg)
{
	const uint64_t *connects = arg;
	return counts_of(&bench).connects == *connects;
}

static void test_reconfigured(void **state)
{
	struct noted noted;
	struct config_redis other = redis;
	bench_wait(&bench, STORE_READY);
	uint64_t connects = counts_of(&bench).connects;
	/* The same. */
	store_reconfigure(bench.store, &other, NULL, STALL_MS);
	assert_int_equal(put_one("1", &noted), STORE_STORED);
	assert_int_equal(counts_of(&bench).connects, connects);
	/* As another user. */
	redis.password = SLICE("secret");
	store_reconfigure(bench.store, &redis, NULL, STALL_MS);
	connects += 3;
	run_until(bench.loop, has_connected, &connects);
	bench_wait(&bench, STORE_READY);
	/* One of its nodes, as if it were alone; and back. */
	other = (struct config_redis){ .kind = CONFIG_REDIS_TCP, .host = "127.0.0.1", .port = (uint16_t)b.port };
	store_reconfigure(bench.store, &other, NULL, STALL_MS);
	bench_wait(&bench, STORE_READY);
	unsigned scripts = b.scripts;
	assert_int_equal(put_one("2", &noted), STORE_STORED);
	assert_int_equal(b.scripts, scripts + 1);
	store_reconfigure(bench.store, &redis, NULL, STALL_MS);
	bench_wait(&bench, STORE_READY);
	assert_int_equal(put_one("3", &noted), STORE_STORED);
	assert_int_equal(b.scripts, scripts + 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_each_to_its_node),
		TEST(test_moved),
		TEST(test_ask),
		TEST(test_try_again),
		TEST(test_try_again_until_the_deadline),
		TEST(test_sent_in_circles),
		TEST(test_moved_to_a_new_node),
		TEST(test_a_batch_that_is_sent_elsewhere),
		TEST(test_rows_that_are_sent_elsewhere),
		TEST(test_a_batch_is_of_one_slot),
		TEST(test_down),
		TEST(test_a_cluster_that_is_down_from_the_start),
		TEST(test_a_seed_that_is_no_master),
		TEST(test_no_cluster),
		TEST(test_a_silent_master),
		TEST(test_freed_with_events_everywhere),
		TEST(test_reconfigured),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
