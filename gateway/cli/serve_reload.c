/* serve_reload.c - SIGHUP: the configuration as a transaction.
 *
 * The special difficulty: nothing may fail half way. Everything that can is done first, for all workers (the plan,
 * their lanes, room for counters); what is left to each worker is to exchange two pointers. */
#include "base/clock.h"
#include "base/log.h"
#include "cli/notify.h"
#include "cli/serve_gateway.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* As config/key.def bounds `workers`. */
enum { WORKERS_MAX = 256 };

static int make_shares(struct serve_gateway *gateway, struct intake_plan *plan, struct intake_share **shares)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < gateway->worker_count; i++) {
		r = intake_stats_room(gateway->stats[i], gateway->series);
		if (r == 0)
			r = intake_share_new(plan, gateway->keys, &shares[i]);
	}
	return r;
}

static bool same_address(const struct config_address *a, const struct config_address *b)
{
	if (!a || !b)
		return a == b;
	return strcmp(a->text, b->text) == 0;
}

/* What was bound or started at the beginning stays; a person who changed it must be told. */
static void warn_of_restart(const struct config *old, const struct config *new)
{
	bool listen = old->listen_count == new->listen_count;

	for (size_t i = 0; listen && i < old->listen_count; i++)
		listen = same_address(&old->listen[i], &new->listen[i]);
	if (!listen)
		log_line(LOG_WARNING, "reload: needs a restart", LOG_C("key", "listen"));
	if (!same_address(old->admin, new->admin))
		log_line(LOG_WARNING, "reload: needs a restart", LOG_C("key", "admin.listen"));
	if (old->workers != new->workers)
		log_line(LOG_WARNING, "reload: needs a restart", LOG_C("key", "workers"));
	if (strcmp(old->journal.dir ? old->journal.dir : "", new->journal.dir ? new->journal.dir : "") != 0 ||
	    old->journal.max_size != new->journal.max_size)
		log_line(LOG_WARNING, "reload: needs a restart", LOG_C("key", "journal"));
	if (old->max_head != new->max_head)
		log_line(LOG_WARNING, "reload: needs a restart", LOG_C("key", "max_head"));
}

/* An embedded Redis is started and stopped with the gateway: taken over now, the new url would lead to none, or to the
 * wrong one. */
static bool can_take(const struct config *old, const struct config *new)
{
	bool was = old->redis.kind == CONFIG_REDIS_EMBEDDED, is = new->redis.kind == CONFIG_REDIS_EMBEDDED;

	if (was == is && (!is || strcmp(old->redis.path, new->redis.path) == 0))
		return true;
	log_line(LOG_ERROR, "reload: needs a restart", LOG_C("key", "redis.url"),
		 LOG_C("reason", "to, from, or to another embedded Redis"));
	return false;
}

static void swap_all(struct serve_gateway *gateway, struct intake_plan *plan, struct intake_share **shares)
{
	const struct config *config = intake_plan_config(plan);
	bool handed[WORKERS_MAX];

	for (unsigned i = 0; i < gateway->worker_count; i++) {
		handed[i] = serve_worker_swap(gateway->workers[i], shares[i]) == 0;
		shares[i] = NULL;
	}
	/* All at once, then one after the other: "reloaded" is said when it is true. */
	for (unsigned i = 0; i < gateway->worker_count; i++) {
		if (!handed[i] || !serve_worker_await_swap(gateway->workers[i]))
			log_line(LOG_ERROR, "reload: a worker keeps the old configuration", LOG_U("worker", i),
				 LOG_C("reason", handed[i] ? "it does not answer" : "out of memory"));
	}
	warn_of_restart(intake_plan_config(gateway->plan), config);
	if (gateway->drain)
		intake_drain_change(gateway->drain, config);
	intake_plan_unref(gateway->plan);
	gateway->plan = plan;
	serve_keeper_swap(gateway->keeper, plan);
	serve_layouts_swap(gateway->layouts_thread, plan);
	log_configure(config->log_level, config->log_format);
	http_limits_change(gateway->limits, config->max_connections, config->connections_per_address);
	serve_fill_sources(gateway);
}

static void log_findings(const struct config_diag *diag)
{
	char line[2048];

	for (size_t i = 0; i < diag->count; i++) {
		config_finding_format(&diag->findings[i], line, sizeof line);
		log_line(diag->findings[i].severity == CONFIG_ERROR ? LOG_ERROR : LOG_WARNING, "configuration",
			 LOG_C("finding", line));
	}
}

void serve_reload(struct serve_gateway *gateway)
{
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	struct intake_plan *plan = NULL;
	struct intake_share **shares = calloc(gateway->worker_count, sizeof *shares);
	int64_t begun = clock_mono_ms();
	int r = -ENOMEM;

	cli_notify_reloading();
	if (shares)
		r = intake_plan_new(gateway->file, gateway->series, &diag, &plan);
	log_findings(&diag);
	if (r == 0 && !can_take(intake_plan_config(gateway->plan), intake_plan_config(plan)))
		r = -EPERM;
	if (r == 0)
		r = make_shares(gateway, plan, shares);
	if (r == 0)
		r = keys_configure(gateway->keys, &intake_plan_config(plan)->key_fetch);
	if (r == 0)
		r = intake_plan_place(plan, gateway->layouts);
	if (r == 0) {
		swap_all(gateway, plan, shares);
		gateway->sources.reloads_done++;
		log_line(LOG_INFO, "reloaded", LOG_C("file", gateway->file),
			 LOG_U("routes", intake_plan_config(plan)->route_count),
			 LOG_I("took_ms", clock_mono_ms() - begun));
	} else {
		for (unsigned i = 0; shares && i < gateway->worker_count; i++)
			intake_share_free(shares[i]);
		intake_plan_unref(plan);
		gateway->sources.reloads_refused++;
		log_line(LOG_ERROR, "reload refused", LOG_C("file", gateway->file),
			 LOG_C("reason", r == -EINVAL  ? "the configuration has errors"
					 : r == -EPERM ? "a change needs a restart"
						       : strerror(-r)),
			 LOG_C("effect", "the old configuration stays in use"));
	}
	free(shares);
	config_diag_free(&diag);
	cli_notify("READY=1");
}
