/* kept.h - what was drained is kept in the journal for a while longer, since Redis may still forget it; of this room only. */
#ifndef HOOKGATE_INTAKE_KEPT_H
#define HOOKGATE_INTAKE_KEPT_H

#include "journal/journal.h"
#include "store/store.h"

enum { INTAKE_KEPT_MARKS = 64 };

/* Up to here all was stored by then; one stands for what was stored in a part of the time that it is kept. */
struct intake_kept_mark {
	struct journal_item item;
	int64_t begun_ms, stored_ms;
};

/* The first four are the owner's to set; `hold_ms` may change at any time. */
struct intake_kept {
	struct loop *loop;
	struct journal *journal;
	struct store *store;
	int64_t hold_ms;
	struct intake_kept_mark marks[INTAKE_KEPT_MARKS];
	size_t first, count;
	struct loop_timer timer;
};

/* This item was just stored; in the order of the journal. */
void intake_kept_add(struct intake_kept *kept, const struct journal_item *item);

/* The same Redis is there again: what it took is kept anew. */
void intake_kept_renew(struct intake_kept *kept);

/* The journal may forget all of it now. */
void intake_kept_forget(struct intake_kept *kept);

/* The journal keeps it, and what is said of it here no longer counts: it is read again, or nobody is there any more. */
void intake_kept_drop(struct intake_kept *kept);

#endif
