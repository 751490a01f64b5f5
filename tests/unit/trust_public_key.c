/* trust_public_key.c - public keys in all their spellings, and signatures against published answers. */
#include "base/encode.h"
#include "trust/public_key.h"
#include "trust_fixture.h"

#include <errno.h>

/* RFC 7515, A.2 and A.3; RFC 8037, A.1 to A.4. */
#define RSA_N                                                                                                          \
	"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-"       \
	"SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-"      \
	"UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_"                  \
	"h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
#define RSA_JWK "{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\"}"
#define EC_X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define EC_Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define EC_JWK "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"}"
#define EC_PRIVATE_JWK                                                                                                 \
	"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y                                           \
	"\",\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"}"
#define ED_X "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
#define ED_D "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
#define ED_JWK "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" ED_X "\"}"
#define ED_PRIVATE_JWK "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"d\":\"" ED_D "\",\"x\":\"" ED_X "\"}"
#define CLAIMS ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

static struct trust_key_ring *ring_of(const char *text)
{
	struct reason reason = { "" };
	struct trust_key_ring *ring = NULL;

	if (trust_key_ring_new(slice_str(text), &ring, &reason))
		fail_msg("%s: %s", text, reason.text);
	return ring;
}

static size_t decode_any(const char *text, unsigned char *out)
{
	size_t n = 0;

	if (!encode_hex_decode(slice_str(text), out, &n))
		assert_true(encode_base64_decode(ENCODE_BASE64URL_ANY, slice_str(text), out, &n));
	return n;
}

static void test_published(void **state)
{
	static const struct {
		const char *key;
		enum trust_algorithm algorithm;
		enum trust_signature_form form;
		const char *text, *signature;
	} rows_[] = {
		/* RFC 8032, 7.1, tests 1 and 2 */
		{ "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", TRUST_ED25519, TRUST_FORM_DER, "",
		  "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25b"
		  "f5f0595bbe24655141438e7a100b" },
		{ "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", TRUST_ED25519, TRUST_FORM_RAW,
		  "r",
		  "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b"
		  "2eaeb4302aeeb00d291612bb0c00" },
		{ ED_JWK, TRUST_ED25519, TRUST_FORM_RAW, "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
		  "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg" },
		{ EC_JWK, TRUST_ECDSA_P256_SHA256, TRUST_FORM_RAW, "eyJhbGciOiJFUzI1NiJ9" CLAIMS,
		  "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q" },
		{ RSA_JWK, TRUST_RSA_SHA256, TRUST_FORM_DER, "eyJhbGciOiJSUzI1NiJ9" CLAIMS,
		  "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9"
		  "uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB"
		  "_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rq"
		  "Vt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows_); i++) {
		struct trust_key_ring *ring = ring_of(rows_[i].key);
		struct slice text = slice_str(rows_[i].text);
		struct slice pieces[] = { slice_head(text, 5), SLICE_NONE, slice_from(text, 5) };
		unsigned char signature[TRUST_SIGNATURE_MAX + 1];
		size_t n = decode_any(rows_[i].signature, signature);
		bool right = false;

		assert_int_equal(trust_public_check(ring, rows_[i].algorithm, rows_[i].form, pieces, 3,
						    slice_of(signature, n), &right),
				 0);
		assert_true(right);
		for (size_t bit = 0; bit < 8 * n; bit += 7) {
			signature[bit / 8] ^= (unsigned char)(1 << bit % 8);
			assert_int_equal(trust_public_check(ring, rows_[i].algorithm, rows_[i].form, pieces, 3,
							    slice_of(signature, n), &right),
					 0);
			assert_false(right);
			signature[bit / 8] ^= (unsigned char)(1 << bit % 8);
		}
		trust_key_ring_free(ring);
	}
}

/* ---- every algorithm there and back ---- */

static bool check(const struct trust_key_ring *ring, enum trust_algorithm algorithm, enum trust_signature_form form,
		  struct slice text, struct slice signature)
{
	bool right = true;

	assert_int_equal(trust_public_check(ring, algorithm, form, &text, 1, signature, &right), 0);
	return right;
}

static void sign_and_verify(enum trust_algorithm algorithm, enum trust_signature_form form)
{
	struct buf private_text = BUF_EMPTY, public_text = BUF_EMPTY;
	struct slice text = SLICE("what was sent"), other = SLICE("what was sEnt");
	unsigned char signature[TRUST_SIGNATURE_MAX + 1];
	struct trust_key_ring *pair, *public;
	struct trust_message message;
	struct reason reason;
	size_t n = 0;

	assert_int_equal(trust_keypair_new(algorithm, &private_text, &public_text), 0);
	assert_int_equal(trust_key_ring_new(buf_slice(&private_text), &pair, &reason), 0);
	assert_int_equal(trust_key_ring_new(buf_slice(&public_text), &public, &reason), 0);
	assert_true(trust_key_ring_private(pair) && !trust_key_ring_private(public));
	assert_true(trust_key_ring_fits(public, algorithm));
	assert_int_equal(trust_message_init(&message, algorithm, &text, 1), 0);
	assert_int_equal(trust_ring_sign(pair, &message, form, signature, &n), 0);
	assert_int_equal(trust_ring_sign(public, &message, form, signature, &n), -ENOTSUP);
	trust_message_clear(&message);

	assert_true(check(public, algorithm, form, text, slice_of(signature, n)));
	assert_true(check(pair, algorithm, form, text, slice_of(signature, n)));
	assert_false(check(public, algorithm, form, other, slice_of(signature, n)));
	assert_false(check(public, algorithm, form, SLICE_NONE, slice_of(signature, n)));
	assert_false(check(public, algorithm, form, text, SLICE_NONE));
	assert_false(check(public, algorithm, form, text, slice_of(signature, n - 1)));
	signature[n] = 0;
	assert_false(check(public, algorithm, form, text, slice_of(signature, n + 1)));
	for (size_t bit = 0; bit < 8 * n; bit += 5) {
		signature[bit / 8] ^= (unsigned char)(1 << bit % 8);
		assert_false(check(public, algorithm, form, text, slice_of(signature, n)));
		signature[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
	/* No other algorithm takes it, be the key of its type or not. */
	for (int a = TRUST_ED25519; a <= TRUST_RSA_PSS_SHA512; a++)
		if (a != (int)algorithm)
			assert_false(check(public, (enum trust_algorithm)a, form, text, slice_of(signature, n)));
	trust_key_ring_free(pair);
	trust_key_ring_free(public);
	buf_wipe(&private_text);
	buf_free(&public_text);
}

static void test_every_algorithm(void **state)
{
	(void)state;
	for (int a = TRUST_ED25519; a <= TRUST_RSA_PSS_SHA512; a++) {
		sign_and_verify((enum trust_algorithm)a, TRUST_FORM_RAW);
		sign_and_verify((enum trust_algorithm)a, TRUST_FORM_DER);
	}
}

static void test_names(void **state)
{
	enum trust_algorithm algorithm = TRUST_RSA_SHA1;

	(void)state;
	for (int a = TRUST_ED25519; a <= TRUST_RSA_PSS_SHA512; a++) {
		assert_true(trust_algorithm_named(trust_algorithm_name((enum trust_algorithm)a), &algorithm));
		assert_int_equal(algorithm, a);
	}
	assert_true(trust_algorithm_jwa(SLICE("PS384"), &algorithm) && algorithm == TRUST_RSA_PSS_SHA384);
	assert_false(trust_algorithm_jwa(SLICE("none"), &algorithm));
	assert_false(trust_algorithm_jwa(SLICE("HS256"), &algorithm));
	assert_false(trust_algorithm_jwa(SLICE(""), &algorithm));
	assert_false(trust_algorithm_named(SLICE("rsa-sha224"), &algorithm));
}

/* The same signature in another spelling of DER is none: it would be another delivery. */
static void test_one_spelling(void **state)
{
	struct trust_key_ring *ring = ring_of(EC_PRIVATE_JWK);
	struct slice text = SLICE("text");
	unsigned char der[TRUST_SIGNATURE_MAX], other[TRUST_SIGNATURE_MAX];
	struct trust_message message;
	size_t n, r;

	(void)state;
	assert_int_equal(trust_message_init(&message, TRUST_ECDSA_P256_SHA256, &text, 1), 0);
	assert_int_equal(trust_ring_sign(ring, &message, TRUST_FORM_DER, der, &n), 0);
	assert_true(trust_ring_verify(ring, &message, TRUST_FORM_DER, slice_of(der, n)));
	/* The sequence's length in two bytes. */
	other[0] = der[0];
	other[1] = 0x81;
	memcpy(other + 2, der + 1, n - 1);
	assert_false(trust_ring_verify(ring, &message, TRUST_FORM_DER, slice_of(other, n + 1)));
	/* r with one more zero in front. */
	r = der[3];
	memcpy(other, der, 4);
	other[1]++;
	other[3]++;
	other[4] = 0;
	memcpy(other + 5, der + 4, n - 4);
	assert_int_equal(r + 1, other[3]);
	assert_false(trust_ring_verify(ring, &message, TRUST_FORM_DER, slice_of(other, n + 1)));
	/* r = s = 0 */
	memset(other, 0, 64);
	assert_false(trust_ring_verify(ring, &message, TRUST_FORM_RAW, slice_of(other, 64)));
	trust_message_clear(&message);
	trust_key_ring_free(ring);
}

/* ---- spellings of keys ---- */

#define SPKI                                                                                                           \
	"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkL" \
	"JK2KRiMohYjlrQ=="

static void test_spellings(void **state)
{
	static const struct {
		const char *text;
		enum trust_public_type type;
		size_t count;
		const char *kid;
	} rows_[] = {
		{ "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", TRUST_PUBLIC_ED25519, 1, "" },
		{ "D75A980182B10AB7D54BFED3C964073A0EE172F3DAA62325AF021A68F707511A\n", TRUST_PUBLIC_ED25519, 1, "" },
		{ "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", TRUST_PUBLIC_ED25519, 1, "" },
		{ ED_X, TRUST_PUBLIC_ED25519, 1, "" },
		{ "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", TRUST_PUBLIC_ED25519, 1, "" },
		{ SPKI, TRUST_PUBLIC_P256, 1, "" },
		{ "-----BEGIN PUBLIC KEY-----\n" SPKI "\n-----END PUBLIC KEY-----\n", TRUST_PUBLIC_P256, 1, "" },
		{ "-----BEGIN PUBLIC KEY-----" SPKI "-----END PUBLIC KEY-----", TRUST_PUBLIC_P256, 1, "" },
		{ "-----BEGIN PUBLIC KEY-----\\n" SPKI "\\n-----END PUBLIC KEY-----\\n", TRUST_PUBLIC_P256, 1, "" },
		{ "-----BEGIN PUBLIC KEY-----\r\n" SPKI "\r\n-----END PUBLIC KEY-----\r\n"
		  "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
		  "-----END PUBLIC KEY-----",
		  TRUST_PUBLIC_P256, 2, "" },
		{ EC_JWK, TRUST_PUBLIC_P256, 1, "" },
		{ RSA_JWK, TRUST_PUBLIC_RSA, 1, "" },
		{ "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"one\",\"use\":\"sig\",\"x\":\"" ED_X "\"}",
		  TRUST_PUBLIC_ED25519, 1, "one" },
		/* Of a set, what is not understood or not for signatures is left out. */
		{ "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}," RSA_JWK ",{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":"
		  "\"" ED_X "\"},{\"kty\":\"RSA\",\"use\":\"enc\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\"},7," EC_JWK "]}",
		  TRUST_PUBLIC_RSA, 2, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows_); i++) {
		struct trust_key_ring *ring = ring_of(rows_[i].text);

		assert_int_equal(trust_key_ring_count(ring), rows_[i].count);
		assert_int_equal(trust_public_key_type(trust_key_ring_at(ring, 0)), rows_[i].type);
		assert_slice(trust_public_key_kid(trust_key_ring_at(ring, 0)), rows_[i].kid);
		assert_false(trust_key_ring_private(ring));
		trust_key_ring_free(ring);
	}
}

#define CERTIFICATE                                                                                                    \
	"-----BEGIN CERTIFICATE-----\n"                                                                                \
	"MIIBbDCCAROgAwIBAgIUaBeF/2O08luopiG4/Aumka87dHEwCgYIKoZIzj0EAwIw\n"                                           \
	"DDEKMAgGA1UEAwwBeDAeFw0yNjExMjUxMzM4MzhaFw0yNjExMjYxMzM4MzhaMAwx\n"                                           \
	"CjAIBgNVBAMMAXgwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATH2pg8J5puOQKx\n"                                           \
	"gF6aNAKF6kdJNBlRzIfjk+RmpT3l/aTCS6m7gCyoersPDmlCf6/GUnzbqqzwxxCv\n"                                           \
	"oDl1NmHGo1MwUTAdBgNVHQ4EFgQUfNFh6j5Q1V/Hi/XEzpJZnllP52UwHwYDVR0j\n"                                           \
	"BBgwFoAUfNFh6j5Q1V/Hi/XEzpJZnllP52UwDwYDVR0TAQH/BAUwAwEB/zAKBggq\n"                                           \
	"hkjOPQQDAgNHADBEAiAf6gulnx37xdP+8pjYWBtleIF4N7vi5sXwHsO8nHwxKQIg\n"                                           \
	"btBaMeBuP/IIB7bBgdbzio4XYC9VgPvkIQJh+Rmimts=\n"                                                               \
	"-----END CERTIFICATE-----\n"

#define PKCS1                                                                                                          \
	"-----BEGIN RSA PUBLIC KEY-----\n"                                                                             \
	"MIIBCgKCAQEArGgKlHi/VHO8JZTPgboTqs3fx3CUAQY/VziM63VY0QpAxGfQ9ppo\n"                                           \
	"xVeI7DeJCUlqbi+GNAk0ZM3HrWQtqcBxzc9Ca4FfLiFxGsmxNF6qZK19aLe6fr6D\n"                                           \
	"0kOqUTzNlfsbzGChL6vZ0zOc1MNfSyQ9mSKW6k2B1Do8HGrMR2LyScQGpZ9GDTvm\n"                                           \
	"eIGyEL00aAqGFnC8vZRsTqC6UFPLXW2LTsHauANboKn8TSJ90jy/c3ntDmTnnJQ4\n"                                           \
	"m7Lkxw5eoxJ4auq9Tn6Zpk0JdUq0Y1M05qX6DJequ29/yE5PQAq1EqhLqJ5kgXLI\n"                                           \
	"mGXNWSPcCeoYivyQ5z29NRXmE73GZDQpkwIDAQAB\n"                                                                   \
	"-----END RSA PUBLIC KEY-----\n"

/* Of a chain, the first is whose key it is. */
static void test_certificates(void **state)
{
	struct trust_key_ring *ring = ring_of("subject=CN = x\n" CERTIFICATE CERTIFICATE);

	(void)state;
	assert_int_equal(trust_key_ring_count(ring), 1);
	assert_int_equal(trust_public_key_type(trust_key_ring_at(ring, 0)), TRUST_PUBLIC_P256);
	trust_key_ring_free(ring);
	ring = ring_of(PKCS1);
	assert_int_equal(trust_public_key_type(trust_key_ring_at(ring, 0)), TRUST_PUBLIC_RSA);
	trust_key_ring_free(ring);
}

static void test_private_spellings(void **state)
{
	static const char *const texts[] = {
		EC_PRIVATE_JWK,
		ED_PRIVATE_JWK,
		/* whsk_ of Standard Webhooks: seed and public key */
		"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
		"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
		"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
		"-----END PRIVATE KEY-----\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct trust_key_ring *ring = ring_of(texts[i]);

		assert_true(trust_key_ring_private(ring));
		trust_key_ring_free(ring);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *reason;
	} rows_[] = {
		{ "", "is empty" },
		{ " \n", "is empty" },
		{ "not a key", "neither PEM" },
		{ "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f70751", "cannot be read" },
		{ "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEXH8UTNG72bfocs",
		  "cannot be read" },
		{ SPKI "AAAA", "neither PEM" },
		{ "-----BEGIN PUBLIC KEY-----\n" SPKI "\n", "without its end" },
		{ "-----BEGIN PUBLIC KEY-----\n" SPKI "\n-----END CERTIFICATE-----", "without its end" },
		{ "-----BEGIN PUBLIC KEY-----\n!!\n-----END PUBLIC KEY-----", "not base64" },
		{ "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----", "cannot be read" },
		{ "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----", "kind" },
		{ "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----",
		  "encrypted" },
		/* An encrypted PKCS#8 without its label asks nobody for a password. */
		{ "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAheJh59ZpU3dAICCAAwDAYIKoZIhvcNAgkFADAdBglghkgBZQMEAQIE"
		  "EBIi"
		  "ocg8dqFGfrje8u7WzYwEQMgkGr06nVVXCBZM6doMbTz6Lu7VDfLenATsVU9dqcYP1CirH6bBoihJfj0yTWCnNsLapGWYWg9jpkP2"
		  "IjvrNgE=",
		  "cannot be read" },
		{ "{", "is none" },
		{ "{}", "kind" },
		{ "{\"keys\":{}}", "no JWK set" },
		{ "{\"keys\":[1 2]}", "broken inside" },
		{ "{\"keys\":[]}", "holds no key" },
		{ "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}", "holds no key" },
		{ "{\"kty\":\"oct\",\"k\":\"AAAA\"}", "kind" },
		{ "{\"kty\":7}", "no JWK" },
		{ "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}", "32 bytes" },
		{ "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"!!\"}", "no JWK" },
		{ "{\"kty\":\"EC\",\"crv\":\"P-224\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"}", "no key" },
		/* On no curve, and on another one. */
		{ "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"" EC_X "\"}", "no key" },
		{ "{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"}", "no key" },
		/* d is not the one of x and y. */
		{ "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\",\"d\":\"" ED_D "\"}",
		  "no key" },
		{ "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", "RSA key of 17 bits" },
		{ "{\"kty\":\"RSA\",\"use\":\"enc\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\"}", "not for signatures" },
		/* RSA of 1024 bits; EC on secp256k1; X25519 */
		{ "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCkbQgpYu0eRBbvm3SO8dI6SxKqZi0zkeG7J5zCoVIYUGY+NAp1/"
		  "BKhxqDl7w+fhK09"
		  "KVHB8WuWpn4alLFUuO5o+YoDgw4OtfJlSj6ZDgXA1JzXZWOwVOtpfr+rmC7a9MP+P+oXSoank2gvMpnZtNEx8fbzqT2CDplY8uQ/"
		  "4U+h+QIDAQAB",
		  "RSA key of 1024 bits" },
		{ "MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEXmhj82sjU5aAwEZiLYURTSSWrK7xxTNCsvxU69Ku9Fxc/"
		  "f5BML7Cn1JpEVn00JFni48VYDIe"
		  "HUeB0+z3AQ1olA==",
		  "kind that is not taken" },
		{ "MCowBQYDK2VuAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "kind that is not taken" },
		{ "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
		  "075a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
		  "two halves" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows_); i++) {
		struct trust_key_ring *ring = (struct trust_key_ring *)state;
		struct reason reason = { "" };

		if (trust_key_ring_new(slice_str(rows_[i].text), &ring, &reason) != -EINVAL)
			fail_msg("taken: %s", rows_[i].text);
		if (!strstr(reason.text, rows_[i].reason))
			fail_msg("%s: %s", rows_[i].text, reason.text);
		assert_ptr_equal(ring, state);
	}
	trust_key_ring_free(NULL);
}

/* No beginning of a key is a key (but for the padding of base64, which may be missing). */
static void test_truncated(void **state)
{
	static const char *const texts[] = { SPKI, RSA_JWK,
					     "-----BEGIN PUBLIC KEY-----\n" SPKI "\n-----END PUBLIC KEY-----" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		for (size_t n = 0; n + 2 < strlen(texts[i]); n++) {
			struct trust_key_ring *ring = NULL;
			struct reason reason;

			assert_int_equal(trust_key_ring_new(slice_of(texts[i], n), &ring, &reason), -EINVAL);
		}
}

static void test_too_long(void **state)
{
	char *text = malloc(TRUST_RING_TEXT_MAX + 1);
	struct trust_key_ring *ring;
	struct reason reason;

	(void)state;
	assert_non_null(text);
	memset(text, 'A', TRUST_RING_TEXT_MAX + 1);
	assert_int_equal(trust_key_ring_new(slice_of(text, TRUST_RING_TEXT_MAX + 1), &ring, &reason), -EINVAL);
	assert_non_null(strstr(reason.text, "longer"));
	free(text);
}

static void test_many_keys(void **state)
{
	struct buf text = BUF_EMPTY;
	struct trust_key_ring *ring;
	struct reason reason;

	(void)state;
	buf_add_str(&text, "{\"keys\":[");
	for (int i = 0; i < 40; i++)
		buf_printf(&text, "%s{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"k%d\",\"x\":\"" ED_X "\"}",
			   i > 0 ? "," : "", i);
	buf_add_str(&text, "]}");
	assert_int_equal(trust_key_ring_new(buf_slice(&text), &ring, &reason), 0);
	assert_int_equal(trust_key_ring_count(ring), 40);
	assert_slice(trust_public_key_kid(trust_key_ring_at(ring, 39)), "k39");
	trust_key_ring_free(ring);
	buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published),    cmocka_unit_test(test_every_algorithm),
		cmocka_unit_test(test_names),	     cmocka_unit_test(test_one_spelling),
		cmocka_unit_test(test_spellings),    cmocka_unit_test(test_private_spellings),
		cmocka_unit_test(test_refused),	     cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_too_long),     cmocka_unit_test(test_many_keys),
		cmocka_unit_test(test_certificates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
