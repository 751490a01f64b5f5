/* link.h - a connection to a node of Redis that is kept up, and its inside, shared by link.c (being connected), greet.c
 * (the handshake), put.c (events that come and that are done), depart.c, batch.c and scripted.c (the ways into Redis), waited.c
 * (replicas and disks), moved.c (a Cluster's redirections), seek.c (Sentinels); of this room only. Who has links is node.c. */
#ifndef HOOKGATE_STORE_LINK_H
#define HOOKGATE_STORE_LINK_H

#include "store/map.h"
#include "store/resolve.h"
#include "store/script.h"
#include "store/sentinel.h"
#include "store/store.h"
#include "store/trips.h"
#include "store/wire.h"

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
	STORE_GREETING_CLUSTER,
	STORE_GREETING_SCRIPT,
	STORE_GREETINGS
};

/* Two times 40 hex digits, a space, a NUL. */
enum { STORE_IDENTITY = 82 };

struct store_link;

struct store_link_setup {
	struct loop *loop;
	const struct config_redis *redis; /* must outlive the link */
	const char *socket;		  /* copied; NULL: what redis says */
	int64_t stall_ms;		  /* as in store_setup */
	/* For sentinel://: where the Sentinels are that all links of a node share; made by the first that needs them, freed by
	 * the node. */
	struct store_sentinels **sentinels;
	enum store_class class;
	bool gathers; /* puts are taken before the first attempt has succeeded or failed */
	/* Of a link that carries no events, but is there to ask any node of a Cluster where its slots are: where the next
	 * attempt goes; and the answers to store_link_ask_map, numbered from 1 on. NULL: it carries events. */
	void (*place)(void *arg, struct store_address *place);
	void (*told)(void *arg, const struct store_reply *reply, size_t number);
	/* Of a link to a node of a Cluster: its answer of an event was that it does not do it (MOVED, ASK, CLUSTERDOWN).
	 * True: the ticket, which is in no list, was taken. NULL: it is none. */
	bool (*redirected)(void *arg, struct store_ticket *ticket, const struct store_redirect *redirect);
	/* As in store_setup. */
	void (*changed)(void *arg, enum store_state state, const char *reason);
	/* The link to ask for what has that target's keys; NULL, or an answer of NULL: this one. */
	struct store_link *(*elsewhere)(void *arg, const struct store_target *target);
	/* A look was answered with an error: it may have gone to the wrong node. May be NULL. */
	void (*astray)(void *arg);
	/* This node's link for events with a wait; NULL when memory is short. Of a link to a node of a Cluster. */
	struct store_link *(*waiting)(void *arg);
	void *arg;
};

/* Begins connecting in the loop's next turn. The others as their namesakes of store.h are for a store of one node. */
int store_link_new(const struct store_link_setup *setup, struct store_link **out) __attribute__((warn_unused_result));
void store_link_free(struct store_link *link);
enum store_state store_link_state(const struct store_link *link);
const char *store_link_reason(const struct store_link *link);
const char *store_link_identity(const struct store_link *link);
void store_link_reconfigure(struct store_link *link, const struct config_redis *redis, const char *socket,
			    int64_t stall_ms);
int store_link_put(struct store_link *link, const struct store_event *event, int64_t deadline_ms, struct store_put *put)
	__attribute__((warn_unused_result));
int store_link_put_row(struct store_link *link, const struct store_row *row, int64_t deadline_ms, struct store_put *put)
	__attribute__((warn_unused_result));
int store_link_confirm(struct store_link *link, const struct store_target *target, const struct store_wait *wait,
		       int64_t deadline_ms, struct store_put *put) __attribute__((warn_unused_result));
size_t store_link_waiting(const struct store_link *link);

/* What has gathered departs, and what is to go out does. To be called at the end of each turn of the loop. */
void store_link_turn_end(struct store_link *link);

/* Asks for CLUSTER SLOTS and CLUSTER INFO; while READY. False when memory is short. */
bool store_link_ask_map(struct store_link *link) __attribute__((warn_unused_result));

/* Adds its counts. */
void store_link_counts(const struct store_link *link, struct store_counts *sum);

/* ---- the inside ---- */

/* Events that are in Redis and are not told yet: waited.c. */
struct store_waiting {
	bool wanted; /* an event with a wait has come by this link */
	struct store_list settled;
	struct store_list confirms; /* to be asked for by the next wait: the one that is out began before them */
	size_t ahead; /* of those that have gathered, the first so many leave before the next wait is begun */
	size_t out;   /* waits that are out */
	/* Until then events of this level are refused at once, since Redis has refused the wait; and why. */
	int64_t refused_until_ms[STORE_LEVEL_SYNCED + 1];
	struct reason refused[STORE_LEVEL_SYNCED + 1];
};

struct store_link {
	struct store_link_setup setup;
	char socket[sizeof((struct sockaddr_un *)0)->sun_path]; /* the copy that setup.socket points to */
	enum store_phase phase;
	bool tried; /* an attempt has failed, or the link was ready once */
	struct reason reason;

	struct store_sentinel_listener listener;
	bool listening;		    /* to the Sentinels */
	bool sought;		    /* while RESOLVING: the master's name is awaited, not its address */
	struct store_master master; /* where the link went to; port 0: nowhere yet */

	struct store_resolve *resolve;
	char host[STORE_HOST_ROOM]; /* what is resolved, and what a certificate must be for */
	struct store_wire wire;
	struct store_trips trips;
	struct store_tickets tickets;
	struct store_list gathered; /* events that wait for the next trip */
	struct store_list apart;    /* that go by the script, before them; rows among them */
	struct store_list again;    /* that are to be tried again later, */
	struct loop_timer retry;    /* when this has fired */
	bool few_went;		    /* the last to leave were the events of slots with few, or rows */
	struct store_list held;	    /* events that are looked for elsewhere */
	struct store_trip *looking; /* the next look for such, of whatever link; NULL: none */
	struct store_waiting waiting;
	bool transacts;		       /* we may use EXEC and DISCARD on this connection */
	int64_t scripts_until_ms;      /* until then all goes by the script: Redis has refused a part of a batch, */
	int64_t slow_until_ms;	       /* or is slow */
	unsigned soon;		       /* answers to scripts in a row that were not */
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

	struct store_counts counts; /* but for the writes, which the wire counts */
};

/* The one place where the phase changes; `reason` for WAITING and STALLED. Aborts on a move that is none. */
void store_link_enter(struct store_link *link, enum store_phase phase, const char *reason);

/* The connection, or the attempt at one, is given up; every put out is told so; the next attempt follows after the
 * backoff. */
void store_link_drop(struct store_link *link, const char *why);

/* The handshake went well. */
void store_link_ready(struct store_link *link);

/* Goes on with an attempt, from RESOLVING: to this host. */
void store_link_resolve(struct store_link *link, const char *host, uint16_t port);

/* The next attempt follows at once, as if none had failed; while WAITING. */
void store_link_hurry(struct store_link *link);

/* ---- the master, where Sentinels name it: seek.c ---- */

/* Has the Sentinels name the master, and goes there; while RESOLVING. */
void store_seek(struct store_link *link);

/* True while no name has come yet, with the reason. */
bool store_seek_failed(const struct store_link *link, struct reason *reason);

/* The Sentinels are listened to no more. */
void store_seek_end(struct store_link *link);

/* Queues the handshake. False when memory is short. */
bool store_greet(struct store_link *link) __attribute__((warn_unused_result));

/* An answer to the oldest part of the handshake: on to the next, READY, or dropped. */
void store_greeted(struct store_link *link, const redisReply *reply);

/* ---- events on their way: put.c ---- */

/* The event's end: its put, if it has not given up, is told; the ticket is given back. `reason` as of done. One with a
 * wait that Redis has is not told yet: its ticket waits (store_waited_settle). */
void store_put_end(struct store_link *link, struct store_ticket *ticket, enum store_result result, const char *reason);

/* May events be added to those that wait to leave? */
bool store_link_takes_puts(const struct store_link *link);

/* From now on answers are missed, be it without a timer where memory is short. */
void store_put_mind_stall(struct store_link *link);
/* Only its put is told, with STORE_UNAVAILABLE; the ticket stays. */
void store_put_leave(struct store_link *link, struct store_ticket *ticket, const char *reason);

/* That for all of a list. */
void store_put_end_all(struct store_link *link, struct store_list *list, enum store_result result, const char *reason);

/* All these events will never be answered: the connection is gone. */
void store_put_lost(struct store_link *link, struct store_list *list, const char *why);

/* After all answers that came together. */
void store_put_heard(struct store_link *link);

/* ---- the ways into Redis: depart.c, batch.c and scripted.c ---- */

/* Sends what has gathered on its way, unless it is to wait for what is out. */
void store_depart(struct store_link *link);

/* ---- in a Cluster: moved.c ---- */

/* Does this error say that a node of a Cluster has not done what it was asked for, and others may? */
bool store_moved_says(const struct store_link *link, struct slice error);

/* The event, which is in no list, goes where the error says, or waits to be sent again. False: it does not, and is still
 * the caller's. */
bool store_moved(struct store_link *link, struct store_ticket *ticket, struct slice error);

/* An event that was asked for again has come through: the others follow. */
void store_moved_arrived(struct store_link *link);

/* Takes a ticket of another link, which is in no list, to go by the script, behind ASKING if it asks. False, and it is
 * still the caller's: this link takes nothing now. */
bool store_link_adopt(struct store_link *link, struct store_ticket *ticket, bool asks)
	__attribute__((warn_unused_result));

/* ---- the ways ---- */

/* For so long from now on all goes by the script. */
void store_depart_scripted(struct store_link *link, int64_t ms);

/* The last answer to a trip of scripts: is Redis still slow? */
void store_depart_answered(struct store_link *link, const struct store_trip *trip);

/* Takes all of a list, which is emptied, into Redis as a batch; nothing else may be out. */
void store_batch_send(struct store_link *link, struct store_list *batch);

/* Has the script do what waits for the answers to the look of this trip, which is out. */
void store_batch_abandon(struct store_link *link, struct store_trip *trip);

/* An answer to a trip of a batch; its due is counted down. */
void store_batch_answered(struct store_link *link, struct store_trip *trip, const redisReply *reply);

/* Holds a ticket until the event was looked for where else it may stand; its put may end in whatever way. False, and it
 * is not held, when nobody can be asked now. */
bool store_elsewhere_ask(struct store_link *link, struct store_ticket *ticket, const struct store_event *event)
	__attribute__((warn_unused_result));

/* Sends the look that is being made. */
void store_elsewhere_send(struct store_link *link);

/* An answer to the next of a trip's looks. */
void store_elsewhere_answered(struct store_link *link, struct store_trip *trip, const redisReply *reply);

/* After the trips were cleared: those that were out, and that which was being made, will not be answered. */
void store_elsewhere_lost(struct store_link *link);

/* The link goes: nobody waits for its held ones any more. */
void store_elsewhere_give_up(struct store_link *link);

/* Has the script do each of a list, which is emptied. */
void store_scripted_send(struct store_link *link, struct store_list *list);

/* An answer to the oldest event of a trip of scripts. */
void store_scripted_answered(struct store_link *link, struct store_trip *trip, const redisReply *reply);

/* Does this error's first word say that this server is not the one to ask now, whatever the event? */
bool store_scripted_means_elsewhere(struct slice word);

/* Will this error be the same when the event is put again? Its first word says so. */
bool store_scripted_is_final(struct slice text);

/* The first word of an error; of one that an older Redis wrapped ("ERR Error running script: -OOM ..."), the word
 * inside. */
struct slice store_scripted_error_word(struct slice text);

/* ---- replicas and disks: waited.c ---- */

/* A ticket without an event: it is told what the next wait says. */
void store_waited_confirm(struct store_link *link, struct store_ticket *ticket);

/* Redis has the event, or had it; it has a wait, and somebody waits for it. */
void store_waited_settle(struct store_link *link, struct store_ticket *ticket, enum store_result result);

/* Has a wait follow the trip that was queued last, for its events and for those that have settled; where more is to
 * leave before, it follows that. */
void store_waited_follow(struct store_link *link, const struct store_trip *trip);

/* The same for those that have settled, when nothing is out. To be called at the end of a turn. */
void store_waited_turn_end(struct store_link *link);

/* How long Redis may take to answer this trip because it was asked to wait; of any trip. */
int64_t store_waited_allows_ms(const struct store_trip *trip);

/* False while Redis would not read what is sent, because it waits. */
bool store_waited_lets_go(const struct store_link *link);

/* The words of the command that waits so; how many. They lie in `digits`, too. */
enum { STORE_WAITED_WORDS = 4 };
size_t store_waited_words(const struct store_wait *wait, char digits[2][20], struct slice words[STORE_WAITED_WORDS]);

/* Does it hold, as the answer to that command says? Else why not, for a person. */
bool store_waited_holds(const struct store_wait *wait, const redisReply *reply, struct reason *reason);

/* Has this Redis become a replica? Then it answers WAIT with such an error, those that it is in the middle of among them. */
bool store_waited_at_replica(struct slice error);

/* Ends those that have gathered and want what this Redis has just refused. */
void store_waited_refuse(struct store_link *link);

/* How Redis says that `ack: synced` cannot be had, and the same for a person. */
#define STORE_WAITED_ERROR_UNKNOWN "ERR unknown"
#define STORE_WAITED_ERROR_OFF "ERR WAITAOF cannot be used when numlocal"
#define STORE_WAITED_UNKNOWN "ack: synced needs WAITAOF, which this Redis does not know (Redis 7.2 or newer, Valkey 8)"
#define STORE_WAITED_OFF "ack: synced needs an append-only file, and this Redis has none: set appendonly yes"

/* An answer to a wait's trip. */
void store_waited_answered(struct store_link *link, struct store_trip *trip, const redisReply *reply);

#endif
