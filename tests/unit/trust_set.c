/* trust_set.c - binding routes: what is wrong with a route is told at its place, and what a route may say takes
 * effect. */
#include "trust_fixture.h"

#define HMAC "algorithm: hmac-sha256, signature: { header: X, encoding: hex }, signed: \"{body}\""

static void test_wrong(void **state)
{
	static const struct {
		const char *routes, *finding;
	} rows[] = {
		{ "  - { name: a, path: /a, provider: stirpe, secret: x }\n",
		  "test.yaml:4:36: routes[0].provider: \"stirpe\" is no provider; near to it: stripe" },
		{ "  - { name: a, path: /a, provider: zzzzzz, secret: x }\n",
		  "\"zzzzzz\" is no provider; `hookgate providers`" },
		{ "  - { name: a, path: /a, provider: stripe }\n", "needs a secret" },
		{ "  - { name: a, path: /a, provider: standard-webhooks, secret: \"whsec_!\" }\n", "is not base64" },
		{ "  - { name: a, path: /a, provider: standard-webhooks, secret: whsec_ }\n", "is empty" },
		{ "  - { name: a, path: /a, provider: basic, secret: nocolon }\n", "must be user:password" },
		{ "  - { name: a, path: /a, provider: basic, secret: \"user:\" }\n", "must be user:password" },
		{ "  - { name: a, path: /a, provider: none, secret: x }\n", "this one would protect nothing" },
		{ "  - { name: a, path: /a, provider: hmac, secret: x }\n", "needs a section `verify`" },
		{ "  - { name: a, path: /a, provider: stripe, secret: x, verify: { " HMAC " } }\n",
		  "provider stripe brings its own" },
		{ "  - { name: a, path: /a, provider: hmac, secret: x, verify: { algorithm: rot13 } }\n",
		  "\"rot13\" is not known" },
		{ "  - { name: a, path: /a, provider: hmac, secret: x, verify: { " HMAC ", colour: red } }\n",
		  "colour: unknown key" },
		{ "  - { name: a, path: /a, provider: stripe, secret: x, options: { id: \"body:/x\" } }\n",
		  "provider stripe has no such option" },
		{ "  - { name: a, path: /a, provider: generic, secret: x, options: { id: x } }\n",
		  "\"x\" is no place" },
		{ "  - { name: a, path: /a, provider: generic, secret: x, options: { nope: x } }\n",
		  "nope: provider generic has no such option; accepted: id, type" },
		{ "  - { name: a, path: /a, provider: token, secret: \"a\\nb\" }\n", "control characters" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct trust_fixture f;

		fixture_open(&f, NULL, rows[i].routes);
		if (f.result == 0 || !strstr(fixture_findings(&f.diag), rows[i].finding))
			fail_msg("row %zu: \"%s\" is not in: %s", i, rows[i].finding, fixture_findings(&f.diag));
		assert_non_null(strstr(fixture_findings(&f.diag), "test.yaml:4:"));
		fixture_close(&f);
	}
}

static void test_all_findings_at_once(void **state)
{
	struct trust_fixture f;

	(void)state;
	fixture_open(&f, NULL,
		     "  - { name: a, path: /a, provider: nope, secret: x }\n  - { name: b, path: /b, provider: basic, "
		     "secret: x }\n"
		     "  - { name: c, path: /c, provider: standard-webhooks, secrets: [ { name: one, value: \"!\" }, "
		     "{ name: two, value: \"?\" } ] }\n");
	assert_int_equal(f.diag.errors, 4);
	assert_non_null(strstr(fixture_findings(&f.diag), "\"two\" is not base64"));
	fixture_close(&f);
}

static void test_blanks_are_warned_of(void **state)
{
	struct trust_fixture f;

	(void)state;
	assert_int_equal(setenv("TRUST_SET_SECRET", "x ", 1), 0);
	fixture_open(&f, NULL, "  - { name: a, path: /a, provider: stripe, secret: env:TRUST_SET_SECRET }\n");
	assert_int_equal(f.result, 0);
	assert_non_null(strstr(fixture_findings(&f.diag), "ends with white space"));
	fixture_close(&f);
}

static void test_asked(void **state)
{
	static const struct {
		const char *route;
		uint32_t window;
		bool guarded;
	} rows[] = {
		{ "provider: stripe, secret: x", 3 * 86400, false },
		{ "provider: stripe, secret: x, window: 1h", 3600, false },
		{ "provider: github, secret: x", 3 * 86400, true },
		{ "provider: github-app, secret: x", 3 * 86400, true },
		{ "provider: github, secret: x, replay_guard: off", 3 * 86400, false },
		{ "provider: stripe, secret: x, replay_guard: on", 3 * 86400, true },
		{ "provider: generic, secret: x", 7 * 86400, false },
		{ "provider: generic, secret: x, options: { id: \"header:X-Id\" }", 7 * 86400, true },
		{ "provider: generic, secret: x, options: { id: \"body:/id\" }", 7 * 86400, false },
		/* Whether a body is a form is not signed. */
		{ "provider: generic, secret: x, options: { id: \"form:id\" }", 7 * 86400, true },
		/* One signed text is of several events. */
		{ "provider: dropbox-sign, secret: x", 2 * 86400, false },
		{ "provider: midtrans, secret: x", 7 * 86400, false },
		{ "provider: midtrans, secret: x, replay_guard: on", 7 * 86400, true },
		/* Which of the groups is right, the digest of a missing id does not know. */
		{ "provider: persona, secret: x", 3 * 86400, true },
		/* Part of the id is not signed, or may come from where it is not. */
		{ "provider: generic, secret: x, options: { id: \"{body:/id}-{header:X-Id}\" }", 7 * 86400, true },
		{ "provider: generic, secret: x, options: { id: \"body:/id||header:X-Id\" }", 7 * 86400, true },
		{ "provider: generic, secret: x, options: { id: [ \"body:/id\", \"header:X-Id\" ] }", 7 * 86400, true },
		/* Nothing is signed that could be remembered. */
		{ "provider: token, secret: x, options: { id: \"header:X-Id\" }, replay_guard: on", 7 * 86400, false },
		{ "provider: hmac, secret: x, verify: { " HMAC ", id: \"header:I\", window: 90s }", 90, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct trust_fixture f;
		char route[256];

		(void)snprintf(route, sizeof(route), "  - { name: a, path: /a, %s }\n", rows[i].route);
		fixture_open(&f, NULL, route);
		assert_int_equal(trust_window_s(fixture_verifier(&f)), rows[i].window);
		assert_int_equal(trust_replay_guarded(fixture_verifier(&f)), rows[i].guarded);
		fixture_close(&f);
	}
}

static void test_secret_header(void **state)
{
	static const struct {
		const char *route, *header;
	} rows[] = {
		{ "provider: token, secret: x", "Authorization" },
		{ "provider: token, secret: x, options: { header: X-Gitlab-Token }", "X-Gitlab-Token" },
		{ "provider: basic, secret: \"u:p\"", "Authorization" },
		{ "provider: none", "" },
		{ "provider: stripe, secret: x", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct trust_fixture f;
		char route[256];

		(void)snprintf(route, sizeof(route), "  - { name: a, path: /a, %s }\n", rows[i].route);
		fixture_open(&f, NULL, route);
		assert_slice(trust_secret_header(fixture_verifier(&f)), rows[i].header);
		fixture_close(&f);
	}
}

static void test_methods(void **state)
{
	struct trust_fixture f;
	struct slice allow;

	(void)state;
	fixture_open(&f, NULL, "  - { name: a, path: /a, provider: slack, secret: x }\n");
	assert_true(trust_method_allowed(fixture_verifier(&f), SLICE("POST"), &allow));
	assert_true(trust_method_allowed(fixture_verifier(&f), SLICE("GET"), &allow));
	assert_false(trust_method_allowed(fixture_verifier(&f), SLICE("get"), &allow));
	assert_false(trust_method_allowed(fixture_verifier(&f), SLICE("PUT"), &allow));
	assert_slice(allow, "GET, POST");
	fixture_close(&f);
	fixture_open(&f, NULL, "  - { name: a, path: /a, provider: stripe, secret: x }\n");
	assert_false(trust_method_allowed(fixture_verifier(&f), SLICE("GET"), &allow));
	assert_slice(allow, "POST");
	fixture_close(&f);
	trust_set_free(NULL);
	trust_lane_free(NULL);
	trust_catalogue_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_wrong),
					    cmocka_unit_test(test_all_findings_at_once),
					    cmocka_unit_test(test_blanks_are_warned_of),
					    cmocka_unit_test(test_asked),
					    cmocka_unit_test(test_secret_header),
					    cmocka_unit_test(test_methods) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
