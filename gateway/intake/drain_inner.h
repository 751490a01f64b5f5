/* drain_inner.h - the inside of the drain; of drain.c (when, and with which Redis) and drain_window.c (what goes out and what
 * comes back) only. */
#ifndef HOOKGATE_INTAKE_DRAIN_INNER_H
#define HOOKGATE_INTAKE_DRAIN_INNER_H

#include "intake/aside.h"
#include "intake/drain.h"
#include "intake/kept.h"
#include "intake/resend.h"
#include "intake/rows.h"

enum {
	INTAKE_DRAIN_IN_FLIGHT = INTAKE_ROWS,
	INTAKE_DRAIN_PAUSE_MS = 500 /* after Redis has refused one */
};

struct drain_slot {
	struct intake_drain *drain;
	struct store_put put;
	struct journal_append append; /* where it is set aside instead */
	struct store_places *places;
	struct journal_item item;
	const struct store_target *target;
	struct store_wait wait; /* of its route */
	struct intake_row *row; /* that it is part of, until that has come back */
	size_t bytes;
	bool stored;
};

struct intake_drain {
	struct loop *loop;
	struct journal *journal;
	struct store *store;
	const char *redis_socket;
	void (*drained)(void *arg);
	void *arg;

	struct drain_slot slots[INTAKE_DRAIN_IN_FLIGHT];
	size_t first, count, out; /* of the slots, from the oldest on; those by themselves that are not answered */
	size_t bytes;
	char url[512];	   /* cut, where it is longer */
	char identity[96]; /* of the Redis that has what was sent */
	bool left_begun;
	bool anew;	 /* it is another now */
	bool failed;	 /* one of them was not taken: nothing new until all are back */
	bool refused;	 /* Redis said no, so it is given time */
	bool stubborn;	 /* and says so for good: it is asked with one alone */
	bool next_known; /* `next` was read and not put yet */
	struct journal_item next;
	struct loop_timer work;
	struct intake_kept kept;
	struct intake_rows rows;

	struct intake_targets targets;
	struct intake_left *left;   /* NULL: the journal is of what Redis refuses */
	struct intake_aside *aside; /* NULL: what Redis refuses for good waits at the head */
	bool behind;		    /* something waited for Redis, and it is said when it no longer does */
	uint64_t taken;
	struct reason reason;
};

/* Once, and after so long, unless it is to be sooner: looks at what has come back, and sends more. */
void intake_drain_work_in(struct intake_drain *drain, int64_t ms);

bool intake_drain_window_is_back(const struct intake_drain *drain);

/* Takes the beginning of the window out of the journal for as far as it is stored; true: something was. */
bool intake_drain_window_take_back(struct intake_drain *drain);

void intake_drain_window_send(struct intake_drain *drain);

void intake_drain_window_row_done(void *arg, struct intake_row *row, enum store_result result, const char *reason);

#endif
