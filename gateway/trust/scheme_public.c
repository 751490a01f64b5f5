/* scheme_public.c - signatures that are checked with the provider's public key: Ed25519, ECDSA, RSA.
 *
 * Nothing secret is compared, so there is nothing whose time could tell anything; all candidates are looked at all the
 * same. What stands for the signed text afterwards is its SHA-256, never the signature: ECDSA has many for one text. */
#include "trust/public_key.h"
#include "trust/scheme.h"

#include <errno.h>

static int bind(const struct trust_verify *verify, struct trust_secret *secret, struct reason *reason)
{
	struct trust_key_ring *ring;
	int fault = trust_key_ring_new(secret->key, &ring, reason);

	if (fault)
		return fault;
	if (!trust_key_ring_fits(ring, verify->scheme->algorithm)) {
		trust_key_ring_free(ring);
		reason_set(reason, "is a key of another kind than %.*s takes", SLICE_ARGS(verify->scheme->name));
		return -EINVAL;
	}
	secret->ring = ring;
	return 0;
}

static int prove(const struct trust_attempt *attempt, size_t secret, bool *match, struct slice *guard)
{
	const struct trust_verify *verify = &attempt->verifier->description->verify;
	struct trust_message message;
	int fault;

	(void)guard;
	*match = false;
	if (attempt->candidate_count == 0)
		return 0;
	fault = trust_message_init(&message, verify->scheme->algorithm, attempt->parts->p, attempt->parts->n);
	for (size_t i = 0; !fault && i < attempt->candidate_count; i++)
		*match |= trust_ring_verify(attempt->verifier->secrets[secret].ring, &message, verify->form,
					    attempt->candidates[i]);
	trust_message_clear(&message);
	return fault;
}

static int make(const struct trust_verify *verify, const struct trust_secret *secret, const struct trust_parts *parts,
		struct trust_reading *reading, struct slice *signature)
{
	unsigned char *bytes = arena_alloc(reading->arena, TRUST_SIGNATURE_MAX);
	struct trust_message message;
	size_t n = 0;
	int fault;

	if (!bytes)
		return -ENOMEM;
	fault = trust_message_init(&message, verify->scheme->algorithm, parts->p, parts->n);
	if (!fault)
		fault = trust_ring_sign(secret->ring, &message, verify->form, bytes, &n);
	trust_message_clear(&message);
	if (!fault)
		*signature = slice_of(bytes, n);
	return fault;
}

#define PUBLIC(called, which)                                                                                          \
	{                                                                                                              \
		.name = SLICE_LIT(called), .algorithm = which, .is_public = true, .keyed = true, .texted = true,       \
		.bind = bind, .prove = prove, .make = make                                                             \
	}

const struct trust_scheme trust_scheme_ed25519 = PUBLIC("ed25519", TRUST_ED25519);
const struct trust_scheme trust_scheme_ecdsa_p256_sha1 = PUBLIC("ecdsa-p256-sha1", TRUST_ECDSA_P256_SHA1);
const struct trust_scheme trust_scheme_ecdsa_p256_sha256 = PUBLIC("ecdsa-p256-sha256", TRUST_ECDSA_P256_SHA256);
const struct trust_scheme trust_scheme_ecdsa_p384_sha384 = PUBLIC("ecdsa-p384-sha384", TRUST_ECDSA_P384_SHA384);
const struct trust_scheme trust_scheme_ecdsa_p521_sha512 = PUBLIC("ecdsa-p521-sha512", TRUST_ECDSA_P521_SHA512);
const struct trust_scheme trust_scheme_rsa_sha1 = PUBLIC("rsa-sha1", TRUST_RSA_SHA1);
const struct trust_scheme trust_scheme_rsa_sha256 = PUBLIC("rsa-sha256", TRUST_RSA_SHA256);
const struct trust_scheme trust_scheme_rsa_sha384 = PUBLIC("rsa-sha384", TRUST_RSA_SHA384);
const struct trust_scheme trust_scheme_rsa_sha512 = PUBLIC("rsa-sha512", TRUST_RSA_SHA512);
const struct trust_scheme trust_scheme_rsa_pss_sha256 = PUBLIC("rsa-pss-sha256", TRUST_RSA_PSS_SHA256);
const struct trust_scheme trust_scheme_rsa_pss_sha384 = PUBLIC("rsa-pss-sha384", TRUST_RSA_PSS_SHA384);
const struct trust_scheme trust_scheme_rsa_pss_sha512 = PUBLIC("rsa-pss-sha512", TRUST_RSA_PSS_SHA512);
