/* Unit tests of trust/published and describe_keys: what a description may say of keys that are published, and what comes
 * of a delivery while none is there. How they are fetched is in keys_fetch.c and tests/scenario/test_keys.py. */
#include "trust/published.h"
#include "trust_fixture.h"

#include <errno.h>

#define HEAD "name: t\ntitle: T\nconfidence: memory\nevidence: none\n"
#define VERIFY(keys)                                                                                                   \
	HEAD "verify: { algorithm: ed25519, signature: { header: S, encoding: hex }, signed: \"{body}\", keys: " keys  \
	     " }\n"

static void test_wrong_descriptions(void **state)
{
	static const struct {
		const char *text, *finding;
	} rows[] = {
		{ VERIFY("{ hosts: a.example.com }"), "does not say where the keys stand" },
		{ VERIFY("{ url: \"{header:U}\" }"), "does not say which hosts" },
		{ VERIFY("{ url: \"https://{header:U}/k\" }"), "does not say which hosts" },
		{ VERIFY("{ url: \"{header:U}\", hosts: [] }"), "must have 1 to 8 names" },
		{ VERIFY("{ url: \"{header:U}\", hosts: \"*.com\" }"), "but for the last two" },
		{ VERIFY("{ url: \"{header:U}\", hosts: a.example.com, path: x }"), "must begin with" },
		{ VERIFY("{ url: \"http://a.example.com/k\" }"), "does not begin with https://" },
		{ VERIFY("{ url: \"https://127.0.0.1/k\" }"), "no plain name" },
		{ VERIFY("{ url: \"https://a.example.com:8443/k\" }"), "another port" },
		{ VERIFY("{ url: \"https://a.example.com/k\", hosts: b.example.com }"), "none of those" },
		{ VERIFY("{ url: \"https://a.example.com/k\", path: /j }"), "not where" },
		{ VERIFY("{ url: \"https://a.example.com/k\", form: jwks }"), "form" },
		{ HEAD "verify: { algorithm: hmac-sha256, signature: { header: S }, signed: \"{body}\", keys: { url: "
		       "\"https://a.example.com/k\" } }\n",
		  "anybody can read" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct config_diag diag = CONFIG_DIAG_EMPTY;
		struct trust_description *d = NULL;

		assert_int_equal(trust_description_read(slice_str(rows[i].text), "d.yaml", &diag, &d), -EINVAL);
		if (!strstr(fixture_findings(&diag), rows[i].finding))
			fail_msg("row %zu: \"%s\" is not in: %s", i, rows[i].finding, fixture_findings(&diag));
		config_diag_free(&diag);
	}
}

static void test_right_descriptions(void **state)
{
	static const char text[] =
		VERIFY("{ url: \"{header:U}\", hosts: [a.example.com, sns.*.example.com], path: /k }"),
			  fixed[] = VERIFY("{ url: \"https://a.example.com/k\" }");
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	struct trust_description *d = NULL;
	struct keys_policy policy;
	struct slice host;

	(void)state;
	assert_int_equal(trust_description_read(slice_str(text), "d.yaml", &diag, &d), 0);
	assert_false(d->verify.published.fixed);
	assert_int_equal(d->verify.published.policy.host_count, 2);
	assert_true(slice_eq(d->verify.published.policy.path, SLICE("/k")));
	trust_description_free(d);
	assert_int_equal(trust_description_read(slice_str(fixed), "d.yaml", &diag, &d), 0);
	assert_true(d->verify.published.fixed);
	policy = trust_published_policy(&d->verify.published, d->verify.published.url.text, &host);
	assert_int_equal(policy.host_count, 1);
	assert_true(slice_eq(policy.hosts[0], SLICE("a.example.com")));
	trust_description_free(d);
	config_diag_free(&diag);
}

/* Without a cache nothing is fetched: what would be is pending, what may not be is refused. */
static void test_what_comes_of_a_delivery(void **state)
{
	static const struct {
		const char *url;
		enum trust_result result;
	} rows[] = {
		{ "https://a.example.com/k/1", TRUST_KEY_PENDING },
		{ "https://b.example.com/k/1", TRUST_SIGNATURE_MISMATCH },
		{ "https://a.example.com/j/1", TRUST_SIGNATURE_MISMATCH },
		{ "https://a.example.com/k/../j", TRUST_SIGNATURE_MISMATCH },
		{ "", TRUST_SIGNATURE_MISSING },
		{ NULL, TRUST_SIGNATURE_MISSING },
	};
	struct trust_fixture f;

	(void)state;
	fixture_open(&f, NULL,
		     "  - { name: a, path: /a, provider: hmac, verify: { algorithm: ed25519, signature: { header: S, "
		     "encoding: "
		     "hex }, signed: \"{body}\", keys: { url: \"{header:U}\", hosts: a.example.com, path: /k/ } } }\n");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct header headers[] = { { SLICE("S"), SLICE("00") }, { SLICE("U"), slice_str(rows[i].url) } };
		struct request request = { .method = SLICE("POST"),
					   .target = SLICE("/a"),
					   .path = SLICE("/a"),
					   .headers = headers,
					   .header_count = rows[i].url ? 2 : 1,
					   .body = SLICE("{}") };
		struct trust_verdict verdict = fixture_check(&f, &request, 0);

		if (verdict.result != rows[i].result)
			fail_msg("%s: %d, %s", rows[i].url, (int)verdict.result, verdict.reason);
		if (verdict.result == TRUST_KEY_PENDING)
			assert_true(slice_eq(verdict.key_url, slice_str(rows[i].url)));
	}
	fixture_close(&f);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrong_descriptions),
		cmocka_unit_test(test_right_descriptions),
		cmocka_unit_test(test_what_comes_of_a_delivery),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
