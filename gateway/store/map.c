/* map.c - reads where slots are.
 *
 * Its difficulty is that a node may leave out its own host ("" or nil: as you asked me), or not know another's name ("?"):
 * the first is the host that was asked, of the second the address stands beside it from Redis 7 on. What else is not as it
 * should be makes the whole answer none, so that half a map is never used. */
#include "store/map.h"

#include "base/num.h"

#include <stdlib.h>

bool store_address_eq(const struct store_address *a, const struct store_address *b)
{
	return a->port == b->port && strcmp(a->host, b->host) == 0;
}

static bool is_host(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = s.p[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		if (!letter && !(c >= '0' && c <= '9') && c != '.' && c != '-' && c != '_' && c != ':' && c != '%')
			return false;
	}
	return s.n > 0 && s.n <= STORE_HOST_MAX;
}

static bool set_address(struct store_address *out, struct slice host, const struct store_address *asked, uint64_t port)
{
	if (host.n == 0)
		host = slice_str(asked->host);
	if (!is_host(host) || port == 0 || port > UINT16_MAX)
		return false;
	memmove(out->host, host.p, host.n);
	out->host[host.n] = '\0';
	out->port = (uint16_t)port;
	return true;
}

/* ---- CLUSTER SLOTS ---- */

/* What stands beside a node's name: pairs of a word and a value. */
static struct slice beside(const struct store_reply *node, struct slice word)
{
	const struct store_reply *more = store_reply_at(node, 3);
	for (size_t i = 0; more && i + 1 < store_reply_count(more); i += 2) {
		if (slice_eq(store_reply_text(store_reply_at(more, i)), word))
			return store_reply_text(store_reply_at(more, i + 1));
	}
	return SLICE_NONE;
}

static bool read_node(const struct store_reply *node, const struct store_address *asked, struct store_address *out)
{
	if (store_reply_count(node) < 2 || store_reply_type(store_reply_at(node, 1)) != STORE_REPLY_NUMBER)
		return false;
	enum store_reply_type type = store_reply_type(store_reply_at(node, 0));
	struct slice host = store_reply_text(store_reply_at(node, 0));
	int64_t port = store_reply_number(store_reply_at(node, 1));
	if ((type != STORE_REPLY_STRING && type != STORE_REPLY_NIL) || port < 0)
		return false;
	if (slice_eq(host, SLICE("?"))) {
		host = beside(node, SLICE("ip"));
		if (host.n == 0)
			return false;
	}
	return set_address(out, host, asked, (uint64_t)port);
}

/* 1 + the index of a master of the map, which is added where it is not there; 0: there is no room. */
static uint16_t index_of(struct store_map *map, const struct store_address *master, size_t *room)
{
	/* The ranges of one master mostly stand together. */
	for (size_t i = map->count; i > 0; i--) {
		if (store_address_eq(&map->masters[i - 1], master))
			return (uint16_t)i;
	}
	if (map->count == STORE_MASTERS_MAX)
		return 0;
	if (map->count == *room) {
		size_t wanted = *room > 0 ? *room * 2 : 16;
		struct store_address *masters = realloc(map->masters, wanted * sizeof *masters);
		if (!masters)
			return 0;
		map->masters = masters;
		*room = wanted;
	}
	map->masters[map->count++] = *master;
	return (uint16_t)map->count;
}

/* What of an answer was read so far. */
struct reading {
	struct store_map *map;
	size_t room;   /* for masters */
	int64_t slots; /* of all ranges so far; each slot is in one of them, or else a short answer may cost long work */
	bool twice;    /* there are more than there can be */
};

/* A range: its first and last slot, its master, its replicas. */
static bool read_range(const struct store_reply *range, const struct store_address *asked, struct reading *reading)
{
	struct store_address master;
	if (store_reply_count(range) < 3 || store_reply_type(store_reply_at(range, 0)) != STORE_REPLY_NUMBER ||
	    store_reply_type(store_reply_at(range, 1)) != STORE_REPLY_NUMBER)
		return false;
	int64_t first = store_reply_number(store_reply_at(range, 0));
	int64_t last = store_reply_number(store_reply_at(range, 1));
	if (first < 0 || last < first || last >= STORE_SLOTS)
		return false;
	if (!read_node(store_reply_at(range, 2), asked, &master))
		return false;
	reading->slots += last - first + 1;
	reading->twice = reading->slots > STORE_SLOTS;
	uint16_t index = reading->twice ? 0 : index_of(reading->map, &master, &reading->room);
	for (int64_t slot = first; index != 0 && slot <= last; slot++)
		reading->map->owner[slot] = index;
	return index != 0;
}

bool store_map_read(const struct store_reply *reply, const struct store_address *asked, struct store_map *map,
		    struct reason *reason)
{
	struct store_map *read = calloc(1, sizeof *read);
	struct reading reading = { .map = read };
	size_t ranges = store_reply_count(reply);
	bool good = read && store_reply_type(reply) == STORE_REPLY_LIST && ranges <= STORE_SLOTS;
	if (store_reply_type(reply) == STORE_REPLY_ERROR)
		reason_set(reason, "Redis refused CLUSTER SLOTS: %.*s",
			   SLICE_ARGS(slice_head(store_reply_text(reply), 160)));
	else if (good && ranges == 0)
		reason_set(reason, "no slot of the Cluster is served");
	else
		reason_set(reason, "Redis answered CLUSTER SLOTS otherwise than it should");
	for (size_t i = 0; good && i < ranges; i++)
		good = read_range(store_reply_at(reply, i), asked, &reading);
	if (reading.twice)
		reason_set(reason, "Redis answered CLUSTER SLOTS with more slots than there are");
	good = good && read->count > 0;
	if (good) {
		store_map_clear(map);
		*map = *read;
	} else if (read) {
		store_map_clear(read);
	}
	free(read);
	return good;
}

bool store_map_is_down(const struct store_reply *reply)
{
	struct slice rest = store_reply_text(reply), line;
	while (slice_cut(rest, '\n', &line, &rest))
		if (slice_starts(line, SLICE("cluster_state:")))
			return !slice_starts(line, SLICE("cluster_state:ok"));
	/* Who may not ask is not told. */
	return false;
}

void store_map_clear(struct store_map *map)
{
	free(map->masters);
	memset(map, 0, sizeof *map);
}

/* ---- errors ---- */

/* "3999 127.0.0.1:6381"; the host may hold colons, and may be left out. */
static bool read_place(struct slice rest, const struct store_address *from, struct store_redirect *out)
{
	struct slice number, place;
	uint64_t slot, port;
	if (!slice_cut(rest, ' ', &number, &place) || !num_parse_u64(number, STORE_SLOTS - 1, &slot))
		return false;
	size_t colon = place.n;
	while (colon > 0 && place.p[colon - 1] != ':')
		colon--;
	if (colon == 0 || !num_parse_u64(slice_from(place, colon), UINT16_MAX, &port))
		return false;
	out->slot = (uint16_t)slot;
	return set_address(&out->to, slice_head(place, colon - 1), from, port);
}

struct store_redirect store_redirect_read(struct slice error, const struct store_address *from)
{
	struct store_redirect redirect = { .kind = STORE_REDIRECT_NONE };
	struct slice word, rest;
	slice_cut(error, ' ', &word, &rest);
	if (slice_eq(word, SLICE("TRYAGAIN")))
		redirect.kind = STORE_REDIRECT_AGAIN;
	else if (slice_eq(word, SLICE("CLUSTERDOWN")))
		redirect.kind = STORE_REDIRECT_DOWN;
	else if (slice_eq(word, SLICE("MOVED")) && read_place(rest, from, &redirect))
		redirect.kind = STORE_REDIRECT_MOVED;
	else if (slice_eq(word, SLICE("ASK")) && read_place(rest, from, &redirect))
		redirect.kind = STORE_REDIRECT_ASK;
	return redirect;
}
