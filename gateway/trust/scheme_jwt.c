/* scheme_jwt.c - tokens that the provider signs: JWT, and JWS whose payload is the signed text.
 *
 * The special difficulty: a token carries its time and what it was made for inside, so here a proof can be right and
 * stale, which other schemes leave to verify.c. It is told apart in the attempt's note. What stands for the signed text
 * is the SHA-256 of header and payload, without the signature: ECDSA has many for one text. */
#include "trust/claims.h"
#include "trust/digest.h"
#include "trust/jwt.h"
#include "trust/scheme.h"

#include <errno.h>

static int bind(const struct trust_verify *verify, struct trust_secret *secret, struct reason *reason)
{
	struct trust_key_ring *ring;
	bool fits = false;
	int fault;

	if (verify->jwt->shared) {
		if (memmem(secret->key.p, secret->key.n, "-----BEGIN ", 11) == NULL)
			return 0;
		reason_set(reason, "is a PEM key, which would be no secret: this provider's tokens are signed with a "
				   "shared one");
		return -EINVAL;
	}
	fault = trust_key_ring_new(secret->key, &ring, reason);
	if (fault)
		return fault;
	for (unsigned i = 0; i < 32; i++)
		fits |= (verify->jwt->algorithms & 1U << i) && trust_key_ring_fits(ring, (enum trust_algorithm)i);
	if (!fits) {
		trust_key_ring_free(ring);
		reason_set(reason, "is a key of another kind than this provider's algorithms take");
		return -EINVAL;
	}
	secret->ring = ring;
	return 0;
}

/* One token. RIGHT and STALE are signed; *token is then filled. */
static int judge(const struct trust_attempt *attempt, size_t secret, struct slice text, struct trust_token *token,
		 enum trust_claims_result *result)
{
	const struct trust_jwt *jwt = attempt->verifier->description->verify.jwt;
	const struct trust_parts *payload = attempt->parts;
	const char *why = NULL;
	bool right = false;
	int fault = 0;

	*result = TRUST_CLAIMS_WRONG;
	if (trust_token_read(text, jwt->detached, attempt->arena, token, &why))
		fault = trust_token_verify(jwt, &attempt->verifier->secrets[secret], token, payload->p, payload->n,
					   &right, &why);
	if (fault)
		return fault;
	if (right)
		*result = jwt->detached ? TRUST_CLAIMS_RIGHT
					: trust_claims_check(jwt, token->claims, attempt->verifier->tolerance_ms,
							     attempt->reading, &why);
	if (right || !attempt->note->settled)
		attempt->note->reason = why;
	attempt->note->settled |= right;
	return 0;
}

static int prove(const struct trust_attempt *attempt, size_t secret, bool *match, struct slice *guard)
{
	bool right = false, stale = false;

	for (size_t i = 0; i < attempt->candidate_count; i++) {
		enum trust_claims_result result;
		struct trust_token token;
		unsigned char *hash;
		int fault = judge(attempt, secret, attempt->candidates[i], &token, &result);

		if (fault)
			return fault;
		right |= result == TRUST_CLAIMS_RIGHT;
		stale |= result == TRUST_CLAIMS_STALE;
		if (result == TRUST_CLAIMS_WRONG || attempt->verifier->description->verify.jwt->detached)
			continue;
		hash = arena_alloc(attempt->arena, 32);
		if (!hash)
			return -ENOMEM;
		trust_sha256(token.signing_input, hash);
		*guard = slice_of(hash, 32);
	}
	*match = right || stale;
	if (*match)
		attempt->note->stale = !right;
	return 0;
}

static int make(const struct trust_verify *verify, const struct trust_secret *secret, const struct trust_parts *parts,
		struct trust_reading *reading, struct slice *signature)
{
	const char *why;
	struct slice claims;

	if (verify->jwt->detached)
		return trust_token_make(verify->jwt, secret, parts->p, parts->n, reading->arena, signature);
	claims = trust_claims_make(verify->jwt, reading, &why);
	if (claims.n == 0)
		return arena_failed(reading->arena) ? -ENOMEM : -EDOM;
	return trust_token_make(verify->jwt, secret, &claims, 1, reading->arena, signature);
}

const struct trust_scheme trust_scheme_jwt = {
	.name = SLICE_LIT("jwt"), .keyed = true, .bind = bind, .prove = prove, .make = make
};

/* The one token that the request brings. Of several, only who proves knows which is right. */
static enum trust_found only_token(struct trust_reading *reading, struct slice *token)
{
	const struct trust_verify *verify = &reading->description->verify;
	size_t count = 0;

	for (size_t i = 0; i < verify->signature_count; i++) {
		struct slice value = SLICE_NONE, text;

		if (trust_place_find(&verify->signatures[i], reading, &value) != TRUST_FOUND)
			continue;
		value = trust_grammar_begin(&verify->signature, value);
		while (trust_grammar_next(&verify->signature, &value, &text))
			if (text.n > 0 && count++ == 0)
				*token = text;
	}
	return count == 0 ? TRUST_ABSENT : count == 1 ? TRUST_FOUND : TRUST_REPEATED;
}

enum trust_found trust_jwt_claim(const struct json_pointer *pointer, struct trust_reading *reading, struct slice *out)
{
	const struct trust_verify *verify = &reading->description->verify;
	struct slice text = SLICE_NONE;
	struct trust_token token;
	struct json_value claim;
	const char *ignored;
	enum trust_found found;

	if (!verify->jwt || verify->jwt->detached)
		return TRUST_ABSENT;
	found = only_token(reading, &text);
	if (found != TRUST_FOUND)
		return found;
	if (!trust_token_read(text, false, reading->arena, &token, &ignored))
		return TRUST_ABSENT;
	if (json_find(token.claims, &pointer, 1, &claim) != JSON_OK)
		return TRUST_UNREADABLE;
	if (claim.type == JSON_NONE || claim.type == JSON_NULL)
		return TRUST_ABSENT;
	return json_text(&claim, reading->arena, out) ? TRUST_FOUND : TRUST_UNREADABLE;
}
