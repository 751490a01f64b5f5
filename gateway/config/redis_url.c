/* redis_url.c - redis://, rediss://, unix://, sentinel://, cluster:// and embedded: URLs. The difficulty: a password may
 * stand in it, so no message may quote more than what is surely none. */
#include "config/redis_url.h"

#include "base/encode.h"
#include "base/num.h"
#include "config/file.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/un.h>

enum {
	DEFAULT_PORT = 6379,
	SENTINEL_PORT = 26379,
	DATABASE_MAX = 1000000,
	HOST_MAX_BYTES = 253,
	UNIX_PATH_MAX_BYTES = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1
};

static int refuse(struct reason *reason, const char *why)
{
	reason_set(reason, "%s", why);
	return -EINVAL;
}

/* Index of the last `c` in s, or s.n. */
static size_t last_index(struct slice s, unsigned char c)
{
	for (size_t i = s.n; i > 0; i--)
		if (s.p[i - 1] == c)
			return i - 1;
	return s.n;
}

struct slice config_url_mask(struct slice url, struct config_pool *pool)
{
	static const struct slice stars = SLICE_LIT("***");
	size_t at = last_index(url, '@'), begin = slice_index(url, ':');
	if (at == url.n)
		return config_pool_copy(pool, url);
	/* A colon behind no scheme belongs to user:password. */
	begin = begin + 2 < at && url.p[begin + 1] == '/' && url.p[begin + 2] == '/' ? begin + 3 : 0;
	size_t rest = url.n - at;
	unsigned char *p = config_pool_alloc(pool, begin + stars.n + rest + 1);
	if (!p)
		return SLICE_NONE;
	memcpy(p, url.p, begin);
	memcpy(p + begin, stars.p, stars.n);
	memcpy(p + begin + stars.n, url.p + at, rest);
	return slice_of(p, begin + stars.n + rest);
}

static int decode(struct slice text, struct config_pool *pool, struct slice *out)
{
	unsigned char *p = config_pool_alloc(pool, text.n + 1);
	size_t n;
	if (!p)
		return -ENOMEM;
	if (!encode_percent_decode(text, false, p, &n))
		return -EINVAL;
	*out = slice_of(p, n);
	return 0;
}

/* Takes "[user]:password@" off the beginning of *authority. */
static int parse_user(struct slice *authority, struct config_pool *pool, struct config_redis *out,
		      struct reason *reason)
{
	size_t at = last_index(*authority, '@');
	if (at == authority->n)
		return 0;
	struct slice user, password;
	if (!slice_cut(slice_head(*authority, at), ':', &user, &password))
		return refuse(reason, "a user without a password: write user:password@ or :password@");
	if (password.n == 0)
		return refuse(reason, "the password is empty");
	*authority = slice_from(*authority, at + 1);
	int result = decode(user, pool, &out->username);
	if (result == 0)
		result = decode(password, pool, &out->password);
	if (result == -EINVAL)
		return refuse(reason,
			      "a % in the user or password is not followed by two hex digits (% itself is %25)");
	return result;
}

static bool is_ipv6(struct slice s)
{
	char text[INET6_ADDRSTRLEN];
	unsigned char ip[16];
	if (s.n >= sizeof text)
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	return inet_pton(AF_INET6, text, ip) == 1;
}

static bool is_host_name(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = s.p[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		if (!letter && !(c >= '0' && c <= '9') && c != '.' && c != '-' && c != '_')
			return false;
	}
	return s.n > 0 && s.n <= HOST_MAX_BYTES;
}

/* out->port has the default. */
static int parse_host_port(struct slice authority, struct config_pool *pool, struct config_redis_host *out,
			   struct reason *reason)
{
	struct slice host, port;
	bool has_port;
	if (authority.n > 0 && authority.p[0] == '[') {
		if (!slice_cut(slice_from(authority, 1), ']', &host, &port) || !is_ipv6(host))
			return refuse(reason, "what stands in brackets is no IPv6 address");
		has_port = port.n > 0;
		if (has_port && port.p[0] != ':')
			return refuse(reason, "something stands between the host and the port");
		port = slice_from(port, 1);
	} else {
		has_port = slice_cut(authority, ':', &host, &port);
		if (!is_host_name(host))
			return refuse(reason,
				      host.n == 0 ? "the host is missing" : "the host is no name and no address");
	}
	uint64_t number = out->port;
	if (has_port && (!num_parse_u64(port, UINT16_MAX, &number) || number == 0))
		return refuse(reason, "the port is no number from 1 to 65535");
	out->host = config_pool_string(pool, host);
	out->port = (uint16_t)number;
	return out->host ? 0 : -ENOMEM;
}

static int parse_database(struct slice text, struct config_redis *out, struct reason *reason)
{
	uint64_t database;
	if (!num_parse_u64(text, DATABASE_MAX, &database))
		return refuse(reason, "the database is no number from 0 on");
	out->database = (unsigned)database;
	return 0;
}

/* "host:port,host:port": several, for where one may be down. */
static int parse_hosts(struct slice list, uint16_t port, struct config_pool *pool, struct config_redis *out,
		       struct reason *reason)
{
	struct config_redis_host *hosts = config_pool_array(pool, CONFIG_REDIS_HOSTS_MAX, sizeof *hosts);
	struct slice item;
	size_t count = 0;
	bool more = true;
	if (!hosts)
		return -ENOMEM;
	while (more) {
		if (count == CONFIG_REDIS_HOSTS_MAX) {
			reason_set(reason, "more than %d hosts", CONFIG_REDIS_HOSTS_MAX);
			return -EINVAL;
		}
		more = slice_cut(list, ',', &item, &list);
		hosts[count].port = port;
		int result = parse_host_port(item, pool, &hosts[count++], reason);
		if (result < 0)
			return result;
	}
	out->hosts = hosts;
	out->host_count = count;
	return 0;
}

static int parse_tcp(struct slice rest, struct config_pool *pool, struct config_redis *out, struct reason *reason)
{
	struct slice authority, database;
	struct config_redis_host place = { .port = DEFAULT_PORT };
	out->kind = CONFIG_REDIS_TCP;
	slice_cut(rest, '/', &authority, &database);
	int result = parse_user(&authority, pool, out, reason);
	if (result < 0)
		return result;
	if (slice_index(rest, '?') < rest.n || slice_index(rest, '#') < rest.n)
		return refuse(reason, "nothing is taken behind ? or #");
	result = parse_host_port(authority, pool, &place, reason);
	out->host = place.host;
	out->port = place.port;
	if (result < 0 || database.n == 0)
		return result;
	return parse_database(database, out, reason);
}

static int parse_tls(struct slice rest, struct config_pool *pool, struct config_redis *out, struct reason *reason)
{
	out->tls.on = true;
	return parse_tcp(rest, pool, out, reason);
}

static int parse_sentinel(struct slice rest, struct config_pool *pool, struct config_redis *out, struct reason *reason)
{
	struct slice authority, name, query;
	out->kind = CONFIG_REDIS_SENTINEL;
	slice_cut(rest, '/', &authority, &name);
	int result = parse_user(&authority, pool, out, reason);
	if (result == 0)
		result = parse_hosts(authority, SENTINEL_PORT, pool, out, reason);
	if (result < 0)
		return result;
	bool has_query = slice_cut(name, '?', &name, &query);
	/* Sentinel's own rule for names has no other characters. */
	if (!is_host_name(name))
		return refuse(reason,
			      "behind the Sentinels stands /NAME, what they call the master: letters, digits and .-_");
	if (has_query && !slice_starts(query, SLICE("db=")))
		return refuse(reason, "behind ? stands db=N, and nothing else");
	out->master = config_pool_string(pool, name);
	if (!out->master)
		return -ENOMEM;
	return has_query ? parse_database(slice_from(query, 3), out, reason) : 0;
}

static int parse_cluster(struct slice rest, struct config_pool *pool, struct config_redis *out, struct reason *reason)
{
	struct slice authority, behind;
	out->kind = CONFIG_REDIS_CLUSTER;
	slice_cut(rest, '/', &authority, &behind);
	int result = parse_user(&authority, pool, out, reason);
	if (result == 0)
		result = parse_hosts(authority, DEFAULT_PORT, pool, out, reason);
	if (result == 0 && behind.n > 0)
		return refuse(reason, "a Cluster has no databases: nothing is taken behind the hosts");
	return result;
}

static int parse_unix(struct slice rest, struct config_pool *pool, struct config_redis *out, struct reason *reason)
{
	size_t slash = slice_index(rest, '/');
	struct slice authority = slice_head(rest, slash), path, query;
	out->kind = CONFIG_REDIS_UNIX;
	int result = parse_user(&authority, pool, out, reason);
	if (result < 0)
		return result;
	bool has_query = slice_cut(slice_from(rest, slash), '?', &path, &query);
	if (authority.n > 0 || path.n < 2)
		return refuse(reason, "the socket's path begins with a third slash: unix:///run/redis.sock");
	if (path.n > UNIX_PATH_MAX_BYTES) {
		reason_set(reason, "a socket's path has at most %d bytes, this one has %zu", UNIX_PATH_MAX_BYTES,
			   path.n);
		return -EINVAL;
	}
	if (has_query && !slice_starts(query, SLICE("db=")))
		return refuse(reason, "behind ? stands db=N, and nothing else");
	out->path = config_pool_string(pool, path);
	if (!out->path)
		return -ENOMEM;
	return has_query ? parse_database(slice_from(query, 3), out, reason) : 0;
}

static int parse_embedded(struct slice directory, const char *folder, struct config_pool *pool,
			  struct config_redis *out, struct reason *reason)
{
	out->kind = CONFIG_REDIS_EMBEDDED;
	if (directory.n == 0)
		return refuse(reason, "embedded: is not followed by a directory");
	char *joined = config_file_join(folder, directory);
	if (!joined)
		return -ENOMEM;
	out->path = config_pool_string(pool, slice_str(joined));
	free(joined);
	return out->path ? 0 : -ENOMEM;
}

int config_redis_url_parse(struct slice url, const char *folder, struct config_pool *pool, struct config_redis *out,
			   struct reason *reason)
{
	static const struct {
		struct slice scheme;
		int (*parse)(struct slice rest, struct config_pool *pool, struct config_redis *out,
			     struct reason *reason);
	} schemes[] = {
		{ SLICE_LIT("redis://"), parse_tcp },	    { SLICE_LIT("rediss://"), parse_tls },
		{ SLICE_LIT("unix://"), parse_unix },	    { SLICE_LIT("sentinel://"), parse_sentinel },
		{ SLICE_LIT("cluster://"), parse_cluster },
	};
	static const struct slice embedded = SLICE_LIT("embedded:");
	struct config_redis redis = *out;
	int result = -EINVAL;
	redis.url = (const char *)config_url_mask(url, pool).p;
	if (!redis.url)
		return -ENOMEM;
	reason_set(reason, "begins with no scheme that is known");
	for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
		if (slice_starts(url, schemes[i].scheme))
			result = schemes[i].parse(slice_from(url, schemes[i].scheme.n), pool, &redis, reason);
	if (slice_starts(url, embedded))
		result = parse_embedded(slice_from(url, embedded.n), folder, pool, &redis, reason);
	if (result == 0)
		*out = redis;
	return result;
}
