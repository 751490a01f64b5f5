/* sentinel_inner.h - one Sentinel's connection, for sentinel.c and sentinel_one.c. One thread, its loop's. */
#ifndef HOOKGATE_STORE_SENTINEL_INNER_H
#define HOOKGATE_STORE_SENTINEL_INNER_H

#include "store/resolve.h"
#include "store/sentinel.h"
#include "store/trips.h"
#include "store/wire.h"

enum store_sentinel_phase {
	STORE_SENTINEL_RESTING, /* until it is tried again */
	STORE_SENTINEL_RESOLVING,
	STORE_SENTINEL_CONNECTING,
	STORE_SENTINEL_ASKED,
	STORE_SENTINEL_WATCHED /* it has answered, and is listened to */
};

struct store_sentinel_one {
	struct store_sentinels *all;
	size_t number; /* in redis->hosts */
	enum store_sentinel_phase phase;
	bool tried;			   /* it has answered, or failed, since all were asked */
	bool greeted;			   /* asked for the first time on this connection */
	bool subscribed;		   /* it lets us listen */
	bool named;			   /* it names `master` */
	struct store_master master, heard; /* `heard`: of an answer that is not complete */
	enum store_sentinel_trouble trouble;
	struct reason reason; /* why it names none, once tried */
	unsigned attempts;
	struct store_resolve *resolve;
	struct store_wire wire;
	struct store_trips trips;
	struct loop_timer timer; /* always running: the next attempt, the end of patience, the next question */
};

struct store_sentinels {
	struct loop *loop;
	const struct config_redis *redis;
	struct store_sentinel_listener *listeners;
	bool named; /* `master` is named now */
	struct store_master master;
	uint64_t epoch; /* the highest that was followed */
	size_t count;
	struct store_sentinel_one ones[];
};

/* It will be asked, when nobody asks sooner. 0 or -ENOMEM. */
int store_sentinel_one_begin(struct store_sentinel_one *one);

/* Asks it now, connecting first where it must. */
void store_sentinel_one_ask(struct store_sentinel_one *one);

/* Its connection, and what was under way, is gone. */
void store_sentinel_one_close(struct store_sentinel_one *one);

/* One of them has answered, or cannot be asked. */
void store_sentinels_heard(struct store_sentinels *sentinels);

#endif
