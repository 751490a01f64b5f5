/* keypair.c - fresh key pairs and certificates, for `hookgate send` and tests: see public_key.h. */
#include "base/encode.h"
#include "trust/public_key_inner.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

static EVP_PKEY *generate(enum trust_public_type type)
{
	switch (type) {
	case TRUST_PUBLIC_ED25519:
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	case TRUST_PUBLIC_P256:
		return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	case TRUST_PUBLIC_P384:
		return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
	case TRUST_PUBLIC_P521:
		return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-521");
	case TRUST_PUBLIC_RSA:
		return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)TRUST_RSA_BITS_MIN);
	}
	return NULL;
}

static bool write_private(EVP_PKEY *pkey, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	const unsigned char *bytes = NULL;
	bool ok = bio && PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL) == 1;
	long n = ok ? BIO_get_mem_data(bio, &bytes) : 0;

	if (n > 0 && bytes)
		buf_add(out, slice_of(bytes, (size_t)n));
	BIO_free(bio);
	return n > 0;
}

static bool write_public(EVP_PKEY *pkey, enum trust_public_type type, struct buf *out)
{
	unsigned char raw[32], *der = NULL;
	size_t size = sizeof(raw);
	int n;

	if (type == TRUST_PUBLIC_ED25519) {
		if (EVP_PKEY_get_raw_public_key(pkey, raw, &size) != 1)
			return false;
		encode_base64(ENCODE_BASE64, slice_of(raw, size), out);
		return true;
	}
	n = i2d_PUBKEY(pkey, &der);
	if (n > 0)
		encode_base64(ENCODE_BASE64, slice_of(der, (size_t)n), out);
	OPENSSL_free(der);
	return n > 0;
}

int trust_keypair_new(enum trust_algorithm algorithm, struct buf *private_text, struct buf *public_text)
{
	enum trust_public_type type = trust_algorithm_type(algorithm);
	EVP_PKEY *pkey = generate(type);
	bool ok = pkey && write_private(pkey, private_text) && write_public(pkey, type, public_text);

	EVP_PKEY_free(pkey);
	ERR_clear_error();
	if (!ok)
		return -EIO;
	return buf_failed(private_text) || buf_failed(public_text) ? -ENOMEM : 0;
}

/* ---- certificates ---- */

/* At random, as RFC 5280 (4.1.2.2) wants it: positive, and not over 20 bytes. */
static bool set_serial(X509 *certificate)
{
	unsigned char bytes[16];
	BIGNUM *number = RAND_bytes(bytes, sizeof(bytes)) == 1 ? BN_bin2bn(bytes, sizeof(bytes), NULL) : NULL;
	bool ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;

	BN_free(number);
	return ok;
}

/* As common name too: some libraries look at nothing else. */
static bool set_names(X509 *certificate, struct slice name)
{
	X509_NAME *subject = X509_get_subject_name(certificate);
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
	GENERAL_NAME *one = GENERAL_NAME_new();
	ASN1_IA5STRING *text = ASN1_IA5STRING_new();
	bool ok = names && one && text && ASN1_STRING_set(text, name.p, (int)name.n) == 1;

	if (ok) {
		GENERAL_NAME_set0_value(one, GEN_DNS, text);
		text = NULL;
		ok = sk_GENERAL_NAME_push(names, one) > 0;
		if (ok)
			one = NULL;
	}
	ok = ok && X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1 &&
	     X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_ASC, name.p, (int)name.n, -1, 0) == 1 &&
	     X509_set_issuer_name(certificate, subject) == 1;
	ASN1_IA5STRING_free(text);
	GENERAL_NAME_free(one);
	GENERAL_NAMES_free(names);
	return ok;
}

/* From a day ago, as clocks differ. */
static bool set_times(X509 *certificate)
{
	enum { DAY_S = 86400, DAYS = 30 };

	return X509_gmtime_adj(X509_getm_notBefore(certificate), -DAY_S) &&
	       X509_gmtime_adj(X509_getm_notAfter(certificate), (long)DAYS * DAY_S);
}

/* The certificate, or where there is none the public key. */
static bool write_pem(X509 *certificate, EVP_PKEY *pkey, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	const unsigned char *bytes = NULL;
	bool ok = bio && (certificate ? PEM_write_bio_X509(bio, certificate) : PEM_write_bio_PUBKEY(bio, pkey)) == 1;
	long n = ok ? BIO_get_mem_data(bio, &bytes) : 0;

	if (n > 0 && bytes)
		buf_add(out, slice_of(bytes, (size_t)n));
	BIO_free(bio);
	return n > 0;
}

int trust_certificate_new(struct slice private_text, struct slice name, struct buf *out)
{
	struct trust_key_ring *ring = NULL;
	struct reason reason = { "" };
	int fault = trust_key_ring_new(private_text, &ring, &reason);
	X509 *certificate = fault ? NULL : X509_new();
	bool ok = certificate && X509_set_version(certificate, X509_VERSION_3) == 1 && set_serial(certificate) &&
		  set_names(certificate, name) && set_times(certificate) &&
		  X509_set_pubkey(certificate, ring->keys[0].pkey) == 1 &&
		  X509_sign(certificate, ring->keys[0].pkey, EVP_sha256()) > 0 && write_pem(certificate, NULL, out);

	X509_free(certificate);
	trust_key_ring_free(ring);
	ERR_clear_error();
	if (fault)
		return fault;
	return !ok ? -EIO : buf_failed(out) ? -ENOMEM : 0;
}

int trust_public_pem(struct slice private_text, struct buf *out)
{
	struct trust_key_ring *ring = NULL;
	struct reason reason = { "" };
	int fault = trust_key_ring_new(private_text, &ring, &reason);
	bool ok = !fault && write_pem(NULL, ring->keys[0].pkey, out);

	trust_key_ring_free(ring);
	ERR_clear_error();
	if (fault)
		return fault;
	return !ok ? -EIO : buf_failed(out) ? -ENOMEM : 0;
}
