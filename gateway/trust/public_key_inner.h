/* public_key_inner.h - what the units that make keys share: public_key.c, key_text.c, jwk.c, keypair.c, and certificate.c. */
#ifndef HOOKGATE_TRUST_PUBLIC_KEY_INNER_H
#define HOOKGATE_TRUST_PUBLIC_KEY_INNER_H

#include "trust/public_key.h"

#include <openssl/evp.h>

struct trust_public_key {
	EVP_PKEY *pkey;
	enum trust_public_type type;
	bool is_private;
	struct slice kid; /* owned */
};

struct trust_key_ring {
	size_t count;
	struct trust_public_key keys[TRUST_RING_MAX];
};

struct trust_algorithm_row {
	struct slice name, jwa;
	enum trust_public_type type;
	const char *digest; /* NULL: takes the text whole */
	bool pss;
};

const struct trust_algorithm_row *trust_algorithm_row(enum trust_algorithm algorithm);

/* Bytes of r and of s; 0 where the type is not a curve of ECDSA. */
size_t trust_public_half(enum trust_public_type type);

/* Adds the key, whose ownership passes in any case, where it is of a kind and size that is taken. `kid` is copied. 0;
 * -EINVAL with a reason; or -ENOMEM. */
int trust_key_ring_add(struct trust_key_ring *ring, EVP_PKEY *pkey, bool is_private, struct slice kid,
		       struct reason *reason) __attribute__((warn_unused_result));

/* Adds the key in DER of any of the kinds that public_key.h names; all bytes must belong to it. */
int trust_key_ring_add_der(struct trust_key_ring *ring, struct slice der, struct reason *reason)
	__attribute__((warn_unused_result));

/* Adds the 32 bytes of an Ed25519 key: of the public one, or the seed of a private one. */
int trust_key_ring_add_ed25519(struct trust_key_ring *ring, struct slice bytes, bool is_private, struct slice kid,
			       struct reason *reason) __attribute__((warn_unused_result));

/* Adds the key or keys of a JWK or a JWK set (jwk.c). */
int trust_key_ring_add_json(struct trust_key_ring *ring, struct slice json, struct reason *reason)
	__attribute__((warn_unused_result));

/* PEM, taken apart: does another block begin in the text?; takes the first one off *rest, false where it has no end;
 * what stands inside, without white space, and without the two characters \n and \r that stand for it (*out has text.n
 * bytes). */
bool trust_pem_begins(struct slice text);
bool trust_pem_block(struct slice *rest, struct slice *label, struct slice *inside) __attribute__((warn_unused_result));
struct slice trust_pem_squeeze(struct slice text, unsigned char *out);

#endif
