/* resend.h - records put into Redis, in order, by a store that others use as well; of this room only.
 *
 * For what was put before, and may have been lost by a Redis that crashed. What is there already is found to be a
 * duplicate; so a run that fails begins anew, from its first record. */
#ifndef HOOKGATE_INTAKE_RESEND_H
#define HOOKGATE_INTAKE_RESEND_H

#include "journal/record.h"
#include "store/places.h"

/* ---- targets of recorded events ---- */

/* Where recorded routes' events go; they are kept, as there are not many. Zeroed before first use, but for `layouts`. */
struct intake_targets {
	struct store_layouts *layouts; /* NULL: no route is split */
	struct intake_target *heads[64];
	struct arena *arena;
};

/* The recorded event as the store takes it, in its present place; borrowed from both until the next. *places is for
 * intake_targets_refused, and lives as long as the targets. 0; -EAGAIN when it is not known yet where it goes; -ENOMEM. */
int intake_targets_place(struct intake_targets *targets, const struct journal_event *event, struct store_event *out,
			 struct store_places **places) __attribute__((warn_unused_result));

/* A put by those places was STORE_CLOSED: why, for a person, borrowed from *why; *final: so it will be until somebody mends what
 * Redis says of the route's layout. */
const char *intake_targets_refused(struct store_places *places, struct reason *why, bool *final);

void intake_targets_free(struct intake_targets *targets);

/* ---- a run ---- */

struct intake_resend;

struct intake_resend_setup {
	struct loop *loop;
	struct store *store;
	struct store_layouts *layouts; /* as of the targets */
	/* The next event, borrowed until the next call; false: there is no more. */
	bool (*next)(void *arg, struct journal_event *event);
	/* From the first one again. */
	void (*begin)(void *arg);
	/* Each was put once in this run; some may be refused, or not be as safe yet as their routes ask. May be NULL. */
	void (*passed)(void *arg);
	/* All are in Redis, as safe as their routes ask: so many were not there, and so many were left out, since their ids'
	 * windows have passed. What Redis refuses for good is said in the log, and keeps a run from its end. */
	void (*done)(void *arg, uint64_t missing, uint64_t left_out);
	void *arg;
};

/* The setup is copied; no run has begun. 0 or -ENOMEM. */
int intake_resend_new(const struct intake_resend_setup *setup, struct intake_resend **out)
	__attribute__((warn_unused_result));

/* Begins a run, or begins it anew. */
void intake_resend_start(struct intake_resend *resend);

bool intake_resend_running(const struct intake_resend *resend);

/* Was each put once, in this run or the last one? */
bool intake_resend_passed(const struct intake_resend *resend);

/* After the store was freed. Accepts NULL. */
void intake_resend_free(struct intake_resend *resend);

#endif
