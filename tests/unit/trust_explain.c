/* trust_explain.c - what a person is told of a refused request: the usual mistakes are named, and no secret ever. */
#include "base/encode.h"
#include "trust/mac.h"
#include "trust/public_key.h"
#include "trust_fixture.h"

static const int64_t NOW = 1764000000000;

/* The text; in static memory. */
static const char *explain(struct trust_fixture *f, const struct request *request, int64_t now_ms)
{
	static char text[16384];
	struct buf out = BUF_EMPTY;

	assert_int_equal(trust_explain(fixture_verifier(f), NULL, request, now_ms, &out), 0);
	assert_true(out.n < sizeof(text));
	memcpy(text, out.p, out.n);
	text[out.n] = '\0';
	buf_free(&out);
	return text;
}

struct mistake {
	const char *secret; /* of the route */
	const char *key;    /* the bytes that the sender signed with */
	const char *signed_body, *body;
	bool base64; /* the signature is sent as base64 */
	const char *prefix;
	const char *digest;
	const char *expected;
};

static void sign(const struct mistake *m, char *value, size_t size, char *right, size_t right_size)
{
	struct slice body = slice_str(m->signed_body);
	unsigned char bytes[TRUST_MAC_MAX];
	struct buf text = BUF_EMPTY;
	char hex[2 * TRUST_MAC_MAX];
	struct trust_mac *mac;
	size_t n;

	assert_int_equal(trust_mac_new(m->digest ? m->digest : "SHA256", slice_str(m->key), &mac), 0);
	assert_int_equal(trust_mac_pieces(mac, &body, 1, bytes, &n), 0);
	trust_mac_free(mac);
	encode_hex(slice_of(bytes, n), hex);
	if (m->base64)
		encode_base64(ENCODE_BASE64, slice_of(bytes, n), &text);
	else
		buf_add(&text, slice_of(hex, 2 * n));
	(void)snprintf(value, size, "%s%.*s", m->prefix, SLICE_ARGS(buf_slice(&text)));
	/* What would be right of the body that came. */
	body = slice_str(m->body);
	assert_int_equal(trust_mac_new("SHA256", slice_str(m->secret), &mac), 0);
	assert_int_equal(trust_mac_pieces(mac, &body, 1, bytes, &n), 0);
	trust_mac_free(mac);
	encode_hex(slice_of(bytes, n), hex);
	(void)snprintf(right, right_size, "%.*s", (int)(2 * n), hex);
	buf_free(&text);
}

static void test_mistakes(void **state)
{
	static const struct mistake rows[] = {
		{ "abcd", "abcd", "{}", "{}\n", false, "sha256=", NULL, "without the newline at the body's end" },
		{ "abcd", "abcd", "{}\n", "{}", false, "sha256=", NULL, "with a newline added to the body's end" },
		{ "abcd", "abcd", "{\r\n}", "{\n}", false, "sha256=", NULL,
		  "with CR LF for each line end of the body" },
		{ "abcd", "abcd", "{\n}", "{\r\n}", false, "sha256=", NULL, "with LF for each CR LF of the body" },
		{ "abcd", "abcd", "{\"a b\":\"\\\" c\",\"d\":1}", "{ \"a b\": \"\\\" c\", \"d\": 1 }", false,
		  "sha256=", NULL, "with the JSON body written without white space" },
		{ "c2VjcmV0", "secret", "{}", "{}", false, "sha256=", NULL, "with the secret decoded from base64" },
		{ "whsec_c2VjcmV0", "secret", "{}", "{}", false, "sha256=", NULL,
		  "with whsec_ taken off the secret and the rest decoded from base64" },
		{ "whsec_abcde", "abcde", "{}", "{}", false, "sha256=", NULL, "with whsec_ taken off the secret" },
		{ "736563526574", "secRet", "{}", "{}", false, "sha256=", NULL, "with the secret decoded from hex" },
		{ "abcd", "abcd", "{}", "{}", true, "sha256=", NULL, "with the signature read as base64" },
		{ "abcd", "abcd", "{}", "{}", false, "", NULL,
		  "with the signature written with another prefix or field name" },
		{ "abcd", "abcd", "{}", "{}", false, "v1=", NULL,
		  "with the signature written with another prefix or field name" },
		{ "abcd", "abcd", "{}", "{}", false, "sha256=", "SHA1", "with hmac-sha1" },
		{ "abcd", "abcd", "{}", "{}", false, "sha256=", "SHA512", "with hmac-sha512" },
		{ "c2VjcmV0", "secret", "{}", "{}\n", true, "sha256=", NULL,
		  "with the secret decoded from base64, and without the newline at the body's end, and with the "
		  "signature read as base64" },
		{ "abcd", "efgh", "{}", "{}", false, "sha256=", NULL, "nothing that was tried" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char value[256], right[160], route[256], expected[256];
		struct header headers[] = { { SLICE("Content-Type"), SLICE("application/json") },
					    { SLICE("X-Webhook-Signature"), SLICE_NONE } };
		struct request request = { .method = SLICE("POST"),
					   .path = SLICE("/a"),
					   .headers = headers,
					   .header_count = 2,
					   .body = slice_str(rows[i].body) };
		struct trust_fixture f;
		const char *text;

		sign(&rows[i], value, sizeof(value), right, sizeof(right));
		headers[1].value = slice_str(value);
		(void)snprintf(route, sizeof(route), "  - { name: a, path: /a, provider: generic, secret: \"%s\" }\n",
			       rows[i].secret);
		(void)snprintf(expected, sizeof(expected), "would match:  %s%s", rows[i].expected,
			       i + 1 < ARRAY_SIZE(rows) ? "\n" : "");
		fixture_open(&f, NULL, route);
		text = explain(&f, &request, NOW);
		if (!strstr(text, expected))
			fail_msg("row %zu: \"%s\" is not in:\n%s", i, rows[i].expected, text);
		assert_null(strstr(text, rows[i].secret));
		assert_null(strstr(text, right));
		fixture_close(&f);
	}
}

/* A delivery by one route's rules that comes to another one's. */
struct mix_up {
	const char *sender, *receiver; /* what the route says besides name and path */
	const char *sent, *came;       /* bodies; the latter NULL: the same */
	const char *target;	       /* as it came; NULL: as it was sent */
	const char *expected;
};

#define KEYED(secret) "provider: generic, secret: \"" secret "\""
#define DECODED(form, secret)                                                                                          \
	"provider: hmac, secret: " secret ", verify: { algorithm: hmac-sha256, key: " form ", signed: \"{body}\", "    \
	"signature: { header: X-Webhook-Signature, prefix: \"sha256=\", encoding: hex } }"
#define OF(provider) "provider: " provider ", secret: c2VjcmV0"
#define AT(url) "provider: square, secret: abcd, public_url: \"" url "\""
#define JSON_SENT "{\"b\":{\"y\":1.50,\"x\":[]},\"a\":\"\xc3\xbc/\"}"
#define JSON_LATIN1 "{\"b\":{\"y\":1.50,\"x\":[]},\"a\":\"\xfc/\"}"

static const struct mix_up mix_ups[] = {
	/* bodies */
	{ KEYED("abcd"), KEYED("abcd"), "{\"b\": {\"y\": 1.50, \"x\": []}, \"a\": \"\xc3\xbc/\"}", JSON_SENT, NULL,
	  "with the JSON body written with a space behind each comma and colon (as Python does)" },
	{ KEYED("abcd"), KEYED("abcd"), "{\"b\": {\"y\": 1.50, \"x\": []}, \"a\": \"\\u00fc/\"}", JSON_SENT, NULL,
	  "with the JSON body written with a space behind each comma and colon, and \\u for what is not ASCII" },
	{ KEYED("abcd"), KEYED("abcd"), "{\"b\":{\"y\":1.50,\"x\":[]},\"a\":\"\\u00fc/\"}", JSON_SENT, NULL,
	  "with the JSON body written without white space, and \\u for what is not ASCII" },
	{ KEYED("abcd"), KEYED("abcd"), "{\"b\":{\"y\":1.50,\"x\":[]},\"a\":\"\\u00fc\\/\"}", JSON_SENT, NULL,
	  "with the JSON body written without white space, \\u for what is not ASCII, and \\/ for / (as PHP does)" },
	{ KEYED("abcd"), KEYED("abcd"), JSON_SENT, "{ \"b\":{\"y\":1.50,\"x\":[]},\"a\":\"\\u00fc/\"}", NULL,
	  "with the JSON body written without white space, and letters for \\u" },
	{ KEYED("abcd"), KEYED("abcd"), "{\"a\":\"\xc3\xbc/\",\"b\":{\"x\":[],\"y\":1.50}}", JSON_SENT, NULL,
	  "with the JSON body written without white space, its members sorted" },
	{ KEYED("abcd"), KEYED("abcd"), "{\"a\": \"\xc3\xbc/\", \"b\": {\"x\": [], \"y\": 1.50}}", JSON_SENT, NULL,
	  "with the JSON body written with a space behind each comma and colon, its members sorted" },
	{ KEYED("abcd"), KEYED("abcd"),
	  "{\n  \"b\": {\n    \"y\": 1.50,\n    \"x\": []\n  },\n  \"a\": \"\xc3\xbc/\"\n}", JSON_SENT, NULL,
	  "with the JSON body written indented by two" },
	{ KEYED("abcd"), KEYED("abcd"), JSON_SENT, JSON_LATIN1, NULL, "with the body in UTF-8 instead of Latin-1" },
	{ KEYED("abcd"), KEYED("abcd"), JSON_LATIN1, JSON_SENT, NULL, "with the body in Latin-1 instead of UTF-8" },
	{ KEYED("abcd"), KEYED("abcd"), "{}", "\xef\xbb\xbf{}", NULL, "without the byte order mark" },
	{ KEYED("abcd"), KEYED("abcd"), "", "{}", NULL, "with an empty body" },
	{ KEYED("abcd"), KEYED("abcd"), "{}", "  {}  ", NULL, "without the white space around the body" },
	/* secrets */
	{ KEYED("abcd"), "provider: generic, secret: env:TRUST_EXPLAIN_BLANK", "{}", NULL, NULL,
	  "without the white space around the secret \"secret\"" },
	{ KEYED("abcd"), KEYED("'abcd'"), "{}", NULL, NULL, "without the quotes around the secret \"secret\"" },
	{ DECODED("hex", "616263640a"), KEYED("abcd"), "{}", NULL, NULL,
	  "with a newline behind the secret \"secret\"" },
	{ KEYED("c2VjcmV0"), DECODED("base64", "c2VjcmV0"), "{}", NULL, NULL,
	  "with the secret's text as the key, not decoded" },
	{ KEYED("elsewhere"), KEYED("abcd") " }\n  - { name: b, path: /b, provider: github, secret: elsewhere", "{}",
	  NULL, NULL, "with the secret \"secret\" of the route b" },
	{ KEYED("next"),
	  "provider: generic, secrets: [ { name: now, value: abcd }, { name: next, value: next, not_before: "
	  "2030-01-01T00:00:00Z } ]",
	  "{}", NULL, NULL, "if the secret \"next\" were valid now" },
	/* URLs */
	{ AT("https://a.example"), AT("http://a.example"), "{}", NULL, NULL,
	  "with another URL scheme: with the public URL https://a.example/hooks/x" },
	{ AT("https://a.example/hooks/x/"), AT("https://a.example"), "{}", NULL, NULL,
	  "with a slash at the URL's end: with the public URL https://a.example/hooks/x/" },
	{ AT("https://a.example"), AT("https://a.example:8443"), "{}", NULL, NULL,
	  "without the port: with the public URL https://a.example/hooks/x" },
	{ AT("https://a.example"), AT("https://a.example"), "{}", NULL, "/hooks/x?added=1", "without the query" },
	/* somebody else's */
	{ OF("stripe"), OF("github"), "{}", NULL, NULL,
	  "if the route had `provider: stripe`: this is signed the way Stripe signs" },
	{ OF("shopify"), OF("github"), "{}", NULL, NULL, "if the route had `provider: " },
	{ "provider: twilio, secret: c2VjcmV0, public_url: \"https://a.example\"",
	  "provider: github, secret: c2VjcmV0, public_url: \"https://a.example\"", "{}", NULL, NULL,
	  "if the route had `provider: twilio`: this is signed the way" },
};

static void open_route(struct trust_fixture *f, const char *rest)
{
	char route[1024];

	(void)snprintf(route, sizeof(route), "  - { name: a, path: /hooks/x, %s }\n", rest);
	fixture_open(f, NULL, route);
}

static void test_mix_ups(void **state)
{
	(void)state;
	assert_int_equal(setenv("TRUST_EXPLAIN_BLANK", " abcd", 1), 0);
	for (size_t i = 0; i < ARRAY_SIZE(mix_ups); i++) {
		const struct mix_up *row = &mix_ups[i];
		struct trust_fixture sender, receiver;
		struct delivery d;
		const char *text;

		open_route(&sender, row->sender);
		open_route(&receiver, row->receiver);
		delivery_sign(&d, &sender, slice_str(row->sent), SLICE_NONE, SLICE_NONE, NOW);
		if (row->came)
			d.request.body = slice_str(row->came);
		if (row->target) {
			d.request.target = slice_str(row->target);
			assert_true(message_split_target(d.request.target, &d.request.path, &d.request.query));
		}
		text = explain(&receiver, &d.request, NOW);
		if (!strstr(text, "would match:  ") || !strstr(strstr(text, "would match:  "), row->expected))
			fail_msg("row %zu: \"%s\" is not in:\n%s", i, row->expected, text);
		delivery_drop(&d);
		fixture_close(&sender);
		fixture_close(&receiver);
	}
}

/* Of a scheme with a public key the same: the sender has another digest, another form of signature, another body. */
static void test_public_keys(void **state)
{
	static const struct {
		enum trust_algorithm key;
		const char *sender, *receiver; /* the section `verify`, as far as it differs */
		const char *came, *expected;
	} rows[] = {
		{ TRUST_RSA_SHA256, "algorithm: rsa-sha512", "algorithm: rsa-sha256", "{}", "with rsa-sha512" },
		{ TRUST_RSA_SHA256, "algorithm: rsa-sha256", "algorithm: rsa-sha256", "{}\n",
		  "without the newline at the body's end" },
		{ TRUST_RSA_SHA256, "algorithm: rsa-pss-sha256", "algorithm: rsa-sha256", "{}\n",
		  "with rsa-pss-sha256, and without the newline at the body's end" },
		{ TRUST_ECDSA_P256_SHA256, "form: raw", "form: der", "{}",
		  "with the signature as r and s, not in DER" },
		{ TRUST_ED25519, "algorithm: ed25519", "algorithm: ed25519", "{ }",
		  "with the JSON body written without white space" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		static const char route[] =
			"  - { name: a, path: /hooks/x, provider: hmac, secret: \"%.*s\", verify: { "
			"%s, signed: \"{body}\", "
			"signature: { header: X-Sig, encoding: base64%s%s } } }\n";
		bool formed = rows[i].key == TRUST_ECDSA_P256_SHA256;
		const char *algorithm = "algorithm: ecdsa-p256-sha256";
		struct buf private_text = BUF_EMPTY, public_text = BUF_EMPTY;
		struct trust_fixture sender, receiver;
		struct delivery d;
		const char *text;
		char yaml[4096];

		assert_int_equal(trust_keypair_new(rows[i].key, &private_text, &public_text), 0);
		buf_add_byte(&private_text, '\0');
		assert_int_equal(setenv("TRUST_EXPLAIN_KEY", (const char *)private_text.p, 1), 0);
		(void)snprintf(yaml, sizeof(yaml), route, 21, "env:TRUST_EXPLAIN_KEY",
			       formed ? algorithm : rows[i].sender, formed ? ", " : "", formed ? rows[i].sender : "");
		fixture_open(&sender, NULL, yaml);
		(void)snprintf(yaml, sizeof(yaml), route, (int)public_text.n, (const char *)public_text.p,
			       formed ? algorithm : rows[i].receiver, formed ? ", " : "",
			       formed ? rows[i].receiver : "");
		fixture_open(&receiver, NULL, yaml);
		delivery_sign(&d, &sender, SLICE("{}"), SLICE_NONE, SLICE_NONE, NOW);
		d.request.body = slice_str(rows[i].came);
		text = explain(&receiver, &d.request, NOW);
		if (!strstr(text, "would match:  ") || !strstr(strstr(text, "would match:  "), rows[i].expected))
			fail_msg("row %zu: \"%s\" is not in:\n%s", i, rows[i].expected, text);
		buf_wipe(&private_text);
		buf_free(&public_text);
		delivery_drop(&d);
		fixture_close(&sender);
		fixture_close(&receiver);
	}
}

static void test_clock(void **state)
{
	struct trust_fixture f;
	struct delivery d;
	const char *text;

	(void)state;
	fixture_open(&f, NULL, "  - { name: a, path: /a, provider: slack, secret: abcd }\n");
	delivery_sign(&d, &f, SLICE("{}"), SLICE_NONE, SLICE_NONE, NOW);
	text = explain(&f, &d.request, NOW + 412000);
	assert_non_null(
		strstr(text, "timestamp_out_of_tolerance: the signed timestamp is 412 s old, 300 s are allowed"));
	assert_non_null(strstr(text, "1764000000 is 2025-11-24T16:00:00.000Z, 412 s old; 300 s are allowed"));
	assert_non_null(strstr(text, "\"secret\" is valid now and matches"));
	assert_null(strstr(text, "would match"));
	text = explain(&f, &d.request, NOW - 412000);
	assert_non_null(strstr(text, "412 s in the future; 300 s are allowed"));
	delivery_header(&d, SLICE("X-Slack-Request-Timestamp"))->value = SLICE("1764000000000");
	assert_non_null(
		strstr(explain(&f, &d.request, NOW), "it looks like milliseconds, this provider sends seconds"));
	d.request.header_count = 1;
	text = explain(&f, &d.request, NOW);
	assert_non_null(strstr(text, "header X-Slack-Signature stands there not at all"));
	assert_non_null(strstr(text, "timestamp:    missing"));
	assert_non_null(strstr(text, "signed bytes: cannot be told"));
	delivery_drop(&d);
	fixture_close(&f);
}

static void test_signed_bytes(void **state)
{
	struct header header = { SLICE("X-Webhook-Signature"), SLICE("sha256=00") };
	struct request request = { .method = SLICE("POST"),
				   .path = SLICE("/a"),
				   .headers = &header,
				   .header_count = 1,
				   .body = SLICE("a\0b\n\\\xff\x1b[31m") };
	struct trust_fixture f;
	const char *text;

	(void)state;
	fixture_open(&f, NULL, "  - { name: a, path: /a, provider: generic, secret: abcd }\n");
	text = explain(&f, &request, NOW);
	assert_non_null(strstr(text, "signed bytes: a\\x00b\\n\\x5c\\xff\\x1b[31m\n"));
	request.body = SLICE("abc");
	text = explain(&f, &request, NOW);
	assert_non_null(strstr(
		text, "signed bytes: 3, SHA-256 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
	fixture_close(&f);
}

static void test_secrets(void **state)
{
	static const char route[] = "  - name: a\n    path: /a\n    provider: github\n    secrets:\n"
				    "      - { name: old, value: abcd, not_after: 2025-11-24T15:00:00Z }\n"
				    "      - { name: now, value: efgh }\n"
				    "      - { name: next, value: ijkl, not_before: 2025-11-25T00:00:00Z }\n";
	struct trust_fixture f;
	struct delivery d;
	const char *text;

	(void)state;
	fixture_open(&f, NULL, route);
	delivery_sign(&d, &f, SLICE("{}"), SLICE_NONE, SLICE_NONE, NOW);
	text = explain(&f, &d.request, NOW);
	assert_non_null(strstr(text, "\"old\" was not valid after 2025-11-24T15:00:00.000Z"));
	assert_non_null(strstr(text, "\"now\" is valid now\n"));
	assert_non_null(strstr(text, "\"next\" is not valid before 2025-11-25T00:00:00.000Z"));
	assert_non_null(strstr(text, "would match:  if the secret \"old\" were valid now\n"));
	delivery_drop(&d);
	fixture_close(&f);
}

static void test_other_provider(void **state)
{
	struct trust_fixture stripe, github;
	struct delivery d;

	(void)state;
	fixture_open(&stripe, NULL, "  - { name: a, path: /a, provider: stripe, secret: abcd }\n");
	fixture_open(&github, NULL, "  - { name: a, path: /a, provider: github, secret: abcd }\n");
	delivery_sign(&d, &stripe, SLICE("{}"), SLICE_NONE, SLICE_NONE, NOW);
	assert_non_null(strstr(explain(&github, &d.request, NOW), "would match:  if the route had `provider: stripe`"));
	delivery_drop(&d);
	fixture_close(&stripe);
	fixture_close(&github);
}

static void test_tokens(void **state)
{
	struct header header = { SLICE("Authorization"), SLICE("Bearer abcd") };
	struct request request = {
		.method = SLICE("POST"), .path = SLICE("/a"), .headers = &header, .header_count = 1
	};
	struct trust_fixture f;

	(void)state;
	fixture_open(&f, NULL,
		     "  - { name: a, path: /a, provider: token, secrets: [ { name: s, value: abcd, not_before: "
		     "2030-01-01T00:00:00Z } ] }\n");
	assert_non_null(strstr(explain(&f, &request, NOW), "would match:  if the secret \"s\" were valid now"));
	fixture_close(&f);
	assert_int_equal(setenv("TRUST_EXPLAIN_SECRET", "abcd ", 1), 0);
	fixture_open(&f, NULL, "  - { name: a, path: /a, provider: token, secret: env:TRUST_EXPLAIN_SECRET }\n");
	assert_non_null(strstr(explain(&f, &request, NOW), "would match:  without the white space around the secret"));
	fixture_close(&f);
}

/* Two changes that make the same body are one. */
static void test_told_once(void **state)
{
	struct trust_fixture f;
	struct delivery d;
	const char *text;

	(void)state;
	fixture_open(&f, NULL, "  - { name: a, path: /a, provider: github, secret: abcd }\n");
	delivery_sign(&d, &f, SLICE("{\"a\":1}"), SLICE_NONE, SLICE_NONE, NOW);
	d.request.body = SLICE("{\"a\":1}\n");
	text = strstr(explain(&f, &d.request, NOW), "would match:  without the newline");
	assert_non_null(text);
	assert_null(strstr(text + 1, "would match"));
	delivery_drop(&d);
	fixture_close(&f);
}

static void test_large_body(void **state)
{
	struct header header = { SLICE("X-Webhook-Signature"), SLICE("sha256=00") };
	struct request request = {
		.method = SLICE("POST"), .path = SLICE("/a"), .headers = &header, .header_count = 1
	};
	size_t n = 4 * 1024 * 1024 + 1;
	unsigned char *body = calloc(1, n);
	struct trust_fixture f;

	(void)state;
	assert_non_null(body);
	request.body = slice_of(body, n);
	fixture_open(&f, NULL, "  - { name: a, path: /a, provider: generic, secret: abcd }\n");
	assert_non_null(strstr(explain(&f, &request, NOW), "would match:  not tried, the body is larger than 4 MiB"));
	fixture_close(&f);
	free(body);
}

static void test_accepted(void **state)
{
	struct trust_fixture f;
	struct delivery d;

	(void)state;
	fixture_open(&f, NULL, "  - { name: a, path: /a, provider: github, secret: abcd }\n");
	delivery_sign(&d, &f, SLICE("{}"), SLICE_NONE, SLICE_NONE, NOW);
	assert_non_null(strstr(explain(&f, &d.request, NOW), "outcome:      accepted: the signature is right\n"));
	delivery_drop(&d);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mistakes),       cmocka_unit_test(test_clock),
		cmocka_unit_test(test_signed_bytes),   cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_other_provider), cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_accepted),       cmocka_unit_test(test_large_body),
		cmocka_unit_test(test_told_once),      cmocka_unit_test(test_mix_ups),
		cmocka_unit_test(test_public_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
