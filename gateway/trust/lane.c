/* lane.c - one thread's keyed MAC contexts, see trust.h and lane.h.
 *
 * A context is made when a secret is first tried: most secrets of most routes are never used by most threads. */
#include "trust/lane.h"

#include "trust/key.h"
#include "trust/published.h"
#include "trust/scheme.h"
#include "trust/set.h"

#include <errno.h>
#include <stdlib.h>

enum { PUBLISHED_MAX = 32, PUBLISHED_ARENA = 1024 * 1024 };

/* A published document as one verifier's scheme reads it. */
struct published {
	const struct trust_verifier *verifier; /* NULL: a free place */
	uint64_t version;
	struct trust_secret secret;
	bool readable, ended;
	struct reason reason;
};

struct trust_lane {
	struct keys *keys;
	struct published published[PUBLISHED_MAX];
	size_t next_published; /* whose turn it is to go */
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
	for (size_t i = 0; i < PUBLISHED_MAX; i++)
		trust_secret_close(&lane->published[i].secret);
	free(lane);
}

struct keys *trust_lane_keys(const struct trust_lane *lane)
{
	return lane->keys;
}

static struct published *find_published(struct trust_lane *lane, const struct trust_verifier *verifier,
					uint64_t version)
{
	for (size_t i = 0; i < PUBLISHED_MAX; i++)
		if (lane->published[i].verifier == verifier && lane->published[i].version == version)
			return &lane->published[i];
	return NULL;
}

/* 0; -EINVAL with a reason where it is no key; or a fault. */
static int open_published(const struct trust_verify *verify, struct slice document, struct trust_secret *secret,
			  bool *ended, struct reason *reason)
{
	struct arena *arena = arena_new(4096, PUBLISHED_ARENA);
	struct slice key;
	int fault = -ENOMEM;

	if (arena)
		fault = trust_published_key(&verify->published, document, arena, &key, ended, reason)
				? trust_secret_open(verify, key, secret, reason)
				: -EINVAL;
	arena_free(arena);
	return fault;
}

static int read_published(struct published *published, const struct trust_verifier *verifier,
			  const struct keys_document *document)
{
	struct trust_secret secret = { .not_before_ms = INT64_MIN, .not_after_ms = INT64_MAX };
	struct reason reason = { "" };
	bool ended = false;
	int fault = open_published(&verifier->description->verify, document->bytes, &secret, &ended, &reason);

	if (fault && fault != -EINVAL)
		return fault;
	trust_secret_close(&published->secret);
	*published = (struct published){
		.verifier = verifier, .version = document->version, .readable = fault == 0, .ended = ended
	};
	if (fault == 0)
		published->secret = secret;
	reason_set(&published->reason, "what the provider publishes %s", reason.text);
	return 0;
}

int trust_lane_published(struct trust_lane *lane, const struct trust_verifier *verifier,
			 const struct keys_document *document, struct trust_secret **secret, bool *ended,
			 const char **reason)
{
	struct published *published = find_published(lane, verifier, document->version);
	int fault;

	if (!published) {
		published = &lane->published[lane->next_published++ % PUBLISHED_MAX];
		fault = read_published(published, verifier, document);
		if (fault)
			return fault;
	}
	*secret = published->readable ? &published->secret : NULL;
	*ended = published->ended;
	*reason = published->reason.text;
	return 0;
}

int trust_lane_mac(struct trust_lane *lane, const struct trust_verifier *verifier, size_t secret,
		   const struct slice *pieces, size_t count, unsigned char out[TRUST_MAC_MAX], size_t *size)
{
	const char *digest = verifier->description->verify.scheme->digest;
	struct trust_mac **mac;
	int fault;

	/* Such a scheme's secret may be a published key, which has no slot. */
	if (!digest)
		return -ENOTSUP;
	mac = &lane->macs[verifier->slot + secret];
	if (!*mac) {
		fault = trust_mac_new(digest, verifier->secrets[secret].key, mac);
		if (fault)
			return fault;
	}
	return trust_mac_pieces(*mac, pieces, count, out, size);
}
