/* learned.h - secrets that providers hand over in their handshakes, kept in Redis for routes that allow it.
 *
 * A worker hands such a secret in; the keeper's thread writes it to Redis, where it stands for a week at
 * PREFIX:{ROUTE}:learned, and reads what stands there, its own or another gateway's. What it has read is lent to the
 * route until the configuration has a secret. Only the first one counts, in Redis and here. */
#ifndef HOOKGATE_INTAKE_LEARNED_H
#define HOOKGATE_INTAKE_LEARNED_H

#include "base/reason.h"
#include "intake/plan.h"
#include "store/client.h"

#include <pthread.h>
#include <stdatomic.h>

enum { INTAKE_LEARNED_MAX = 256, INTAKE_LEARNED_KEY_MAX = 256 };

/* Changes while the rest of a route does not. */
struct intake_learning {
	pthread_mutex_t lock;
	unsigned char text[INTAKE_LEARNED_MAX]; /* under the lock: handed over, not yet in Redis */
	size_t n;				/* under the lock; 0: nothing */
	_Atomic(struct trust_verifier *) lent;	/* NULL: none yet; never changes after that */
	int64_t next_look_ms;			/* the keeper's own */
};

/* Does the route keep what it learns? Not once it has a secret of the configuration. */
bool intake_learning_on(const struct intake_route *route);

/* The verifier to ask: with the secret that is lent, or the route's own. From any thread. */
const struct trust_verifier *intake_verifier(const struct intake_route *route);

/* The keeper's: writes what was handed over, reads what stands there, once a second until something is lent. *next_ms
 * is moved up to when the route wants to be looked at again. 0, or as store_client_call. */
int intake_learning_look(const struct intake_route *route, struct store_client *client, int64_t *next_ms,
			 struct reason *reason) __attribute__((warn_unused_result));

/* Where it stands in Redis, beside the stream; empty where the room is too small. */
struct slice intake_learned_key(const struct intake_route *route, char *out, size_t size);

void intake_learning_init(struct intake_learning *learning);

/* Wipes and frees what is in it. */
void intake_learning_clear(struct intake_learning *learning);

#endif
