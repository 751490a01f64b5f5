/* spread.h - the inside of layouts.h; of this room only. */
#ifndef HOOKGATE_STORE_SPREAD_H
#define HOOKGATE_STORE_SPREAD_H

#include "store/layouts.h"

#include <pthread.h>
#include <stdatomic.h>

enum { STORE_SPREAD_HEADS = 1024 };

struct store_spread {
	struct store_spread *next;
	struct store_layouts *layouts;
	struct slice prefix, route;
	_Atomic(const struct store_known *) now;
	struct store_known *made; /* all that were ever `now`, the newest first; of who asks Redis alone */
	int64_t next_look_ms;	  /* the same; 0: only once a put of it was refused */
	int64_t not_before_ms;	  /* the same */
	bool ours;		  /* a change of ours is not at its end yet; the same */
	unsigned faults;	  /* in a row, that may pass by themselves; the same */
	struct reason said;	  /* why it failed last; empty: it is well; the same */
	/* Under the lock of the layouts. */
	struct store_split wanted;
	uint32_t window_s;
	struct store_wait wait;
	bool settled;	   /* Redis has had what the configuration wants, since it wants it */
	bool stale;	   /* is to be looked at at once */
	bool asked;	   /* Redis was asked for it, and answered */
	bool broken;	   /* at the last look what stood there could not be used, */
	struct reason why; /* and why, for a person */
	unsigned char bytes[];
};

struct store_layouts {
	pthread_mutex_t lock;
	struct store_layouts_calls calls;
	struct store_spread *heads[STORE_SPREAD_HEADS];
};

/* With its orders, not with the ones before it. */
void store_known_free(struct store_known *known);

#endif
