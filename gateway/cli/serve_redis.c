/* serve_redis.c - Redis at the gateway's start: the embedded one is started, any is looked at.
 *
 * Its one difficulty: a Redis that is away is no reason not to start (the workers serve 503 until it is there), unless
 * the configuration requires a durable one. */
#include "base/log.h"
#include "cli/serve_gateway.h"
#include "store/client.h"

#include <errno.h>

enum { EMBEDDED_START_MS = 30000, LOOK_MS = 1000 };

static void embedded_changed(void *arg, const char *what)
{
	(void)arg;
	log_line(LOG_WARNING, "embedded redis", LOG_C("what", what));
}

int serve_redis_start(struct serve_gateway *gateway, struct reason *reason)
{
	const struct config_redis *redis = &intake_plan_config(gateway->plan)->redis;
	int r;

	if (redis->kind != CONFIG_REDIS_EMBEDDED)
		return 0;
	r = store_embedded_socket(redis->path, gateway->socket, sizeof gateway->socket);
	if (r < 0) {
		reason_set(reason, "the directory's name is too long for a socket in it: %s", redis->path);
		return r;
	}
	r = store_embedded_new(gateway->loop, redis->path, EMBEDDED_START_MS, embedded_changed, gateway,
			       &gateway->embedded, reason);
	if (r == 0)
		log_line(LOG_INFO, "embedded redis started", LOG_C("dir", redis->path),
			 LOG_C("socket", gateway->socket));
	return r;
}

struct look {
	bool require_durable;
	unsigned dangers;
};

static void found(void *arg, bool danger, const char *text)
{
	struct look *look = arg;

	look->dangers += danger;
	log_line(!danger		 ? LOG_INFO
		 : look->require_durable ? LOG_ERROR
					 : LOG_WARNING,
		 "redis looked at", LOG_C("finding", text));
}

/* What of this Redis endangers the promise: said at every start; `redis.require: durable` makes it a reason not to. */
int serve_redis_look(struct serve_gateway *gateway, struct reason *reason)
{
	const struct config *config = intake_plan_config(gateway->plan);
	const struct config_redis *redis = &config->redis;
	struct look look = { .require_durable = redis->require_durable };
	struct store_client *client;
	int r = store_client_new(redis, gateway->embedded ? gateway->socket : NULL, LOOK_MS, &client);

	if (r < 0)
		return r;
	r = store_client_inspect(client, found, &look, reason);
	if (r == 0)
		r = store_client_inspect_waits(client, config, found, &look, reason);
	store_client_free(client);
	/* No delivery of such a route could ever be answered 200. */
	if (r < 0 && r != -ENOTSUP && !look.require_durable) {
		/* Serving 503 until it is there is what the workers do. */
		log_line(LOG_WARNING, "redis could not be looked at", LOG_C("reason", reason->text));
		/* It is no reason for whatever may fail later. */
		reason_set(reason, "%s", "");
		return 0;
	}
	if (r == 0 && look.require_durable && look.dangers > 0) {
		reason_set(reason, "redis.require is durable, and %u findings say that this Redis is not",
			   look.dangers);
		return -EPERM;
	}
	return r;
}
