/* status.c - `hookgate status`: Redis, the routes' streams and who reads them, and what the gateway takes in, at a
 * glance.
 *
 * The special difficulty: it is called when something is wrong, so each part is printed as far as it can be had, and
 * what cannot says why. */
#include "cli/status.h"

#include "base/json.h"
#include "cli/options.h"
#include "intake/learned.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>

enum { REDIS_TIMEOUT_MS = 3000, SCRAPES_APART_MS = 1000 };

static const char help[] = "usage: hookgate status -c FILE [--json]\n\n"
			   "Shows Redis (version, role, memory, persistence, how long a PING takes), per route the "
			   "events in its stream, how old the\n"
			   "newest is, and its consumer groups (consumers; pending: handed out and not acknowledged; "
			   "lag: not handed out yet), and, where\n"
			   "`admin.listen` is set and a gateway answers there, its deliveries by outcome and their "
			   "rates over a second. Where there is a\n"
			   "journal: how much of it waits for Redis, and for how long.\n\n"
			   "  -c, --config FILE  the configuration\n"
			   "      --json         one JSON object: redis, routes, gateway, journal\n"
			   "  -h, --help         this text\n\n"
			   "Exit status: 0, 1 Redis cannot be reached, 2 called the wrong way.\n\n"
			   "Example: hookgate status -c /etc/hookgate/hookgate.yaml\n";

struct looking {
	const struct intake_plan *plan;
	const struct config *config;
	bool json;
	struct buf out;
	struct buf learned; /* lines */
	struct status_redis redis;
	struct status_journal journal;
	size_t counts, name_width;
};

static void json_member(struct buf *out, const char *before, const char *name, struct slice value)
{
	buf_printf(out, "%s\"%s\":", before, name);
	json_write_string(out, value);
}

/* ---- Redis ---- */

static void redis_lines(struct looking *l)
{
	const struct status_redis *r = &l->redis;
	bool cluster = l->config->redis.kind == CONFIG_REDIS_CLUSTER;

	buf_printf(&l->out, "Redis %s\n  version %s, %s, ping %.2f ms\n  memory %s of %s, %s\n  %s\n\n",
		   l->config->redis.url, r->version, cluster ? "one of its masters" : r->role,
		   (double)r->ping_us / 1000, r->memory,
		   r->memory_limit[0] != '\0' ? r->memory_limit : "what the machine has", r->policy, r->persistence);
}

static void redis_json(struct looking *l)
{
	const struct status_redis *r = &l->redis;
	struct buf *out = &l->out;

	buf_add(out, SLICE("{\"redis\":{\"reachable\":true"));
	json_member(out, ",", "url", slice_str(l->config->redis.url));
	json_member(out, ",", "version", slice_str(r->version));
	json_member(out, ",", "role", slice_str(r->role));
	json_member(out, ",", "memory", slice_str(r->memory));
	json_member(out, ",", "memory_limit", slice_str(r->memory_limit));
	json_member(out, ",", "eviction_policy", slice_str(r->policy));
	json_member(out, ",", "persistence", slice_str(r->persistence));
	buf_printf(out, ",\"ping_us\":%" PRId64 "}", r->ping_us);
}

static void redis_away(struct looking *l, const char *why)
{
	if (!l->json) {
		cli_fail("status", "Redis %s cannot be reached: %s", l->config->redis.url, why);
		return;
	}
	buf_add(&l->out, SLICE("{\"redis\":{\"reachable\":false"));
	json_member(&l->out, ",", "url", slice_str(l->config->redis.url));
	json_member(&l->out, ",", "reason", slice_str(why));
	buf_add(&l->out, SLICE("},\"routes\":[]"));
}

/* ---- routes ---- */

/* "12 s", "3 min", "5 h", "2 d" */
static void add_age(struct buf *out, int64_t ms)
{
	int64_t s = ms < 0 ? 0 : ms / 1000;

	if (s < 120)
		buf_printf(out, "%" PRId64 " s", s);
	else if (s < 120 * 60)
		buf_printf(out, "%" PRId64 " min", s / 60);
	else if (s < 48 * 3600)
		buf_printf(out, "%" PRId64 " h", s / 3600);
	else
		buf_printf(out, "%" PRId64 " d", s / 86400);
}

/* A group's name is a stranger's text as far as we know: as JSON it cannot harm a terminal. */
static void group_line(struct buf *out, const struct status_group *group)
{
	json_write_string(out, group->name);
	buf_printf(out, ": %" PRId64 " consumer%s, %" PRId64 " pending, lag ", group->consumers,
		   group->consumers == 1 ? "" : "s", group->pending);
	if (group->lag >= 0)
		buf_add_i64(out, group->lag);
	else
		buf_add(out, SLICE("not known"));
}

/* What a 2xx waits for, where it is not Redis alone. */
static void ack_line(struct looking *l, const struct config_route *route)
{
	if (route->ack == CONFIG_ACK_STORED)
		return;
	buf_printf(&l->out, "%*sack: %s", (int)l->name_width + 24, "", config_ack_name(route->ack));
	if (route->ack_replicas > 0)
		buf_printf(&l->out, ", %" PRIu32 " replica%s", route->ack_replicas,
			   route->ack_replicas == 1 ? "" : "s");
	buf_add_byte(&l->out, '\n');
}

static void stream_lines(struct looking *l, struct slice name, const struct status_stream *stream)
{
	struct buf *out = &l->out;
	struct buf age = BUF_EMPTY;
	struct status_group group;

	if (stream->newest_ms >= 0)
		add_age(&age, l->redis.now_ms - stream->newest_ms);
	buf_printf(out, "%-*.*s  %10" PRId64 "  %-8.*s  ", (int)l->name_width, SLICE_ARGS(name), stream->length,
		   SLICE_ARGS(age.n > 0 ? buf_slice(&age) : SLICE("-")));
	if (stream->groups == 0)
		buf_add_byte(out, '-');
	for (size_t i = 0; i < stream->groups; i++) {
		if (i > 0)
			buf_printf(out, "\n%*s", (int)l->name_width + 24, "");
		if (status_stream_group(stream, i, &group))
			group_line(out, &group);
	}
	buf_add_byte(out, '\n');
	buf_free(&age);
}

static void stream_json(struct looking *l, const char *before, struct slice key, const struct status_stream *stream)
{
	struct buf *out = &l->out;
	struct status_group group;

	json_member(out, before, "stream", key);
	buf_printf(out, ",\"length\":%" PRId64 ",\"newest_entry\":", stream->length);
	if (stream->newest_ms >= 0) {
		json_write_string(out, stream->newest);
		buf_printf(out, ",\"newest_age_ms\":%" PRId64, l->redis.now_ms - stream->newest_ms);
	} else {
		buf_add(out, SLICE("null,\"newest_age_ms\":null"));
	}
	buf_add(out, SLICE(",\"groups\":["));
	for (size_t i = 0; i < stream->groups; i++) {
		if (!status_stream_group(stream, i, &group))
			continue;
		json_member(out, i > 0 ? ",{" : "{", "name", group.name);
		buf_printf(out, ",\"consumers\":%" PRId64 ",\"pending\":%" PRId64 ",\"lag\":", group.consumers,
			   group.pending);
		if (group.lag >= 0)
			buf_add_i64(out, group.lag);
		else
			buf_add(out, SLICE("null"));
		buf_add_byte(out, '}');
	}
	buf_add_byte(out, ']');
}

/* A secret that a provider handed over, where one waits to be put into the configuration; NULL: none. To be freed. */
static int read_learned(const struct intake_route *route, struct store_client *client, struct store_reply **reply,
			struct reason *reason)
{
	char room[INTAKE_LEARNED_KEY_MAX];
	struct slice words[2] = { SLICE("GET") };
	int fault;

	*reply = NULL;
	if (!intake_learning_on(route))
		return 0;
	words[1] = intake_learned_key(route, room, sizeof room);
	fault = store_client_call(client, words, 2, 0, reply, reason);
	if (fault == 0 && store_reply_type(*reply) != STORE_REPLY_STRING) {
		store_reply_free(*reply);
		*reply = NULL;
	}
	return fault;
}

/* What a stranger may have sent: as JSON it cannot harm a terminal. */
static void add_learned(struct looking *l, const struct intake_route *route, struct slice secret)
{
	struct buf *out = l->json ? &l->out : &l->learned;

	if (l->json) {
		json_member(out, ",", "learned", secret);
		return;
	}
	buf_printf(out, "%-*.*s  ", (int)l->name_width, SLICE_ARGS(route->config->name));
	json_write_string(out, secret);
	buf_add_byte(out, '\n');
}

/* One of a route's streams; of a former partition only while there is something in it. */
static int look_at_stream(struct looking *l, const struct intake_route *route, const struct store_layout *layout,
			  int partition, struct store_client *client, int64_t *length, bool *first,
			  struct reason *reason)
{
	const struct store_target_setup names = { .prefix = l->config->redis.prefix,
						  .route = route->config->name,
						  .split = partition >= 0,
						  .partition = partition >= 0 ? (unsigned)partition : 0 };
	struct buf key = BUF_EMPTY, name = BUF_EMPTY;
	struct status_stream stream = { .newest_ms = -1 };
	int fault;

	store_target_key(&names, "events", &key);
	buf_add(&name, route->config->name);
	if (partition >= 0)
		buf_printf(&name, ".%d", partition);
	fault = buf_failed(&key) || buf_failed(&name) ? -ENOMEM
						      : status_stream_read(client, buf_slice(&key), &stream, reason);
	if (fault == 0 && (stream.length > 0 || store_layout_takes(layout, partition))) {
		*length += stream.length;
		if (!l->json)
			stream_lines(l, buf_slice(&name), &stream);
		else
			stream_json(l, layout->widest == 0 ? "," : *first ? "{" : ",{", buf_slice(&key), &stream);
		if (l->json && layout->widest > 0)
			buf_add_byte(&l->out, '}');
		*first = false;
	}
	status_stream_free(&stream);
	buf_free(&key);
	buf_free(&name);
	return fault;
}

static int look_at_streams(struct looking *l, const struct intake_route *route, struct store_client *client,
			   struct reason *reason)
{
	struct store_layout layout;
	int64_t length = 0;
	bool first = true;
	int fault = store_layout_ask(client, l->config->redis.prefix, route->config->name, &layout, reason);

	if (fault == -EPROTO) { /* it does not let us ask: as the configuration says */
		layout = store_layout_first;
		layout.split.partitions = layout.widest = route->config->partitions;
		fault = 0;
	}
	if (fault == 0 && l->json && layout.widest > 0)
		buf_printf(&l->out, ",\"partitions\":%u,\"streams\":[", layout.split.partitions);
	for (size_t i = 0; fault == 0 && i < store_layout_streams(&layout); i++)
		fault = look_at_stream(l, route, &layout, store_layout_stream(&layout, i), client, &length, &first,
				       reason);
	if (fault == 0 && l->json && layout.widest > 0)
		buf_printf(&l->out, "],\"length\":%" PRId64, length);
	return fault;
}

static int look_at_route(struct looking *l, const struct intake_route *route, struct store_client *client,
			 struct reason *reason)
{
	struct store_reply *learned = NULL;
	int fault;

	if (l->json) {
		json_member(&l->out, route->config->index > 0 ? ",{" : "{", "name", route->config->name);
		json_member(&l->out, ",", "provider", route->config->provider);
		json_member(&l->out, ",", "path", route->config->path);
		json_member(&l->out, ",", "ack", slice_str(config_ack_name(route->config->ack)));
		buf_printf(&l->out, ",\"ack_replicas\":%" PRIu32, route->config->ack_replicas);
	}
	fault = look_at_streams(l, route, client, reason);
	if (!l->json)
		ack_line(l, route->config);
	if (fault == 0)
		fault = read_learned(route, client, &learned, reason);
	if (learned)
		add_learned(l, route, store_reply_text(learned));
	if (l->json)
		buf_add_byte(&l->out, '}');
	store_reply_free(learned);
	return fault;
}

static int look_at_routes(struct looking *l, struct store_client *client, struct reason *reason)
{
	int fault = 0;

	if (l->json)
		buf_add(&l->out, SLICE(",\"routes\":["));
	else
		buf_printf(&l->out, "%-*s  %10s  %-8s  %s\n", (int)l->name_width, "ROUTE", "EVENTS", "NEWEST",
			   "GROUPS");
	for (size_t i = 0; fault == 0 && i < l->config->route_count; i++)
		fault = look_at_route(l, intake_plan_route(l->plan, l->config->routes[i].path), client, reason);
	if (l->json)
		buf_add_byte(&l->out, ']');
	if (l->learned.n > 0) {
		buf_add(&l->out,
			SLICE("\nHanded over by providers, to be put into the configuration if they are yours:\n"));
		buf_add(&l->out, buf_slice(&l->learned));
	}
	return fault;
}

static int look_at_redis(struct looking *l)
{
	struct store_client *client = NULL;
	struct reason reason = { "memory is short" };
	int fault = store_client_new(&l->config->redis, NULL, REDIS_TIMEOUT_MS, &client);

	if (fault == 0)
		fault = status_redis_read(client, &l->redis, &reason);
	if (fault != 0) {
		redis_away(l, reason.text);
	} else {
		if (l->json)
			redis_json(l);
		else
			redis_lines(l);
		fault = look_at_routes(l, client, &reason);
		if (fault != 0)
			cli_fail("status", "%s", reason.text);
	}
	store_client_free(client);
	return fault == 0 ? CLI_OK : CLI_FAILED;
}

/* ---- the gateway ---- */

static void count_found(void *arg, const struct status_count *count)
{
	struct looking *l = arg;
	struct buf *out = &l->out;

	if (l->json) {
		json_member(out, l->counts > 0 ? ",{" : "{", "route", count->route);
		json_member(out, ",", "provider", count->provider);
		json_member(out, ",", "outcome", count->outcome);
		buf_printf(out, ",\"total\":%.0f,\"per_second\":%.2f}", count->total, count->rate);
	} else {
		if (l->counts == 0)
			buf_printf(out, "%-*s  %-26s  %12s  %10s\n", (int)l->name_width, "ROUTE", "OUTCOME",
				   "DELIVERIES", "A SECOND");
		buf_printf(out, "%-*.*s  %-26.*s  %12.0f  %10.2f\n", (int)l->name_width,
			   SLICE_ARGS(count->route.n > 0 ? count->route : SLICE("-")), SLICE_ARGS(count->outcome),
			   count->total, count->rate);
	}
	l->counts++;
}

static void look_at_gateway(struct looking *l)
{
	struct reason reason = { "memory is short" };
	struct buf *out = &l->out;
	size_t begin;
	int fault;

	if (!l->config->admin) {
		buf_add(out, l->json ? SLICE(",\"gateway\":null")
				     : SLICE("\nGateway: not asked, as the configuration has no admin.listen\n"));
		return;
	}
	begin = out->n;
	if (l->json) {
		json_member(out, ",\"gateway\":{\"reachable\":true,", "address", slice_str(l->config->admin->text));
		buf_add(out, SLICE(",\"deliveries\":["));
	} else {
		buf_printf(out, "\nGateway at %s\n", l->config->admin->text);
	}
	fault = status_gateway_read(l->config, SCRAPES_APART_MS, count_found, l, &l->journal, &reason);
	if (fault == 0) {
		if (l->counts == 0 && !l->json)
			buf_add(out, SLICE("  no deliveries yet\n"));
		buf_add(out, l->json ? SLICE("]}") : SLICE_NONE);
		return;
	}
	if (!l->json) {
		buf_printf(out, "  cannot be asked: %s\n", reason.text);
		return;
	}
	out->n = begin;
	json_member(out, ",\"gateway\":{\"reachable\":false,", "address", slice_str(l->config->admin->text));
	json_member(out, ",", "reason", slice_str(reason.text));
	buf_add_byte(out, '}');
}

static int status(struct looking *l)
{
	int result;

	l->name_width = 5;
	for (size_t i = 0; i < l->config->route_count; i++) {
		const struct config_route *route = &l->config->routes[i];
		size_t width = route->name.n + (route->partitions > 0 ? strlen(".255") : 0);

		if (width > l->name_width)
			l->name_width = width;
	}
	result = look_at_redis(l);
	look_at_gateway(l);
	status_journal_add(l->config, &l->journal, l->json, &l->out);
	if (l->json)
		buf_add(&l->out, SLICE("}\n"));
	if (buf_failed(&l->out))
		return cli_fail("status", "memory is short");
	fwrite(l->out.p, 1, l->out.n, stdout);
	return cli_end_output("status") == CLI_OK ? result : CLI_FAILED;
}

int cli_status(int argc, char **argv)
{
	struct looking l = { .json = false };
	struct intake_plan *plan = NULL;
	const char *file = NULL;
	const struct cli_option options[] = {
		{ "config", 'c', .text = &file },
		{ "json", .flag = &l.json },
	};
	const struct cli_call call = { "status", help, options, sizeof options / sizeof options[0], 0 };
	int result;

	if (!cli_parse(&call, argc, argv, &result))
		return result;
	result = cli_load_plan("status", file, &plan);
	if (result == CLI_OK) {
		l.plan = plan;
		l.config = intake_plan_config(plan);
		result = status(&l);
	}
	buf_free(&l.out);
	buf_wipe(&l.learned);
	intake_plan_unref(plan);
	return result;
}
