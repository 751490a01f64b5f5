/* journal_follow.h - how routes are split, for `hookgate journal drain`: as Redis says, on the loop that drains. For journal.c
 * only. */
#ifndef HOOKGATE_CLI_JOURNAL_FOLLOW_H
#define HOOKGATE_CLI_JOURNAL_FOLLOW_H

#include "base/loop.h"
#include "store/layouts.h"

/* Zeroed before use. */
struct journal_follow {
	struct loop *loop;
	struct loop_timer timer;
	struct store_layouts *layouts;
	struct store_client *client;
};

/* Asks ten times a second while the loop runs; what Redis says is then in `layouts`. `redis` must outlive it. 0 or a fault;
 * journal_follow_stop is due either way. */
int journal_follow_start(struct journal_follow *follow, struct loop *loop, const struct config_redis *redis)
	__attribute__((warn_unused_result));

/* After the drain is gone. */
void journal_follow_stop(struct journal_follow *follow);

#endif
