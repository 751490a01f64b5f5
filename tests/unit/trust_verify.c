/* trust_verify.c - signatures, secrets and clocks: what the vectors of plugins/ cannot show. */
#include "base/encode.h"
#include "trust/verify.h"
#include "trust_fixture.h"

static const int64_t NOW = 1764000000000;
static const char BODY[] = "{\"id\":\"evt_1\",\"type\":\"invoice.paid\"}";

/* The clock says milliseconds, Stripe's timestamp seconds: whole seconds are compared, both ends are allowed. */
static void test_edges(void **state)
{
	static const struct {
		int64_t skew_ms;
		enum trust_result result;
	} rows[] = {
		{ 0, TRUST_ACCEPTED },	     { 300000, TRUST_ACCEPTED },
		{ 300999, TRUST_ACCEPTED },  { 301000, TRUST_TIMESTAMP_OUT_OF_TOLERANCE },
		{ -300000, TRUST_ACCEPTED }, { -300001, TRUST_TIMESTAMP_OUT_OF_TOLERANCE },
	};
	struct trust_fixture f;
	struct delivery d;

	(void)state;
	fixture_open(&f, NULL, "  - { name: a, path: /a, provider: stripe, secret: whsec_x }\n");
	delivery_sign(&d, &f, slice_str(BODY), SLICE_NONE, SLICE_NONE, NOW);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct trust_verdict verdict = fixture_check(&f, &d.request, NOW + rows[i].skew_ms);

		if (verdict.result != rows[i].result)
			fail_msg("%lld: %s", (long long)rows[i].skew_ms, verdict.reason);
		assert_true(verdict.has_skew);
	}
	delivery_drop(&d);
	fixture_close(&f);
}

static void test_tolerance_of_the_route(void **state)
{
	struct trust_fixture f;
	struct delivery d;

	(void)state;
	fixture_open(&f, NULL, "  - { name: a, path: /a, provider: stripe, secret: whsec_x, tolerance: 10s }\n");
	delivery_sign(&d, &f, slice_str(BODY), SLICE_NONE, SLICE_NONE, NOW);
	assert_int_equal(fixture_check(&f, &d.request, NOW + 10000).result, TRUST_ACCEPTED);
	assert_int_equal(fixture_check(&f, &d.request, NOW + 11000).result, TRUST_TIMESTAMP_OUT_OF_TOLERANCE);
	assert_int_equal(fixture_check(&f, &d.request, NOW - 11000).result, TRUST_TIMESTAMP_OUT_OF_TOLERANCE);
	assert_string_equal(fixture_check(&f, &d.request, NOW + 11000).reason,
			    "the signed timestamp is 11 s old, 10 s are allowed");
	assert_string_equal(fixture_check(&f, &d.request, NOW - 12000).reason,
			    "the signed timestamp is 12 s in the future, 10 s are allowed");
	delivery_drop(&d);
	fixture_close(&f);
}

static void test_verdict(void **state)
{
	struct trust_verdict verdict;
	struct trust_fixture f;
	struct delivery d;
	char hex[64];

	(void)state;
	fixture_open(&f, NULL,
		     "  - { name: a, path: /a, provider: github, secrets: [ { name: one, value: x }, { name: two, "
		     "value: y } ] }\n");
	delivery_sign(&d, &f, slice_str(BODY), SLICE("d-1"), SLICE("push"), NOW);
	verdict = fixture_check(&f, &d.request, NOW);
	assert_int_equal(verdict.result, TRUST_ACCEPTED);
	assert_slice(verdict.secret, "one");
	assert_int_equal(verdict.secret_index, 0);
	assert_int_equal(verdict.covered, TRUST_COVER_FULL);
	assert_false(verdict.has_skew);
	/* The guard is the MAC: what stands in the header. */
	assert_int_equal(verdict.guard.n, 32);
	encode_hex(verdict.guard, hex);
	assert_true(
		slice_eq(slice_of(hex, 64), slice_from(delivery_header(&d, SLICE("X-Hub-Signature-256"))->value, 7)));
	delivery_drop(&d);
	fixture_close(&f);
}

static void test_refused(void **state)
{
	struct trust_verdict verdict;
	struct trust_fixture f;
	struct delivery d;

	(void)state;
	fixture_open(&f, NULL,
		     "  - { name: a, path: /a, provider: stripe, secrets: [ { name: one, value: x }, { name: two, "
		     "value: y } ] }\n");
	delivery_sign(&d, &f, slice_str(BODY), SLICE_NONE, SLICE_NONE, NOW);
	d.request.body = SLICE("{}");
	verdict = fixture_check(&f, &d.request, NOW);
	assert_int_equal(verdict.result, TRUST_SIGNATURE_MISMATCH);
	assert_string_equal(verdict.reason, "no secret matches the signature (2 tried)");
	assert_int_equal(verdict.secret_index, SIZE_MAX);
	assert_int_equal(verdict.secret.n, 0);
	assert_int_equal(verdict.guard.n, 0);
	assert_false(verdict.has_skew);
	assert_int_equal(verdict.refusal_status, 0);
	d.request.header_count = 0;
	verdict = fixture_check(&f, &d.request, NOW);
	assert_int_equal(verdict.result, TRUST_SIGNATURE_MISSING);
	assert_string_equal(verdict.reason, "there is no signature: Stripe-Signature is missing or empty");
	delivery_drop(&d);
	fixture_close(&f);
}

/* A header that is called one way or another is named as it would be there. */
static void test_missing_of_a_family(void **state)
{
	struct trust_verdict verdict;
	struct trust_fixture f;
	struct delivery d;

	(void)state;
	fixture_open(&f, NULL,
		     "  - { name: a, path: /a, provider: standard-webhooks, secret: "
		     "whsec_eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg= }\n");
	delivery_sign(&d, &f, slice_str(BODY), SLICE("msg_1"), SLICE_NONE, NOW);
	d.request.header_count = 0;
	verdict = fixture_check(&f, &d.request, NOW);
	assert_int_equal(verdict.result, TRUST_SIGNATURE_MISSING);
	assert_string_equal(verdict.reason, "there is no signature: webhook-signature is missing or empty");
	delivery_drop(&d);
	fixture_close(&f);
}

static void test_validity(void **state)
{
	static const char route[] =
		"  - name: a\n    path: /a\n    provider: github\n    secrets:\n"
		"      - { name: old, value: x, not_after: 2025-11-24T16:00:00Z }\n"
		"      - { name: new, value: x, not_before: 2025-11-24T16:00:01Z, not_after: 2025-11-24T17:00:00Z }\n";
	struct trust_verdict verdict;
	struct trust_fixture f;
	struct delivery d;

	(void)state;
	fixture_open(&f, NULL, route);
	delivery_sign(&d, &f, slice_str(BODY), SLICE_NONE, SLICE_NONE, NOW);
	assert_slice(fixture_check(&f, &d.request, NOW).secret, "old");
	assert_int_equal(fixture_check(&f, &d.request, NOW + 500).result, TRUST_SIGNATURE_MISMATCH);
	assert_slice(fixture_check(&f, &d.request, NOW + 1000).secret, "new");
	assert_slice(fixture_check(&f, &d.request, NOW + 3600 * 1000).secret, "new");
	verdict = fixture_check(&f, &d.request, NOW + 3600 * 1000 + 1);
	assert_int_equal(verdict.result, TRUST_SIGNATURE_MISMATCH);
	assert_string_equal(verdict.reason, "no secret is valid at this time");
	delivery_drop(&d);
	fixture_close(&f);
}

/* NUL bytes are bytes like others, in the body and in what is compared. */
static void test_nul(void **state)
{
	struct trust_fixture f;
	struct delivery d;
	unsigned char cut[80];
	struct header *header;

	(void)state;
	fixture_open(&f, NULL, "  - { name: a, path: /a, provider: github, secret: x }\n");
	delivery_sign(&d, &f, SLICE("a\0b"), SLICE_NONE, SLICE_NONE, NOW);
	assert_int_equal(fixture_check(&f, &d.request, NOW).result, TRUST_ACCEPTED);
	d.request.body = SLICE("a\0c");
	assert_int_equal(fixture_check(&f, &d.request, NOW).result, TRUST_SIGNATURE_MISMATCH);
	d.request.body = SLICE("a\0b");
	header = delivery_header(&d, SLICE("X-Hub-Signature-256"));
	assert_int_equal(header->value.n, 71);
	memcpy(cut, header->value.p, 71);
	cut[71] = '\0';
	header->value = slice_of(cut, 72);
	assert_int_equal(fixture_check(&f, &d.request, NOW).result, TRUST_SIGNATURE_MISMATCH);
	delivery_drop(&d);
	fixture_close(&f);
}

static void test_other_methods(void **state)
{
	struct trust_fixture f;
	struct delivery d;

	(void)state;
	fixture_open(&f, NULL, "  - { name: a, path: /a, provider: slack, secret: x }\n");
	delivery_sign(&d, &f, SLICE_NONE, SLICE_NONE, SLICE_NONE, NOW);
	d.request.method = SLICE("GET");
	assert_int_equal(fixture_check(&f, &d.request, NOW).result, TRUST_MALFORMED_REQUEST);
	delivery_drop(&d);
	fixture_close(&f);
}

/* A lane's context must not remember the delivery before, whatever became of that. */
static void test_lane_again(void **state)
{
	struct delivery good, bad;
	struct trust_fixture f;

	(void)state;
	fixture_open(&f, NULL, "  - { name: a, path: /a, provider: stripe, secret: x }\n");
	delivery_sign(&good, &f, slice_str(BODY), SLICE_NONE, SLICE_NONE, NOW);
	delivery_sign(&bad, &f, slice_str(BODY), SLICE_NONE, SLICE_NONE, NOW);
	bad.request.body = SLICE("x");
	for (int i = 0; i < 5; i++) {
		assert_int_equal(fixture_check(&f, &good.request, NOW).result, TRUST_ACCEPTED);
		assert_int_equal(fixture_check(&f, &bad.request, NOW).result, TRUST_SIGNATURE_MISMATCH);
	}
	delivery_drop(&good);
	delivery_drop(&bad);
	fixture_close(&f);
}

/* However short memory is: a fault, never another verdict. */
static void starve(const char *route)
{
	struct trust_fixture f;
	struct delivery d;
	size_t faults = 0;
	bool accepted = false;

	fixture_open(&f, NULL, route);
	delivery_sign(&d, &f, slice_str(BODY), SLICE_NONE, SLICE_NONE, NOW);
	for (size_t limit = 0; limit < 4096 && !accepted; limit++) {
		struct trust_verdict verdict = { .result = TRUST_MALFORMED_BODY };
		struct arena *arena = arena_new(64, limit);
		int fault = trust_check(fixture_verifier(&f), f.lane, &d.request, NOW, arena, &verdict);

		assert_true(fault <= 0);
		assert_int_equal(verdict.result, fault ? TRUST_MALFORMED_BODY : TRUST_ACCEPTED);
		faults += fault != 0;
		accepted = fault == 0;
		arena_free(arena);
	}
	assert_true(accepted && faults > 0);
	delivery_drop(&d);
	fixture_close(&f);
}

static void test_short_memory(void **state)
{
	(void)state;
	starve("  - { name: a, path: /a, provider: stripe, secret: x }\n");
	starve("  - { name: a, path: /a, provider: basic, secret: \"u:p\" }\n");
}

static void test_timestamps(void **state)
{
	static const struct {
		enum trust_unit unit;
		const char *text;
		int64_t ms; /* -1: refused */
	} rows[] = {
		{ TRUST_UNIT_SECONDS, "1764000000", 1764000000000 },
		{ TRUST_UNIT_SECONDS, "0", 0 },
		{ TRUST_UNIT_SECONDS, "253402300799", 253402300799000 },
		{ TRUST_UNIT_SECONDS, "253402300800", -1 },
		{ TRUST_UNIT_SECONDS, "18446744073709551616", -1 },
		{ TRUST_UNIT_SECONDS, "", -1 },
		{ TRUST_UNIT_SECONDS, " 1", -1 },
		{ TRUST_UNIT_SECONDS, "1.5", -1 },
		{ TRUST_UNIT_SECONDS, "0x10", -1 },
		{ TRUST_UNIT_MILLISECONDS, "1764000000001", 1764000000001 },
		{ TRUST_UNIT_MILLISECONDS, "253402300800000", -1 },
		{ TRUST_UNIT_RFC3339, "2025-11-24T16:00:00Z", 1764000000000 },
		{ TRUST_UNIT_RFC3339, "2025-11-24T17:00:00.123456789+01:00", 1764000000123 },
		{ TRUST_UNIT_RFC3339, "1764000000", -1 },
		{ TRUST_UNIT_HTTP_DATE, "Mon, 24 Nov 2025 16:00:00 GMT", 1764000000000 },
		{ TRUST_UNIT_HTTP_DATE, "yesterday", -1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int64_t ms = -1;

		(void)trust_parse_timestamp(rows[i].unit, slice_str(rows[i].text), &ms);
		if (ms != rows[i].ms)
			fail_msg("%s: %lld", rows[i].text, (long long)ms);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_tolerance_of_the_route),
		cmocka_unit_test(test_verdict),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_missing_of_a_family),
		cmocka_unit_test(test_validity),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_other_methods),
		cmocka_unit_test(test_lane_again),
		cmocka_unit_test(test_short_memory),
		cmocka_unit_test(test_timestamps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
