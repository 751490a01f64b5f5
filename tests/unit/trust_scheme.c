/* trust_scheme.c - every scheme through a whole route: signed with the private key, verified with the public one, and
 * with any bit changed refused; plain hashes; what a description may not combine. */
#include "base/encode.h"
#include "trust/public_key.h"
#include "trust_fixture.h"

static const int64_t NOW = 1764000000000;

/* A text as a YAML string. */
static void add_quoted(struct buf *out, struct slice text)
{
	buf_add_byte(out, '"');
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] == '\n')
			buf_add_str(out, "\\n");
		else
			buf_add_byte(out, text.p[i]);
	buf_add_byte(out, '"');
}

static void open_route(struct trust_fixture *f, struct slice secret, const char *verify)
{
	struct buf route = BUF_EMPTY;

	buf_add_str(&route, "  - { name: x, path: /x, provider: hmac, secret: ");
	add_quoted(&route, secret);
	buf_printf(&route, ", verify: { %s } }\n", verify);
	buf_add_byte(&route, '\0');
	fixture_open(f, NULL, (const char *)route.p);
	buf_wipe(&route);
}

static enum trust_result check(struct trust_fixture *f, const struct delivery *d)
{
	return fixture_check(f, &d->request, NOW).result;
}

/* One bit of everything that is signed, and of the signature. */
static void flip(struct trust_fixture *f, struct delivery *d, struct header *signature)
{
	struct slice body = d->request.body;
	unsigned char *copy = malloc(body.n + signature->value.n);
	struct slice value = signature->value;

	assert_non_null(copy);
	memcpy(copy, body.p, body.n);
	copy[body.n / 2] ^= 1;
	d->request.body = slice_of(copy, body.n);
	assert_int_equal(check(f, d), TRUST_SIGNATURE_MISMATCH);
	d->request.body = body;
	memcpy(copy, value.p, value.n);
	for (size_t i = 0; i < value.n; i += 1 + value.n / 16) {
		unsigned char was = copy[i];

		copy[i] = was == '0' ? '1' : '0';
		signature->value = slice_of(copy, value.n);
		assert_int_equal(check(f, d), TRUST_SIGNATURE_MISMATCH);
		copy[i] = was;
	}
	signature->value = value;
	assert_int_equal(check(f, d), TRUST_ACCEPTED);
	free(copy);
}

static void there_and_back(const char *verify, struct slice signing, struct slice verifying)
{
	struct trust_fixture signer, receiver;
	struct delivery d;

	open_route(&signer, signing, verify);
	open_route(&receiver, verifying, verify);
	delivery_sign(&d, &signer, SLICE("{\"id\":1}"), SLICE_NONE, SLICE_NONE, NOW);
	assert_int_equal(check(&receiver, &d), TRUST_ACCEPTED);
	assert_int_equal(fixture_check(&receiver, &d.request, NOW).covered, TRUST_COVER_FULL);
	assert_int_equal(fixture_check(&receiver, &d.request, NOW + 3600000).result, TRUST_TIMESTAMP_OUT_OF_TOLERANCE);
	flip(&receiver, &d, delivery_header(&d, SLICE("X-Sig")));
	delivery_drop(&d);
	fixture_close(&receiver);
	fixture_close(&signer);
}

static void test_public(void **state)
{
	static const char *const encodings[] = { "hex", "base64", "base64url" };

	(void)state;
	for (int a = TRUST_ED25519; a <= TRUST_RSA_PSS_SHA512; a++) {
		enum trust_algorithm algorithm = (enum trust_algorithm)a;
		enum trust_public_type type = trust_algorithm_type(algorithm);
		bool ecdsa = type != TRUST_PUBLIC_RSA && type != TRUST_PUBLIC_ED25519;
		struct buf private_text = BUF_EMPTY, public_text = BUF_EMPTY, verify = BUF_EMPTY;

		assert_int_equal(trust_keypair_new(algorithm, &private_text, &public_text), 0);
		for (int form = 0; form < (ecdsa ? 2 : 1); form++) {
			buf_clear(&verify);
			buf_printf(&verify,
				   "algorithm: %.*s, signature: { header: X-Sig, encoding: %s%s }, timestamp: { "
				   "header: X-Time }, signed: \"{timestamp}.{body}\"",
				   SLICE_ARGS(trust_algorithm_name(algorithm)), encodings[a % 3],
				   form == 0 ? "" : ", form: raw");
			buf_add_byte(&verify, '\0');
			there_and_back((const char *)verify.p, buf_slice(&private_text), buf_slice(&public_text));
		}
		buf_wipe(&private_text);
		buf_free(&public_text);
		buf_free(&verify);
	}
}

#define AROUND                                                                                                         \
	"signature: { header: X-Sig, encoding: hex }, timestamp: { header: X-Time }, signed: "                         \
	"\"{timestamp}{key}.{body}\""

static void test_shared(void **state)
{
	static const char *const verifies[] = {
		"algorithm: md5, " AROUND,
		"algorithm: sha1, " AROUND,
		"algorithm: sha256, " AROUND,
		"algorithm: sha384, " AROUND,
		"algorithm: sha512, " AROUND,
		"algorithm: hmac-md5, signature: { header: X-Sig, encoding: base64 }, timestamp: { header: X-Time }, "
		"signed: "
		"\"{timestamp}{body}\"",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(verifies); i++)
		there_and_back(verifies[i], SLICE("geheim"), SLICE("geheim"));
}

/* HubSpot's version 1: hex of SHA-256 of secret and body, computed with sha256sum. */
static void test_known_hash(void **state)
{
	struct header headers[] = { { SLICE_LIT("X-Sig"),
				      SLICE_LIT("dbbf33de771ca9501177136dc78644f15b70261ce5535d3e46cc94088391df44") } };
	struct request request = { .method = SLICE("POST"),
				   .target = SLICE("/x"),
				   .path = SLICE("/x"),
				   .headers = headers,
				   .header_count = 1,
				   .body = SLICE("[{\"eventId\":1}]") };
	struct trust_fixture f;
	struct buf told = BUF_EMPTY;

	(void)state;
	open_route(&f, SLICE("my-secret-key"),
		   "algorithm: sha256, signature: { header: X-Sig, encoding: hex }, signed: \"{key}{body}\"");
	assert_int_equal(fixture_check(&f, &request, NOW).result, TRUST_ACCEPTED);
	request.body = SLICE("[{\"eventId\":2}]");
	assert_int_equal(fixture_check(&f, &request, NOW).result, TRUST_SIGNATURE_MISMATCH);
	/* A body that has the mark in it is a body. */
	request.body = SLICE("{key}");
	assert_int_equal(fixture_check(&f, &request, NOW).result, TRUST_SIGNATURE_MISMATCH);
	/* What is told of it has {key} where the secret was. */
	assert_int_equal(trust_explain(fixture_verifier(&f), NULL, &request, NOW, &told), 0);
	buf_add_byte(&told, '\0');
	assert_non_null(strstr((const char *)told.p, "{key}"));
	assert_null(strstr((const char *)told.p, "my-secret-key"));
	buf_free(&told);
	fixture_close(&f);
}

/* Several secrets, several candidates: any that matches. */
static void test_rotation(void **state)
{
	struct buf old = BUF_EMPTY, old_public = BUF_EMPTY, new = BUF_EMPTY, new_public = BUF_EMPTY, routes = BUF_EMPTY;
	struct trust_fixture signer, receiver;
	struct delivery d;

	(void)state;
	assert_int_equal(trust_keypair_new(TRUST_ED25519, &old, &old_public), 0);
	assert_int_equal(trust_keypair_new(TRUST_ED25519, &new, &new_public), 0);
#define VERIFY "algorithm: ed25519, signature: { header: X-Sig, list: \",\", encoding: hex }, signed: \"{body}\""
	open_route(&signer, buf_slice(&new), VERIFY);
	buf_printf(&routes,
		   "  - { name: x, path: /x, provider: hmac, verify: { " VERIFY
		   " }, secrets: [ { name: old, value: \"%.*s\" }, { name: new, value: \"%.*s\" } ] }\n",
		   SLICE_ARGS(buf_slice(&old_public)), SLICE_ARGS(buf_slice(&new_public)));
	buf_add_byte(&routes, '\0');
	fixture_open(&receiver, NULL, (const char *)routes.p);
	delivery_sign(&d, &signer, SLICE("body"), SLICE_NONE, SLICE_NONE, NOW);
	assert_slice(fixture_check(&receiver, &d.request, NOW).secret, "new");
	delivery_header(&d, SLICE("X-Sig"))->value =
		arena_printf(d.arena, "00,zz, %.*s", SLICE_ARGS(delivery_header(&d, SLICE("X-Sig"))->value));
	assert_slice(fixture_check(&receiver, &d.request, NOW).secret, "new");
	delivery_drop(&d);
	fixture_close(&receiver);
	fixture_close(&signer);
	buf_wipe(&old);
	buf_wipe(&new);
	buf_free(&old_public);
	buf_free(&new_public);
	buf_free(&routes);
}

/* A public key cannot sign, and says so. */
static void test_cannot_sign(void **state)
{
	struct trust_draft draft = { .method = SLICE("POST"), .target = SLICE("/x"), .body = SLICE("b") };
	struct slice target, body;
	struct reason reason = { "" };
	struct header headers[8];
	struct trust_fixture f;
	size_t count;

	(void)state;
	open_route(&f, SLICE("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="), VERIFY);
	assert_int_not_equal(
		trust_sign(fixture_verifier(&f), &draft, f.arena, headers, 8, &count, &target, &body, &reason), 0);
	assert_non_null(strstr(reason.text, "public key"));
	fixture_close(&f);
}

static void test_refused(void **state)
{
	static const struct {
		const char *secret, *verify, *finding;
	} rows[] = {
		{ "s", "algorithm: sha256, signature: { header: X-Sig }, signed: \"{body}\"", "without {key}" },
		{ "s", "algorithm: hmac-sha256, signature: { header: X-Sig }, signed: \"{key}{body}\"", "signs {key}" },
		{ "s", "algorithm: sha256, signature: { header: X-Sig }, signed: \"{key|hex}{body}\"",
		  "filter or an alternative behind {key}" },
		{ "s", "algorithm: sha256, signature: { header: X-Sig }, signed: \"{key}{body}\", id: \"{key}\"",
		  "may only stand in what is signed" },
		{ "s", "algorithm: hmac-sha256, signature: { header: X-Sig, form: raw }, signed: \"{body}\"",
		  "is for ECDSA" },
		{ "s", "algorithm: rsa-sha256, signature: { header: X-Sig, form: der }, signed: \"{body}\"",
		  "is for ECDSA" },
		{ "s", "algorithm: ed25519, key: hex, signature: { header: X-Sig }, signed: \"{body}\"",
		  "seen from their text" },
		{ "s", "algorithm: ed25519, signature: { header: X-Sig }, signed: \"{body}\"", "neither PEM" },
		{ "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
		  "algorithm: rsa-sha256, signature: { header: X-Sig }, signed: \"{body}\"",
		  "another kind than rsa-sha256 takes" },
		{ "s",
		  "algorithm: hmac-sha256, key_prefix: [a, b, c, d, e], signature: { header: X-Sig }, signed: "
		  "\"{body}\"",
		  "more than 4" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct trust_fixture f;

		open_route(&f, slice_str(rows[i].secret), rows[i].verify);
		assert_int_not_equal(f.result, 0);
		if (!strstr(fixture_findings(&f.diag), rows[i].finding))
			fail_msg("%s: %s", rows[i].finding, fixture_findings(&f.diag));
		fixture_close(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_public),	cmocka_unit_test(test_shared),
					    cmocka_unit_test(test_known_hash),	cmocka_unit_test(test_rotation),
					    cmocka_unit_test(test_cannot_sign), cmocka_unit_test(test_refused) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
