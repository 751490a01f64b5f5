/* Events that wait for replicas and disks, with a peer that says of WAIT and WAITAOF what each test wants. */
#include "base/clock.h"
#include "peer_fixture.h"

#include <stdio.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

enum { MANY = 300 };

static struct bench bench;
static struct peer peer;
static struct noted noted[MANY];
static char names[MANY][24];

static const struct config_redis plain = { .kind = CONFIG_REDIS_UNIX };
static const struct store_wait one = { STORE_LEVEL_REPLICATED, 1, 1000 };
static const struct store_wait two = { STORE_LEVEL_REPLICATED, 2, 500 };
static const struct store_wait disk = { STORE_LEVEL_SYNCED, 0, 700 };
static const struct store_wait disks = { STORE_LEVEL_SYNCED, 2, 700 };
static const struct store_wait none = { STORE_LEVEL_STORED, 0, 0 };

static int begin(void **state)
{
	bench = (struct bench){ .loop = new_loop() };
	peer_start(&peer, &bench);
	assert_int_equal(store_target_new(SLICE("hg"), SLICE("r"), SLICE("/r"), SLICE("p"), &bench.target), 0);
	bench_connect(&bench, &plain, peer.address.sun_path, STALL_MS);
	bench_wait(&bench, STORE_READY);
	return 0;
}

static int end(void **state)
{
	store_free(bench.store);
	store_target_free(bench.target);
	peer_stop(&peer);
	loop_free(bench.loop);
	return 0;
}

/* By the plain link, whose state the store's is. */
static void put_waiting(const char *id, const struct store_wait *wait, int64_t patience_ms, struct noted *out)
{
	struct store_event event = event_of(&bench, id);
	event.wait = *wait;
	put(&bench, &event, patience_ms, out);
}

static void put_many(size_t first, size_t count, const struct store_wait *wait)
{
	for (size_t i = first; i < first + count; i++) {
		snprintf(names[i], sizeof names[i], "e%zu", i);
		put_waiting(names[i], wait, DEADLINE_MS, &noted[i]);
	}
}

static void expect_noted(const struct noted *of, enum store_result result, const char *reason)
{
	if (of->calls != 1 || of->result != result || !strstr(of->reason, reason))
		fail_msg("%d calls, %d: %s", of->calls, of->result, of->reason);
}

struct asked {
	const char *what;
	size_t count;
};

static bool was_asked(void *arg)
{
	const struct asked *asked = arg;
	return peer_count(&peer, asked->what) >= asked->count;
}

static void await_asked(const char *what, size_t count)
{
	run_until(bench.loop, was_asked, &(struct asked){ what, count });
}

static void pass(void *arg)
{
	*(bool *)arg = true;
}

static bool has_passed(void *arg)
{
	return *(const bool *)arg;
}

static void let_pass(int64_t ms)
{
	struct loop_timer timer = { 0 };
	bool passed = false;
	assert_int_equal(loop_timer_start(bench.loop, &timer, ms, pass, &passed), 0);
	run_until(bench.loop, has_passed, &passed);
}

/* ---- what is asked, and what is made of the answer ---- */

static void test_answers(void **state)
{
	static const struct {
		const struct store_wait *wait;
		const char *answer, *asked, *reason; /* reason NULL: held */
	} rows[] = {
		{ &one, ":1\r\n", "WAIT,1,1000 ", NULL },
		{ &one, ":3\r\n", "WAIT,1,1000 ", NULL },
		{ &one, ":0\r\n", "WAIT,1,1000 ", "Redis has it, but 0 of 1 replicas had it within 1000 ms" },
		{ &two, ":1\r\n", "WAIT,2,500 ", "Redis has it, but 1 of 2 replicas had it within 500 ms" },
		{ &two, "+OK\r\n", "WAIT,2,500 ", "unexpected" },
		{ &two, "*2\r\n:2\r\n:2\r\n", "WAIT,2,500 ", "unexpected" },
		{ &two, "$-1\r\n", "WAIT,2,500 ", "unexpected" },
		{ &disk, "*2\r\n:1\r\n:0\r\n", "WAITAOF,1,0,700 ", NULL },
		{ &disk, "*2\r\n:0\r\n:0\r\n", "WAITAOF,1,0,700 ", "but not on its disk within 700 ms" },
		{ &disks, "*2\r\n:1\r\n:2\r\n", "WAITAOF,1,2,700 ", NULL },
		{ &disks, "*2\r\n:1\r\n:1\r\n", "WAITAOF,1,2,700 ",
		  "1 of 2 replicas had it on their disks within 700" },
		{ &disks, "*2\r\n:0\r\n:2\r\n", "WAITAOF,1,2,700 ", "but not on its disk within 700 ms" },
		{ &disk, ":1\r\n", "WAITAOF,1,0,700 ", "unexpected" },
		{ &disk, "*1\r\n:1\r\n", "WAITAOF,1,0,700 ", "unexpected" },
		{ &disk, "*2\r\n+a\r\n$-1\r\n", "WAITAOF,1,0,700 ", "not on its disk" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char id[24], log[64];
		snprintf(id, sizeof id, "a%zu", i);
		peer.wait_answer = peer.waitaof_answer = rows[i].answer;
		put_waiting(id, rows[i].wait, DEADLINE_MS, &noted[0]);
		await_noted(&bench, noted, 1);
		expect_noted(&noted[0], rows[i].reason ? STORE_UNAVAILABLE : STORE_STORED,
			     rows[i].reason ? rows[i].reason : "");
		assert_false(noted[0].put.refused);
		assert_true(noted[0].put.waited_us > 0);
		snprintf(log, sizeof log, "EVALSHA SET %s", rows[i].asked);
		peer_expect(&peer, log);
	}
	assert_int_equal(counts_of(&bench).shortfalls, 11);
	assert_int_equal(counts_of(&bench).losses, 0);
}

/* A retry of what stands, and is not replicated yet, writes something, and waits like the first. */
static void test_duplicates(void **state)
{
	peer.wait_answer = ":0\r\n";
	put_waiting("a", &one, DEADLINE_MS, &noted[0]);
	await_noted(&bench, noted, 1);
	expect_noted(&noted[0], STORE_UNAVAILABLE, "0 of 1");
	put_waiting("a", &one, DEADLINE_MS, &noted[0]);
	await_noted(&bench, noted, 1);
	expect_noted(&noted[0], STORE_UNAVAILABLE, "0 of 1");
	peer.wait_answer = ":1\r\n";
	put_waiting("a", &one, DEADLINE_MS, &noted[0]);
	await_noted(&bench, noted, 1);
	expect_noted(&noted[0], STORE_DUPLICATE, "");
	peer_expect(&peer, "EVALSHA SET WAIT,1,1000 EVALSHA SET WAIT,1,1000 EVALSHA SET WAIT,1,1000 ");
}

/* Without a wait nothing is asked. */
static void test_none(void **state)
{
	put_waiting("a", &none, DEADLINE_MS, &noted[0]);
	await_noted(&bench, noted, 1);
	expect_noted(&noted[0], STORE_STORED, "");
	put_many(0, 20, &none);
	await_noted(&bench, noted, 20);
	assert_int_equal(peer_count(&peer, "WAIT"), 0);
	assert_int_equal(noted[0].put.waited_us, 0);
}

/* ---- batches ---- */

static void test_once_per_batch(void **state)
{
	put_many(0, 20, &one);
	await_noted(&bench, noted, 20);
	for (size_t i = 0; i < 20; i++)
		expect_noted(&noted[i], STORE_STORED, "");
	assert_int_equal(peer_count(&peer, "XADD"), 20);
	assert_int_equal(peer_count(&peer, "WAIT,"), 1);
	/* Half of them again, with as many new ones; one of the new ones twice. */
	buf_clear(&peer.log);
	put_many(10, 20, &one);
	put_waiting("e29", &one, DEADLINE_MS, &noted[30]);
	await_noted(&bench, &noted[10], 21);
	for (size_t i = 10; i < 31; i++)
		expect_noted(&noted[i], i < 20 || i == 30 ? STORE_DUPLICATE : STORE_STORED, "");
	assert_int_equal(peer_count(&peer, "XADD"), 10);
	assert_int_equal(peer_count(&peer, "WAIT,"), 1);
	/* All of them again: nothing is written but for the wait's sake. */
	buf_clear(&peer.log);
	put_many(0, 20, &one);
	await_noted(&bench, noted, 20);
	for (size_t i = 0; i < 20; i++)
		expect_noted(&noted[i], STORE_DUPLICATE, "");
	assert_int_equal(peer_count(&peer, "XADD"), 0);
	assert_int_equal(peer_count(&peer, "SET"), 1);
	assert_int_equal(peer_count(&peer, "WAIT,"), 1);
}

/* Weakest first, each once; and each event is judged by its own. */
static void test_mixed_levels(void **state)
{
	static const struct store_wait *const waits[] = { &disk, &two, &none, &one, &disks, &two, &disk, &one };
	peer.waitaof_answer = "*2\r\n:1\r\n:1\r\n";
	for (size_t i = 0; i < 8; i++) {
		snprintf(names[i], sizeof names[i], "m%zu", i);
		put_waiting(names[i], waits[i], DEADLINE_MS, &noted[i]);
	}
	await_noted(&bench, noted, 8);
	for (size_t i = 0; i < 8; i++)
		expect_noted(&noted[i], waits[i] == &two || waits[i] == &disks ? STORE_UNAVAILABLE : STORE_STORED, "");
	assert_int_equal(peer_count(&peer, "WAIT"), 4);
	struct slice log = buf_slice(&peer.log);
	struct slice asked = SLICE("SET WAIT,1,1000 WAIT,2,500 WAITAOF,1,0,700 WAITAOF,1,2,700 ");
	assert_true(slice_eq(slice_from(log, log.n - asked.n), asked));
}

/* More kinds of waits than fit: the rest has the next turn. */
static void test_many_levels(void **state)
{
	for (uint32_t i = 0; i < 12; i++) {
		struct store_wait wait = { STORE_LEVEL_REPLICATED, 1, 1000 + i };
		snprintf(names[i], sizeof names[i], "l%u", i);
		put_waiting(names[i], &wait, DEADLINE_MS, &noted[i]);
	}
	await_noted(&bench, noted, 12);
	for (size_t i = 0; i < 12; i++)
		expect_noted(&noted[i], STORE_STORED, "");
	assert_int_equal(peer_count(&peer, "WAIT,"), 12);
}

/* ---- while Redis waits ---- */

/* A deadline is kept, and what comes later is nobody's; nothing is sent to a Redis that does not read. */
static void test_late(void **state)
{
	peer.hold = true;
	put_waiting("a", &one, 300, &noted[0]);
	await_asked("WAIT", 1);
	put_waiting("b", &one, DEADLINE_MS, &noted[1]);
	await_noted(&bench, noted, 1);
	expect_noted(&noted[0], STORE_UNAVAILABLE, "its replicas or its disk did not within 300 ms");
	peer_expect(&peer, "EVALSHA SET WAIT,1,1000 ");
	assert_int_equal(noted[1].calls, 0);
	peer_release(&peer);
	await_noted(&bench, noted, 2);
	expect_noted(&noted[1], STORE_STORED, "");
	peer_expect(&peer, "EVALSHA SET WAIT,1,1000 ");
	assert_int_equal(counts_of(&bench).timeouts, 1);
	assert_int_equal(store_waiting(bench.store), 0);
}

/* A wait may take longer than Redis may else be silent. */
static void test_no_stall(void **state)
{
	static const struct store_wait long_wait = { STORE_LEVEL_REPLICATED, 1, 30000 };
	peer.hold = true;
	store_reconfigure(bench.store, &plain, peer.address.sun_path, 50);
	put_waiting("a", &long_wait, DEADLINE_MS, &noted[0]);
	await_asked("WAIT", 1);
	let_pass(300);
	assert_int_equal(store_state(bench.store), STORE_READY);
	peer_release(&peer);
	await_noted(&bench, noted, 1);
	expect_noted(&noted[0], STORE_STORED, "");
}

/* What has gathered meanwhile leaves before the next wait, which is one for all of it. */
static void test_gathers(void **state)
{
	struct noted first;
	peer.hold = true;
	put_waiting("a", &one, DEADLINE_MS, &first);
	await_asked("WAIT", 1);
	put_many(0, MANY, &one);
	peer_release(&peer);
	await_noted(&bench, noted, MANY);
	for (size_t i = 0; i < MANY; i++)
		expect_noted(&noted[i], STORE_STORED, "");
	/* Where the machine is slow, the script does what is left. */
	if (peer_count(&peer, "EVALSHA") == 1)
		assert_int_equal(peer_count(&peer, "EXEC"), 2);
	assert_int_equal(peer_count(&peer, "WAIT,"), 2);
}

/* Other events have another connection. */
static void test_a_link_of_its_own(void **state)
{
	struct store_event event = event_of(&bench, "a");
	event.wait = one;
	event.class = STORE_CLASS_WAITING;
	peer.hold = true;
	put(&bench, &event, DEADLINE_MS, &noted[0]);
	await_asked("WAIT", 1);
	assert_int_equal(peer.connected, 2);
	for (size_t i = 1; i < 4; i++) {
		put_waiting(i == 1 ? "b" : i == 2 ? "c" : "d", &none, DEADLINE_MS, &noted[i]);
		await_noted(&bench, &noted[i], 1);
		expect_noted(&noted[i], STORE_STORED, "");
	}
	assert_int_equal(noted[0].calls, 0);
	peer_release(&peer);
	await_noted(&bench, noted, 1);
	expect_noted(&noted[0], STORE_STORED, "");
}

/* It must end at the very Redis that the store's other connections have found. */
static void test_agreement(void **state)
{
	struct store_event event = event_of(&bench, "a");
	event.wait = one;
	event.class = STORE_CLASS_WAITING;
	peer.process = 'a';
	store_free(bench.store);
	bench.state_count = 0;
	bench_connect(&bench, &plain, peer.address.sun_path, STALL_MS);
	bench_wait(&bench, STORE_READY);
	peer.process = 'b';
	put(&bench, &event, DEADLINE_MS, &noted[0]);
	await_noted(&bench, noted, 1);
	expect_noted(&noted[0], STORE_UNAVAILABLE, "another Redis than the other");
	peer_expect(&peer, "");
	peer.process = 'a';
	while (store_put(bench.store, &event, loop_now_ms(bench.loop) + DEADLINE_MS, &noted[0].put) != 0)
		let_pass(10);
	noted[0].calls = 0;
	await_noted(&bench, noted, 1);
	expect_noted(&noted[0], STORE_STORED, "");
}

/* ---- what goes wrong ---- */

/* The connection ends between EXEC and WAIT's answer: nobody knows; the retry is a duplicate that waits. */
static void test_cut(void **state)
{
	peer.cut = true;
	put_many(0, 8, &one);
	await_noted(&bench, noted, 8);
	for (size_t i = 0; i < 8; i++)
		expect_noted(&noted[i], STORE_UNAVAILABLE, "the connection to Redis was lost");
	assert_int_equal(peer_count(&peer, "EXEC"), 1);
	bench_wait(&bench, STORE_READY);
	buf_clear(&peer.log);
	put_many(0, 8, &one);
	await_noted(&bench, noted, 8);
	for (size_t i = 0; i < 8; i++)
		expect_noted(&noted[i], STORE_DUPLICATE, "");
	assert_int_equal(peer_count(&peer, "WAIT,"), 1);
}

/* A wait begins with a write. Where that is refused, the wait says nothing of what others have written. */
static void test_refused_write(void **state)
{
	peer.set_answer = "-NOPERM no SET\r\n";
	put_waiting("a", &one, DEADLINE_MS, &noted[0]);
	await_noted(&bench, noted, 1);
	expect_noted(&noted[0], STORE_STORED, "");
	put_waiting("a", &one, DEADLINE_MS, &noted[0]);
	await_noted(&bench, noted, 1);
	expect_noted(&noted[0], STORE_UNAVAILABLE, "what a wait begins with: NOPERM no SET");
	confirm(&bench, &one, DEADLINE_MS, &noted[0]);
	await_noted(&bench, noted, 1);
	expect_noted(&noted[0], STORE_UNAVAILABLE, "what a wait begins with: NOPERM no SET");
	assert_int_equal(store_state(bench.store), STORE_READY);
	peer.set_answer = NULL;
	put_waiting("a", &one, DEADLINE_MS, &noted[0]);
	await_noted(&bench, noted, 1);
	expect_noted(&noted[0], STORE_DUPLICATE, "");
}

/* What a Redis says that has become a replica. */
static void test_another(void **state)
{
	static const char *const errors[] = {
		"-UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)\r\n",
		"-ERR WAIT cannot be used with replica instances.\r\n",
		"-READONLY You can't write against a read only replica.\r\n",
	};
	for (size_t i = 0; i < 4; i++) {
		bench.state_count = 0;
		peer.wait_answer = i < 3 ? errors[i] : ":1\r\n";
		peer.set_answer = i == 3 ? errors[2] : NULL;
		put_waiting(i % 2 == 0 ? "a" : "b", &one, DEADLINE_MS, &noted[0]);
		await_noted(&bench, noted, 1);
		expect_noted(&noted[0], STORE_UNAVAILABLE, "the connection to Redis was lost");
		assert_int_equal(bench.states[0], STORE_AWAY);
		bench_wait(&bench, STORE_READY);
	}
}

/* A Redis that cannot is not asked again for each event, and the others are none the worse for it. */
static void test_unable(void **state)
{
	static const struct {
		const struct store_wait *wait;
		const char *answer, *reason;
	} rows[] = {
		{ &disk, "-ERR unknown command 'WAITAOF', with args beginning with: '1'\r\n",
		  "needs WAITAOF, which this Redis does not know" },
		{ &disk, "-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.\r\n",
		  "set appendonly yes" },
		{ &disk, "-NOPERM no WAITAOF\r\n", "Redis refused WAITAOF: NOPERM" },
		{ &one, "-NOPERM no WAIT\r\n", "Redis refused WAIT: NOPERM" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char id[24];
		snprintf(id, sizeof id, "u%zu", i);
		peer.wait_answer = peer.waitaof_answer = rows[i].answer;
		put_waiting(id, rows[i].wait, DEADLINE_MS, &noted[0]);
		await_noted(&bench, noted, 1);
		expect_noted(&noted[0], STORE_UNAVAILABLE, rows[i].reason);
		buf_clear(&peer.log);
		put_waiting("other", rows[i].wait, DEADLINE_MS, &noted[0]);
		put_waiting("plain", &none, DEADLINE_MS, &noted[1]);
		await_noted(&bench, noted, 2);
		expect_noted(&noted[0], STORE_UNAVAILABLE, rows[i].reason);
		assert_int_not_equal(noted[1].result, STORE_UNAVAILABLE);
		peer_expect(&peer, "EVALSHA ");
		peer.wait_answer = peer.waitaof_answer = NULL;
		let_pass(1000);
		put_waiting(id, rows[i].wait, DEADLINE_MS, &noted[0]);
		await_noted(&bench, noted, 1);
		expect_noted(&noted[0], STORE_DUPLICATE, "");
		buf_clear(&peer.log);
	}
}

/* ---- for what was put before ---- */

/* By the waiting events' connection. */
static void test_confirm(void **state)
{
	put_waiting("a", &none, DEADLINE_MS, &noted[0]);
	await_noted(&bench, noted, 1);
	peer_expect(&peer, "EVALSHA ");
	confirm(&bench, &two, DEADLINE_MS, &noted[0]);
	await_noted(&bench, noted, 1);
	expect_noted(&noted[0], STORE_UNAVAILABLE, "1 of 2");
	peer_expect(&peer, "SET WAIT,2,500 ");
	peer.wait_answer = ":2\r\n";
	confirm(&bench, &two, DEADLINE_MS, &noted[0]);
	await_noted(&bench, noted, 1);
	expect_noted(&noted[0], STORE_STORED, "");
	peer_expect(&peer, "SET WAIT,2,500 ");
	assert_int_equal(peer.connected, 2);
}

/* A wait that is out began before, and says nothing of what was put since. */
static void test_confirm_during_a_wait(void **state)
{
	struct store_event event = event_of(&bench, "a");
	event.wait = one;
	event.class = STORE_CLASS_WAITING;
	peer.hold = true;
	put(&bench, &event, DEADLINE_MS, &noted[0]);
	await_asked("WAIT", 1);
	confirm(&bench, &one, DEADLINE_MS, &noted[1]);
	peer_release(&peer);
	await_noted(&bench, noted, 2);
	expect_noted(&noted[0], STORE_STORED, "");
	expect_noted(&noted[1], STORE_STORED, "");
	peer_expect(&peer, "EVALSHA SET WAIT,1,1000 SET WAIT,1,1000 ");
}

/* ---- the end ---- */

struct farewell {
	struct store_put put;
	int calls;
	enum store_state state;
};

static void on_farewell(struct store_put *ended, enum store_result result, const char *reason, int64_t redis_us)
{
	struct farewell *farewell = (struct farewell *)(void *)ended;
	farewell->calls++;
	assert_int_equal(result, STORE_UNAVAILABLE);
	farewell->state = store_state(bench.store);
}

/* Whose wait is out when the store is freed may still ask how it is. */
static void test_freed_during_a_wait(void **state)
{
	struct farewell farewell = { .put.done = on_farewell };
	struct store_event event = event_of(&bench, "a");
	event.wait = one;
	event.class = STORE_CLASS_WAITING;
	peer.hold = true;
	assert_int_equal(store_put(bench.store, &event, loop_now_ms(bench.loop) + DEADLINE_MS, &farewell.put), 0);
	await_asked("WAIT", 1);
	store_free(bench.store);
	bench.store = NULL;
	assert_int_equal(farewell.calls, 1);
	assert_int_equal(farewell.state, STORE_READY);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(test_answers),
		CASE(test_duplicates),
		CASE(test_none),
		CASE(test_once_per_batch),
		CASE(test_mixed_levels),
		CASE(test_many_levels),
		CASE(test_late),
		CASE(test_no_stall),
		CASE(test_gathers),
		CASE(test_a_link_of_its_own),
		CASE(test_cut),
		CASE(test_refused_write),
		CASE(test_another),
		CASE(test_unable),
		CASE(test_agreement),
		CASE(test_confirm),
		CASE(test_confirm_during_a_wait),
		CASE(test_freed_during_a_wait),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
