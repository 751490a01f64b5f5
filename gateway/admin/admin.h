/* admin.h - the operators' pages, free of transport: /metrics, /healthz, /readyz.
 *
 * Read-only; everything it shows is read from the workers' counters while they count. One thread: the main loop's. */
#ifndef HOOKGATE_ADMIN_ADMIN_H
#define HOOKGATE_ADMIN_ADMIN_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/message.h"
#include "intake/plan.h"
#include "intake/series.h"
#include "intake/worker.h"
#include "journal/journal.h"

/* What is shown. All of it outlives the admin; `token` may be changed by a reload between two calls. */
struct admin_sources {
	struct intake_series *series;
	struct intake_stats *const *stats; /* one per worker */
	size_t workers;
	const struct intake_redis_watch *watch;
	const struct intake_plan *plan; /* NULL: no streams are told of */
	uint64_t trimmed;
	unsigned dangers;	       /* findings about Redis */
	struct keys *keys;	       /* NULL: none are fetched */
	const struct journal *journal; /* NULL: none */
	const struct journal *refused; /* what was set aside of it; NULL: nothing can be */
	struct slice token;	       /* empty: none asked for */
	int64_t started_ms;	       /* wall clock */
	uint64_t reloads_done, reloads_refused;
	int64_t loaded_ms; /* wall clock: when the configuration in use was loaded */
	bool draining;
};

/* Answers one request. What the answer points to lives in `page` until its next use. /metrics asks for the token (RFC
 * 6750 bearer) where there is one; the health pages never do, for probes cannot send it. */
void admin_handle(const struct admin_sources *sources, const struct request *request, struct buf *page,
		  struct answer *answer);

/* The metrics page in the Prometheus text format, version 0.0.4; appended to out. */
void admin_metrics(const struct admin_sources *sources, struct buf *out);

/* Ready: every worker's link to Redis is, or the journal takes what Redis cannot; and the gateway is not draining. `*why`
 * is for a person. */
bool admin_ready(const struct admin_sources *sources, const char **why);

#endif
