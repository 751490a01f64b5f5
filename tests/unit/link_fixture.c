/* link_fixture.c - a link to a real Redis. Its difficulty: what a put comes to must be noted in a way that a second
 * call of done, or one that never comes, is seen. */
#include "link_fixture.h"

#include "base/clock.h"

#include <stdio.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

static void on_changed(void *arg, enum store_state state, const char *reason)
{
	struct bench *bench = arg;
	if (bench->forgetful)
		return;
	assert_true(bench->state_count < sizeof bench->states / sizeof *bench->states);
	bench->states[bench->state_count++] = state;
	snprintf(bench->reason, sizeof bench->reason, "%s", reason ? reason : "");
	assert_int_equal(state, store_state(bench->store));
}

void bench_start(struct bench *bench, const char *const *options)
{
	*bench = (struct bench){ .store = NULL };
	redis_start(&bench->redis, options);
	bench->loop = new_loop();
	assert_int_equal(store_target_new(SLICE("hookgate"), SLICE("stripe"), SLICE("/hooks/stripe"),
					  SLICE("stripe-like"), &bench->target),
			 0);
}

void bench_connect(struct bench *bench, const struct config_redis *redis, const char *socket, int64_t stall_ms)
{
	const struct store_setup setup = { .loop = bench->loop,
					   .redis = redis,
					   .socket = socket,
					   .stall_ms = stall_ms,
					   .changed = on_changed,
					   .arg = bench };
	assert_int_equal(store_new(&setup, &bench->store), 0);
}

static bool is_in_state(void *arg)
{
	const struct bench *bench = arg;
	return store_state(bench->store) == bench->wanted;
}

void bench_wait(struct bench *bench, enum store_state state)
{
	bench->wanted = state;
	run_until(bench->loop, is_in_state, bench);
}

void bench_stop(struct bench *bench)
{
	store_free(bench->store);
	store_target_free(bench->target);
	loop_free(bench->loop);
	redis_stop(&bench->redis);
}

struct store_event event_of(const struct bench *bench, const char *id)
{
	return (struct store_event){ .target = bench->target,
				     .window_s = 3600,
				     .deduplicate = true,
				     .id = slice_str(id),
				     .type = SLICE("invoice.paid"),
				     .time = SLICE("2026-11-22T09:02:03.004Z"),
				     .content_type = SLICE("application/json"),
				     .data = SLICE("{\"id\":1}"),
				     .headers = SLICE("{\"a\":\"b\"}"),
				     .secret = SLICE("current"),
				     .covered = SLICE("full"),
				     .traceparent = SLICE("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01") };
}

void note_put(struct store_put *ended, enum store_result result, const char *reason, int64_t redis_us)
{
	struct noted *noted = (struct noted *)(void *)ended;
	noted->calls++;
	noted->result = result;
	noted->ended_ms = clock_mono_ms();
	snprintf(noted->reason, sizeof noted->reason, "%s", reason ? reason : "");
	assert_true(redis_us >= 0);
	assert_int_equal(result == STORE_UNAVAILABLE, reason != NULL);
}

void put(struct bench *bench, const struct store_event *event, int64_t patience_ms, struct noted *noted)
{
	*noted = (struct noted){ .put.done = note_put };
	assert_int_equal(store_put(bench->store, event, loop_now_ms(bench->loop) + patience_ms, &noted->put), 0);
	assert_int_equal(noted->calls, 0);
}

void confirm(struct bench *bench, const struct store_wait *wait, int64_t patience_ms, struct noted *noted)
{
	*noted = (struct noted){ .put.done = note_put };
	assert_int_equal(
		store_confirm(bench->store, bench->target, wait, loop_now_ms(bench->loop) + patience_ms, &noted->put),
		0);
	assert_int_equal(noted->calls, 0);
}

struct awaited {
	const struct noted *noted;
	size_t count;
};

static bool have_ended(void *arg)
{
	const struct awaited *awaited = arg;
	for (size_t i = 0; i < awaited->count; i++) {
		assert_true(awaited->noted[i].calls <= 1);
		if (awaited->noted[i].calls == 0)
			return false;
	}
	return true;
}

void await_noted(struct bench *bench, struct noted *noted, size_t count)
{
	struct awaited awaited = { noted, count };
	run_until(bench->loop, have_ended, &awaited);
}

enum store_result put_and_wait(struct bench *bench, const struct store_event *event, struct noted *noted)
{
	put(bench, event, DEADLINE_MS, noted);
	await_noted(bench, noted, 1);
	return noted->result;
}

void expect_stream(struct bench *bench, const char *ids)
{
	struct store_reply *all = redis_ask(&bench->redis, "XRANGE " STREAM " - +");
	struct buf found = BUF_EMPTY;
	for (size_t i = 0; i < store_reply_count(all); i++) {
		const struct store_reply *fields = store_reply_at(store_reply_at(all, i), 1);
		assert_true(slice_eq(store_reply_text(store_reply_at(fields, 2)), SLICE("id")));
		buf_add(&found, store_reply_text(store_reply_at(fields, 3)));
		buf_add_byte(&found, ' ');
	}
	if (!slice_eq(buf_slice(&found), slice_str(ids)))
		fail_msg("in the stream: %.*s; wanted: %s", SLICE_ARGS(buf_slice(&found)), ids);
	buf_free(&found);
	store_reply_free(all);
}

struct store_counts counts_of(const struct bench *bench)
{
	struct store_counts counts;
	store_counts(bench->store, &counts);
	return counts;
}
