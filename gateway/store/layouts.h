/* layouts.h - the layouts of all routes as this gateway knows them, shared by its threads; and how one of these asks Redis for
 * them and changes them where the configuration wants another (layout.h says how).
 *
 * What a thread has been given stays until the layouts are freed: changes are rare, and a layout is small. */
#ifndef HOOKGATE_STORE_LAYOUTS_H
#define HOOKGATE_STORE_LAYOUTS_H

#include "base/reason.h"
#include "store/client.h"
#include "store/layout.h"
#include "store/order.h"

struct store_layouts;

/* All of it may be NULL, and is called by whoever asks Redis, but for `wake`: that from any thread, when a layout is to be looked
 * at at once. */
struct store_layouts_calls {
	void (*wake)(void *arg);
	/* It is another than it was here; `ours`: the configuration wanted it, and it was changed for that. */
	void (*changed)(void *arg, struct slice route, const struct store_layout *layout, bool ours);
	/* It cannot be told or changed, and puts of the route may wait for it: once for each reason, until it can. */
	void (*failed)(void *arg, struct slice route, const char *reason);
	void *arg;
};

/* 0 or -ENOMEM. */
int store_layouts_new(struct store_layouts **out) __attribute__((warn_unused_result));

/* After everything that has one of its spreads. Accepts NULL. */
void store_layouts_free(struct store_layouts *layouts);

/* Before any other thread has a spread of it, or is there. */
void store_layouts_call(struct store_layouts *layouts, const struct store_layouts_calls *calls);

/* ---- one route's ---- */

struct store_spread;

/* The same for the same names; lives as long as the layouts. A route of which nobody wants anything is taken for one that
 * was never split, until Redis says otherwise. From any thread. 0 or -ENOMEM. */
int store_layouts_spread(struct store_layouts *layouts, struct slice prefix, struct slice route,
			 struct store_spread **out) __attribute__((warn_unused_result));

/* What the configuration wants, from now on; `window_s` is how long a mark of the route lasts, `wait` what its events wait for: as
 * safe is what closes former partitions before another layout is opened. Where Redis says otherwise it is changed, once. From any
 * thread, as the next. */
void store_spread_want(struct store_spread *spread, const struct store_split *split, uint32_t window_s,
		       const struct store_wait *wait);

/* Redis says that it is another by now: to be looked at at once. */
void store_spread_stale(struct store_spread *spread);

/* At the last look, did Redis have or say of it what cannot be used before somebody has mended it, and why? What only may pass is
 * no such thing. From any thread. */
bool store_spread_broken(struct store_spread *spread, struct reason *why);

struct store_known {
	struct store_known *before;
	struct store_layout layout;
	struct store_order *order; /* NULL: by the id */
	struct store_order *former_orders[STORE_FORMERS_MAX];
	uint32_t window_s;
};

/* The layout to put by, open when it was read. NULL: it is not known yet. From any thread. */
const struct store_known *store_spread_now(const struct store_spread *spread);

/* That of a route that was never split. */
extern const struct store_known store_known_first;

/* ---- asking Redis ---- */

/* Reads, and where it must be changes, every layout whose time has come; one thread at a time. *next_ms is when the next one's
 * comes, by the monotonic clock. `stop` is asked between two. A route of which Redis cannot tell is said (`failed`) and tried
 * again later. 0, or a fault as of store_client_call when Redis could not be reached; of a Cluster, none of whose nodes
 * keeps the others' routes waiting, 0. */
int store_layouts_round(struct store_layouts *layouts, struct store_client *client, bool (*stop)(void *arg), void *arg,
			int64_t *next_ms, struct reason *reason) __attribute__((warn_unused_result));

/* For commands: the layout as it stands in Redis, open or not. 0, -EPROTO, or as store_client_call. */
int store_layout_ask(struct store_client *client, struct slice prefix, struct slice route, struct store_layout *out,
		     struct reason *reason) __attribute__((warn_unused_result));

#endif
