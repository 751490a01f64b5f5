/* trust_plugin_host.c - the host's table asked rightly and wrongly: a wrong question gets "no", never a crash, and is noted. */
#include "trust/plugin_call.h"
#include "trust_fixture.h"

static const struct plugin_host *const host = &trust_plugin_host;

struct asking {
	struct trust_fixture f;
	struct header headers[4];
	struct request request;
	struct trust_evidence evidence;
	struct answer answer;
	struct trust_plugin_draft draft;
	struct header drafted[1];
	struct plugin_call call;
};

static struct plugin_bytes bytes(const char *s)
{
	return (struct plugin_bytes){ (const unsigned char *)s, strlen(s) };
}

static const char *text(struct plugin_bytes b)
{
	static char out[256];

	(void)snprintf(out, sizeof(out), "%.*s", (int)b.n, (const char *)b.p);
	return out;
}

static int open_asking(void **state)
{
	struct asking *a = calloc(1, sizeof(*a));

	assert_non_null(a);
	fixture_open(&a->f, NULL,
		     "  - name: a\n    path: /a\n    provider: adyen\n    secrets: [ { name: one, value: \"6b6579\" }, "
		     "{ name: late, "
		     "value: \"00\", not_before: 2100-01-01T00:00:00Z } ]\n");
	assert_int_equal(a->f.result, 0);
	a->headers[0] = (struct header){ SLICE("X-One"), SLICE("1") };
	a->headers[1] = (struct header){ SLICE("x-two"), SLICE("a") };
	a->headers[2] = (struct header){ SLICE("X-Two"), SLICE("b") };
	a->headers[3] =
		(struct header){ SLICE("Content-Type"), SLICE("application/x-www-form-urlencoded; charset=UTF-8") };
	a->request = (struct request){ .method = SLICE("POST"),
				       .target = SLICE("/a?q=1&q=%41"),
				       .path = SLICE("/a"),
				       .query = SLICE("q=1&q=%41"),
				       .headers = a->headers,
				       .header_count = 4,
				       .body = SLICE("a=b+c&&d") };
	a->draft = (struct trust_plugin_draft){ .headers = a->drafted, .room = 1 };
	a->call = (struct plugin_call){ .magic = PLUGIN_CALL_MAGIC,
					.verifier = fixture_verifier(&a->f),
					.request = &a->request,
					.arena = a->f.arena,
					.now_ms = 1764000000000,
					.evidence = &a->evidence,
					.answer = &a->answer,
					.draft = &a->draft,
					.covered = TRUST_COVER_PARTIAL };
	*state = a;
	return 0;
}

static int close_asking(void **state)
{
	struct asking *a = *state;

	fixture_close(&a->f);
	free(a);
	return 0;
}

static void test_the_request(void **state)
{
	struct asking *a = *state;
	struct plugin_call *call = &a->call;
	const struct plugin_field *fields;
	struct plugin_bytes value;
	size_t count;

	assert_string_equal(text(host->part(call, PLUGIN_METHOD)), "POST");
	assert_string_equal(text(host->part(call, PLUGIN_TARGET)), "/a?q=1&q=%41");
	assert_string_equal(text(host->part(call, PLUGIN_PATH)), "/a");
	assert_string_equal(text(host->part(call, PLUGIN_QUERY)), "q=1&q=%41");
	assert_string_equal(text(host->part(call, PLUGIN_BODY)), "a=b+c&&d");
	assert_int_equal(host->header(call, "x-none", 0, &value), 0);
	assert_int_equal(host->header(call, "X-TWO", 1, &value), 2);
	assert_string_equal(text(value), "b");
	assert_int_equal(host->fields(call, PLUGIN_FIELDS_QUERY, &fields, &count), PLUGIN_OK);
	assert_int_equal(count, 2);
	assert_string_equal(text(fields[1].value), "A");
	assert_int_equal(host->fields(call, PLUGIN_FIELDS_FORM, &fields, &count), PLUGIN_OK);
	assert_int_equal(count, 2);
	assert_string_equal(text(fields[0].value), "b c");
	assert_string_equal(text(fields[1].name), "d");
	assert_int_equal(host->now_ms(call), 1764000000000);
	assert_false(call->wrong);
}

static void test_fields_that_cannot_be_read(void **state)
{
	struct asking *a = *state;
	const struct plugin_field *fields;
	size_t count;

	a->request.query = SLICE("a=%4");
	assert_int_equal(host->fields(&a->call, PLUGIN_FIELDS_QUERY, &fields, &count), PLUGIN_MALFORMED_REQUEST);
	a->request.body = SLICE("%zz");
	assert_int_equal(host->fields(&a->call, PLUGIN_FIELDS_FORM, &fields, &count), PLUGIN_MALFORMED_BODY);
	a->headers[3].value = SLICE("application/json");
	assert_int_equal(host->fields(&a->call, PLUGIN_FIELDS_FORM, &fields, &count), PLUGIN_OK);
	assert_int_equal(count, 0);
	assert_false(a->call.wrong);
}

static void test_json(void **state)
{
	static const struct {
		const char *pointer;
		enum plugin_result result;
		enum plugin_json_type type;
		const char *raw, *text;
	} rows[] = {
		{ "/a", PLUGIN_OK, PLUGIN_JSON_STRING, "\"x\\u0041\"", "xA" },
		{ "/b/1", PLUGIN_OK, PLUGIN_JSON_NUMBER, "2", "2" },
		{ "/b", PLUGIN_OK, PLUGIN_JSON_ARRAY, "[1,2]", "" },
		{ "/c", PLUGIN_OK, PLUGIN_JSON_NULL, "null", "" },
		{ "/d", PLUGIN_OK, PLUGIN_JSON_BOOL, "true", "true" },
		{ "/e", PLUGIN_OK, PLUGIN_JSON_OBJECT, "{}", "" },
		{ "/f", PLUGIN_MISSING, PLUGIN_JSON_NULL, "", "" },
	};
	struct plugin_bytes body = bytes("{\"a\":\"x\\u0041\",\"b\":[1,2],\"c\":null,\"d\":true,\"e\":{}}");
	struct asking *a = *state;
	struct plugin_json value;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(host->json(&a->call, body, rows[i].pointer, &value), rows[i].result);
		if (rows[i].result != PLUGIN_OK)
			continue;
		assert_int_equal(value.type, rows[i].type);
		assert_string_equal(text(value.raw), rows[i].raw);
		assert_string_equal(text(value.text), rows[i].text);
	}
	assert_int_equal(host->json(&a->call, bytes("{"), "/a", &value), PLUGIN_MALFORMED_BODY);
	assert_int_equal(host->json(&a->call, bytes("{\"a\":\"\\ud800\"}"), "/a", &value), PLUGIN_MALFORMED_BODY);
	assert_false(a->call.wrong);
}

static void test_text_and_keys(void **state)
{
	struct plugin_bytes out, pieces[2] = { bytes("The quick brown fox jumps "), bytes("over the lazy dog") };
	struct asking *a = *state;
	struct plugin_call *call = &a->call;

	assert_int_equal(host->encode(call, PLUGIN_BASE64, bytes("ab"), &out), PLUGIN_OK);
	assert_string_equal(text(out), "YWI=");
	assert_int_equal(host->decode(call, PLUGIN_BASE64URL, bytes("YWI"), &out), PLUGIN_OK);
	assert_string_equal(text(out), "ab");
	assert_int_equal(host->decode(call, PLUGIN_HEX, bytes("6"), &out), PLUGIN_MISMATCH);
	assert_int_equal(host->join(call, pieces, 2, &out), PLUGIN_OK);
	assert_int_equal(out.n, 43);
	/* RFC 2202's and Wikipedia's well-known text, with the key "key". */
	assert_int_equal(host->mac(call, PLUGIN_SHA1, 0, pieces, 2, &out), PLUGIN_OK);
	assert_int_equal(host->encode(call, PLUGIN_HEX, out, &out), PLUGIN_OK);
	assert_string_equal(text(out), "de7c9b85b8b78aa6bc8a7a36f70a90701c9db4d9");
	assert_int_equal(host->mac_with(call, PLUGIN_MD5, bytes("key"), pieces, 2, &out), PLUGIN_OK);
	assert_int_equal(host->encode(call, PLUGIN_HEX, out, &out), PLUGIN_OK);
	assert_string_equal(text(out), "80070713463e7749b90c2dc24911e275");
	assert_int_equal(host->digest(call, PLUGIN_SHA1, pieces, 2, &out), PLUGIN_OK);
	assert_int_equal(host->encode(call, PLUGIN_HEX, out, &out), PLUGIN_OK);
	assert_string_equal(text(out), "2fd4e1c67a2d28fced849ee1bb76e7391b93eb12");
	assert_int_equal(host->secret(call, 0, &out), PLUGIN_OK);
	assert_string_equal(text(out), "key");
	assert_int_equal(host->secrets(call), 2);
	assert_int_equal(host->secret(call, 1, &out), PLUGIN_MISSING);
	assert_true(host->equal(bytes("a"), bytes("a")));
	assert_false(host->equal(bytes("a"), bytes("b")));
	assert_false(call->wrong);
}

/* NIST SP 800-38A, F.2.6: the first two blocks. */
static void test_decrypting(void **state)
{
	static const char key[] = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4";
	static const char cipher[] = "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d";
	static const char plain[] = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51";
	struct asking *a = *state;
	struct plugin_call *call = &a->call;
	struct plugin_bytes k, iv, c, out, shown;

	assert_int_equal(host->decode(call, PLUGIN_HEX, bytes(key), &k), PLUGIN_OK);
	assert_int_equal(host->decode(call, PLUGIN_HEX, bytes("000102030405060708090a0b0c0d0e0f"), &iv), PLUGIN_OK);
	assert_int_equal(host->decode(call, PLUGIN_HEX, bytes(cipher), &c), PLUGIN_OK);
	assert_int_equal(host->decrypt(call, k, iv, c, &out), PLUGIN_OK);
	assert_int_equal(host->encode(call, PLUGIN_HEX, out, &shown), PLUGIN_OK);
	assert_string_equal(text(shown), plain);
	assert_int_equal(host->encrypt(call, k, iv, out, &out), PLUGIN_OK);
	assert_int_equal(host->encode(call, PLUGIN_HEX, out, &shown), PLUGIN_OK);
	assert_string_equal(text(shown), cipher);
	for (size_t i = 0; i < 3; i++) {
		struct plugin_bytes short_key = k, short_iv = iv, short_text = c;

		(i == 0 ? &short_key : i == 1 ? &short_iv : &short_text)->n--;
		assert_int_equal(host->decrypt(call, short_key, short_iv, short_text, &out), PLUGIN_MISMATCH);
		assert_int_equal(host->encrypt(call, short_key, short_iv, short_text, &out), PLUGIN_MISMATCH);
	}
	assert_int_equal(host->decrypt(call, k, iv, bytes(""), &out), PLUGIN_MISMATCH);
	assert_false(call->wrong);
}

static void test_what_was_found(void **state)
{
	struct asking *a = *state;
	struct plugin_call *call = &a->call;
	struct plugin_bytes many[TRUST_PARTS_MAX + 1];
	int *shared = host->state(call, sizeof(int));

	assert_non_null(shared);
	assert_int_equal(*shared, 0);
	assert_ptr_equal(host->state(call, sizeof(int)), shared);
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = bytes("x");
	host->signed_text(call, many, ARRAY_SIZE(many));
	assert_int_equal(a->evidence.parts.n, 1);
	assert_int_equal(a->evidence.parts.p[0].n, ARRAY_SIZE(many));
	host->signed_at(call, 5000);
	assert_true(a->evidence.has_timestamp && a->evidence.timestamp_ms == 5000);
	for (size_t i = 0; i < TRUST_CANDIDATES_MAX + 4; i++)
		host->signature(call, bytes("s"));
	assert_int_equal(a->evidence.candidate_count, TRUST_CANDIDATES_MAX);
	/* More than the description says is never taken. */
	host->covers(call, PLUGIN_COVER_FULL);
	assert_int_equal(call->covered, TRUST_COVER_PARTIAL);
	host->covers(call, PLUGIN_COVER_NONE);
	host->covers(call, PLUGIN_COVER_PARTIAL);
	assert_int_equal(call->covered, TRUST_COVER_NONE);
	host->reason(call, "because");
	assert_string_equal(call->reason, "because");
	assert_int_equal(host->answer(call, 200, bytes("text/plain"), bytes("hi")), PLUGIN_OK);
	assert_int_equal(a->answer.header_count, 1);
	assert_int_equal(host->add_header(call, "X-A", bytes("1")), PLUGIN_OK);
	assert_int_equal(host->add_header(call, "X-B", bytes("2")), PLUGIN_OK);
	assert_true(a->draft.count == 1 && a->draft.full);
	assert_int_equal(host->set_body(call, bytes("b")), PLUGIN_OK);
	assert_int_equal(host->set_target(call, bytes("/t")), PLUGIN_OK);
	assert_slice(a->draft.target, "/t");
	assert_false(call->wrong);
}

/* ---- asked wrongly ---- */

#define WRONG(question)                                                                                                \
	do {                                                                                                           \
		a->call.wrong = false;                                                                                 \
		(void)(question);                                                                                      \
		assert_true(a->call.wrong);                                                                            \
	} while (0)

static void test_wrong_arguments(void **state)
{
	struct plugin_bytes out = { NULL, 0 }, nothing = { NULL, 7 }, huge = { (const unsigned char *)"x", SIZE_MAX };
	const char *const hosts[] = { "*.example.com" };
	const struct plugin_field *fields;
	char endless[400];
	struct plugin_json json;
	struct asking *a = *state;
	struct plugin_call *call = &a->call;
	size_t count;

	memset(endless, 'x', sizeof(endless) - 1);
	endless[sizeof(endless) - 1] = '\0';
	WRONG(host->part(call, (enum plugin_part)99).n);
	WRONG(host->header(call, NULL, 0, &out));
	WRONG(host->header(call, "x", 0, NULL));
	WRONG(host->header(call, endless, 0, &out));
	WRONG(host->fields(call, (enum plugin_fields)2, &fields, &count));
	WRONG(host->fields(call, PLUGIN_FIELDS_FORM, NULL, &count));
	WRONG(host->json(call, nothing, "/a", &json));
	WRONG(host->json(call, bytes("{}"), "a", &json));
	WRONG(host->json(call, bytes("{}"), NULL, &json));
	WRONG(host->json(call, bytes("{}"), "/a", NULL));
	WRONG(host->option(call, NULL, 0, &out));
	WRONG(host->alloc(call, SIZE_MAX) != NULL);
	WRONG(host->alloc(call, PLUGIN_CALL_MEMORY + 1) != NULL);
	WRONG(host->decode(call, (enum plugin_encoding)77, bytes("a"), &out));
	WRONG(host->decode(call, PLUGIN_HEX, huge, &out));
	WRONG(host->decode(call, PLUGIN_HEX, bytes("aa"), NULL));
	WRONG(host->encode(call, (enum plugin_encoding)77, bytes("a"), &out));
	WRONG(host->encode(call, PLUGIN_HEX, nothing, &out));
	WRONG(host->join(call, NULL, 1, &out));
	WRONG(host->join(call, &huge, 1, &out));
	WRONG(host->join(call, &out, SIZE_MAX, &out));
	WRONG(host->mac(call, PLUGIN_SHA1, 2, &out, 1, &out));
	WRONG(host->mac(call, PLUGIN_SHA1, PLUGIN_NO_SECRET, &out, 1, &out));
	WRONG(host->mac(call, (enum plugin_hash)99, 0, &out, 1, &out));
	WRONG(host->mac(call, PLUGIN_SHA1, 0, NULL, 1, &out));
	WRONG(host->mac(call, PLUGIN_SHA1, 0, &out, 1, NULL));
	WRONG(host->mac_with(call, PLUGIN_SHA1, bytes(""), &out, 1, &out));
	WRONG(host->digest(call, (enum plugin_hash) - 1, &out, 1, &out));
	/* The second is not valid yet. */
	WRONG(host->mac(call, PLUGIN_SHA1, 1, &out, 1, &out));
	WRONG(host->secret(call, 2, &out));
	WRONG(host->secret(call, 0, NULL));
	WRONG((host->reason(call, NULL), 0));
	WRONG((host->signature(call, nothing), 0));
	WRONG((host->signed_text(call, NULL, 1), 0));
	WRONG((host->signed_at(call, -1), 0));
	WRONG((host->signed_at(call, INT64_MAX), 0));
	WRONG((host->covers(call, (enum plugin_cover)9), 0));
	WRONG(host->answer(call, 100, bytes(""), bytes("")));
	WRONG(host->answer(call, 500, bytes(""), bytes("")));
	WRONG(host->answer(call, 200, bytes("a\r\nb"), bytes("")));
	WRONG(host->add_header(call, "X", bytes("a\nb")));
	WRONG(host->add_header(call, NULL, bytes("a")));
	WRONG(host->set_target(call, bytes("")));
	WRONG(host->certificate(call, nothing, hosts, 1, PLUGIN_ISSUERS_NEEDED));
	WRONG(host->certificate(call, bytes(""), NULL, 1, PLUGIN_ISSUERS_NEEDED));
	WRONG(host->certificate(call, bytes(""), hosts, 0, PLUGIN_ISSUERS_NEEDED));
	WRONG(host->certificate(call, bytes(""), hosts, 1, (enum plugin_issuers)9));
	/* Its plugin has no hosts: nothing can have been fetched. */
	WRONG(host->certificate(call, bytes(""), hosts, 1, PLUGIN_ISSUERS_NEEDED));
	WRONG(host->decrypt(call, nothing, bytes(""), bytes(""), &out));
	WRONG(host->decrypt(call, bytes(""), bytes(""), huge, &out));
	WRONG(host->decrypt(call, bytes(""), bytes(""), bytes(""), NULL));
	WRONG(host->encrypt(call, nothing, bytes(""), bytes(""), &out));
	/* Its plugin's secrets are no keys. */
	WRONG(host->sign_with(call, 0, PLUGIN_ED25519, PLUGIN_DER, &out, 1, &out));
	WRONG(host->kid(call, 0, &out));
	WRONG(host->add_header(call, "X: y\r\nX", bytes("a")));
	(void)host->state(call, 8);
	WRONG(host->state(call, 16) != NULL);
	a->call.answer = NULL;
	a->call.draft = NULL;
	WRONG(host->answer(call, 200, bytes(""), bytes("")));
	WRONG(host->add_header(call, "X", bytes("a")));
	WRONG(host->set_body(call, bytes("a")));
	WRONG(host->set_target(call, bytes("/a")));
	assert_false(host->equal(nothing, nothing));
}

/* Neither a null pointer nor something that is no call is followed. */
static void test_wrong_calls(void **state)
{
	struct plugin_call other = { .magic = 1 }, *calls[] = { NULL, &other };
	struct plugin_bytes out = { NULL, 0 };
	const struct plugin_field *fields;
	struct plugin_json json;
	size_t count;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct plugin_call *call = calls[i];

		assert_int_equal(host->part(call, PLUGIN_BODY).n, 0);
		assert_int_equal(host->header(call, "x", 0, &out), 0);
		assert_int_equal(host->fields(call, PLUGIN_FIELDS_FORM, &fields, &count), PLUGIN_WRONG);
		assert_int_equal(host->json(call, bytes("{}"), "/a", &json), PLUGIN_WRONG);
		assert_int_equal(host->now_ms(call), 0);
		assert_int_equal(host->option(call, "x", 0, &out), 0);
		assert_null(host->alloc(call, 1));
		assert_null(host->state(call, 1));
		assert_int_equal(host->decode(call, PLUGIN_HEX, bytes("aa"), &out), PLUGIN_WRONG);
		assert_int_equal(host->encode(call, PLUGIN_HEX, bytes("aa"), &out), PLUGIN_WRONG);
		assert_int_equal(host->join(call, &out, 1, &out), PLUGIN_WRONG);
		assert_int_equal(host->mac(call, PLUGIN_SHA1, 0, &out, 1, &out), PLUGIN_WRONG);
		assert_int_equal(host->mac_with(call, PLUGIN_SHA1, bytes("k"), &out, 1, &out), PLUGIN_WRONG);
		assert_int_equal(host->digest(call, PLUGIN_SHA1, &out, 1, &out), PLUGIN_WRONG);
		assert_int_equal(host->secrets(call), 0);
		assert_int_equal(host->secret(call, 0, &out), PLUGIN_WRONG);
		host->reason(call, "x");
		host->signature(call, out);
		host->signed_text(call, &out, 1);
		host->signed_at(call, 1);
		host->covers(call, PLUGIN_COVER_NONE);
		assert_int_equal(host->answer(call, 200, out, out), PLUGIN_WRONG);
		assert_int_equal(host->add_header(call, "x", out), PLUGIN_WRONG);
		assert_int_equal(host->set_body(call, out), PLUGIN_WRONG);
		assert_int_equal(host->set_target(call, bytes("/")), PLUGIN_WRONG);
		assert_int_equal(host->encrypt(call, out, out, out, &out), PLUGIN_WRONG);
		assert_int_equal(host->sign_with(call, 0, PLUGIN_ED25519, PLUGIN_DER, &out, 1, &out), PLUGIN_WRONG);
		assert_int_equal(host->kid(call, 0, &out), PLUGIN_WRONG);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_asking, close_asking)
	const struct CMUnitTest tests[] = { TEST(test_the_request),
					    TEST(test_fields_that_cannot_be_read),
					    TEST(test_json),
					    TEST(test_text_and_keys),
					    TEST(test_decrypting),
					    TEST(test_what_was_found),
					    TEST(test_wrong_arguments),
					    TEST(test_wrong_calls) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
