/* waits.c - can this Redis keep what the routes' `ack` promises?
 *
 * The one difficulty: too few replicas are a danger, which may be over in a second; that `ack: synced` cannot be had at all is a
 * mistake, and a gateway that starts all the same would refuse every delivery of that route. */
#include "store/client_inner.h"
#include "store/link.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

struct waits {
	struct store_client *client;
	void (*found)(void *arg, bool danger, const char *text);
	void *arg;
	const char *name; /* of the master of a Cluster; NULL: there is but one Redis */
	/* The route that asks for most, of each kind; NULL: none does. */
	const struct config_route *replicated, *synced;
};

static void __attribute__((format(printf, 3, 4))) say(const struct waits *waits, bool danger, const char *format, ...)
{
	char text[360];
	int n = waits->name ? snprintf(text, sizeof text, "%.80s: ", waits->name) : 0;
	va_list args;
	va_start(args, format);
	vsnprintf(text + n, sizeof text - (size_t)n, format, args);
	va_end(args);
	waits->found(waits->arg, danger, text);
}

static void find_routes(struct waits *waits, const struct config *config)
{
	for (size_t i = 0; i < config->route_count; i++) {
		const struct config_route *route = &config->routes[i];
		if (route->ack == CONFIG_ACK_SYNCED && !waits->synced)
			waits->synced = route;
		if (route->ack_replicas > 0 &&
		    (!waits->replicated || waits->replicated->ack_replicas < route->ack_replicas))
			waits->replicated = route;
	}
}

static int ask(const struct waits *waits, const struct slice *words, size_t count, struct store_reply **reply,
	       struct reason *reason)
{
	return store_client_call(waits->client, words, count, 0, reply, reason);
}

/* Those that are in step: one that is being filled answers no WAIT yet. */
static unsigned count_replicas(struct slice info)
{
	struct slice line;
	unsigned count = 0;
	while (info.n > 0) {
		slice_cut(info, '\n', &line, &info);
		for (size_t at = 0; slice_starts(line, SLICE("slave")) && at < line.n; at++)
			if (slice_starts(slice_from(line, at), SLICE("state=online")))
				count++;
	}
	return count;
}

static int look_at_replicas(const struct waits *waits, struct reason *reason)
{
	struct store_reply *reply = NULL;
	int fault = ask(waits, (struct slice[]){ SLICE("INFO"), SLICE("replication") }, 2, &reply, reason);
	if (fault != 0)
		return fault;
	unsigned count = count_replicas(store_reply_text(reply)), wanted = waits->replicated->ack_replicas;
	if (store_reply_type(reply) != STORE_REPLY_STRING)
		say(waits, false, "it does not tell how many replicas it has");
	else if (count < wanted)
		say(waits, true,
		    "it has %u replica%s in step, and route %.*s waits for %u: until they are there, such deliveries "
		    "get 503, or are kept in the journal",
		    count, count == 1 ? "" : "s", SLICE_ARGS(waits->replicated->name), wanted);
	else
		say(waits, false, "it has %u replica%s in step; route %.*s waits for %u", count, count == 1 ? "" : "s",
		    SLICE_ARGS(waits->replicated->name), wanted);
	store_reply_free(reply);
	return 0;
}

/* Of a connection that has written nothing: it is answered at once. */
static int try_wait(const struct waits *waits, struct reason *reason)
{
	struct store_reply *reply = NULL;
	int fault = ask(waits, (struct slice[]){ SLICE("WAIT"), SLICE("0"), SLICE("1") }, 3, &reply, reason);
	if (fault == 0 && store_reply_type(reply) == STORE_REPLY_ERROR)
		say(waits, true, "it refuses WAIT, for which route %.*s asks: %.*s",
		    SLICE_ARGS(waits->replicated->name), SLICE_ARGS(slice_head(store_reply_text(reply), 120)));
	store_reply_free(reply);
	return fault;
}

static int look_at_fsync(const struct waits *waits, struct reason *reason)
{
	struct store_reply *reply = NULL;
	int fault =
		ask(waits, (struct slice[]){ SLICE("CONFIG"), SLICE("GET"), SLICE("appendfsync") }, 3, &reply, reason);
	if (fault != 0)
		return fault;
	const struct store_reply *value = store_reply_at(reply, 1);
	if (value && !slice_eq(store_reply_text(value), SLICE("always")))
		say(waits, false,
		    "appendfsync is %.*s: a delivery of route %.*s (ack: synced) takes up to two seconds; set always",
		    SLICE_ARGS(slice_head(store_reply_text(value), 20)), SLICE_ARGS(waits->synced->name));
	store_reply_free(reply);
	return 0;
}

static int look_at_disk(const struct waits *waits, struct reason *reason)
{
	struct store_reply *reply = NULL;
	int fault =
		ask(waits, (struct slice[]){ SLICE("WAITAOF"), SLICE("1"), SLICE("0"), SLICE("1") }, 4, &reply, reason);
	struct slice text;
	if (fault != 0)
		return fault;
	text = store_reply_type(reply) == STORE_REPLY_ERROR ? store_reply_text(reply) : SLICE_NONE;
	if (slice_starts(text, SLICE(STORE_WAITED_ERROR_UNKNOWN)))
		reason_set(reason, STORE_WAITED_UNKNOWN);
	else if (slice_starts(text, SLICE(STORE_WAITED_ERROR_OFF)))
		reason_set(reason, STORE_WAITED_OFF);
	else if (text.n > 0)
		say(waits, true, "it refuses WAITAOF, for which route %.*s asks: %.*s", SLICE_ARGS(waits->synced->name),
		    SLICE_ARGS(slice_head(text, 120)));
	if (slice_starts(text, SLICE(STORE_WAITED_ERROR_UNKNOWN)) || slice_starts(text, SLICE(STORE_WAITED_ERROR_OFF)))
		fault = -ENOTSUP;
	store_reply_free(reply);
	return fault != 0 || text.n > 0 ? fault : look_at_fsync(waits, reason);
}

static int look(const struct waits *waits, struct reason *reason)
{
	int fault = 0;
	if (waits->replicated)
		fault = look_at_replicas(waits, reason);
	if (fault == 0 && waits->replicated && waits->replicated->ack == CONFIG_ACK_REPLICATED)
		fault = try_wait(waits, reason);
	if (fault == 0 && waits->synced)
		fault = look_at_disk(waits, reason);
	return fault;
}

/* That one cannot be asked is told by who looks at the Cluster as a whole. */
static int look_at_master(void *arg, struct store_client *client, const char *name, struct reason *reason)
{
	struct waits *waits = arg;
	waits->client = client;
	waits->name = name;
	int fault = look(waits, reason);
	return fault == -EIO ? 0 : fault;
}

int store_client_inspect_waits(struct store_client *client, const struct config *config,
			       void (*found)(void *arg, bool danger, const char *text), void *arg,
			       struct reason *reason)
{
	struct waits waits = { .client = client, .found = found, .arg = arg };
	find_routes(&waits, config);
	if (!waits.replicated && !waits.synced)
		return 0;
	return client->nodes ? store_nodes_each(client->nodes, look_at_master, &waits, reason) : look(&waits, reason);
}
