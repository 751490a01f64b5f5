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
		{ VERIFY("{ url: \"https://a.example.com/k\", content_type: text/plain }"), "nothing to post" },
		{ VERIFY("{ url: \"https://a.example.com/k\", ended: /e }"), "where the key stands: at" },
		{ VERIFY("{ url: \"https://a.example.com/k\", at: key }"), "no JSON pointer" },
		{ VERIFY("{ url: \"https://a.example.com/k\", absent: { text: x } }"), "does not say its status" },
		{ VERIFY("{ url: \"https://a.example.com/k\", absent: { status: 500 } }"), "499" },
		{ VERIFY("{ url: \"https://a.example.com/k\", token: { url: \"https://a.example.com/t\" } }"),
		  "must have url, client_id and client_secret" },
		{ VERIFY("{ url: \"https://a.example.com/k\", token: { url: \"https://a.example.com/t\", client_id: "
			 "\"{header:I}\", client_secret: s } }"),
		  "only options may be in it" },
		{ VERIFY("{ url: \"https://a.example.com/k\", hosts: a.example.com, token: { url: "
			 "\"https://b.example.com/t\", client_id: i, client_secret: s } }"),
		  "none of those" },
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

static const struct trust_description *described(const char *keys, struct config_diag *diag)
{
	struct trust_description *d = NULL;
	struct buf text = BUF_EMPTY;

	buf_printf(&text,
		   HEAD "options:\n  - name: login\n  - { name: pass, default: p&w }\nverify: { algorithm: ed25519, "
			"signature: { "
			"header: S, encoding: hex }, signed: \"{body}\", keys: %s }\n",
		   keys);
	if (trust_description_read(buf_slice(&text), "d.yaml", diag, &d))
		fail_msg("%s", fixture_findings(diag));
	buf_free(&text);
	return d;
}

/* What is asked for differs in its name whenever anything of it differs. */
static void test_asks(void **state)
{
	static const char *const keys[] = {
		"{ url: \"https://a.example.com/k\" }",
		"{ url: \"https://a.example.com/k\", post: '{{\"kid\":{header:Kid|json}}}' }",
		"{ url: \"https://a.example.com/k\", post: '{{\"kid\":{header:Kid|json}}}', content_type: text/plain }",
		"{ url: \"https://a.example.com/k\", token: { url: \"https://a.example.com/t\", client_id: i, "
		"client_secret: "
		"\"{option:pass}\", scope: \"a b\" } }",
		"{ url: \"https://a.example.com/k\", token: { url: \"https://a.example.com/t\", client_id: j, "
		"client_secret: "
		"\"{option:pass}\" } }",
	};
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	struct header headers[] = { { SLICE("Kid"), SLICE("one\"") } };
	struct request request = { .method = SLICE("POST"), .path = SLICE("/"), .headers = headers, .header_count = 1 };
	struct arena *arena = arena_new(4096, 1 << 20);
	struct slice names[ARRAY_SIZE(keys)];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const struct trust_description *d = described(keys[i], &diag);
		struct trust_reading reading = { .description = d, .request = &request, .arena = arena };
		struct slice url = SLICE("https://a.example.com/k");
		struct trust_asks asks;

		assert_int_equal(trust_asks_make(&d->verify.published, url, &reading, &asks), TRUST_FOUND);
		assert_true(slice_starts(asks.key.name, url));
		assert_true(slice_eq(trust_key_address(asks.key.name), url));
		names[i] = asks.key.name;
		for (size_t k = 0; k < i; k++)
			assert_false(slice_eq(names[i], names[k]));
		if (i == 1)
			assert_true(slice_eq(asks.key.body, SLICE("{\"kid\":\"one\\\"\"}")));
		assert_true((asks.key.content_type.n > 0) == (i == 1 || i == 2));
		/* i:p%26w */
		if (i == 3) {
			assert_true(slice_eq(asks.token.authorization, SLICE("Basic aTpwJTI2dw==")));
			assert_true(slice_eq(asks.token.body, SLICE("grant_type=client_credentials&scope=a%20b")));
			assert_true(asks.token.token);
		}
		trust_asks_wipe(&asks);
		trust_description_free((struct trust_description *)(uintptr_t)d);
	}
	arena_free(arena);
	config_diag_free(&diag);
}

/* All options that are sent must have a value. */
static void test_ready(void **state)
{
	static const struct {
		const char *keys, *lacks;
	} rows[] = {
		{ "{ url: \"https://a.example.com/k\" }", "" },
		{ "{ url: \"https://a.example.com/k\", post: \"{option:pass}\" }", "" },
		{ "{ url: \"https://a.example.com/k\", post: \"{option:pass}{option:login}\" }", "login" },
		{ "{ url: \"https://a.example.com/{option:login}\" }", "login" },
		{ "{ url: \"https://a.example.com/k\", token: { url: \"https://a.example.com/t\", client_id: "
		  "\"{option:login}\", client_secret: \"{option:pass}\" } }",
		  "login" },
	};
	struct config_diag diag = CONFIG_DIAG_EMPTY;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct trust_description *d = described(rows[i].keys, &diag);
		struct buf lacks = BUF_EMPTY;

		trust_published_lacks(d, &lacks);
		assert_true(slice_eq(buf_slice(&lacks), slice_str(rows[i].lacks)));
		assert_int_equal(trust_published_ready(d), lacks.n == 0);
		buf_free(&lacks);
		trust_description_free((struct trust_description *)(uintptr_t)d);
	}
	config_diag_free(&diag);
}

static void test_the_key_in_an_answer(void **state)
{
	static const struct {
		const char *answer, *key; /* NULL: there is none */
		bool ended;
	} rows[] = {
		{ "{\"key\":{\"kty\":\"EC\"},\"x\":1}", "{\"kty\":\"EC\"}", false },
		{ "{\"key\":{\"kty\":\"EC\",\"over\":null}}", "{\"kty\":\"EC\",\"over\":null}", false },
		{ "{\"key\":{\"kty\":\"EC\",\"over\":5}}", "{\"kty\":\"EC\",\"over\":5}", true },
		{ "{\"key\":\"a\\nb\"}", "a\nb", false },
		{ "{\"key\":5}", NULL, false },
		{ "{}", NULL, false },
		{ "<html>", NULL, false },
	};
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	const struct trust_description *d =
		described("{ url: \"https://a.example.com/k\", at: /key, ended: /key/over }", &diag);
	struct arena *arena = arena_new(4096, 1 << 20);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct reason reason = { "" };
		struct slice key;
		bool ended;
		bool is_key = trust_published_key(&d->verify.published, slice_str(rows[i].answer), arena, &key, &ended,
						  &reason);

		if (is_key != (rows[i].key != NULL) || (is_key && !slice_eq(key, slice_str(rows[i].key))) ||
		    ended != rows[i].ended)
			fail_msg("%s", rows[i].answer);
	}
	arena_free(arena);
	trust_description_free((struct trust_description *)(uintptr_t)d);
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
		cmocka_unit_test(test_asks),
		cmocka_unit_test(test_ready),
		cmocka_unit_test(test_the_key_in_an_answer),
		cmocka_unit_test(test_what_comes_of_a_delivery),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
