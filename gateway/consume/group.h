/* group.h - a member of a consumer group on one route's stream (Redis Streams,
 * https://redis.io/docs/latest/develop/data-types/streams/).
 *
 * A member reads in this order: what it was handed before and never acknowledged (its own pending entries, left by a
 * crash or a failed command), then what others were handed and left lying for `min_idle` (XAUTOCLAIM), then what is
 * new. While it waits for new entries it looks again, now and then, at what others left lying. The group is made where
 * it is missing, from the stream's beginning on.
 *
 * One thread at a time. What it gives out is borrowed until the next consume_group_read. */
#ifndef HOOKGATE_CONSUME_GROUP_H
#define HOOKGATE_CONSUME_GROUP_H

#include "base/reason.h"
#include "consume/event.h"
#include "store/client.h"

#include <signal.h>

struct consume_group;

/* All borrowed, and must outlive the group. */
struct consume_group_setup {
	struct store_client *client;
	struct slice stream, group, consumer;
	int64_t min_idle_ms;
	/* Set to 1 while it waits for new entries, so that a signal handler knows when store_client_interrupt does no
	 * harm. May be NULL. */
	volatile sig_atomic_t *waiting;
};

int consume_group_new(const struct consume_group_setup *setup, struct consume_group **out)
	__attribute__((warn_unused_result));
void consume_group_free(struct consume_group *group);

/* As whom it reads, for pending.h; lives as long as the group. */
const struct consume_group_setup *consume_group_member(const struct consume_group *group);

/* In place of a time to wait: not at all, but by somebody who comes back. */
enum { CONSUME_NO_WAIT = -1 };

/* What calls can end with, besides 0 and -ENOMEM, each with the reason:
 *   -EIO     Redis is away or cannot do it for now; the same call again, later
 *   -EINTR   interrupted
 *   -EINVAL  Redis refuses it, or answers what makes no sense: later it will be the same
 *
 * Reads at most `limit` entries; *any says whether there are some, or nothing is left for now. Waits for new ones for
 * at most `wait_ms`; 0: not at all. Who waits, or comes back (CONSUME_NO_WAIT), also looks now and then at what others left
 * lying. */
int consume_group_read(struct consume_group *group, size_t limit, int64_t wait_ms, bool *any, struct reason *reason)
	__attribute__((warn_unused_result));

/* The next of those read; false when there are no more. CONSUME_ENTRY_NONE is passed over. */
bool consume_group_next(struct consume_group *group, enum consume_entry *kind, struct consume_event *event);

/* Tells that an entry which was read could not be handed on. Who waits, or comes back, reads its own pending entries again after
 * a second, and, as long as some fail, after twice as long each time, up to min_idle. */
void consume_group_failed(struct consume_group *group);

/* Acknowledges (XACK). */
int consume_group_acknowledge(struct consume_group *group, const struct slice *entries, size_t count,
			      struct reason *reason) __attribute__((warn_unused_result));

#endif
