/* jwt.h - signed tokens in the compact form: JWS (RFC 7515, RFC 7518, RFC 8037) with JSON claims (RFC 7519).
 *
 * A token is taken apart and its signature checked here; which algorithms and keys are allowed comes from the caller,
 * never from the token. What the claims must say is claims.h's business. */
#ifndef HOOKGATE_TRUST_JWT_H
#define HOOKGATE_TRUST_JWT_H

#include "base/arena.h"
#include "trust/describe.h"
#include "trust/set.h"

enum { TRUST_TOKEN_MAX = 512 * 1024, TRUST_TOKEN_HEADER_MAX = 8192 };

/* A token taken apart; slices live in the token or the arena. */
struct trust_token {
	struct slice signing_input; /* "header.payload" as sent; of a detached one: "header." */
	struct slice header;	    /* the part as sent */
	struct slice alg, kid;	    /* kid: empty where there is none */
	struct slice claims;	    /* decoded; empty where detached */
	struct slice signature;	    /* decoded */
};

/* Takes a token apart. `detached`: its payload is empty (RFC 7515, appendix F), else it may not be. False, with *why for
 * a person, when it is no token, when its header is no JSON object with a text `alg`, or when it asks for what is not
 * understood: `crit`, `b64` other than true, encryption. */
bool trust_token_read(struct slice token, bool detached, struct arena *arena, struct trust_token *out, const char **why)
	__attribute__((warn_unused_result));

/* Is the signature right, by an algorithm that the description allows? `payload` are the pieces of a detached one. Of a
 * ring with names, a token that names a key is tried with that and with those that have none. *why is written where
 * it is not. 0 or a fault. */
int trust_token_verify(const struct trust_jwt *jwt, const struct trust_secret *secret, const struct trust_token *token,
		       const struct slice *payload, size_t count, bool *right, const char **why)
	__attribute__((warn_unused_result));

/* The other direction: signs with the first of the allowed algorithms that the secret can, in the arena. `payload` as
 * above. 0; -ENOTSUP where the secret is a public key; or a fault. */
int trust_token_make(const struct trust_jwt *jwt, const struct trust_secret *secret, const struct slice *payload,
		     size_t count, struct arena *arena, struct slice *token) __attribute__((warn_unused_result));

/* "HS256" and so on: a bit of trust_jwt's `shared`, or an algorithm. False: neither. */
bool trust_jwt_algorithm(struct slice name, unsigned *shared, unsigned *algorithms) __attribute__((warn_unused_result));

#endif
