/* kept.h - what Redis has taken from the journal, and what the journal keeps for a while longer; of the drain only. */
#ifndef HOOKGATE_INTAKE_KEPT_H
#define HOOKGATE_INTAKE_KEPT_H

#include "intake/owed.h"
#include "journal/journal.h"

enum { INTAKE_KEPT_MARKS = 64 }; /* steps of the time that stored events are kept */

/* Up to here all was stored by then; one stands for what was stored in a part of the time that it is kept. */
struct intake_kept_mark {
	struct journal_item item;
	int64_t begun_ms, stored_ms;
};

struct intake_kept {
	struct loop *loop;
	struct journal *journal;
	struct store *store;
	int64_t hold_ms;
	bool refusing; /* the owner's: Redis takes nothing for now, and may be about to be replaced: nothing grows old */
	void (*settled)(void *arg, const char *reason);
	void *arg;
	struct intake_kept_mark marks[INTAKE_KEPT_MARKS];
	size_t mark_first, mark_count;
	/* Of the marks the first so many: asked for now; known to be as safe as their routes ask. */
	size_t asked, confirmed;
	struct loop_timer forget;
	struct intake_owed owed;
};

/* Events are kept for `hold_ms`, which may be changed later. `settled` is called from the loop with NULL when what was owed
 * is as safe in Redis as its routes ask, and with the reason each time that it is not. */
void intake_kept_init(struct intake_kept *kept, struct loop *loop, struct journal *journal, struct store *store,
		      int64_t hold_ms, void (*settled)(void *arg, const char *reason), void *arg);

/* This item is in Redis; in the order of the journal. False when memory is short, and it is not noted. */
bool intake_kept_add(struct intake_kept *kept, const struct journal_item *item, const struct store_target *target,
		     const struct store_wait *wait) __attribute__((warn_unused_result));

/* Redis was away, and is the same: what it took is kept anew. */
void intake_kept_renew(struct intake_kept *kept);

/* It is another: all that is kept is going to be put again. */
void intake_kept_drop(struct intake_kept *kept);

/* Is it not known of some of it whether it is as safe in Redis as its routes ask? And asks now; `settled` follows. */
bool intake_kept_owes(const struct intake_kept *kept);
void intake_kept_ask(struct intake_kept *kept);

/* Nothing need be kept for longer. False, and nothing is forgotten, where something is owed. */
bool intake_kept_forget(struct intake_kept *kept);

/* After the store was freed. */
void intake_kept_free(struct intake_kept *kept);

#endif
