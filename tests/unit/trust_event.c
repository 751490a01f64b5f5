/* trust_event.c - id and type: what the vectors of plugins/ cannot show. */
#include "trust_fixture.h"

struct row {
	const char *options, *type_header, *body;
	enum trust_event_result result;
	const char *id, *type; /* NULL: the digest of the body */
};

static void run(const struct row *row)
{
	struct header headers[] = { { SLICE("Content-Type"), slice_str(row->type_header) },
				    { SLICE("X-Id"), SLICE("h\x01") } };
	struct request request = { .method = SLICE("POST"),
				   .path = SLICE("/"),
				   .headers = headers,
				   .header_count = 2,
				   .body = slice_str(row->body) };
	struct trust_event event = { .reason = NULL };
	enum trust_event_result result;
	struct trust_verdict verdict;
	struct trust_fixture f;
	char route[256];

	(void)snprintf(route, sizeof(route), "  - { name: a, path: /a, provider: none, %s }\n", row->options);
	fixture_open(&f, NULL, route);
	verdict = fixture_check(&f, &request, 0);
	assert_int_equal(verdict.result, TRUST_ACCEPTED);
	assert_int_equal(verdict.covered, TRUST_COVER_NONE);
	assert_int_equal(trust_read_event(fixture_verifier(&f), &request, f.arena, &event, &result), 0);
	if (result != row->result)
		fail_msg("%s %s: %d %s", row->options, row->body, result, event.reason);
	assert_non_null(event.reason);
	if (result == TRUST_EVENT_OK) {
		assert_int_equal(event.id_found, row->id != NULL);
		assert_true(event.deduplicate);
		assert_slice(event.type, row->type);
		if (row->id)
			assert_slice(event.id, row->id);
		else
			assert_int_equal(event.id.n, 64);
	}
	fixture_close(&f);
}

#define JSON "application/json"
#define BOTH "options: { id: \"body:/i\", type: \"body:/t\" }"

static void test_found(void **state)
{
	static const struct row rows[] = {
		{ BOTH, JSON, "{\"i\":\"a\",\"t\":\"b\"}", TRUST_EVENT_OK, "a", "b" },
		{ BOTH, JSON, "{\"t\":\"b\",\"i\":\"a\"}", TRUST_EVENT_OK, "a", "b" },
		{ BOTH, JSON, "{\"i\":-1.5e3,\"t\":true}", TRUST_EVENT_OK, "-1.5e3", "true" },
		{ BOTH, JSON, "{\"i\":\"a\",\"t\":[1]}", TRUST_EVENT_OK, "a", "" },
		{ BOTH, JSON, "{\"i\":{},\"t\":\"b\"}", TRUST_EVENT_OK, NULL, "b" },
		{ BOTH, JSON, "{\"i\":\"\",\"t\":\"b\"}", TRUST_EVENT_OK, NULL, "b" },
		{ BOTH, JSON, "{\"i\":null,\"t\":null}", TRUST_EVENT_OK, NULL, "" },
		{ BOTH, "text/plain", "{\"i\":\"a\"}", TRUST_EVENT_OK, "a", "" },
		{ BOTH, "text/plain", "no json", TRUST_EVENT_OK, NULL, "" },
		{ BOTH, JSON, "no json", TRUST_EVENT_MALFORMED_BODY, NULL, "" },
		{ BOTH, JSON, "{\"i\":\"a\",!", TRUST_EVENT_OK, "a", "" },
		{ BOTH, JSON, "{\"t\":\"b\",!", TRUST_EVENT_MALFORMED_BODY, NULL, "" },
		{ BOTH, "text/plain", "[", TRUST_EVENT_MALFORMED_BODY, NULL, "" },
		{ BOTH, JSON, "{\"i\":\"\\u0000\"}", TRUST_EVENT_MALFORMED_BODY, NULL, "" },
		{ BOTH, JSON, "{\"i\":\"a\\nb\"}", TRUST_EVENT_MALFORMED_BODY, NULL, "" },
		{ BOTH, JSON, "{\"i\":\"\\ud800\"}", TRUST_EVENT_MALFORMED_BODY, NULL, "" },
		{ BOTH, JSON, "{\"i\":\"a\",\"t\":\"\\u0007\"}", TRUST_EVENT_MALFORMED_BODY, NULL, "" },
		{ "options: { type: \"body:/t\" }", JSON, "{\"t\":", TRUST_EVENT_OK, NULL, "" },
		{ "options: { id: \"header:X-Id\" }", JSON, "{}", TRUST_EVENT_MALFORMED_REQUEST, NULL, "" },
		{ "options: { id: \"{body:/i}/{body:/t}\" }", JSON, "{\"i\":1,\"t\":2}", TRUST_EVENT_OK, "1/2", "" },
		{ "options: { id: \"{body:/i}/{body:/t}\" }", JSON, "{\"i\":1}", TRUST_EVENT_OK, NULL, "" },
		{ "options: { id: \"form:i\", type: \"form:t\" }", "application/x-www-form-urlencoded; charset=x",
		  "i=a+b%21&t=c", TRUST_EVENT_OK, "a b!", "c" },
		{ "options: { id: \"form:i\" }", "application/x-www-form-urlencoded", "i=a&i=b",
		  TRUST_EVENT_MALFORMED_REQUEST, NULL, "" },
		{ "options: { id: \"form:i\" }", "application/x-www-form-urlencoded", "i=%zz",
		  TRUST_EVENT_MALFORMED_REQUEST, NULL, "" },
		{ "missing_id: reject, " BOTH, JSON, "{}", TRUST_EVENT_ID_MISSING, NULL, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		run(&rows[i]);
}

static void read_again(struct trust_fixture *f, const struct request *request, struct trust_event *event)
{
	enum trust_event_result result;

	assert_int_equal(fixture_check(f, request, 0).result, TRUST_ACCEPTED);
	assert_int_equal(trust_read_event(fixture_verifier(f), request, f->arena, event, &result), 0);
	assert_int_equal(result, TRUST_EVENT_OK);
	assert_false(event->id_found);
}

static void test_accept_makes_up(void **state)
{
	struct request request = { .method = SLICE("POST"), .path = SLICE("/"), .body = SLICE("x") };
	struct trust_event one, other;
	struct trust_fixture f;
	unsigned char kept[32];

	(void)state;
	fixture_open(&f, NULL, "  - { name: a, path: /a, provider: none, missing_id: accept }\n");
	read_again(&f, &request, &one);
	assert_int_equal(one.id.n, 32);
	assert_false(one.deduplicate);
	memcpy(kept, one.id.p, 32);
	read_again(&f, &request, &other);
	assert_memory_not_equal(kept, other.id.p, 32);
	fixture_close(&f);
}

/* SHA-256 of the body where nothing is signed. */
static void test_digest(void **state)
{
	struct request request = { .method = SLICE("POST"), .path = SLICE("/"), .body = SLICE("abc") };
	struct trust_event event;
	struct trust_fixture f;

	(void)state;
	fixture_open(&f, NULL, "  - { name: a, path: /a, provider: none }\n");
	read_again(&f, &request, &event);
	assert_true(event.deduplicate);
	assert_slice(event.id, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_found), cmocka_unit_test(test_accept_makes_up),
					    cmocka_unit_test(test_digest) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
