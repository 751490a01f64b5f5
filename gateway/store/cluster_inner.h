/* cluster_inner.h - the inside of a Cluster's nodes, shared by cluster.c (nodes, and what is said of them all) and scout.c
 * (where the slots are); of these two only. */
#ifndef HOOKGATE_STORE_CLUSTER_INNER_H
#define HOOKGATE_STORE_CLUSTER_INNER_H

#include "store/cluster.h"

/* Room for masters that others take the place of. */
enum { STORE_MEMBERS_MAX = STORE_MASTERS_MAX + 100 };

/* Where it is; its links have the pointers to one of the configurations, the other is for the next. */
struct store_member {
	struct store_cluster *cluster;
	struct store_address address;
	struct config_redis redis[2];
	unsigned which;
	struct store_node node;
	bool master;	   /* by the map, slots are its own */
	int64_t needed_ms; /* when it last became one, or ceased to be, or an event was sent there */
	int64_t down_ms;   /* when it last said that it serves nobody; 0: it has not, or may be asked again */
};

struct store_cluster {
	struct store_cluster_setup setup;
	struct store_member *members[STORE_MEMBERS_MAX]; /* with holes */
	size_t count;					 /* up to the last */
	uint16_t owner[STORE_SLOTS];			 /* 1 + the index of a member; 0: nobody's */

	bool mapped; /* a map has come */
	bool tried;  /* or all nodes have been asked for one, once */
	bool down;   /* the nodes say that the Cluster is */
	enum store_state state;
	struct reason reason;
	char identity[STORE_IDENTITY];
	struct store_counts past; /* of nodes that are gone */

	struct store_link *scout; /* NULL: it is not connected */
	struct store_address asked;
	size_t turn; /* whom it asks next */
	struct store_map map;
	struct reason unread; /* why it was not read */
	bool map_read;	      /* the first half of an answer is in `map`, */
	bool asking;	      /* the whole of it is awaited, */
	bool ask_again;	      /* and already too old */
	unsigned bad;	      /* answers in a row that the Cluster is down */
	int64_t asked_ms;     /* when it was last asked */
	struct loop_timer timer;
};

/* The member at an address, made where there is none. NULL when there is no room or no memory. */
struct store_member *store_cluster_member(struct store_cluster *cluster, const struct store_address *address,
					  uint16_t *index);

/* What is there now is looked at, and told if it is not what was. */
void store_cluster_settle(struct store_cluster *cluster);

/* The map has come: slots and masters are as it says. */
void store_cluster_take_map(struct store_cluster *cluster);

/* Soon the scout asks (again). */
void store_cluster_ask(struct store_cluster *cluster);

#endif
