/* redis_url.h - where Redis is, from its URL. For this room only. */
#ifndef HOOKGATE_CONFIG_REDIS_URL_H
#define HOOKGATE_CONFIG_REDIS_URL_H

#include "base/reason.h"
#include "config/config.h"
#include "config/pool.h"

/* Parses a URL and sets kind, url, host, port, hosts, master, path, username, password, database and tls.on of *out, all
 * in the pool; the other members stay. `folder` is where an embedded: directory starts. 0, -EINVAL with a reason (which quotes
 * nothing that may be a password), or -ENOMEM. */
int config_redis_url_parse(struct slice url, const char *folder, struct config_pool *pool, struct config_redis *out,
			   struct reason *reason) __attribute__((warn_unused_result));

/* The URL with "***" in place of what stands before its last "@", be it well-formed or not; SLICE_NONE: no memory. */
struct slice config_url_mask(struct slice url, struct config_pool *pool);

#endif
