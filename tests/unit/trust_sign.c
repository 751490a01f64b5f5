/* trust_sign.c - the round trip: what is signed as a provider does it is accepted, and with one bit flipped in anything
 * that counts it is not. */
#include "trust/verify.h"
#include "trust_fixture.h"

#include <errno.h>

static const int64_t NOW = 1764000000123;

static const char *const routes[] = {
	"provider: stripe, secret: whsec_abc",
	"provider: github, secret: abc",
	"provider: slack, secret: abc",
	"provider: shopify, secret: abc",
	"provider: zoom, secret: abc",
	"provider: standard-webhooks, secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
	"provider: generic, secret: abc, options: { id: \"header:X-Id\", type: \"header:X-Type\" }",
	"provider: token, secret: abc",
	"provider: token, secret: abc, options: { header: X-Token, prefix: \"Key \" }",
	"provider: basic, secret: \"user:password\"",
	"provider: hmac, secret: abc, verify: { algorithm: hmac-sha1, signature: { header: S, prefix: \"sha1=\", "
	"encoding: hex }, "
	"timestamp: { header: T, unit: rfc3339 }, signed: \"{timestamp}.{body}\" }",
	"provider: hmac, secret: abc, verify: { algorithm: hmac-sha512, signature: { header: S, list: \";\", field: h, "
	"encoding: "
	"base64url }, timestamp: { header: S, list: \";\", field: ts, unit: milliseconds }, signed: "
	"\"{body}{timestamp}\" }",
	"provider: hmac, secret: abc, verify: { algorithm: hmac-sha384, signature: { header: S, encoding: base64 }, "
	"timestamp: { "
	"header: T, unit: http-date }, signed: \"{method}{path}{timestamp}{header:I}{body}\", id: \"header:I\", "
	"id_signed: true }",
};

static void open_route(struct trust_fixture *f, const char *route)
{
	char text[512];

	(void)snprintf(text, sizeof(text), "  - { name: a, path: /a, %s }\n", route);
	fixture_open(f, NULL, text);
}

/* Every single bit of the bytes from `from` on, which stand in a copy that replaces *where. */
static void flip(struct trust_fixture *f, struct delivery *d, struct slice *where, size_t from, bool hex,
		 const char *what, const char *route)
{
	struct slice before = *where;
	unsigned char *copy = malloc(before.n + 1);

	assert_non_null(copy);
	memcpy(copy, before.p, before.n);
	*where = slice_of(copy, before.n);
	for (size_t bit = from * 8; bit < before.n * 8; bit++) {
		copy[bit / 8] ^= (unsigned char)(1U << bit % 8);
		if (!(hex && slice_eq_nocase(*where, before)) &&
		    fixture_check(f, &d->request, NOW).result == TRUST_ACCEPTED)
			fail_msg("%s: bit %zu of %s flipped and accepted", route, bit, what);
		copy[bit / 8] ^= (unsigned char)(1U << bit % 8);
	}
	*where = before;
	free(copy);
}

static void round_trip(const char *route)
{
	struct trust_event event;
	enum trust_event_result result;
	const struct trust_verify *verify;
	struct trust_verdict verdict;
	struct trust_fixture f;
	struct delivery d;
	struct slice body;

	open_route(&f, route);
	verify = &fixture_verifier(&f)->description->verify;
	body = trust_sample_body(fixture_verifier(&f), SLICE("id-1"), SLICE("type.one"), NOW, f.arena);
	body = arena_copy(f.arena, body);
	delivery_sign(&d, &f, body, SLICE("id-1"), SLICE("type.one"), NOW);
	/* fixture_check() empties the arena: the body moves to the delivery's. */
	d.request.body = arena_copy(d.arena, d.request.body);
	verdict = fixture_check(&f, &d.request, NOW);
	if (verdict.result != TRUST_ACCEPTED)
		fail_msg("%s: %s", route, verdict.reason);
	assert_int_equal(trust_read_event(fixture_verifier(&f), &d.request, f.arena, &event, &result), 0);
	assert_int_equal(result, TRUST_EVENT_OK);
	if (verify->covered == TRUST_COVER_FULL)
		flip(&f, &d, &d.request.body, 0, false, "the body", route);
	/* The case of a prefix such as "Bearer" and of hex digits is free. */
	flip(&f, &d, &delivery_header(&d, verify->signatures[0].names[0])->value, verify->signature.prefix.n,
	     verify->encoding == TRUST_ENCODING_HEX, "the signature", route);
	if (verify->has_timestamp)
		flip(&f, &d, &delivery_header(&d, verify->timestamp.names[0])->value, 0,
		     slice_eq(verify->timestamp.names[0], verify->signatures[0].names[0]), "the timestamp", route);
	if (fixture_verifier(&f)->description->id_signed && fixture_verifier(&f)->description->id.pointers == 0)
		flip(&f, &d, &delivery_header(&d, strstr(route, "hmac") ? SLICE("I") : SLICE("webhook-id"))->value, 0,
		     false, "the id", route);
	delivery_drop(&d);
	fixture_close(&f);
}

static void test_round_trips(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(routes); i++)
		round_trip(routes[i]);
}

/* Id and type of a sample are what was asked for, wherever the provider has them. */
static void test_samples(void **state)
{
	static const struct {
		const char *route, *id, *type;
	} rows[] = {
		{ "provider: stripe, secret: x", "i\"1", "t" },
		{ "provider: github, secret: x", "i\"1", "t" },
		{ "provider: slack, secret: x", "i\"1", "t" },
		{ "provider: shopify, secret: x", "i\"1", "t" },
		{ "provider: zoom, secret: x", "t|i\"1|1764000000000", "t" },
		{ "provider: standard-webhooks, secret: c2VjcmV0", "i\"1", "t" },
		{ "provider: generic, secret: x, options: { id: \"body:/id\", type: \"body:/type\" }", "i\"1", "t" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct trust_event event;
		enum trust_event_result result;
		struct trust_verdict verdict;
		struct trust_fixture f;
		struct delivery d;
		struct slice body;

		open_route(&f, rows[i].route);
		body = trust_sample_body(fixture_verifier(&f), SLICE("i\"1"), SLICE("t"), NOW, f.arena);
		delivery_sign(&d, &f, body, SLICE("i\"1"), SLICE("t"), NOW);
		d.request.body = arena_copy(d.arena, d.request.body);
		verdict = fixture_check(&f, &d.request, NOW);
		assert_int_equal(verdict.result, TRUST_ACCEPTED);
		assert_int_equal(trust_read_event(fixture_verifier(&f), &d.request, f.arena, &event, &result), 0);
		assert_int_equal(result, TRUST_EVENT_OK);
		assert_slice(event.id, rows[i].id);
		assert_slice(event.type, rows[i].type);
		delivery_drop(&d);
		fixture_close(&f);
	}
}

static void test_second_secret(void **state)
{
	struct trust_draft draft = {
		.method = SLICE("POST"), .target = SLICE("/a"), .body = SLICE("{}"), .now_ms = NOW, .secret_index = 1
	};
	struct request request = { .method = SLICE("POST"), .path = SLICE("/a"), .body = SLICE("{}") };
	struct header headers[4];
	struct slice target, body;
	struct arena *arena = arena_new(4096, 65536);
	struct reason reason;
	struct trust_fixture f;

	(void)state;
	open_route(&f, "provider: stripe, secrets: [ { name: one, value: x }, { name: two, value: y } ]");
	assert_int_equal(trust_sign(fixture_verifier(&f), &draft, arena, headers, 4, &request.header_count, &target,
				    &body, &reason),
			 0);
	request.headers = headers;
	assert_slice(fixture_check(&f, &request, NOW).secret, "two");
	draft.secret_index = 2;
	assert_int_equal(trust_sign(fixture_verifier(&f), &draft, arena, headers, 4, &request.header_count, &target,
				    &body, &reason),
			 -ENOTSUP);
	draft.secret_index = 0;
	draft.content_type = SLICE("a/b");
	assert_int_equal(trust_sign(fixture_verifier(&f), &draft, arena, headers, 1, &request.header_count, &target,
				    &body, &reason),
			 -ENOSPC);
	arena_free(arena);
	fixture_close(&f);
}

static void test_content_type(void **state)
{
	static const struct {
		const char *provider, *given, *expected;
	} rows[] = {
		{ "stripe", "", "application/json" },
		{ "chargify-maxio", "", "application/x-www-form-urlencoded" },
		{ "chargify-maxio", "text/plain", "text/plain" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct trust_draft draft = { .method = SLICE("POST"),
					     .target = SLICE("/a"),
					     .body = SLICE("a=b"),
					     .content_type = slice_str(rows[i].given),
					     .now_ms = NOW };
		struct header headers[4];
		struct slice target, body;
		struct reason reason;
		struct trust_fixture f;
		char route[64];
		size_t count;

		(void)snprintf(route, sizeof route, "provider: %s, secret: x", rows[i].provider);
		open_route(&f, route);
		assert_int_equal(
			trust_sign(fixture_verifier(&f), &draft, f.arena, headers, 4, &count, &target, &body, &reason),
			0);
		assert_slice(headers[0].name, "Content-Type");
		assert_slice(headers[0].value, rows[i].expected);
		fixture_close(&f);
	}
}

static void test_not_possible(void **state)
{
	static const struct {
		const char *route, *reason;
	} rows[] = {
		{ "provider: standard-webhooks, secret: c2VjcmV0", "give the delivery an id" },
		{ "provider: hmac, secret: x, verify: { algorithm: hmac-sha256, signature: { at: \"body:/s\" }, "
		  "signed: "
		  "\"{body}\" }",
		  "does not stand in a header" },
	};
	struct trust_draft draft = { .method = SLICE("POST"), .target = SLICE("/a"), .now_ms = NOW };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct header headers[4];
		struct slice target, body;
		struct reason reason;
		struct trust_fixture f;
		size_t count;

		open_route(&f, rows[i].route);
		assert_int_equal(
			trust_sign(fixture_verifier(&f), &draft, f.arena, headers, 4, &count, &target, &body, &reason),
			-ENOTSUP);
		assert_non_null(strstr(reason.text, rows[i].reason));
		fixture_close(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_round_trips), cmocka_unit_test(test_samples),
					    cmocka_unit_test(test_second_secret), cmocka_unit_test(test_content_type),
					    cmocka_unit_test(test_not_possible) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
