/* place.c - where Redis is. The one difficulty: a unix socket's address has room for 107 bytes, and a longer path must
 * be told, not cut. */
#include "store/place.h"

#include "store/embedded.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

int store_place_socket(const struct config_redis *redis, const char *socket, struct sockaddr_un *address, bool *is_unix,
		       struct reason *reason)
{
	char embedded[sizeof address->sun_path];
	const char *path = socket;
	if (!path && redis->kind == CONFIG_REDIS_UNIX)
		path = redis->path;
	if (!path && redis->kind == CONFIG_REDIS_EMBEDDED) {
		bool fits = store_embedded_socket(redis->path, embedded, sizeof embedded) == 0;
		path = fits ? embedded : redis->path;
		if (!fits)
			goto too_long;
	}
	*is_unix = path != NULL;
	if (!path)
		return 0;
	size_t n = strlen(path);
	if (n >= sizeof address->sun_path)
		goto too_long;
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(address->sun_path, path, n);
	return 0;
too_long:
	reason_set(reason, "the path of Redis' socket is longer than %zu bytes: use a shorter directory",
		   sizeof address->sun_path - 1);
	return -ENAMETOOLONG;
}

void store_place_options(int fd, int family)
{
	/* Without any of them it would still work. */
	int on = 1, idle_s = 15, interval_s = 5, probes = 3;
	if (family == AF_UNIX)
		return;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

bool store_place_same_hosts(const struct config_redis *a, const struct config_redis *b)
{
	bool same = a->host_count == b->host_count;
	for (size_t i = 0; same && i < a->host_count; i++)
		same = a->hosts[i].port == b->hosts[i].port && strcmp(a->hosts[i].host, b->hosts[i].host) == 0;
	return same;
}

static bool same_text(const char *a, const char *b)
{
	return slice_eq(slice_str(a), slice_str(b));
}

static bool same_tls(const struct config_redis_tls *a, const struct config_redis_tls *b)
{
	return a->on == b->on && same_text(a->ca, b->ca) && same_text(a->cert, b->cert) && same_text(a->key, b->key) &&
	       same_text(a->server_name, b->server_name);
}

bool store_place_is_same(const struct config_redis *a, const struct config_redis *b)
{
	return a->kind == b->kind && same_text(a->host, b->host) && a->port == b->port &&
	       store_place_same_hosts(a, b) && same_text(a->master, b->master) && same_text(a->path, b->path) &&
	       slice_eq(a->username, b->username) && slice_eq(a->password, b->password) &&
	       slice_eq(a->sentinel_username, b->sentinel_username) &&
	       slice_eq(a->sentinel_password, b->sentinel_password) && a->database == b->database &&
	       same_tls(&a->tls, &b->tls);
}
