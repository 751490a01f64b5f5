/* drain.c - from the journal into Redis.
 *
 * The special difficulty is another Redis, or the same one started anew: it may have lost what it took last, and so all that is kept is
 * sent again, from the beginning. Events are put without a wait, so that routes whose replicas are away hold up nobody. What their
 * routes wait for is asked before the journal forgets them, and it forgets nothing of which that does not hold (kept.h). */
#include "base/log.h"
#include "intake/drain_inner.h"
#include "intake/left.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	AGAIN_MS = 2000, /* after Redis has refused one for good, and nothing goes on but by a person */
	ASIDE_MS = 50	 /* for the folder of what was set aside to be ours */
};

static void work(void *arg);

void intake_drain_work_in(struct intake_drain *drain, int64_t ms)
{
	if (!loop_timer_running(&drain->work))
		loop_timer_start(drain->loop, &drain->work, ms, work, drain);
}

bool intake_drain_forget(struct intake_drain *drain)
{
	bool all = intake_kept_forget(&drain->kept);

	return (!drain->aside || intake_aside_forget(drain->aside)) && all;
}

static void say_drained(struct intake_drain *drain)
{
	struct journal_counts counts;

	journal_counts(drain->journal, &counts);
	/* At the end Redis is not asked any more: what is owed stays in the journal. */
	if (!drain->store || counts.records > 0 || drain->count > 0)
		return;
	if (intake_kept_owes(&drain->kept)) {
		intake_kept_ask(&drain->kept);
		return;
	}
	if (drain->behind)
		log_line(LOG_INFO, drain->left ? "journal drained" : "refused events drained",
			 LOG_U("records", drain->taken));
	drain->behind = false;
	drain->taken = 0;
	if (drain->drained)
		drain->drained(drain->arg);
}

static void take_back(struct intake_drain *drain)
{
	if (intake_drain_window_take_back(drain))
		say_drained(drain);
}

static void kept_settled(void *arg, const char *reason)
{
	struct intake_drain *drain = arg;

	reason_set(&drain->reason, "%s", reason ? reason : "");
	if (!reason) {
		say_drained(drain);
		return;
	}
	if (!drain->behind)
		log_line(LOG_WARNING, "journal keeps what redis has", LOG_C("reason", reason));
	drain->behind = true;
}

/* What the last gateway had put into Redis comes before what it had not. And of whom events were set aside must be known
 * before one of theirs is put. */
static bool waits_for_others(struct intake_drain *drain)
{
	if (!drain->left)
		return false;
	if (drain->aside && !intake_aside_ready(drain->aside)) {
		intake_drain_work_in(drain, ASIDE_MS);
		return true;
	}
	/* Until the folder is ours, it is not known what is left. */
	if (!drain->left_begun && journal_ready(drain->journal)) {
		drain->left_begun = true;
		intake_left_ready(drain->left, drain->kept.hold_ms);
	}
	return !intake_left_over(drain->left);
}

static void work(void *arg)
{
	struct intake_drain *drain = arg;

	take_back(drain);
	if (drain->refused && intake_drain_window_is_back(drain)) {
		drain->refused = false;
		if (!drain->behind && drain->left)
			log_line(LOG_WARNING, "journal waits for redis", LOG_C("reason", drain->reason.text));
		drain->behind = true;
		intake_drain_work_in(drain, drain->stubborn ? AGAIN_MS : INTAKE_DRAIN_PAUSE_MS);
	} else if (!drain->failed && !drain->anew && store_state(drain->store) == STORE_READY &&
		   !waits_for_others(drain)) {
		intake_drain_window_send(drain);
	}
}

static void more(void *arg)
{
	intake_drain_work_in(arg, 0);
}

/* Another Redis, or one that has been started anew, may have lost what it took last: all that is still kept is sent again. */
static void look_who(struct intake_drain *drain)
{
	const char *identity = store_identity(drain->store);

	if (drain->identity[0] != '\0' && strcmp(drain->identity, identity) != 0)
		drain->anew = true;
	snprintf(drain->identity, sizeof drain->identity, "%s", identity[0] != '\0' ? identity : "?");
	intake_kept_renew(&drain->kept);
}

static void redis_changed(void *arg, enum store_state state, const char *reason)
{
	struct intake_drain *drain = arg;

	if (state == STORE_READY) {
		drain->reason.text[0] = '\0';
		look_who(drain);
		/* A run that was cut off is begun again. */
		drain->left_begun = false;
		intake_drain_work_in(drain, 0);
		return;
	}
	if (reason)
		reason_set(&drain->reason, "%s", reason);
	drain->behind = true;
}

/* ---- life ---- */

int intake_drain_new(const struct intake_drain_setup *setup, struct intake_drain **out)
{
	struct intake_drain *drain = calloc(1, sizeof *drain);
	const struct store_setup store = { .loop = setup->loop,
					   .redis = &setup->config->redis,
					   .socket = setup->redis_socket,
					   .stall_ms = setup->config->ack_deadline_ms,
					   .changed = redis_changed,
					   .arg = drain };
	struct journal_counts counts;
	int r;

	if (!drain)
		return -ENOMEM;
	drain->loop = setup->loop;
	drain->journal = setup->journal;
	drain->redis_socket = setup->redis_socket;
	drain->targets.layouts = setup->layouts;
	snprintf(drain->url, sizeof drain->url, "%s", setup->config->redis.url);
	drain->drained = setup->drained;
	drain->arg = setup->arg;
	journal_counts(setup->journal, &counts);
	drain->behind = counts.records > 0;
	r = store_new(&store, &drain->store);
	intake_kept_init(&drain->kept, setup->loop, setup->journal, drain->store, setup->config->replay_window_ms,
			 kept_settled, drain);
	drain->rows = (struct intake_rows){ .store = drain->store, .done = intake_drain_window_row_done, .arg = drain };
	if (r == 0 && setup->refused)
		r = intake_aside_new(setup, &drain->aside);
	if (r == 0 && !setup->of_refused)
		r = intake_left_new(setup, &drain->kept, more, drain, &drain->left);
	if (r == 0)
		r = journal_reader_start(setup->journal, setup->loop, more, drain);
	if (r == 0)
		*out = drain;
	else
		intake_drain_free(drain);
	return r;
}

void intake_drain_change(struct intake_drain *drain, const struct config *config)
{
	drain->kept.hold_ms = config->replay_window_ms;
	/* What the Redis of before has is not the business of another. */
	if (strcmp(drain->url, config->redis.url) != 0) {
		drain->identity[0] = '\0';
		if (drain->left)
			intake_left_leave(drain->left);
	}
	if (drain->aside)
		intake_aside_change(drain->aside, config);
	snprintf(drain->url, sizeof drain->url, "%s", config->redis.url);
	store_reconfigure(drain->store, &config->redis, drain->redis_socket, config->ack_deadline_ms);
}

void intake_drain_free(struct intake_drain *drain)
{
	if (!drain)
		return;
	journal_reader_stop(drain->journal);
	store_free(drain->store);
	drain->store = NULL;
	intake_aside_free(drain->aside);
	take_back(drain);
	loop_timer_stop(&drain->work);
	intake_kept_free(&drain->kept);
	intake_left_free(drain->left);
	intake_rows_free(&drain->rows);
	intake_targets_free(&drain->targets);
	free(drain);
}

const char *intake_drain_reason(const struct intake_drain *drain)
{
	if (drain->reason.text[0] != '\0' || !drain->aside)
		return drain->reason.text;
	return intake_aside_reason(drain->aside);
}
