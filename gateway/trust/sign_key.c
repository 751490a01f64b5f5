/* sign_key.c - what a delivery of a provider with a private key is signed with here, and in which of several ways; see trust.h.
 *
 * Nobody has the provider's own key. One of the same kind will do where the route is told of it. */
#include "trust/public_key.h"
#include "trust/scheme.h"

#include <errno.h>

/* The first that the scheme takes; false where it takes no public key, or a plugin knows. */
static bool algorithm_of(const struct trust_verify *verify, enum trust_algorithm *out)
{
	if (verify->scheme->is_public) {
		*out = verify->scheme->algorithm;
		return true;
	}
	for (unsigned i = 0; verify->jwt && i < 32; i++)
		if (verify->jwt->algorithms & 1U << i) {
			*out = (enum trust_algorithm)i;
			return true;
		}
	return false;
}

bool trust_needs_private_key(const struct trust_verifier *verifier)
{
	enum trust_algorithm ignored;

	if (!algorithm_of(&verifier->description->verify, &ignored))
		return false;
	for (size_t i = 0; i < verifier->secret_count; i++)
		if (verifier->secrets[i].ring && trust_key_ring_private(verifier->secrets[i].ring))
			return false;
	return true;
}

int trust_key_make(const struct trust_verifier *verifier, struct buf *private_text, struct buf *public_text)
{
	enum trust_algorithm algorithm;

	if (!algorithm_of(&verifier->description->verify, &algorithm))
		return -ENOTSUP;
	return trust_keypair_new(algorithm, private_text, public_text);
}

const struct trust_verifier *trust_verifier_variant(const struct trust_verifier *verifier, struct slice name)
{
	if (slice_eq(verifier->description->name, name))
		return verifier;
	for (size_t i = 0; i < verifier->variant_count; i++)
		if (slice_eq(verifier->variants[i].description->name, name) && verifier->variants[i].secret_count > 0)
			return &verifier->variants[i];
	return NULL;
}
