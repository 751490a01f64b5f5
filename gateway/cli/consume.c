/* consume.c - `hookgate consume`: a route's events, as JSON lines or to a command each.
 *
 * The special difficulty: signals. SIGINT and SIGTERM may come at any time, and what is being handled is to be finished
 * and acknowledged; only the wait for new entries is broken off. */
#include "base/clock.h"
#include "base/num.h"
#include "cli/options.h"
#include "consume/exec.h"
#include "consume/run.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <unistd.h>

enum { REDIS_TIMEOUT_MS = 5000, LINES_AT_ONCE = 16, MIN_IDLE_MS = 30000 };

static const char help[] =
	"usage: hookgate consume -c FILE --route ROUTE --group GROUP [OPTION]...\n\n"
	"Reads a route's events as a member of a consumer group of its stream, or of each of its partitions; the group "
	"is made\n"
	"where it is missing. Prints a JSON line per event, or runs a command per event. An event is acknowledged once "
	"its line\n"
	"was written, or its command ended with exit status 0; else it stays pending and is read again: with --follow "
	"after a second,\n"
	"then two, four ... up to --min-idle; by whoever reads next once this one has ended, or, with a --consumer of "
	"its own, at its\n"
	"next start; of one that was killed, by any consumer of the group once it has been lying for --min-idle. So an "
	"event may come\n"
	"more than once, and none is lost.\n\n"
	"  -c, --config FILE        the configuration: where Redis is, and the routes\n"
	"      --route ROUTE        the route's name; may be left out where there is just one\n"
	"      --group GROUP        the group: its members share the events, each group gets all of them\n"
	"      --consumer NAME      the name of this member; default: host name and process id\n"
	"      --partition N[,N]    of a route that is split, only these partitions, counted from 0; default: all of\n"
	"                           them, and former ones while entries are left there\n"
	"      --count N            end after N events\n"
	"      --follow             wait for more, for ever; without it, ends when nothing is left to be read\n"
	"      --exec COMMAND       run `sh -c COMMAND` per event: the body on its standard input, the attributes as "
	"environment\n"
	"                           variables: HOOKGATE_ID, HOOKGATE_TYPE, HOOKGATE_SOURCE, HOOKGATE_TIME, "
	"HOOKGATE_ROUTE,\n"
	"                           HOOKGATE_PROVIDER, HOOKGATE_DATACONTENTTYPE, HOOKGATE_HEADERS (JSON), "
	"HOOKGATE_SECRET (its name),\n"
	"                           HOOKGATE_COVERED, HOOKGATE_TRACEPARENT, HOOKGATE_SPECVERSION, HOOKGATE_ENTRY (the "
	"stream's id),\n"
	"                           HOOKGATE_STREAM (the stream's key, which says the partition),\n"
	"                           HOOKGATE_DELIVERY_COUNT (1 the first time)\n"
	"      --min-idle DURATION  take over what another consumer was handed and has not acknowledged for so long; "
	"default 30s.\n"
	"                           A command may take longer: as long as it runs, Redis is told so\n"
	"      --json               JSON lines, which is the default\n"
	"  -h, --help               this text\n\n"
	"A line has the fields of the entry and `entry`, the stream's id; of a partition's event also `stream`, the "
	"stream's key.\n"
	"`data` is the body as a string; a body that is not UTF-8 stands in `data_base64` instead. SIGINT and SIGTERM "
	"finish the present event; a second one ends its "
	"command.\n\n"
	"Exit status: 0 all went well, 1 a command failed, or Redis or standard output did, 2 called the wrong way.\n\n"
	"Examples: hookgate consume -c hookgate.yaml --route stripe --group billing --follow\n"
	"          hookgate consume -c hookgate.yaml --route github --group ci --exec 'jq .ref'\n";

/* What the signal handler may touch. */
static volatile sig_atomic_t stops, waiting;
static struct store_client *client;

static void on_signal(int number)
{
	int saved = errno;

	(void)number;
	if (stops < 100)
		stops = stops + 1;
	if (waiting)
		store_client_interrupt(client);
	errno = saved;
}

struct consuming {
	const char *file, *route, *group, *consumer, *command, *partition;
	unsigned partitions[STORE_PARTITIONS_MAX];
	size_t partition_count;
	uint64_t count;
	int64_t min_idle_ms;
	bool follow;
	struct buf line;
	uint64_t printed; /* not flushed yet */
	struct consume_members *members;
	struct slice entry; /* whose command runs */
	int64_t held_ms;    /* when Redis was told so, or it began */
	bool unheld;	    /* Redis could not be told, which was said */
};

/* ---- handling ---- */

static enum consume_done print_line(void *arg, const struct consume_event *event)
{
	struct consuming *c = arg;

	buf_clear(&c->line);
	consume_event_json(event, &c->line);
	if (buf_failed(&c->line)) {
		cli_fail("consume", "memory is short: entry %.*s is left to be read again", SLICE_ARGS(event->entry));
		return CONSUME_FAILED;
	}
	c->printed++;
	return fwrite(c->line.p, 1, c->line.n, stdout) == c->line.n ? CONSUME_DONE : CONSUME_STOP;
}

static bool flush_lines(void *arg)
{
	struct consuming *c = arg;
	unsigned long long lines = c->printed;

	c->printed = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return true;
	cli_fail("consume", "cannot write to standard output: %s; the last %llu event%s not acknowledged",
		 strerror(errno), lines, lines == 1 ? " is" : "s are");
	return false;
}

/* A command may take longer than others wait before they take an entry over. Where Redis cannot be told, there is a next time. */
static void still_running(void *arg)
{
	struct consuming *c = arg;
	struct reason reason;
	int fault;

	if (clock_mono_ms() - c->held_ms < c->min_idle_ms / 4)
		return;
	fault = consume_members_hold(c->members, c->entry, &reason);
	c->held_ms = clock_mono_ms();
	if (fault != 0 && !c->unheld)
		cli_fail("consume",
			 "Redis could not be told that the command still runs for entry %.*s: %s; others may take it "
			 "over",
			 SLICE_ARGS(c->entry), reason.text);
	c->unheld = fault != 0;
}

static enum consume_done run_command(void *arg, const struct consume_event *event)
{
	struct consuming *c = arg;
	char id[CONFIG_QUOTE_ROOM];
	enum consume_exec_end end = CONSUME_EXEC_FAILED;
	const struct consume_exec_watch watch = { .stops = &stops, .running = still_running, .arg = c };
	struct reason reason;

	c->entry = event->entry;
	c->held_ms = clock_mono_ms();
	if (consume_exec(c->command, event, &watch, &end, &reason) == 0 && end == CONSUME_EXEC_DONE)
		return CONSUME_DONE;
	cli_fail("consume", "the command failed for %s (entry %.*s): %s; left to be read again",
		 config_quote(consume_event_field(event, SLICE("id")), id, sizeof id), SLICE_ARGS(event->entry),
		 reason.text);
	return CONSUME_FAILED;
}

static void said(void *arg, const char *text)
{
	(void)arg;
	cli_fail("consume", "%s", text);
}

/* ---- the run ---- */

static void sum_up(const struct consuming *c, const struct consume_tally *tally)
{
	fprintf(stderr, "hookgate: consume: %llu event%s %s and acknowledged", (unsigned long long)tally->handled,
		tally->handled == 1 ? "" : "s", c->command ? "handled" : "printed");
	if (tally->failed > 0)
		fprintf(stderr, ", %llu failed and left to be read again", (unsigned long long)tally->failed);
	fputc('\n', stderr);
}

static void catch_signals(void)
{
	/* Without SA_RESTART: a wait is to be broken off. */
	struct sigaction action = { .sa_handler = on_signal };

	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL);
}

static void leave(struct consume_members *members)
{
	struct reason reason;
	int fault = consume_members_leave(members, &reason);

	/* The interruption may have come when there was nothing to interrupt any more. Where it fails for another
	 * reason, a name stays in a list. */
	if (fault == -EINTR)
		fault = consume_members_leave(members, &reason);
	(void)fault;
}

static int run(struct consuming *c, struct consume_members *members, const struct config_redis *redis)
{
	struct consume_run how = {
		.members = members,
		.limit = c->count,
		.batch = c->command ? 1 : LINES_AT_ONCE,
		.follow = c->follow,
		.count = c->command != NULL,
		.handle = c->command ? run_command : print_line,
		.flush = c->command ? NULL : flush_lines,
		.said = said,
		.arg = c,
		.stops = &stops,
	};
	struct consume_tally tally;
	struct reason reason = { "memory is short" };
	int fault;

	c->members = members;
	fault = consume_run(&how, &tally, &reason);

	if (fault != 0)
		cli_fail("consume", "Redis %s: %s", redis->url, reason.text);
	sum_up(c, &tally);
	if (fault == 0 && !c->consumer)
		leave(members);
	return fault == 0 && !tally.stopped && tally.failed == 0 ? CLI_OK : CLI_FAILED;
}

/* "host-1234": no two at once have the same. */
static struct slice default_name(char *out, size_t size)
{
	char host[64] = "";
	int n;

	if (gethostname(host, sizeof host - 1) != 0 || host[0] == '\0')
		memcpy(host, "host", 5);
	n = snprintf(out, size, "%s-%ld", host, (long)getpid());
	return slice_of(out, n > 0 ? (size_t)n : 0);
}

static int consume(struct consuming *c)
{
	struct intake_plan *plan = NULL;
	const struct intake_route *route = NULL;
	struct consume_members *members = NULL;
	struct consume_members_setup setup;
	char name[96];
	int status = cli_load_plan("consume", c->file, &plan);

	if (status == CLI_OK)
		status = cli_find_route("consume", plan, c->route, &route);
	if (status != CLI_OK)
		goto out;
	setup = (struct consume_members_setup){
		.group = { .group = slice_str(c->group),
			   .consumer = c->consumer ? slice_str(c->consumer) : default_name(name, sizeof name),
			   .min_idle_ms = c->min_idle_ms,
			   .waiting = &waiting },
		.prefix = intake_plan_config(plan)->redis.prefix,
		.route = route->config->name,
		.configured = route->config->partitions,
		.only = c->partitions,
		.only_count = c->partition_count,
	};
	status = store_client_new(&intake_plan_config(plan)->redis, NULL, REDIS_TIMEOUT_MS, &client) == 0 ? CLI_OK
													  : CLI_FAILED;
	setup.group.client = client;
	if (status != CLI_OK || consume_members_new(&setup, &members) != 0) {
		status = cli_fail("consume", "memory is short");
		goto out;
	}
	catch_signals();
	status = run(c, members, &intake_plan_config(plan)->redis);
out:
	consume_members_free(members);
	intake_plan_unref(plan);
	return status;
}

/* "0,3" */
static int read_partitions(struct consuming *c)
{
	struct slice rest = slice_str(c->partition), word;
	uint64_t number;

	while (c->partition && rest.n > 0) {
		slice_cut(rest, ',', &word, &rest);
		if (c->partition_count == STORE_PARTITIONS_MAX ||
		    !num_parse_u64(word, STORE_PARTITIONS_MAX - 1, &number))
			return cli_usage("consume", "--partition takes numbers from 0 on, such as 0 or 0,3");
		c->partitions[c->partition_count++] = (unsigned)number;
	}
	return c->partition && c->partition_count == 0 ? cli_usage("consume", "--partition takes numbers") : CLI_OK;
}

static int check_words(const struct consuming *c)
{
	if (!c->group || c->group[0] == '\0')
		return cli_usage("consume", "which group? --group NAME is missing");
	if (c->consumer && c->consumer[0] == '\0')
		return cli_usage("consume", "--consumer takes a name");
	if (c->command && c->command[0] == '\0')
		return cli_usage("consume", "--exec takes a command");
	return CLI_OK;
}

int cli_consume(int argc, char **argv)
{
	struct consuming c = { .min_idle_ms = MIN_IDLE_MS };
	bool json = false;
	const struct cli_option options[] = {
		{ "config", 'c', .text = &c.file }, { "route", .text = &c.route },
		{ "group", .text = &c.group },	    { "consumer", .text = &c.consumer },
		{ "count", .count = &c.count },	    { "follow", .flag = &c.follow },
		{ "exec", .text = &c.command },	    { "min-idle", .duration_ms = &c.min_idle_ms },
		{ "json", .flag = &json },	    { "partition", .text = &c.partition },
	};
	const struct cli_call call = { "consume", help, options, sizeof options / sizeof options[0], 0 };
	int status;

	if (!cli_parse(&call, argc, argv, &status))
		return status;
	status = check_words(&c);
	if (status == CLI_OK)
		status = read_partitions(&c);
	if (status == CLI_OK)
		status = consume(&c);
	buf_free(&c.line);
	store_client_free(client);
	client = NULL;
	return status;
}
