/* store.c - a worker's way into Redis, over the links to its nodes.
 *
 * Its difficulty is that links come and go while the loop keeps its hooks for as long as it lives: so the one hook is the
 * store's, is a thing of its own that outlives the store, doing nothing, and ends the turn for whatever links there are. */
#include "store/cluster.h"
#include "store/place.h"
#include "store/row.h"

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

/* Where Redis is a Cluster, the node is whichever the scout asks, and no event goes there. */
struct store {
	struct store_setup setup;
	struct store_hook *hook;
	struct store_node node;
	struct store_cluster *cluster;
	bool clustered;
	struct store_counts past; /* of the node's links that are gone */
	struct reason refused;
};

static void on_turn_end(void *arg)
{
	struct store_hook *hook = arg;
	if (!hook->store)
		return;
	store_node_turn_end(&hook->store->node);
	if (hook->store->clustered)
		store_cluster_turn_end(hook->store->cluster);
}

/* ---- what the links say ---- */

/* The first link speaks for its node. */
static struct store_link *first_link(const struct store *store)
{
	return store->node.links[STORE_CLASS_PLAIN];
}

static void on_cluster_changed(void *arg, enum store_state state, const char *reason)
{
	const struct store *store = arg;
	if (store->setup.changed)
		store->setup.changed(store->setup.arg, state, reason);
}

static void on_changed(void *arg, enum store_state state, const char *reason)
{
	const struct store *store = arg;
	if (store->clustered)
		store_cluster_scout(store->cluster, first_link(store), state, reason);
	else
		on_cluster_changed(arg, state, reason);
}

static void on_place(void *arg, struct store_address *place)
{
	const struct store *store = arg;
	store_cluster_place(store->cluster, place);
}

static void on_told(void *arg, const struct store_reply *reply, size_t number)
{
	const struct store *store = arg;
	store_cluster_told(store->cluster, reply, number);
}

/* ---- life ---- */

static void begin_cluster(struct store *store)
{
	store->clustered = true;
	store_cluster_begin(store->cluster, &(struct store_cluster_setup){ .loop = store->setup.loop,
									   .redis = store->setup.redis,
									   .stall_ms = store->setup.stall_ms,
									   .changed = on_cluster_changed,
									   .arg = store });
}

int store_new(const struct store_setup *setup, struct store **out)
{
	struct store *store = calloc(1, sizeof *store);
	struct store_hook *hook = calloc(1, sizeof *hook);
	int fault = !store || !hook ? -ENOMEM : store_cluster_new(&store->cluster);
	if (fault != 0)
		goto out;
	store->setup = *setup;
	fault = store_node_open(&store->node, &(struct store_link_setup){ .loop = setup->loop,
									  .redis = setup->redis,
									  .socket = setup->socket,
									  .stall_ms = setup->stall_ms,
									  .place = on_place,
									  .told = on_told,
									  .changed = on_changed,
									  .arg = store });
	if (fault != 0)
		goto out;
	if (setup->redis->kind == CONFIG_REDIS_CLUSTER)
		begin_cluster(store);
	store->hook = hook;
	hook->store = store;
	loop_hook_add(setup->loop, &hook->hook, on_turn_end, hook);
	*out = store;
	return 0;
out:
	if (store)
		store_cluster_free(store->cluster);
	free(hook);
	free(store);
	return fault;
}

void store_free(struct store *store)
{
	if (!store)
		return;
	store->setup.changed = NULL;
	store_cluster_free(store->cluster);
	store->clustered = false;
	store_node_close(&store->node);
	store->hook->store = NULL;
	store->hook->next = atomic_load(&idle_hooks);
	while (!atomic_compare_exchange_weak(&idle_hooks, &store->hook->next, store->hook))
		;
	free(store);
}

/* The same Cluster may have other credentials; another one is begun with anew. */
void store_reconfigure(struct store *store, const struct config_redis *redis, const char *socket, int64_t stall_ms)
{
	bool wanted = redis->kind == CONFIG_REDIS_CLUSTER;
	bool same = store->clustered && wanted && store_place_same_hosts(store->setup.redis, redis);
	store->setup.redis = redis;
	store->setup.stall_ms = stall_ms;
	if (same) {
		store_cluster_reconfigure(store->cluster, redis, stall_ms);
	} else {
		store_cluster_end(store->cluster);
		store->clustered = false;
	}
	if (wanted && !same) {
		store_node_keep_first(&store->node, &store->past);
		begin_cluster(store);
	}
	store_node_reconfigure(&store->node, redis, socket, stall_ms);
}

/* ---- putting ---- */

static int note_refused(const struct store_link *link, int fault, struct reason *refused)
{
	if (fault == -EAGAIN)
		reason_set(refused, "%s",
			   store_link_state(link) == STORE_READY ? "Redis does not keep up" : store_link_reason(link));
	return fault;
}

int store_put(struct store *store, const struct store_event *event, int64_t deadline_ms, struct store_put *put)
{
	struct store_link *link;
	if (store->clustered) {
		link = store_cluster_link(store->cluster, event, &store->refused);
		return link ? store_link_put(link, event, deadline_ms, put) : -EAGAIN;
	}
	link = store_node_link(&store->node, event->class);
	return link ? note_refused(link, store_link_put(link, event, deadline_ms, put), &store->refused) : -ENOMEM;
}

int store_put_row(struct store *store, const struct store_row *row, int64_t deadline_ms, struct store_put *put)
{
	const struct store_event event = { .target = store_row_target(row) };
	struct store_link *link;
	if (store->clustered) {
		link = store_cluster_link(store->cluster, &event, &store->refused);
		return link ? store_link_put_row(link, row, deadline_ms, put) : -EAGAIN;
	}
	link = store_node_link(&store->node, event.class);
	return link ? note_refused(link, store_link_put_row(link, row, deadline_ms, put), &store->refused) : -ENOMEM;
}

int store_confirm(struct store *store, const struct store_target *target, const struct store_wait *wait,
		  int64_t deadline_ms, struct store_put *put)
{
	const struct store_event event = { .target = target, .class = STORE_CLASS_WAITING };
	struct store_link *link = store->clustered ? store_cluster_link(store->cluster, &event, &store->refused)
						   : store_node_link(&store->node, event.class);
	if (!link)
		return store->clustered ? -EAGAIN : -ENOMEM;
	return store_link_confirm(link, target, wait, deadline_ms, put);
}

const char *store_refused(const struct store *store)
{
	return store->refused.text;
}

/* ---- what it is like ---- */

enum store_state store_state(const struct store *store)
{
	return store->clustered ? store_cluster_state(store->cluster) : store_link_state(first_link(store));
}

const char *store_reason(const struct store *store)
{
	return store->clustered ? store_cluster_reason(store->cluster) : store_node_reason(&store->node);
}

const char *store_identity(const struct store *store)
{
	return store->clustered ? store_cluster_identity(store->cluster) : store_link_identity(first_link(store));
}

size_t store_waiting(const struct store *store)
{
	return store_node_waiting(&store->node) + store_cluster_waiting(store->cluster);
}

void store_counts(const struct store *store, struct store_counts *out)
{
	*out = store->past;
	store_node_counts(&store->node, out);
	store_cluster_counts(store->cluster, out);
}
