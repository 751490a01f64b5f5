/* redis.c - all that stands under `redis`: the URL, who we are there, TLS. The difficulty: what may stand depends on the
 * kind of the URL, and a URL that is wrong has no kind; then nothing more is said about what goes with it. */
#include "config/file.h"
#include "config/redis_url.h"
#include "config/values.h"

#include <errno.h>
#include <stdlib.h>

/* False: it is wrong, and told. */
static bool read_url(const struct config_reader *r, struct config_draft *draft)
{
	struct reason reason = { "" };
	if (!draft->redis_url)
		return false;
	struct config_node shown = *draft->redis_url;
	shown.text = config_url_mask(shown.text, r->pool);
	int result = config_redis_url_parse(draft->redis_url->text, r->folder, r->pool, &draft->config.redis, &reason);
	if (result == -EINVAL)
		config_schema_refuse(r, CONFIG_SECTION_REDIS, "url", &shown, reason.text);
	r->pool->failed = r->pool->failed || result == -ENOMEM;
	return result == 0;
}

static void read_credentials(const struct config_reader *r, struct config_draft *draft)
{
	struct config_redis *redis = &draft->config.redis;
	bool in_url = redis->password.n > 0;
	const struct config_node *given[] = { draft->redis_username, draft->redis_password };
	for (size_t i = 0; in_url && i < 2; i++)
		if (given[i])
			config_error(r->diag, r->file, given[i],
				     "redis.url has a user or password already: say it in one place");
	if (draft->redis_username && !in_url) {
		redis->username = draft->redis_username->text;
		if (config_node_absent(config_node_get(draft->redis, SLICE("password"))))
			config_error(r->diag, r->file, draft->redis_username,
				     "a user without a password: say redis.password too");
	}
	if (draft->redis_password)
		config_read_secret(r, draft->redis_password, &redis->password);
	if (redis->kind == CONFIG_REDIS_EMBEDDED && (draft->redis_username || draft->redis_password))
		config_error(r->diag, r->file, draft->redis_password ? draft->redis_password : draft->redis_username,
			     "an embedded Redis has no users: only this gateway reaches it");
}

static void read_sentinel_credentials(const struct config_reader *r, struct config_draft *draft, bool kind_known)
{
	struct config_redis *redis = &draft->config.redis;
	const struct config_node *user = draft->redis_sentinel_username, *password = draft->redis_sentinel_password;
	if (kind_known && redis->kind != CONFIG_REDIS_SENTINEL && (user || password)) {
		config_error(r->diag, r->file, password ? password : user,
			     "there is no Sentinel to log in to; accepted: beside a sentinel:// URL");
		return;
	}
	if (user)
		redis->sentinel_username = user->text;
	if (user && config_node_absent(config_node_get(draft->redis, SLICE("sentinel_password"))))
		config_error(r->diag, r->file, user, "a user without a password: say redis.sentinel_password too");
	if (password)
		config_read_secret(r, password, &redis->sentinel_password);
}

/* Who loads the files (store/able.c) says what is wrong with them. */
static const char *read_file_name(const struct config_reader *r, const struct config_node *node)
{
	if (!node)
		return NULL;
	char *joined = config_file_join(r->folder, node->text);
	const char *path = joined ? config_pool_string(r->pool, slice_str(joined)) : NULL;
	r->pool->failed = r->pool->failed || !joined;
	free(joined);
	return path;
}

static void read_tls(const struct config_reader *r, struct config_draft *draft, bool kind_known)
{
	struct config_redis *redis = &draft->config.redis;
	bool many = redis->kind == CONFIG_REDIS_SENTINEL || redis->kind == CONFIG_REDIS_CLUSTER;
	if (!draft->redis_tls)
		return;
	config_schema_read(r, CONFIG_SECTION_REDIS_TLS, draft->redis_tls, draft);
	if (kind_known && !many && !redis->tls.on)
		config_error(r->diag, r->file, draft->redis_tls, "redis.url is not one for TLS; accepted: %s",
			     redis->kind == CONFIG_REDIS_TCP
				     ? "beside a URL that begins with rediss://, with two s"
				     : "beside a URL that begins with rediss://, sentinel:// or cluster://");
	redis->tls.on = true;
	redis->tls.ca = read_file_name(r, draft->tls_ca);
	redis->tls.cert = read_file_name(r, draft->tls_cert);
	redis->tls.key = read_file_name(r, draft->tls_key);
	if (draft->tls_server_name) {
		if (config_is_name(draft->tls_server_name->text, true, ".-_:"))
			redis->tls.server_name = config_pool_string(r->pool, draft->tls_server_name->text);
		else
			config_schema_refuse(r, CONFIG_SECTION_REDIS_TLS, "server_name", draft->tls_server_name,
					     "no name and no address");
	}
	const struct config_node *cert = config_node_get(draft->redis_tls, SLICE("cert"));
	const struct config_node *key = config_node_get(draft->redis_tls, SLICE("key"));
	if (draft->tls_cert && config_node_absent(key))
		config_error(r->diag, r->file, draft->tls_cert, "a certificate without its key: say redis.tls.key too");
	if (draft->tls_key && config_node_absent(cert))
		config_error(r->diag, r->file, draft->tls_key, "a key without its certificate: say redis.tls.cert too");
}

void config_read_redis(const struct config_reader *r, struct config_draft *draft)
{
	bool known = read_url(r, draft);
	if (draft->redis_prefix) {
		if (config_is_name(draft->redis_prefix->text, true, "_.:-"))
			draft->config.redis.prefix = draft->redis_prefix->text;
		else
			config_schema_refuse(r, CONFIG_SECTION_REDIS, "prefix", draft->redis_prefix,
					     "not of these characters");
	}
	read_credentials(r, draft);
	read_sentinel_credentials(r, draft, known);
	read_tls(r, draft, known);
}
