/* row.h - several events of one stream that Redis takes in one step, in their order: for who may let none of them overtake another.
 *
 * Events that are put one by one, however close, may each fail by themselves: memory that is short for one is there for the next.
 * What was put as a row is there up to some event, and none behind that. */
#ifndef HOOKGATE_STORE_ROW_H
#define HOOKGATE_STORE_ROW_H

#include "store/command.h"

struct store_row;

/* Empty. 0 or -ENOMEM. Free accepts NULL. */
int store_row_new(struct store_row **out) __attribute__((warn_unused_result));
void store_row_free(struct store_row *row);

/* The memory stays, but for much of it. */
void store_row_clear(struct store_row *row);

/* May it stand in a row? It has a mark, as the same event is put again when the row has failed; it is looked for nowhere else first, and
 * it has no wait. */
bool store_row_may_have(const struct store_event *event);

/* Copies an event that may, of the same stream and generation as those before. False when memory is short, and the row is as it was. */
bool store_row_add(struct store_row *row, const struct store_event *event) __attribute__((warn_unused_result));

size_t store_row_bytes(const struct store_row *row);

/* store_put_row (store.h) puts it. STORE_STORED: all are in the stream, some of them now; STORE_DUPLICATE: all were; STORE_CLOSED: none
 * was put now; STORE_UNAVAILABLE: as ever, but the first so many may be there. */

/* ---- of this room only ---- */

const struct store_target *store_row_target(const struct store_row *row);

/* Writes it into a cleared command. False when memory is short. */
bool store_row_write(const struct store_row *row, struct store_command *out) __attribute__((warn_unused_result));

#endif
