/* serve.c - `hookgate serve`: the order in which a gateway comes up, changes its configuration, and goes down.
 *
 * The main thread owns signals, reload, the embedded Redis and the operators' listener; deliveries never touch it. The
 * special difficulty is order: what is needed by others comes up first and goes down last, and the embedded Redis is
 * minded until the last worker has ended. */
#include "base/clock.h"
#include "base/log.h"
#include "cli/notify.h"
#include "cli/options.h"
#include "cli/serve_gateway.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { EMBEDDED_STOP_MS = 10000 };

static const char help[] =
	"usage: hookgate serve -c FILE\n\n"
	"Runs the gateway with the configuration FILE until SIGTERM or SIGINT.\n\n"
	"  -c, --config FILE  the configuration; `hookgate check -c FILE` says what is wrong with it\n"
	"  -h, --help         this text\n\n"
	"SIGHUP reads the file again: all of it is taken over, or, when anything is wrong, nothing.\n"
	"SIGTERM and SIGINT stop accepting, finish what is in flight (at most drain_timeout) and log the account;\n"
	"a second one does not wait. SIGUSR2 starts the program anew on the same sockets, and this one stops once "
	"that\n"
	"one serves: a restart or an upgrade that refuses nobody. The log goes to standard error.\n\n"
	"Exit status: 0 stopped by a signal, 1 it could not start or go on, 2 called the wrong way.\n\n"
	"Example: hookgate serve -c /etc/hookgate/hookgate.yaml\n";

/* ---- coming up ---- */

/* Every connection is a descriptor, and there are more of them than the usual soft limit allows. */
static void raise_descriptor_limit(const struct config *config)
{
	struct rlimit limit;
	rlim_t want = (rlim_t)config->max_connections + 256;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur < want)
		log_line(LOG_WARNING, "few file descriptors", LOG_U("limit", limit.rlim_cur),
			 LOG_U("max_connections", config->max_connections),
			 LOG_C("effect", "connections over the limit are not accepted"));
}

static int make_workers(struct serve_gateway *gateway)
{
	const struct config *config = intake_plan_config(gateway->plan);
	int r = 0;

	gateway->workers = calloc(config->workers, sizeof *gateway->workers);
	gateway->stats = calloc(config->workers, sizeof *gateway->stats);
	if (!gateway->workers || !gateway->stats)
		return -ENOMEM;
	for (unsigned i = 0; r == 0 && i < config->workers; i++) {
		gateway->stats[i] = intake_stats_new();
		if (!gateway->stats[i])
			return -ENOMEM;
		gateway->stats_count = i + 1;
		r = intake_stats_room(gateway->stats[i], gateway->series);
		if (r == 0)
			r = serve_worker_new(&(struct serve_worker_setup){ .number = i,
									   .plan = gateway->plan,
									   .stats = gateway->stats[i],
									   .limits = gateway->limits,
									   .watch = &gateway->watch,
									   .keys = gateway->keys,
									   .redis_socket = gateway->embedded
												   ? gateway->socket
												   : NULL,
									   .journal = gateway->journal,
									   .refused = gateway->refused,
									   .layouts = gateway->layouts,
									   .main_loop = gateway->loop,
									   .running = &gateway->running },
					     &gateway->workers[i]);
		if (r == 0)
			gateway->worker_count = i + 1;
	}
	return r;
}

/* Each worker one socket of the address, and the first ones another where more were handed over. */
static int listen_one(struct serve_gateway *gateway, const struct config_address *address, struct reason *reason)
{
	char text[160];
	int *fds;
	size_t count;
	int r = serve_sockets_open(&gateway->sockets, address, gateway->worker_count, &fds, &count, reason);

	if (r < 0)
		return r;
	http_listen_text(fds[0], text, sizeof text);
	for (size_t i = 0; i < count; i++) {
		if (r == 0)
			r = serve_worker_listen(gateway->workers[i % gateway->worker_count], fds[i], reason);
		else
			close(fds[i]);
	}
	free(fds);
	if (r == 0)
		log_line(LOG_INFO, "listening", LOG_C("address", text), LOG_U("workers", gateway->worker_count));
	return r;
}

static int listen_all(struct serve_gateway *gateway, struct reason *reason)
{
	const struct config *config = intake_plan_config(gateway->plan);
	int r = 0;

	for (size_t i = 0; r == 0 && i < config->listen_count; i++)
		r = listen_one(gateway, &config->listen[i], reason);
	serve_sockets_settle(&gateway->sockets);
	return r;
}

void serve_fill_sources(struct serve_gateway *gateway)
{
	const struct config *config = intake_plan_config(gateway->plan);

	gateway->sources.series = gateway->series;
	gateway->sources.stats = gateway->stats;
	gateway->sources.workers = gateway->worker_count;
	gateway->sources.watch = &gateway->watch;
	gateway->sources.keys = gateway->keys;
	gateway->sources.journal = gateway->journal;
	gateway->sources.refused = gateway->refused;
	gateway->sources.token = config->admin_token;
	gateway->sources.plan = gateway->plan;
	gateway->sources.loaded_ms = clock_wall_ms();
}

/* ---- going down ---- */

static void stop(struct serve_gateway *gateway, const char *why)
{
	if (gateway->stopping) {
		log_line(LOG_WARNING, "stopping at once", LOG_C("signal", why));
		for (unsigned i = 0; i < gateway->worker_count; i++)
			serve_worker_hurry(gateway->workers[i]);
		return;
	}
	gateway->stopping = true;
	gateway->stopping_since_ms = clock_mono_ms();
	gateway->sources.draining = true;
	serve_sockets_close(&gateway->sockets);
	log_line(LOG_INFO, "draining", LOG_C("signal", why));
	for (unsigned i = 0; i < gateway->worker_count; i++)
		serve_worker_drain(gateway->workers[i]);
}

/* The gateway after this one serves, or never will. */
static void handed_over(void *arg, pid_t pid, bool well)
{
	struct serve_gateway *gateway = arg;
	char text[64];

	if (!well) {
		log_line(LOG_ERROR, "handover failed", LOG_I("process", pid),
			 LOG_C("reason", "it ended before it served; its own log says why"),
			 LOG_C("effect", "this gateway goes on"));
		return;
	}
	snprintf(text, sizeof text, "MAINPID=%d", (int)pid);
	cli_notify(text);
	log_line(LOG_INFO, "handed over", LOG_I("process", pid));
	if (!gateway->stopping)
		stop(gateway, "handed over");
}

static void hand_over(struct serve_gateway *gateway)
{
	struct reason reason = { "" };
	int r = -EPERM;

	if (gateway->embedded)
		reason_set(&reason, "the embedded Redis in %s can have one owner only; restart instead",
			   intake_plan_config(gateway->plan)->redis.path);
	else
		r = serve_handover_start(&gateway->handover, &gateway->sockets, &reason);
	if (r < 0)
		log_line(LOG_ERROR, "handover refused", LOG_C("reason", reason.text));
	else
		log_line(LOG_INFO, "handover begins", LOG_C("program", gateway->handover.program),
			 LOG_I("process", gateway->handover.pid));
}

static void signalled(void *arg, unsigned events)
{
	struct serve_gateway *gateway = arg;
	struct signalfd_siginfo info;

	(void)events;
	while (read(gateway->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
		if (info.ssi_signo == SIGHUP) {
			if (!gateway->stopping)
				serve_reload(gateway);
		} else if (info.ssi_signo == SIGUSR2) {
			if (!gateway->stopping)
				hand_over(gateway);
		} else {
			if (!gateway->stopping)
				cli_notify("STOPPING=1");
			stop(gateway, strsignal((int)info.ssi_signo));
		}
	}
}

struct totals {
	const struct serve_gateway *gateway;
	uint64_t outcome[INTAKE_OUTCOME_COUNT];
};

static void add_totals(void *arg, const struct intake_series_entry *entry)
{
	struct totals *totals = arg;

	if (entry->secret.n > 0)
		return;
	for (unsigned worker = 0; worker < totals->gateway->worker_count; worker++) {
		for (size_t i = 0; i < INTAKE_OUTCOME_COUNT; i++)
			totals->outcome[i] += intake_stats_value(totals->gateway->stats[worker], entry->number + i);
	}
}

/* The account: what was answered, so that it can be held against the stream. */
static void log_account(const struct serve_gateway *gateway, size_t unfinished)
{
	struct totals totals = { .gateway = gateway };
	struct journal_counts kept = { .records = 0 }, aside = { .records = 0 };
	uint64_t refused = 0;

	if (gateway->journal)
		journal_counts(gateway->journal, &kept);
	if (gateway->refused)
		journal_counts(gateway->refused, &aside);
	intake_series_each(gateway->series, add_totals, &totals);
	for (size_t i = 0; i < INTAKE_OUTCOME_COUNT; i++) {
		if (i != INTAKE_accepted && i != INTAKE_duplicate && i != INTAKE_ignored && i != INTAKE_challenge)
			refused += totals.outcome[i];
	}
	log_line(LOG_INFO, "stopped", LOG_U("accepted", totals.outcome[INTAKE_accepted]),
		 LOG_U("duplicate", totals.outcome[INTAKE_duplicate]), LOG_U("ignored", totals.outcome[INTAKE_ignored]),
		 LOG_U("challenge", totals.outcome[INTAKE_challenge]), LOG_U("refused", refused),
		 LOG_U("unfinished", unfinished), LOG_U("in_journal", kept.records + aside.records),
		 LOG_I("drain_ms", gateway->stopping ? clock_mono_ms() - gateway->stopping_since_ms : 0));
}

/* ---- the whole ---- */

static int take_signals(struct serve_gateway *gateway)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR2);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	gateway->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (gateway->signal_fd < 0)
		return -errno;
	return loop_watch(gateway->loop, &gateway->signal_watch, gateway->signal_fd, LOOP_READ, signalled, gateway);
}

static void flush_log(void *arg)
{
	(void)arg;
	log_flush();
}

/* In the order in which things depend on each other: signals first, so that none is lost; Redis before who connects to
 * it; sockets bound by all before one worker runs, so that an address in use stops the start; readiness last. */
static int start(struct serve_gateway *gateway, struct reason *reason)
{
	const struct config *config = intake_plan_config(gateway->plan);
	int r = loop_new(&gateway->loop);

	if (r == 0)
		serve_handover_init(&gateway->handover, gateway->loop, gateway->file, handed_over, gateway);
	if (r == 0)
		r = take_signals(gateway);
	if (r == 0)
		r = serve_sockets_inherit(&gateway->sockets, reason);
	raise_descriptor_limit(config);
	if (r == 0)
		r = serve_redis_start(gateway, reason);
	if (r == 0)
		r = serve_redis_look(gateway, reason);
	if (r == 0)
		r = http_limits_new(config->max_connections, config->connections_per_address, &gateway->limits);
	if (r == 0)
		r = keys_new(&config->key_fetch, &gateway->keys);
	if (r == 0)
		r = serve_journal_open(gateway, reason);
	if (r == 0)
		r = serve_layouts_new(gateway->layouts, gateway->plan, gateway->embedded ? gateway->socket : NULL,
				      &gateway->layouts_thread);
	if (r == 0)
		r = intake_plan_place(gateway->plan, gateway->layouts);
	if (r == 0)
		r = make_workers(gateway);
	if (r == 0)
		r = serve_journal_drain(gateway);
	if (r == 0)
		serve_fill_sources(gateway);
	if (r == 0)
		r = serve_admin_start(gateway, reason);
	if (r == 0)
		r = listen_all(gateway, reason);
	gateway->running = gateway->worker_count;
	for (unsigned i = 0; r == 0 && i < gateway->worker_count; i++)
		r = serve_worker_start(gateway->workers[i]);
	if (r == 0)
		r = serve_keeper_new(gateway->plan, gateway->embedded ? gateway->socket : NULL, &gateway->keeper);
	if (r == 0) {
		serve_fill_sources(gateway);
		loop_hook_add(gateway->loop, &gateway->log_hook, flush_log, gateway);
		serve_handover_tell();
		cli_notify("READY=1");
		log_line(LOG_INFO, "serving", LOG_C("version", HOOKGATE_VERSION), LOG_C("file", gateway->file),
			 LOG_U("routes", config->route_count), LOG_C("redis", config->redis.url));
		log_flush();
	}
	return r;
}

static void clean_up(struct serve_gateway *gateway)
{
	size_t unfinished = 0;

	for (unsigned i = 0; i < gateway->worker_count; i++)
		serve_worker_hurry(gateway->workers[i]);
	for (unsigned i = 0; i < gateway->worker_count; i++) {
		unfinished += serve_worker_join(gateway->workers[i]);
		serve_worker_free(gateway->workers[i]);
	}
	http_server_free(gateway->admin_server);
	serve_keeper_free(gateway->keeper);
	intake_drain_free(gateway->drain);
	serve_layouts_free(gateway->layouts_thread);
	keys_free(gateway->keys);
	store_embedded_free(gateway->embedded, EMBEDDED_STOP_MS);
	if (gateway->series && gateway->stats && gateway->stopping)
		log_account(gateway, unfinished);
	journal_close(gateway->refused);
	journal_close(gateway->journal);
	serve_sockets_close(&gateway->sockets);
	serve_handover_free(&gateway->handover);
	loop_unwatch(&gateway->signal_watch);
	if (gateway->signal_fd >= 0)
		close(gateway->signal_fd);
	loop_free(gateway->loop);
	for (unsigned i = 0; i < gateway->stats_count; i++)
		intake_stats_free(gateway->stats[i]);
	free(gateway->stats);
	free(gateway->workers);
	http_limits_free(gateway->limits);
	intake_plan_unref(gateway->plan);
	store_layouts_free(gateway->layouts);
	intake_series_free(gateway->series);
	buf_free(&gateway->page);
	log_flush();
}

static int serve(const char *file)
{
	struct serve_gateway gateway = { .file = file, .signal_fd = -1, .handover = { .heard = -1 } };
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	struct reason reason = { "" };
	int r;

	gateway.sources.started_ms = clock_wall_ms();
	r = intake_series_new(&gateway.series);
	if (r == 0)
		r = store_layouts_new(&gateway.layouts);
	if (r == 0)
		r = intake_plan_new(file, gateway.series, &diag, &gateway.plan);
	cli_print_findings(stderr, &diag);
	config_diag_free(&diag);
	if (r < 0) {
		clean_up(&gateway);
		return cli_fail("serve", "%s: %s", file, r == -EINVAL ? "the configuration has errors" : strerror(-r));
	}
	log_configure(intake_plan_config(gateway.plan)->log_level, intake_plan_config(gateway.plan)->log_format);
	r = start(&gateway, &reason);
	if (r == 0)
		r = loop_run(gateway.loop);
	clean_up(&gateway);
	if (r < 0)
		return cli_fail("serve", "%s", reason.text[0] ? reason.text : strerror(-r));
	return CLI_OK;
}

int cli_serve(int argc, char **argv)
{
	const char *file = NULL;
	const struct cli_option options[] = { { "config", 'c', .text = &file } };
	const struct cli_call call = { "serve", help, options, sizeof options / sizeof options[0], 0 };
	int status;

	if (!cli_parse(&call, argc, argv, &status))
		return status;
	if (!file)
		return cli_usage("serve", "which configuration? -c FILE is missing");
	return serve(file);
}
