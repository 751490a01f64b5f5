/* places.h - where a route's events go: by the layout that counts at the time of each put. */
#ifndef HOOKGATE_STORE_PLACES_H
#define HOOKGATE_STORE_PLACES_H

#include "store/layouts.h"

struct store_places;

/* For events of that route, source and provider; the rest of the setup does not count. Without a spread it is a route that was
 * never split. The names are copied, the spread is borrowed. 0 or -ENOMEM. Free accepts NULL, and is last: what was chosen
 * points into the places. */
int store_places_new(const struct store_target_setup *names, struct store_spread *spread, struct store_places **out)
	__attribute__((warn_unused_result));
void store_places_free(struct store_places *places);

/* From now on they go by that spread. Before any other thread has the places. */
void store_places_follow(struct store_places *places, struct store_spread *spread);

/* As store_spread_want, of that spread. */
void store_places_want(struct store_places *places, const struct store_split *split, uint32_t window_s,
		       const struct store_wait *wait);

/* Sets where the event goes, and where it is looked for first; `event` has all else. What is set is the places', or the
 * arena's. *keyless: it should have had an ordering key. From any thread. 0; -EAGAIN when the layout is not known yet, and may be by
 * and by; -ENOMEM. */
int store_places_choose(struct store_places *places, struct store_event *event, struct arena *arena, bool *keyless)
	__attribute__((warn_unused_result));

/* A put was refused (STORE_CLOSED): the layout is to be read anew. From any thread. */
void store_places_refused(struct store_places *places);

/* As store_spread_broken. From any thread. */
bool store_places_broken(struct store_places *places, struct reason *why);

/* The layout of now, for who looks after the streams; NULL: none is known yet. As long as the layouts. */
const struct store_layout *store_places_layout(const struct store_places *places);

/* Tells one layout from another; NULL: none is known yet. */
const void *store_places_mark(const struct store_places *places);

#endif
