/* claims.h - what the claims of a token must say, by its description and the clock. */
#ifndef HOOKGATE_TRUST_CLAIMS_H
#define HOOKGATE_TRUST_CLAIMS_H

#include "trust/template.h"

enum trust_claims_result { TRUST_CLAIMS_RIGHT, TRUST_CLAIMS_WRONG, TRUST_CLAIMS_STALE };

/* exp and nbf where they are there, iat where the description has a max_age (`tolerance_ms`: that, or the route's; -1:
 * any), the claims that it names, and the hash of the body. WRONG goes before STALE. *why is written where they are not
 * right; it is static or in the arena. */
enum trust_claims_result trust_claims_check(const struct trust_jwt *jwt, struct slice claims, int64_t tolerance_ms,
					    struct trust_reading *reading, const char **why);

/* Claims that would be right now, as JSON in the arena: what a description demands, iat, exp in five minutes, jti. The
 * empty slice, with *why, when a value is not known or memory is short. */
struct slice trust_claims_make(const struct trust_jwt *jwt, struct trust_reading *reading, const char **why);

#endif
