/* keypair.c - fresh key pairs, for `hookgate send` and tests: see public_key.h. */
#include "base/encode.h"
#include "trust/public_key_inner.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

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
