/* serve_keeper.h - the thread that looks after the streams (intake/keeper.h). The main thread's to start and end. */
#ifndef HOOKGATE_CLI_SERVE_KEEPER_H
#define HOOKGATE_CLI_SERVE_KEEPER_H

#include "intake/plan.h"

struct serve_keeper;

/* Starts the thread; it takes a reference to the plan. `redis_socket` (embedded; else NULL) must outlive it. */
int serve_keeper_new(struct intake_plan *plan, const char *redis_socket, struct serve_keeper **out)
	__attribute__((warn_unused_result));

/* Another plan from the next round on, which begins at once. */
void serve_keeper_swap(struct serve_keeper *keeper, struct intake_plan *plan);

/* Entries trimmed by this gateway. From any thread. */
uint64_t serve_keeper_trimmed(const struct serve_keeper *keeper);

/* How many findings said that Redis, as it was when last connected to, endangers the promise; each new connection is
 * looked at, and from the second on told of in the log. From any thread. */
unsigned serve_keeper_dangers(const struct serve_keeper *keeper);

/* Ends the thread, also out of a call to Redis. Accepts NULL. */
void serve_keeper_free(struct serve_keeper *keeper);

#endif
