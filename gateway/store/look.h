/* look.h - what a batch asks of Redis before it is committed: who was seen, and which streams are closed; of this room only. */
#ifndef HOOKGATE_STORE_LOOK_H
#define HOOKGATE_STORE_LOOK_H

#include "store/trips.h"

/* How many marks its events have. */
size_t store_look_marks(const struct store_list *list);

/* Each writes into the trip's bytes, and counts the replies: of the first and the third as leading. Memory that is short shows
 * in the bytes (buf_failed). */
void store_look_begin(struct store_trip *trip, const struct store_list *batch);	 /* WATCH keys, TYPE streams */
void store_look_all(struct store_trip *trip, const struct store_list *batch);	 /* EXISTS keys */
void store_look_fences(struct store_trip *trip, const struct store_list *batch); /* EXISTS fences */
void store_look_one(struct store_trip *trip, const struct store_ticket *ticket); /* EXISTS its marks */

#endif
