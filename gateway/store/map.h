/* map.h - what a node of a Redis Cluster says of where slots are: all of them (CLUSTER SLOTS), or one (an error); of this
 * room only.
 *
 * https://redis.io/docs/latest/commands/cluster-slots/ and
 * https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/, Redirection and resharding. */
#ifndef HOOKGATE_STORE_MAP_H
#define HOOKGATE_STORE_MAP_H

#include "base/reason.h"
#include "store/client.h"
#include "store/slot.h"

enum { STORE_MASTERS_MAX = 1000, STORE_HOST_MAX = 253 };

/* Of a node: a name, or an address without brackets. */
struct store_address {
	char host[STORE_HOST_MAX + 1];
	uint16_t port;
};

bool store_address_eq(const struct store_address *a, const struct store_address *b);

/* Zeroed before first use. */
struct store_map {
	struct store_address *masters;
	size_t count;
	uint16_t owner[STORE_SLOTS]; /* 1 + the index of its master; 0: nobody has it */
};

/* Reads the answer to CLUSTER SLOTS, given by the node at `asked`, whose host stands for one that is left out. False,
 * with the reason, and the map is as it was: for what is no such answer, where no slot is anybody's, and where the ranges have
 * more slots than there are. Its work is bounded by the slots and the answer's size. */
bool store_map_read(const struct store_reply *reply, const struct store_address *asked, struct store_map *map,
		    struct reason *reason) __attribute__((warn_unused_result));

/* Does the answer to CLUSTER INFO say that the Cluster is down? An error, as who may not ask gets one, does not. */
bool store_map_is_down(const struct store_reply *reply);

/* Frees what the map holds, and empties it. */
void store_map_clear(struct store_map *map);

/* ---- errors that say where to go ---- */

enum store_redirect_kind {
	STORE_REDIRECT_NONE,
	STORE_REDIRECT_MOVED, /* the slot is that node's */
	STORE_REDIRECT_ASK,   /* this once ask that node, after ASKING */
	STORE_REDIRECT_AGAIN, /* TRYAGAIN: its keys are being moved */
	STORE_REDIRECT_DOWN   /* CLUSTERDOWN: this node serves nobody for now */
};

struct store_redirect {
	enum store_redirect_kind kind;
	uint16_t slot; /* of MOVED and ASK, as `to` */
	struct store_address to;
};

/* Reads an error that the node at `from` answered. An error of another kind, or an address that is none: NONE. */
struct store_redirect store_redirect_read(struct slice error, const struct store_address *from);

#endif
