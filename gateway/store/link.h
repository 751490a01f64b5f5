/* link.h - the inside of a link, shared by link.c (being connected), greet.c (the handshake) and put.c (events on their
 * way); of this room only. */
#ifndef HOOKGATE_STORE_LINK_H
#define HOOKGATE_STORE_LINK_H

#include "store/resolve.h"
#include "store/script.h"
#include "store/store.h"
#include "store/tickets.h"
#include "store/wire.h"

#include <stdatomic.h>
#include <sys/un.h>

/* WAITING for the next attempt; the last two are what the link is for. */
enum store_phase {
	STORE_PHASE_WAITING,
	STORE_PHASE_RESOLVING,
	STORE_PHASE_CONNECTING,
	STORE_PHASE_GREETING,
	STORE_PHASE_READY,
	STORE_PHASE_STALLED
};

/* Commands of the handshake, in the order in which they are sent. */
enum store_greeting {
	STORE_GREETING_AUTH,
	STORE_GREETING_SELECT,
	STORE_GREETING_NAME,
	STORE_GREETING_ROLE,
	STORE_GREETING_SCRIPT,
	STORE_GREETINGS
};

struct store_hook;

struct store_link {
	struct store_link_setup setup;
	char socket[sizeof((struct sockaddr_un *)0)->sun_path]; /* the copy that setup.socket points to */
	enum store_phase phase;
	bool tried; /* an attempt has failed, or the link was ready once */
	struct reason reason;

	struct store_resolve *resolve;
	struct store_wire wire;
	struct store_tickets tickets;
	struct store_hook *hook;
	bool expects[STORE_GREETINGS]; /* sent, and not answered yet */
	char sha[STORE_SCRIPT_SHA];

	struct loop_timer step; /* the next attempt, or the end of this one's patience */
	unsigned attempts;	/* since it was last well */
	int64_t ready_ms;	/* when it became ready */
	uint64_t random;

	struct loop_timer stall;
	int64_t heard_ms; /* when Redis last answered anything */

	atomic_uint_fast64_t connects, losses, script_loads, refusals, timeouts, writes;
};

/* The one place where the phase changes; `reason` for WAITING and STALLED. Aborts on a move that is none. */
void store_link_enter(struct store_link *link, enum store_phase phase, const char *reason);

/* The connection, or the attempt at one, is given up; every put out is told so; the next attempt follows after the
 * backoff. */
void store_link_drop(struct store_link *link, const char *why);

/* The handshake went well. */
void store_link_ready(struct store_link *link);

/* Queues the handshake. False when memory is short. */
bool store_greet(struct store_link *link) __attribute__((warn_unused_result));

/* An answer to the oldest part of the handshake: on to the next, READY, or dropped. */
void store_greeted(struct store_link *link, const redisReply *reply);

/* An answer to the oldest ticket, which is an event's. */
void store_put_answered(struct store_link *link, struct store_ticket *ticket, const redisReply *reply);

/* After all answers that came together. */
void store_put_heard(struct store_link *link);

/* All these tickets will never be answered. */
void store_put_lost(struct store_link *link, struct store_ticket *tickets, const char *why);

static inline void store_count(atomic_uint_fast64_t *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

#endif
