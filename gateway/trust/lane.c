/* lane.c - one thread's keyed MAC contexts, see trust.h and lane.h.
 *
 * A context is made when a secret is first tried: most secrets of most routes are never used by most threads. */
#include "trust/lane.h"

#include "trust/scheme.h"
#include "trust/set.h"

#include <errno.h>
#include <stdlib.h>

struct trust_lane {
	struct keys *keys;
	size_t count;
	struct trust_mac *macs[];
};

int trust_lane_new(const struct trust_set *set, struct trust_lane **out)
{
	struct trust_lane *lane = calloc(1, sizeof(*lane) + set->slots * sizeof(lane->macs[0]));

	if (!lane)
		return -ENOMEM;
	lane->count = set->slots;
	*out = lane;
	return 0;
}

void trust_lane_use_keys(struct trust_lane *lane, struct keys *keys)
{
	lane->keys = keys;
}

void trust_lane_free(struct trust_lane *lane)
{
	if (!lane)
		return;
	for (size_t i = 0; i < lane->count; i++)
		trust_mac_free(lane->macs[i]);
	free(lane);
}

int trust_lane_mac(struct trust_lane *lane, const struct trust_verifier *verifier, size_t secret,
		   const struct slice *pieces, size_t count, unsigned char out[TRUST_MAC_MAX], size_t *size)
{
	struct trust_mac **mac = &lane->macs[verifier->slot + secret];
	const char *digest = verifier->description->verify.scheme->digest;
	int fault;

	if (!*mac) {
		if (!digest)
			return -ENOTSUP;
		fault = trust_mac_new(digest, verifier->secrets[secret].key, mac);
		if (fault)
			return fault;
	}
	return trust_mac_pieces(*mac, pieces, count, out, size);
}
