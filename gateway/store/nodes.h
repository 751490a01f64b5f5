/* nodes.h - a blocking client's connections to the masters of a Cluster; of this room only. */
#ifndef HOOKGATE_STORE_NODES_H
#define HOOKGATE_STORE_NODES_H

#include "store/map.h"

struct store_nodes;

/* For a client whose configuration is of a Cluster; belongs to it. Does not connect yet. 0 or -ENOMEM. */
int store_nodes_new(struct store_client *front, const struct config_redis *redis, int64_t timeout_ms,
		    struct store_nodes **out) __attribute__((warn_unused_result));

/* Accepts NULL. */
void store_nodes_free(struct store_nodes *nodes);

/* As store_client_call, by the node that has the command's key; of a command without one, by any master. A slot that is
 * on its way, or nobody's, is waited for; -EIO, with the reason, where that takes too long. */
int store_nodes_call(struct store_nodes *nodes, const struct slice *words, size_t count, int64_t extra_ms,
		     struct store_reply **reply, struct reason *reason) __attribute__((warn_unused_result));

/* The client of the node that answered last; until the next call. */
struct store_client *store_nodes_last(const struct store_nodes *nodes);

/* How often all of them have connected. */
uint64_t store_nodes_connects(const struct store_nodes *nodes);

/* Calls back for each master with a client for it alone, and "host:port"; a fault ends it. Faults of the callback, or as
 * store_client_call. */
int store_nodes_each(struct store_nodes *nodes,
		     int (*each)(void *arg, struct store_client *client, const char *name, struct reason *reason),
		     void *arg, struct reason *reason) __attribute__((warn_unused_result));

/* ---- in client.c ---- */

/* A client of one node, `redis`, which must outlive it; interrupted with `front`. 0 or -ENOMEM. */
int store_client_child(struct store_client *front, const struct config_redis *redis, int64_t timeout_ms,
		       struct store_client **out) __attribute__((warn_unused_result));

#endif
