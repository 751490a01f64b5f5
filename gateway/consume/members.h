/* members.h - a consumer in the groups of all streams of a route: of its one stream, or of its partitions.
 *
 * It reads those that events go to, and former ones (another number of partitions, another day) while entries are left there; as
 * partitions come, it reads them as well. In turn, so that none is passed over. No command touches two of them, as they may be on
 * different nodes of a Cluster. One thread at a time; what it gives out is borrowed until the next consume_members_read. */
#ifndef HOOKGATE_CONSUME_MEMBERS_H
#define HOOKGATE_CONSUME_MEMBERS_H

#include "consume/group.h"
#include "store/layout.h"

struct consume_members;

/* Copied; what it points at is borrowed, and must outlive the members. */
struct consume_members_setup {
	struct consume_group_setup group; /* but for the stream */
	struct slice prefix, route;
	unsigned configured; /* partitions, where Redis does not let us ask */
	/* Only these partitions; none in the list: all. */
	const unsigned *only;
	size_t only_count;
};

/* Redis is not asked yet. 0 or -ENOMEM. Free accepts NULL. */
int consume_members_new(const struct consume_members_setup *setup, struct consume_members **out)
	__attribute__((warn_unused_result));
void consume_members_free(struct consume_members *members);

/* As their namesakes of group.h; what is acknowledged must be of the last reading. -EINVAL also where the route has no such
 * partition. */
int consume_members_read(struct consume_members *members, size_t limit, int64_t wait_ms, bool *any,
			 struct reason *reason) __attribute__((warn_unused_result));
bool consume_members_next(struct consume_members *members, enum consume_entry *kind, struct consume_event *event);
int consume_members_count(struct consume_members *members, struct consume_event *event, struct reason *reason)
	__attribute__((warn_unused_result));
void consume_members_failed(struct consume_members *members);
int consume_members_hold(struct consume_members *members, struct slice entry, struct reason *reason)
	__attribute__((warn_unused_result));
int consume_members_acknowledge(struct consume_members *members, const struct slice *entries, size_t count,
				struct reason *reason) __attribute__((warn_unused_result));
int consume_members_leave(struct consume_members *members, struct reason *reason) __attribute__((warn_unused_result));

#endif
