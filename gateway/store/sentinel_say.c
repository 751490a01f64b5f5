/* sentinel_say.c - what a Sentinel answers. The one difficulty: any program may listen at that port, so each answer is
 * looked at for what it is before it is believed; and what it calls a host may end up in a log. */
#include "base/num.h"
#include "store/sentinel.h"

#include <string.h>

static struct slice text_of(const redisReply *reply)
{
	bool text = reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_ERROR ||
		    reply->type == REDIS_REPLY_STATUS;
	return text ? slice_of(reply->str, reply->len) : SLICE_NONE;
}

static struct slice element_text(const redisReply *reply, size_t i)
{
	return reply->type == REDIS_REPLY_ARRAY && i < reply->elements ? text_of(reply->element[i]) : SLICE_NONE;
}

bool store_sentinel_begins(const redisReply *reply, const char *word)
{
	return slice_eq(element_text(reply, 0), slice_str(word));
}

static bool is_host(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = s.p[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		/* Colons are of IPv6, the percent sign of its zones. */
		if (!letter && !(c >= '0' && c <= '9') && (c == '\0' || !strchr(".-_:%", c)))
			return false;
	}
	return s.n > 0 && s.n < STORE_HOST_ROOM;
}

static void refused(const redisReply *reply, struct reason *reason)
{
	struct slice text = slice_head(text_of(reply), 120);
	if (slice_starts(text, SLICE("NOAUTH")))
		reason_set(reason, "it wants a login (%.*s): say redis.sentinel_password", SLICE_ARGS(text));
	else if (slice_starts(text, SLICE("ERR unknown command")))
		reason_set(reason, "it is no Sentinel: %.*s", SLICE_ARGS(text));
	else
		reason_set(reason, "it refused: %.*s", SLICE_ARGS(text));
}

bool store_sentinel_let_in(const redisReply *reply, struct reason *reason)
{
	struct slice text = slice_head(text_of(reply), 120);
	if (reply->type == REDIS_REPLY_STATUS)
		return true;
	reason_set(reason, "it refused the login: %.*s", SLICE_ARGS(text));
	return false;
}

bool store_sentinel_address(const struct config_redis *redis, const redisReply *reply, struct store_master *out,
			    enum store_sentinel_trouble *trouble, struct reason *reason)
{
	struct slice host = element_text(reply, 0);
	uint64_t port = 0;
	*trouble = STORE_SENTINEL_REFUSED;
	if (reply->type == REDIS_REPLY_ERROR) {
		refused(reply, reason);
		return false;
	}
	/* A null array comes as NIL. */
	if (reply->type == REDIS_REPLY_NIL) {
		*trouble = STORE_SENTINEL_UNKNOWN;
		reason_set(reason, "it knows no master named %.100s", redis->master);
		return false;
	}
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 || !is_host(host) ||
	    !num_parse_u64(element_text(reply, 1), UINT16_MAX, &port) || port == 0) {
		reason_set(reason, "it answered what is no address");
		return false;
	}
	*out = (struct store_master){ .port = (uint16_t)port };
	memcpy(out->host, host.p, host.n);
	return true;
}

uint64_t store_sentinel_epoch(const redisReply *reply)
{
	uint64_t epoch = 0;
	for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i + 1 < reply->elements; i += 2)
		if (slice_eq(element_text(reply, i), SLICE("config-epoch")) &&
		    num_parse_u64(element_text(reply, i + 1), UINT64_MAX, &epoch))
			break;
	return epoch;
}
