/* trust_handshake.c - handshakes, demanded answers and refusals, with a provider of the tests' own. */
#include "trust_fixture.h"

#include <errno.h>
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

static const char HOOKS[] =
	"name: hooks\n"
	"options: [ { name: verify_token, required: true, about: the verify token }, { name: topic, default: t0 },\n"
	"           { name: spare } ]\n"
	"verify: { algorithm: hmac-sha256, signature: { header: X-Sig, encoding: hex }, signed: \"{body}\" }\n"
	"handshake:\n"
	"  - name: token\n    method: GET\n    signed: false\n    mismatch: 403\n"
	"    when: { \"query:mode\": subscribe, \"query:token\": \"{option:verify_token}\", \"query:topic\": "
	"\"{option:topic}\" }\n"
	"    answer: { content_type: text/plain, body: \"{query:challenge}\" }\n"
	"  - name: secret\n    method: GET\n    signed: false\n    when: { \"query:s\": \"{secret}\" }\n"
	"  - name: left out\n    method: GET\n    signed: false\n    when: { \"query:spare\": \"{option:spare}\" }\n"
	"  - name: rate\n    method: OPTIONS\n    signed: false\n    when: { \"header:X-Origin\": \"*\" }\n"
	"    answer:\n      headers: { X-Allowed-Origin: \"{header:X-Origin}\", X-Allowed-Rate: "
	"\"{?{header:X-Rate}}\", Allow: POST }\n"
	"  - name: echo\n    method: GET\n    signed: false\n    when: { \"query:h\": \"*\", \"header:X-No\": \"!\" }\n"
	"    answer: { headers: { X-Echo: \"{query:h}\" } }\n"
	"  - name: nested\n    signed: false\n    when: { \"form:payload#/kind\": ping }\n    answer: { status: 204 }\n"
	"answer: { headers: { X-No-Retry: \"1\" } }\n"
	"refusal: { body: \"\" }\n";

static const char LEARNER[] =
	"name: learner\n"
	"verify: { algorithm: hmac-sha256, signature: { header: X-Sig, encoding: hex }, signed: \"{body}\" }\n"
	"handshake:\n"
	"  - name: hand over\n    signed: false\n    when: { \"header:X-Secret\": \"*\" }\n    learn: "
	"\"header:X-Secret\"\n"
	"    answer: { headers: { X-Secret: \"{header:X-Secret}\" } }\n";

static const char BOUND[] = "name: bound\noptions: [ { name: client } ]\n"
			    "verify: { algorithm: token, signature: { header: X-Token, encoding: text } }\n"
			    "require: { \"body:/client\": \"{option:client}\", \"header:X-No\": \"!\" }\n";

static const struct {
	const char *name, *text;
} files[] = { { "acme", DESCRIPTION }, { "hooks", HOOKS }, { "learner", LEARNER }, { "bound", BOUND } };

static char folder[64], path[96];

static int set_up(void **state)
{
	(void)state;
	memcpy(folder, "/tmp/trust_handshake.XXXXXX", 28);
	if (!mkdtemp(folder))
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		FILE *f;

		(void)snprintf(path, sizeof(path), "%s/%s.yaml", folder, files[i].name);
		f = fopen(path, "w");
		if (!f || fputs(files[i].text, f) < 0 || fclose(f))
			return -1;
	}
	return 0;
}

static int tear_down(void **state)
{
	int r = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s.yaml", folder, files[i].name);
		r |= unlink(path);
	}
	return r || rmdir(folder);
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
		/* Without a signature the secret only makes something of what can be no delivery. */
		{ "POST", "", "", "{\"kind\":\"forged\",\"token\":\"t\"}", 200,
		  "fd47d0a76038cac7e7529f7f9c9f3c05ab4dc66c7c78a3a14593b836e676f217" },
		{ "POST", "", "", "{\"kind\":\"forged\",\"token\":\"\"}", 0, "" },
		{ "POST", "", "", "{\"kind\":\"forged\",\"token\":\"{}\"}", 0, "" },
		{ "POST", "", "", "{\"kind\":\"forged\",\"token\":\"1.a\"}", 0, "" },
		{ "POST", "", "",
		  "{\"kind\":\"forged\",\"token\":"
		  "\"0123456789012345678901234567890123456789012345678901234567890123\"}",
		  200, "ee3d3b36e65358422dcd1a86e0543286fa9fa4cf282c3e0af0262096c90f04b2" },
		{ "POST", "", "",
		  "{\"kind\":\"forged\",\"token\":"
		  "\"01234567890123456789012345678901234567890123456789012345678901234\"}",
		  0, "" },
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

/* What anybody could have had made into a MAC by asking is no delivery. */
static void test_asked_for(void **state)
{
	static const struct {
		const char *provider, *body;
		enum trust_result result;
	} rows[] = {
		{ "acme", "t", TRUST_SIGNATURE_MISMATCH },
		{ "acme", "12345", TRUST_SIGNATURE_MISMATCH },
		{ "acme", "0123456789012345678901234567890123456789012345678901234567890123",
		  TRUST_SIGNATURE_MISMATCH },
		{ "acme", "01234567890123456789012345678901234567890123456789012345678901234", TRUST_ACCEPTED },
		{ "acme", "{}", TRUST_ACCEPTED },
		{ "acme", "", TRUST_ACCEPTED },
		{ "x-twitter", "null", TRUST_SIGNATURE_MISMATCH },
		{ "learner", "t", TRUST_ACCEPTED },
		/* Its MACs are for who has signed. */
		{ "zoom", "t", TRUST_ACCEPTED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct trust_fixture f;
		struct delivery d;
		char route[128];

		(void)snprintf(route, sizeof(route), "  - { name: a, path: /a, provider: %s, secret: key }\n",
			       rows[i].provider);
		fixture_open(&f, folder, route);
		delivery_sign(&d, &f, slice_str(rows[i].body), SLICE_NONE, SLICE_NONE, NOW);
		assert_int_equal(fixture_check(&f, &d.request, NOW).result, rows[i].result);
		delivery_drop(&d);
		fixture_close(&f);
	}
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

/* "Name: value" lines of an answer. */
static struct slice spelt(const struct answer *answer, struct arena *arena)
{
	struct slice all = SLICE_NONE;

	for (size_t i = 0; i < answer->header_count; i++)
		all = arena_printf(arena, "%.*s%.*s: %.*s\n", SLICE_ARGS(all), SLICE_ARGS(answer->headers[i].name),
				   SLICE_ARGS(answer->headers[i].value));
	return all;
}

static void test_tokens_and_headers(void **state)
{
	static const struct {
		const char *method, *query, *name, *value, *type, *body;
		unsigned status; /* of the answer, or of the refusal; 0: neither */
		const char *headers, *answer;
	} rows[] = {
		{ "GET", "mode=subscribe&token=v1&topic=t0&challenge=c%26", "", "", "", "", 200,
		  "Content-Type: text/plain\n", "c&" },
		{ "GET", "mode=subscribe&token=v2&topic=t0&challenge=c", "", "", "", "", 403, "", "" },
		{ "GET", "mode=subscribe&token=v1&topic=t1&challenge=c", "", "", "", "", 403, "", "" },
		{ "GET", "mode=subscribe&token=&topic=t0&challenge=c", "", "", "", "", 403, "", "" },
		{ "GET", "mode=other&token=v2&topic=t0&challenge=c", "", "", "", "", 0, "", "" },
		{ "GET", "mode=subscribe&token=v1&token=v1&topic=t0&challenge=c", "", "", "", "", 0, "", "" },
		{ "GET", "s=key", "", "", "", "", 200, "", "" },
		{ "GET", "s=other", "", "", "", "", 0, "", "" },
		{ "GET", "spare=", "", "", "", "", 0, "", "" },
		{ "OPTIONS", "", "X-Origin", "o.example", "", "", 200, "X-Allowed-Origin: o.example\nAllow: POST\n",
		  "" },
		{ "GET", "h=a", "", "", "", "", 200, "X-Echo: a\n", "" },
		{ "GET", "h=a", "X-No", "1", "", "", 0, "", "" },
		{ "GET", "h=a%0d%0aX-Other:1", "", "", "", "", 0, "", "" },
		{ "POST", "", "", "", "application/x-www-form-urlencoded", "payload=%7B%22kind%22:%22ping%22%7D", 204,
		  "", "" },
		{ "POST", "", "", "", "application/x-www-form-urlencoded", "payload=%7B%22kind%22:%22pong%22%7D", 0, "",
		  "" },
		{ "POST", "", "", "", "application/x-www-form-urlencoded", "payload=ping", 0, "", "" },
	};
	struct trust_fixture f;

	(void)state;
	fixture_open(&f, folder,
		     "  - { name: a, path: /a, provider: hooks, secret: key, options: { verify_token: v1 } }\n");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct header headers[] = { { SLICE("Content-Type"), slice_str(rows[i].type) },
					    { slice_str(rows[i].name), slice_str(rows[i].value) } };
		struct request request = { .method = slice_str(rows[i].method),
					   .path = SLICE("/a"),
					   .query = slice_str(rows[i].query),
					   .headers = headers,
					   .header_count = 2,
					   .body = slice_str(rows[i].body) };
		struct trust_verdict verdict = fixture_check(&f, &request, NOW);
		bool refused = rows[i].status >= 400;

		if ((verdict.result == TRUST_CHALLENGE) != (rows[i].status != 0 && !refused))
			fail_msg("row %zu: %s", i, verdict.reason);
		if (verdict.result != TRUST_CHALLENGE) {
			assert_int_equal(verdict.refusal_status, rows[i].status);
			assert_true(verdict.refusal_has_body);
			assert_int_equal(verdict.refusal_body.n, 0);
			continue;
		}
		assert_int_equal(verdict.answer.status, rows[i].status);
		assert_slice(verdict.answer.body, rows[i].answer);
		assert_slice(spelt(&verdict.answer, f.arena), rows[i].headers);
	}
	fixture_close(&f);
}

/* Only while the route has no secret. */
static void test_learned(void **state)
{
	struct header header = { SLICE("X-Secret"), SLICE("handed-over") };
	struct request request = {
		.method = SLICE("POST"), .path = SLICE("/a"), .headers = &header, .header_count = 1, .body = SLICE("{}")
	};
	struct trust_verdict verdict;
	struct trust_fixture f;

	(void)state;
	fixture_open(&f, folder, "  - { name: a, path: /a, provider: learner }\n");
	assert_non_null(strstr(fixture_findings(&f.diag), "warning"));
	verdict = fixture_check(&f, &request, NOW);
	assert_int_equal(verdict.result, TRUST_CHALLENGE);
	assert_slice(verdict.learned, "handed-over");
	assert_slice(spelt(&verdict.answer, f.arena), "X-Secret: handed-over\n");
	request.header_count = 0;
	assert_int_equal(fixture_check(&f, &request, NOW).result, TRUST_SIGNATURE_MISSING);
	header.name = SLICE("X-Sig");
	header.value = SLICE("00");
	request.header_count = 1;
	assert_int_equal(fixture_check(&f, &request, NOW).result, TRUST_SIGNATURE_MISMATCH);
	fixture_close(&f);
	fixture_open(&f, folder, "  - { name: a, path: /a, provider: learner, secret: key }\n");
	header.name = SLICE("X-Secret");
	verdict = fixture_check(&f, &request, NOW);
	assert_int_equal(verdict.result, TRUST_SIGNATURE_MISSING);
	assert_int_equal(verdict.learned.n, 0);
	fixture_close(&f);
}

/* A learned secret that is kept is lent to the route: what is signed with it is accepted, by a copy of the verifier in the same
 * set, and by the original never. */
static void test_lent(void **state)
{
	struct trust_verifier *lent = NULL, *other = NULL;
	struct reason reason = { "" };
	struct trust_verdict verdict;
	struct trust_fixture f, signing;
	struct delivery d;

	(void)state;
	fixture_open(&signing, folder, "  - { name: a, path: /a, provider: learner, secret: kept }\n");
	assert_int_equal(trust_lend(fixture_verifier(&signing), SLICE("other"), &lent, &reason), -EINVAL);
	assert_non_null(strstr(reason.text, "has a secret"));
	delivery_sign(&d, &signing, SLICE("{}"), SLICE_NONE, SLICE_NONE, NOW);
	fixture_open(&f, folder, "  - { name: a, path: /a, provider: learner }\n");
	assert_int_equal(trust_lend(fixture_verifier(&f), SLICE("kept"), &lent, &reason), -EINVAL);
	fixture_close(&f);

	fixture_open(&f, folder, "  - { name: a, path: /a, provider: learner, keep_learned: on }\n");
	reason.text[0] = '\0';
	assert_int_equal(trust_lend(fixture_verifier(&f), SLICE_NONE, &lent, &reason), -EINVAL);
	assert_true(reason.text[0] != '\0');
	assert_null(lent);
	assert_int_equal(trust_lend(fixture_verifier(&f), SLICE("kept"), &lent, &reason), 0);
	assert_int_equal(trust_lend(fixture_verifier(&f), SLICE("another"), &other, &reason), 0);
	assert_int_equal(trust_check(lent, f.lane, &d.request, NOW, f.arena, &verdict), 0);
	assert_int_equal(verdict.result, TRUST_ACCEPTED);
	assert_slice(verdict.secret, "learned");
	assert_int_equal(verdict.secret_index, 0);
	/* The secret is copied, and one of a later handshake is tried with no MAC of the one before. */
	trust_lent_free(lent);
	trust_lane_free(f.lane);
	assert_int_equal(trust_lane_new(f.set, &f.lane), 0);
	assert_int_equal(trust_check(other, f.lane, &d.request, NOW, f.arena, &verdict), 0);
	assert_int_equal(verdict.result, TRUST_SIGNATURE_MISMATCH);
	trust_lent_free(other);
	trust_lent_free(NULL);
	assert_int_equal(fixture_check(&f, &d.request, NOW).result, TRUST_SIGNATURE_MISMATCH);
	delivery_drop(&d);
	fixture_close(&f);
	fixture_close(&signing);
}

static void test_options(void **state)
{
	static const struct {
		const char *route, *finding;
	} rows[] = {
		{ "provider: hooks, secret: key", "needs the option `verify_token`: the verify token" },
		{ "provider: hooks, secret: key, options: { topic: x }", "needs the option `verify_token`" },
		{ "provider: hooks, secret: key, options: { verify_token: x, other: y }",
		  "options.other: provider hooks has no such option; accepted: verify_token, topic, spare" },
		{ "provider: hooks, secret: key, options: { verify_token: \"env:HOOKGATE_TEST_UNSET\" }",
		  "the environment variable HOOKGATE_TEST_UNSET is not set" },
		{ "provider: acme, secret: key, options: { x: y }", "has no such option; it takes none" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct trust_fixture f;
		char route[256];

		(void)snprintf(route, sizeof(route), "  - { name: a, path: /a, %s }\n", rows[i].route);
		fixture_open(&f, folder, route);
		assert_int_equal(f.result, -EINVAL);
		if (!strstr(fixture_findings(&f.diag), rows[i].finding))
			fail_msg("row %zu: \"%s\" is not in: %s", i, rows[i].finding, fixture_findings(&f.diag));
		fixture_close(&f);
	}
}

static void test_answer_headers(void **state)
{
	struct trust_fixture f;
	struct answer answer;

	(void)state;
	fixture_open(&f, folder,
		     "  - { name: a, path: /a, provider: hooks, secret: key, options: { verify_token: v1 } }\n");
	trust_demanded_answer(fixture_verifier(&f), &answer);
	assert_int_equal(answer.status, 200);
	assert_int_equal(answer.body.n, 0);
	assert_slice(spelt(&answer, f.arena), "X-No-Retry: 1\n");
	fixture_close(&f);
}

static void test_required(void **state)
{
	static const struct {
		const char *options, *token, *header, *body;
		enum trust_result result;
	} rows[] = {
		{ "{ client: me }", "x", "X-Other", "{\"client\":\"me\"}", TRUST_ACCEPTED },
		{ "{ client: me }", "x", "X-Other", "{\"client\":\"you\"}", TRUST_SIGNATURE_MISMATCH },
		{ "{ client: me }", "x", "X-Other", "{\"client\":null}", TRUST_SIGNATURE_MISMATCH },
		{ "{ client: me }", "x", "X-Other", "{}", TRUST_SIGNATURE_MISMATCH },
		{ "{ client: me }", "x", "X-Other", "{\"client\":", TRUST_SIGNATURE_MISMATCH },
		{ "{ client: me }", "x", "X-No", "{\"client\":\"me\"}", TRUST_SIGNATURE_MISMATCH },
		{ "{ client: me }", "y", "X-Other", "{\"client\":\"me\"}", TRUST_SIGNATURE_MISMATCH },
		/* An option that the route leaves out fits nobody. */
		{ "{}", "x", "X-Other", "{\"client\":\"\"}", TRUST_SIGNATURE_MISMATCH },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct header headers[2] = { { SLICE("X-Token"), slice_str(rows[i].token) },
					     { slice_str(rows[i].header), SLICE("1") } };
		struct request request = { .method = SLICE("POST"),
					   .path = SLICE("/a"),
					   .headers = headers,
					   .header_count = 2,
					   .body = slice_str(rows[i].body) };
		struct trust_fixture f;
		char route[160];
		struct trust_verdict verdict;

		(void)snprintf(route, sizeof(route),
			       "  - { name: a, path: /a, provider: bound, secret: x, options: %s }\n", rows[i].options);
		fixture_open(&f, folder, route);
		verdict = fixture_check(&f, &request, NOW);
		if (verdict.result != rows[i].result)
			fail_msg("row %zu: %s", i, verdict.reason);
		if (i == 1)
			assert_string_equal(verdict.reason, "the signature is right, but body:/client is not what this "
							    "route wants");
		fixture_close(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_unsigned),
					    cmocka_unit_test(test_signed),
					    cmocka_unit_test(test_asked_for),
					    cmocka_unit_test(test_answers),
					    cmocka_unit_test(test_tokens_and_headers),
					    cmocka_unit_test(test_learned),
					    cmocka_unit_test(test_lent),
					    cmocka_unit_test(test_options),
					    cmocka_unit_test(test_answer_headers),
					    cmocka_unit_test(test_required) };

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
