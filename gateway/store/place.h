/* place.h - where Redis is, for sockets; of this room only. */
#ifndef HOOKGATE_STORE_PLACE_H
#define HOOKGATE_STORE_PLACE_H

#include "base/reason.h"
#include "config/config.h"

#include <sys/socket.h>
#include <sys/un.h>

/* The address of Redis' unix socket: of `socket` where it is not NULL, else what `redis` says. False in *is_unix, and
 * no address, where Redis is reached by TCP. 0; -ENAMETOOLONG with the reason. */
int store_place_socket(const struct config_redis *redis, const char *socket, struct sockaddr_un *address, bool *is_unix,
		       struct reason *reason) __attribute__((warn_unused_result));

/* No delay, and keepalive: for TCP, a no-op for others. */
void store_place_options(int fd, int family);

/* Are Sentinels, or the nodes of a Cluster, the same? */
bool store_place_same_hosts(const struct config_redis *a, const struct config_redis *b);

/* Would both lead to the same Redis, as the same user? */
bool store_place_is_same(const struct config_redis *a, const struct config_redis *b);

#endif
