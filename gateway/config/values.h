/* values.h - values of which more is to be said than the table of keys can. For this room only. */
#ifndef HOOKGATE_CONFIG_VALUES_H
#define HOOKGATE_CONFIG_VALUES_H

#include "config/schema.h"

/* Letters (upper case only where `upper`), digits and the bytes of `others`, of which the first must be a letter or
 * digit; 1 to 64 bytes. */
bool config_is_name(struct slice s, bool upper, const char *others);

/* Resolves the reference at `node` into the pool; *bytes stays, and an error is added, when it can't be. */
void config_read_secret(const struct config_reader *reader, const struct config_node *node, struct slice *bytes);

/* What stands under `admin` and `listen`, and the other texts at the top; the sections are read already. */
void config_read_listeners(const struct config_reader *reader, struct config_draft *draft);
void config_read_texts(const struct config_reader *reader, struct config_draft *draft);

/* Checks the URL at `node`, the section's `public_url`; *url is as it was written. False with an error. */
bool config_read_public_url(const struct config_reader *reader, enum config_section section,
			    const struct config_node *node, struct slice *url);

/* All that stands under `redis`. In redis.c. */
void config_read_redis(const struct config_reader *reader, struct config_draft *draft);

/* `trusted_proxies`. In networks.c. */
void config_read_networks(const struct config_reader *reader, struct config_draft *draft);
/* What stands under `key_fetch`; in key_fetch.c. */
void config_read_key_fetch(const struct config_reader *reader, struct config_draft *draft);

/* "1000000" is entries, "2GiB" is bytes; the unit makes the difference. *out stays, and an error is added, where it is
 * neither; NULL for `node` leaves it too. */
void config_read_backlog(const struct config_reader *reader, enum config_section section,
			 const struct config_node *node, struct config_backlog *out);

/* What a 2xx waits for, in ack.c: the errors for what the file says for all routes; then, for a route, its errors, and how
 * many replicas and how long a wait that makes; and, once all routes are read, the error for what none of them uses. */
void config_check_ack(const struct config_reader *reader, const struct config *config, const struct config_node *root);
void config_read_route_ack(const struct config_reader *reader, const struct config *config, struct config_route *route);
void config_check_ack_used(const struct config_reader *reader, const struct config *config,
			   const struct config_node *root);

/* `order_by` of a route; in partitions.c, as the next. */
void config_read_order(const struct config_reader *reader, struct config_route_draft *draft);

/* A route's partitions have names as another route could have: an error for each that has. */
void config_check_partitions(const struct config_reader *reader, const struct config *config);

/* The routes, over what the file says for all of them. */
void config_read_routes(const struct config_reader *reader, struct config_draft *draft);

#endif
