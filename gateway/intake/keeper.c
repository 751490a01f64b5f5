/* keeper.c - which stream is looked at when.
 *
 * The difficulty is ten thousand routes: a look costs Redis some 50 us, so only streams that may have filled up are
 * looked at each second, and all others now and then, not all at once. */
#include "intake/keeper.h"

#include "base/clock.h"
#include "base/log.h"
#include "intake/backlog.h"
#include "intake/learned.h"
#include "store/retention.h"

#include <errno.h>

enum { BUSY_MS = 1000, LEAST_MS = 1000, MOST_MS = 30000, QUIET_LIMITED_MS = 5000, AWAY_MS = 2000 };

static int64_t idle_ms(const struct config_route *config)
{
	int64_t ms = config->retention_ms / 4;

	if (config->max_backlog.limit > 0 && ms > QUIET_LIMITED_MS)
		ms = QUIET_LIMITED_MS;
	return ms < LEAST_MS ? LEAST_MS : ms > MOST_MS ? MOST_MS : ms;
}

static int64_t room_left(const struct config_backlog *limit, const struct store_retained *retained)
{
	uint64_t waiting = limit->bytes ? retained->bytes : retained->backlog;

	if (limit->limit == 0)
		return INT64_MAX;
	/* May be far below zero, never beyond what the type holds. */
	return (int64_t)(limit->limit & INT64_MAX) - (int64_t)(waiting & INT64_MAX);
}

static void note(struct intake_backlog *backlog, const struct config_route *config,
		 const struct store_retained *retained)
{
	bool was_full = backlog->room_then <= 0; /* by our own last look: workers only count */
	int64_t room = room_left(&config->max_backlog, retained);

	atomic_store_explicit(&backlog->entries, retained->length, memory_order_relaxed);
	atomic_store_explicit(&backlog->groups, retained->groups, memory_order_relaxed);
	atomic_store_explicit(&backlog->waiting, retained->backlog, memory_order_relaxed);
	atomic_store_explicit(&backlog->waiting_bytes, retained->bytes, memory_order_relaxed);
	atomic_store_explicit(&backlog->room, room, memory_order_relaxed);
	if (was_full != (room <= 0))
		log_line(room <= 0 ? LOG_WARNING : LOG_INFO, room <= 0 ? "backlog full" : "backlog has room again",
			 LOG_S("route", config->name), LOG_U("waiting", retained->backlog),
			 LOG_U("waiting_bytes", retained->bytes), LOG_U("max_backlog", config->max_backlog.limit));
	backlog->room_then = room;
}

/* One of its streams; the key of the lock stands beside it: PREFIX:{TAG}:keeper. */
static int look_at(struct intake_keeper *keeper, const struct intake_plan *plan, const struct intake_route *route,
		   int partition, struct store_client *client, struct store_retained *retained, bool *more,
		   struct reason *reason)
{
	const struct store_target_setup names = { .prefix = intake_plan_config(plan)->redis.prefix,
						  .route = route->config->name,
						  .split = partition >= 0,
						  .partition = partition >= 0 ? (unsigned)partition : 0 };
	struct buf stream = BUF_EMPTY, lock = BUF_EMPTY;
	int r = -ENOMEM;

	store_target_key(&names, "events", &stream);
	store_target_key(&names, "keeper", &lock);
	if (!buf_failed(&stream) && !buf_failed(&lock))
		r = store_retention_look(client, buf_slice(&stream), buf_slice(&lock), keeper->who,
					 clock_wall_ms() - route->config->retention_ms, 3 * idle_ms(route->config),
					 retained, more, reason);
	buf_free(&stream);
	buf_free(&lock);
	return r;
}

/* All of them, former partitions too, as if they were one. */
static int look_at_all(struct intake_keeper *keeper, const struct intake_plan *plan, const struct intake_route *route,
		       struct store_client *client, struct store_retained *sum, bool *more, struct reason *reason)
{
	const struct store_layout *layout = store_places_layout(route->places);
	size_t count = layout ? store_layout_streams(layout) : 0;
	int r = 0;

	*sum = (struct store_retained){ .length = 0 };
	for (size_t i = 0; r == 0 && i < count; i++) {
		struct store_retained one;
		bool more_here = false;

		r = look_at(keeper, plan, route, store_layout_stream(layout, i), client, &one, &more_here, reason);
		if (r < 0)
			break;
		sum->length += one.length;
		sum->groups = one.groups > sum->groups ? one.groups : sum->groups;
		sum->backlog += one.backlog;
		sum->bytes += one.bytes;
		sum->trimmed += one.trimmed;
		*more |= more_here;
	}
	return r;
}

static int look(struct intake_keeper *keeper, const struct intake_plan *plan, const struct intake_route *route,
		struct store_client *client, struct reason *reason)
{
	struct store_retained retained;
	bool more = false;
	int r;

	if (!store_places_layout(route->places)) {
		route->backlog->next_look_ms = clock_mono_ms() + LEAST_MS;
		return 0;
	}
	r = look_at_all(keeper, plan, route, client, &retained, &more, reason);
	if (r == 0) {
		atomic_fetch_add_explicit(&keeper->trimmed, retained.trimmed, memory_order_relaxed);
		note(route->backlog, route->config, &retained);
		route->backlog->next_look_ms = clock_mono_ms() + (more ? 0 : idle_ms(route->config));
	} else if (r == -EPROTO) {
		log_line(LOG_WARNING, "stream could not be looked at", LOG_S("route", route->config->name),
			 LOG_C("reason", reason->text));
		route->backlog->next_look_ms = clock_mono_ms() + MOST_MS;
		r = 0;
	}
	return r;
}

/* A route with a limit to which something came since is looked at before its time; a full one waits for room. */
static bool is_busy(const struct intake_route *route)
{
	const struct intake_backlog *backlog = route->backlog;
	int64_t room = atomic_load_explicit(&backlog->room, memory_order_relaxed);

	return route->config->max_backlog.limit > 0 && (room != backlog->room_then || room <= 0);
}

int intake_keeper_round(struct intake_keeper *keeper, struct intake_plan *plan, struct store_client *client,
			bool (*stop)(void *arg), void *arg, int64_t *next_ms, struct reason *reason)
{
	/* One master that is away does not keep the routes of others from being looked at. */
	bool cluster = intake_plan_config(plan)->redis.kind == CONFIG_REDIS_CLUSTER;
	int64_t next = clock_mono_ms() + MOST_MS;
	size_t count = intake_plan_count(plan);
	int r = 0;

	for (size_t i = 0; r == 0 && i < count && !stop(arg); i++) {
		const struct intake_route *route = intake_plan_at(plan, i);
		int64_t now = clock_mono_ms();

		if (route->backlog->next_look_ms <= now || is_busy(route))
			r = look(keeper, plan, route, client, reason);
		if (r == -EIO && cluster) {
			route->backlog->next_look_ms = now + AWAY_MS;
			next = now + AWAY_MS < next ? now + AWAY_MS : next;
			r = 0;
			continue;
		}
		if (route->backlog->next_look_ms < next)
			next = route->backlog->next_look_ms;
		if (route->config->max_backlog.limit > 0 && now + BUSY_MS < next)
			next = now + BUSY_MS;
		if (r == 0)
			r = intake_learning_look(route, client, &next, reason);
	}
	if (r == 0)
		*next_ms = next;
	return r;
}
