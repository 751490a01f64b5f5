/* rows.h - events of ordered routes on their way from the journal into Redis; of the drain only.
 *
 * Of a stream one thing is out at a time: a row of events, which Redis takes in one step (store/row.h), or, where that cannot be, one
 * event alone. What comes meanwhile gathers for the next row. Streams of one layout of a route go side by side, since equal keys
 * are in one of them; across a change of the layout all of the route waits. */
#ifndef HOOKGATE_INTAKE_ROWS_H
#define HOOKGATE_INTAKE_ROWS_H

#include "journal/journal.h"
#include "store/places.h"
#include "store/row.h"

enum {
	INTAKE_ROWS = 64,	/* as many as the drain has events out */
	INTAKE_ROW_EVENTS = 32, /* Redis does nothing else meanwhile */
	INTAKE_ROW_BYTES = 256 * 1024
};

struct intake_row {
	struct intake_rows *rows;
	struct store_put put;
	struct store_row *events; /* made by the first that uses this place */
	struct store_places *places;
	const struct store_target *target;
	unsigned slot; /* of its route in the journal */
	uint64_t last; /* the number of its last event */
	size_t count;  /* 0: nobody uses it */
	bool out;      /* else it gathers */
	bool alone;    /* one event, put by itself */
};

/* Zeroed before first use, but for the first three. */
struct intake_rows {
	struct store *store;
	/* What came of a row that was out, which is another's from then on. From the loop. */
	void (*done)(void *arg, struct intake_row *row, enum store_result result, const char *reason);
	void *arg;
	struct intake_row all[INTAKE_ROWS];
	size_t out;
	/* Up to this number each goes alone: a row was refused, and whom Redis refuses must be known. */
	uint64_t alone_until;
};

/* Is anything of this route out, or gathering? By its slot in the journal. */
bool intake_rows_have(const struct intake_rows *rows, unsigned slot);

/* Of an event that comes next of its route: the row that it is to be added to; NULL: it has to wait until something has come
 * back. With `alone` it is not to be part of a row. There are never more events in rows than INTAKE_ROWS - 1. */
struct intake_row *intake_rows_find(struct intake_rows *rows, const struct journal_item *item,
				    const struct store_event *event, struct store_places *places, bool alone);

/* Adds it, which may put it, by `deadline_ms` of the loop's clock. 0, or as store_put, and it is not added. */
int intake_row_add(struct intake_row *row, const struct journal_item *item, const struct store_event *event,
		   int64_t deadline_ms) __attribute__((warn_unused_result));

/* Puts what has gathered where nothing else of its stream is out. 0, or as store_put of the first that could not be. */
int intake_rows_send(struct intake_rows *rows, int64_t deadline_ms) __attribute__((warn_unused_result));

/* What gathers will be read again; nothing is out. */
void intake_rows_drop(struct intake_rows *rows);

/* After the store was freed. */
void intake_rows_free(struct intake_rows *rows);

#endif
