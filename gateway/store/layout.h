/* layout.h - how a route's events are spread over partitions, and how that changes.
 *
 * A layout is a number of partitions, what they are chosen by, and a generation. It stands in Redis as one text at
 * PREFIX:{ROUTE}:partitions, which is only ever exchanged for another when it still is what was read (a compare-and-set), so that
 * all gateways see one row of layouts. Nothing there is a route that was never split: generation 0, one stream.
 *
 * Who puts an event does so in a generation, and the same step in Redis looks whether that generation is closed: the key
 * PREFIX:{TAG}:closed:GENERATION beside the stream (its fence). A layout is changed in three steps:
 *   1. the text becomes the next generation, `closing`, with the ones before as former layouts;
 *   2. in each partition of each former layout that is not closed yet, that key is set, for ever, and waited for as the route's events
 *      are (fence.h);
 *   3. the text becomes the same, `open`.
 * Nobody puts in a generation before he has read that it is open. So when the first event is put in a generation, none
 * can be put in any before it: their marks (who was seen) are frozen, and a look at them before the put is as good as one
 * within it. They are looked at for as long as they can last: the route's window from the closing on. Who stops between the
 * steps leaves a text that says what is left to be done, and whoever reads it does it.
 *
 * Nothing here asks Redis, allocates or keeps anything. */
#ifndef HOOKGATE_STORE_LAYOUT_H
#define HOOKGATE_STORE_LAYOUT_H

#include "base/buf.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

/* More layouts within one window are refused. */
enum { STORE_FORMERS_MAX = 16, STORE_ORDER_MAX = 256, STORE_PARTITIONS_MAX = 256 };

/* What a configuration says. */
struct store_split {
	unsigned partitions; /* 0: not split */
	size_t order_n;
	char order[STORE_ORDER_MAX]; /* "body:/pointer", "header:name"; empty: by the id */
};

struct store_former {
	struct store_split split;
	uint64_t generation;
	int64_t closed_ms; /* since 1970; 0: it is to be closed yet */
	uint32_t window_s;
};

struct store_layout {
	struct store_split split;
	uint64_t generation;
	bool open;
	unsigned widest; /* most partitions that it ever had */
	size_t former_count;
	struct store_former formers[STORE_FORMERS_MAX];
};

/* `order_by` is cut where it is too long; config does not let that be. Without partitions it says nothing. */
struct store_split store_split_of(unsigned partitions, struct slice order_by);
bool store_split_same(const struct store_split *a, const struct store_split *b);

/* The layout of a route that was never split. */
extern const struct store_layout store_layout_first;

/* Reads what stands in Redis; empty is the first. False: it is none, or of a version that we do not know. */
bool store_layout_read(struct slice text, struct store_layout *out) __attribute__((warn_unused_result));
/* Adds its text. */
void store_layout_write(const struct store_layout *layout, struct buf *out);

/* The next one, `closing`. What was open becomes a former one, whose marks may last for `window_s`; what never was open goes.
 * `generation` must be higher than any before. False: there are too many former ones. */
bool store_layout_change(const struct store_layout *from, const struct store_split *to, uint64_t generation,
			 uint32_t window_s, struct store_layout *out) __attribute__((warn_unused_result));

/* Adds one that is not in the text, but was used: by who saw a layout that Redis has lost. */
bool store_layout_add_former(struct store_layout *layout, const struct store_split *split, uint64_t generation,
			     uint32_t window_s) __attribute__((warn_unused_result));

/* All former ones are closed by `now_ms`; those that say the same are joined, and those whose marks are gone are left out. */
void store_layout_open(struct store_layout *layout, int64_t now_ms);

/* Leaves out the former ones whose marks are gone. */
void store_layout_forget(struct store_layout *layout, int64_t now_ms);

/* May marks of that former layout still be there? `window_s` is what our configuration says. */
bool store_former_counts(const struct store_former *former, int64_t now_ms, uint32_t window_s);

/* The streams that may hold entries of the route: the one that it has when it is not split, then its partitions, former ones
 * too. How many; and the number of the nth as a partition, -1 for the one that is none. */
size_t store_layout_streams(const struct store_layout *layout);
int store_layout_stream(const struct store_layout *layout, size_t i);

/* Is it one that events go to? */
bool store_layout_takes(const struct store_layout *layout, int partition);

#endif
