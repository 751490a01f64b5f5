/* What is owed, with a peer that says of WAIT what each test wants. */
#include "intake/owed.h"
#include "peer_fixture.h"

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

static struct bench bench;
static struct peer peer;
static struct intake_owed owed;
static int told, failed;

static const struct config_redis plain = { .kind = CONFIG_REDIS_UNIX };
static const struct store_wait one = { STORE_LEVEL_REPLICATED, 1, 1000 };
static const struct store_wait two = { STORE_LEVEL_REPLICATED, 2, 1000 };

static void on_done(void *arg, const char *reason)
{
	told++;
	failed += reason != NULL;
}

static int begin(void **state)
{
	bench = (struct bench){ .loop = new_loop() };
	peer_start(&peer, &bench);
	assert_int_equal(store_target_new(SLICE("hg"), SLICE("r"), SLICE("/r"), SLICE("p"), &bench.target), 0);
	bench_connect(&bench, &plain, peer.address.sun_path, STALL_MS);
	bench_wait(&bench, STORE_READY);
	owed = (struct intake_owed){ .loop = bench.loop, .store = bench.store, .done = on_done };
	told = failed = 0;
	return 0;
}

static int end(void **state)
{
	store_free(bench.store);
	intake_owed_free(&owed);
	store_target_free(bench.target);
	peer_stop(&peer);
	loop_free(bench.loop);
	return 0;
}

static bool was_told(void *arg)
{
	return told >= *(const int *)arg;
}

static void await_told(int count)
{
	run_until(bench.loop, was_told, &count);
}

/* What is noted during a question that fails is owed once, by the strictest of both. */
static void test_joined(void **state)
{
	peer.wait_answer = ":0\r\n";
	assert_true(intake_owed_note(&owed, bench.target, &one));
	for (int i = 1; i <= 5; i++) {
		assert_true(intake_owed_ask(&owed));
		assert_true(intake_owed_note(&owed, bench.target, i == 3 ? &two : &one));
		await_told(i);
		assert_int_equal(failed, i);
		assert_int_equal(owed.count, 1);
	}
	buf_clear(&peer.log);
	peer.wait_answer = ":2\r\n";
	assert_true(intake_owed_ask(&owed));
	await_told(6);
	assert_int_equal(failed, 5);
	assert_false(intake_owed_any(&owed));
	peer_expect(&peer, "SET WAIT,2,1000 ");
}

/* And what is noted during one that holds is owed still. */
static void test_noted_meanwhile(void **state)
{
	peer.wait_answer = ":1\r\n";
	assert_true(intake_owed_note(&owed, bench.target, &one));
	assert_true(intake_owed_ask(&owed));
	assert_false(intake_owed_ask(&owed));
	assert_true(intake_owed_note(&owed, bench.target, &one));
	await_told(1);
	assert_int_equal(failed, 0);
	assert_true(intake_owed_any(&owed));
	assert_true(intake_owed_ask(&owed));
	await_told(2);
	assert_false(intake_owed_any(&owed));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(test_joined),
		CASE(test_noted_meanwhile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
