/* public_key.c - checking signatures with public keys, see public_key.h.
 *
 * The special difficulty: OpenSSL would gladly check with whatever a key and a signature say of themselves. So type and
 * curve are taken down when a key is read, and a signature is looked at only when key, algorithm and form are what the
 * caller said. (That ECDSA in DER is the one shortest spelling, OpenSSL's ecdsa_verify sees to itself; the unit test
 * holds it to that.) */
#include "trust/digest.h"
#include "trust/public_key_inner.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <stdlib.h>

/* In the order of the enum. */
static const struct trust_algorithm_row rows[] = {
	[TRUST_ED25519] = { SLICE_LIT("ed25519"), SLICE_LIT("EdDSA"), TRUST_PUBLIC_ED25519, NULL, false },
	[TRUST_ECDSA_P256_SHA1] = { SLICE_LIT("ecdsa-p256-sha1"), SLICE_LIT(""), TRUST_PUBLIC_P256, "SHA1", false },
	[TRUST_ECDSA_P256_SHA256] = { SLICE_LIT("ecdsa-p256-sha256"), SLICE_LIT("ES256"), TRUST_PUBLIC_P256, "SHA256",
				      false },
	[TRUST_ECDSA_P384_SHA384] = { SLICE_LIT("ecdsa-p384-sha384"), SLICE_LIT("ES384"), TRUST_PUBLIC_P384, "SHA384",
				      false },
	[TRUST_ECDSA_P521_SHA512] = { SLICE_LIT("ecdsa-p521-sha512"), SLICE_LIT("ES512"), TRUST_PUBLIC_P521, "SHA512",
				      false },
	[TRUST_RSA_SHA1] = { SLICE_LIT("rsa-sha1"), SLICE_LIT(""), TRUST_PUBLIC_RSA, "SHA1", false },
	[TRUST_RSA_SHA256] = { SLICE_LIT("rsa-sha256"), SLICE_LIT("RS256"), TRUST_PUBLIC_RSA, "SHA256", false },
	[TRUST_RSA_SHA384] = { SLICE_LIT("rsa-sha384"), SLICE_LIT("RS384"), TRUST_PUBLIC_RSA, "SHA384", false },
	[TRUST_RSA_SHA512] = { SLICE_LIT("rsa-sha512"), SLICE_LIT("RS512"), TRUST_PUBLIC_RSA, "SHA512", false },
	[TRUST_RSA_PSS_SHA256] = { SLICE_LIT("rsa-pss-sha256"), SLICE_LIT("PS256"), TRUST_PUBLIC_RSA, "SHA256", true },
	[TRUST_RSA_PSS_SHA384] = { SLICE_LIT("rsa-pss-sha384"), SLICE_LIT("PS384"), TRUST_PUBLIC_RSA, "SHA384", true },
	[TRUST_RSA_PSS_SHA512] = { SLICE_LIT("rsa-pss-sha512"), SLICE_LIT("PS512"), TRUST_PUBLIC_RSA, "SHA512", true },
};

enum { ALGORITHMS = sizeof(rows) / sizeof(rows[0]) };

const struct trust_algorithm_row *trust_algorithm_row(enum trust_algorithm algorithm)
{
	return &rows[algorithm];
}

static bool named(struct slice name, bool jwa, enum trust_algorithm *out)
{
	for (size_t i = 0; i < ALGORITHMS; i++) {
		struct slice own = jwa ? rows[i].jwa : rows[i].name;

		if (own.n > 0 && slice_eq(own, name)) {
			*out = (enum trust_algorithm)i;
			return true;
		}
	}
	return false;
}

bool trust_algorithm_named(struct slice name, enum trust_algorithm *out)
{
	return named(name, false, out);
}

bool trust_algorithm_jwa(struct slice name, enum trust_algorithm *out)
{
	return named(name, true, out);
}

struct slice trust_algorithm_name(enum trust_algorithm algorithm)
{
	return rows[algorithm].name;
}

struct slice trust_algorithm_jwa_name(enum trust_algorithm algorithm)
{
	return rows[algorithm].jwa;
}

enum trust_public_type trust_algorithm_type(enum trust_algorithm algorithm)
{
	return rows[algorithm].type;
}

size_t trust_public_half(enum trust_public_type type)
{
	switch (type) {
	case TRUST_PUBLIC_P256:
		return 32;
	case TRUST_PUBLIC_P384:
		return 48;
	case TRUST_PUBLIC_P521:
		return 66;
	case TRUST_PUBLIC_ED25519:
	case TRUST_PUBLIC_RSA:
		break;
	}
	return 0;
}

/* ---- asking ---- */

size_t trust_key_ring_count(const struct trust_key_ring *ring)
{
	return ring->count;
}

const struct trust_public_key *trust_key_ring_at(const struct trust_key_ring *ring, size_t i)
{
	return &ring->keys[i];
}

bool trust_key_ring_private(const struct trust_key_ring *ring)
{
	for (size_t i = 0; i < ring->count; i++)
		if (ring->keys[i].is_private)
			return true;
	return false;
}

struct slice trust_key_ring_name(const struct trust_key_ring *ring)
{
	for (size_t i = 0; i < ring->count; i++)
		if (ring->keys[i].is_private)
			return ring->keys[i].kid;
	return ring->count > 0 ? ring->keys[0].kid : SLICE_NONE;
}

bool trust_key_ring_fits(const struct trust_key_ring *ring, enum trust_algorithm algorithm)
{
	for (size_t i = 0; i < ring->count; i++)
		if (ring->keys[i].type == rows[algorithm].type)
			return true;
	return false;
}

enum trust_public_type trust_public_key_type(const struct trust_public_key *key)
{
	return key->type;
}

struct slice trust_public_key_kid(const struct trust_public_key *key)
{
	return key->kid;
}

/* ---- the message ---- */

int trust_message_init(struct trust_message *message, enum trust_algorithm algorithm, const struct slice *pieces,
		       size_t count)
{
	size_t n = 0;

	*message = (struct trust_message){ .algorithm = algorithm };
	if (rows[algorithm].digest) {
		int fault = trust_digest_pieces(rows[algorithm].digest, pieces, count, message->hash, &n);

		message->bytes = slice_of(message->hash, n);
		return fault;
	}
	if (count == 1) {
		message->bytes = pieces[0];
		return 0;
	}
	for (size_t i = 0; i < count; i++)
		n += pieces[i].n;
	message->joined = malloc(n + 1);
	if (!message->joined)
		return -ENOMEM;
	message->bytes = slice_of(message->joined, n);
	n = 0;
	for (size_t i = 0; i < count; i++) {
		if (pieces[i].n > 0)
			memcpy(message->joined + n, pieces[i].p, pieces[i].n);
		n += pieces[i].n;
	}
	return 0;
}

void trust_message_clear(struct trust_message *message)
{
	free(message->joined);
	*message = (struct trust_message){ .joined = NULL };
}

/* ---- ECDSA: two spellings ---- */

/* r and s one behind the other into DER; the number of bytes, 0 when they are no signature of that curve. */
static size_t der_of_raw(enum trust_public_type type, struct slice raw, unsigned char *out)
{
	size_t half = trust_public_half(type);
	ECDSA_SIG *sig = NULL;
	BIGNUM *r = NULL, *s = NULL;
	int n = 0;

	if (raw.n != 2 * half)
		return 0;
	sig = ECDSA_SIG_new();
	r = BN_bin2bn(raw.p, (int)half, NULL);
	s = BN_bin2bn(raw.p + half, (int)half, NULL);
	if (sig && r && s && ECDSA_SIG_set0(sig, r, s)) {
		r = s = NULL;
		n = i2d_ECDSA_SIG(sig, &out);
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(sig);
	return n > 0 ? (size_t)n : 0;
}

static size_t raw_of_der(enum trust_public_type type, struct slice der, unsigned char *out)
{
	const unsigned char *at = der.p;
	size_t half = trust_public_half(type);
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)der.n);
	bool ok = sig && at == der.p + der.n && BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, (int)half) >= 0 &&
		  BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + half, (int)half) >= 0;

	ECDSA_SIG_free(sig);
	return ok ? 2 * half : 0;
}

/* ---- verifying ---- */

static EVP_PKEY_CTX *new_context(const struct trust_public_key *key, const struct trust_message *message, bool sign)
{
	const struct trust_algorithm_row *row = &rows[message->algorithm];
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
	OSSL_PARAM params[5];
	size_t n = 0;
	char digest[16], mode[8] = OSSL_PKEY_RSA_PAD_MODE_PSS, salt[] = OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST;
	bool ok;

	if (row->type == TRUST_PUBLIC_RSA && !row->pss)
		memcpy(mode, OSSL_PKEY_RSA_PAD_MODE_PKCSV15, sizeof(OSSL_PKEY_RSA_PAD_MODE_PKCSV15));
	memcpy(digest, row->digest, strlen(row->digest) + 1);
	params[n++] = OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, digest, 0);
	if (row->type == TRUST_PUBLIC_RSA)
		params[n++] = OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, mode, 0);
	if (row->pss) {
		params[n++] = OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, digest, 0);
		params[n++] = OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, salt, 0);
	}
	params[n] = OSSL_PARAM_construct_end();
	ok = context && (sign ? EVP_PKEY_sign_init_ex(context, params) : EVP_PKEY_verify_init_ex(context, params)) == 1;
	if (!ok) {
		EVP_PKEY_CTX_free(context);
		context = NULL;
	}
	return context;
}

static bool verify_hash(const struct trust_public_key *key, const struct trust_message *message, struct slice signature)
{
	EVP_PKEY_CTX *context = new_context(key, message, false);
	bool right =
		context && EVP_PKEY_verify(context, signature.p, signature.n, message->bytes.p, message->bytes.n) == 1;

	EVP_PKEY_CTX_free(context);
	return right;
}

static bool verify_whole(const struct trust_public_key *key, const struct trust_message *message,
			 struct slice signature)
{
	static const unsigned char nothing = 0;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool right = context && EVP_DigestVerifyInit_ex(context, NULL, NULL, NULL, NULL, key->pkey, NULL) == 1 &&
		     EVP_DigestVerify(context, signature.p, signature.n,
				      message->bytes.n > 0 ? message->bytes.p : &nothing, message->bytes.n) == 1;

	EVP_MD_CTX_free(context);
	return right;
}

bool trust_public_verify(const struct trust_public_key *key, const struct trust_message *message,
			 enum trust_signature_form form, struct slice signature)
{
	unsigned char der[160];
	bool right = false;

	if (key->type != rows[message->algorithm].type || signature.n == 0 || signature.n > TRUST_SIGNATURE_MAX)
		return false;
	if (key->type == TRUST_PUBLIC_ED25519) {
		right = signature.n == 64 && verify_whole(key, message, signature);
	} else if (key->type == TRUST_PUBLIC_RSA) {
		right = signature.n == (size_t)EVP_PKEY_get_size(key->pkey) && verify_hash(key, message, signature);
	} else if (form == TRUST_FORM_RAW) {
		size_t n = der_of_raw(key->type, signature, der);

		right = n > 0 && verify_hash(key, message, slice_of(der, n));
	} else {
		right = verify_hash(key, message, signature);
	}
	/* What did not verify leaves its story in the thread's queue of errors. */
	ERR_clear_error();
	return right;
}

bool trust_ring_verify(const struct trust_key_ring *ring, const struct trust_message *message,
		       enum trust_signature_form form, struct slice signature)
{
	bool right = false;

	for (size_t i = 0; i < ring->count; i++)
		right |= trust_public_verify(&ring->keys[i], message, form, signature);
	return right;
}

int trust_public_check(const struct trust_key_ring *ring, enum trust_algorithm algorithm,
		       enum trust_signature_form form, const struct slice *pieces, size_t count, struct slice signature,
		       bool *right)
{
	struct trust_message message;
	int fault = trust_message_init(&message, algorithm, pieces, count);

	if (!fault)
		*right = trust_ring_verify(ring, &message, form, signature);
	trust_message_clear(&message);
	return fault;
}

/* ---- signing ---- */

static bool sign_whole(const struct trust_public_key *key, const struct trust_message *message, unsigned char *out,
		       size_t *n)
{
	static const unsigned char nothing = 0;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool ok = context && EVP_DigestSignInit_ex(context, NULL, NULL, NULL, NULL, key->pkey, NULL) == 1 &&
		  EVP_DigestSign(context, out, n, message->bytes.n > 0 ? message->bytes.p : &nothing,
				 message->bytes.n) == 1;

	EVP_MD_CTX_free(context);
	return ok;
}

static bool sign_hash(const struct trust_public_key *key, const struct trust_message *message, unsigned char *out,
		      size_t *n)
{
	EVP_PKEY_CTX *context = new_context(key, message, true);
	bool ok = context && EVP_PKEY_sign(context, out, n, message->bytes.p, message->bytes.n) == 1;

	EVP_PKEY_CTX_free(context);
	return ok;
}

int trust_ring_sign(const struct trust_key_ring *ring, const struct trust_message *message,
		    enum trust_signature_form form, unsigned char out[TRUST_SIGNATURE_MAX], size_t *n)
{
	for (size_t i = 0; i < ring->count; i++) {
		const struct trust_public_key *key = &ring->keys[i];
		unsigned char der[160];
		size_t length = TRUST_SIGNATURE_MAX;
		bool ok;

		if (!key->is_private || key->type != rows[message->algorithm].type)
			continue;
		ok = rows[message->algorithm].digest ? sign_hash(key, message, out, &length)
						     : sign_whole(key, message, out, &length);
		if (ok && form == TRUST_FORM_RAW && trust_public_half(key->type) > 0) {
			memcpy(der, out, length);
			length = raw_of_der(key->type, slice_of(der, length), out);
			ok = length > 0;
		}
		ERR_clear_error();
		if (!ok)
			return -EIO;
		*n = length;
		return 0;
	}
	return -ENOTSUP;
}
