/* worker.h - one worker's share of the gateway: its plan, its verifying lane, its way into Redis, its counters.
 *
 * Shares nothing with other workers but immutable plans. All calls from the worker's own thread unless they say
 * otherwise. */
#ifndef HOOKGATE_INTAKE_WORKER_H
#define HOOKGATE_INTAKE_WORKER_H

#include "base/loop.h"
#include "intake/plan.h"
#include "intake/series.h"

struct intake_worker;

/* What the gateway as a whole knows of Redis, shared by all workers so that "away" and "back" are logged once. Zeroed
 * before use. */
struct intake_redis_watch {
	_Atomic(uint32_t) ready, away;	/* workers in each state */
	_Atomic(int64_t) away_since_ms; /* monotonic; 0: not away */
};

struct intake_worker_setup {
	struct loop *loop;
	struct intake_plan *plan;	  /* a reference is taken */
	struct intake_stats *stats;	  /* outlives the worker, has room for the plan's numbers */
	const char *redis_socket;	  /* see store_setup; outlives the worker */
	struct intake_redis_watch *watch; /* outlives the worker */
	struct keys *keys;		  /* outlives the worker; NULL: no key is fetched */
	unsigned number;		  /* of the worker; names its file of the replay window */
	struct journal *journal;	  /* outlives the worker; NULL: none */
	struct journal *refused;	  /* where what Redis refuses for good is set aside; likewise */
	struct store_layouts *layouts;	  /* outlives the worker; NULL: no route is split */
};

int intake_worker_new(const struct intake_worker_setup *setup, struct intake_worker **out)
	__attribute__((warn_unused_result));

/* Deliveries still waiting for Redis end at once: in the journal, or with store_unavailable, as does every new one; those
 * that wait for a key with overloaded. */
void intake_worker_give_up(struct intake_worker *worker);

/* Gives up first, if that has not been done. Accepts NULL. */
void intake_worker_free(struct intake_worker *worker);

/* What a reload hands to a worker: made by the main thread, so that nothing can fail in the worker. */
struct intake_share;
int intake_share_new(struct intake_plan *plan, struct keys *keys, struct intake_share **out)
	__attribute__((warn_unused_result));
void intake_share_free(struct intake_share *share);

/* New deliveries use the share's plan; those in flight keep theirs. Takes the share. */
void intake_worker_swap(struct intake_worker *worker, struct intake_share *share);

const struct config *intake_worker_config(const struct intake_worker *worker);

/* Copies the store's counts into the stats, for who reads them from another thread. Once a second is often enough. */
void intake_worker_sample(struct intake_worker *worker);

#endif
