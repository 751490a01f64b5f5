/* limits.c - how many connections there may be, in all and from one address, over all workers.
 *
 * The special difficulty: the kernel spreads connections over the workers as it likes, so a limit per worker would be
 * none; this is the one thing that workers share and write. It is touched when a connection comes and goes, never by a
 * delivery. */
#include "http/inside.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct entry {
	unsigned char key[16];
	uint32_t count; /* 0: free */
};

struct http_limits {
	pthread_mutex_t lock;
	uint32_t max_connections, per_address;
	uint32_t connections;
	struct entry *table; /* open addressing with linear probing; holds each address that has a connection */
	size_t used, mask;
};

void http_peer_of(const struct sockaddr *address, struct http_peer *peer)
{
	memset(peer, 0, sizeof *peer);
	if (!address)
		return;
	if (address->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, address, sizeof in);
		peer->key[10] = peer->key[11] = 0xff;
		memcpy(peer->key + 12, &in.sin_addr, 4);
		peer->counted = true;
	} else if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, address, sizeof in6);
		memcpy(peer->key, &in6.sin6_addr, IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr) ? 16 : 8);
		peer->counted = true;
	}
}

int http_limits_new(uint32_t max_connections, uint32_t per_address, struct http_limits **out)
{
	struct http_limits *limits = calloc(1, sizeof *limits);

	if (!limits)
		return -ENOMEM;
	limits->table = calloc(64, sizeof *limits->table);
	if (!limits->table) {
		free(limits);
		return -ENOMEM;
	}
	limits->mask = 63;
	limits->max_connections = max_connections;
	limits->per_address = per_address;
	pthread_mutex_init(&limits->lock, NULL);
	*out = limits;
	return 0;
}

void http_limits_change(struct http_limits *limits, uint32_t max_connections, uint32_t per_address)
{
	pthread_mutex_lock(&limits->lock);
	limits->max_connections = max_connections;
	limits->per_address = per_address;
	pthread_mutex_unlock(&limits->lock);
}

void http_limits_free(struct http_limits *limits)
{
	if (!limits)
		return;
	pthread_mutex_destroy(&limits->lock);
	free(limits->table);
	free(limits);
}

static size_t hash(const unsigned char key[16])
{
	uint64_t a, b;

	memcpy(&a, key, 8);
	memcpy(&b, key + 8, 8);
	a = (a ^ (b * 0x9e3779b97f4a7c15u)) * 0xbf58476d1ce4e5b9u;
	return (size_t)(a ^ (a >> 31));
}

static struct entry *find(const struct http_limits *limits, const unsigned char key[16])
{
	size_t at = hash(key) & limits->mask;

	while (limits->table[at].count != 0 && memcmp(limits->table[at].key, key, 16) != 0)
		at = (at + 1) & limits->mask;
	return &limits->table[at];
}

static bool grow(struct http_limits *limits)
{
	struct entry *old = limits->table;
	size_t size = (limits->mask + 1) * 2, old_size = limits->mask + 1;
	struct entry *table = calloc(size, sizeof *table);

	if (!table)
		return false;
	limits->table = table;
	limits->mask = size - 1;
	for (size_t i = 0; i < old_size; i++) {
		if (old[i].count != 0)
			*find(limits, old[i].key) = old[i];
	}
	free(old);
	return true;
}

/* Frees the place, and moves those behind it that would no longer be found. */
static void take_out(struct http_limits *limits, struct entry *entry)
{
	size_t hole = (size_t)(entry - limits->table), at = hole;

	for (;;) {
		size_t home;

		at = (at + 1) & limits->mask;
		if (limits->table[at].count == 0)
			break;
		home = hash(limits->table[at].key) & limits->mask;
		if (((at - home) & limits->mask) >= ((at - hole) & limits->mask)) {
			limits->table[hole] = limits->table[at];
			hole = at;
		}
	}
	limits->table[hole].count = 0;
	limits->used--;
}

static bool take_address(struct http_limits *limits, const struct http_peer *peer)
{
	struct entry *entry = find(limits, peer->key);

	if (limits->per_address != 0 && entry->count >= limits->per_address)
		return false;
	if (entry->count == 0) {
		if (limits->used * 2 > limits->mask) {
			if (!grow(limits))
				return false;
			entry = find(limits, peer->key);
		}
		memcpy(entry->key, peer->key, 16);
		limits->used++;
	}
	entry->count++;
	return true;
}

bool http_limits_take(struct http_limits *limits, const struct http_peer *peer)
{
	bool taken = false;

	if (!limits)
		return true;
	pthread_mutex_lock(&limits->lock);
	if (limits->connections < limits->max_connections && (!peer->counted || take_address(limits, peer))) {
		limits->connections++;
		taken = true;
	}
	pthread_mutex_unlock(&limits->lock);
	return taken;
}

void http_limits_give_back(struct http_limits *limits, const struct http_peer *peer)
{
	if (!limits)
		return;
	pthread_mutex_lock(&limits->lock);
	limits->connections--;
	if (peer->counted) {
		struct entry *entry = find(limits, peer->key);

		if (entry->count > 1)
			entry->count--;
		else if (entry->count == 1)
			take_out(limits, entry);
	}
	pthread_mutex_unlock(&limits->lock);
}
