/* cluster.h - the nodes of a Redis Cluster, and a worker's links to them; of this room only.
 *
 * Each master that has slots has a node, connected for as long as it has some. An event goes to the node of its target's
 * slot. Where the slots are is asked by a link of its own, the scout's, of any node: when a node says that a slot has
 * moved, when a link is lost, all the time while not all is well, and else now and then. */
#ifndef HOOKGATE_STORE_CLUSTER_H
#define HOOKGATE_STORE_CLUSTER_H

#include "store/node.h"

struct store_cluster;

struct store_cluster_setup {
	struct loop *loop;
	const struct config_redis *redis; /* must outlive the cluster, or the next store_cluster_reconfigure */
	int64_t stall_ms;
	/* As in store_setup; also with STORE_READY when it is ready as before, but is another one (store_identity). */
	void (*changed)(void *arg, enum store_state state, const char *reason);
	void *arg;
};

/* One without any node. 0 or -ENOMEM. */
int store_cluster_new(struct store_cluster **out) __attribute__((warn_unused_result));

/* Begins to know nodes, and ends that: then there are none, and what was counted stays. The end is not from within
 * `done` or `changed`. */
void store_cluster_begin(struct store_cluster *cluster, const struct store_cluster_setup *setup);
void store_cluster_end(struct store_cluster *cluster);

/* Ends first. Accepts NULL. */
void store_cluster_free(struct store_cluster *cluster);

/* Other credentials: the links are dropped and begin anew. The same Cluster, in any case. */
void store_cluster_reconfigure(struct store_cluster *cluster, const struct config_redis *redis, int64_t stall_ms);

/* All masters are there and ready; and what their worst is where they are not. */
enum store_state store_cluster_state(const struct store_cluster *cluster);
const char *store_cluster_reason(const struct store_cluster *cluster);

/* A digest of the identities of all masters, whatever their order; known while they are ready. */
const char *store_cluster_identity(const struct store_cluster *cluster);

/* The link for an event. NULL: nobody takes it now, for the reason. */
struct store_link *store_cluster_link(struct store_cluster *cluster, const struct store_event *event,
				      struct reason *reason);

/* Of all nodes: what has gathered departs; their puts; their counts, added to `sum`. */
void store_cluster_turn_end(struct store_cluster *cluster);
size_t store_cluster_waiting(const struct store_cluster *cluster);
void store_cluster_counts(const struct store_cluster *cluster, struct store_counts *sum);

/* ---- the scout's link: it belongs to the store, which hands over what it says ---- */

/* It is in this state now. */
void store_cluster_scout(struct store_cluster *cluster, struct store_link *scout, enum store_state state,
			 const char *reason);

/* Which node its next attempt goes to: each in turn, those of the URL first. */
void store_cluster_place(struct store_cluster *cluster, struct store_address *place);

/* An answer to what it asked: number 1 is CLUSTER SLOTS, the next CLUSTER INFO. Borrowed for the call. */
void store_cluster_told(struct store_cluster *cluster, const struct store_reply *reply, size_t number);

#endif
