/* aside.h - what Redis refuses for good is set aside, so that it holds up its own route alone; of this room only.
 *
 * It goes from the journal into a second one, DIR/refused, which has a drain of its own that asks Redis again every few
 * seconds. While one event of a route waits there, the route's later ones queue behind it. The drain's thread. */
#ifndef HOOKGATE_INTAKE_ASIDE_H
#define HOOKGATE_INTAKE_ASIDE_H

#include "intake/drain.h"

struct intake_aside;

/* For the drain with this setup, which is copied and whose `refused` is not NULL. 0 or a fault. */
int intake_aside_new(const struct intake_drain_setup *setup, struct intake_aside **out)
	__attribute__((warn_unused_result));

/* As intake_drain_change. */
void intake_aside_change(struct intake_aside *aside, const struct config *config);

/* Every append still out gets its `done` first. Accepts NULL. */
void intake_aside_free(struct intake_aside *aside);

/* Is the folder ours, and known what waits in it? Before that nothing can be said of any route. */
bool intake_aside_ready(struct intake_aside *aside);

/* Redis refuses the event of this number, and will do so again: it is wanted here when it is read next. */
void intake_aside_refused(struct intake_aside *aside, uint64_t sequence, const char *reason);

/* Has this one to be set aside: for itself, or since others of its route wait here? */
bool intake_aside_wants(const struct intake_aside *aside, const struct journal_item *item);

/* As journal_lane_append; a fault is said in the log, once, and in intake_aside_reason. */
int intake_aside_append(struct intake_aside *aside, const struct journal_item *item, struct journal_append *append)
	__attribute__((warn_unused_result));

/* As those of the drain. */
bool intake_aside_forget(struct intake_aside *aside);
const char *intake_aside_reason(const struct intake_aside *aside);

#endif
