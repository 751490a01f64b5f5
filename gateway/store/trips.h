/* trips.h - all that is out: trips to Redis in the order in which they are made; of this room only.
 *
 * A trip is some commands that leave together, and their replies. Replies come in the order of the commands, so each
 * belongs to the oldest trip that still awaits one, and none is ever taken for another's. What a trip's events have
 * given up meanwhile changes nothing of that. */
#ifndef HOOKGATE_STORE_TRIPS_H
#define HOOKGATE_STORE_TRIPS_H

#include "base/buf.h"
#include "base/reason.h"
#include "store/tickets.h"

#include <sys/uio.h>

/* What the replies are answers to; batch.c has the story of those in the middle. */
enum store_trip_kind {
	STORE_TRIP_GREETING,
	STORE_TRIP_LOOK,      /* was any of these events seen? */
	STORE_TRIP_SORT,      /* which of them were? */
	STORE_TRIP_COMMIT,    /* adds and marks all of them */
	STORE_TRIP_UNDO,      /* takes back what came to be half of an event */
	STORE_TRIP_LEAVE,     /* leaves a transaction that is not to be */
	STORE_TRIP_MAP,	      /* where are the slots of the Cluster? */
	STORE_TRIP_ELSEWHERE, /* were these seen in another layout? */
	STORE_TRIP_SCRIPT,    /* the script for each */
	STORE_TRIP_WAIT	      /* until replicas, or the disk, have what was done; waited.c */
};

/* Kinds of waits that are asked for at once. */
enum { STORE_TRIP_WAITS = 8 };

/* A ticket that was looked for, and where. It is in no list of the trip, and may be another link's. */
struct store_asked {
	struct store_ticket *ticket;
	const struct store_target *target;
};

struct store_trip {
	struct store_trip *next;
	enum store_trip_kind kind;
	size_t due, answered;	 /* replies that are still to come, and that have come */
	size_t least;		 /* its replies have at least so many bytes; 0: not known */
	size_t leading;		 /* the first so many are about the batch as a whole; of LOOK and SORT */
	bool seen;		 /* some of the events were seen; of LOOK */
	struct store_list list;	 /* the events it is about, in order */
	struct store_list aside; /* those of them that are settled already in one way, not told yet */
	bool failed;		 /* a reply was not the one that was due */
	struct reason reason;	 /* why, of UNDO */
	bool refused;		 /* and for good */
	int64_t begun_ms;
	struct store_asked *asked; /* of ELSEWHERE: what the replies are for */
	size_t asked_room;
	struct store_wait waits[STORE_TRIP_WAITS]; /* of WAIT */
	size_t wait_count;

	struct buf bytes;     /* what it sends beside its events' commands; complete before it is added as a piece */
	struct iovec *pieces; /* what it sends, in order; those before `sent` are out */
	size_t piece_count, piece_room, sent;
	bool begun; /* some bytes of it are out */
};

/* Zeroed before first use. */
struct store_trips {
	struct store_trip *head, *tail, *unsent;
	struct store_trip *spare;
	struct store_trip *lost; /* those of ELSEWHERE that were cleared */
};

/* A cleared trip, not in the queue. NULL when memory is short. */
struct store_trip *store_trips_take(struct store_trips *trips, enum store_trip_kind kind)
	__attribute__((warn_unused_result));

/* Gives a trip back that is not in the queue; its lists must be empty. A greeting's bytes are wiped. */
void store_trips_give(struct store_trips *trips, struct store_trip *trip);

/* Adds to what it sends; the bytes must stay until the trip is given back. False when memory is short. */
bool store_trip_add(struct store_trip *trip, struct slice piece) __attribute__((warn_unused_result));

/* Queues it; its pieces and `due` must be complete. */
void store_trips_queue(struct store_trips *trips, struct store_trip *trip, int64_t now_ms);

/* The trip that the reply just read belongs to, `due` counted down and `answered` up; it has left the queue when `due` is 0.
 * NULL when nobody awaits a reply. */
struct store_trip *store_trips_answered(struct store_trips *trips);

/* So many bytes of the oldest unsent trip are out. */
void store_trips_sent(struct store_trips *trips, size_t n);

/* Empties the queue: the connection is gone. The events that were out, oldest first, are added to `lost`; trips of
 * ELSEWHERE to trips->lost. */
void store_trips_clear(struct store_trips *trips, struct store_list *lost);

/* Frees the spare ones; the queue must be empty. */
void store_trips_free(struct store_trips *trips);

#endif
