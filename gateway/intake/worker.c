/* worker.c - what a worker keeps between deliveries: its share of the plan, its way into Redis, and what it says of Redis.
 *
 * The special difficulty: every worker has its own connection, but a person wants to read once that Redis is away and
 * once that it is back; so the workers count themselves in a watch that they share, and who tips it over logs. */
#include "base/clock.h"
#include "intake/inside.h"

#include <errno.h>
#include <stdlib.h>

/* Providers wait 3 to 30 s, and Redis may have had its ack_deadline already. */
enum { JOURNAL_PATIENCE_MS = 3000 };

int intake_share_new(struct intake_plan *plan, struct keys *keys, struct intake_share **out)
{
	struct intake_share *share = calloc(1, sizeof *share);
	int r;

	if (!share)
		return -ENOMEM;
	r = trust_lane_new(intake_plan_set(plan), &share->lane);
	if (r < 0) {
		free(share);
		return r;
	}
	trust_lane_use_keys(share->lane, keys);
	share->plan = intake_plan_ref(plan);
	*out = share;
	return 0;
}

void intake_share_free(struct intake_share *share)
{
	if (!share)
		return;
	trust_lane_free(share->lane);
	intake_plan_unref(share->plan);
	free(share);
}

static void retire(struct intake_share *share)
{
	share->retired = true;
	if (share->deliveries == 0)
		intake_share_free(share);
}

void intake_share_release(struct intake_share *share)
{
	share->deliveries--;
	if (share->retired && share->deliveries == 0)
		intake_share_free(share);
}

static void log_redis(struct intake_worker *worker, enum store_state state, const char *reason)
{
	struct intake_redis_watch *watch = worker->watch;
	const struct config *config = intake_worker_config(worker);
	int64_t now = clock_mono_ms(), none = 0;

	if (state == STORE_READY && atomic_fetch_add(&watch->ready, 1) == 0)
		log_line(LOG_INFO, "redis ready", LOG_C("redis", config->redis.url));
	if (state == STORE_AWAY || state == STORE_STALLED) {
		if (atomic_fetch_add(&watch->away, 1) == 0 &&
		    atomic_compare_exchange_strong(&watch->away_since_ms, &none, now))
			log_line(LOG_ERROR, "redis away", LOG_C("redis", config->redis.url), LOG_C("reason", reason),
				 LOG_C("effect", worker->lane ? "deliveries are kept in the journal until it is back"
							      : "deliveries are answered 503 until it is back"));
	}
}

/* Takes the state that the worker was in out of the watch's counts. */
static void leave_state(struct intake_worker *worker, enum store_state next)
{
	struct intake_redis_watch *watch = worker->watch;

	if (worker->seen_state == STORE_READY)
		atomic_fetch_sub(&watch->ready, 1);
	if (worker->seen_state != STORE_AWAY && worker->seen_state != STORE_STALLED)
		return;
	if (atomic_fetch_sub(&watch->away, 1) == 1 && next == STORE_READY) {
		int64_t since = atomic_exchange(&watch->away_since_ms, 0);

		log_line(LOG_WARNING, "redis back", LOG_I("away_ms", since != 0 ? clock_mono_ms() - since : 0));
	}
}

static bool is_away(enum store_state state)
{
	return state == STORE_AWAY || state == STORE_STALLED;
}

static void redis_changed(void *arg, enum store_state state, const char *reason)
{
	struct intake_worker *worker = arg;

	/* Attempts to connect in between do not count: away is away until it is ready again. */
	if (state == STORE_CONNECTING)
		return;
	/* A Cluster with another master is ready as before. */
	if (state == STORE_READY && worker->window)
		intake_window_ready(worker->window);
	if (state == worker->seen_state)
		return;
	/* In the next turn: the store is in the middle of its change. */
	if (!worker->early_over)
		loop_timer_start(worker->loop, &worker->early_timer, 0, intake_early_over, worker);
	if (!(is_away(state) && is_away(worker->seen_state))) {
		leave_state(worker, state);
		log_redis(worker, state, reason);
	}
	worker->seen_state = state;
	atomic_store_explicit(&worker->stats->store_state, (uint64_t)state, memory_order_relaxed);
}

/* The store drops a Redis that is silent for twice its patience, and all that waits with it: no route's deadline may be
 * beyond. */
static int64_t patience_ms(const struct config *config)
{
	int64_t ms = config->ack_deadline_ms;

	for (size_t i = 0; i < config->route_count; i++) {
		int64_t half_ms = (config->routes[i].ack_deadline_ms + 1) / 2;

		ms = half_ms > ms ? half_ms : ms;
	}
	return ms;
}

int intake_worker_new(const struct intake_worker_setup *setup, struct intake_worker **out)
{
	struct intake_worker *worker = calloc(1, sizeof *worker);
	const struct config *config = intake_plan_config(setup->plan);
	int r;

	if (!worker)
		return -ENOMEM;
	worker->loop = setup->loop;
	worker->stats = setup->stats;
	worker->watch = setup->watch;
	worker->layouts = setup->layouts;
	worker->redis_socket = setup->redis_socket;
	r = intake_share_new(setup->plan, setup->keys, &worker->share);
	if (r == 0 && setup->keys)
		r = keys_inbox_new(setup->keys, setup->loop, &worker->inbox);
	if (r == 0)
		r = trust_random(worker->random, sizeof worker->random);
	worker->random[0] |= 1;
	if (r == 0)
		r = store_new(&(struct store_setup){ .loop = setup->loop,
						     .redis = &config->redis,
						     .socket = setup->redis_socket,
						     .stall_ms = patience_ms(config),
						     .changed = redis_changed,
						     .arg = worker },
			      &worker->store);
	worker->journal = setup->journal;
	worker->refused = setup->refused;
	if (r == 0)
		r = intake_window_new(worker, setup->number, &worker->window);
	/* Behind the store: what it gives up while it writes at a turn's end is still of that turn. */
	if (r == 0 && setup->journal)
		r = journal_lane_new(setup->journal, setup->loop, JOURNAL_PATIENCE_MS, &worker->lane);
	if (r == 0)
		*out = worker;
	else
		intake_worker_free(worker);
	return r;
}

void intake_worker_give_up(struct intake_worker *worker)
{
	intake_pending_give_up(worker);
	store_free(worker->store);
	worker->store = NULL;
	intake_unplaced_give_up(worker);
	loop_timer_stop(&worker->early_timer);
	intake_early_over(worker);
	journal_lane_free(worker->lane);
	worker->lane = NULL;
	intake_window_free(worker->window);
	worker->window = NULL;
}

void intake_worker_free(struct intake_worker *worker)
{
	if (!worker)
		return;
	intake_worker_give_up(worker);
	if (worker->share)
		retire(worker->share);
	buf_free(&worker->scratch);
	free(worker);
}

void intake_worker_swap(struct intake_worker *worker, struct intake_share *share)
{
	const struct config *config = intake_plan_config(share->plan);
	struct intake_share *old = worker->share;

	if (worker->window && strcmp(intake_plan_config(old->plan)->redis.url, config->redis.url) != 0)
		intake_window_leave(worker->window);
	worker->share = share;
	store_reconfigure(worker->store, &config->redis, worker->redis_socket, patience_ms(config));
	retire(old);
}

void intake_worker_sample(struct intake_worker *worker)
{
	struct intake_stats *stats = worker->stats;
	struct store_counts counts;

	if (!worker->store)
		return;
	if (worker->window)
		intake_window_sample(worker->window);
	store_counts(worker->store, &counts);
	atomic_store_explicit(&stats->store_connects, counts.connects, memory_order_relaxed);
	atomic_store_explicit(&stats->store_losses, counts.losses, memory_order_relaxed);
	atomic_store_explicit(&stats->store_script_loads, counts.script_loads, memory_order_relaxed);
	atomic_store_explicit(&stats->store_refusals, counts.refusals, memory_order_relaxed);
	atomic_store_explicit(&stats->store_shortfalls, counts.shortfalls, memory_order_relaxed);
	atomic_store_explicit(&stats->store_timeouts, counts.timeouts, memory_order_relaxed);
	atomic_store_explicit(&stats->store_moved, counts.moved, memory_order_relaxed);
	atomic_store_explicit(&stats->store_asked, counts.asked, memory_order_relaxed);
	atomic_store_explicit(&stats->store_asked_again, counts.asked_again, memory_order_relaxed);
}

const struct config *intake_worker_config(const struct intake_worker *worker)
{
	return intake_plan_config(worker->share->plan);
}
