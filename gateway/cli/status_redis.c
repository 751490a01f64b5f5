/* status_redis.c - what Redis says of itself and of a stream. The difficulty: other versions say more, less, or in
 * another order, so everything is looked up by name, and nothing has to be there. */
#include "base/clock.h"
#include "base/num.h"
#include "cli/status.h"

#include <errno.h>
#include <stdio.h>

/* ---- asking ---- */

/* An error that Redis answers is a fault too, but for those that begin with `allowed`: then *reply is NULL. */
static int ask(struct store_client *client, const struct slice *words, size_t count, struct slice allowed,
	       struct store_reply **reply, struct reason *reason)
{
	struct slice error;
	int fault = store_client_call(client, words, count, 0, reply, reason);

	if (fault != 0 || store_reply_type(*reply) != STORE_REPLY_ERROR)
		return fault;
	error = slice_head(store_reply_text(*reply), 200);
	if (allowed.n > 0 && slice_starts(error, allowed)) {
		fault = 0;
	} else {
		reason_set(reason, "Redis answers %.*s: %.*s", SLICE_ARGS(words[0]), SLICE_ARGS(error));
		fault = -EIO;
	}
	store_reply_free(*reply);
	*reply = NULL;
	return fault;
}

/* ---- INFO ---- */

static struct slice fact(struct slice info, struct slice name)
{
	struct slice line, key, value;

	while (info.n > 0) {
		slice_cut(info, '\n', &line, &info);
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		if (slice_cut(line, ':', &key, &value) && slice_eq(key, name))
			return value;
	}
	return SLICE_NONE;
}

static void set_text(char *out, size_t size, struct slice s)
{
	size_t n = s.n < size ? s.n : size - 1;

	for (size_t i = 0; i < n; i++)
		out[i] = s.p[i] >= 0x20 && s.p[i] < 0x7f ? (char)s.p[i] : '?';
	out[n] = '\0';
}

static bool is_bad(struct slice status)
{
	return status.n > 0 && !slice_eq(status, SLICE("ok"));
}

static void read_persistence(struct slice info, struct status_redis *out)
{
	bool aof = slice_eq(fact(info, SLICE("aof_enabled")), SLICE("1"));
	bool aof_bad = is_bad(fact(info, SLICE("aof_last_write_status")));
	bool rdb_bad = is_bad(fact(info, SLICE("rdb_last_bgsave_status")));

	snprintf(out->persistence, sizeof out->persistence, "append-only file %s%s%s", aof ? "on" : "off",
		 aof && aof_bad ? " (the last write FAILED)" : "", rdb_bad ? ", the last snapshot FAILED" : "");
}

static void read_info(struct slice info, struct status_redis *out)
{
	struct slice valkey = fact(info, SLICE("valkey_version"));

	set_text(out->version, sizeof out->version, valkey.n > 0 ? valkey : fact(info, SLICE("redis_version")));
	set_text(out->role, sizeof out->role, fact(info, SLICE("role")));
	set_text(out->memory, sizeof out->memory, fact(info, SLICE("used_memory_human")));
	if (!slice_eq(fact(info, SLICE("maxmemory")), SLICE("0")))
		set_text(out->memory_limit, sizeof out->memory_limit, fact(info, SLICE("maxmemory_human")));
	set_text(out->policy, sizeof out->policy, fact(info, SLICE("maxmemory_policy")));
	read_persistence(info, out);
}

static int64_t number_at(const struct store_reply *list, size_t i)
{
	const struct store_reply *one = store_reply_at(list, i);
	int64_t number = 0;

	if (!one)
		return 0;
	if (store_reply_type(one) == STORE_REPLY_NUMBER)
		return store_reply_number(one);
	return num_parse_i64(store_reply_text(one), 0, INT64_MAX, &number) ? number : 0;
}

int status_redis_read(struct store_client *client, struct status_redis *out, struct reason *reason)
{
	struct store_reply *reply = NULL;
	struct slice ping = SLICE("PING"), info = SLICE("INFO"), time = SLICE("TIME");
	struct status_redis redis = { .ping_us = 0 };
	int64_t begun_us;
	int fault = ask(client, &info, 1, SLICE_NONE, &reply, reason);

	if (fault != 0)
		return fault;
	read_info(store_reply_text(reply), &redis);
	store_reply_free(reply);
	fault = ask(client, &time, 1, SLICE_NONE, &reply, reason);
	if (fault != 0)
		return fault;
	redis.now_ms = number_at(reply, 0) * 1000 + number_at(reply, 1) / 1000;
	store_reply_free(reply);
	/* Connected by now: the time of one question alone. */
	begun_us = clock_mono_us();
	fault = ask(client, &ping, 1, SLICE_NONE, &reply, reason);
	if (fault != 0)
		return fault;
	redis.ping_us = clock_mono_us() - begun_us;
	store_reply_free(reply);
	*out = redis;
	return 0;
}

/* ---- streams ---- */

/* Of a flat list of names and values; NULL when it is not there. */
static const struct store_reply *field(const struct store_reply *list, struct slice name)
{
	for (size_t i = 0; i + 1 < store_reply_count(list); i += 2) {
		if (slice_eq(store_reply_text(store_reply_at(list, i)), name))
			return store_reply_at(list, i + 1);
	}
	return NULL;
}

static int64_t number_of(const struct store_reply *list, struct slice name, int64_t otherwise)
{
	const struct store_reply *value = field(list, name);

	return value && store_reply_type(value) == STORE_REPLY_NUMBER ? store_reply_number(value) : otherwise;
}

static void read_newest(struct status_stream *stream)
{
	const struct store_reply *last = field(stream->stream_reply, SLICE("last-entry"));
	const struct store_reply *id = last ? store_reply_at(last, 0) : NULL;
	struct slice ms, rest;
	uint64_t number;

	stream->newest = id ? store_reply_text(id) : SLICE_NONE;
	slice_cut(stream->newest, '-', &ms, &rest);
	stream->newest_ms = num_parse_u64(ms, INT64_MAX, &number) ? (int64_t)number : -1;
}

int status_stream_read(struct store_client *client, struct slice stream, struct status_stream *out,
		       struct reason *reason)
{
	struct slice about_stream[] = { SLICE("XINFO"), SLICE("STREAM"), stream };
	struct slice about_groups[] = { SLICE("XINFO"), SLICE("GROUPS"), stream };
	struct status_stream read = { .newest_ms = -1 };
	int fault = ask(client, about_stream, 3, SLICE("ERR no such key"), &read.stream_reply, reason);

	if (fault == 0 && read.stream_reply) {
		read.length = number_of(read.stream_reply, SLICE("length"), 0);
		read_newest(&read);
		fault = ask(client, about_groups, 3, SLICE("ERR no such key"), &read.groups_reply, reason);
		read.groups = fault == 0 && read.groups_reply ? store_reply_count(read.groups_reply) : 0;
	}
	if (fault != 0)
		status_stream_free(&read);
	else
		*out = read;
	return fault;
}

bool status_stream_group(const struct status_stream *stream, size_t i, struct status_group *out)
{
	const struct store_reply *group = i < stream->groups ? store_reply_at(stream->groups_reply, i) : NULL;
	const struct store_reply *name = group ? field(group, SLICE("name")) : NULL;

	if (!name)
		return false;
	*out = (struct status_group){ .name = store_reply_text(name),
				      .consumers = number_of(group, SLICE("consumers"), 0),
				      .pending = number_of(group, SLICE("pending"), 0),
				      .lag = number_of(group, SLICE("lag"), -1) };
	return true;
}

void status_stream_free(struct status_stream *stream)
{
	if (stream->stream_reply)
		store_reply_free(stream->stream_reply);
	if (stream->groups_reply)
		store_reply_free(stream->groups_reply);
	*stream = (struct status_stream){ .newest_ms = -1 };
}
