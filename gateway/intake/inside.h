/* inside.h - what the files of this room know of each other. Not for other rooms. */
#ifndef HOOKGATE_INTAKE_INSIDE_H
#define HOOKGATE_INTAKE_INSIDE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "intake/delivery.h"
#include "intake/worker.h"

/* A plan with this worker's lane for it. Freed when it is no longer current and its last delivery is over. */
struct intake_share {
	struct intake_plan *plan;
	struct trust_lane *lane;
	size_t deliveries;
	bool retired;
};

void intake_share_release(struct intake_share *share);

struct intake_worker {
	struct loop *loop;
	struct intake_share *share;
	struct intake_stats *stats;
	struct store_link *link;
	struct intake_redis_watch *watch;
	const char *redis_socket;
	enum store_state seen_state;
	struct intake_delivery *early; /* came before the first connect was decided */
	struct loop_timer early_timer;
	bool early_over;
	struct buf scratch; /* the entry's headers as JSON; copied by store_put */
	uint64_t random[2]; /* for trace ids: unlike others', not secret */
};

/* delivery.c: it is known whether Redis is there, or the time for that is over; the timer's function. */
void intake_early_over(void *arg);

/* learned.c: shows the operator a secret that came with a handshake; nothing when it is empty. */
void intake_learned(const struct intake_route *route, const struct request *request, struct slice secret);

/* entry.c: the parts of a stream entry that are made here. */

/* All headers but credentials as a JSON object, into the worker's scratch; borrowed until the next delivery.
 * `secret_header` (may be empty) is left out as well: it carries the route's token. */
struct slice intake_entry_headers(struct intake_worker *worker, const struct request *request,
				  struct slice secret_header);

/* The traceparent as received when it is well formed (W3C Trace Context, version 00), else a new one in `made`. */
struct slice intake_entry_traceparent(struct intake_worker *worker, const struct request *request, char made[55]);

#endif
