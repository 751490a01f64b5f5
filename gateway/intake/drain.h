/* drain.h - what the journal holds goes into Redis, in order, by a connection of its own.
 *
 * One per gateway, on any loop; all calls from that loop's thread. It sends at most so much at once that live deliveries
 * have their turn as well. What Redis has taken is kept in the journal for a while longer: a Redis that crashes, or a
 * replica that takes over, may have lost it, and then it is sent again. */
#ifndef HOOKGATE_INTAKE_DRAIN_H
#define HOOKGATE_INTAKE_DRAIN_H

#include "config/config.h"
#include "journal/journal.h"
#include "store/layouts.h"
#include "store/store.h"

struct intake_drain;

struct intake_drain_setup {
	struct loop *loop;
	struct journal *journal;
	struct store_layouts *layouts; /* outlives the drain; NULL: no route is split */
	/* Where what Redis refuses for good is set aside, with what follows of its route; opened by intake_refused_open.
	 * NULL: it stays at the journal's head, and all waits behind it. */
	struct journal *refused;
	bool of_refused;	     /* the journal is that one itself: for aside.c */
	const struct config *config; /* outlives the drain, or the next intake_drain_change */
	const char *redis_socket;    /* see store_setup; outlives the drain */
	/* Called from the loop when nothing waits any longer in one of the journals, after something did. May be NULL. */
	void (*drained)(void *arg);
	void *arg;
};

/* The setup is copied. 0, or a fault. */
int intake_drain_new(const struct intake_drain_setup *setup, struct intake_drain **out)
	__attribute__((warn_unused_result));

/* Another configuration from now on. */
void intake_drain_change(struct intake_drain *drain, const struct config *config);

/* What is not in Redis stays in the journal. Accepts NULL. */
void intake_drain_free(struct intake_drain *drain);

/* Nothing need be kept for longer: for who knows that Redis has it on disk, or stops. False, and that is kept, where it is not
 * known to be as safe in Redis as its routes ask. */
bool intake_drain_forget(struct intake_drain *drain);

/* Why nothing is sent, for a person; "" when it is. */
const char *intake_drain_reason(const struct intake_drain *drain);

/* Opens the journal of what is set aside beside the one with this setup, in its folder. 0, and NULL where it cannot be
 * had for now, which is said in the log: the drain does without. Faults as journal_open's. */
int intake_refused_open(const struct journal_setup *of, struct journal **out, struct reason *reason)
	__attribute__((warn_unused_result));

/* Its folder, of a journal in `dir`; to be freed. NULL when memory is short. */
char *intake_refused_dir(const char *dir) __attribute__((warn_unused_result));

#endif
