/* lane.h - one thread's keyed MAC contexts, made on first use. */
#ifndef HOOKGATE_TRUST_LANE_H
#define HOOKGATE_TRUST_LANE_H

#include "trust/mac.h"
#include "trust/trust.h"

/* The MAC, by the verifier's algorithm and that secret's key, of the pieces one behind the other. 0, -ENOTSUP when the
 * algorithm has no MAC, or a fault. */
int trust_lane_mac(struct trust_lane *lane, const struct trust_verifier *verifier, size_t secret,
		   const struct slice *pieces, size_t count, unsigned char out[TRUST_MAC_MAX], size_t *size)
	__attribute__((warn_unused_result));

#endif
