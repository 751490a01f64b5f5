/* trust_jwt.c - tokens: the published ones, every algorithm there and back, what a token must not decide itself, and
 * every claim. */
#include "base/encode.h"
#include "trust/jwt.h"
#include "trust/key.h"
#include "trust/public_key.h"
#include "trust_fixture.h"

#include <errno.h>

static const int64_t NOW = 1764000000000;

#define RSA_JWK                                                                                                        \
	"{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw" \
	"-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSX" \
	"ndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWN" \
	"moudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\"}"
#define CLAIMS ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
#define HS_KEY                                                                                                         \
	"\x03\x23\x35\x4b\x2b\x0f\xa5\xbc\x83\x7e\x06\x65\x77\x7b\xa6\x8f\x5a\xb3\x28\xe6\xf0\x54\xc9\x28\xa9\x0f"     \
	"\x84\xb2\xd2\x50\x2e\xbf\xd3\xfb\x5a\x92\xd2\x06\x47\xef\x96\x8a\xb4\xc3\x77\x62\x3d\x22\x3d\x2e\x21\x72"     \
	"\x05\x2e\x4f\x08\xc0\xcd\x9a\xf5\x67\xd0\x80\xa3"

/* RFC 7515, A.1 to A.4; RFC 8037, A.4. */
static const struct {
	const char *algorithm, *key;
	const char *token;
} published[] = {
	{ "HS256", HS_KEY,
	  "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9" CLAIMS "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" },
	{ "RS256", RSA_JWK,
	  "eyJhbGciOiJSUzI1NiJ9" CLAIMS
	  "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CU"
	  "Ar7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_d"
	  "O--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0ig"
	  "cN_IoypGlUPQGe77Rw" },
	{ "ES256",
	  "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_"
	  "FEzRu9m36HLN"
	  "_tue659LNpXW6pCyStikYjKIWI5a0\"}",
	  "eyJhbGciOiJFUzI1NiJ9" CLAIMS "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3"
	  "-Kg6NU1Q" },
	{ "ES512",
	  "{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":\"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_"
	  "NjFZ6OvLFV1j"
	  "SfS9tsz4qUxcWceqwQGk\",\"y\":\"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ub"
	  "mf63e3kyMj2\"}",
	  "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB"
	  "34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn" },
	{ "EdDSA", "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
	  "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcN"
	  "R4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg" },
};

static struct trust_secret secret_of(const struct trust_jwt *jwt, struct slice text)
{
	struct trust_secret secret = { .key = text };
	struct reason reason = { "" };

	if (jwt->algorithms && trust_key_ring_new(text, &secret.ring, &reason))
		fail_msg("%s", reason.text);
	return secret;
}

static bool right(const struct trust_jwt *jwt, const struct trust_secret *secret, struct slice text)
{
	struct arena *arena = arena_new(4096, 1 << 20);
	struct trust_token token;
	const char *why = NULL;
	bool ok = false;

	assert_non_null(arena);
	if (trust_token_read(text, false, arena, &token, &why))
		assert_int_equal(trust_token_verify(jwt, secret, &token, NULL, 0, &ok, &why), 0);
	assert_true(ok || (why && *why));
	arena_free(arena);
	return ok;
}

static void test_published(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(published); i++) {
		struct trust_jwt jwt = { .shared = 0 }, others = { .shared = 7 };
		struct slice text = slice_str(published[i].token);
		struct trust_secret secret;
		char *copy = strdup(published[i].token);

		assert_non_null(copy);
		assert_true(trust_jwt_algorithm(slice_str(published[i].algorithm), &jwt.shared, &jwt.algorithms));
		secret = secret_of(&jwt, i == 0 ? SLICE(HS_KEY) : slice_str(published[i].key));
		if (!right(&jwt, &secret, text))
			fail_msg("%s", published[i].algorithm);
		/* Any character of it changed. */
		for (size_t at = 0; at < text.n; at++) {
			char was = copy[at];

			copy[at] = was == 'A' ? 'B' : 'A';
			assert_false(right(&jwt, &secret, slice_of(copy, text.n)));
			copy[at] = was;
		}
		/* By a description that allows all the others. */
		others.algorithms = 0xfff & ~jwt.algorithms;
		others.shared &= ~jwt.shared;
		assert_false(right(&others, &secret, text));
		free(copy);
		trust_key_ring_free(secret.ring);
	}
}

static struct slice token_of(struct arena *arena, const char *header, const char *claims, const char *signature)
{
	struct buf text = BUF_EMPTY;
	struct slice made;

	encode_base64(ENCODE_BASE64URL, slice_str(header), &text);
	buf_add_byte(&text, '.');
	encode_base64(ENCODE_BASE64URL, slice_str(claims), &text);
	buf_add_byte(&text, '.');
	buf_add_str(&text, signature);
	made = arena_copy(arena, buf_slice(&text));
	buf_free(&text);
	return made;
}

static void test_unreadable(void **state)
{
	static const char *const texts[] = { "",
					     ".",
					     "..",
					     "a.b",
					     "e30.e30",
					     "e30.e30.",
					     "e30..AAAA",
					     "e30.e30.AAAA.",
					     "e30.e30.AA=A",
					     "e30.e30.A",
					     ".e30.AAAA",
					     "e30.e30.AAAA AAAA" };
	static const struct {
		const char *header, *why;
	} headers[] = {
		{ "{}", "no JSON with an algorithm" },
		{ "[]", "no JSON with an algorithm" },
		{ "{\"alg\":7}", "no JSON with an algorithm" },
		{ "{\"alg\":\"HS256\"", "no JSON with an algorithm" },
		{ "{\"alg\":\"HS256\",\"kid\":7}", "no JSON with an algorithm" },
		{ "{\"alg\":\"HS256\"}x", "no JSON with an algorithm" },
		{ "{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", "crit" },
		{ "{\"alg\":\"HS256\",\"crit\":[]}", "crit" },
		{ "{\"alg\":\"HS256\",\"b64\":false}", "b64" },
		{ "{\"alg\":\"dir\",\"enc\":\"A128GCM\"}", "encryption" },
	};
	struct arena *arena = arena_new(4096, 1 << 22);
	struct trust_token token = { .alg = SLICE_LIT("poison") };
	const char *why = "";
	struct buf huge = BUF_EMPTY;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_false(trust_token_read(slice_str(texts[i]), false, arena, &token, &why));
	for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
		assert_false(
			trust_token_read(token_of(arena, headers[i].header, "{}", "AAAA"), false, arena, &token, &why));
		if (!strstr(why, headers[i].why))
			fail_msg("%s: %s", headers[i].header, why);
	}
	assert_slice(token.alg, "poison");
	assert_true(trust_token_read(token_of(arena, "{\"alg\":\"HS256\",\"b64\":true}", "{}", "AAAA"), false, arena,
				     &token, &why));
	assert_false(trust_token_read(token_of(arena, "{\"alg\":\"HS256\"}", "{}", "AAAA"), true, arena, &token, &why));
	buf_add_str(&huge, "eyJhbGciOiJIUzI1NiJ9.");
	while (huge.n <= TRUST_TOKEN_MAX)
		buf_add_str(&huge, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
	buf_add_str(&huge, ".AAAA");
	assert_false(trust_token_read(buf_slice(&huge), false, arena, &token, &why));
	buf_free(&huge);
	arena_free(arena);
}

/* ---- whole routes ---- */

static void open_route(struct trust_fixture *f, struct slice secret, const char *verify)
{
	struct buf route = BUF_EMPTY;

	buf_add_str(&route, "  - { name: x, path: /x, provider: hmac, secret: \"");
	for (size_t i = 0; i < secret.n; i++)
		if (secret.p[i] == '\n' || secret.p[i] == '"')
			buf_add_str(&route, secret.p[i] == '\n' ? "\\n" : "\\\"");
		else
			buf_add_byte(&route, secret.p[i]);
	buf_printf(&route, "\", verify: { algorithm: jwt, %s } }\n", verify);
	buf_add_byte(&route, '\0');
	fixture_open(f, NULL, (const char *)route.p);
	buf_wipe(&route);
}

#define BEARER "signature: { header: Authorization, prefix: \"Bearer \" }"

static void there_and_back(const char *algorithm, struct slice signing, struct slice verifying)
{
	static const char *const encodings[] = { "hex", "base64", "base64url" };

	for (size_t i = 0; i < ARRAY_SIZE(encodings); i++) {
		struct buf verify = BUF_EMPTY;
		struct trust_fixture signer, receiver;
		struct trust_verdict verdict;
		struct delivery d;
		struct header *header;
		struct slice was;
		unsigned char *copy;

		buf_printf(&verify,
			   BEARER ", jwt: { algorithms: [%s], max_age: 2m, require: [exp, jti], claims: { iss: me, "
				  "aud: [other, \"https://here\"] }, body_hash: { claim: sha, encoding: %s } }",
			   algorithm, encodings[i]);
		buf_add_byte(&verify, '\0');
		open_route(&signer, signing, (const char *)verify.p);
		open_route(&receiver, verifying, (const char *)verify.p);
		delivery_sign(&d, &signer, SLICE("{\"id\":1}"), SLICE_NONE, SLICE_NONE, NOW);
		verdict = fixture_check(&receiver, &d.request, NOW);
		if (verdict.result != TRUST_ACCEPTED)
			fail_msg("%s: %s", algorithm, verdict.reason);
		assert_int_equal(verdict.covered, TRUST_COVER_FULL);
		assert_int_equal(verdict.guard.n, 32);
		assert_int_equal(fixture_check(&receiver, &d.request, NOW + 121000).result,
				 TRUST_TIMESTAMP_OUT_OF_TOLERANCE);
		assert_int_equal(fixture_check(&receiver, &d.request, NOW - 61000).result,
				 TRUST_TIMESTAMP_OUT_OF_TOLERANCE);
		d.request.body = SLICE("{\"id\":2}");
		assert_int_equal(fixture_check(&receiver, &d.request, NOW).result, TRUST_SIGNATURE_MISMATCH);
		/* A wrong signature that is stale as well is wrong. */
		assert_int_equal(fixture_check(&receiver, &d.request, NOW + 121000).result, TRUST_SIGNATURE_MISMATCH);
		d.request.body = SLICE("{\"id\":1}");
		header = delivery_header(&d, SLICE("Authorization"));
		was = header->value;
		copy = malloc(was.n);
		assert_non_null(copy);
		memcpy(copy, was.p, was.n);
		for (size_t at = 7; at < was.n; at += 1 + was.n / 40) {
			copy[at] = was.p[at] == 'A' ? 'B' : 'A';
			header->value = slice_of(copy, was.n);
			assert_int_equal(fixture_check(&receiver, &d.request, NOW).result, TRUST_SIGNATURE_MISMATCH);
			copy[at] = was.p[at];
		}
		header->value = SLICE("Bearer ");
		assert_int_equal(fixture_check(&receiver, &d.request, NOW).result, TRUST_SIGNATURE_MISSING);
		header->value = SLICE("Bearer no.token");
		assert_int_equal(fixture_check(&receiver, &d.request, NOW).result, TRUST_SIGNATURE_MISMATCH);
		free(copy);
		delivery_drop(&d);
		fixture_close(&receiver);
		fixture_close(&signer);
		buf_free(&verify);
	}
}

static void test_every_algorithm(void **state)
{
	static const char *const shared[] = { "HS256", "HS384", "HS512" };
	static const char *const names[] = { "EdDSA", "ES256", "ES384", "ES512", "RS256",
					     "RS384", "RS512", "PS256", "PS384", "PS512" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(shared); i++)
		there_and_back(shared[i], SLICE("geheim"), SLICE("geheim"));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct buf private_text = BUF_EMPTY, public_text = BUF_EMPTY;
		enum trust_algorithm algorithm = TRUST_ED25519;

		assert_true(trust_algorithm_jwa(slice_str(names[i]), &algorithm));
		assert_int_equal(trust_keypair_new(algorithm, &private_text, &public_text), 0);
		there_and_back(names[i], buf_slice(&private_text), buf_slice(&public_text));
		buf_wipe(&private_text);
		buf_free(&public_text);
	}
}

/* A token with these claims, signed with "geheim", as a request. */
static enum trust_result check_claims(struct trust_fixture *f, const char *claims, const char *body)
{
	const struct trust_jwt jwt = { .shared = 1 };
	const struct trust_secret secret = { .key = SLICE_LIT("geheim") };
	struct arena *arena = arena_new(4096, 1 << 20);
	struct slice payload = slice_str(claims), token;
	struct header header = { SLICE_LIT("Authorization"), SLICE_NONE };
	struct request request = { .method = SLICE("POST"),
				   .target = SLICE("/x"),
				   .path = SLICE("/x"),
				   .headers = &header,
				   .header_count = 1,
				   .body = slice_str(body) };
	enum trust_result result;

	assert_non_null(arena);
	assert_int_equal(trust_token_make(&jwt, &secret, &payload, 1, arena, &token), 0);
	header.value = arena_printf(arena, "Bearer %.*s", SLICE_ARGS(token));
	result = fixture_check(f, &request, NOW).result;
	arena_free(arena);
	return result;
}

static void test_claims(void **state)
{
	enum { OK = TRUST_ACCEPTED, WRONG = TRUST_SIGNATURE_MISMATCH, OLD = TRUST_TIMESTAMP_OUT_OF_TOLERANCE };
	static const struct {
		const char *jwt, *claims;
		int result;
	} rows[] = {
		{ "leeway: 0s", "{}", OK },
		{ "leeway: 0s", "[]", WRONG },
		{ "leeway: 0s", "7", WRONG },
		{ "leeway: 0s", "{\"a\":", WRONG },
		{ "leeway: 0s", "{\"exp\":1764000000}", OK },
		{ "leeway: 0s", "{\"exp\":1763999999}", OLD },
		{ "leeway: 0s", "{\"exp\":1763999999.9}", OLD },
		{ "leeway: 0s", "{\"exp\":1764000000.5}", OK },
		{ "leeway: 10s", "{\"exp\":1763999990}", OK },
		{ "leeway: 10s", "{\"exp\":1763999989}", OLD },
		{ "leeway: 0s", "{\"exp\":\"1764000001\"}", WRONG },
		{ "leeway: 0s", "{\"exp\":null}", WRONG },
		{ "leeway: 0s", "{\"exp\":-1}", WRONG },
		{ "leeway: 0s", "{\"exp\":1e10}", WRONG },
		{ "leeway: 0s", "{\"exp\":99999999999999999999}", WRONG },
		{ "leeway: 0s", "{\"nbf\":1764000000}", OK },
		{ "leeway: 0s", "{\"nbf\":1764000001}", OLD },
		{ "leeway: 1s", "{\"nbf\":1764000001}", OK },
		{ "leeway: 0s", "{\"iat\":1}", OK },
		{ "leeway: 0s, max_age: 10s", "{\"iat\":1763999990}", OK },
		{ "leeway: 0s, max_age: 10s", "{\"iat\":1763999989}", OLD },
		{ "leeway: 0s, max_age: 10s", "{\"iat\":1764000001}", OLD },
		{ "leeway: 0s, max_age: 10s", "{\"exp\":1764000001}", WRONG },
		{ "require: exp", "{}", WRONG },
		{ "require: exp", "{\"exp\":1764000001}", OK },
		{ "require: [jti]", "{\"jti\":null}", WRONG },
		{ "claims: { iss: me }", "{\"iss\":\"me\"}", OK },
		{ "claims: { iss: me }", "{\"iss\":\"m\\u0065\"}", OK },
		{ "claims: { iss: me }", "{\"iss\":\"Me\"}", WRONG },
		{ "claims: { iss: me }", "{}", WRONG },
		{ "claims: { iss: me }", "{\"iss\":null}", WRONG },
		{ "claims: { iss: me }", "{\"iss\":{\"a\":\"me\"}}", WRONG },
		{ "claims: { iss: [me, you] }", "{\"iss\":\"you\"}", OK },
		{ "claims: { aud: b }", "{\"aud\":[\"a\",\"b\"]}", OK },
		{ "claims: { aud: b }", "{\"aud\":[\"a\",[\"b\"]]}", WRONG },
		{ "claims: { aud: b }", "{\"aud\":[]}", WRONG },
		{ "claims: { email_verified: \"true\" }", "{\"email_verified\":true}", OK },
		{ "claims: { email_verified: \"true\" }", "{\"email_verified\":false}", WRONG },
		{ "claims: { \"a/b~\": x }", "{\"a/b~\":\"x\"}", OK },
		{ "claims: { sub: \"{path}\" }", "{\"sub\":\"/x\"}", OK },
		{ "claims: { sub: \"{path}\" }", "{\"sub\":\"/y\"}", WRONG },
		{ "claims: { sub: \"{header:X-Not}\" }", "{\"sub\":\"\"}", WRONG },
		{ "body_hash: { claim: h }",
		  "{\"h\":\"230d8358dc8e8890b4c58deeb62912ee2f20357ae92a5cc861b98e68fe31acb5\"}", OK },
		{ "body_hash: { claim: h }",
		  "{\"h\":\"230D8358DC8E8890B4C58DEEB62912EE2F20357AE92A5CC861B98E68FE31ACB5\"}", OK },
		{ "body_hash: { claim: h }",
		  "{\"h\":\"230d8358dc8e8890b4c58deeb62912ee2f20357ae92a5cc861b98e68fe31acb6\"}", WRONG },
		{ "body_hash: { claim: h }", "{\"h\":\"\"}", WRONG },
		{ "body_hash: { claim: h }", "{}", WRONG },
		{ "body_hash: { claim: h, encoding: base64 }",
		  "{\"h\":\"Iw2DWNyOiJC0xY3utikS7i8gNXrpKlzIYbmOaP4xrLU=\"}", OK },
		{ "body_hash: { claim: h, encoding: base64url }",
		  "{\"h\":\"Iw2DWNyOiJC0xY3utikS7i8gNXrpKlzIYbmOaP4xrLU=\"}", OK },
		{ "body_hash: { claim: h, encoding: base64url }",
		  "{\"h\":\"Iw2DWNyOiJC0xY3utikS7i8gNXrpKlzIYbmOaP4xrLU\"}", OK },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct buf verify = BUF_EMPTY;
		struct trust_fixture f;

		buf_printf(&verify, BEARER ", jwt: { algorithms: HS256, %s }", rows[i].jwt);
		buf_add_byte(&verify, '\0');
		open_route(&f, SLICE("geheim"), (const char *)verify.p);
		if ((int)check_claims(&f, rows[i].claims, "body") != rows[i].result)
			fail_msg("%s: %s", rows[i].jwt, rows[i].claims);
		fixture_close(&f);
		buf_free(&verify);
	}
}

/* Without a body, the claim may be missing; it may not when there is one. */
static void test_no_body(void **state)
{
	struct trust_fixture f;

	(void)state;
	open_route(&f, SLICE("geheim"), BEARER ", jwt: { algorithms: HS256, body_hash: { claim: h } }");
	assert_int_equal(check_claims(&f, "{}", ""), TRUST_ACCEPTED);
	assert_int_equal(check_claims(&f, "{}", "b"), TRUST_SIGNATURE_MISMATCH);
	fixture_close(&f);
}

/* An HMAC that is keyed with the text of the public key, and no signature at all. */
static void test_confusion(void **state)
{
	struct arena *arena = arena_new(4096, 1 << 20);
	const struct trust_jwt hs = { .shared = 1 };
	struct buf private_text = BUF_EMPTY, public_text = BUF_EMPTY;
	struct trust_fixture f;
	struct header header = { SLICE_LIT("Authorization"), SLICE_NONE };
	struct request request = { .method = SLICE("POST"),
				   .target = SLICE("/x"),
				   .path = SLICE("/x"),
				   .headers = &header,
				   .header_count = 1 };
	struct trust_secret forged = { .name = SLICE_NONE };
	struct slice claims = SLICE("{}"), token;

	(void)state;
	assert_int_equal(trust_keypair_new(TRUST_RSA_SHA256, &private_text, &public_text), 0);
	open_route(&f, buf_slice(&public_text), BEARER ", jwt: { algorithms: [RS256, PS256] }");
	forged.key = buf_slice(&public_text);
	assert_int_equal(trust_token_make(&hs, &forged, &claims, 1, arena, &token), 0);
	header.value = arena_printf(arena, "Bearer %.*s", SLICE_ARGS(token));
	assert_int_equal(fixture_check(&f, &request, NOW).result, TRUST_SIGNATURE_MISMATCH);
	header.value =
		arena_printf(arena, "Bearer %.*s", SLICE_ARGS(token_of(arena, "{\"alg\":\"none\"}", "{}", "AAAA")));
	assert_int_equal(fixture_check(&f, &request, NOW).result, TRUST_SIGNATURE_MISMATCH);
	header.value = arena_printf(arena, "Bearer %.*s", SLICE_ARGS(token_of(arena, "{\"alg\":\"none\"}", "{}", "")));
	assert_int_equal(fixture_check(&f, &request, NOW).result, TRUST_SIGNATURE_MISMATCH);
	fixture_close(&f);
	buf_wipe(&private_text);
	buf_free(&public_text);
	arena_free(arena);
}

/* Of a set of keys, the one that the token names. */
static void test_key_by_name(void **state)
{
#define ES_JWK(kid)                                                                                                    \
	"{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"" kid                                                             \
	"\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_"                                          \
	"FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"
	struct trust_jwt jwt = { .algorithms = 1U << TRUST_ECDSA_P256_SHA256 };
	struct trust_secret secret = secret_of(&jwt, SLICE("{\"keys\":[" RSA_JWK "," ES_JWK("one") "]}"));
	struct arena *arena = arena_new(4096, 1 << 20);
	struct trust_token token;
	const char *why;
	bool ok = false;

	(void)state;
	assert_true(trust_token_read(slice_str(published[2].token), false, arena, &token, &why));
	assert_int_equal(trust_token_verify(&jwt, &secret, &token, NULL, 0, &ok, &why), 0);
	assert_true(ok);
	token.kid = SLICE("one");
	assert_int_equal(trust_token_verify(&jwt, &secret, &token, NULL, 0, &ok, &why), 0);
	assert_true(ok);
	token.kid = SLICE("two");
	assert_int_equal(trust_token_verify(&jwt, &secret, &token, NULL, 0, &ok, &why), 0);
	assert_false(ok);
	trust_key_ring_free(secret.ring);
	arena_free(arena);
}

static void test_detached(void **state)
{
	struct buf private_text = BUF_EMPTY, public_text = BUF_EMPTY;
	struct trust_fixture signer, receiver;
	struct delivery d;

	(void)state;
#define DETACHED                                                                                                       \
	"signature: { header: Tl-Signature }, jwt: { algorithms: ES512, detached: true }, signed: \"{method} "         \
	"{path}\\n{body}\""
	assert_int_equal(trust_keypair_new(TRUST_ECDSA_P521_SHA512, &private_text, &public_text), 0);
	open_route(&signer, buf_slice(&private_text), DETACHED);
	open_route(&receiver, buf_slice(&public_text), DETACHED);
	delivery_sign(&d, &signer, SLICE("{\"id\":1}"), SLICE_NONE, SLICE_NONE, NOW);
	assert_non_null(memmem(delivery_header(&d, SLICE("Tl-Signature"))->value.p, 200, "..", 2));
	assert_int_equal(fixture_check(&receiver, &d.request, NOW).result, TRUST_ACCEPTED);
	assert_int_equal(fixture_check(&receiver, &d.request, NOW).covered, TRUST_COVER_FULL);
	d.request.body = SLICE("{\"id\":2}");
	assert_int_equal(fixture_check(&receiver, &d.request, NOW).result, TRUST_SIGNATURE_MISMATCH);
	d.request.body = SLICE("{\"id\":1}");
	d.request.path = SLICE("/other");
	assert_int_equal(fixture_check(&receiver, &d.request, NOW).result, TRUST_SIGNATURE_MISMATCH);
	delivery_drop(&d);
	fixture_close(&receiver);
	fixture_close(&signer);
	buf_wipe(&private_text);
	buf_free(&public_text);
}

/* The body is the token, and the id stands in it. */
static void test_body(void **state)
{
	const struct trust_jwt jwt = { .shared = 1 };
	const struct trust_secret secret = { .key = SLICE_LIT("geheim") };
	struct slice payload = SLICE("{\"event_id\":\"evt_1\",\"type\":\"user.created\"}");
	struct request request = { .method = SLICE("POST"), .target = SLICE("/x"), .path = SLICE("/x") };
	enum trust_event_result result;
	struct trust_event event;
	struct trust_fixture f;

	(void)state;
	open_route(&f, SLICE("geheim"),
		   "signature: { at: body }, jwt: { algorithms: HS256 }, id: \"claim:/event_id\", type: "
		   "\"claim:/type\"");
	assert_int_equal(f.result, 0);
	arena_reset(f.arena);
	assert_int_equal(trust_token_make(&jwt, &secret, &payload, 1, f.arena, &request.body), 0);
	{
		struct arena *arena = arena_new(4096, 1 << 20);
		struct trust_verdict verdict;

		assert_int_equal(trust_check(fixture_verifier(&f), f.lane, &request, NOW, arena, &verdict), 0);
		assert_int_equal(verdict.result, TRUST_ACCEPTED);
		assert_int_equal(verdict.covered, TRUST_COVER_FULL);
		assert_int_equal(trust_read_event(fixture_verifier(&f), &request, arena, &event, &result), 0);
		assert_int_equal(result, TRUST_EVENT_OK);
		assert_slice(event.id, "evt_1");
		assert_slice(event.type, "user.created");
		arena_free(arena);
	}
	fixture_close(&f);
}

/* A right token beside a wrong one does not prove what the wrong one says. */
static void test_id_of_another_token(void **state)
{
	static const char *const places[] = { "signature: { header: X-T, list: \",\" }",
					      "signature: { header: [X-Other, X-T] }" };
	const struct trust_jwt jwt = { .shared = 1 };
	const struct trust_secret ours = { .key = SLICE_LIT("geheim") }, theirs = { .key = SLICE_LIT("x") };
	struct slice payload = SLICE("{\"jti\":\"right\"}"), wrong_payload = SLICE("{\"jti\":\"wrong\"}");
	struct arena *arena = arena_new(4096, 1 << 20);
	struct slice right, wrong;

	(void)state;
	assert_int_equal(trust_token_make(&jwt, &ours, &payload, 1, arena, &right), 0);
	assert_int_equal(trust_token_make(&jwt, &theirs, &wrong_payload, 1, arena, &wrong), 0);
	for (size_t i = 0; i < 4; i++) {
		struct slice both = arena_printf(arena, "%.*s,%.*s", SLICE_ARGS(wrong), SLICE_ARGS(right));
		struct header headers[] = { { SLICE("X-T"), i == 0 ? both : right }, { SLICE("X-Other"), wrong } };
		struct request request = {
			.method = SLICE("POST"), .path = SLICE("/x"), .headers = headers, .header_count = i == 1 ? 2 : 1
		};
		enum trust_event_result result;
		struct trust_event event;
		struct trust_fixture f;
		char text[256];

		(void)snprintf(text, sizeof(text),
			       "%s, jwt: { algorithms: HS256 }, id: \"claim:/jti\", id_signed: true", places[i % 2]);
		open_route(&f, SLICE("geheim"), text);
		assert_int_equal(fixture_check(&f, &request, NOW).result, TRUST_ACCEPTED);
		assert_int_equal(trust_read_event(fixture_verifier(&f), &request, f.arena, &event, &result), 0);
		assert_int_equal(result, i < 2 ? TRUST_EVENT_MALFORMED_REQUEST : TRUST_EVENT_OK);
		if (i >= 2)
			assert_slice(event.id, "right");
		fixture_close(&f);
	}
	arena_free(arena);
}

static void test_refused(void **state)
{
	static const struct {
		const char *secret, *verify, *finding;
	} rows[] = {
		{ "s", BEARER, "does not say by which algorithms" },
		{ "s", BEARER ", jwt: { leeway: 1s }", "does not say by which algorithms" },
		{ "s", BEARER ", jwt: { algorithms: none }", "is no algorithm of tokens" },
		{ "s", BEARER ", jwt: { algorithms: [HS256, RS256] }", "who knows the public key" },
		{ "s", BEARER ", jwt: { algorithms: RS256 }", "neither PEM" },
		{ "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", BEARER ", jwt: { algorithms: RS256 }",
		  "another kind" },
		{ "-----BEGIN PUBLIC KEY-----", BEARER ", jwt: { algorithms: HS256 }", "no secret" },
		{ "s", "jwt: { algorithms: HS256 }", "where the token stands" },
		{ "s", BEARER ", jwt: { algorithms: HS256 }, keys: { url: \"https://keys.example/k\" }",
		  "keys that anybody can read" },
		{ "s", "signature: { header: A, encoding: hex }, jwt: { algorithms: HS256 }",
		  "how the token is encoded" },
		{ "s", BEARER ", jwt: { algorithms: HS256 }, signed: \"{body}\"", "detached tokens only" },
		{ "s", BEARER ", jwt: { algorithms: HS256, detached: true }", "what is signed" },
		{ "s", BEARER ", jwt: { algorithms: HS256, detached: true, max_age: 1m }, signed: \"{body}\"",
		  "has not" },
		{ "s", BEARER ", jwt: { algorithms: HS256 }, covered: full", "without the body's hash" },
		{ "s", BEARER ", jwt: { algorithms: HS256, leeway: none }", "must be a time" },
		{ "s", BEARER ", jwt: { algorithms: HS256, body_hash: { encoding: hex } }", "does not name" },
		{ "s", BEARER ", jwt: { algorithms: HS256, require: [a, b, c, d, e, f, g, h, i] }", "more than 8" },
		{ "s", BEARER ", timestamp: { header: T }, jwt: { algorithms: HS256 }", "carries its own" },
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
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_every_algorithm),
		cmocka_unit_test(test_claims),
		cmocka_unit_test(test_no_body),
		cmocka_unit_test(test_confusion),
		cmocka_unit_test(test_key_by_name),
		cmocka_unit_test(test_detached),
		cmocka_unit_test(test_body),
		cmocka_unit_test(test_id_of_another_token),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
