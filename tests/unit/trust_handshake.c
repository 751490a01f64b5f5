/* trust_handshake.c - handshakes, demanded answers and refusals, with a provider of the tests' own. */
#include "trust_fixture.h"

#include <unistd.h>

static const int64_t NOW = 1764000000000;

static const char DESCRIPTION[] =
	"name: acme\n"
	"verify: { algorithm: hmac-sha256, signature: { header: X-Sig, encoding: hex }, signed: \"{body}\" }\n"
	"handshake:\n"
	"  - name: echo\n    method: GET\n    signed: false\n    when: { \"query:challenge\": \"*\" }\n"
	"    answer: { content_type: text/plain, body: \"{query:challenge}\" }\n"
	"  - { name: probe, method: HEAD, signed: false }\n"
	"  - name: header\n    signed: false\n    when: { \"header:X-Verify\": \"*\", \"body:/kind\": hello }\n"
	"    answer: { status: 204 }\n"
	"  - name: mac\n    when: { \"body:/kind\": mac }\n    answer: { body: \"{body:/token|hmac|base64}\" }\n"
	"  - name: forged\n    signed: false\n    when: { \"body:/kind\": forged }\n    answer: { body: "
	"\"{body:/token|hmac|hex}\" }\n"
	"answer: { status: 202, body: \"[accepted]\", content_type: text/plain }\n"
	"refusal: { signature_mismatch: 498, signature_missing: 403 }\n";

static char folder[64], path[96];

static int set_up(void **state)
{
	FILE *f;

	(void)state;
	memcpy(folder, "/tmp/trust_handshake.XXXXXX", 28);
	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/acme.yaml", folder);
	f = fopen(path, "w");
	return f && fputs(DESCRIPTION, f) >= 0 ? fclose(f) : -1;
}

static int tear_down(void **state)
{
	(void)state;
	return unlink(path) || rmdir(folder);
}

static void open_acme(struct trust_fixture *f)
{
	fixture_open(f, folder, "  - { name: a, path: /a, provider: acme, secret: key }\n");
}

static void test_unsigned(void **state)
{
	static const struct {
		const char *method, *query, *header, *body;
		unsigned status; /* 0: none */
		const char *answer;
	} rows[] = {
		{ "GET", "challenge=a%20b%3C", "", "", 200, "a b<" },
		{ "GET", "challenge=", "", "", 200, "" },
		{ "GET", "challenge=a&challenge=b", "", "", 0, "" },
		{ "GET", "challenge=%", "", "", 0, "" },
		{ "GET", "other=1", "", "", 0, "" },
		{ "POST", "challenge=a", "", "", 0, "" },
		{ "HEAD", "", "", "", 200, "" },
		{ "POST", "", "1", "{\"kind\":\"hello\"}", 204, "" },
		{ "POST", "", "", "{\"kind\":\"hello\"}", 0, "" },
		{ "POST", "", "1", "{\"kind\":\"other\",\"x\":\"hello\"}", 0, "" },
		{ "POST", "", "1", "{\"kind\":\"hello\"", 204, "" },
		{ "POST", "", "1", "{\"x\":!,\"kind\":\"hello\"}", 0, "" },
		/* Without a signature nothing is made with the secret. */
		{ "POST", "", "", "{\"kind\":\"forged\",\"token\":\"t\"}", 0, "" },
		{ "POST", "", "", "{\"kind\":\"mac\",\"token\":\"t\"}", 0, "" },
	};
	struct trust_fixture f;

	(void)state;
	open_acme(&f);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct header header = { SLICE("X-Verify"), slice_str(rows[i].header) };
		struct request request = { .method = slice_str(rows[i].method),
					   .path = SLICE("/a"),
					   .query = slice_str(rows[i].query),
					   .headers = &header,
					   .header_count = rows[i].header[0] ? 1 : 0,
					   .body = slice_str(rows[i].body) };
		struct trust_verdict verdict = fixture_check(&f, &request, NOW);

		if ((verdict.result == TRUST_CHALLENGE) != (rows[i].status != 0))
			fail_msg("row %zu: %s", i, verdict.reason);
		if (verdict.result != TRUST_CHALLENGE)
			continue;
		assert_int_equal(verdict.answer.status, rows[i].status);
		assert_slice(verdict.answer.body, rows[i].answer);
	}
	fixture_close(&f);
}

static void test_signed(void **state)
{
	struct trust_verdict verdict;
	struct trust_fixture f;
	struct delivery d;

	(void)state;
	open_acme(&f);
	delivery_sign(&d, &f, SLICE("{\"kind\":\"mac\",\"token\":\"t\"}"), SLICE_NONE, SLICE_NONE, NOW);
	verdict = fixture_check(&f, &d.request, NOW);
	assert_int_equal(verdict.result, TRUST_CHALLENGE);
	/* printf t | openssl dgst -sha256 -hmac key -binary | base64 */
	assert_slice(verdict.answer.body, "/UfQp2A4ysfnUp9/nJ88BatNxmx8eKOhRZO4NuZ28hc=");
	assert_int_equal(verdict.answer.header_count, 0);
	delivery_drop(&d);
	delivery_sign(&d, &f, SLICE("{\"kind\":\"mac\"}"), SLICE_NONE, SLICE_NONE, NOW);
	assert_int_equal(fixture_check(&f, &d.request, NOW).result, TRUST_ACCEPTED);
	delivery_drop(&d);
	fixture_close(&f);
}

static void test_answers(void **state)
{
	struct trust_verdict verdict;
	struct trust_fixture f;
	struct answer answer;
	struct delivery d;

	(void)state;
	open_acme(&f);
	trust_demanded_answer(fixture_verifier(&f), &answer);
	assert_int_equal(answer.status, 202);
	assert_slice(answer.body, "[accepted]");
	assert_int_equal(answer.header_count, 1);
	assert_slice(answer.headers[0].value, "text/plain");
	delivery_sign(&d, &f, SLICE("x"), SLICE_NONE, SLICE_NONE, NOW);
	d.request.body = SLICE("y");
	verdict = fixture_check(&f, &d.request, NOW);
	assert_int_equal(verdict.refusal_status, 498);
	d.request.header_count = 0;
	assert_int_equal(fixture_check(&f, &d.request, NOW).refusal_status, 403);
	delivery_drop(&d);
	fixture_close(&f);
	fixture_open(&f, NULL, "  - { name: a, path: /a, provider: stripe, secret: key }\n");
	trust_demanded_answer(fixture_verifier(&f), &answer);
	assert_int_equal(answer.status, 0);
	assert_int_equal(answer.header_count, 0);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_unsigned), cmocka_unit_test(test_signed),
					    cmocka_unit_test(test_answers) };

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
