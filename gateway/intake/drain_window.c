/* drain_window.c - what of the journal goes out to Redis, and what comes back.
 *
 * The special difficulty is order. Events go out in a window of IN_FLIGHT, and what is taken out of the journal is always
 * its beginning: when one is not taken, what was sent behind it is sent again after it, as duplicates. Those of an ordered
 * route go in rows that Redis takes in one step, so that none can overtake (rows.h). What Redis refuses for good is read once more, and
 * then set aside. */
#include "base/log.h"
#include "intake/drain_inner.h"

#include <errno.h>
#include <stdlib.h>

enum {
	IN_FLIGHT = INTAKE_DRAIN_IN_FLIGHT,
	IN_FLIGHT_BYTES = 4 * 1024 * 1024,
	TURN = 16,	/* put in one turn of the loop */
	PUT_MS = 120000 /* the store's own patience is shorter */
};

/* ---- what has come back ---- */

static struct drain_slot *slot_at(struct intake_drain *drain, size_t i)
{
	return &drain->slots[(drain->first + i) % IN_FLIGHT];
}

static struct drain_slot *oldest(struct intake_drain *drain)
{
	return slot_at(drain, 0);
}

bool intake_drain_window_is_back(const struct intake_drain *drain)
{
	return drain->out == 0 && drain->rows.out == 0;
}

static void drop_oldest(struct intake_drain *drain)
{
	drain->bytes -= oldest(drain)->bytes;
	drain->first = (drain->first + 1) % IN_FLIGHT;
	drain->count--;
}

/* They will be read again. */
static void drop_all(struct intake_drain *drain)
{
	intake_rows_drop(&drain->rows);
	for (; drain->count > 0; drop_oldest(drain))
		journal_dropped(drain->journal, &oldest(drain)->item);
	if (drain->next_known)
		journal_dropped(drain->journal, &drain->next);
	drain->next_known = false;
}

bool intake_drain_window_take_back(struct intake_drain *drain)
{
	bool any = false;

	while (drain->count > 0 && oldest(drain)->stored) {
		const struct drain_slot *slot = oldest(drain);

		if (!intake_kept_add(&drain->kept, &slot->item, slot->target, &slot->wait)) {
			drain->failed = true;
			break;
		}
		journal_stored(drain->journal, &slot->item);
		drop_oldest(drain);
		drain->taken++;
		any = true;
	}
	if (drain->failed && intake_drain_window_is_back(drain)) {
		drop_all(drain);
		drain->failed = false;
		journal_rewind(drain->journal, false);
	}
	if (drain->anew && intake_drain_window_is_back(drain)) {
		drop_all(drain);
		drain->anew = drain->failed = false;
		intake_kept_drop(&drain->kept);
		journal_rewind(drain->journal, true);
	}
	return any;
}

/* Not taken: set aside when it is read again, where that can be; else it is given time. */
static void refused(struct intake_drain *drain, const struct drain_slot *slot, bool for_good, const char *reason)
{
	drain->stubborn = for_good && !drain->aside;
	if (for_good && drain->aside)
		intake_aside_refused(drain->aside, slot->item.sequence, reason);
	else
		drain->refused |= store_state(drain->store) == STORE_READY;
}

/* What has become of a put of an event, or of a row of which that is one. */
static void heard(struct intake_drain *drain, struct drain_slot *slot, const struct store_put *put,
		  enum store_result result, const char *reason)
{
	bool for_good = put->refused;
	struct reason why;

	drain->kept.refusing = result == STORE_UNAVAILABLE && !put->refused;
	if (result == STORE_STORED || result == STORE_DUPLICATE) {
		slot->stored = true;
		slot->target = put->stands ? put->stands : slot->target;
		drain->stubborn = false;
		drain->reason.text[0] = '\0';
	} else {
		drain->failed = true;
		if (result == STORE_CLOSED)
			reason = intake_targets_refused(slot->places, &why, &for_good);
		/* Whom of a row is found by asking for each. */
		if (!put->refused || !slot->row || slot->row->alone)
			refused(drain, slot, for_good, reason);
		if (reason)
			reason_set(&drain->reason, "%s", reason);
	}
	/* The store is in the middle of its work. */
	intake_drain_work_in(drain, 0);
}

static void put_done(struct store_put *put, enum store_result result, const char *reason, int64_t redis_us)
{
	struct drain_slot *slot = (void *)((char *)put - offsetof(struct drain_slot, put));

	(void)redis_us;
	slot->drain->out--;
	heard(slot->drain, slot, put, result, reason);
}

void intake_drain_window_row_done(void *arg, struct intake_row *row, enum store_result result, const char *reason)
{
	struct intake_drain *drain = arg;

	for (size_t i = 0; i < drain->count; i++) {
		struct drain_slot *slot = slot_at(drain, i);

		if (slot->row != row)
			continue;
		heard(drain, slot, &row->put, result, reason);
		slot->row = NULL;
	}
}

/* In the other journal, or not, for its disk's sake. */
static void set_aside(struct journal_append *append, const char *reason)
{
	struct drain_slot *slot = (void *)((char *)append - offsetof(struct drain_slot, append));
	struct intake_drain *drain = slot->drain;

	drain->out--;
	slot->stored = !reason;
	slot->wait.level = STORE_LEVEL_STORED;
	if (reason) {
		drain->failed = drain->refused = true;
		reason_set(&drain->reason, "%s", reason);
	}
	intake_drain_work_in(drain, 0);
}

/* ---- what goes out ---- */

/* Of an ordered route: is one out that is in no row? */
static bool is_out(struct intake_drain *drain, unsigned of)
{
	for (size_t i = 0; i < drain->count; i++) {
		const struct drain_slot *slot = slot_at(drain, i);

		if (slot->item.slot == of && !slot->stored && !slot->row)
			return true;
	}
	return false;
}

static int send_one(struct intake_drain *drain, struct drain_slot *slot, const struct store_event *event, bool aside)
{
	int64_t deadline_ms = loop_now_ms(drain->loop) + PUT_MS;
	int r;

	if (slot->row)
		return intake_row_add(slot->row, &drain->next, event, deadline_ms);
	if (aside)
		r = intake_aside_append(drain->aside, &drain->next, &slot->append);
	else
		r = store_put(drain->store, event, deadline_ms, &slot->put);
	drain->out += r == 0;
	return r;
}

/* Of an event with that outcome of its being placed. Whose layout cannot be used before somebody has mended it waits aside, too. */
static bool goes_aside(struct intake_drain *drain, struct store_places *places, int placed)
{
	struct reason why;

	if (placed == -EAGAIN && store_places_broken(places, &why)) {
		if (drain->aside)
			intake_aside_refused(drain->aside, drain->next.sequence, why.text);
		else
			reason_set(&drain->reason, "%s", why.text);
	}
	return drain->aside && placed != -ENOMEM && intake_aside_wants(drain->aside, &drain->next);
}

/* 1; 0 where it has to wait for others; or a fault, and it was not put. */
static int put(struct intake_drain *drain)
{
	const struct journal_event *kept = drain->next.event;
	struct drain_slot *slot = slot_at(drain, drain->count);
	struct intake_row *row = NULL;
	struct store_places *places;
	struct store_event event;
	bool aside;
	int r;

	if (kept->ordered && is_out(drain, drain->next.slot))
		return 0;
	r = intake_targets_place(&drain->targets, kept, &event, &places);
	aside = goes_aside(drain, places, r);
	if (kept->ordered && aside && intake_rows_have(&drain->rows, drain->next.slot))
		return 0;
	if (r < 0 && !aside)
		return r;
	if (kept->ordered && !aside) {
		row = intake_rows_find(&drain->rows, &drain->next, &event, places, drain->stubborn);
		if (!row)
			return 0;
	}
	*slot = (struct drain_slot){ .drain = drain,
				     .put.done = put_done,
				     .append.done = set_aside,
				     .item = drain->next,
				     .places = places,
				     .target = event.target,
				     .wait = intake_owed_wait(kept),
				     .row = row };
	slot->item.event = NULL; /* it goes with the reader's memory */
	slot->bytes = journal_record_size(kept);
	r = send_one(drain, slot, &event, aside);
	if (r < 0)
		return r;
	drain->count++;
	drain->bytes += slot->bytes;
	drain->next_known = false;
	return 1;
}

static bool has_room(const struct intake_drain *drain)
{
	return drain->count == 0 || (!drain->stubborn && drain->count < IN_FLIGHT && drain->bytes < IN_FLIGHT_BYTES);
}

static int read_next(struct intake_drain *drain)
{
	int r = drain->next_known ? 1 : journal_next(drain->journal, &drain->next);

	drain->next_known = r == 1;
	if (r < 0) {
		reason_set(&drain->reason, "the journal could not be read: %s", strerror(-r));
		log_line(LOG_ERROR, "journal not drained", LOG_C("reason", drain->reason.text));
	}
	return r;
}

/* 1: there may be more; 0: not now; or a fault. */
static int send_next(struct intake_drain *drain)
{
	int r = has_room(drain) ? read_next(drain) : 0;

	return r == 1 ? put(drain) : r;
}

void intake_drain_window_send(struct intake_drain *drain)
{
	int r = 1, sent;

	for (int i = 0; i < TURN && r == 1; i++)
		r = send_next(drain);
	sent = intake_rows_send(&drain->rows, loop_now_ms(drain->loop) + PUT_MS);
	if (r < 0 || sent < 0)
		intake_drain_work_in(drain, INTAKE_DRAIN_PAUSE_MS);
	else if (r == 1)
		intake_drain_work_in(drain, 0);
}
