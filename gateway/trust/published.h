/* published.h - keys that a provider publishes at a URL, fetched by keys/ where the route brings no key of its own. */
#ifndef HOOKGATE_TRUST_PUBLISHED_H
#define HOOKGATE_TRUST_PUBLISHED_H

#include "trust/scheme.h"

/* Does the route check with what the provider publishes? A secret of the route's own goes before it. */
bool trust_uses_published(const struct trust_verifier *verifier);

/* What may be fetched. Where no hosts are named, a URL of which nothing comes with the delivery names its own: *host
 * holds it then, and must live as long as the policy. */
struct keys_policy trust_published_policy(const struct trust_published *published, struct slice url,
					  struct slice *host);

/* Tries the candidates with the published key: fills verdict->secret and guard where one is right, else the verdict's
 * result and reason (TRUST_KEY_PENDING and TRUST_KEY_FAILED among them). verdict->key_url is where the key stands. 0 or
 * a fault. */
int trust_prove_published(const struct trust_attempt *attempt, const struct trust_reading *reading,
			  struct trust_verdict *verdict) __attribute__((warn_unused_result));

#endif
