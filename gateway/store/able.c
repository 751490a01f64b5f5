/* able.c - what a configuration asks of Redis that cannot be done here. The one thing to mind: a URL may hold a password,
 * so what is quoted is the masked one. */
#include "store/able.h"

#include "store/secure.h"

#include <errno.h>

static const struct config_node *redis_node(const struct config *config, const char *key)
{
	const struct config_node *map = config_node_get(config_tree_root(config->tree), SLICE("redis"));
	return config_node_get(map, slice_str(key));
}

static int refuse_url(const struct config *config, struct config_diag *diag, const char *why)
{
	char quoted[CONFIG_QUOTE_ROOM];
	config_error(diag, config->file, redis_node(config, "url"), "%s: %s",
		     config_quote(slice_str(config->redis.url), quoted, sizeof quoted), why);
	return -EINVAL;
}

/* The files are read now: what is wrong with them is wrong with the configuration. */
static int check_tls(const struct config *config, struct config_diag *diag)
{
	const struct config_node *map = redis_node(config, "tls");
	struct reason reason = { "" };
	if (tls_lacking() && map)
		config_error(diag, config->file, map, "%s", tls_lacking());
	if (tls_lacking())
		return map ? -EINVAL : refuse_url(config, diag, tls_lacking());
	int fault = store_secure_load(&config->redis.tls, &reason);
	if (fault == -EINVAL)
		config_error(diag, config->file, map ? map : redis_node(config, "url"), "%s", reason.text);
	return fault;
}

int store_able(const struct config *config, struct config_diag *diag)
{
	const struct config_redis *redis = &config->redis;
	return redis->url && redis->tls.on ? check_tls(config, diag) : 0;
}
