/* store.h - what is kept: the way into Redis, for the gateway's workers.
 *
 * The one promise of this room: `STORE_STORED` and `STORE_DUPLICATE` are said only after Redis has answered that the
 * event stands in the stream exactly once, and never of another event than the one that was put. Marking an event as
 * seen and adding it to the stream is one step of Redis', so a lost reply is harmless: putting it again is a duplicate.
 *
 * A store belongs to one worker's loop and thread, and is its way into Redis, be that one node or many. It holds a link,
 * which is a connection that is kept up, for each node and each class of puts (node.h); the event's keys say the node,
 * the event says the class. What one turn of the loop puts leaves together at the turn's end, or, while something else of
 * its link is out, when that is back; how it gets into Redis is the link's own business. */
#ifndef HOOKGATE_STORE_STORE_H
#define HOOKGATE_STORE_STORE_H

#include "base/buf.h"
#include "base/loop.h"
#include "base/reason.h"
#include "base/slice.h"
#include "config/config.h"

/* ---- where a route's events go ---- */

/* The keys and the fixed fields of a route, made once per configuration; immutable, shared by all workers. Keys as in
 * gateway/README.md has them: PREFIX:{ROUTE}:events and PREFIX:{ROUTE}:seen:ID; a guard's is
 * PREFIX:{ROUTE}:guard:GUARD, which no id can spell. */
struct store_target;

/* All is copied. 0 or -ENOMEM. */
int store_target_new(struct slice prefix, struct slice route, struct slice source, struct slice provider,
		     struct store_target **out) __attribute__((warn_unused_result));

/* The same of a partition, whose keys have the tag {ROUTE.N}, in a generation of the route's layout (layout.h). */
struct store_target_setup {
	struct slice prefix, route, source, provider;
	bool split;
	unsigned partition; /* where it is split */
	uint64_t generation;
};
int store_target_new_at(const struct store_target_setup *setup, struct store_target **out)
	__attribute__((warn_unused_result));
void store_target_free(struct store_target *target);

/* PREFIX:{TAG}:REST behind what is in `out`, such as "hookgate:{stripe.2}:events"; its flag tells when memory is short. Of the
 * setup only the names and the partition count. */
void store_target_key(const struct store_target_setup *setup, const char *rest, struct buf *out);

/* "hookgate:{stripe}:events"; lives as long as the target. */
struct slice store_target_stream(const struct store_target *target);

/* Of the layout that it was made for. */
uint64_t store_target_generation(const struct store_target *target);

/* ---- an event on its way ---- */

/* Which of a node's connections an event takes. What makes Redis hold a connection's answers back (WAIT, WAITAOF) would
 * hold up all that is behind it, so such events have a connection of their own, made when the first of them comes. */
enum store_class {
	STORE_CLASS_PLAIN,   /* Redis answers at once */
	STORE_CLASS_WAITING, /* for events with a wait */
	STORE_CLASSES
};

/* What must be so, beside that Redis has the event, before its put is told. */
enum store_level {
	STORE_LEVEL_STORED,	/* nothing */
	STORE_LEVEL_REPLICATED, /* so many replicas have it (WAIT) */
	STORE_LEVEL_SYNCED	/* it is on Redis' disk, and on so many replicas' (WAITAOF) */
};

struct store_wait {
	enum store_level level;
	uint32_t replicas;
	uint32_t timeout_ms; /* Redis is asked to answer by then, with what is so */
};

/* Copied by store_put before it returns. */
struct store_event {
	const struct store_target *target;
	enum store_class class;
	struct store_wait wait;
	/* Where the id and the guard are looked for before it is put, since they may stand there from another day's
	 * layout (places.h). These targets outlive the put. */
	const struct store_target *const *elsewhere;
	size_t elsewhere_count;
	uint32_t window_s; /* how long the id is remembered; 0 counts as 1 */
	bool deduplicate;  /* false: the id is neither looked at nor remembered */
	struct slice
		guard; /* looked at and remembered as PREFIX:{ROUTE}:guard:GUARD, with or without the id; empty: not */
	struct slice id, type, time, content_type, data, headers, secret, covered, traceparent;
};

enum store_result {
	STORE_STORED,
	STORE_DUPLICATE,
	STORE_CLOSED, /* not stored: its partition takes no events of that generation any more; choose again (places.h) */
	STORE_UNAVAILABLE /* Redis is away, refused it for now, or did not answer in time: not known to be stored, or not as
			     well as its wait asks */
};

/* Embedded in the caller's delivery; zeroed before first use; may be used again once `done` was called. */
struct store_put {
	/* Called exactly once for each store_put that returned 0, from the loop, never from within store_put. `reason`
	 * is for a person and NULL on success; `redis_us` is the time from put to reply, or to giving up. */
	void (*done)(struct store_put *put, enum store_result result, const char *reason, int64_t redis_us);
	/* Of STORE_UNAVAILABLE: Redis has refused this event and will do so again (WRONGTYPE, NOPERM, ERR), until somebody
	 * mends it. */
	bool refused;
	int64_t waited_us; /* of an event with a wait that was answered: how much of redis_us went by while Redis had it; else 0 */
	/* Of STORE_DUPLICATE: the one of `elsewhere` where it stands; NULL: where it was to be put. */
	const struct store_target *stands;
};

/* ---- the store ---- */

struct store;

enum store_state {
	STORE_CONNECTING, /* the first attempt, until it has succeeded or failed */
	STORE_READY,
	STORE_STALLED, /* connected, but a reply is overdue */
	STORE_AWAY     /* no connection; trying again */
};

/* Of a Cluster: READY when each of its masters is; else as the worst of them is. Events for the others are put all the
 * same. */

struct store_setup {
	struct loop *loop;
	const struct config_redis *redis; /* must outlive the store */
	const char *socket;		  /* unix socket to use instead (embedded), copied; NULL: what redis says */
	/* A reply that is awaited for this long means stalled; nothing at all for as long again, and the connection is
	 * dropped. */
	int64_t stall_ms;
	/* On each change of state, from the loop; `reason` says why for STALLED and AWAY. Of a Cluster also STORE_READY
	 * again, when another node is one of its masters (store_identity). May be NULL. */
	void (*changed)(void *arg, enum store_state state, const char *reason);
	void *arg;
};

/* Begins connecting in the loop's next turn; keeps trying with backoff (50 ms doubling to 2 s, jitter of a half) until
 * freed. What leaves at the end of a turn does so in a hook that is added here: a hook added later that puts events has
 * to call loop_again. */
int store_new(const struct store_setup *setup, struct store **out) __attribute__((warn_unused_result));

/* Every put still out gets its `done` with STORE_UNAVAILABLE first. Not from within `done` or `changed`. Accepts
 * NULL. */
void store_free(struct store *store);

enum store_state store_state(const struct store *store);

/* Why it is not ready, for a person; "" when it is. */
const char *store_reason(const struct store *store);

/* Which Redis it is connected to, as its process and its data's history call themselves (run_id and master_replid of
 * INFO); another one may not have what the one before had said that it has. Of a Cluster a digest of its masters': another
 * master makes it another Cluster. Of when it was last READY; "" where Redis does not let us ask. */
const char *store_identity(const struct store *store);

/* Another url, password or database from the next connect on; the present connections are dropped when they differ, and
 * the new ones begin at once. The old configuration may be freed afterwards. For reload. */
void store_reconfigure(struct store *store, const struct config_redis *redis, const char *socket, int64_t stall_ms);

/* Puts an event. 0: `done` will be called, by `deadline_ms` (of the loop's clock) at the latest. -EAGAIN: Redis is
 * known to be away or stalled, or does not keep up (64 MiB wait for the replies of a connection), at once, and `done`
 * will not be called. -ENOMEM. With a deadline that has passed `done` comes in the next turn; the event may go out
 * nevertheless. */
int store_put(struct store *store, const struct store_event *event, int64_t deadline_ms, struct store_put *put)
	__attribute__((warn_unused_result));

/* As store_put, but puts nothing: STORE_STORED says that the wait holds for all that stands with this target: was put there, with
 * or without a wait, and told as stored or as a duplicate before this call, by the Redis that the identity names. It goes by the
 * connection of events with a wait. */
int store_confirm(struct store *store, const struct store_target *target, const struct store_wait *wait,
		  int64_t deadline_ms, struct store_put *put) __attribute__((warn_unused_result));

/* The same for all events of a row (row.h), which is copied and has at least one: they are told of together. */
struct store_row;
int store_put_row(struct store *store, const struct store_row *row, int64_t deadline_ms, struct store_put *put)
	__attribute__((warn_unused_result));

/* Why the last put that got -EAGAIN did, for a person. */
const char *store_refused(const struct store *store);

/* Puts that wait for a reply. */
size_t store_waiting(const struct store *store);

/* Counted since the store was made, for metrics. */
struct store_counts {
	uint64_t connects, losses, script_loads, refusals, timeouts;
	uint64_t races;	     /* batches that lost to another gateway and were done again */
	uint64_t shortfalls; /* events that Redis had, and that its replicas or its disk did not have in time */
	uint64_t moved, asked, asked_again; /* answers of a Cluster's nodes to an event: MOVED, ASK, TRYAGAIN */
	uint64_t writes;		    /* system calls that sent something: events per write is the batching */
};
void store_counts(const struct store *store, struct store_counts *out);

#endif
