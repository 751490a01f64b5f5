/* inspect.c - what of Redis endangers the promise.
 *
 * Nearly all of it stands in one INFO, which is text for people with a line per fact. The difficulty is that what
 * cannot be asked (CONFIG is often renamed or forbidden) must not be taken for good, nor for bad: it becomes a note. */
#include "base/num.h"
#include "store/client_inner.h"

#include <stdarg.h>
#include <stdio.h>

struct inspection {
	struct store_client *client;
	void (*found)(void *arg, bool danger, const char *text);
	void *arg;
	struct slice info;
};

static void __attribute__((format(printf, 3, 4))) say(const struct inspection *in, bool danger, const char *format, ...)
{
	char text[256];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	in->found(in->arg, danger, text);
}

/* The value of a fact of INFO; empty when it is not there. */
static struct slice fact(const struct inspection *in, const char *name)
{
	struct slice rest = in->info, line, key, value;
	while (rest.n > 0) {
		slice_cut(rest, '\n', &line, &rest);
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line = slice_head(line, line.n - 1);
		if (slice_cut(line, ':', &key, &value) && slice_eq(key, slice_str(name)))
			return value;
	}
	return SLICE_NONE;
}

static bool is(struct slice value, const char *text)
{
	return slice_eq(value, slice_str(text));
}

/* "7.0.15" as 7000; 0 when it is none. */
static uint64_t version_of(struct slice text)
{
	struct slice major, rest, minor;
	uint64_t a = 0, b = 0;
	slice_cut(text, '.', &major, &rest);
	slice_cut(rest, '.', &minor, &rest);
	return num_parse_u64(major, 1000, &a) && num_parse_u64(minor, 999, &b) ? a * 1000 + b : 0;
}

static void look_at_server(const struct inspection *in)
{
	struct slice text = fact(in, "redis_version");
	uint64_t version = version_of(text);
	if (version == 0)
		say(in, false, "it does not tell its version");
	else if (version < 5000)
		say(in, true, "Redis %.*s has no streams: 5.0 or newer is needed", SLICE_ARGS(slice_head(text, 20)));
	else if (version < 6002)
		say(in, false, "Redis %.*s is older than 6.2: consumers cannot use XAUTOCLAIM",
		    SLICE_ARGS(slice_head(text, 20)));
	if (is(fact(in, "loading"), "1"))
		say(in, true, "it is still loading its data: nothing can be stored until it is done");
	if (is(fact(in, "role"), "slave"))
		say(in, true, "it is a replica: it refuses to store; use the master's address");
	if (is(fact(in, "cluster_enabled"), "1") && !in->client->front)
		say(in, true,
		    "it is a node of a Cluster: routes whose slot is another node's cannot be stored; use a cluster:// "
		    "URL");
	if (in->client->front && is(fact(in, "connected_slaves"), "0"))
		say(in, false, "it has no replica: when it fails, its routes wait until it is back");
}

static void look_at_eviction(const struct inspection *in)
{
	struct slice policy = fact(in, "maxmemory_policy");
	uint64_t maxmemory = 0;
	bool limited = num_parse_u64(fact(in, "maxmemory"), UINT64_MAX, &maxmemory) && maxmemory > 0;
	if (policy.n == 0)
		say(in, false, "it does not tell its maxmemory-policy: noeviction is the one that loses nothing");
	else if (slice_starts(policy, SLICE("allkeys")))
		say(in, limited,
		    "maxmemory-policy is %.*s: when memory is short, whole streams are dropped%s; set noeviction",
		    SLICE_ARGS(slice_head(policy, 30)), limited ? "" : " (no maxmemory is set now)");
	else if (!is(policy, "noeviction"))
		say(in, limited,
		    "maxmemory-policy is %.*s: when memory is short, seen ids are forgotten and their events stored "
		    "twice%s; "
		    "set noeviction",
		    SLICE_ARGS(slice_head(policy, 30)), limited ? "" : " (no maxmemory is set now)");
}

static void look_at_memory(const struct inspection *in)
{
	uint64_t used = 0, limit = 0, machine = 0;
	if (!num_parse_u64(fact(in, "used_memory"), UINT64_MAX, &used))
		return;
	if (num_parse_u64(fact(in, "maxmemory"), UINT64_MAX, &limit) && limit > 0) {
		if (used / 9 >= limit / 10)
			say(in, true, "its maxmemory is nearly full (%u %%): then it refuses to store",
			    (unsigned)((double)used / (double)limit * 100));
	} else if (num_parse_u64(fact(in, "total_system_memory"), UINT64_MAX, &machine) && used / 8 >= machine / 10) {
		say(in, true, "it holds %u %% of the machine's memory, and no maxmemory is set: the kernel may end it",
		    (unsigned)((double)used / (double)machine * 100));
	}
}

/* CONFIG GET of one name. `copy` gets at most size - 1 bytes and a NUL. 1: it is told; 0: it is not; or a fault. */
static int setting(const struct inspection *in, const char *name, char *copy, size_t size, struct reason *reason)
{
	struct store_reply *reply = NULL;
	int fault = store_client_call(in->client, (struct slice[]){ SLICE("CONFIG"), SLICE("GET"), slice_str(name) }, 3,
				      0, &reply, reason);
	if (fault != 0)
		return fault;
	bool told = store_reply_count(reply) == 2;
	if (told)
		snprintf(copy, size, "%.*s", SLICE_ARGS(slice_head(store_reply_text(store_reply_at(reply, 1)), size)));
	else
		say(in, false, "it does not tell its setting %s", name);
	store_reply_free(reply);
	return told;
}

static int look_at_snapshots(const struct inspection *in, struct reason *reason)
{
	char save[64];
	int told = setting(in, "save", save, sizeof save, reason);
	if (told < 0)
		return told;
	if (told == 1 && save[0] == '\0')
		say(in, true, "it keeps nothing on disk: its end loses all events; set appendonly yes");
	else
		say(in, true,
		    "it has no append-only file: a crash loses all since the last snapshot; set appendonly yes");
	return 0;
}

static int look_at_append_only_file(const struct inspection *in, struct reason *reason)
{
	char fsync[16];
	if (is(fact(in, "aof_last_write_status"), "err"))
		say(in, true, "it cannot write its append-only file");
	int told = setting(in, "appendfsync", fsync, sizeof fsync, reason);
	if (told < 0)
		return told;
	if (told == 1 && is(slice_str(fsync), "everysec"))
		say(in, false, "appendfsync is everysec: a crash of the machine loses up to two seconds");
	else if (told == 1 && !is(slice_str(fsync), "always"))
		say(in, true, "appendfsync is %s: a crash of the machine loses up to 30 seconds; set everysec", fsync);
	return 0;
}

static int look_at_persistence(const struct inspection *in, struct reason *reason)
{
	struct slice enabled = fact(in, "aof_enabled");
	if (is(fact(in, "rdb_last_bgsave_status"), "err"))
		say(in, true, "its last snapshot failed: it may refuse to store (MISCONF)");
	if (enabled.n == 0) {
		say(in, false, "it does not tell whether it keeps anything on disk");
		return 0;
	}
	return is(enabled, "1") ? look_at_append_only_file(in, reason) : look_at_snapshots(in, reason);
}

/* Entries of a stream share nodes, and trimming looks through a node's: a very large one is slow. */
static int look_at_streams(const struct inspection *in, struct reason *reason)
{
	char size[24];
	uint64_t bytes = 0;
	int told = setting(in, "stream-node-max-bytes", size, sizeof size, reason);
	if (told == 1 && num_parse_u64(slice_str(size), UINT64_MAX, &bytes) && (bytes == 0 || bytes > 1024 * 1024))
		say(in, false, "stream-node-max-bytes is %s: large nodes make trimming and reading slow; 4096 is usual",
		    size);
	return told < 0 ? told : 0;
}

/* Cut off from its replicas and the Sentinels, but not from us, it would go on alone. */
static int look_at_switches(const struct inspection *in, struct reason *reason)
{
	char least[24];
	int told = setting(in, "min-replicas-to-write", least, sizeof least, reason);
	if (told == 1 && is(slice_str(least), "0"))
		say(in, true,
		    "min-replicas-to-write is 0: a master that is cut off goes on taking events, and forgets them when "
		    "it becomes a replica; set 1");
	if (told < 0)
		return told;
	return store_client_inspect_sentinels(in->client, in->found, in->arg, reason);
}

int store_client_inspect(struct store_client *client, void (*found)(void *arg, bool danger, const char *text),
			 void *arg, struct reason *reason)
{
	struct inspection in = { .client = client, .found = found, .arg = arg };
	struct store_reply *info = NULL;
	if (client->nodes)
		return store_client_inspect_cluster(client, found, arg, reason);
	int fault = store_client_call(client, (struct slice[]){ SLICE("INFO") }, 1, 0, &info, reason);
	if (fault != 0)
		return fault;
	if (store_reply_type(info) != STORE_REPLY_STRING) {
		say(&in, false, "it cannot be looked at: %.*s", SLICE_ARGS(slice_head(store_reply_text(info), 160)));
	} else {
		in.info = store_reply_text(info);
		look_at_server(&in);
		look_at_eviction(&in);
		look_at_memory(&in);
		fault = look_at_persistence(&in, reason);
		if (fault == 0)
			fault = look_at_streams(&in, reason);
		if (fault == 0 && client->redis->kind == CONFIG_REDIS_SENTINEL)
			fault = look_at_switches(&in, reason);
	}
	store_reply_free(info);
	return fault;
}
