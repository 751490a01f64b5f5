/* The pipeline of a delivery, without a socket and without a Redis: what a route says of its own answers. */
#include "base/log.h"
#include "intake/delivery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

struct fixture {
	struct loop *loop;
	struct intake_series *series;
	struct intake_stats *stats;
	struct intake_plan *plan;
	struct intake_redis_watch watch;
	struct intake_worker *worker;
	struct arena *arena;
};

/* One route, /a, whose events are all left out, so that none needs a Redis. `answer` is the route's key of that
 * name. */
static void open_fixture(struct fixture *f, const char *answer)
{
	char path[] = "/tmp/hookgate-intake-XXXXXX";
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	int fd = mkstemp(path);
	FILE *file = fdopen(fd, "w");

	assert_non_null(file);
	fprintf(file,
		"listen: 127.0.0.1:0\nredis: { url: \"unix:///nowhere/redis.sock\" }\nroutes:\n"
		"  - { name: a, path: /a, provider: none, events: { exclude: \"*\" }%s }\n",
		answer);
	fclose(file);
	*f = (struct fixture){ .arena = arena_new(4096, 1 << 20), .stats = intake_stats_new() };
	assert_int_equal(loop_new(&f->loop), 0);
	assert_int_equal(intake_series_new(&f->series), 0);
	assert_int_equal(intake_plan_new(path, f->series, &diag, &f->plan), 0);
	assert_int_equal(intake_stats_room(f->stats, f->series), 0);
	assert_int_equal(intake_worker_new(
				 &(struct intake_worker_setup){
					 .loop = f->loop, .plan = f->plan, .stats = f->stats, .watch = &f->watch },
				 &f->worker),
			 0);
	config_diag_free(&diag);
	unlink(path);
}

static void close_fixture(struct fixture *f)
{
	intake_worker_free(f->worker);
	intake_plan_unref(f->plan);
	intake_stats_free(f->stats);
	intake_series_free(f->series);
	loop_free(f->loop);
	arena_free(f->arena);
}

/* "STATUS CONTENT-TYPE BODY" of the one answer. */
struct answered {
	size_t times;
	char text[256];
};

static void answered(void *arg, const struct answer *answer)
{
	struct answered *got = arg;
	struct slice type = SLICE("-");

	got->times++;
	for (size_t i = 0; i < answer->header_count; i++) {
		if (slice_eq(answer->headers[i].name, SLICE("Content-Type")))
			type = answer->headers[i].value;
	}
	snprintf(got->text, sizeof got->text, "%u %.*s %.*s", answer->status, SLICE_ARGS(type),
		 SLICE_ARGS(answer->body));
}

static void deliver(struct fixture *f, struct slice method, struct slice path, struct answered *got)
{
	struct request request = { .method = method, .target = path, .path = path, .address = SLICE("unix") };
	struct intake_head head = {
		.request = &request, .declared = 2, .arena = f->arena, .answer = answered, .arg = got
	};
	struct intake_delivery *delivery;
	uint64_t max_body;

	*got = (struct answered){ .times = 0 };
	if (intake_begin(f->worker, &head, &delivery, &max_body) == INTAKE_READ_BODY) {
		request.body = SLICE("{}");
		intake_complete(delivery);
	}
	assert_int_equal(got->times, 1);
}

/* What the route leaves out of its `answer` stays as it is. */
static void test_answers_of_a_route(void **state)
{
	static const struct {
		const char *answer, *wanted;
	} rows[] = {
		{ "", "200 application/json {\"status\":\"ignored\"}" },
		{ ", answer: { status: 202 }", "202 application/json {\"status\":\"ignored\"}" },
		{ ", answer: { status: 204 }", "204 - " },
		{ ", answer: { body: ok }", "200 text/plain ok" },
		{ ", answer: { body: \"\" }", "200 text/plain " },
		{ ", answer: { status: 201, body: ok, content_type: text/html }", "201 text/html ok" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct fixture f;
		struct answered got;

		open_fixture(&f, rows[i].answer);
		deliver(&f, SLICE("POST"), SLICE("/a"), &got);
		assert_string_equal(got.text, rows[i].wanted);
		close_fixture(&f);
	}
}

/* A refusal is the outcome's own, whatever the route answers to what it takes. */
static void test_refusals(void **state)
{
	struct fixture f;
	struct answered got;
	size_t number;

	(void)state;
	open_fixture(&f, ", answer: { status: 202, body: ok }");
	deliver(&f, SLICE("POST"), SLICE("/b"), &got);
	assert_string_equal(got.text, "404 application/json {\"status\":\"not_found\"}");
	deliver(&f, SLICE("PUT"), SLICE("/a"), &got);
	assert_string_equal(got.text, "405 application/json {\"status\":\"method_not_allowed\"}");
	deliver(&f, SLICE("POST"), SLICE("/a"), &got);
	assert_int_equal(intake_series_route(f.series, SLICE("a"), SLICE("none"), &number), 0);
	assert_int_equal(intake_stats_value(f.stats, number + INTAKE_ignored), 1);
	assert_int_equal(intake_stats_value(f.stats, number + INTAKE_method_not_allowed), 1);
	assert_int_equal(intake_stats_value(f.stats, INTAKE_not_found), 1);
	close_fixture(&f);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers_of_a_route),
		cmocka_unit_test(test_refusals),
	};

	log_configure(LOG_OFF, LOG_TEXT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
