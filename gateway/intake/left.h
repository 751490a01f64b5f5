/* left.h - the replay windows of a gateway that was killed, sent again by the one that comes after; of this room only. */
#ifndef HOOKGATE_INTAKE_LEFT_H
#define HOOKGATE_INTAKE_LEFT_H

#include "config/config.h"
#include "store/store.h"

struct intake_left;

/* `done` is called, from the loop, once nothing is left any more. */
int intake_left_new(struct loop *loop, struct store_link *link, const char *dir, void (*done)(void *arg), void *arg,
		    struct intake_left **out) __attribute__((warn_unused_result));

/* The link is ready, and the folder is ours: what was put into the very Redis that is there need not be sent again, the
 * rest is. Each time that the link is ready. */
void intake_left_ready(struct intake_left *left, int64_t within_ms);

/* Nothing is left, or it is not known yet what. */
bool intake_left_over(const struct intake_left *left);

/* After the link was freed. Accepts NULL. */
void intake_left_free(struct intake_left *left);

#endif
