/* lane.h - one thread's keyed MAC contexts, made on first use. */
#ifndef HOOKGATE_TRUST_LANE_H
#define HOOKGATE_TRUST_LANE_H

#include "trust/mac.h"
#include "trust/set.h"
#include "trust/trust.h"

/* Where published keys come from; NULL: nowhere. */
struct keys *trust_lane_keys(const struct trust_lane *lane);

/* What a published document is to the verifier's scheme: *secret, as long as the lane is not asked again; or NULL with a
 * reason that stays as long. *ended: the provider uses the key no longer. Read once per version. 0 or a fault. */
int trust_lane_published(struct trust_lane *lane, const struct trust_verifier *verifier,
			 const struct keys_document *document, struct trust_secret **secret, bool *ended,
			 const char **reason) __attribute__((warn_unused_result));

/* The MAC, by the verifier's algorithm and that secret's key, of the pieces one behind the other. 0, -ENOTSUP when the
 * algorithm has no MAC, or a fault. */
int trust_lane_mac(struct trust_lane *lane, const struct trust_verifier *verifier, size_t secret,
		   const struct slice *pieces, size_t count, unsigned char out[TRUST_MAC_MAX], size_t *size)
	__attribute__((warn_unused_result));

#endif
