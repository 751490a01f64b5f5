/* set.h - what a description becomes once it is bound to a route's secrets. Immutable after trust_set_new(). */
#ifndef HOOKGATE_TRUST_SET_H
#define HOOKGATE_TRUST_SET_H

#include "trust/certificate.h"
#include "trust/describe.h"
#include "trust/public_key.h"

struct trust_secret {
	struct slice name;	     /* of the config */
	size_t index;		     /* in the route's secrets: not all of them need fit a variant */
	struct slice key;	     /* owned: what the secret's text stands for */
	struct trust_key_ring *ring; /* owned: the public keys that its text was; NULL where it is none */
	unsigned char hash[32];	     /* SHA-256 of the key, for comparing tokens of any length */
	int64_t not_before_ms, not_after_ms;
};

struct trust_verifier {
	const struct trust_set *set;
	const struct config_route *route;
	const struct trust_provider *provider;
	const struct trust_description *description;
	struct trust_description *own; /* the same, where the route changed it; else NULL */
	struct trust_secret *secrets;
	size_t secret_count;
	size_t slot;			 /* of its first secret in a lane */
	struct trust_verifier *variants; /* in the order of the description's; without secrets where none fits */
	size_t variant_count;
	int64_t tolerance_ms, future_ms; /* -1: not checked */
	uint32_t window_s;
	bool replay_guard;
};

struct trust_set {
	const struct config *config;
	const struct trust_catalogue *catalogue;
	struct trust_verifier *verifiers;
	size_t count;
	size_t slots;
	struct trust_roots *roots; /* NULL where no route's plugin fetches anything */
};

/* Both ends belong to the time of validity. */
static inline bool trust_secret_valid(const struct trust_secret *secret, int64_t now_ms)
{
	return now_ms >= secret->not_before_ms && now_ms <= secret->not_after_ms;
}

/* Is the signed text remembered besides the id, where the route says nothing of it? */
bool trust_wants_guard(const struct trust_description *description);

#endif
