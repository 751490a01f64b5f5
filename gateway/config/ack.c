/* ack.c - what a 2xx waits for: the keys `ack`, `ack_replicas` and `ack_timeout`.
 *
 * The difficulty: the three may stand in the file, in the route, or partly in each, and what a route means is known only
 * from all of them together. Each mistake is told once, at the key that made it: of the file's own where the file says
 * it, of a route's where the route says any of it. */
#include "config/values.h"

enum { REPLICAS_MS = 1000, SYNC_MS = 1500 };

const char *config_ack_name(enum config_ack ack)
{
	switch (ack) {
	case CONFIG_ACK_STORED:
		return "stored";
	case CONFIG_ACK_REPLICATED:
		return "replicated";
	case CONFIG_ACK_SYNCED:
		return "synced";
	case CONFIG_ACK_JOURNALED:
		break;
	}
	return "journaled";
}

static const struct config_node *said(const struct config_node *map, const char *key)
{
	const struct config_node *node = config_node_get(map, slice_str(key));
	return !config_node_absent(node) && !node->broken && node->kind == CONFIG_SCALAR ? node : NULL;
}

static bool waits(enum config_ack ack)
{
	return ack == CONFIG_ACK_REPLICATED || ack == CONFIG_ACK_SYNCED;
}

/* The first key of these that the map says. */
static const struct config_node *first_said(const struct config_node *map, const char *const *keys)
{
	const struct config_node *node = NULL;
	for (; *keys && !node; keys++)
		node = said(map, *keys);
	return node;
}

static void check_place(const struct config_reader *r, const struct config *config, enum config_ack ack,
			uint32_t replicas, const struct config_node *map)
{
	const struct config_node *node = said(map, "ack");
	/* By the text: a word that is no choice has become the file's choice, of which all is told there. */
	if (node && slice_eq(node->text, SLICE("journaled")) && !config->journal.dir)
		config_error(r->diag, r->file, node, "\"journaled\": without a journal; accepted: beside journal.dir");
	node = first_said(map, (const char *const[]){ "ack_replicas", "ack", NULL });
	if (waits(ack) && replicas > 0 && node && config->redis.kind == CONFIG_REDIS_EMBEDDED)
		config_error(r->diag, r->file, node,
			     "an embedded Redis has no replicas; accepted: ack: synced without ack_replicas");
}

static void check_time(const struct config_reader *r, int64_t timeout_ms, int64_t deadline_ms,
		       const struct config_node *map)
{
	const struct config_node *node =
		first_said(map, (const char *const[]){ "ack_timeout", "ack_deadline", "ack", NULL });
	if (node && timeout_ms >= deadline_ms)
		config_error(r->diag, r->file, node,
			     "replicas or the disk may take %lld ms, and the whole delivery %lld ms; accepted: an "
			     "ack_timeout shorter than ack_deadline",
			     (long long)timeout_ms, (long long)deadline_ms);
}

void config_check_ack(const struct config_reader *r, const struct config *config, const struct config_node *root)
{
	uint32_t replicas = config->ack == CONFIG_ACK_REPLICATED ? 1 : config->ack_replicas;
	check_place(r, config, config->ack, replicas, root);
	if (waits(config->ack))
		check_time(r, config->ack_timeout_ms, config->ack_deadline_ms, root);
}

/* Where nothing is said. Replicas answer at once or not at all, and then two batches, one behind the other, fit into the
 * deadline; a disk that is synced once a second takes that long. */
static int64_t usual_ms(const struct config_route *route)
{
	bool synced = route->ack == CONFIG_ACK_SYNCED;
	int64_t part_ms = synced ? route->ack_deadline_ms * 3 / 4 : route->ack_deadline_ms / 2;
	int64_t most_ms = synced ? SYNC_MS : REPLICAS_MS;
	return part_ms < most_ms ? part_ms : most_ms;
}

void config_read_route_ack(const struct config_reader *r, const struct config *config, struct config_route *route)
{
	const struct config_node *map = route->node;
	const struct config_node *extra = first_said(map, (const char *const[]){ "ack_replicas", "ack_timeout", NULL });
	if (!waits(route->ack)) {
		if (extra)
			config_error(r->diag, r->file, extra,
				     "this route does not wait for it; accepted: beside ack: replicated or synced");
		route->ack_replicas = 0;
	} else if (route->ack == CONFIG_ACK_REPLICATED && route->ack_replicas == 0) {
		route->ack_replicas = 1;
	}
	check_place(r, config, route->ack, route->ack_replicas, map);
	if (route->ack_timeout_ms == 0)
		route->ack_timeout_ms = usual_ms(route);
	else if (waits(route->ack))
		check_time(r, route->ack_timeout_ms, route->ack_deadline_ms, map);
}

void config_check_ack_used(const struct config_reader *r, const struct config *config, const struct config_node *root)
{
	const struct config_node *extra =
		first_said(root, (const char *const[]){ "ack_replicas", "ack_timeout", NULL });
	bool used = config->route_count == 0;
	for (size_t i = 0; i < config->route_count && !used; i++)
		used = waits(config->routes[i].ack) || config->routes[i].wrong;
	if (extra && !used)
		config_error(r->diag, r->file, extra,
			     "no route waits for it; accepted: beside ack: replicated or synced");
}
