/* plan.h - one configuration made ready to serve: config, catalogue, verifiers, targets, and the table of paths.
 *
 * Built whole by the main thread (at start and on each reload) and then immutable; workers hold references, so that
 * deliveries in flight keep the plan they started with. */
#ifndef HOOKGATE_INTAKE_PLAN_H
#define HOOKGATE_INTAKE_PLAN_H

#include "base/message.h"
#include "config/config.h"
#include "intake/series.h"
#include "store/places.h"
#include "trust/trust.h"

struct intake_backlog;
struct intake_learning;

struct intake_route {
	const struct config_route *config;
	const struct trust_verifier *verifier;
	struct store_target *target; /* its keys where it is not split */
	struct store_places *places; /* where its events go */
	size_t series;		     /* its first counter */
	const size_t *secret_series; /* a counter per secret of the route */
	struct answer taken;	     /* for accepted, duplicate and ignored; status 0: the outcome's own answer ... */
	unsigned own_status;	     /* ... with this status where it is not 0 */
	struct intake_backlog *backlog;	  /* changes while the rest does not */
	struct intake_learning *learning; /* the same */
	uint32_t window_s;
	bool guarded;
	bool ordered;		/* new events queue behind those of the route that wait in the journal */
	bool journaled;		/* first into the journal, then into Redis */
	struct store_wait wait; /* what its events wait for, beside Redis */
};

struct intake_plan;

/* Reads `file` and makes it ready. 0; -EINVAL with findings in diag; or a fault. Warnings may stand in diag on success,
 * too. `series` may be NULL (commands that count nothing). The plan has one reference. */
int intake_plan_new(const char *file, struct intake_series *series, struct config_diag *diag, struct intake_plan **out)
	__attribute__((warn_unused_result));

/* Its routes are split as its configuration wants, by these layouts, which outlive it; before any worker has the plan.
 * Without it no route is. 0 or -ENOMEM. */
int intake_plan_place(struct intake_plan *plan, struct store_layouts *layouts) __attribute__((warn_unused_result));

/* From any thread. */
struct intake_plan *intake_plan_ref(struct intake_plan *plan);
void intake_plan_unref(struct intake_plan *plan);

const struct config *intake_plan_config(const struct intake_plan *plan);
const struct trust_set *intake_plan_set(const struct intake_plan *plan);

/* By public path, in constant time however many there are; NULL when there is none. */
const struct intake_route *intake_plan_route(const struct intake_plan *plan, struct slice path);

/* All of them, in the order of the file. */
size_t intake_plan_count(const struct intake_plan *plan);
const struct intake_route *intake_plan_at(const struct intake_plan *plan, size_t i);

/* By name, for commands. */
const struct intake_route *intake_plan_named(const struct intake_plan *plan, struct slice name);

#endif
