/* left.h - the replay windows of a gateway that was killed, sent again by the one that comes after; of this room only. */
#ifndef HOOKGATE_INTAKE_LEFT_H
#define HOOKGATE_INTAKE_LEFT_H

#include "config/config.h"
#include "intake/drain.h"
#include "intake/kept.h"

struct intake_left;

/* `done` is called, from the loop, each time that all of it was put once. `kept` is the drain's, and outlives this. 0, or a
 * fault. */
int intake_left_new(const struct intake_drain_setup *setup, const struct intake_kept *kept, void (*done)(void *arg),
		    void *arg, struct intake_left **out) __attribute__((warn_unused_result));

/* Redis is ready, and the folder is ours: what was put into the very Redis that is there need not be sent again, the
 * rest is. Each time that it is ready. The files stay for another `hold_ms`, while Redis is there. */
void intake_left_ready(struct intake_left *left, int64_t hold_ms);

/* From now on it is another Redis that is wanted, whose business it is not what the one before has. */
void intake_left_leave(struct intake_left *left);

/* All of it was put into the Redis that the store was last ready with. */
bool intake_left_over(const struct intake_left *left);

/* After the store was freed. Accepts NULL. */
void intake_left_free(struct intake_left *left);

#endif
