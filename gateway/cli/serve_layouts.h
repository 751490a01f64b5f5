/* serve_layouts.h - the thread that reads how routes are split, and splits them (store/layouts.h). The main thread's to start and
 * end. */
#ifndef HOOKGATE_CLI_SERVE_LAYOUTS_H
#define HOOKGATE_CLI_SERVE_LAYOUTS_H

#include "intake/plan.h"

struct serve_layouts;

/* Starts the thread, which takes a reference to the plan; what it asks for stands in `layouts`, which it has called by from now
 * on. `redis_socket` (embedded; else NULL) and the layouts must outlive it. 0 or a fault. */
int serve_layouts_new(struct store_layouts *layouts, struct intake_plan *plan, const char *redis_socket,
		      struct serve_layouts **out) __attribute__((warn_unused_result));

/* Another plan from the next round on, which begins at once. */
void serve_layouts_swap(struct serve_layouts *serving, struct intake_plan *plan);

/* Ends the thread, also out of a call to Redis. Accepts NULL. */
void serve_layouts_free(struct serve_layouts *serving);

#endif
