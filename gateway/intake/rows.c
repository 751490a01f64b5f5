/* rows.c - events of ordered routes on their way from the journal into Redis.
 *
 * The difficulty is to never have two things out of which the later could stand without the earlier. So one row of a stream is out, and
 * one gathers behind it. A row that Redis refuses for good says of none of its events that it is the one: they go one by one then,
 * until who is refused has said so itself. */
#include "intake/rows.h"

#include <errno.h>

bool intake_rows_have(const struct intake_rows *rows, unsigned slot)
{
	for (size_t i = 0; i < INTAKE_ROWS; i++) {
		if (rows->all[i].count > 0 && rows->all[i].slot == slot)
			return true;
	}
	return false;
}

static void put_done(struct store_put *put, enum store_result result, const char *reason, int64_t redis_us)
{
	struct intake_row *row = (void *)((char *)put - offsetof(struct intake_row, put));
	struct intake_rows *rows = row->rows;

	(void)redis_us;
	rows->out--;
	if (result == STORE_UNAVAILABLE && put->refused && !row->alone)
		rows->alone_until = row->last;
	rows->done(rows->arg, row, result, reason);
	row->count = 0;
}

/* ---- the row of an event ---- */

/* A layout that was read anew, and is the same, has targets of its own for the same streams. */
static bool is_of(const struct intake_row *row, const struct store_target *target)
{
	return row->target == target || slice_eq(store_target_stream(row->target), store_target_stream(target));
}

static bool is_full(const struct intake_row *row, const struct store_event *event)
{
	return row->count >= INTAKE_ROW_EVENTS || store_row_bytes(row->events) + event->data.n > INTAKE_ROW_BYTES;
}

/* Where two layouts meet, the one's stream may take an event that the other's refuses. */
static bool may_go_beside(const struct intake_row *row, const struct store_event *event,
			  const struct store_places *places)
{
	return row->places == places && store_target_generation(row->target) == store_target_generation(event->target);
}

static struct intake_row *begin(struct intake_rows *rows, const struct journal_item *item,
				const struct store_event *event, struct store_places *places, bool alone)
{
	struct intake_row *row = rows->all;

	while (row->count > 0)
		row++;
	*row = (struct intake_row){ .rows = rows,
				    .put.done = put_done,
				    .events = row->events,
				    .places = places,
				    .target = event->target,
				    .slot = item->slot,
				    .alone = alone };
	return row;
}

struct intake_row *intake_rows_find(struct intake_rows *rows, const struct journal_item *item,
				    const struct store_event *event, struct store_places *places, bool alone)
{
	alone |= !store_row_may_have(event) || item->sequence <= rows->alone_until;
	for (size_t i = 0; i < INTAKE_ROWS; i++) {
		struct intake_row *row = &rows->all[i];

		if (row->count == 0 || row->slot != item->slot)
			continue;
		if (!may_go_beside(row, event, places))
			return NULL;
		if (!is_of(row, event->target))
			continue;
		if (alone)
			return NULL;
		if (!row->out)
			return is_full(row, event) ? NULL : row;
	}
	return begin(rows, item, event, places, alone);
}

/* ---- putting ---- */

static void note(struct intake_row *row, const struct journal_item *item)
{
	row->count++;
	row->last = item->sequence;
}

static void note_out(struct intake_row *row)
{
	row->out = true;
	row->rows->out++;
}

int intake_row_add(struct intake_row *row, const struct journal_item *item, const struct store_event *event,
		   int64_t deadline_ms)
{
	int r = 0;

	if (row->alone) {
		r = store_put(row->rows->store, event, deadline_ms, &row->put);
		if (r < 0)
			return r;
		note(row, item);
		note_out(row);
		return 0;
	}
	if (!row->events)
		r = store_row_new(&row->events);
	if (r < 0)
		return r;
	if (row->count == 0)
		store_row_clear(row->events);
	if (!store_row_add(row->events, event))
		return -ENOMEM;
	note(row, item);
	return 0;
}

static bool has_its_turn(const struct intake_rows *rows, const struct intake_row *row)
{
	for (size_t i = 0; i < INTAKE_ROWS; i++) {
		const struct intake_row *other = &rows->all[i];

		if (other->count > 0 && other->out && is_of(other, row->target))
			return false;
	}
	return true;
}

int intake_rows_send(struct intake_rows *rows, int64_t deadline_ms)
{
	for (size_t i = 0; i < INTAKE_ROWS; i++) {
		struct intake_row *row = &rows->all[i];
		int r;

		if (row->count == 0 || row->out || !has_its_turn(rows, row))
			continue;
		r = store_put_row(rows->store, row->events, deadline_ms, &row->put);
		if (r < 0)
			return r;
		note_out(row);
	}
	return 0;
}

/* ---- their end ---- */

void intake_rows_drop(struct intake_rows *rows)
{
	for (size_t i = 0; i < INTAKE_ROWS; i++)
		rows->all[i].count = 0;
}

void intake_rows_free(struct intake_rows *rows)
{
	for (size_t i = 0; i < INTAKE_ROWS; i++)
		store_row_free(rows->all[i].events);
}
