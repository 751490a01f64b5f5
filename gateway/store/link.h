/* link.h - the inside of a link, shared by link.c (being connected), greet.c (the handshake), put.c (events that come and
 * that are done), depart.c, batch.c and scripted.c (the ways into Redis); of this
 * room only. */
#ifndef HOOKGATE_STORE_LINK_H
#define HOOKGATE_STORE_LINK_H

#include "store/resolve.h"
#include "store/script.h"
#include "store/store.h"
#include "store/trips.h"
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
	STORE_GREETING_SERVER,
	STORE_GREETING_REPLICATION,
	STORE_GREETING_EXEC,
	STORE_GREETING_DISCARD,
	STORE_GREETING_SCRIPT,
	STORE_GREETINGS
};

/* Two times 40 hex digits, a space, a NUL. */
enum { STORE_IDENTITY = 82 };

struct store_hook;

struct store_link {
	struct store_link_setup setup;
	char socket[sizeof((struct sockaddr_un *)0)->sun_path]; /* the copy that setup.socket points to */
	enum store_phase phase;
	bool tried; /* an attempt has failed, or the link was ready once */
	struct reason reason;

	struct store_resolve *resolve;
	struct store_wire wire;
	struct store_trips trips;
	struct store_tickets tickets;
	struct store_list gathered; /* events that wait for the next trip */
	bool transacts;		    /* we may use EXEC and DISCARD on this connection */
	int64_t scripts_until_ms;   /* until then all goes by the script */
	struct store_hook *hook;
	bool expects[STORE_GREETINGS]; /* sent, and not answered yet */
	char sha[STORE_SCRIPT_SHA];
	char identity[STORE_IDENTITY];

	struct loop_timer step; /* the next attempt, or the end of this one's patience */
	unsigned attempts;	/* since it was last well */
	int64_t ready_ms;	/* when it became ready */
	uint64_t random;

	struct loop_timer slow, stall;
	int64_t heard_ms; /* when Redis last answered anything */
	int64_t heard_us; /* the time it is, while replies are handed out; else 0 */

	atomic_uint_fast64_t connects, losses, script_loads, refusals, timeouts, races, writes;
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

/* ---- events on their way: put.c ---- */

/* The event's end: its put, if it has not given up, is told; the ticket is given back. `reason` as of done. */
void store_put_end(struct store_link *link, struct store_ticket *ticket, enum store_result result, const char *reason);

/* That for all of a list. */
void store_put_end_all(struct store_link *link, struct store_list *list, enum store_result result, const char *reason);

/* All these events will never be answered: the connection is gone. */
void store_put_lost(struct store_link *link, struct store_list *list, const char *why);

/* After all answers that came together. */
void store_put_heard(struct store_link *link);

/* ---- the ways into Redis: depart.c, batch.c and scripted.c ---- */

/* Sends what has gathered on its way, unless it is to wait for what is out. */
void store_depart(struct store_link *link);

/* For so long from now on all goes by the script. */
void store_depart_scripted(struct store_link *link, int64_t ms);

/* Takes all of a list, which is emptied, into Redis as a batch; nothing else may be out. */
void store_batch_send(struct store_link *link, struct store_list *batch);

/* Has the script do what waits for the answers to the look of this trip, which is out. */
void store_batch_abandon(struct store_link *link, struct store_trip *trip);

/* An answer to a trip of a batch; its due is counted down. */
void store_batch_answered(struct store_link *link, struct store_trip *trip, const redisReply *reply);

/* Has the script do each of a list, which is emptied. */
void store_scripted_send(struct store_link *link, struct store_list *list);

/* An answer to the oldest event of a trip of scripts. */
void store_scripted_answered(struct store_link *link, struct store_trip *trip, const redisReply *reply);

/* Will this error be the same when the event is put again? Its first word says so. */
bool store_scripted_is_final(struct slice text);

/* The first word of an error; of one that an older Redis wrapped ("ERR Error running script: -OOM ..."), the word
 * inside. */
struct slice store_scripted_error_word(struct slice text);

static inline void store_count(atomic_uint_fast64_t *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

#endif
