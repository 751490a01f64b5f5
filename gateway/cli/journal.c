/* journal.c - `hookgate journal`: what the journal keeps, whether it is whole, and putting it into Redis without a gateway.
 *
 * The special difficulty: it is called when something is wrong, most of all while a gateway runs. So all but `drain` only
 * look, and take no lock. */
#include "base/clock.h"
#include "base/encode.h"
#include "base/json.h"
#include "base/num.h"
#include "cli/journal_follow.h"
#include "cli/options.h"
#include "intake/drain.h"
#include "journal/look.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DRAIN_TIMEOUT_MS = 60000 };

static const char help[] =
	"usage: hookgate journal -c FILE list|show NUMBER|verify|drain [--json]\n\n"
	"What the journal keeps: events that wait to be put into Redis, and, for replay_window.time, those that were.\n"
	"What Redis refuses for good is set aside in a second journal; the numbers of its events begin with r.\n\n"
	"  list            a line per event: number, when it arrived, route, id, type, bytes of body\n"
	"  show NUMBER     one of them, whole: 17, or r3 where it was set aside; its `ack` is what is waited for "
	"before\n"
	"                  the journal forgets it: that Redis has it (stored), and replicas or disks (replicated, "
	"synced)\n"
	"  verify          reads all of it, and says what is damaged or torn\n"
	"  drain           puts all of it into Redis; for a journal whose gateway does not run\n\n"
	"  -c, --config FILE      the configuration\n"
	"      --json             an object per line; `show` has the body as data_base64\n"
	"      --timeout DURATION how long `drain` tries, 60s where nothing is said\n"
	"  -h, --help             this text\n\n"
	"Exit status: 0, 1 damaged, not drained or there is no such event, 2 called the wrong way.\n\n"
	"Example: hookgate journal -c /etc/hookgate/hookgate.yaml list\n";

struct asked {
	const struct config *config;
	const char *dir;
	char *refused_dir;
	bool refused; /* it is that one which is shown */
	bool json;
	int64_t timeout_ms;
};

/* ---- list and show ---- */

static void json_texts(struct buf *out, const struct journal_event *event, bool whole)
{
	static const struct {
		const char *name;
		enum journal_field field;
		bool whole;
	} texts[] = {
		{ "route", JOURNAL_ROUTE, false },
		{ "provider", JOURNAL_PROVIDER, false },
		{ "id", JOURNAL_ID, false },
		{ "type", JOURNAL_TYPE, false },
		{ "prefix", JOURNAL_PREFIX, true },
		{ "source", JOURNAL_SOURCE, true },
		{ "time", JOURNAL_TIME, true },
		{ "datacontenttype", JOURNAL_CONTENT_TYPE, true },
		{ "secret", JOURNAL_SECRET, true },
		{ "covered", JOURNAL_COVERED, true },
		{ "traceparent", JOURNAL_TRACEPARENT, true },
		{ "headers", JOURNAL_HEADERS, true },
	};

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		if (texts[i].whole && !whole)
			continue;
		buf_printf(out, ",\"%s\":", texts[i].name);
		json_write_string(out, event->field[texts[i].field]);
	}
}

static void add_arrival(struct buf *out, const struct journal_event *event)
{
	char time[CLOCK_RFC3339_LENGTH];

	clock_format_rfc3339(event->arrived_ms, time);
	buf_add(out, slice_of(time, sizeof time));
}

/* What must be so beside that Redis has it, before the journal forgets it. */
static const char *level(const struct journal_event *event)
{
	if (event->synced)
		return "synced";
	return event->replicas > 0 ? "replicated" : "stored";
}

static void json_event(const struct asked *asked, struct buf *out, const struct journal_looked *looked, bool whole)
{
	const struct journal_event *event = looked->event;

	buf_printf(out, "{\"number\":%" PRIu64 ",\"refused\":%s,\"arrived\":\"", looked->sequence,
		   asked->refused ? "true" : "false");
	add_arrival(out, event);
	buf_add_byte(out, '"');
	json_texts(out, event, whole);
	buf_printf(out, ",\"bytes\":%zu,\"window_s\":%" PRIu32 ",\"ordered\":%s,\"file\":\"%s\"",
		   event->field[JOURNAL_DATA].n, event->window_s, event->ordered ? "true" : "false", looked->file);
	if (whole) {
		buf_printf(out, ",\"ack\":\"%s\",\"ack_replicas\":%u", level(event), event->replicas);
		buf_add(out, SLICE(",\"data_base64\":\""));
		encode_base64(ENCODE_BASE64, event->field[JOURNAL_DATA], out);
		buf_add_byte(out, '"');
	}
	buf_add(out, SLICE("}\n"));
}

static void text_line(const struct asked *asked, struct buf *out, const struct journal_looked *looked)
{
	const struct journal_event *event = looked->event;

	buf_printf(out, "%s%" PRIu64 "  ", asked->refused ? "r" : "", looked->sequence);
	add_arrival(out, event);
	buf_printf(out, "  %.*s  ", SLICE_ARGS(event->field[JOURNAL_ROUTE]));
	json_write_string(out, event->field[JOURNAL_ID]);
	buf_add(out, SLICE("  "));
	json_write_string(out, event->field[JOURNAL_TYPE]);
	buf_printf(out, "  %zu\n", event->field[JOURNAL_DATA].n);
}

static void text_event(const struct asked *asked, struct buf *out, const struct journal_looked *looked)
{
	buf_add(out, SLICE("number, arrival, route, id, type, bytes: "));
	text_line(asked, out, looked);
	buf_printf(out, "ack: %s", level(looked->event));
	if (looked->event->replicas > 0)
		buf_printf(out, ", replicas: %u", looked->event->replicas);
	buf_add(out, SLICE("\nheaders: "));
	buf_add(out, looked->event->field[JOURNAL_HEADERS]);
	buf_add(out, SLICE("\n\n"));
	buf_add(out, looked->event->field[JOURNAL_DATA]);
	buf_add_byte(out, '\n');
}

static void print(const struct asked *asked, const struct journal_looked *looked, bool whole, struct buf *out)
{
	buf_clear(out);
	if (asked->json)
		json_event(asked, out, looked, whole);
	else if (whole)
		text_event(asked, out, looked);
	else
		text_line(asked, out, looked);
	if (asked->json)
		fwrite(out->p, 1, out->n, stdout);
	else
		cli_print_text(stdout, buf_slice(out), true);
}

static const char *folder(const struct asked *asked)
{
	return asked->refused ? asked->refused_dir : asked->dir;
}

/* Most have none. */
static bool has_refused(const struct asked *asked)
{
	return access(asked->refused_dir, F_OK) == 0;
}

/* `number` 0: all of them. */
static int show(const struct asked *asked, uint64_t number)
{
	struct journal_looked looked;
	struct journal_look *look = NULL;
	struct reason reason = { "" };
	struct buf out = BUF_EMPTY;
	size_t count = 0;
	int r = journal_look_open(folder(asked), &look, &reason);

	while (r == 0) {
		r = journal_look_next(look, &looked, &reason);
		if (r < 0 || looked.what == JOURNAL_READ_END)
			break;
		if (looked.what != JOURNAL_READ_RECORD || looked.done || (number != 0 && number != looked.sequence))
			continue;
		print(asked, &looked, number != 0, &out);
		count++;
	}
	journal_look_close(look);
	buf_free(&out);
	if (r < 0)
		return cli_fail("journal", "%s", reason.text);
	if (number != 0 && count == 0)
		return cli_fail("journal", "there is no event %s%" PRIu64 "; `hookgate journal list` has their numbers",
				asked->refused ? "r" : "", number);
	if (number == 0 && !asked->json)
		fprintf(stderr, "%zu event%s in %s\n", count, count == 1 ? "" : "s", folder(asked));
	return cli_end_output("journal");
}

/* ---- verify ---- */

static void say_wrong(const struct asked *asked, const struct journal_looked *looked)
{
	const char *what = looked->what == JOURNAL_READ_TORN	  ? "torn"
			   : looked->what == JOURNAL_READ_FOREIGN ? "of another version"
								  : "damaged";

	printf(asked->json ? "{\"file\":\"%s\",\"at\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"is\":\"%s\"}\n"
			   : "%s: at %" PRIu64 ", %" PRIu64 " bytes: %s\n",
	       looked->file, looked->at, looked->length, what);
}

static int verify(const struct asked *asked)
{
	struct journal_looked looked;
	struct journal_look *look = NULL;
	struct reason reason = { "" };
	uint64_t records = 0, wrong = 0;
	int r = journal_look_open(folder(asked), &look, &reason);

	while (r == 0) {
		r = journal_look_next(look, &looked, &reason);
		if (r < 0 || looked.what == JOURNAL_READ_END)
			break;
		if (looked.what == JOURNAL_READ_RECORD) {
			records++;
		} else {
			wrong++;
			say_wrong(asked, &looked);
		}
	}
	journal_look_close(look);
	if (r < 0)
		return cli_fail("journal", "%s", reason.text);
	fprintf(stderr, "%" PRIu64 " records, %" PRIu64 " stretches that are none, in %s\n", records, wrong,
		folder(asked));
	r = cli_end_output("journal");
	return r == CLI_OK && wrong > 0 ? CLI_FAILED : r;
}

/* ---- drain ---- */

/* Both journals, and who empties them. */
struct draining {
	struct loop *loop;
	struct journal *journal, *refused; /* NULL: nothing can be set aside */
	struct intake_drain *drain;
};

/* What waits in both, and what came out of them into Redis. */
static void count(const struct draining *draining, uint64_t *waiting, uint64_t *drained)
{
	struct journal_counts counts, aside = { .records = 0 };

	journal_counts(draining->journal, &counts);
	if (draining->refused)
		journal_counts(draining->refused, &aside);
	*waiting = counts.records + aside.records;
	*drained = counts.drained + aside.drained - aside.appended;
}

static void one_drained(void *arg)
{
	const struct draining *draining = arg;
	uint64_t waiting, drained;

	count(draining, &waiting, &drained);
	if (waiting == 0)
		loop_stop(draining->loop);
}

static void time_is_up(void *arg)
{
	loop_stop(arg);
}

/* Runs the loop until nothing waits, or the time is up. */
static int run_drain(const struct asked *asked, struct draining *draining, struct reason *reason)
{
	struct journal_follow follow = { .loop = NULL };
	struct intake_drain_setup setup = { .loop = draining->loop,
					    .journal = draining->journal,
					    .refused = draining->refused,
					    .config = asked->config,
					    .drained = one_drained,
					    .arg = draining };
	struct loop_timer timer = { .loop = NULL };
	uint64_t waiting, drained;
	int r = journal_follow_start(&follow, draining->loop, &asked->config->redis);

	setup.layouts = follow.layouts;
	if (r == 0)
		r = intake_drain_new(&setup, &draining->drain);

	if (r == 0)
		r = loop_timer_start(draining->loop, &timer, asked->timeout_ms, time_is_up, draining->loop);
	count(draining, &waiting, &drained);
	if (r == 0 && waiting > 0)
		r = loop_run(draining->loop);
	count(draining, &waiting, &drained);
	if (r == 0 && waiting > 0) {
		r = -ETIMEDOUT;
		reason_set(reason, "%" PRIu64 " events wait still: %s", waiting, intake_drain_reason(draining->drain));
	} else if (r == 0 && !intake_drain_forget(draining->drain)) {
		r = -ETIMEDOUT;
		reason_set(reason, "the events are in Redis, and kept in the journal: %s",
			   intake_drain_reason(draining->drain));
	}
	loop_timer_stop(&timer);
	intake_drain_free(draining->drain);
	journal_follow_stop(&follow);
	return r;
}

static int drain(const struct asked *asked)
{
	const struct journal_setup setup = { .dir = asked->dir, .max_size = asked->config->journal.max_size };
	struct draining draining = { .journal = NULL };
	struct reason reason = { "" };
	uint64_t waiting, drained = 0;
	int r = loop_new(&draining.loop);

	if (r == 0)
		r = journal_open(&setup, &draining.journal, &reason);
	if (r == 0)
		r = intake_refused_open(&setup, &draining.refused, &reason);
	if (r == 0) {
		r = run_drain(asked, &draining, &reason);
		count(&draining, &waiting, &drained);
	}
	journal_close(draining.refused);
	journal_close(draining.journal);
	loop_free(draining.loop);
	if (r < 0)
		return cli_fail("journal", "%s", reason.text[0] ? reason.text : strerror(-r));
	printf(asked->json ? "{\"drained\":%" PRIu64 "}\n" : "%" PRIu64 " events put into Redis\n", drained);
	return cli_end_output("journal");
}

/* ---- the command ---- */

/* Both folders, one after the other. */
static int both(struct asked *asked, int (*one)(const struct asked *asked))
{
	int first = one(asked), second = CLI_OK;

	asked->refused = has_refused(asked);
	if (asked->refused)
		second = one(asked);
	return first != CLI_OK ? first : second;
}

static int list(const struct asked *asked)
{
	return show(asked, 0);
}

/* r NUMBER: of those that were set aside. */
static bool parse_number(struct slice word, struct asked *asked, uint64_t *number)
{
	asked->refused = slice_starts(word, SLICE("r"));
	return num_parse_u64(slice_from(word, asked->refused), UINT64_MAX, number) && *number > 0;
}

static int run(struct asked *asked, int count, char **words)
{
	bool shows = strcmp(words[0], "show") == 0;
	uint64_t number = 0;

	if (shows && (count < 2 || !parse_number(slice_str(words[1]), asked, &number)))
		return cli_usage("journal", "which event? `show` wants its number, as `list` has it");
	if (!shows && count > 1)
		return cli_usage("journal", "%s is one too many", words[1]);
	if (shows)
		return show(asked, number);
	if (strcmp(words[0], "list") == 0)
		return both(asked, list);
	if (strcmp(words[0], "verify") == 0)
		return both(asked, verify);
	if (strcmp(words[0], "drain") == 0)
		return drain(asked);
	return cli_usage("journal", "%s is none of list, show, verify, drain", words[0]);
}

int cli_journal(int argc, char **argv)
{
	const char *file = NULL;
	struct asked asked = { .timeout_ms = DRAIN_TIMEOUT_MS };
	const struct cli_option options[] = { { "config", 'c', .text = &file },
					      { "json", 0, .flag = &asked.json },
					      { "timeout", 0, .duration_ms = &asked.timeout_ms } };
	const struct cli_call call = { "journal", help, options, sizeof options / sizeof options[0], 2 };
	struct intake_plan *plan;
	int status;

	if (!cli_parse(&call, argc, argv, &status))
		return status;
	if (optind >= argc)
		return cli_usage("journal", "what? list, show NUMBER, verify or drain");
	status = cli_load_plan("journal", file, &plan);
	if (status != CLI_OK)
		return status;
	asked.config = intake_plan_config(plan);
	asked.dir = asked.config->journal.dir;
	asked.refused_dir = asked.dir ? intake_refused_dir(asked.dir) : NULL;
	if (asked.refused_dir)
		status = run(&asked, argc - optind, argv + optind);
	else if (asked.dir)
		status = cli_fail("journal", "%s", strerror(ENOMEM));
	else
		status = cli_fail("journal", "%s has no journal: journal.dir is not set", file);
	free(asked.refused_dir);
	intake_plan_unref(plan);
	return status;
}
