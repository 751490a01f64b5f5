/* client_seek.c - the master, as the Sentinels name it, for the blocking client.
 *
 * They are asked one after the other, and the first that names one is believed, since what it names must say itself that
 * it is one. Its difficulty is the time: a Sentinel
 * that is cut off must not use up what the others need, and amid a switch the named one may not be a master yet. */
#include "base/clock.h"
#include "store/client_inner.h"

#include <errno.h>

enum { EACH_MS = 500, PAUSE_MS = 100 };

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int ask_address(struct store_client *client, int64_t end_ms, struct store_master *out,
		       enum store_sentinel_trouble *trouble, struct reason *reason)
{
	const struct slice words[] = { SLICE("SENTINEL"), SLICE("GET-MASTER-ADDR-BY-NAME"),
				       slice_str(client->redis->master) };
	redisReply *reply = NULL;
	int fault = store_client_exchange(client, words, 3, end_ms, &reply, reason);
	if (fault != 0)
		return fault;
	if (!store_sentinel_address(client->redis, reply, out, trouble, reason))
		fault = -EIO;
	freeReplyObject(reply);
	return fault;
}

static int ask_epoch(struct store_client *client, int64_t end_ms, struct store_master *out, struct reason *reason)
{
	const struct slice words[] = { SLICE("SENTINEL"), SLICE("MASTER"), slice_str(client->redis->master) };
	redisReply *reply = NULL;
	int fault = store_client_exchange(client, words, 3, end_ms, &reply, reason);
	if (fault != 0)
		return fault;
	out->epoch = store_sentinel_epoch(reply);
	freeReplyObject(reply);
	return 0;
}

int store_client_ask_sentinel(struct store_client *client, size_t number, int64_t end_ms, struct store_master *out,
			      enum store_sentinel_trouble *trouble, struct reason *reason)
{
	const struct config_redis *redis = client->redis;
	const struct config_redis_host *at = &redis->hosts[number];
	struct reason inner = { "" };
	*trouble = STORE_SENTINEL_UNREACHED;
	end_ms = earlier(end_ms, clock_mono_ms() + EACH_MS);
	int fault = store_client_open(client, at->host, at->port, end_ms, &inner);
	if (fault == 0) {
		fault = store_client_login(client, redis->sentinel_username, redis->sentinel_password, end_ms, &inner);
		if (fault == -EIO)
			*trouble = STORE_SENTINEL_REFUSED;
	}
	if (fault == 0)
		fault = ask_address(client, end_ms, out, trouble, &inner);
	if (fault == 0)
		fault = ask_epoch(client, end_ms, out, &inner);
	store_client_close(client);
	if (fault != 0)
		reason_set(reason, "Sentinel %.80s:%u: %.150s", at->host, (unsigned)at->port, inner.text);
	return fault;
}

/* The first that names a master. -EIO with the reason that tells most. */
static int find(struct store_client *client, int64_t end_ms, struct store_master *out, struct reason *reason)
{
	size_t count = client->redis->host_count;
	enum store_sentinel_trouble worst = STORE_SENTINEL_UNREACHED;
	for (size_t i = 0; i < count; i++) {
		size_t number = (client->sentinel + i) % count;
		enum store_sentinel_trouble trouble;
		struct reason why = { "" };
		int fault = store_client_ask_sentinel(client, number, end_ms, out, &trouble, &why);
		if (fault == 0)
			client->sentinel = number;
		if (fault != -EIO) {
			*reason = why;
			return fault;
		}
		if (i == 0 || trouble > worst) {
			reason_set(reason, "%s%s",
				   trouble == STORE_SENTINEL_UNREACHED ? "no Sentinel can be reached: " : "", why.text);
			worst = trouble;
		}
	}
	return -EIO;
}

/* A replica's answer to ROLE begins with "slave". */
static int look_at_role(struct store_client *client, int64_t end_ms, struct reason *reason)
{
	redisReply *reply = NULL;
	int fault = store_client_exchange(client, (struct slice[]){ SLICE("ROLE") }, 1, end_ms, &reply, reason);
	if (fault != 0)
		return fault;
	if (!store_sentinel_begins(reply, "master")) {
		bool error = reply->type == REDIS_REPLY_ERROR;
		reason_set(reason, "what the Sentinels name is not a master%s%.120s", error ? ": " : "",
			   error ? reply->str : "");
		fault = -EIO;
	}
	freeReplyObject(reply);
	return fault;
}

static int go(struct store_client *client, const struct store_master *master, int64_t end_ms, struct reason *reason)
{
	struct reason inner = { "" };
	int fault = store_client_open(client, master->host, master->port, end_ms, &inner);
	if (fault == 0)
		fault = store_client_greet(client, end_ms, &inner);
	if (fault == 0)
		fault = look_at_role(client, end_ms, &inner);
	if (fault != 0)
		reason_set(reason, "the master %.80s:%u: %.140s", master->host, (unsigned)master->port, inner.text);
	return fault;
}

int store_client_seek(struct store_client *client, int64_t end_ms, struct reason *reason)
{
	struct store_master master = { .port = 0 };
	int fault;
	for (;;) {
		fault = find(client, end_ms, &master, reason);
		if (fault != 0)
			break;
		fault = go(client, &master, end_ms, reason);
		if (fault != -EIO || clock_mono_ms() + PAUSE_MS >= end_ms)
			break;
		/* Amid a switch: who is to be the master is not one yet. */
		store_client_close(client);
		fault = store_client_pause(client, PAUSE_MS, reason);
		if (fault != 0)
			break;
	}
	return fault;
}
