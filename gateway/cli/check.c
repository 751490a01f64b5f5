/* check.c - `hookgate check`: all that is wrong with a configuration, and with the Redis behind it.
 *
 * The special difficulty: a private Redis (embedded) does not run yet when its configuration is checked, and a command
 * must not start it beside a gateway's; so what would be started is looked at instead. */
#include "base/json.h"
#include "cli/options.h"
#include "store/client.h"
#include "store/embedded.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { REDIS_TIMEOUT_MS = 2000 };

static const char help[] =
	"usage: hookgate check -c FILE [--redis] [--json]\n"
	"       hookgate check --keys [--json]\n\n"
	"Says all that is wrong with a configuration, and changes nothing. Findings go to standard error, one a line:\n"
	"FILE:LINE:COLUMN: KEY: what is wrong; what is accepted.\n\n"
	"  -c, --config FILE  the configuration\n"
	"      --redis        look at Redis as well: can it be reached, can it keep what `ack` asks for, may it\n"
	"                     forget what it took, and would a start change how routes are split?\n"
	"      --keys         list every key, its default, and what it is for (separated by tabs)\n"
	"      --json         one JSON object (--keys: an array) on standard output instead of lines\n"
	"  -h, --help         this text\n\n"
	"Exit status: 0 nothing is wrong (there may be warnings), 1 something is, 2 called the wrong way.\n\n"
	"Example: hookgate check -c /etc/hookgate/hookgate.yaml --redis\n";

struct checking {
	const char *file;
	bool redis, json;
	struct config_diag diag;
	size_t routes;
	struct buf redis_json; /* the findings about Redis */
	bool redis_wrong;
};

static void json_pair(struct buf *out, const char *before, const char *name, struct slice value)
{
	buf_add_str(out, before);
	json_write_string(out, slice_str(name));
	buf_add_byte(out, ':');
	json_write_string(out, value);
}

/* ---- Redis ---- */

static void about_redis(struct checking *c, const char *severity, const char *text)
{
	if (!c->json) {
		fprintf(strcmp(severity, "note") == 0 ? stdout : stderr, "redis: %s%s%s\n",
			strcmp(severity, "note") == 0 ? "" : severity, strcmp(severity, "note") == 0 ? "" : ": ", text);
		return;
	}
	json_pair(&c->redis_json, c->redis_json.n > 0 ? ",{" : "{", "severity", slice_str(severity));
	json_pair(&c->redis_json, ",", "message", slice_str(text));
	buf_add_byte(&c->redis_json, '}');
}

struct inspecting {
	struct checking *checking;
	bool required;
};

static void found(void *arg, bool danger, const char *text)
{
	struct inspecting *i = arg;

	if (danger && i->required)
		i->checking->redis_wrong = true;
	about_redis(i->checking, !danger ? "note" : i->required ? "error" : "warning", text);
}

/* What a start would change. */
static int compare_partitions(struct checking *c, const struct intake_plan *plan, struct store_client *client,
			      struct reason *reason)
{
	int fault = 0;

	for (size_t i = 0; fault == 0 && i < intake_plan_count(plan); i++) {
		const struct config_route *route = intake_plan_at(plan, i)->config;
		const struct store_split wanted = store_split_of(route->partitions, route->order_by);
		struct store_layout layout;
		struct reason line;

		fault = store_layout_ask(client, intake_plan_config(plan)->redis.prefix, route->name, &layout, reason);
		/* What it does not let us ask. */
		if (fault == -EPROTO) {
			fault = 0;
			continue;
		}
		if (fault != 0 || layout.generation == 0 || store_split_same(&layout.split, &wanted))
			continue;
		reason_set(&line,
			   "route %.*s has %u partitions%s in Redis, and the configuration says %u (0: not split): a "
			   "start or reload changes it",
			   SLICE_ARGS(route->name), layout.split.partitions,
			   layout.split.partitions == wanted.partitions ? ", ordered otherwise," : "",
			   wanted.partitions);
		about_redis(c, "note", line.text);
	}
	return fault;
}

static void inspect(struct checking *c, const struct intake_plan *plan)
{
	const struct config *config = intake_plan_config(plan);
	const struct config_redis *redis = &config->redis;
	struct inspecting inspecting = { c, redis->require_durable };
	struct store_client *client = NULL;
	struct reason reason = { "memory is short" }, line;
	int fault = store_client_new(redis, NULL, REDIS_TIMEOUT_MS, &client);

	if (fault == 0)
		fault = store_client_inspect(client, found, &inspecting, &reason);
	if (fault == 0)
		fault = store_client_inspect_waits(client, config, found, &inspecting, &reason);
	if (fault == 0)
		fault = compare_partitions(c, plan, client, &reason);
	if (fault == 0)
		reason_set(&line, "%.120s answers", redis->url);
	else if (fault == -ENOTSUP)
		reason_set(&line, "%s", reason.text);
	else
		reason_set(&line, "%.80s: %.160s", redis->url, reason.text);
	about_redis(c, fault == 0 ? "note" : "error", line.text);
	c->redis_wrong |= fault != 0;
	store_client_free(client);
}

/* The first program of that name in PATH; false when there is none. */
static bool find_program(const char *name, char *out, size_t size)
{
	struct slice rest = slice_str(getenv("PATH"));

	while (rest.n > 0) {
		struct slice folder;
		int n;

		slice_cut(rest, ':', &folder, &rest);
		n = snprintf(out, size, "%.*s/%s", SLICE_ARGS(folder), name);
		if (folder.n > 0 && n > 0 && (size_t)n < size && access(out, X_OK) == 0)
			return true;
	}
	return false;
}

/* A gateway that runs has made the socket; else its Redis comes up with it. */
static void check_embedded(struct checking *c, const struct intake_plan *plan)
{
	const struct config_redis *redis = &intake_plan_config(plan)->redis;
	char path[512], socket[512];
	struct stat st;
	struct reason line;

	if (store_embedded_socket(redis->path, socket, sizeof socket) == 0 && stat(socket, &st) == 0) {
		inspect(c, plan);
		return;
	}
	if (find_program("redis-server", path, sizeof path)) {
		reason_set(&line, "`hookgate serve` would start %.80s with its files in %.120s", path, redis->path);
		about_redis(c, "note", line.text);
		return;
	}
	c->redis_wrong = true;
	about_redis(
		c, "error",
		"`hookgate serve` would start redis-server, which is not installed (Debian: apt install redis-server)");
}

static void check_redis(struct checking *c, const struct intake_plan *plan)
{
	if (intake_plan_config(plan)->redis.kind == CONFIG_REDIS_EMBEDDED)
		check_embedded(c, plan);
	else
		inspect(c, plan);
}

/* ---- the findings ---- */

static void print_json(const struct checking *c, bool ok)
{
	struct buf out = BUF_EMPTY;

	json_pair(&out, "{", "file", slice_str(c->file));
	buf_printf(&out, ",\"ok\":%s,\"routes\":%zu,\"findings\":[", ok ? "true" : "false", c->routes);
	for (size_t i = 0; i < c->diag.count; i++) {
		const struct config_finding *f = &c->diag.findings[i];

		json_pair(&out, i > 0 ? ",{" : "{", "severity",
			  f->severity == CONFIG_ERROR ? SLICE("error") : SLICE("warning"));
		json_pair(&out, ",", "file", slice_str(f->file));
		buf_printf(&out, ",\"line\":%u,\"column\":%u", f->line, f->column);
		json_pair(&out, ",", "path", slice_str(f->path));
		json_pair(&out, ",", "message", slice_str(f->message));
		buf_add_byte(&out, '}');
	}
	buf_add_byte(&out, ']');
	if (c->redis) {
		buf_add(&out, SLICE(",\"redis\":["));
		buf_add(&out, buf_slice(&c->redis_json));
		buf_add_byte(&out, ']');
	}
	buf_add(&out, SLICE("}\n"));
	fwrite(out.p, 1, out.n, stdout);
	buf_free(&out);
}

static int check(struct checking *c)
{
	struct intake_plan *plan = NULL;
	int fault = intake_plan_new(c->file, NULL, &c->diag, &plan);
	bool ok;

	if (fault != 0 && fault != -EINVAL)
		return cli_fail("check", "%s cannot be read: %s", c->file, strerror(-fault));
	c->routes = plan ? intake_plan_config(plan)->route_count : 0;
	if (!c->json)
		cli_print_findings(stderr, &c->diag);
	if (plan && c->redis)
		check_redis(c, plan);
	ok = plan && !c->redis_wrong;
	if (c->json)
		print_json(c, ok);
	else if (ok)
		printf("%s: ok: %zu route%s\n", c->file, c->routes, c->routes == 1 ? "" : "s");
	else if (plan)
		fprintf(stderr, "%s: nothing is wrong with the file, but with its Redis\n", c->file);
	else
		fprintf(stderr, "%s: %zu error%s\n", c->file, c->diag.errors, c->diag.errors == 1 ? "" : "s");
	intake_plan_unref(plan);
	return ok ? CLI_OK : CLI_FAILED;
}

static void list_keys(bool json)
{
	struct buf out = BUF_EMPTY;
	size_t count;
	const struct config_key *keys = config_keys(&count);

	for (size_t i = 0; i < count; i++) {
		if (!json) {
			buf_printf(&out, "%s\t%s\t%s\n", keys[i].path, keys[i].fallback, keys[i].help);
			continue;
		}
		json_pair(&out, i > 0 ? ",\n{" : "[{", "key", slice_str(keys[i].path));
		json_pair(&out, ",", "default", slice_str(keys[i].fallback));
		json_pair(&out, ",", "help", slice_str(keys[i].help));
		buf_add_byte(&out, '}');
	}
	if (json)
		buf_add(&out, SLICE("]\n"));
	fwrite(out.p, 1, out.n, stdout);
	buf_free(&out);
}

int cli_check(int argc, char **argv)
{
	struct checking c = { .diag = CONFIG_DIAG_EMPTY };
	bool keys = false;
	const struct cli_option options[] = {
		{ "config", 'c', .text = &c.file },
		{ "redis", .flag = &c.redis },
		{ "keys", .flag = &keys },
		{ "json", .flag = &c.json },
	};
	const struct cli_call call = { "check", help, options, sizeof options / sizeof options[0], 0 };
	int status;

	if (!cli_parse(&call, argc, argv, &status))
		return status;
	if (keys) {
		list_keys(c.json);
		return cli_end_output("check");
	}
	if (!c.file)
		return cli_usage("check", "which configuration? -c FILE is missing");
	status = check(&c);
	config_diag_free(&c.diag);
	buf_free(&c.redis_json);
	return cli_end_output("check") == CLI_OK ? status : CLI_FAILED;
}
