/* published.h - keys that a provider publishes at a URL, fetched by keys/ where the route brings no key of its own. */
#ifndef HOOKGATE_TRUST_PUBLISHED_H
#define HOOKGATE_TRUST_PUBLISHED_H

#include "trust/scheme.h"

/* Does the route check with what the provider publishes? A secret of the route's own goes before it. */
bool trust_uses_published(const struct trust_verifier *verifier);

/* Can the description's keys be fetched: does it say from where, and has every option that is sent a value? */
bool trust_published_ready(const struct trust_description *description);

/* Is that option of the description's sent to get them? */
bool trust_published_sends(const struct trust_description *description, size_t option);

/* The names of the options that lack for that, with ", " between. */
void trust_published_lacks(const struct trust_description *description, struct buf *names);

/* What may be fetched. Where no hosts are named, a URL of which nothing comes with the delivery names its own: *host
 * holds it then, and must live as long as the policy. */
struct keys_policy trust_published_policy(const struct trust_published *published, struct slice url,
					  struct slice *host);

/* The same of the token that has to be got first. */
struct keys_policy trust_token_policy(const struct trust_published *published, struct slice url, struct slice *host);

/* What is asked for: the key, and before it a token, whose ask has an empty URL where none is needed. Slices live in the arena
 * and the description; trust_asks_wipe() it. */
struct trust_asks {
	struct keys_ask key, token;
	struct keys_policy key_policy, token_policy;
	struct slice key_host, token_host;
	bool own_body;
};

/* Makes the asks for a key at that URL. FOUND; else what the delivery should say and does not. */
enum trust_found trust_asks_make(const struct trust_published *published, struct slice url,
				 struct trust_reading *reading, struct trust_asks *asks)
	__attribute__((warn_unused_result));
void trust_asks_wipe(struct trust_asks *asks);

/* Looks the key up, gets a token first where that is needed, and begins to fetch what is not there. *name is what is being
 * fetched where it is PENDING. `keys` may be NULL. */
void trust_asks_get(struct keys *keys, struct trust_asks *asks, struct arena *arena, struct keys_answer *answer,
		    struct slice *name);

/* Where in an answer the key stands, in the answer or the arena; *ended: the provider uses it no longer. False with a
 * reason where there is none. */
bool trust_published_key(const struct trust_published *published, struct slice answer, struct arena *arena,
			 struct slice *key, bool *ended, struct reason *reason) __attribute__((warn_unused_result));

/* Tries the candidates with the published key: fills verdict->secret and guard where one is right, else the verdict's
 * result and reason (TRUST_KEY_PENDING and TRUST_KEY_FAILED among them). verdict->key_url is where the key stands. 0 or
 * a fault. */
int trust_prove_published(const struct trust_attempt *attempt, const struct trust_reading *reading,
			  struct trust_verdict *verdict) __attribute__((warn_unused_result));

#endif
