/* trust_describe.c - reading descriptions: what is wrong is told with its place, and what is right takes effect. */
#include "trust/describe.h"
#include "trust/scheme.h"
#include "trust_fixture.h"

#include <errno.h>

#define HEAD "name: t\n"
#define VERIFY "verify: { algorithm: hmac-sha256, signature: { header: X, encoding: hex }, signed: \"{body}\" }\n"

static void test_wrong(void **state)
{
	static const struct {
		const char *text, *finding;
	} rows[] = {
		{ "", "d.yaml:1:1: is empty" },
		{ "- a\n", "is not a map" },
		{ VERIFY, "has no name" },
		{ HEAD, "has no section `verify`" },
		{ "name: Bad Name\n" VERIFY, "must be lower-case letters" },
		{ HEAD VERIFY "if: x\n", "d.yaml:3:1: if: unknown key; accepted are name, title" },
		{ HEAD VERIFY "docs:\n", "has no value" },
		{ HEAD VERIFY "options: [color]\n", "\"color\" is not known; accepted are id, type" },
		{ HEAD "verify: { algorithm: md4 }\n", "\"md4\" is not known; accepted are hmac-sha1, hmac-sha256" },
		{ HEAD "verify: { signed: \"{body}\" }\n", "has no (known) algorithm" },
		{ HEAD "verify: { algorithm: hmac-sha256, signed: \"{body}\" }\n",
		  "does not say where the signature stands" },
		{ HEAD "verify: { algorithm: hmac-sha256, signature: { header: X } }\n",
		  "does not say what is signed" },
		{ HEAD "verify: { algorithm: none, signature: { header: X } }\n", "its algorithm looks at none" },
		{ HEAD "verify: { algorithm: token, signature: { header: X }, signed: \"{body}\" }\n",
		  "its algorithm signs none" },
		{ HEAD "verify: { algorithm: token, signature: { header: X }, covered: full }\n",
		  "its algorithm signs none" },
		{ HEAD "verify: { algorithm: hmac-sha256, signature: { header: X }, signed: \"{timestamp}\" }\n",
		  "does not say where it stands" },
		{ HEAD
		  "verify: { algorithm: hmac-sha256, signature: { header: [A, B, C, D, E] }, signed: \"{body}\" }\n",
		  "more than 4 names" },
		{ HEAD
		  "verify: { algorithm: hmac-sha256, signature: { header: X, list: \", \" }, signed: \"{body}\" }\n",
		  "must be one character" },
		{ HEAD
		  "verify: { algorithm: hmac-sha256, signature: { header: X, encoding: rot13 }, signed: \"{body}\" }\n",
		  "accepted are hex, base64" },
		{ HEAD "verify: { algorithm: hmac-sha256, families: [a, b, c, d, e], signature: { header: X }, signed: "
		       "\"{body}\" }\n",
		  "must have 1 to 4" },
		{ HEAD
		  "verify: { algorithm: hmac-sha256, signature: { header: X }, timestamp: { header: T, tolerance: 5 }, "
		  "signed: \"{timestamp}\" }\n",
		  "is no duration" },
		{ HEAD VERIFY "event: { id: nowhere }\n", "\"nowhere\" is no place" },
		{ HEAD VERIFY "event: { id: [body:/a, body:/b, body:/c, body:/d, body:/e] }\n",
		  "more than 4 alternatives" },
		{ HEAD VERIFY "event: { window: 10ms }\n", "must be at least 1s" },
		{ HEAD VERIFY "event: { id_signed: maybe }\n", "accepted are true, false" },
		{ HEAD VERIFY "handshake: x\n", "must be a list" },
		{ HEAD VERIFY "handshake: [ { name: a } ]\n", "`when` is missing" },
		{ HEAD VERIFY "handshake: [ { method: GET } ]\n", "has no name" },
		{ HEAD VERIFY "handshake: [ { name: a, method: PATCH } ]\n", "accepted are GET, HEAD, OPTIONS, POST" },
		{ HEAD VERIFY "handshake: [ { name: a, when: { \"body:/a\": b }, answer: { status: 500 } } ]\n",
		  "from 200 to 299" },
		{ HEAD VERIFY "refusal: { signature_missing: 200 }\n", "from 400 to 599" },
		{ HEAD VERIFY "answer: { status: 404 }\n", "from 200 to 299" },
		{ HEAD VERIFY "sign: { sample: \"{body}\" }\n", "cannot read a body" },
		{ HEAD VERIFY "title: [a]\n", "must be a text" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct config_diag diag = CONFIG_DIAG_EMPTY;
		struct trust_description *d = NULL;

		assert_int_equal(trust_description_read(slice_str(rows[i].text), "d.yaml", &diag, &d), -EINVAL);
		assert_null(d);
		if (!strstr(fixture_findings(&diag), rows[i].finding))
			fail_msg("row %zu: \"%s\" is not in: %s", i, rows[i].finding, fixture_findings(&diag));
		config_diag_free(&diag);
	}
}

static void test_pointers_are_limited(void **state)
{
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	struct trust_description *d = NULL;
	struct buf text = BUF_EMPTY;

	(void)state;
	buf_add_str(&text, HEAD VERIFY "event: { id: \"");
	for (int i = 0; i < 17; i++)
		buf_printf(&text, "{body:/k%d}", i);
	buf_add_str(&text, "\" }\n");
	assert_int_equal(trust_description_read(buf_slice(&text), "d.yaml", &diag, &d), -EINVAL);
	assert_non_null(strstr(fixture_findings(&diag), "more than 16 of them"));
	buf_free(&text);
	config_diag_free(&diag);
}

static void test_read(void **state)
{
	static const char text[] =
		"name: t\ntitle: T\naliases: [a, b]\ndocs: https://example.com/\nconfidence: memory\nevidence: none\n"
		"verify:\n  algorithm: hmac-sha512\n  key: base64\n  key_prefix: k_\n"
		"  signature: { header: S, list: \",\", field: v1, encoding: base64url }\n"
		"  timestamp: { header: T, unit: milliseconds, tolerance: 10s, future: 2s }\n  "
		"signed: \"{timestamp}{body}\"\n"
		"event: { id: \"header:I\", type: \"body:/t\", id_signed: true, window: 2h }\n"
		"handshake:\n  - { name: g, method: GET, signed: false, when: { \"query:c\": \"*\" "
		"}, answer: { body: \"{query:c}\" } }\n"
		"  - { name: h, method: HEAD, signed: false }\n"
		"answer: { status: 202, body: \"ok\", content_type: text/plain }\n"
		"refusal: { signature_missing: 403, signature_mismatch: 404, "
		"timestamp_out_of_tolerance: 410, malformed_request: 422 }\n"
		"vectors: [ this is not even looked at\n";
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	struct trust_description *d = NULL;

	(void)state;
	if (trust_description_read(slice_str(text), "d.yaml", &diag, &d))
		fail_msg("%s", fixture_findings(&diag));
	assert_int_equal(d->alias_count, 2);
	assert_slice(d->aliases[1], "b");
	assert_slice(d->confidence, "memory");
	assert_slice(d->evidence, "none");
	assert_slice(d->verify.scheme->name, "hmac-sha512");
	assert_int_equal(d->verify.key.form, TRUST_KEY_BASE64);
	assert_int_equal(d->verify.encoding, TRUST_ENCODING_BASE64URL);
	assert_int_equal(d->verify.tolerance_ms, 10000);
	assert_int_equal(d->verify.future_ms, 2000);
	assert_int_equal(d->verify.covered, TRUST_COVER_FULL);
	assert_int_equal(d->window_ms, 2 * 3600 * 1000);
	assert_true(d->id_signed);
	assert_int_equal(d->handshake_count, 2);
	assert_slice(d->allow, "GET, HEAD, POST");
	assert_int_equal(d->answer_status, 202);
	assert_int_equal(d->refusals[TRUST_SIGNATURE_MISSING], 403);
	assert_int_equal(d->refusals[TRUST_SIGNATURE_MISMATCH], 404);
	assert_int_equal(d->refusals[TRUST_TIMESTAMP_OUT_OF_TOLERANCE], 410);
	assert_int_equal(d->refusals[TRUST_MALFORMED_REQUEST], 422);
	assert_null(memmem(d->source.p, d->source.n, "vectors:", 8));
	trust_description_free(d);
	config_diag_free(&diag);
	trust_description_free(NULL);
}

static void test_cut(void **state)
{
	(void)state;
	assert_slice(trust_description_cut(SLICE("a: b\nvectors:\n - x\n")), "a: b\n");
	assert_slice(trust_description_cut(SLICE("vectors: []")), "");
	assert_slice(trust_description_cut(SLICE("a: |\n  vectors:\n")), "a: |\n  vectors:\n");
	assert_slice(trust_description_cut(SLICE("a: vectors:")), "a: vectors:");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_wrong), cmocka_unit_test(test_pointers_are_limited),
					    cmocka_unit_test(test_read), cmocka_unit_test(test_cut) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
