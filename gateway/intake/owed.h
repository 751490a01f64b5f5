/* owed.h - what is in Redis, and not known yet to be as safe there as its routes ask: on replicas, on disk; of this room only.
 *
 * What is put from the journal, or from a replay window, is put as any event is, without a wait: so routes whose replicas
 * are away hold up nobody. That the waits of its routes hold is asked for afterwards, for all of a route at once. */
#ifndef HOOKGATE_INTAKE_OWED_H
#define HOOKGATE_INTAKE_OWED_H

#include "journal/record.h"
#include "store/store.h"

struct intake_owed_route;

/* Zeroed before first use, but for the first four. */
struct intake_owed {
	struct loop *loop;
	struct store *store;
	/* What was asked for holds, or does not, and `reason` says why not. From the loop. */
	void (*done)(void *arg, const char *reason);
	void *arg;
	struct intake_owed_route *routes; /* those asked for, then those noted since */
	size_t count, room, asked, at;
	struct store_put put;
	bool out, stale; /* a question is out; its answer is not wanted any more */
};

/* What a record's route had asked for; `level` STORED: nothing beside Redis. */
struct store_wait intake_owed_wait(const struct journal_event *event);

/* An event with this target is in Redis now. The target outlives the owed. False when memory is short. */
bool intake_owed_note(struct intake_owed *owed, const struct store_target *target, const struct store_wait *wait)
	__attribute__((warn_unused_result));

bool intake_owed_any(const struct intake_owed *owed);

/* Asks for all that is owed; `done` will be called. What is noted meanwhile is owed still. False, and it will not be, where
 * a question is out or Redis cannot be asked now. */
bool intake_owed_ask(struct intake_owed *owed);

/* Nothing is owed any more: all of it will be put anew. */
void intake_owed_clear(struct intake_owed *owed);

/* After the store was freed. */
void intake_owed_free(struct intake_owed *owed);

#endif
