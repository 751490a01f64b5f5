/* order.h - which partition an event belongs to.
 *
 * The key is a text of the event, found by the route's `order_by` in what is stored of it, so that an event that waits in
 * a journal has the same key as on the day it came; where there is none, its id. The partition is FNV-1a of the key's bytes, with
 * 64 bits (offset basis 0xcbf29ce484222325, prime 0x100000001b3), its upper half exclusive-or its lower half, modulo the number of
 * partitions. Neither changes, ever: marks of events that were seen are where they say. */
#ifndef HOOKGATE_STORE_ORDER_H
#define HOOKGATE_STORE_ORDER_H

#include "base/arena.h"
#include "store/store.h"

struct store_order;

/* Of "body:/pointer" or "header:name", which is not kept. Immutable, and used from any thread. 0, -EINVAL or -ENOMEM. Free
 * accepts NULL. */
int store_order_new(struct slice text, struct store_order **out) __attribute__((warn_unused_result));
void store_order_free(struct store_order *order);

/* Is it in the body, rather than in a header? */
bool store_order_in_body(const struct store_order *order);

/* The key that stands in the event: a string that is not empty, a number or a boolean of its JSON body; a header that
 * is there once and not empty; of at most 1 KiB as it stands. Borrowed from the event, or in the arena where it had escapes.
 * False: there is none. */
bool store_order_find(const struct store_order *order, const struct store_event *event, struct arena *arena,
		      struct slice *key) __attribute__((warn_unused_result));

/* To be taken modulo the number of partitions. */
uint32_t store_order_hash(struct slice key);

#endif
