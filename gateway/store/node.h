/* node.h - a node of Redis, and a worker's links to it: one for each class of puts; of this room only. */
#ifndef HOOKGATE_STORE_NODE_H
#define HOOKGATE_STORE_NODE_H

#include "store/link.h"

struct store_node {
	struct store_link_setup setup;	   /* of its links; `changed` is for the first, which speaks for the node */
	struct store_sentinels *sentinels; /* NULL: none are asked */
	bool agrees[STORE_CLASSES];	   /* it has found the same Redis as the first; not of the first */
	struct store_link *links[STORE_CLASSES]; /* NULL: not needed yet, but for the first */
};

/* `setup` is copied, as is its `socket`; its `gathers` is for the first link, the others do so in any case. 0 or -ENOMEM. */
int store_node_open(struct store_node *node, const struct store_link_setup *setup) __attribute__((warn_unused_result));

/* Its links are freed. A node that was never opened, but zeroed, is none. */
void store_node_close(struct store_node *node);

/* All but the first are freed; their counts are added to the sum. */
void store_node_keep_first(struct store_node *node, struct store_counts *sum);

/* The link of a class, made if there is none. NULL when memory is short. */
struct store_link *store_node_link(struct store_node *node, enum store_class class);

/* As store_reconfigure. */
void store_node_reconfigure(struct store_node *node, const struct config_redis *redis, const char *socket,
			    int64_t stall_ms);

/* Of all its links: what has gathered departs. */
void store_node_turn_end(struct store_node *node);

/* Of all its links: why one of them is not ready, the first before the others; their puts; their counts, added. */
const char *store_node_reason(const struct store_node *node);
size_t store_node_waiting(const struct store_node *node);
void store_node_counts(const struct store_node *node, struct store_counts *sum);

#endif
