/* owed.c - asks whether what is in Redis is on its replicas and its disk as well.
 *
 * A Redis writes one row of changes for all its connections, so one question per route is enough for any number of its
 * events; not one for all routes, as those of a Cluster are on several nodes. The difficulty is what is noted while a
 * question is out: it may be behind it in that row, and stays owed. */
#include "intake/owed.h"

#include <stdlib.h>

enum { WAIT_MS = 1000, PUT_MS = 10000 };

struct intake_owed_route {
	const struct store_target *target;
	struct store_wait wait; /* the strictest of its events */
};

struct store_wait intake_owed_wait(const struct journal_event *event)
{
	struct store_wait wait = { .level = STORE_LEVEL_STORED, .replicas = event->replicas, .timeout_ms = WAIT_MS };

	if (event->synced)
		wait.level = STORE_LEVEL_SYNCED;
	else if (event->replicas > 0)
		wait.level = STORE_LEVEL_REPLICATED;
	return wait;
}

static void tighten(struct store_wait *wait, const struct store_wait *other)
{
	if (other->level > wait->level)
		wait->level = other->level;
	if (other->replicas > wait->replicas)
		wait->replicas = other->replicas;
}

bool intake_owed_note(struct intake_owed *owed, const struct store_target *target, const struct store_wait *wait)
{
	if (wait->level == STORE_LEVEL_STORED)
		return true;
	/* From the end: events of a route come together. */
	for (size_t i = owed->count; i > owed->asked; i--) {
		if (owed->routes[i - 1].target == target) {
			tighten(&owed->routes[i - 1].wait, wait);
			return true;
		}
	}
	if (owed->count == owed->room) {
		size_t room = owed->room > 0 ? owed->room * 2 : 16;
		struct intake_owed_route *routes = realloc(owed->routes, room * sizeof *routes);

		if (!routes)
			return false;
		owed->routes = routes;
		owed->room = room;
	}
	owed->routes[owed->count++] = (struct intake_owed_route){ .target = target, .wait = *wait };
	return true;
}

bool intake_owed_any(const struct intake_owed *owed)
{
	return owed->count > 0;
}

static void answered(struct store_put *put, enum store_result result, const char *reason, int64_t redis_us);

static int ask_next(struct intake_owed *owed)
{
	const struct intake_owed_route *route = &owed->routes[owed->at];
	int r;

	owed->put = (struct store_put){ .done = answered };
	r = store_confirm(owed->store, route->target, &route->wait, loop_now_ms(owed->loop) + PUT_MS, &owed->put);
	owed->out = r == 0;
	return r;
}

/* What was noted meanwhile is of the same routes mostly: else there would be one more of each for as long as it does not hold. */
static void join(struct intake_owed *owed)
{
	size_t at = owed->asked, end = owed->count;

	owed->count = at;
	owed->asked = 0;
	for (; at < end; at++) {
		const struct intake_owed_route route = owed->routes[at];

		/* There is room for as many as there were. */
		(void)!intake_owed_note(owed, route.target, &route.wait);
	}
}

/* What was asked for and does not hold is asked for again, with what was noted meanwhile. */
static void fail(struct intake_owed *owed, const char *reason)
{
	join(owed);
	owed->done(owed->arg, reason);
}

static void answered(struct store_put *put, enum store_result result, const char *reason, int64_t redis_us)
{
	struct intake_owed *owed = (void *)((char *)put - offsetof(struct intake_owed, put));
	bool stale = owed->stale;

	(void)redis_us;
	owed->out = owed->stale = false;
	if (stale) {
		owed->done(owed->arg, "it is asked for anew");
		return;
	}
	if (result == STORE_UNAVAILABLE) {
		fail(owed, reason);
		return;
	}
	owed->at++;
	if (owed->at < owed->asked) {
		if (ask_next(owed) < 0)
			fail(owed, store_reason(owed->store));
		return;
	}
	owed->count -= owed->asked;
	memmove(owed->routes, owed->routes + owed->asked, owed->count * sizeof *owed->routes);
	owed->asked = 0;
	owed->done(owed->arg, NULL);
}

bool intake_owed_ask(struct intake_owed *owed)
{
	if (owed->out || owed->count == 0)
		return false;
	owed->at = 0;
	owed->asked = owed->count;
	if (ask_next(owed) == 0)
		return true;
	owed->asked = 0;
	return false;
}

void intake_owed_clear(struct intake_owed *owed)
{
	owed->count = owed->asked = 0;
	owed->stale = owed->out;
}

void intake_owed_free(struct intake_owed *owed)
{
	free(owed->routes);
	owed->routes = NULL;
	owed->count = owed->room = owed->asked = 0;
}
