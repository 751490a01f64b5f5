/* Unit tests of admin/: the operators' pages, who may see them, and what the metrics say. */
#include "admin/admin.h"
#include "store/store.h"

#include <stdio.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

enum { WORKERS = 2 };

struct fixture {
	struct intake_series *series;
	struct intake_stats *stats[WORKERS];
	struct intake_redis_watch watch;
	struct admin_sources sources;
	struct buf page;
	struct answer answer;
};

static void room(struct fixture *f)
{
	for (size_t i = 0; i < WORKERS; i++)
		assert_int_equal(intake_stats_room(f->stats[i], f->series), 0);
}

static int set_up(void **state)
{
	static struct fixture f;

	f = (struct fixture){ .page = BUF_EMPTY };
	assert_int_equal(intake_series_new(&f.series), 0);
	for (size_t i = 0; i < WORKERS; i++) {
		f.stats[i] = intake_stats_new();
		assert_non_null(f.stats[i]);
	}
	room(&f);
	f.sources =
		(struct admin_sources){ .series = f.series, .stats = f.stats, .workers = WORKERS, .watch = &f.watch };
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < WORKERS; i++)
		intake_stats_free(f->stats[i]);
	intake_series_free(f->series);
	buf_free(&f->page);
	return 0;
}

static void ask(struct fixture *f, struct slice method, const char *path, const struct header *headers, size_t count)
{
	struct request request = { .method = method,
				   .path = slice_str(path),
				   .target = slice_str(path),
				   .headers = headers,
				   .header_count = count };

	admin_handle(&f->sources, &request, &f->page, &f->answer);
}

/* The value of the answer's one header of that name; empty when it has none. */
static struct slice header(const struct answer *answer, struct slice name)
{
	struct slice value = SLICE_NONE;
	size_t times = 0;

	for (size_t i = 0; i < answer->header_count; i++) {
		if (slice_eq_nocase(answer->headers[i].name, name)) {
			value = answer->headers[i].value;
			times++;
		}
	}
	assert_true(times <= 1);
	return value;
}

static void pages_by_path(void **state)
{
	static const struct {
		struct slice method;
		const char *path;
		unsigned status;
		struct slice type, body; /* the body's beginning */
	} cases[] = {
		{ SLICE_LIT("GET"), "/healthz", 200, SLICE_LIT("text/plain; charset=utf-8"), SLICE_LIT("ok\n") },
		{ SLICE_LIT("HEAD"), "/healthz", 200, SLICE_LIT("text/plain; charset=utf-8"), SLICE_LIT("ok\n") },
		{ SLICE_LIT("GET"), "/readyz", 503, SLICE_LIT("application/json"),
		  SLICE_LIT("{\"status\":\"redis_away\"}\n") },
		{ SLICE_LIT("GET"), "/metrics", 200, SLICE_LIT("text/plain; version=0.0.4; charset=utf-8"),
		  SLICE_LIT("# HELP ") },
		{ SLICE_LIT("GET"), "/", 200, SLICE_LIT("text/plain; charset=utf-8"),
		  SLICE_LIT("hookgate " HOOKGATE_VERSION "\n") },
		{ SLICE_LIT("GET"), "", 404, SLICE_LIT("text/plain; charset=utf-8"), SLICE_LIT("there are ") },
		{ SLICE_LIT("GET"), "/metrics/", 404, SLICE_LIT("text/plain; charset=utf-8"), SLICE_LIT("there are ") },
		{ SLICE_LIT("GET"), "/Healthz", 404, SLICE_LIT("text/plain; charset=utf-8"), SLICE_LIT("there are ") },
		{ SLICE_LIT("POST"), "/healthz", 405, SLICE_LIT("text/plain; charset=utf-8"), SLICE_LIT("only ") },
		{ SLICE_LIT("DELETE"), "/metrics", 405, SLICE_LIT("text/plain; charset=utf-8"), SLICE_LIT("only ") },
		{ SLICE_LIT("get"), "/", 405, SLICE_LIT("text/plain; charset=utf-8"), SLICE_LIT("only ") },
		{ SLICE_LIT(""), "/nowhere", 405, SLICE_LIT("text/plain; charset=utf-8"), SLICE_LIT("only ") },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		ask(f, cases[i].method, cases[i].path, NULL, 0);
		if (f->answer.status != cases[i].status || !slice_starts(f->answer.body, cases[i].body))
			fail_msg("row %zu: %u %.*s", i, f->answer.status, SLICE_ARGS(f->answer.body));
		assert_true(slice_eq(header(&f->answer, SLICE("Content-Type")), cases[i].type));
		assert_true(slice_eq(header(&f->answer, SLICE("Allow")),
				     cases[i].status == 405 ? SLICE("GET, HEAD") : SLICE_NONE));
		assert_int_equal(f->answer.header_count, cases[i].status == 405 ? 2 : 1);
	}
}

#define AUTHORIZATION(value)                                                                                           \
	{                                                                                                              \
		SLICE_LIT("authorization"), SLICE_LIT(value)                                                           \
	}

static void metrics_ask_for_the_token(void **state)
{
	static const struct {
		struct slice token;
		struct header headers[2];
		size_t count;
		bool let_in;
	} cases[] = {
		{ SLICE_LIT(""), { AUTHORIZATION("") }, 0, true },
		{ SLICE_LIT(""), { AUTHORIZATION("Basic eDp5") }, 1, true },
		{ SLICE_LIT("s3cret"), { AUTHORIZATION("") }, 0, false },
		{ SLICE_LIT("s3cret"), { AUTHORIZATION("") }, 1, false },
		{ SLICE_LIT("s3cret"), { AUTHORIZATION("Bearer s3cret") }, 1, true },
		{ SLICE_LIT("s3cret"), { AUTHORIZATION("bearer s3cret") }, 1, true },
		{ SLICE_LIT("s3cret"), { AUTHORIZATION("BEARER s3cret") }, 1, true },
		{ SLICE_LIT("s3cret"), { AUTHORIZATION("Bearer   s3cret") }, 1, true },
		{ SLICE_LIT("s3cret"), { { SLICE_LIT("AUTHORIZATION"), SLICE_LIT("Bearer s3cret") } }, 1, true },
		{ SLICE_LIT("s3cret"), { AUTHORIZATION("Bearer S3CRET") }, 1, false },
		{ SLICE_LIT("s3cret"), { AUTHORIZATION("Bearer s3cre") }, 1, false },
		{ SLICE_LIT("s3cret"), { AUTHORIZATION("Bearer s3crets") }, 1, false },
		{ SLICE_LIT("s3cret"), { AUTHORIZATION("Bearer s3cret s3cret") }, 1, false },
		{ SLICE_LIT("s3cret"), { AUTHORIZATION("Bearer s3cret\0") }, 1, false },
		{ SLICE_LIT("s3cret"), { AUTHORIZATION("Bearer") }, 1, false },
		{ SLICE_LIT("s3cret"), { AUTHORIZATION("Bearer ") }, 1, false },
		{ SLICE_LIT("s3cret"), { AUTHORIZATION("Bearers3cret") }, 1, false },
		{ SLICE_LIT("s3cret"), { AUTHORIZATION("Basic s3cret") }, 1, false },
		{ SLICE_LIT("s3cret"), { AUTHORIZATION("s3cret") }, 1, false },
		{ SLICE_LIT("s3cret"), { AUTHORIZATION(" s3cret") }, 1, false },
		{ SLICE_LIT("s3cret"), { { SLICE_LIT("X-Authorization"), SLICE_LIT("Bearer s3cret") } }, 1, false },
		/* Twice, whichever comes first. */
		{ SLICE_LIT("s3cret"), { AUTHORIZATION("Bearer s3cret"), AUTHORIZATION("Bearer s3cret") }, 2, false },
		{ SLICE_LIT("s3cret"), { AUTHORIZATION("Bearer s3cret"), AUTHORIZATION("Bearer wrong") }, 2, false },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		f->sources.token = cases[i].token;
		ask(f, SLICE("GET"), "/metrics", cases[i].headers, cases[i].count);
		if (f->answer.status != (cases[i].let_in ? 200u : 401u))
			fail_msg("row %zu: %u", i, f->answer.status);
		/* Who is kept out learns how to come in, and nothing else. */
		assert_int_equal(slice_starts(f->answer.body, SLICE("# HELP ")), cases[i].let_in);
		assert_int_equal(f->page.n > 0, cases[i].let_in);
		assert_true(slice_eq(header(&f->answer, SLICE("WWW-Authenticate")),
				     cases[i].let_in ? SLICE_NONE : SLICE("Bearer realm=\"hookgate\"")));
	}
}

/* A probe cannot send one. */
static void health_asks_for_no_token(void **state)
{
	struct fixture *f = *state;

	f->sources.token = SLICE("s3cret");
	ask(f, SLICE("GET"), "/healthz", NULL, 0);
	assert_int_equal(f->answer.status, 200);
	ask(f, SLICE("GET"), "/readyz", NULL, 0);
	assert_int_equal(f->answer.status, 503);
	ask(f, SLICE("GET"), "/", NULL, 0);
	assert_int_equal(f->answer.status, 200);
}

static void ready_when_every_worker_is(void **state)
{
	static const struct {
		uint32_t ready, away;
		bool draining, wanted;
		const char *why;
	} cases[] = {
		{ 0, 0, false, false, "redis_away" }, { 1, 0, false, false, "redis_away" },
		{ 1, 1, false, false, "redis_away" }, { 2, 0, false, true, "ready" },
		{ 2, 0, true, false, "draining" },    { 0, 2, true, false, "draining" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *why = NULL;
		char body[64];

		atomic_store(&f->watch.ready, cases[i].ready);
		atomic_store(&f->watch.away, cases[i].away);
		f->sources.draining = cases[i].draining;
		assert_int_equal(admin_ready(&f->sources, &why), cases[i].wanted);
		assert_string_equal(why, cases[i].why);
		ask(f, SLICE("GET"), "/readyz", NULL, 0);
		assert_int_equal(f->answer.status, cases[i].wanted ? 200 : 503);
		snprintf(body, sizeof body, "{\"status\":\"%s\"}\n", cases[i].why);
		assert_true(slice_eq(f->answer.body, slice_str(body)));
		ask(f, SLICE("GET"), "/healthz", NULL, 0);
		assert_int_equal(f->answer.status, 200);
	}
}

/* ---- metrics ---- */

/* The page has this line exactly once. */
static bool has_line(struct slice page, struct slice wanted)
{
	struct slice line;
	size_t times = 0;

	while (page.n > 0) {
		slice_cut(page, '\n', &line, &page);
		times += slice_eq(line, wanted);
	}
	return times == 1;
}

/* How many lines begin so. */
static size_t count_lines(struct slice page, struct slice beginning)
{
	struct slice line;
	size_t times = 0;

	while (page.n > 0) {
		slice_cut(page, '\n', &line, &page);
		times += slice_starts(line, beginning);
	}
	return times;
}

static struct slice metrics(struct fixture *f)
{
	room(f);
	buf_clear(&f->page);
	admin_metrics(&f->sources, &f->page);
	return buf_slice(&f->page);
}

static void must_have(struct slice page, const char *line)
{
	if (!has_line(page, slice_str(line)))
		fail_msg("not once: %s\n%.*s", line, SLICE_ARGS(page));
}

static size_t add_route(struct fixture *f, const char *route, const char *provider)
{
	size_t number;

	assert_int_equal(intake_series_route(f->series, slice_str(route), slice_str(provider), &number), 0);
	room(f);
	return number;
}

static size_t add_secret(struct fixture *f, const char *route, const char *secret)
{
	size_t number;

	assert_int_equal(intake_series_secret(f->series, slice_str(route), slice_str(secret), &number), 0);
	room(f);
	return number;
}

static void count(struct fixture *f, size_t worker, size_t number, uint64_t by)
{
	intake_count(intake_stats_at(f->stats[worker], number), by);
}

static void adds_up_the_workers(void **state)
{
	struct fixture *f = *state;
	size_t shop = add_route(f, "shop", "stripe"), old = add_secret(f, "shop", "old");
	struct slice page;

	count(f, 0, shop + INTAKE_accepted, 3);
	count(f, 1, shop + INTAKE_accepted, 40);
	count(f, 1, shop + INTAKE_signature_mismatch, 5);
	count(f, 0, shop + INTAKE_ROUTE_BYTES, 1000);
	count(f, 1, shop + INTAKE_ROUTE_BYTES, 234);
	count(f, 1, shop + INTAKE_ROUTE_DIGEST_IDS, 6);
	count(f, 0, shop + INTAKE_ROUTE_KEYLESS, 11);
	count(f, 0, old, 7);
	count(f, 1, old, 8);
	count(f, 0, INTAKE_not_found, 9);
	page = metrics(f);
	must_have(page, "hookgate_deliveries_total{route=\"shop\",provider=\"stripe\",outcome=\"accepted\"} 43");
	must_have(page,
		  "hookgate_deliveries_total{route=\"shop\",provider=\"stripe\",outcome=\"signature_mismatch\"} 5");
	must_have(page, "hookgate_deliveries_total{route=\"\",provider=\"\",outcome=\"not_found\"} 9");
	must_have(page, "hookgate_delivery_body_bytes_total{route=\"shop\"} 1234");
	must_have(page, "hookgate_events_without_id_total{route=\"shop\"} 6");
	must_have(page, "hookgate_events_without_order_key_total{route=\"shop\"} 11");
	must_have(page, "hookgate_secret_matches_total{route=\"shop\",secret=\"old\"} 15");
	assert_int_equal(count_lines(page, SLICE("hookgate_deliveries_total{")), 3);
}

/* Of ten thousand routes few are delivered to; but a secret that nobody uses any more is what a person looks for. */
static void leaves_zeros_out(void **state)
{
	struct fixture *f = *state;
	size_t busy = add_route(f, "busy", "stripe");
	struct slice page;

	add_route(f, "idle", "stripe");
	add_secret(f, "idle", "unused");
	page = metrics(f);
	assert_int_equal(count_lines(page, SLICE("hookgate_deliveries_total{")), 0);
	assert_int_equal(count_lines(page, SLICE("hookgate_delivery_body_bytes_total{")), 0);
	assert_int_equal(count_lines(page, SLICE("hookgate_events_without_id_total{")), 0);
	must_have(page, "hookgate_secret_matches_total{route=\"idle\",secret=\"unused\"} 0");
	count(f, 1, busy + INTAKE_duplicate, 1);
	page = metrics(f);
	must_have(page, "hookgate_deliveries_total{route=\"busy\",provider=\"stripe\",outcome=\"duplicate\"} 1");
	assert_int_equal(count_lines(page, SLICE("hookgate_deliveries_total{")), 1);
	assert_int_equal(count_lines(page, SLICE("hookgate_delivery_body_bytes_total{")), 0);
}

static void escapes_labels(void **state)
{
	struct fixture *f = *state;
	size_t number = add_route(f, "a\"b\\c\nd}", "\\\\\"");
	size_t secret = add_secret(f, "a\"b\\c\nd}", "\n\xc3\xa9\t");
	struct slice page;

	count(f, 0, number + INTAKE_accepted, 1);
	count(f, 0, number + INTAKE_ROUTE_BYTES, 2);
	count(f, 0, secret, 3);
	page = metrics(f);
	must_have(page, "hookgate_deliveries_total{route=\"a\\\"b\\\\c\\nd}\",provider=\"\\\\\\\\\\\"\","
			"outcome=\"accepted\"} 1");
	must_have(page, "hookgate_delivery_body_bytes_total{route=\"a\\\"b\\\\c\\nd}\"} 2");
	must_have(page, "hookgate_secret_matches_total{route=\"a\\\"b\\\\c\\nd}\",secret=\"\\n\xc3\xa9\t\"} 3");
}

static void histograms_are_cumulative(void **state)
{
	struct fixture *f = *state;
	struct slice page;

	intake_histogram_add(&f->stats[0]->answer_us, 50);
	intake_histogram_add(&f->stats[1]->answer_us, 51);
	intake_histogram_add(&f->stats[0]->answer_us, 100);
	intake_histogram_add(&f->stats[1]->answer_us, 2500000);
	intake_histogram_add(&f->stats[1]->answer_us, 60000000);
	intake_histogram_add(&f->stats[0]->store_us, 1000);
	page = metrics(f);
	must_have(page, "# TYPE hookgate_answer_duration_seconds histogram");
	must_have(page, "hookgate_answer_duration_seconds_bucket{le=\"5e-05\"} 1");
	must_have(page, "hookgate_answer_duration_seconds_bucket{le=\"0.0001\"} 3");
	must_have(page, "hookgate_answer_duration_seconds_bucket{le=\"0.00025\"} 3");
	must_have(page, "hookgate_answer_duration_seconds_bucket{le=\"1\"} 3");
	must_have(page, "hookgate_answer_duration_seconds_bucket{le=\"2.5\"} 4");
	must_have(page, "hookgate_answer_duration_seconds_bucket{le=\"+Inf\"} 5");
	must_have(page, "hookgate_answer_duration_seconds_sum 62.500201");
	must_have(page, "hookgate_answer_duration_seconds_count 5");
	assert_int_equal(count_lines(page, SLICE("hookgate_answer_duration_seconds_bucket{")), INTAKE_BUCKETS + 1);
	must_have(page, "hookgate_redis_duration_seconds_bucket{le=\"0.0005\"} 0");
	must_have(page, "hookgate_redis_duration_seconds_bucket{le=\"0.001\"} 1");
	must_have(page, "hookgate_redis_duration_seconds_bucket{le=\"+Inf\"} 1");
	must_have(page, "hookgate_redis_duration_seconds_sum 0.001000");
	must_have(page, "hookgate_redis_duration_seconds_count 1");
}

static void simple_values(void **state)
{
	struct fixture *f = *state;
	struct intake_stats *a = f->stats[0], *b = f->stats[1];
	struct slice page;

	intake_count(&a->connections_opened, 10), intake_count(&b->connections_opened, 5);
	intake_count(&a->connections_closed, 4), intake_count(&b->connections_refused, 2);
	/* Read between a request's end and its beginning: not below zero. */
	intake_count(&a->requests_begun, 1), intake_count(&b->requests_ended, 2);
	intake_count(&a->body_bytes_held, 100), intake_count(&b->body_bytes_held, 11);
	intake_count(&a->store_state, STORE_READY);
	intake_count(&a->store_connects, 1), intake_count(&b->store_connects, 2);
	intake_count(&a->store_losses, 3), intake_count(&b->store_timeouts, 4);
	intake_count(&a->store_refusals, 5), intake_count(&b->store_script_loads, 6);
	intake_count(&a->store_shortfalls, 7);
	intake_count(&a->store_moved, 8), intake_count(&b->store_moved, 1);
	intake_count(&a->store_asked, 10), intake_count(&b->store_asked_again, 11);
	intake_histogram_add(&b->wait_us, 1500000);
	f->sources.reloads_done = 7;
	f->sources.reloads_refused = 8;
	f->sources.loaded_ms = 1767225600123;
	f->sources.started_ms = 1767225600004;
	page = metrics(f);
	must_have(page, "hookgate_connections 11");
	must_have(page, "hookgate_connections_opened_total 15");
	must_have(page, "hookgate_connections_refused_total 2");
	must_have(page, "hookgate_requests_in_flight 0");
	must_have(page, "hookgate_buffered_bytes 111");
	must_have(page, "hookgate_ready 0");
	must_have(page, "hookgate_workers 2");
	must_have(page, "hookgate_redis_connections_ready 1");
	must_have(page, "hookgate_redis_connects_total 3");
	must_have(page, "hookgate_redis_losses_total 3");
	must_have(page, "hookgate_redis_timeouts_total 4");
	must_have(page, "hookgate_redis_refusals_total 5");
	must_have(page, "hookgate_redis_script_loads_total 6");
	must_have(page, "hookgate_redis_shortfalls_total 7");
	must_have(page, "hookgate_redis_redirections_total{kind=\"moved\"} 9");
	must_have(page, "hookgate_redis_redirections_total{kind=\"ask\"} 10");
	must_have(page, "hookgate_redis_redirections_total{kind=\"tryagain\"} 11");
	must_have(page, "hookgate_redis_wait_duration_seconds_sum 1.500000");
	must_have(page, "hookgate_config_reloads_total{result=\"done\"} 7");
	must_have(page, "hookgate_config_reloads_total{result=\"refused\"} 8");
	must_have(page, "hookgate_config_loaded_timestamp_seconds 1767225600.123");
	must_have(page, "process_start_time_seconds 1767225600.004");
	must_have(page, "hookgate_build_info{version=\"" HOOKGATE_VERSION "\"} 1");
	/* Resident memory: some of it, whatever it is. */
	assert_false(has_line(page, SLICE("process_resident_memory_bytes 0")));
	intake_count(&a->requests_begun, 4);
	atomic_store(&f->watch.ready, WORKERS);
	page = metrics(f);
	must_have(page, "hookgate_requests_in_flight 3");
	must_have(page, "hookgate_ready 1");
}

/* "NAME", "NAME{labels}", "NAME_bucket" and the like: is the sample one of the family's? */
static bool is_of(struct slice sample, struct slice name, bool histogram)
{
	static const struct slice ends[] = { SLICE_LIT("_bucket{"), SLICE_LIT("_sum "), SLICE_LIT("_count ") };
	struct slice rest = slice_from(sample, name.n);

	if (!slice_starts(sample, name))
		return false;
	if (!histogram)
		return slice_starts(rest, SLICE("{")) || slice_starts(rest, SLICE(" "));
	return slice_starts(rest, ends[0]) || slice_starts(rest, ends[1]) || slice_starts(rest, ends[2]);
}

/* The text format's rule: HELP and TYPE once, and then the family's lines, none of another family among them. */
static void families_stand_together(void **state)
{
	struct fixture *f = *state;
	struct slice page, line, word, name = SLICE_NONE, type = SLICE_NONE;
	size_t families = 0, samples = 0;

	for (size_t i = 0; i < 3; i++) {
		char route[16];
		size_t number;

		snprintf(route, sizeof route, "route-%zu", i);
		number = add_route(f, route, "stripe");
		for (size_t k = 0; k < INTAKE_ROUTE_COUNTERS; k++)
			count(f, i % WORKERS, number + k, 1);
		add_secret(f, route, "new");
		add_secret(f, route, "old");
	}
	page = metrics(f);
	assert_true(page.n > 0 && page.p[page.n - 1] == '\n');
	while (page.n > 0) {
		slice_cut(page, '\n', &line, &page);
		if (slice_starts(line, SLICE("# HELP "))) {
			char once[128];

			slice_cut(slice_from(line, 7), ' ', &name, &word);
			assert_true(word.n > 0);
			snprintf(once, sizeof once, "# HELP %.*s ", SLICE_ARGS(name));
			assert_int_equal(count_lines(buf_slice(&f->page), slice_str(once)), 1);
			slice_cut(page, '\n', &line, &page);
			assert_true(slice_starts(line, SLICE("# TYPE ")));
			slice_cut(slice_from(line, 7), ' ', &word, &type);
			assert_true(slice_eq(word, name));
			assert_true(slice_eq(type, SLICE("counter")) || slice_eq(type, SLICE("gauge")) ||
				    slice_eq(type, SLICE("histogram")));
			families++;
		} else {
			if (!is_of(line, name, slice_eq(type, SLICE("histogram"))))
				fail_msg("under %.*s: %.*s", SLICE_ARGS(name), SLICE_ARGS(line));
			samples++;
		}
	}
	assert_true(families >= 20);
	assert_true(samples >= 3 * (INTAKE_ROUTE_COUNTERS + 2) + 2 * (INTAKE_BUCKETS + 3));
}

/* The page's memory is used again, and nothing of the page before is left. */
static void asks_again(void **state)
{
	struct fixture *f = *state;
	struct slice first;

	ask(f, SLICE("GET"), "/metrics", NULL, 0);
	assert_int_equal(count_lines(f->answer.body, SLICE("# TYPE hookgate_ready ")), 1);
	ask(f, SLICE("GET"), "/metrics", NULL, 0);
	assert_int_equal(count_lines(f->answer.body, SLICE("# TYPE hookgate_ready ")), 1);
	ask(f, SLICE("GET"), "/readyz", NULL, 0);
	first = f->answer.body;
	assert_true(slice_eq(first, SLICE("{\"status\":\"redis_away\"}\n")));
	assert_int_equal(f->answer.header_count, 1);
}

#define WITH_SOURCES(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		WITH_SOURCES(pages_by_path),
		WITH_SOURCES(metrics_ask_for_the_token),
		WITH_SOURCES(health_asks_for_no_token),
		WITH_SOURCES(ready_when_every_worker_is),
		WITH_SOURCES(adds_up_the_workers),
		WITH_SOURCES(leaves_zeros_out),
		WITH_SOURCES(escapes_labels),
		WITH_SOURCES(histograms_are_cumulative),
		WITH_SOURCES(simple_values),
		WITH_SOURCES(families_stand_together),
		WITH_SOURCES(asks_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
