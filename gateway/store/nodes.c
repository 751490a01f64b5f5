/* nodes.c - a blocking client's way through a Cluster.
 *
 * Where a key is, the map says, until a node says otherwise; each node has a client of its own. The difficulty is not to send
 * anything twice: after a command may have reached a node it is only sent on where the node has said that it did nothing
 * (MOVED, ASK, TRYAGAIN, CLUSTERDOWN). What is lost with a connection is the caller's to ask for again, of a new map. */
#include "base/clock.h"
#include "store/client_inner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { REDIRECTS_MAX = 8, AGAIN_MS = 50, AWAY_MS = 1000 };

struct one_node {
	struct store_address address;
	struct config_redis redis;
	struct store_client *client;
	int64_t away_until_ms;
};

struct store_nodes {
	struct store_client *front;
	const struct config_redis *redis;
	int64_t timeout_ms;
	struct one_node *node[STORE_MASTERS_MAX];
	size_t count;
	bool mapped;
	uint16_t owner[STORE_SLOTS]; /* 1 + an index; 0: nobody's */
	uint64_t past;		     /* connects of nodes that are gone */
	struct one_node *last;	     /* that answered */
};

/* ---- nodes ---- */

static void node_free(struct store_nodes *nodes, struct one_node *node)
{
	nodes->past += store_client_connects(node->client);
	nodes->front->fences_lost |= node->client->fenced_in == nodes->front->fencing;
	store_client_free(node->client);
	free(node);
}

static void free_all(struct store_nodes *nodes)
{
	while (nodes->count > 0)
		node_free(nodes, nodes->node[--nodes->count]);
	memset(nodes->owner, 0, sizeof nodes->owner);
	nodes->mapped = false;
}

/* Made where there is none. NULL when memory is short. */
static struct one_node *node_at(struct store_nodes *nodes, const struct store_address *address, uint16_t *index)
{
	for (size_t i = 0; i < nodes->count; i++) {
		*index = (uint16_t)(i + 1);
		if (store_address_eq(&nodes->node[i]->address, address))
			return nodes->node[i];
	}
	/* So many have come and gone: who is still there is found again. */
	if (nodes->count == STORE_MASTERS_MAX)
		free_all(nodes);
	struct one_node *node = calloc(1, sizeof *node);
	if (!node)
		return NULL;
	node->address = *address;
	node->redis = *nodes->redis;
	node->redis.kind = CONFIG_REDIS_TCP;
	node->redis.host = node->address.host;
	node->redis.port = node->address.port;
	if (store_client_child(nodes->front, &node->redis, nodes->timeout_ms, &node->client) != 0) {
		free(node);
		return NULL;
	}
	nodes->node[nodes->count++] = node;
	*index = (uint16_t)nodes->count;
	return node;
}

/* One that cannot be connected to, or hangs, is not tried again at once: else who has many questions, for many routes, would
 * wait for it as often. */
static int call_node(struct one_node *node, const struct slice *words, size_t count, int64_t extra_ms,
		     struct store_reply **reply, struct reason *reason)
{
	struct store_client *client = node->client;
	int64_t begun_ms = clock_mono_ms();
	uint64_t connects = client->connects;
	bool connected = client->fd >= 0;
	if (begun_ms < node->away_until_ms) {
		reason_set(reason, "it was away just now");
		return -EIO;
	}
	int fault = store_client_call(client, words, count, extra_ms, reply, reason);
	int64_t now_ms = clock_mono_ms();
	bool unreached = !connected && client->connects == connects;
	if (fault == -EIO && (unreached || now_ms - begun_ms >= client->timeout_ms))
		node->away_until_ms = now_ms + AWAY_MS;
	return fault;
}

/* ---- the map ---- */

/* Who is none of its masters is let go. */
static int take_map(struct store_nodes *nodes, const struct store_map *map)
{
	uint16_t index[STORE_MASTERS_MAX];
	size_t kept = 0;
	for (size_t i = 0; i < nodes->count; i++) {
		bool master = false;
		for (size_t m = 0; m < map->count && !master; m++)
			master = store_address_eq(&nodes->node[i]->address, &map->masters[m]);
		if (master)
			nodes->node[kept++] = nodes->node[i];
		else
			node_free(nodes, nodes->node[i]);
	}
	nodes->count = kept;
	for (size_t m = 0; m < map->count; m++) {
		if (!node_at(nodes, &map->masters[m], &index[m]))
			return -ENOMEM;
	}
	for (size_t slot = 0; slot < STORE_SLOTS; slot++)
		nodes->owner[slot] = map->owner[slot] > 0 ? index[map->owner[slot] - 1] : 0;
	nodes->mapped = true;
	return 0;
}

static int ask_for_map(struct store_nodes *nodes, struct one_node *node, struct reason *reason)
{
	const struct slice words[] = { SLICE("CLUSTER"), SLICE("SLOTS") };
	struct store_map map = { .count = 0 };
	struct store_reply *reply = NULL;
	struct reason why = { "" };
	const struct store_address asked = node->address;
	int fault = call_node(node, words, 2, 0, &reply, &why);
	if (fault == 0 && !store_map_read(reply, &asked, &map, &why))
		fault = -EIO;
	if (fault == 0)
		fault = take_map(nodes, &map);
	if (fault != 0)
		reason_set(reason, "%s:%u: %.180s", asked.host, asked.port,
			   fault == -ENOMEM ? "memory is short" : why.text);
	if (reply)
		store_reply_free(reply);
	store_map_clear(&map);
	return fault;
}

/* The nodes that are known are asked one after the other, then those of the configuration. */
static int find_map(struct store_nodes *nodes, struct reason *reason)
{
	int fault = -EIO;
	uint16_t index;
	reason_set(reason, "no node of the Cluster is known");
	for (size_t i = 0; i < nodes->count && fault == -EIO; i++)
		fault = ask_for_map(nodes, nodes->node[i], reason);
	for (size_t i = 0; i < nodes->redis->host_count && fault == -EIO; i++) {
		struct store_address seed = { .port = nodes->redis->hosts[i].port };
		snprintf(seed.host, sizeof seed.host, "%s", nodes->redis->hosts[i].host);
		struct one_node *node = node_at(nodes, &seed, &index);
		fault = node ? ask_for_map(nodes, node, reason) : -ENOMEM;
	}
	return fault;
}

/* ---- a command's key ---- */

static bool is_any_of(struct slice word, const char *const *names)
{
	for (; *names; names++) {
		if (slice_eq(word, slice_str(*names)))
			return true;
	}
	return false;
}

/* Of the commands that this program uses; empty: it has none. */
static struct slice key_of(const struct slice *words, size_t count)
{
	static const char *const none[] = { "PING", "INFO",   "TIME",	"CONFIG", "CLUSTER",
					    "ROLE", "CLIENT", "DBSIZE", NULL };
	static const char *const second[] = { "XINFO", "XGROUP", "MEMORY", "OBJECT", NULL };
	static const char *const third[] = { "EVAL", "EVALSHA", NULL };
	size_t at = 1;
	if (is_any_of(words[0], none))
		return SLICE_NONE;
	if (is_any_of(words[0], second))
		at = 2;
	else if (is_any_of(words[0], third))
		at = 3;
	else if (slice_eq(words[0], SLICE("XREADGROUP")) || slice_eq(words[0], SLICE("XREAD")))
		while (at < count && !slice_eq(words[at++], SLICE("STREAMS")))
			;
	return at < count ? words[at] : SLICE_NONE;
}

/* ---- calling ---- */

/* One command on its way. */
struct errand {
	const struct slice *words;
	size_t count;
	int64_t extra_ms, end_ms;
	bool asks;
	unsigned redirects;
	uint16_t slot;
	struct one_node *node;
};

/* Who has the slot, by the map; of a command without a key anybody. */
static int choose(struct store_nodes *nodes, struct errand *errand, struct reason *reason)
{
	struct slice key = key_of(errand->words, errand->count);
	int fault = nodes->mapped ? 0 : find_map(nodes, reason);
	if (fault != 0)
		return fault;
	errand->asks = false;
	errand->slot = store_slot(key);
	uint16_t index = key.n > 0 ? nodes->owner[errand->slot] : 1;
	errand->node = index > 0 && index <= nodes->count ? nodes->node[index - 1] : NULL;
	if (errand->node)
		return 0;
	reason_set(reason, "no node of the Cluster has slot %u", errand->slot);
	nodes->mapped = false;
	return -EIO;
}

static int send_one(struct errand *errand, struct store_reply **reply, struct reason *reason)
{
	struct slice asking = SLICE("ASKING");
	struct store_reply *said = NULL;
	int fault = errand->asks ? call_node(errand->node, &asking, 1, 0, &said, reason) : 0;
	if (said)
		store_reply_free(said);
	if (fault == 0)
		fault = call_node(errand->node, errand->words, errand->count, errand->extra_ms, reply, reason);
	return fault;
}

/* Not now: again from the beginning, in a while. */
static int rest(struct store_nodes *nodes, const struct errand *errand, const struct store_reply *reply,
		struct reason *reason)
{
	if (clock_mono_ms() + AGAIN_MS < errand->end_ms)
		return store_client_pause(nodes->front, AGAIN_MS, reason);
	reason_set(reason, "Redis answers %.*s", SLICE_ARGS(slice_head(store_reply_text(reply), 160)));
	return -EIO;
}

/* The node has done nothing. 0: the errand knows where to go next. */
static int go_on(struct store_nodes *nodes, struct errand *errand, const struct store_redirect *redirect,
		 const struct store_reply *reply, struct reason *reason)
{
	uint16_t index;
	bool named = redirect->kind == STORE_REDIRECT_MOVED || redirect->kind == STORE_REDIRECT_ASK;
	if (!named || errand->redirects++ == REDIRECTS_MAX) {
		nodes->mapped = false;
		errand->redirects = 0;
		int fault = rest(nodes, errand, reply, reason);
		return fault != 0 ? fault : choose(nodes, errand, reason);
	}
	errand->node = node_at(nodes, &redirect->to, &index);
	errand->asks = redirect->kind == STORE_REDIRECT_ASK;
	if (errand->node && !errand->asks)
		nodes->owner[redirect->slot] = index;
	return errand->node ? 0 : -ENOMEM;
}

int store_nodes_call(struct store_nodes *nodes, const struct slice *words, size_t count, int64_t extra_ms,
		     struct store_reply **reply, struct reason *reason)
{
	int64_t now_ms = clock_mono_ms(), wait_ms = nodes->timeout_ms;
	struct errand errand = { .words = words, .count = count, .extra_ms = extra_ms };
	wait_ms = extra_ms > INT64_MAX - now_ms - wait_ms ? INT64_MAX - now_ms : wait_ms + extra_ms;
	errand.end_ms = now_ms + wait_ms;
	int fault = choose(nodes, &errand, reason);
	while (fault == 0) {
		struct store_reply *said = NULL;
		fault = send_one(&errand, &said, reason);
		if (fault == -EIO)
			nodes->mapped = false;
		if (fault != 0)
			break;
		struct store_redirect redirect = { .kind = STORE_REDIRECT_NONE };
		struct slice error = store_reply_type(said) == STORE_REPLY_ERROR ? store_reply_text(said) : SLICE_NONE;
		redirect = store_redirect_read(error, &errand.node->address);
		/* Who waited for entries is sent away when its node becomes a replica. */
		if (slice_starts(error, SLICE("UNBLOCKED")))
			redirect.kind = STORE_REDIRECT_AGAIN;
		if (redirect.kind == STORE_REDIRECT_NONE) {
			nodes->last = errand.node;
			*reply = said;
			return 0;
		}
		fault = go_on(nodes, &errand, &redirect, said, reason);
		store_reply_free(said);
	}
	if (fault == -ENOMEM)
		reason_set(reason, "memory is short");
	return fault;
}

struct store_client *store_nodes_last(const struct store_nodes *nodes)
{
	return nodes->last->client;
}

/* ---- all of them ---- */

uint64_t store_nodes_connects(const struct store_nodes *nodes)
{
	uint64_t connects = nodes->past;
	for (size_t i = 0; i < nodes->count; i++)
		connects += store_client_connects(nodes->node[i]->client);
	return connects;
}

int store_nodes_each(struct store_nodes *nodes,
		     int (*each)(void *arg, struct store_client *client, const char *name, struct reason *reason),
		     void *arg, struct reason *reason)
{
	int fault = find_map(nodes, reason);
	for (size_t i = 0; i < nodes->count && fault == 0; i++) {
		char name[STORE_HOST_MAX + 8];
		snprintf(name, sizeof name, "%s:%u", nodes->node[i]->address.host, nodes->node[i]->address.port);
		fault = each(arg, nodes->node[i]->client, name, reason);
	}
	return fault;
}

int store_nodes_new(struct store_client *front, const struct config_redis *redis, int64_t timeout_ms,
		    struct store_nodes **out)
{
	struct store_nodes *nodes = calloc(1, sizeof *nodes);
	if (!nodes)
		return -ENOMEM;
	*nodes = (struct store_nodes){ .front = front, .redis = redis, .timeout_ms = timeout_ms };
	*out = nodes;
	return 0;
}

void store_nodes_free(struct store_nodes *nodes)
{
	if (!nodes)
		return;
	free_all(nodes);
	free(nodes);
}
