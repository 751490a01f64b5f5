/* fuzz_map.c - what a node of a Cluster answers to CLUSTER SLOTS, or of an event: a map is whole, or it is as it was. */
#include "fuzz.h"
#include "store/map.h"

#include <hiredis/hiredis.h>

static const struct store_address asked = { "10.0.0.9", 7000 };

static void check_address(const struct store_address *address)
{
	size_t n = strnlen(address->host, sizeof address->host);
	MUST(n > 0 && n <= STORE_HOST_MAX && address->port > 0);
	for (size_t i = 0; i < n; i++)
		MUST(address->host[i] > ' ' && address->host[i] < 127);
}

static void check_map(const redisReply *reply)
{
	static struct store_map map;
	struct reason reason = { "" };
	if (store_map_read((const struct store_reply *)(const void *)reply, &asked, &map, &reason)) {
		MUST(map.count > 0 && map.count <= STORE_MASTERS_MAX);
		for (size_t i = 0; i < map.count; i++)
			check_address(&map.masters[i]);
		for (size_t i = 0; i < STORE_SLOTS; i++)
			MUST(map.owner[i] <= map.count);
	} else {
		MUST(reason.text[0] != '\0' && map.count == 0);
	}
	store_map_clear(&map);
}

static void check_redirect(struct slice error)
{
	struct store_redirect found = store_redirect_read(error, &asked);
	if (found.kind != STORE_REDIRECT_MOVED && found.kind != STORE_REDIRECT_ASK)
		return;
	MUST(found.slot < STORE_SLOTS);
	check_address(&found.to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	redisReader *reader = redisReaderCreate();
	void *reply = NULL;
	MUST(reader);
	check_redirect(slice_of(data, size));
	if (redisReaderFeed(reader, (const char *)data, size) == REDIS_OK &&
	    redisReaderGetReply(reader, &reply) == REDIS_OK && reply) {
		const redisReply *read = reply;
		if (read->type == REDIS_REPLY_ERROR)
			check_redirect(slice_of(read->str, read->len));
		check_map(read);
		freeReplyObject(reply);
	}
	redisReaderFree(reader);
	return 0;
}
