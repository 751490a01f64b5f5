/* backlog.h - how much waits in each route's stream, as it was seen last, and how much more may be taken.
 *
 * Written by the keeper (keeper.h) and by every worker that stores an event; read by workers and by the operators'
 * pages. Only routes that have a max_backlog cost a delivery anything here. */
#ifndef HOOKGATE_INTAKE_BACKLOG_H
#define HOOKGATE_INTAKE_BACKLOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct intake_backlog {
	/* Entries or bytes that may still be taken until the next look; below 1 the route is full. */
	_Alignas(64) _Atomic(int64_t) room;
	_Atomic(uint64_t) entries, groups, waiting, waiting_bytes; /* of the last look */
	/* The keeper's own. */
	int64_t next_look_ms, room_then;
};

static inline bool intake_backlog_full(struct intake_backlog *backlog)
{
	return atomic_load_explicit(&backlog->room, memory_order_relaxed) <= 0;
}

static inline void intake_backlog_taken(struct intake_backlog *backlog, int64_t by)
{
	atomic_fetch_sub_explicit(&backlog->room, by, memory_order_relaxed);
}

#endif
