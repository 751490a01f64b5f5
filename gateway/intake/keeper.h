/* keeper.h - looks after the streams: lets go of what is old and acknowledged, and knows how much waits. */
#ifndef HOOKGATE_INTAKE_KEEPER_H
#define HOOKGATE_INTAKE_KEEPER_H

#include "base/reason.h"
#include "intake/plan.h"
#include "store/client.h"

#include <stdatomic.h>

struct intake_keeper {
	struct slice who;	   /* tells this gateway from others on the same Redis */
	_Atomic(uint64_t) trimmed; /* entries, by this gateway, since it started; may be read from any thread */
};

/* One round over the routes of the plan: those whose time has come are looked at and trimmed (store/retention.h). One
 * thread at a time for a plan. *next_ms is when the next round is due, of the monotonic clock. `stop` is asked between
 * two routes. A route whose stream Redis cannot tell of is logged and tried again later. 0, or a fault as of
 * store_client_call, when Redis could not be reached. */
int intake_keeper_round(struct intake_keeper *keeper, struct intake_plan *plan, struct store_client *client,
			bool (*stop)(void *arg), void *arg, int64_t *next_ms, struct reason *reason)
	__attribute__((warn_unused_result));

#endif
