/* inside.h - what the files of this room know of each other. Not for other rooms. */
#ifndef HOOKGATE_INTAKE_INSIDE_H
#define HOOKGATE_INTAKE_INSIDE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "intake/delivery.h"
#include "intake/worker.h"
#include "journal/journal.h"

/* A plan with this worker's lane for it. Freed when it is no longer current and its last delivery is over. */
struct intake_share {
	struct intake_plan *plan;
	struct trust_lane *lane;
	size_t deliveries;
	bool retired;
};

void intake_share_release(struct intake_share *share);

struct intake_delivery {
	struct intake_worker *worker;
	struct intake_share *share;
	const struct intake_route *route;
	struct intake_head head;
	struct intake_delivery *next_early;
	struct intake_delivery *next_unplaced;		      /* while it is not known where it goes */
	const void *refused;				      /* the layout by which it could not be put */
	bool waited;					      /* its deadline has begun */
	struct intake_delivery *next_pending, **pending_link; /* while it waits for a key */
	struct keys_waiter waiter;
	struct loop_timer key_timer;
	unsigned key_rounds;
	int64_t deadline_ms; /* loop's clock: when it must have been answered */
	bool headers_kept;
	struct store_put put;
	struct journal_append append;
	const char *why; /* it is in the journal and not in Redis; NULL: by the route's own wish */
	struct trust_verdict verdict;
	struct trust_event event;
};

/* delivery.c: the end of a delivery that has a route; it is gone after it. `answer` NULL: our own. The other is for what
 * was taken: the route's or the provider's wish goes before ours. */
void intake_finish(struct intake_delivery *delivery, enum intake_outcome outcome, const char *reason,
		   const struct answer *answer);
void intake_finish_taken(struct intake_delivery *delivery, enum intake_outcome outcome, const char *reason);

/* put.c: steps 6 and 7. */
void intake_put(struct intake_delivery *delivery);

/* put.c: its end where Redis has not taken it; in the journal, where there is one. */
void intake_not_stored(struct intake_delivery *delivery, const char *reason);

/* unplaced.c: the route's layout is not known, or another than it was: the delivery is put again when it is. */
void intake_wait_for_layout(struct intake_delivery *delivery);

/* unplaced.c: nobody waits any longer. */
void intake_unplaced_give_up(struct intake_worker *worker);

struct intake_worker {
	struct loop *loop;
	struct intake_share *share;
	struct intake_stats *stats;
	struct store *store;
	struct store_layouts *layouts; /* NULL: no route is split */
	struct journal *journal;       /* NULL: there is none */
	struct journal *refused;       /* what was set aside of it; NULL: there is none */
	struct journal_lane *lane;     /* into `journal` */
	struct intake_window *window;  /* NULL: none */
	struct intake_redis_watch *watch;
	const char *redis_socket;
	enum store_state seen_state;
	struct intake_delivery *early; /* came before the first connect was decided */
	struct loop_timer early_timer;
	bool early_over;
	struct intake_delivery *unplaced; /* wait for their route's layout */
	struct loop_timer unplaced_timer;
	struct keys_inbox *inbox;	 /* NULL: no keys here, or the worker has given up */
	struct intake_delivery *pending; /* wait for a key */
	struct buf scratch;		 /* the entry's headers as JSON; copied by store_put */
	uint64_t random[2];		 /* for trace ids: unlike others', not secret */
};

/* put.c: it is known whether Redis is there, or the time for that is over; the timer's function. */
void intake_early_over(void *arg);

/* window.c: the replay window: what was put lately, sent again to a Redis that may have lost it. NULL where the
 * configuration has none. */
struct intake_window;
int intake_window_new(struct intake_worker *worker, unsigned number, struct intake_window **out)
	__attribute__((warn_unused_result));
void intake_window_free(struct intake_window *window);
void intake_window_add(struct intake_window *window, const struct journal_event *event);
/* Redis has taken an event, or said "not now". */
void intake_window_told(struct intake_window *window, bool taken);
/* Redis is ready: is it another Redis? */
void intake_window_ready(struct intake_window *window);
/* Another Redis is wanted from now on: what the one before has is not its business. */
void intake_window_leave(struct intake_window *window);
/* Once a second. */
void intake_window_sample(struct intake_window *window);

/* learned.c: shows the operator a secret that came with a handshake; nothing when it is empty. */
void intake_learned(const struct intake_route *route, const struct request *request, struct slice secret);

/* delivery.c: trust is asked (again), and what it says is acted on. */
void intake_check(struct intake_delivery *delivery);

/* put.c: the request's headers made the delivery's own (false: out of memory). */
bool intake_keep_headers(struct intake_delivery *delivery);

/* pending.c: the verdict is that a key is being fetched: the delivery waits, or ends here. */
void intake_wait_for_key(struct intake_delivery *delivery);

/* pending.c: all that wait for a key end, and no other will wait. */
void intake_pending_give_up(struct intake_worker *worker);

/* entry.c: the parts of a stream entry that are made here. */

/* All headers but credentials as a JSON object, into the worker's scratch; borrowed until the next delivery.
 * `secret_header` (may be empty) is left out as well: it carries the route's token. */
struct slice intake_entry_headers(struct intake_worker *worker, const struct request *request,
				  struct slice secret_header);

/* "full", "partial", "none". */
struct slice intake_entry_covered(enum trust_cover cover);

/* The traceparent as received when it is well formed (W3C Trace Context, version 00), else a new one in `made`. */
struct slice intake_entry_traceparent(struct intake_worker *worker, const struct request *request, char made[55]);

#endif
