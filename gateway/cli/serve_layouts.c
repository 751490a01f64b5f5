/* serve_layouts.c - a thread of its own for what routes are split into, since deliveries may wait for it.
 *
 * Its difficulty is the same as the keeper's: its end in the middle of a wait for Redis. Another plan waits for the end of what it
 * is at, which may be the change that this plan wants. */
#include "cli/serve_layouts.h"

#include "base/clock.h"
#include "base/log.h"
#include "store/layouts.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

enum { CALL_MS = 2000, RETRY_MS = 200 };

struct serve_layouts {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct intake_plan *plan; /* under the lock; with a reference */
	bool ending, woken;	  /* under the lock */
	struct store_client *client;
	struct store_layouts *layouts;
	const char *redis_socket;
};

static void wake(void *arg)
{
	struct serve_layouts *serving = arg;

	pthread_mutex_lock(&serving->lock);
	serving->woken = true;
	pthread_cond_signal(&serving->changed);
	pthread_mutex_unlock(&serving->lock);
}

static void say_changed(void *arg, struct slice route, const struct store_layout *layout, bool ours)
{
	(void)arg;
	/* That it never was split is nothing new. */
	if (layout->generation == 0)
		return;
	log_line(LOG_WARNING, ours ? "partitions changed" : "partitions learned", LOG_S("route", route),
		 LOG_U("partitions", layout->split.partitions),
		 LOG_S("order_by", slice_of(layout->split.order, layout->split.order_n)),
		 LOG_U("former", layout->former_count));
}

static void say_failed(void *arg, struct slice route, const char *reason)
{
	(void)arg;
	log_line(LOG_ERROR, "partitions not known", LOG_S("route", route), LOG_C("reason", reason),
		 LOG_C("effect", "deliveries of the route may have to wait"));
}

static bool is_ending(void *arg)
{
	struct serve_layouts *serving = arg;

	pthread_mutex_lock(&serving->lock);
	bool ending = serving->ending;
	pthread_mutex_unlock(&serving->lock);
	return ending;
}

/* A client for the plan's Redis; the lock is held while it is exchanged, for who interrupts it. */
static void connect_to(struct serve_layouts *serving, const struct intake_plan *plan)
{
	struct store_client *client = NULL, *old;

	if (plan && store_client_new(&intake_plan_config(plan)->redis, serving->redis_socket, CALL_MS, &client) < 0)
		client = NULL;
	pthread_mutex_lock(&serving->lock);
	old = serving->client;
	serving->client = client;
	pthread_mutex_unlock(&serving->lock);
	store_client_free(old);
}

/* The lock is held. */
static void wait_until(struct serve_layouts *serving, const struct intake_plan *plan, int64_t next_ms)
{
	struct timespec until = { .tv_sec = next_ms / 1000, .tv_nsec = next_ms % 1000 * 1000000 };

	while (!serving->ending && !serving->woken && serving->plan == plan &&
	       pthread_cond_timedwait(&serving->changed, &serving->lock, &until) != ETIMEDOUT)
		;
}

static void look(struct serve_layouts *serving, int64_t *next_ms)
{
	struct reason reason = { "" };

	/* That Redis is away, the workers say. */
	if (serving->client &&
	    store_layouts_round(serving->layouts, serving->client, is_ending, serving, next_ms, &reason) == -ENOMEM)
		log_line(LOG_ERROR, "partitions not known", LOG_C("reason", "out of memory"));
}

static void *thread(void *arg)
{
	struct serve_layouts *serving = arg;
	struct intake_plan *plan = NULL;

	pthread_mutex_lock(&serving->lock);
	while (!serving->ending) {
		struct intake_plan *old = plan != serving->plan ? plan : NULL;
		bool other = plan != serving->plan;
		int64_t next_ms = clock_mono_ms() + RETRY_MS;

		plan = serving->plan;
		serving->woken = false;
		if (other)
			intake_plan_ref(plan);
		pthread_mutex_unlock(&serving->lock);
		if (other)
			connect_to(serving, plan);
		intake_plan_unref(old);
		look(serving, &next_ms);
		log_flush();
		pthread_mutex_lock(&serving->lock);
		wait_until(serving, plan, next_ms);
	}
	pthread_mutex_unlock(&serving->lock);
	connect_to(serving, NULL);
	intake_plan_unref(plan);
	return NULL;
}

static int start(struct serve_layouts *serving)
{
	sigset_t all, before;
	int r;

	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	r = pthread_create(&serving->thread, NULL, thread, serving);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r == 0)
		pthread_setname_np(serving->thread, "layouts");
	return -r;
}

int serve_layouts_new(struct store_layouts *layouts, struct intake_plan *plan, const char *redis_socket,
		      struct serve_layouts **out)
{
	struct serve_layouts *serving = calloc(1, sizeof *serving);
	pthread_condattr_t clock;
	int r;

	if (!serving)
		return -ENOMEM;
	serving->plan = intake_plan_ref(plan);
	serving->layouts = layouts;
	serving->redis_socket = redis_socket;
	pthread_mutex_init(&serving->lock, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&serving->changed, &clock);
	pthread_condattr_destroy(&clock);
	store_layouts_call(layouts,
			   &(struct store_layouts_calls){
				   .wake = wake, .changed = say_changed, .failed = say_failed, .arg = serving });
	r = start(serving);
	if (r == 0) {
		*out = serving;
		return 0;
	}
	store_layouts_call(layouts, &(struct store_layouts_calls){ .wake = NULL });
	intake_plan_unref(serving->plan);
	pthread_cond_destroy(&serving->changed);
	pthread_mutex_destroy(&serving->lock);
	free(serving);
	return r;
}

void serve_layouts_swap(struct serve_layouts *serving, struct intake_plan *plan)
{
	struct intake_plan *old;

	pthread_mutex_lock(&serving->lock);
	old = serving->plan;
	serving->plan = intake_plan_ref(plan);
	pthread_cond_signal(&serving->changed);
	pthread_mutex_unlock(&serving->lock);
	intake_plan_unref(old);
}

void serve_layouts_free(struct serve_layouts *serving)
{
	if (!serving)
		return;
	pthread_mutex_lock(&serving->lock);
	serving->ending = true;
	if (serving->client)
		store_client_interrupt(serving->client);
	pthread_cond_signal(&serving->changed);
	pthread_mutex_unlock(&serving->lock);
	pthread_join(serving->thread, NULL);
	intake_plan_unref(serving->plan);
	pthread_cond_destroy(&serving->changed);
	pthread_mutex_destroy(&serving->lock);
	free(serving);
}
