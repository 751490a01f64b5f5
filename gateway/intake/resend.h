/* resend.h - records put into Redis, in order, by a store that others use as well; of this room only.
 *
 * For what was put before, and may have been lost by a Redis that crashed. What is there already is found to be a
 * duplicate; so a run that fails begins anew, from its first record. */
#ifndef HOOKGATE_INTAKE_RESEND_H
#define HOOKGATE_INTAKE_RESEND_H

#include "journal/record.h"
#include "store/store.h"

/* ---- targets of recorded events ---- */

/* Where recorded routes' events go; they are kept, as there are not many. Zeroed before first use. */
struct intake_targets {
	struct intake_target *heads[64];
};

/* NULL when memory is short. Lives as long as the targets. */
const struct store_target *intake_targets_find(struct intake_targets *targets, const struct journal_event *event);
void intake_targets_free(struct intake_targets *targets);

/* The event as the store takes it; borrowed from both. */
struct store_event intake_recorded_event(const struct journal_event *event, const struct store_target *target);

/* ---- a run ---- */

struct intake_resend;

struct intake_resend_setup {
	struct loop *loop;
	struct store *store;
	/* The next event, borrowed until the next call; false: there is no more. */
	bool (*next)(void *arg, struct journal_event *event);
	/* From the first one again. */
	void (*begin)(void *arg);
	/* All are in Redis, as safe as their routes ask: so many were not there, and so many were left out, since their ids' windows have passed. */
	void (*done)(void *arg, uint64_t missing, uint64_t left_out);
	void *arg;
};

int intake_resend_new(const struct intake_resend_setup *setup, struct intake_resend **out)
	__attribute__((warn_unused_result));

/* Begins a run, or begins it anew. */
void intake_resend_start(struct intake_resend *resend);

bool intake_resend_running(const struct intake_resend *resend);

/* After the store was freed. Accepts NULL. */
void intake_resend_free(struct intake_resend *resend);

#endif
