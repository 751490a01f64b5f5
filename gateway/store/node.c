/* node.c - a node's links. The one difficulty: they are connections to the same Redis, of which one must speak for all. So the
 * first is always there and says who and how Redis is; the others come when they are needed, and only carry puts. Behind a
 * name or a proxy two connections may end at two: what one of them has would then not be what is sent again when the
 * first one finds another. So another link must find the very Redis that the first has found, or is given up. */
#include "store/node.h"

#include "store/place.h"

#include <errno.h>
#include <string.h>

int store_node_open(struct store_node *node, const struct store_link_setup *setup)
{
	*node = (struct store_node){ .setup = *setup };
	node->setup.sentinels = &node->sentinels;
	return store_link_new(&node->setup, &node->links[STORE_CLASS_PLAIN]);
}

void store_node_close(struct store_node *node)
{
	/* The first goes last: it speaks for the node also while the others' puts are told. */
	for (size_t i = STORE_CLASSES; i-- > 0;) {
		store_link_free(node->links[i]);
		node->links[i] = NULL;
	}
	store_sentinels_free(node->sentinels);
	node->sentinels = NULL;
}

void store_node_keep_first(struct store_node *node, struct store_counts *sum)
{
	for (size_t i = STORE_CLASS_PLAIN + 1; i < STORE_CLASSES; i++) {
		if (node->links[i])
			store_link_counts(node->links[i], sum);
		store_link_free(node->links[i]);
		node->links[i] = NULL;
	}
}

struct store_link *store_node_link(struct store_node *node, enum store_class class)
{
	struct store_link_setup setup = node->setup;
	if (node->links[class])
		return node->links[class];
	setup.socket = node->links[STORE_CLASS_PLAIN]->setup.socket;
	setup.class = class;
	setup.gathers = true;
	setup.changed = NULL;
	return store_link_new(&setup, &node->links[class]) == 0 ? node->links[class] : NULL;
}

void store_node_reconfigure(struct store_node *node, const struct config_redis *redis, const char *socket,
			    int64_t stall_ms)
{
	bool same = store_place_is_same(node->setup.redis, redis);
	node->setup.redis = redis;
	node->setup.stall_ms = stall_ms;
	for (size_t i = 0; i < STORE_CLASSES; i++) {
		if (node->links[i])
			store_link_reconfigure(node->links[i], redis, socket, stall_ms);
	}
	/* Nobody listens to those of another place any more. */
	if (node->sentinels && same) {
		store_sentinels_renew(node->sentinels, redis);
	} else {
		store_sentinels_free(node->sentinels);
		node->sentinels = NULL;
	}
}

static bool is_up(const struct store_link *link)
{
	enum store_state state = store_link_state(link);
	return state == STORE_READY || state == STORE_STALLED;
}

/* Of the identity the process; what else is in it may change under a connection that stays. */
static bool is_same_process(const struct store_link *a, const struct store_link *b)
{
	return strncmp(store_link_identity(a), store_link_identity(b), 40) == 0;
}

/* One that has agreed before may go on while the first is away: the same is found anew, or another, and then it is given up. */
static void agree(struct store_node *node, size_t class)
{
	const struct store_link *first = node->links[STORE_CLASS_PLAIN];
	struct store_link *link = node->links[class];
	bool first_up = is_up(first);
	if (!is_up(link))
		node->agrees[class] = false;
	else if (first_up && is_same_process(first, link))
		node->agrees[class] = true;
	else if (first_up || !node->agrees[class])
		store_link_drop(link, first_up ? "it is another Redis than the other connections'"
					       : "the other connections have no Redis yet");
}

/* Before anything is sent by it. */
void store_node_turn_end(struct store_node *node)
{
	for (size_t i = 0; i < STORE_CLASSES; i++) {
		if (!node->links[i])
			continue;
		if (i != STORE_CLASS_PLAIN)
			agree(node, i);
		store_link_turn_end(node->links[i]);
	}
}

const char *store_node_reason(const struct store_node *node)
{
	for (size_t i = 0; i < STORE_CLASSES; i++) {
		if (node->links[i] && store_link_state(node->links[i]) != STORE_READY)
			return store_link_reason(node->links[i]);
	}
	return "";
}

size_t store_node_waiting(const struct store_node *node)
{
	size_t waiting = 0;
	for (size_t i = 0; i < STORE_CLASSES; i++)
		waiting += node->links[i] ? store_link_waiting(node->links[i]) : 0;
	return waiting;
}

void store_node_counts(const struct store_node *node, struct store_counts *sum)
{
	for (size_t i = 0; i < STORE_CLASSES; i++) {
		if (node->links[i])
			store_link_counts(node->links[i], sum);
	}
}
