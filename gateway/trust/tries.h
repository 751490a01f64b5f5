/* tries.h - what would have matched: the common mistakes of whoever sets up a webhook, tried one after the other. */
#ifndef HOOKGATE_TRUST_TRIES_H
#define HOOKGATE_TRUST_TRIES_H

#include "trust/verify.h"

/* Appends a line for each way in which the signature would be right, those with the fewest changes only, or one that
 * says that there is none. `keys` as of a lane. For people at a terminal: it costs thousands of verifications, and gives
 * up after 3 seconds. */
void trust_tries(const struct trust_verifier *verifier, struct keys *keys, const struct trust_evidence *evidence,
		 int64_t now_ms, struct buf *out);

#endif
