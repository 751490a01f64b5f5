/* serve_keeper.c - a thread of its own for work on streams, since it asks Redis and waits for the answer.
 *
 * Its difficulty is the end and the change of plan in the middle of such a wait: the call is interrupted, and what is
 * to be done next stands under the lock. */
#include "cli/serve_keeper.h"

#include "base/clock.h"
#include "base/log.h"
#include "intake/keeper.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

enum { CALL_MS = 5000, RETRY_MS = 2000 };

struct serve_keeper {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct intake_plan *plan; /* under the lock; with a reference */
	bool ending;		  /* under the lock */
	struct store_client *client;
	const char *redis_socket;
	struct intake_keeper keeper;
	uint64_t looked_at; /* which connection's Redis */
	bool knows_redis;   /* it was looked at before; the first look is the start's, who tells of it */
	_Atomic(unsigned) dangers;
	char who[32];
};

static bool is_changed(void *arg)
{
	struct serve_keeper *keeper = ((void **)arg)[0];
	const struct intake_plan *plan = ((void **)arg)[1];

	pthread_mutex_lock(&keeper->lock);
	bool changed = keeper->ending || keeper->plan != plan;
	pthread_mutex_unlock(&keeper->lock);
	return changed;
}

/* A client for the plan's Redis; the lock is held while it is exchanged, for who interrupts it. */
static bool connect_to(struct serve_keeper *keeper, struct intake_plan *plan)
{
	struct store_client *client = NULL, *old;

	if (plan && store_client_new(&intake_plan_config(plan)->redis, keeper->redis_socket, CALL_MS, &client) < 0)
		return false;
	pthread_mutex_lock(&keeper->lock);
	old = keeper->client;
	keeper->client = client;
	keeper->looked_at = 0;
	pthread_mutex_unlock(&keeper->lock);
	store_client_free(old);
	return true;
}

struct look {
	bool tell;
	unsigned dangers;
};

static void found(void *arg, bool danger, const char *text)
{
	struct look *look = arg;

	look->dangers += danger;
	if (look->tell)
		log_line(danger ? LOG_WARNING : LOG_INFO, "redis looked at", LOG_C("finding", text));
}

/* What answers after a connection was lost may be another Redis, or the same with other settings. */
static void look_at_redis(struct serve_keeper *keeper, const struct intake_plan *plan)
{
	struct look look = { .tell = keeper->knows_redis };
	struct reason reason = { "" };
	uint64_t connects = store_client_connects(keeper->client);
	int r;

	if (connects == keeper->looked_at || store_client_inspect(keeper->client, found, &look, &reason) < 0)
		return;
	r = store_client_inspect_waits(keeper->client, intake_plan_config(plan), found, &look, &reason);
	if (r == -ENOTSUP) {
		look.tell = true;
		found(&look, true, reason.text);
	} else if (r < 0) {
		return;
	}
	keeper->looked_at = connects;
	keeper->knows_redis = true;
	atomic_store_explicit(&keeper->dangers, look.dangers, memory_order_relaxed);
}

static void keep(struct serve_keeper *keeper, struct intake_plan *plan, int64_t *next_ms)
{
	void *both[] = { keeper, plan };
	struct reason reason = { "" };

	*next_ms = clock_mono_ms() + RETRY_MS;
	/* That Redis is away, the workers say. */
	if (!keeper->client)
		return;
	if (intake_keeper_round(&keeper->keeper, plan, keeper->client, is_changed, both, next_ms, &reason) == -ENOMEM)
		log_line(LOG_ERROR, "streams are not looked after", LOG_C("reason", "out of memory"));
	look_at_redis(keeper, plan);
}

static void wait_until(struct serve_keeper *keeper, const struct intake_plan *plan, int64_t next_ms)
{
	struct timespec until = { .tv_sec = next_ms / 1000, .tv_nsec = next_ms % 1000 * 1000000 };

	while (!keeper->ending && keeper->plan == plan &&
	       pthread_cond_timedwait(&keeper->changed, &keeper->lock, &until) != ETIMEDOUT)
		;
}

static void *thread(void *arg)
{
	struct serve_keeper *keeper = arg;
	struct intake_plan *plan = NULL;
	int64_t next_ms;

	pthread_mutex_lock(&keeper->lock);
	while (!keeper->ending) {
		struct intake_plan *old = plan != keeper->plan ? plan : NULL;
		bool other = plan != keeper->plan;

		plan = keeper->plan;
		if (other)
			intake_plan_ref(plan);
		pthread_mutex_unlock(&keeper->lock);
		if (other)
			(void)connect_to(keeper, plan);
		intake_plan_unref(old);
		keep(keeper, plan, &next_ms);
		log_flush();
		pthread_mutex_lock(&keeper->lock);
		wait_until(keeper, plan, next_ms);
	}
	pthread_mutex_unlock(&keeper->lock);
	(void)connect_to(keeper, NULL);
	intake_plan_unref(plan);
	return NULL;
}

static int start(struct serve_keeper *keeper)
{
	sigset_t all, before;
	int r;

	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	r = pthread_create(&keeper->thread, NULL, thread, keeper);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r == 0)
		pthread_setname_np(keeper->thread, "keeper");
	return -r;
}

int serve_keeper_new(struct intake_plan *plan, const char *redis_socket, struct serve_keeper **out)
{
	static const char digits[] = "0123456789abcdef";
	struct serve_keeper *keeper = calloc(1, sizeof *keeper);
	unsigned char random[sizeof keeper->who / 2];
	pthread_condattr_t clock;
	int r = keeper ? trust_random(random, sizeof random) : -ENOMEM;

	if (r < 0) {
		free(keeper);
		return r;
	}
	for (size_t i = 0; i < sizeof keeper->who; i++)
		keeper->who[i] = digits[random[i / 2] >> (i % 2 * 4) & 15];
	keeper->keeper.who = slice_of(keeper->who, sizeof keeper->who);
	keeper->plan = intake_plan_ref(plan);
	keeper->redis_socket = redis_socket;
	pthread_mutex_init(&keeper->lock, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&keeper->changed, &clock);
	pthread_condattr_destroy(&clock);
	r = start(keeper);
	if (r == 0) {
		*out = keeper;
		return 0;
	}
	intake_plan_unref(keeper->plan);
	pthread_cond_destroy(&keeper->changed);
	pthread_mutex_destroy(&keeper->lock);
	free(keeper);
	return r;
}

void serve_keeper_swap(struct serve_keeper *keeper, struct intake_plan *plan)
{
	struct intake_plan *old;

	pthread_mutex_lock(&keeper->lock);
	old = keeper->plan;
	keeper->plan = intake_plan_ref(plan);
	if (keeper->client)
		store_client_interrupt(keeper->client);
	pthread_cond_signal(&keeper->changed);
	pthread_mutex_unlock(&keeper->lock);
	intake_plan_unref(old);
}

uint64_t serve_keeper_trimmed(const struct serve_keeper *keeper)
{
	return atomic_load_explicit(&((struct serve_keeper *)(uintptr_t)keeper)->keeper.trimmed, memory_order_relaxed);
}

unsigned serve_keeper_dangers(const struct serve_keeper *keeper)
{
	return atomic_load_explicit(&((struct serve_keeper *)(uintptr_t)keeper)->dangers, memory_order_relaxed);
}

void serve_keeper_free(struct serve_keeper *keeper)
{
	if (!keeper)
		return;
	pthread_mutex_lock(&keeper->lock);
	keeper->ending = true;
	if (keeper->client)
		store_client_interrupt(keeper->client);
	pthread_cond_signal(&keeper->changed);
	pthread_mutex_unlock(&keeper->lock);
	pthread_join(keeper->thread, NULL);
	intake_plan_unref(keeper->plan);
	pthread_cond_destroy(&keeper->changed);
	pthread_mutex_destroy(&keeper->lock);
	free(keeper);
}
