/* window.c - the replay window of a worker: what it put into Redis in the last seconds, and sends again when it finds that
 * another Redis, or one that was started anew, is behind its connection.
 *
 * The special difficulty: what is in the ring must not grow old while Redis is away, since that is when it is needed; so
 * time only counts while Redis is there and takes events: a master that says NOREPLICAS may be about to be replaced. */
#include "intake/inside.h"
#include "intake/resend.h"
#include "journal/ring.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { RING_MIN = 64 * 1024 };

struct intake_window {
	struct intake_worker *worker;
	struct journal_ring *ring;
	struct intake_resend *resend;
	struct journal_ring_place place;
	uint64_t sent;
	char identity[96]; /* of the Redis that has what is in the ring; "": none yet */
	bool cut;
	bool refusing; /* Redis takes nothing for now */
};

static bool next(void *arg, struct journal_event *event)
{
	struct intake_window *window = arg;
	bool more = journal_ring_next(window->ring, &window->place, event);

	window->sent += more;
	return more;
}

static void begin(void *arg)
{
	struct intake_window *window = arg;

	window->place = (struct journal_ring_place){ .number = 0 };
	window->sent = 0;
}

static void done(void *arg, uint64_t missing, uint64_t left_out)
{
	struct intake_window *window = arg;
	struct intake_stats *stats = window->worker->stats;

	intake_count(&stats->resent, window->sent - left_out);
	intake_count(&stats->resent_missing, missing);
	journal_ring_note(window->ring, window->identity);
	log_line(LOG_WARNING, "replay window sent again", LOG_U("events", window->sent - left_out),
		 LOG_U("missing", missing), LOG_U("left_out", left_out));
}

static int make_ring(const struct config *config, unsigned number, struct journal_ring **ring, struct reason *reason)
{
	size_t size = (size_t)(config->replay_window_size / config->workers);
	int r = -1;

	size = size > RING_MIN ? size : RING_MIN;
	if (config->journal.dir)
		r = journal_ring_new(config->journal.dir, number, size, ring, reason);
	if (r < 0 && config->journal.dir)
		log_line(LOG_WARNING, "replay window in memory only", LOG_C("reason", reason->text),
			 LOG_C("effect", "it does not outlive the gateway"));
	return r < 0 ? journal_ring_new(NULL, number, size, ring, reason) : r;
}

int intake_window_new(struct intake_worker *worker, unsigned number, struct intake_window **out)
{
	const struct config *config = intake_worker_config(worker);
	struct intake_window *window;
	struct reason reason = { "" };
	int r;

	if (config->replay_window_ms == 0)
		return 0;
	window = calloc(1, sizeof *window);
	if (!window)
		return -ENOMEM;
	window->worker = worker;
	r = make_ring(config, number, &window->ring, &reason);
	if (r == 0)
		r = intake_resend_new(&(struct intake_resend_setup){ .loop = worker->loop,
								     .store = worker->store,
								     .layouts = worker->layouts,
								     .next = next,
								     .begin = begin,
								     .done = done,
								     .arg = window },
				      &window->resend);
	if (r == 0)
		*out = window;
	else
		intake_window_free(window);
	return r;
}

void intake_window_free(struct intake_window *window)
{
	if (!window)
		return;
	intake_resend_free(window->resend);
	journal_ring_free(window->ring);
	free(window);
}

void intake_window_add(struct intake_window *window, const struct journal_event *event)
{
	(void)journal_ring_add(window->ring, event, loop_now_ms(window->worker->loop));
}

void intake_window_told(struct intake_window *window, bool taken)
{
	window->refusing = !taken && store_state(window->worker->store) == STORE_READY;
}

void intake_window_ready(struct intake_window *window)
{
	const char *identity = store_identity(window->worker->store);
	bool same = strcmp(window->identity, identity) == 0;

	/* A run that was cut off goes on as well. */
	bool again =
		window->identity[0] != '\0' && (!same || identity[0] == '\0' || intake_resend_running(window->resend));

	snprintf(window->identity, sizeof window->identity, "%s", identity[0] != '\0' ? identity : "?");
	/* Until all is sent, no Redis has all of it: who is killed before that leaves a window that is sent again. */
	journal_ring_note(window->ring, again ? "" : window->identity);
	if (again)
		intake_resend_start(window->resend);
}

void intake_window_leave(struct intake_window *window)
{
	journal_ring_forget(window->ring, INT64_MAX);
	window->identity[0] = '\0';
}

/* The time that it reaches back, and whether it would be longer but for its size. */
static void note_reach(struct intake_window *window, int64_t now_ms, int64_t time_ms)
{
	struct intake_stats *stats = window->worker->stats;
	int64_t lost_ms = journal_ring_lost_ms(window->ring), oldest_ms = journal_ring_oldest_ms(window->ring);
	bool cut = lost_ms > now_ms - time_ms;
	int64_t reach_ms = !cut ? time_ms : oldest_ms > lost_ms ? now_ms - oldest_ms : 0;

	atomic_store_explicit(&stats->window_reach_ms, (uint64_t)reach_ms, memory_order_relaxed);
	atomic_store_explicit(&stats->window_cut, cut, memory_order_relaxed);
	if (cut && !window->cut)
		log_line(LOG_WARNING, "replay window cut short", LOG_I("reach_ms", reach_ms), LOG_I("time_ms", time_ms),
			 LOG_C("effect", "a crash of Redis may lose what is older; raise replay_window.size"));
	window->cut = cut;
}

void intake_window_sample(struct intake_window *window)
{
	const struct intake_worker *worker = window->worker;
	int64_t time_ms = intake_worker_config(worker)->replay_window_ms, now_ms = loop_now_ms(worker->loop);

	if (store_state(worker->store) != STORE_READY || window->refusing || intake_resend_running(window->resend))
		return;
	journal_ring_forget(window->ring, now_ms - time_ms);
	note_reach(window, now_ms, time_ms);
}
