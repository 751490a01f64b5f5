/* put.c - steps 6 and 7 of a delivery: into Redis, or into the journal, and what comes of it.
 *
 * The special difficulty: the journal may be asked for long after the event was put, when Redis has not answered. Then the
 * event is made a second time, from what its delivery still has. A client that has hung up meanwhile took its headers
 * with it, but it waits for no answer either. */
#include "base/clock.h"
#include "base/encode.h"
#include "intake/backlog.h"
#include "intake/inside.h"

#include <errno.h>

enum { GUARD_MAX = 32 };

/* An event, and what of it is made here. */
struct made_event {
	struct store_event event;
	char time[CLOCK_RFC3339_LENGTH], traceparent[55], guard[2 * GUARD_MAX];
};

/* In hex: it becomes a key in Redis, and whoever lists the keys may want to read them as text. Also where no id was found and
 * missing_id is accept: an unsigned header is easily left out of a replay. */
static struct slice make_guard(const struct intake_delivery *delivery, struct made_event *made)
{
	struct slice guard = delivery->route->guarded ? delivery->verdict.guard : SLICE_NONE;

	guard = slice_head(guard, guard.n < GUARD_MAX ? guard.n : GUARD_MAX);
	encode_hex(guard, made->guard);
	return slice_of(made->guard, 2 * guard.n);
}

/* Borrowed from the delivery, its worker's scratch and `made`. False when memory is short. */
static bool make_event(struct intake_delivery *delivery, struct made_event *made)
{
	struct intake_worker *worker = delivery->worker;
	const struct intake_route *route = delivery->route;
	const struct request *request = delivery->head.request;

	memset(made->time, 0, sizeof made->time);
	made->event = (struct store_event){
		.class = route->wait.level == STORE_LEVEL_STORED ? STORE_CLASS_PLAIN : STORE_CLASS_WAITING,
		.wait = route->wait,
		.window_s = route->window_s,
		.deduplicate = delivery->event.deduplicate,
		.guard = make_guard(delivery, made),
		.id = delivery->event.id,
		.type = delivery->event.type,
		.time = slice_of(made->time, sizeof made->time),
		.data = request->body,
		.headers = intake_entry_headers(worker, request, trust_secret_header(route->verifier)),
		.secret = delivery->verdict.secret,
		.covered = intake_entry_covered(delivery->verdict.covered),
		.traceparent = intake_entry_traceparent(worker, request, made->traceparent),
	};
	clock_format_rfc3339(request->received_ms, made->time);
	message_header(request, SLICE("content-type"), &made->event.content_type);
	return !buf_failed(&worker->scratch);
}

/* ---- into the journal ---- */

static void kept(struct journal_append *append, const char *reason)
{
	struct intake_delivery *delivery = (void *)((char *)append - offsetof(struct intake_delivery, append));

	if (reason)
		intake_finish(delivery, INTAKE_store_unavailable, reason, NULL);
	else
		intake_finish_taken(delivery, INTAKE_accepted, delivery->why);
}

static const char *refusal(int r)
{
	switch (r) {
	case -ENOSPC:
		return "the journal is full";
	case -EFBIG:
		return "the event is larger than the journal";
	case -EIO:
		return "the journal's disk fails";
	case -EBUSY:
		return "the journal is still the gateway's before this one";
	case -EAGAIN:
		return "the journal's disk does not keep up";
	default:
		return "out of memory";
	}
}

/* In the arena; the second alone where that is short. */
static const char *join(struct arena *arena, const char *first, const char *second)
{
	struct slice joined = arena_printf(arena, "%s%s%c", first, second, 0);

	return joined.p ? (const char *)joined.p : second;
}

/* The event as it is recorded: all that is needed to put it whatever the configuration is by then. */
static struct journal_event record_of(const struct intake_delivery *delivery, const struct store_event *event)
{
	const struct intake_route *route = delivery->route;
	const struct config *config = intake_plan_config(delivery->share->plan);

	return (struct journal_event){
		.arrived_ms = delivery->head.request->received_ms,
		.window_s = event->window_s,
		.deduplicate = event->deduplicate,
		.ordered = route->ordered,
		.synced = event->wait.level == STORE_LEVEL_SYNCED,
		.replicas = (uint8_t)event->wait.replicas,
		.field = {
			[JOURNAL_PREFIX] = config->redis.prefix,
			[JOURNAL_ROUTE] = route->config->name,
			[JOURNAL_SOURCE] = route->config->path,
			[JOURNAL_PROVIDER] = route->config->provider,
			[JOURNAL_ID] = event->id,
			[JOURNAL_GUARD] = event->guard,
			[JOURNAL_TYPE] = event->type,
			[JOURNAL_TIME] = event->time,
			[JOURNAL_CONTENT_TYPE] = event->content_type,
			[JOURNAL_DATA] = event->data,
			[JOURNAL_HEADERS] = event->headers,
			[JOURNAL_SECRET] = event->secret,
			[JOURNAL_COVERED] = event->covered,
			[JOURNAL_TRACEPARENT] = event->traceparent,
		},
	};
}

/* `why` is said in the log once it is kept; NULL: nothing is to be said. */
static void keep(struct intake_delivery *delivery, const struct store_event *event, const char *why)
{
	const struct journal_event kept_event = record_of(delivery, event);
	struct arena *arena = delivery->head.arena;
	int r;

	delivery->append.done = kept;
	delivery->why = why ? join(arena, "kept in the journal: ", why) : NULL;
	r = journal_lane_append(delivery->worker->lane, &kept_event, &delivery->append);
	if (r == 0)
		return;
	why = why ? join(arena, why, join(arena, "; ", refusal(r))) : refusal(r);
	intake_finish(delivery, INTAKE_store_unavailable, why, NULL);
}

/* Redis cannot take it now. */
static void keep_or_refuse(struct intake_delivery *delivery, const struct store_event *event, const char *why)
{
	if (delivery->worker->lane)
		keep(delivery, event, why);
	else
		intake_finish(delivery, INTAKE_store_unavailable, why, NULL);
}

/* ---- into Redis, and its answer ---- */

/* Redis has not taken it, or not said so in time. */
void intake_not_stored(struct intake_delivery *delivery, const char *reason)
{
	struct made_event made;

	if (!delivery->worker->lane || (delivery->head.request->gone && !delivery->headers_kept) ||
	    !make_event(delivery, &made))
		intake_finish(delivery, INTAKE_store_unavailable, reason, NULL);
	else
		keep(delivery, &made.event, reason);
}

static void count_backlog(const struct intake_delivery *delivery)
{
	const struct config_backlog *limit = &delivery->route->config->max_backlog;

	if (limit->limit > 0)
		intake_backlog_taken(delivery->route->backlog,
				     limit->bytes ? (int64_t)delivery->head.request->body.n : 1);
}

static void stored(struct store_put *put, enum store_result result, const char *reason, int64_t redis_us)
{
	struct intake_delivery *delivery = (void *)((char *)put - offsetof(struct intake_delivery, put));

	intake_histogram_add(&delivery->worker->stats->store_us, redis_us);
	if (put->waited_us > 0)
		intake_histogram_add(&delivery->worker->stats->wait_us, put->waited_us);
	if (delivery->worker->window && !put->refused)
		intake_window_told(delivery->worker->window, result != STORE_UNAVAILABLE);
	switch (result) {
	case STORE_STORED:
		count_backlog(delivery);
		intake_finish_taken(delivery, INTAKE_accepted, NULL);
		return;
	case STORE_DUPLICATE:
		intake_finish_taken(delivery, INTAKE_duplicate, NULL);
		return;
	case STORE_CLOSED:
		store_places_refused(delivery->route->places);
		intake_wait_for_layout(delivery);
		return;
	case STORE_UNAVAILABLE:
		break;
	}
	/* What Redis will not take later either is not to be promised. */
	if (put->refused)
		intake_finish(delivery, INTAKE_store_unavailable, reason, NULL);
	else
		intake_not_stored(delivery, reason);
}

/* The method and the headers lie in their connection's memory, which goes when the client hangs up: who waits without
 * having told Redis of them must have them to itself. */
bool intake_keep_headers(struct intake_delivery *delivery)
{
	struct request *request = delivery->head.request;
	struct arena *arena = delivery->head.arena;
	struct header *headers;

	if (delivery->headers_kept)
		return true;
	headers = arena_alloc(arena, request->header_count * sizeof *headers);
	if (!headers)
		return false;
	for (size_t i = 0; i < request->header_count; i++) {
		headers[i].name = arena_copy(arena, request->headers[i].name);
		headers[i].value = arena_copy(arena, request->headers[i].value);
	}
	request->method = arena_copy(arena, request->method);
	if (arena_failed(arena))
		return false;
	request->headers = headers;
	delivery->headers_kept = true;
	return true;
}

/* Right after the start nobody knows yet whether Redis is there. What comes in that moment waits until it is known, at
 * most as long as any other delivery, instead of being sent away from a gateway that is about to be ready. */
static bool waits_for_the_first_connect(struct intake_delivery *delivery)
{
	struct intake_worker *worker = delivery->worker;

	if (worker->early_over || !worker->store || store_state(worker->store) != STORE_CONNECTING)
		return false;
	if (!intake_keep_headers(delivery))
		return false;
	if (!worker->early && loop_timer_start(worker->loop, &worker->early_timer,
					       delivery->route->config->ack_deadline_ms, intake_early_over, worker) < 0)
		return false;
	delivery->next_early = worker->early;
	worker->early = delivery;
	return true;
}

/* Who has waited for a key, or a layout, has waited already. */
static int64_t deadline_of(const struct intake_delivery *delivery)
{
	if (delivery->key_rounds > 0 || delivery->waited)
		return delivery->deadline_ms;
	return loop_now_ms(delivery->worker->loop) + delivery->route->config->ack_deadline_ms;
}

static bool others_wait(const struct intake_worker *worker, struct slice route)
{
	return journal_holds(worker->journal, route) || (worker->refused && journal_holds(worker->refused, route));
}

/* By the route's wish, or because events of an ordered route wait there already. */
static bool goes_to_the_journal(const struct intake_delivery *delivery)
{
	const struct intake_route *route = delivery->route;
	const struct intake_worker *worker = delivery->worker;

	return worker->lane && journal_ready(worker->journal) &&
	       (route->journaled || (route->ordered && others_wait(worker, route->config->name)));
}

/* Before Redis can have answered, so that all that is acknowledged is in the window. */
static void note_put(const struct intake_delivery *delivery, const struct store_event *event)
{
	const struct journal_event record = record_of(delivery, event);

	if (delivery->worker->window)
		intake_window_add(delivery->worker->window, &record);
}

/* By the layout that counts now; one that comes later is another. */
static int place(struct intake_delivery *delivery, struct store_event *event)
{
	struct store_places *places = delivery->route->places;
	bool keyless = false;
	int r;

	delivery->refused = store_places_mark(places);
	r = store_places_choose(places, event, delivery->head.arena, &keyless);
	if (keyless && !delivery->waited)
		intake_count(intake_stats_at(delivery->worker->stats, delivery->route->series + INTAKE_ROUTE_KEYLESS),
			     1);
	return r;
}

void intake_put(struct intake_delivery *delivery)
{
	struct intake_worker *worker = delivery->worker;
	struct made_event made;
	int r;

	if (!make_event(delivery, &made)) {
		intake_finish(delivery, INTAKE_internal_error, "out of memory", NULL);
		return;
	}
	if (goes_to_the_journal(delivery)) {
		keep(delivery, &made.event, delivery->route->journaled ? NULL : "others of the route wait there");
		return;
	}
	if (waits_for_the_first_connect(delivery))
		return;
	if (!worker->store) {
		keep_or_refuse(delivery, &made.event, "the gateway is stopping");
		return;
	}
	delivery->put.done = stored;
	r = place(delivery, &made.event);
	if (r == -EAGAIN && store_state(worker->store) == STORE_READY) {
		intake_wait_for_layout(delivery);
		return;
	}
	if (r == 0)
		r = store_put(worker->store, &made.event, deadline_of(delivery), &delivery->put);
	if (r == -EAGAIN)
		keep_or_refuse(delivery, &made.event, store_refused(worker->store));
	else if (r < 0)
		intake_finish(delivery, INTAKE_internal_error, "out of memory", NULL);
	else
		note_put(delivery, &made.event);
}

void intake_early_over(void *arg)
{
	struct intake_worker *worker = arg;
	struct intake_delivery *delivery = worker->early, *next;

	worker->early_over = true;
	worker->early = NULL;
	for (; delivery; delivery = next) {
		next = delivery->next_early;
		intake_put(delivery);
	}
}
