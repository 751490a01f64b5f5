/* load.c - the load of scripts/bench: signs deliveries, then sends them over keep-alive connections.
 *
 *     load --port P --kind stripe|github --path PATH --secret S --body FILE --count N [--conns N] [--secs S] [--warm S]
 *          [--spread N] [--bad] [--repeat] [--hold]
 *     load --port P --signed FILE [...]
 *
 * Steps are taken in lockstep with scripts/bench, which reads the servers' CPU in between: a word is printed when one is
 * done ("signed", "warm"), and a line on standard input starts the next. What the last one counted is printed as one JSON
 * object. With --hold every connection delivers once and then stays open and idle ("held") until the next line.
 *
 * Times are those of a closed loop: a slow answer delays the next delivery of its connection, so p99 says how long a sender
 * waited, not how a fixed rate would have fared. */
#include "deliveries.h"
#include "drive.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

struct options {
	struct deliveries_setup deliveries;
	uint16_t port;
	uint32_t connections;
	double secs, warm;
	const char *signed_file; /* in place of what says how to make and sign them; or NULL */
	bool repeat, hold;
};

enum {
	OPT_PORT = 1,
	OPT_KIND,
	OPT_PATH,
	OPT_SECRET,
	OPT_BODY,
	OPT_COUNT,
	OPT_SIGNED,
	OPT_CONNS,
	OPT_SECS,
	OPT_WARM,
	OPT_SPREAD,
	OPT_BAD,
	OPT_REPEAT,
	OPT_HOLD
};

static const struct option known[] = {
	{ "port", required_argument, NULL, OPT_PORT },
	{ "kind", required_argument, NULL, OPT_KIND },
	{ "path", required_argument, NULL, OPT_PATH },
	{ "secret", required_argument, NULL, OPT_SECRET },
	{ "body", required_argument, NULL, OPT_BODY },
	{ "count", required_argument, NULL, OPT_COUNT },
	{ "signed", required_argument, NULL, OPT_SIGNED },
	{ "conns", required_argument, NULL, OPT_CONNS },
	{ "secs", required_argument, NULL, OPT_SECS },
	{ "warm", required_argument, NULL, OPT_WARM },
	{ "spread", required_argument, NULL, OPT_SPREAD },
	{ "bad", no_argument, NULL, OPT_BAD },
	{ "repeat", no_argument, NULL, OPT_REPEAT },
	{ "hold", no_argument, NULL, OPT_HOLD },
	{ NULL, 0, NULL, 0 },
};

static bool option_take(struct options *o, int option, const char *value)
{
	switch (option) {
	case OPT_PORT:
		o->port = (uint16_t)strtoul(value, NULL, 10);
		return o->port != 0;
	case OPT_KIND:
		o->deliveries.kind = strcmp(value, "github") == 0 ? DELIVERIES_GITHUB : DELIVERIES_STRIPE;
		return true;
	case OPT_PATH:
		o->deliveries.path = value;
		return true;
	case OPT_SECRET:
		o->deliveries.secret = value;
		return true;
	case OPT_BODY:
		o->deliveries.template_file = value;
		return true;
	case OPT_COUNT:
		o->deliveries.count = strtoull(value, NULL, 10);
		return o->deliveries.count > 0;
	case OPT_SIGNED:
		o->signed_file = value;
		return true;
	case OPT_CONNS:
		o->connections = (uint32_t)strtoul(value, NULL, 10);
		return o->connections > 0;
	case OPT_SECS:
		o->secs = strtod(value, NULL);
		return o->secs > 0;
	case OPT_WARM:
		o->warm = strtod(value, NULL);
		return true;
	case OPT_SPREAD:
		o->deliveries.spread = (uint32_t)strtoul(value, NULL, 10);
		return true;
	case OPT_BAD:
		o->deliveries.bad = true;
		return true;
	case OPT_REPEAT:
		o->repeat = true;
		return true;
	case OPT_HOLD:
		o->hold = true;
		return true;
	default:
		return false;
	}
}

static bool options_read(struct options *o, int argc, char **argv)
{
	int option;
	*o = (struct options){ .connections = 64, .secs = 4, .warm = 0.5 };
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1)
		if (!option_take(o, option, optarg))
			return false;
	const struct deliveries_setup *d = &o->deliveries;
	return optind == argc && o->port && (o->signed_file || (d->path && d->secret && d->template_file && d->count));
}

/* False at the end of standard input: whoever steers us is gone. */
static bool step(const char *done)
{
	int c;
	(void)printf("%s\n", done);
	(void)fflush(stdout);
	while ((c = getchar()) != EOF && c != '\n')
		;
	return c == '\n';
}

static double ms(uint64_t ns)
{
	return (double)ns / 1e6;
}

static void report(const struct drive *drive, const struct drive_tally *t)
{
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	(void)printf(
		"{\"sent\":%lu,\"answered\":%lu,\"lost\":%lu,\"unanswered\":%lu,\"malformed\":%lu,\"reconnects\":%lu,"
		"\"exhausted\":%s,\"open\":%u,\"seconds\":%.6f,\"p50_ms\":%.4f,\"p90_ms\":%.4f,\"p99_ms\":%.4f,"
		"\"p999_ms\":%.4f,\"max_ms\":%.4f,\"status\":{",
		t->sent, t->answered, t->lost, t->unanswered, t->malformed, t->reconnects,
		t->exhausted ? "true" : "false", drive_open(drive), (double)t->ns / 1e9,
		ms(latency_at(&t->latency, 0.5)), ms(latency_at(&t->latency, 0.9)), ms(latency_at(&t->latency, 0.99)),
		ms(latency_at(&t->latency, 0.999)), ms(t->latency.max));
	const char *comma = "";
	for (unsigned i = 0; i < DRIVE_STATUSES; i++) {
		if (t->by_status[i]) {
			(void)printf("%s\"%u\":%lu", comma, i, t->by_status[i]);
			comma = ",";
		}
	}
	(void)printf("}}\n");
	(void)fflush(stdout);
}

static bool measure(const struct options *o, struct drive *drive)
{
	static struct drive_tally tally;
	if (o->hold) {
		if (!drive_run(drive, 60, 1, o->repeat, &tally) || !step("held"))
			return false;
		report(drive, &tally);
		return true;
	}
	if (o->warm > 0 && !drive_run(drive, o->warm, 0, o->repeat, &tally))
		return false;
	if (!step("warm") || !drive_run(drive, o->secs, 0, o->repeat, &tally))
		return false;
	report(drive, &tally);
	return true;
}

int main(int argc, char **argv)
{
	struct options o;
	struct deliveries set;
	struct rlimit files;
	if (!options_read(&o, argc, argv)) {
		(void)fprintf(stderr,
			      "usage: load --port P --kind stripe|github --path PATH --secret S --body FILE --count N\n"
			      "            [--conns N] [--secs S] [--warm S] [--spread N] [--bad] [--repeat] [--hold]\n"
			      "       load --port P --signed FILE [--conns N] [--secs S] [--warm S]\n");
		return 2;
	}
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	bool ok = o.signed_file ? deliveries_read(o.signed_file, &set) : deliveries_make(&o.deliveries, &set);
	ok = ok && step("signed");
	struct drive *drive = ok ? drive_new(&set, o.port, o.connections) : NULL;
	ok = drive && measure(&o, drive);
	drive_free(drive);
	deliveries_free(&set);
	return ok ? 0 : 1;
}
