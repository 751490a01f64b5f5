/* Unit tests of intake/plan: a file made ready to serve, and all that is wrong with one that is not. */
#include "base/buf.h"
#include "intake/plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#define HEAD "listen: 127.0.0.1:0\nredis: { url: \"unix:///nowhere/redis.sock\", prefix: pre }\n"

static char folder[64], file[80];

static void write_file(const char *path, struct slice text)
{
	FILE *out = fopen(path, "we");

	assert_non_null(out);
	assert_int_equal(fwrite(text.p, 1, text.n, out), text.n);
	assert_int_equal(fclose(out), 0);
}

static int set_up(void **state)
{
	snprintf(folder, sizeof folder, "/tmp/hookgate-plan-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(file, sizeof file, "%s/h.yaml", folder);
	return 0;
}

static int tear_down(void **state)
{
	unlink(file);
	assert_int_equal(rmdir(folder), 0);
	return 0;
}

/* All findings as lines, the folder left out; in static memory. */
static const char *findings(const struct config_diag *diag)
{
	static char text[4096];
	size_t at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < diag->count && at + 600 < sizeof text; i++) {
		char line[600];

		config_finding_format(&diag->findings[i], line, sizeof line);
		at += (size_t)snprintf(text + at, sizeof text - at, "%s\n",
				       slice_starts(slice_str(line), slice_str(folder)) ? line + strlen(folder) + 1
											: line);
	}
	return text;
}

static struct intake_plan *must_plan(struct slice text, struct intake_series *series)
{
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	struct intake_plan *plan = NULL;

	write_file(file, text);
	if (intake_plan_new(file, series, &diag, &plan) != 0)
		fail_msg("%s", findings(&diag));
	config_diag_free(&diag);
	return plan;
}

/* ---- look-up ---- */

static struct slice numbered(char text[64], const char *before, int i)
{
	return slice_of(text, (size_t)snprintf(text, 64, "%s%d", before, i));
}

static void finds_each_of_many(void **state)
{
	enum { ROUTES = 1000 };
	struct buf text = BUF_EMPTY;
	struct intake_plan *plan;
	char path[64], name[64];

	buf_add_str(&text, HEAD "routes:\n");
	for (int i = 0; i < ROUTES; i++)
		buf_printf(&text, "  - { name: route-%d, path: /hooks/%d, provider: none }\n", i, i);
	plan = must_plan(buf_slice(&text), NULL);
	buf_free(&text);
	assert_int_equal(intake_plan_config(plan)->route_count, ROUTES);
	for (int i = 0; i < ROUTES; i++) {
		const struct intake_route *route = intake_plan_route(plan, numbered(path, "/hooks/", i));
		char stream[64];

		assert_non_null(route);
		assert_ptr_equal(route->config, &intake_plan_config(plan)->routes[i]);
		assert_true(slice_eq(route->config->name, numbered(name, "route-", i)));
		assert_ptr_equal(intake_plan_named(plan, route->config->name), route);
		assert_ptr_equal(route->verifier, trust_set_verifier(intake_plan_set(plan), (size_t)i));
		snprintf(stream, sizeof stream, "pre:{route-%d}:events", i);
		assert_true(slice_eq(store_target_stream(route->target), slice_str(stream)));
	}
	/* None of these is there, however near it comes. */
	for (int i = 0; i < ROUTES; i++) {
		assert_null(intake_plan_route(plan, numbered(path, "/hooks/", i + ROUTES)));
		assert_null(intake_plan_route(plan, numbered(name, "route-", i)));
		assert_null(intake_plan_named(plan, numbered(path, "/hooks/", i)));
	}
	intake_plan_unref(plan);
}

/* A path is compared byte by byte, and all of it. */
static void finds_nothing_else(void **state)
{
	static const struct {
		struct slice path;
		const char *route; /* NULL: none */
	} cases[] = {
		{ SLICE_LIT("/a"), "one" },  { SLICE_LIT("/a/"), "two" }, { SLICE_LIT("/a/b"), "three" },
		{ SLICE_LIT("/"), "four" },  { SLICE_LIT(""), NULL },	  { SLICE_LIT("a"), NULL },
		{ SLICE_LIT("/A"), NULL },   { SLICE_LIT("/a\0"), NULL }, { SLICE_LIT("/a?"), NULL },
		{ SLICE_LIT("/%61"), NULL }, { SLICE_LIT("//"), NULL },	  { SLICE_LIT("/a/b/"), NULL },
	};
	struct intake_plan *plan = must_plan(SLICE(HEAD "routes:\n"
							"  - { name: one, path: /a, provider: none }\n"
							"  - { name: two, path: /a/, provider: none }\n"
							"  - { name: three, path: /a/b, provider: none }\n"
							"  - { name: four, path: /, provider: none }\n"),
					     NULL);

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct intake_route *route = intake_plan_route(plan, cases[i].path);

		if (!route != !cases[i].route || (route && !slice_eq(route->config->name, slice_str(cases[i].route))))
			fail_msg("\"%.*s\" is %s", SLICE_ARGS(cases[i].path), route ? "another's" : "nobody's");
	}
	assert_null(intake_plan_named(plan, SLICE("on")));
	assert_null(intake_plan_named(plan, SLICE("")));
	intake_plan_unref(plan);
}

/* ---- numbers of counters ---- */

/* A reload that turns the routes about and drops a secret leaves every name its number. */
static void numbers_outlive_reloads(void **state)
{
	struct intake_series *series;
	struct intake_plan *old, *new;
	const struct intake_route *a, *b, *new_a, *new_b;

	assert_int_equal(intake_series_new(&series), 0);
	old = must_plan(SLICE(HEAD
			      "routes:\n"
			      "  - { name: a, path: /a, provider: stripe, secrets: [ { name: x, value: one },"
			      " { name: y, value: two } ] }\n"
			      "  - { name: b, path: /b, provider: stripe, secrets: [ { name: x, value: one } ] }\n"),
			series);
	new = must_plan(SLICE(HEAD "routes:\n"
				   "  - { name: c, path: /c, provider: none }\n"
				   "  - { name: b, path: /b, provider: stripe, secrets: [ { name: x, value: one } ] }\n"
				   "  - { name: a, path: /a, provider: stripe, secrets: [ { name: y, value: two },"
				   " { name: z, value: three } ] }\n"),
			series);
	a = intake_plan_named(old, SLICE("a")), b = intake_plan_named(old, SLICE("b"));
	new_a = intake_plan_named(new, SLICE("a")), new_b = intake_plan_named(new, SLICE("b"));
	assert_int_equal(a->series, INTAKE_ROUTE_COUNTERS);
	assert_int_equal(a->secret_series[0], 2 * INTAKE_ROUTE_COUNTERS);
	assert_int_equal(a->secret_series[1], 2 * INTAKE_ROUTE_COUNTERS + 1);
	assert_int_equal(b->series, 2 * INTAKE_ROUTE_COUNTERS + 2);
	assert_int_equal(b->secret_series[0], 3 * INTAKE_ROUTE_COUNTERS + 2);
	assert_int_equal(intake_plan_named(new, SLICE("c"))->series, 3 * INTAKE_ROUTE_COUNTERS + 3);
	assert_int_equal(new_a->series, a->series);
	assert_int_equal(new_b->series, b->series);
	assert_int_equal(new_a->secret_series[0], a->secret_series[1]);
	assert_int_equal(new_a->secret_series[1], 4 * INTAKE_ROUTE_COUNTERS + 3);
	assert_int_equal(new_b->secret_series[0], b->secret_series[0]);
	intake_plan_unref(old);
	intake_plan_unref(new);
	intake_series_free(series);
}

/* Whoever holds a reference keeps the plan; with the last it goes (AddressSanitizer would tell). */
static void lives_as_long_as_its_last_reference(void **state)
{
	struct intake_plan *plan = must_plan(SLICE(HEAD "routes: [ { name: a, path: /a, provider: none } ]\n"), NULL);

	assert_ptr_equal(intake_plan_ref(plan), plan);
	intake_plan_unref(plan);
	assert_non_null(intake_plan_route(plan, SLICE("/a")));
	intake_plan_unref(plan);
	intake_plan_unref(NULL);
}

/* ---- what is wrong ---- */

/* Of config/ and of trust/, in the file's order, and in one go. */
static void tells_the_findings_of_both_rooms(void **state)
{
	static const struct {
		const char *text;
		const char *wanted; /* beginnings of the findings, line by line */
	} cases[] = {
		{ HEAD "routes:\n"
		       "  - { name: a, path: /a, provider: strype }\n"
		       "  - { name: b, path: b, provider: none }\n"
		       "  - { name: c, path: /c, provider: stripe }\n"
		       "wrokers: 2\n",
		  "h.yaml:4:36: routes[0].provider: \n"
		  "h.yaml:5:22: routes[1].path: \n"
		  "h.yaml:6:5: routes[2]: \n"
		  "h.yaml:7:1: wrokers: \n" },
		{ HEAD "routes: [ { name: a, path: /a, provider: strype } ]\n", "h.yaml:3:42: routes[0].provider: \n" },
		{ HEAD "routes: [ { name: a, path: /a, provider: none } ]\nmax_body: big\n",
		  "h.yaml:4:11: max_body: \n" },
		/* Nothing to go on with. */
		{ "listen: [", "h.yaml:2:1: not valid YAML: \n" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct config_diag diag = CONFIG_DIAG_EMPTY;
		struct intake_plan *plan = (void *)&diag;
		struct slice wanted = slice_str(cases[i].wanted), begins, got, line;

		write_file(file, slice_str(cases[i].text));
		assert_int_equal(intake_plan_new(file, NULL, &diag, &plan), -EINVAL);
		assert_ptr_equal(plan, &diag);
		got = slice_str(findings(&diag));
		while (wanted.n > 0 || got.n > 0) {
			slice_cut(wanted, '\n', &begins, &wanted);
			slice_cut(got, '\n', &line, &got);
			if (begins.n == 0 || line.n <= begins.n || !slice_starts(line, begins))
				fail_msg("row %zu wants \"%.*s\":\n%s", i, SLICE_ARGS(begins), findings(&diag));
		}
		config_diag_free(&diag);
	}
}

static void tells_of_a_file_that_is_not_there(void **state)
{
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	struct intake_plan *plan = (void *)&diag;

	assert_true(intake_plan_new(file, NULL, &diag, &plan) < 0);
	assert_ptr_equal(plan, &diag);
	assert_int_equal(diag.count, 1);
	config_diag_free(&diag);
}

/* ---- answers ---- */

/* The route's wish goes before the provider's, and the provider's before the outcome's own (status 0). */
static void settles_the_answer(void **state)
{
	static const struct {
		const char *provider, *answer;
		unsigned status, own_status;
		const char *type, *body;
	} cases[] = {
		{ "calm", "", 0, 0, NULL, "" },
		{ "calm", ", answer: { status: 202 }", 0, 202, NULL, "" },
		{ "calm", ", answer: { status: 204 }", 204, 0, NULL, "" },
		{ "calm", ", answer: { status: 205 }", 205, 0, NULL, "" },
		{ "calm", ", answer: { body: ok }", 200, 0, "text/plain", "ok" },
		{ "calm", ", answer: { body: \"\" }", 200, 0, "text/plain", "" },
		{ "calm", ", answer: { status: 201, body: ok, content_type: text/html }", 201, 0, "text/html", "ok" },
		{ "calm", ", answer: { status: 204, body: \"\" }", 204, 0, "text/plain", "" },
		{ "stern", "", 201, 0, "text/x-stern", "[taken]" },
		{ "stern", ", answer: { status: 202 }", 202, 0, "text/x-stern", "[taken]" },
		{ "stern", ", answer: { body: ok }", 201, 0, "text/plain", "ok" },
		{ "stern", ", answer: { status: 202, body: ok, content_type: text/html }", 202, 0, "text/html", "ok" },
	};
	static const struct slice verify = SLICE_LIT("verify: { algorithm: none }\nevent: { id: none, type: none }\n");
	char calm[100], stern[100], providers[80];
	struct buf text = BUF_EMPTY;

	snprintf(providers, sizeof providers, "%s/p", folder);
	snprintf(calm, sizeof calm, "%s/calm.yaml", providers);
	snprintf(stern, sizeof stern, "%s/stern.yaml", providers);
	assert_int_equal(mkdir(providers, 0700), 0);
	buf_printf(&text, "name: calm\ntitle: Calm\nconfidence: standard\n%.*s", SLICE_ARGS(verify));
	write_file(calm, buf_slice(&text));
	buf_clear(&text);
	buf_printf(&text,
		   "name: stern\ntitle: Stern\nconfidence: standard\n%.*s"
		   "answer: { status: 201, body: \"[taken]\", content_type: text/x-stern }\n",
		   SLICE_ARGS(verify));
	write_file(stern, buf_slice(&text));
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct intake_route *route;
		struct intake_plan *plan;
		struct slice type = SLICE_NONE;

		buf_clear(&text);
		buf_printf(&text, HEAD "provider_dir: %s\nroutes: [ { name: a, path: /a, provider: %s%s } ]\n",
			   providers, cases[i].provider, cases[i].answer);
		plan = must_plan(buf_slice(&text), NULL);
		route = intake_plan_route(plan, SLICE("/a"));
		assert_non_null(route);
		if (route->taken.header_count > 0)
			type = route->taken.headers[0].value;
		if (route->taken.status != cases[i].status || route->own_status != cases[i].own_status ||
		    route->taken.header_count != (cases[i].type ? 1u : 0u) ||
		    !slice_eq(type, slice_str(cases[i].type)) || !slice_eq(route->taken.body, slice_str(cases[i].body)))
			fail_msg("%s%s: %u %u %zu \"%.*s\" \"%.*s\"", cases[i].provider, cases[i].answer,
				 route->taken.status, route->own_status, route->taken.header_count, SLICE_ARGS(type),
				 SLICE_ARGS(route->taken.body));
		intake_plan_unref(plan);
	}
	buf_free(&text);
	unlink(calm);
	unlink(stern);
	rmdir(providers);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		WITH_FOLDER(finds_each_of_many),
		WITH_FOLDER(finds_nothing_else),
		WITH_FOLDER(numbers_outlive_reloads),
		WITH_FOLDER(lives_as_long_as_its_last_reference),
		WITH_FOLDER(tells_the_findings_of_both_rooms),
		WITH_FOLDER(tells_of_a_file_that_is_not_there),
		WITH_FOLDER(settles_the_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
