/* scheme_token.c - a shared token sent in clear, HTTP Basic (RFC 7617), and no proof at all.
 *
 * Tokens have any length, and a comparison that stops at unequal lengths tells the length. So the SHA-256 of both are
 * compared; the key's is kept. None of these says anything about the body. */
#include "trust/digest.h"
#include "trust/scheme.h"

static int prove_token(const struct trust_attempt *attempt, size_t secret, bool *match, struct slice *guard)
{
	const struct trust_secret *key = &attempt->verifier->secrets[secret];

	(void)guard;
	*match = false;
	for (size_t i = 0; i < attempt->candidate_count; i++) {
		unsigned char hash[32];

		trust_sha256(attempt->candidates[i], hash);
		*match |= trust_equal(slice_of(hash, 32), slice_of(key->hash, 32));
	}
	return 0;
}

static int make_token(const struct trust_verify *verify, const struct trust_secret *secret,
		      const struct trust_parts *parts, struct trust_reading *reading, struct slice *signature)
{
	(void)verify;
	(void)parts;
	(void)reading;
	*signature = secret->key;
	return 0;
}

static bool accepts_token(struct slice key, struct reason *reason)
{
	if (!slice_has_control(key))
		return true;
	reason_set(reason, "has control characters, which no header can carry");
	return false;
}

static bool accepts_basic(struct slice key, struct reason *reason)
{
	size_t colon = slice_index(key, ':');

	if (colon > 0 && colon + 1 < key.n && !slice_has_control(key))
		return true;
	reason_set(reason, "must be user:password, neither of them empty");
	return false;
}

static int prove_nothing(const struct trust_attempt *attempt, size_t secret, bool *match, struct slice *guard)
{
	(void)attempt;
	(void)secret;
	(void)guard;
	*match = true;
	return 0;
}

const struct trust_scheme trust_scheme_token = {
	.name = SLICE_LIT("token"), .keyed = true, .accepts = accepts_token, .prove = prove_token, .make = make_token
};
const struct trust_scheme trust_scheme_basic = {
	.name = SLICE_LIT("basic"), .keyed = true, .accepts = accepts_basic, .prove = prove_token, .make = make_token
};
const struct trust_scheme trust_scheme_none = { .name = SLICE_LIT("none"), .prove = prove_nothing };
