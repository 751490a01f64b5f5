/* able.c - what a configuration asks of Redis that cannot be done here. The one thing to mind: a URL may hold a password,
 * so what is quoted is the masked one. */
#include "store/able.h"

#include <errno.h>

static const char *lacking(const struct config_redis *redis)
{
	return redis->tls.on ? "this version does not speak TLS to Redis yet" : NULL;
}

int store_able(const struct config *config, struct config_diag *diag)
{
	const struct config_redis *redis = &config->redis;
	const char *why = redis->url ? lacking(redis) : NULL;
	char quoted[CONFIG_QUOTE_ROOM];
	if (!why)
		return 0;
	const struct config_node *map = config_node_get(config_tree_root(config->tree), SLICE("redis"));
	config_error(diag, config->file, config_node_get(map, SLICE("url")), "%s: %s",
		     config_quote(slice_str(redis->url), quoted, sizeof quoted), why);
	return -EINVAL;
}
