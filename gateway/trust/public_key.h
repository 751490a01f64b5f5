/* public_key.h - signatures that are checked with a public key: Ed25519, ECDSA and RSA; the only units with OpenSSL's
 * key calls are public_key.c, keypair.c and what stands in public_key_inner.h.
 *
 * A secret's text becomes a ring of one or several keys (a JWK set has several, each with a name of its own, its
 * `kid`). What a text is, is seen from the text; what a key may be used for is not: who verifies says which algorithm
 * it must be, and a key of another type or curve makes nothing right.
 *
 * Rings are immutable and may be used from any thread at once. Verifying is not constant time and need not be: nothing
 * in it is secret. */
#ifndef HOOKGATE_TRUST_PUBLIC_KEY_H
#define HOOKGATE_TRUST_PUBLIC_KEY_H

#include "base/buf.h"
#include "base/reason.h"
#include "base/slice.h"

enum trust_public_type {
	TRUST_PUBLIC_ED25519,
	TRUST_PUBLIC_P256,
	TRUST_PUBLIC_P384,
	TRUST_PUBLIC_P521,
	TRUST_PUBLIC_RSA
};

/* RSA is PKCS#1 v1.5 (RFC 8017, 8.2) where PSS (8.1) is not in the name; PSS has a salt as long as the hash and MGF1
 * with the same hash (RFC 7518, 3.5). */
enum trust_algorithm {
	TRUST_ED25519, /* RFC 8032, not the prehashed one */
	TRUST_ECDSA_P256_SHA1,
	TRUST_ECDSA_P256_SHA256,
	TRUST_ECDSA_P384_SHA384,
	TRUST_ECDSA_P521_SHA512,
	TRUST_RSA_SHA1,
	TRUST_RSA_SHA256,
	TRUST_RSA_SHA384,
	TRUST_RSA_SHA512,
	TRUST_RSA_PSS_SHA256,
	TRUST_RSA_PSS_SHA384,
	TRUST_RSA_PSS_SHA512
};

/* How an ECDSA signature is written: DER (SEQUENCE of two INTEGERs, and nothing behind it), or r and s one behind the
 * other, each as long as the curve's order (RFC 7518, 3.4). The others have one form. */
enum trust_signature_form { TRUST_FORM_DER, TRUST_FORM_RAW };

enum {
	TRUST_RING_MAX = 64,		  /* keys */
	TRUST_RING_TEXT_MAX = 128 * 1024, /* bytes of the text */
	TRUST_RSA_BITS_MIN = 2048,
	TRUST_RSA_BITS_MAX = 8192,
	TRUST_SIGNATURE_MAX = 1024 /* bytes: RSA of 8192 bits */
};

struct trust_public_key;
struct trust_key_ring;

/* Reads keys from text, white space around it left out:
 *   PEM      PUBLIC KEY, RSA PUBLIC KEY, CERTIFICATE (its key only: neither dates, names nor issuer are looked at, and
 *            certificates behind it are left out); PRIVATE KEY, EC PRIVATE KEY, RSA PRIVATE KEY. Line breaks may be
 *            missing or written as \n. Several blocks are several keys.
 *   JSON     a JWK (RFC 7517; OKP with Ed25519, EC, RSA; also private), or a JWK set, of which the keys that are of
 *            other kinds or for encryption are left out
 *   base64, base64url or hex   the 32 bytes of an Ed25519 key; 64 bytes, seed and public key, of a private one; DER of
 *            what a PEM may hold
 * RSA keys must have 2048 to 8192 bits. 0; -EINVAL with a reason, which holds nothing of the text; or -ENOMEM. */
int trust_key_ring_new(struct slice text, struct trust_key_ring **out, struct reason *reason)
	__attribute__((warn_unused_result));

/* One key from DER: SubjectPublicKeyInfo, X.509 certificate, PKCS#1, or a private one. As above. */
int trust_key_ring_der(struct slice der, struct trust_key_ring **out, struct reason *reason)
	__attribute__((warn_unused_result));

/* Accepts NULL. */
void trust_key_ring_free(struct trust_key_ring *ring);

size_t trust_key_ring_count(const struct trust_key_ring *ring);
const struct trust_public_key *trust_key_ring_at(const struct trust_key_ring *ring, size_t i);

/* Is one of them a private key? */
bool trust_key_ring_private(const struct trust_key_ring *ring);

/* The name of the first private key, else of the first key; empty where it has none. As long as the ring. */
struct slice trust_key_ring_name(const struct trust_key_ring *ring);

/* Is one of them of that algorithm's type and curve? */
bool trust_key_ring_fits(const struct trust_key_ring *ring, enum trust_algorithm algorithm);

enum trust_public_type trust_public_key_type(const struct trust_public_key *key);

/* Its name in a JWK set; empty where it has none. As long as the ring. */
struct slice trust_public_key_kid(const struct trust_public_key *key);

/* By the names "ed25519", "ecdsa-p256-sha256" ... of plugins/README.md, and by those of JWA, "ES256" ... (RFC 7518, 3.1;
 * RFC 8037). False: there is none of that name. */
bool trust_algorithm_named(struct slice name, enum trust_algorithm *out) __attribute__((warn_unused_result));
bool trust_algorithm_jwa(struct slice name, enum trust_algorithm *out) __attribute__((warn_unused_result));
struct slice trust_algorithm_name(enum trust_algorithm algorithm);
struct slice trust_algorithm_jwa_name(enum trust_algorithm algorithm); /* empty: has none */
enum trust_public_type trust_algorithm_type(enum trust_algorithm algorithm);

/* What is signed, made ready for one algorithm and any number of keys and signatures: its hash; of Ed25519, which must
 * have it whole, the joined text. */
struct trust_message {
	enum trust_algorithm algorithm;
	struct slice bytes;
	unsigned char hash[64];
	unsigned char *joined;
};

/* The pieces one behind the other; they must live as long as the message. trust_message_clear() it. 0, -ENOTSUP (the
 * library does not offer the hash), or -ENOMEM. */
int trust_message_init(struct trust_message *message, enum trust_algorithm algorithm, const struct slice *pieces,
		       size_t count) __attribute__((warn_unused_result));
void trust_message_clear(struct trust_message *message);

/* Is the signature right? Of a key of another type, a signature of another length or form: no. A failure of the library
 * is a no as well: nothing is ever right because something went wrong. */
bool trust_public_verify(const struct trust_public_key *key, const struct trust_message *message,
			 enum trust_signature_form form, struct slice signature);

/* The same with each key of the ring. */
bool trust_ring_verify(const struct trust_key_ring *ring, const struct trust_message *message,
		       enum trust_signature_form form, struct slice signature);

/* All of it at once, for a single signature. 0 or a fault; *right is written on 0. */
int trust_public_check(const struct trust_key_ring *ring, enum trust_algorithm algorithm,
		       enum trust_signature_form form, const struct slice *pieces, size_t count, struct slice signature,
		       bool *right) __attribute__((warn_unused_result));

/* ---- private keys: for `hookgate send` and tests ---- */

/* Signs with the ring's first private key that fits. 0; -ENOTSUP where there is none; or -EIO. *n is how many bytes
 * were written. */
int trust_ring_sign(const struct trust_key_ring *ring, const struct trust_message *message,
		    enum trust_signature_form form, unsigned char out[TRUST_SIGNATURE_MAX], size_t *n)
	__attribute__((warn_unused_result));

/* A fresh pair (RSA: 2048 bits). Both are texts that trust_key_ring_new() reads: the private one as PEM, the public one
 * as a single line of base64, of Ed25519 the 32 bytes, of the others the SubjectPublicKeyInfo. They are appended; wipe
 * the private one with buf_wipe(). 0 or a fault. */
int trust_keypair_new(enum trust_algorithm algorithm, struct buf *private_text, struct buf *public_text)
	__attribute__((warn_unused_result));

/* The public key of a private one, as PEM, appended. 0 or a fault. */
int trust_public_pem(struct slice private_text, struct buf *out) __attribute__((warn_unused_result));

/* A certificate (PEM, appended) for the private key in the text, issued by itself, for one DNS name and 30 days. 0 or a
 * fault. */
int trust_certificate_new(struct slice private_text, struct slice name, struct buf *out)
	__attribute__((warn_unused_result));

#endif
