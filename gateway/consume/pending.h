/* pending.h - what a member of a group was handed and has not acknowledged. All end as group.h says of calls. */
#ifndef HOOKGATE_CONSUME_PENDING_H
#define HOOKGATE_CONSUME_PENDING_H

#include "consume/group.h"

/* How often the entry was handed out, this time included, into event->deliveries; a round trip for those that are read
 * again. */
int consume_pending_count(const struct consume_group_setup *member, struct consume_event *event, struct reason *reason)
	__attribute__((warn_unused_result));

/* Tells Redis that the entry is still being handled, so that it does not count as left lying: to be called more often than
 * every min_idle. Where it fails nothing is lost; another member may take the entry over. */
int consume_pending_hold(const struct consume_group_setup *member, struct slice entry, struct reason *reason)
	__attribute__((warn_unused_result));

/* Takes the consumer out of the group's list, unless entries are pending for it: then it stays, and they count as having
 * lain for `min_idle`, so that whoever reads next takes them over at once. For a consumer whose name never comes back. */
int consume_pending_leave(const struct consume_group_setup *member, struct reason *reason)
	__attribute__((warn_unused_result));

#endif
