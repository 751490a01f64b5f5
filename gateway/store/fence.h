/* fence.h - the keys that close former partitions (layout.h), set by a blocking client, and waited for as a route's events are; of this
 * room only.
 *
 * A failover that lost one, while the text that says that all are set was kept, would open two layouts at once. So they are on
 * replicas, or on disk, before anybody writes so. All of these: 0; -EPROTO for an error of Redis', or -EBUSY where it may pass by itself;
 * or as store_client_call; each with the reason. */
#ifndef HOOKGATE_STORE_FENCE_H
#define HOOKGATE_STORE_FENCE_H

#include "store/client.h"
#include "store/store.h"

/* From now on those that are set belong together. */
void store_fence_begin(struct store_client *client);

int store_fence_set(struct store_client *client, struct slice key, struct reason *reason)
	__attribute__((warn_unused_result));

/* Does the wait hold for all that were set since the beginning, on whatever nodes? *held is false where that cannot be known, since a
 * connection has gone that set some: all are to be set again. -EBUSY where it does not hold in time. */
int store_fence_wait(struct store_client *client, const struct store_wait *wait, bool *held, struct reason *reason)
	__attribute__((warn_unused_result));

#endif
