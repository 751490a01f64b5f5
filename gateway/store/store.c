/* store.c - a worker's way into Redis, over the links to its nodes.
 *
 * Its difficulty is that links come and go while the loop keeps its hooks for as long as it lives: so the one hook is the
 * store's, is a thing of its own that outlives the store, doing nothing, and ends the turn for whatever links there are. */
#include "store/node.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

/* The list is for the leak checker. */
struct store_hook {
	struct loop_hook hook;
	struct store *store;
	struct store_hook *next;
};

static _Atomic(struct store_hook *) idle_hooks;

struct store {
	struct store_setup setup;
	struct store_hook *hook;
	struct store_node node;
};

static void on_turn_end(void *arg)
{
	struct store_hook *hook = arg;
	if (hook->store)
		store_node_turn_end(&hook->store->node);
}

static void on_changed(void *arg, enum store_state state, const char *reason)
{
	const struct store *store = arg;
	if (store->setup.changed)
		store->setup.changed(store->setup.arg, state, reason);
}

int store_new(const struct store_setup *setup, struct store **out)
{
	struct store *store = calloc(1, sizeof *store);
	struct store_hook *hook = calloc(1, sizeof *hook);
	int fault = -ENOMEM;
	if (!store || !hook)
		goto out;
	store->setup = *setup;
	fault = store_node_open(&store->node, &(struct store_link_setup){ .loop = setup->loop,
									  .redis = setup->redis,
									  .socket = setup->socket,
									  .stall_ms = setup->stall_ms,
									  .changed = on_changed,
									  .arg = store });
	if (fault != 0)
		goto out;
	store->hook = hook;
	hook->store = store;
	loop_hook_add(setup->loop, &hook->hook, on_turn_end, hook);
	*out = store;
	return 0;
out:
	free(hook);
	free(store);
	return fault;
}

void store_free(struct store *store)
{
	if (!store)
		return;
	store->setup.changed = NULL;
	store_node_close(&store->node);
	store->hook->store = NULL;
	store->hook->next = atomic_load(&idle_hooks);
	while (!atomic_compare_exchange_weak(&idle_hooks, &store->hook->next, store->hook))
		;
	free(store);
}

void store_reconfigure(struct store *store, const struct config_redis *redis, const char *socket, int64_t stall_ms)
{
	store_node_reconfigure(&store->node, redis, socket, stall_ms);
}

int store_put(struct store *store, const struct store_event *event, int64_t deadline_ms, struct store_put *put)
{
	struct store_link *link = store_node_link(&store->node, event->class);
	return link ? store_link_put(link, event, deadline_ms, put) : -ENOMEM;
}

/* The first link speaks for its node. */
static const struct store_link *first_link(const struct store *store)
{
	return store->node.links[STORE_CLASS_PLAIN];
}

enum store_state store_state(const struct store *store)
{
	return store_link_state(first_link(store));
}

const char *store_reason(const struct store *store)
{
	return store_node_reason(&store->node);
}

const char *store_identity(const struct store *store)
{
	return store_link_identity(first_link(store));
}

size_t store_waiting(const struct store *store)
{
	return store_node_waiting(&store->node);
}

void store_counts(const struct store *store, struct store_counts *out)
{
	*out = (struct store_counts){ .connects = 0 };
	store_node_counts(&store->node, out);
}
