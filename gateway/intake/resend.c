/* resend.c - records put into Redis again. They go as fast as Redis takes them, without a wait; then it is asked whether the waits
 * of their routes hold, and until they do, the run is not over.
 *
 * The special difficulty: the window of an id may have passed meanwhile. Then Redis no longer knows that the event is there,
 * and it would stand twice if it is: it is left out, and said so. */
#include "intake/resend.h"

#include "base/clock.h"
#include "base/log.h"
#include "intake/owed.h"

#include <errno.h>
#include <stdlib.h>

enum { ARENA_BLOCK = 8 * 1024, ARENA_MOST = 64 * 1024 };
enum { IN_FLIGHT = 64, PAUSE_MS = 200, REFUSED_MS = 2000, PUT_MS = 120000 };

/* ---- targets ---- */

struct intake_target {
	struct intake_target *next;
	struct store_places *places;
	struct slice part[4];
	unsigned char bytes[];
};

static const enum journal_field parts[4] = { JOURNAL_PREFIX, JOURNAL_ROUTE, JOURNAL_SOURCE, JOURNAL_PROVIDER };

static bool is_of(const struct intake_target *target, const struct slice *field)
{
	for (size_t i = 0; i < 4; i++) {
		if (!slice_eq(target->part[i], field[parts[i]]))
			return false;
	}
	return true;
}

static struct intake_target *target_new(struct store_layouts *layouts, const struct slice *field)
{
	const struct store_target_setup setup = { .prefix = field[JOURNAL_PREFIX],
						  .route = field[JOURNAL_ROUTE],
						  .source = field[JOURNAL_SOURCE],
						  .provider = field[JOURNAL_PROVIDER] };
	struct store_spread *spread = NULL;
	struct intake_target *target;
	size_t size = 0;

	if (layouts && store_layouts_spread(layouts, setup.prefix, setup.route, &spread) < 0)
		return NULL;
	for (size_t i = 0; i < 4; i++)
		size += field[parts[i]].n;
	target = malloc(sizeof *target + size);
	if (!target)
		return NULL;
	if (store_places_new(&setup, spread, &target->places) < 0) {
		free(target);
		return NULL;
	}
	size = 0;
	for (size_t i = 0; i < 4; i++) {
		struct slice part = field[parts[i]];

		if (part.n > 0)
			memcpy(target->bytes + size, part.p, part.n);
		target->part[i] = slice_of(target->bytes + size, part.n);
		size += part.n;
	}
	return target;
}

static struct store_places *find(struct intake_targets *targets, const struct journal_event *event)
{
	const size_t count = sizeof targets->heads / sizeof targets->heads[0];
	struct intake_target **head, *target;

	head = &targets->heads[store_order_hash(event->field[JOURNAL_ROUTE]) % count];
	for (target = *head; target; target = target->next) {
		if (is_of(target, event->field))
			return target->places;
	}
	target = target_new(targets->layouts, event->field);
	if (!target)
		return NULL;
	target->next = *head;
	*head = target;
	return target->places;
}

void intake_targets_free(struct intake_targets *targets)
{
	for (size_t i = 0; i < sizeof targets->heads / sizeof targets->heads[0]; i++) {
		while (targets->heads[i]) {
			struct intake_target *target = targets->heads[i];

			targets->heads[i] = target->next;
			store_places_free(target->places);
			free(target);
		}
	}
	arena_free(targets->arena);
}

static struct store_event recorded_event(const struct journal_event *event)
{
	const struct slice *field = event->field;

	return (struct store_event){
		.window_s = event->window_s,
		.deduplicate = event->deduplicate,
		.guard = field[JOURNAL_GUARD],
		.id = field[JOURNAL_ID],
		.type = field[JOURNAL_TYPE],
		.time = field[JOURNAL_TIME],
		.content_type = field[JOURNAL_CONTENT_TYPE],
		.data = field[JOURNAL_DATA],
		.headers = field[JOURNAL_HEADERS],
		.secret = field[JOURNAL_SECRET],
		.covered = field[JOURNAL_COVERED],
		.traceparent = field[JOURNAL_TRACEPARENT],
	};
}

int intake_targets_place(struct intake_targets *targets, const struct journal_event *event, struct store_event *out,
			 struct store_places **places)
{
	bool keyless;

	*places = find(targets, event);
	if (!targets->arena)
		targets->arena = arena_new(ARENA_BLOCK, ARENA_MOST);
	if (!*places || !targets->arena)
		return -ENOMEM;
	arena_reset(targets->arena);
	*out = recorded_event(event);
	return store_places_choose(*places, out, targets->arena, &keyless);
}

const char *intake_targets_refused(struct store_places *places, struct reason *why, bool *final)
{
	*final = store_places_broken(places, why);
	if (!*final)
		reason_set(why, "the partitions of a route are being changed");
	store_places_refused(places);
	return why->text;
}

/* ---- a run ---- */

struct resend_slot {
	struct intake_resend *resend;
	struct store_places *places;
	struct store_put put;
	const struct store_target *target;
	struct store_wait wait;
	bool out;
};

struct intake_resend {
	struct intake_resend_setup setup;
	struct intake_targets targets;
	struct resend_slot slots[IN_FLIGHT];
	struct loop_timer work;
	size_t out;
	uint64_t missing, left_out;
	bool running, again; /* a run; it has to begin anew */
	bool ended;	     /* there is no more to send */
	bool passed;	     /* of this run, each was put once */
	bool said;	     /* that some are refused */
	uint64_t refused;    /* for good, since the first was sent */
	struct reason reason;
	struct intake_owed owed;
};

static void work(void *arg);

static void work_in(struct intake_resend *resend, int64_t ms)
{
	if (!loop_timer_running(&resend->work) || ms == 0)
		loop_timer_start(resend->setup.loop, &resend->work, ms, work, resend);
}

/* What Redis will refuse again does not hold up the others. */
static void note_refused(struct intake_resend *resend, const char *reason)
{
	resend->refused++;
	reason_set(&resend->reason, "%s", reason);
}

static void put_done(struct store_put *put, enum store_result result, const char *reason, int64_t redis_us)
{
	struct resend_slot *slot = (void *)((char *)put - offsetof(struct resend_slot, put));
	struct intake_resend *resend = slot->resend;
	bool final = put->refused;
	struct reason why;

	(void)redis_us;
	slot->out = false;
	resend->out--;
	if (result == STORE_STORED)
		resend->missing++;
	if ((result == STORE_STORED || result == STORE_DUPLICATE) &&
	    !intake_owed_note(&resend->owed, put->stands ? put->stands : slot->target, &slot->wait))
		resend->again = true;
	if (result == STORE_CLOSED)
		reason = intake_targets_refused(slot->places, &why, &final);
	if (result == STORE_CLOSED || result == STORE_UNAVAILABLE) {
		if (final)
			note_refused(resend, reason);
		else
			resend->again = true;
	}
	work_in(resend, 0);
}

/* Without an id nothing tells a second copy from the first. */
static bool may_go(const struct journal_event *event)
{
	bool marked = event->deduplicate || event->field[JOURNAL_GUARD].n > 0;
	int64_t window_s = event->window_s > 0 ? event->window_s : 1;

	return marked && clock_wall_ms() - event->arrived_ms < window_s * 1000;
}

static int put(struct intake_resend *resend, const struct journal_event *event)
{
	struct resend_slot *slot = resend->slots;
	struct store_places *places;
	struct store_event recorded;
	struct reason why;
	int r = intake_targets_place(&resend->targets, event, &recorded, &places);

	if (r == -EAGAIN && store_places_broken(places, &why)) {
		note_refused(resend, why.text);
		return 0;
	}
	if (r < 0)
		return r;
	while (slot->out)
		slot++;
	*slot = (struct resend_slot){ .resend = resend,
				      .put.done = put_done,
				      .places = places,
				      .target = recorded.target,
				      .wait = intake_owed_wait(event) };
	r = store_put(resend->setup.store, &recorded, loop_now_ms(resend->setup.loop) + PUT_MS, &slot->put);
	if (r < 0)
		return r;
	slot->out = true;
	resend->out++;
	return 0;
}

static void send_more(struct intake_resend *resend)
{
	struct journal_event event;

	while (!resend->ended && resend->out < IN_FLIGHT) {
		if (!resend->setup.next(resend->setup.arg, &event)) {
			resend->ended = true;
		} else if (!may_go(&event)) {
			resend->left_out++;
		} else if (put(resend, &event) < 0) {
			resend->again = true;
			return;
		}
	}
}

static void owed_done(void *arg, const char *reason)
{
	/* What does not hold is asked for again. */
	work_in(arg, reason ? PAUSE_MS : 0);
}

/* Until somebody has mended Redis, or another one is there. */
static void wait_for_the_refused(struct intake_resend *resend)
{
	if (!resend->said)
		log_line(LOG_ERROR, "replay window not all sent", LOG_U("refused", resend->refused),
			 LOG_C("reason", resend->reason.text),
			 LOG_C("effect", "they are kept, and sent again until Redis takes them"));
	resend->said = true;
	resend->again = true;
	work_in(resend, REFUSED_MS);
}

static void end(struct intake_resend *resend)
{
	if (!resend->passed && resend->setup.passed)
		resend->setup.passed(resend->setup.arg);
	resend->passed = true;
	if (resend->owed.out)
		return;
	if (resend->refused > 0) {
		wait_for_the_refused(resend);
		return;
	}
	if (intake_owed_any(&resend->owed)) {
		if (!intake_owed_ask(&resend->owed))
			work_in(resend, PAUSE_MS);
		return;
	}
	resend->running = false;
	resend->setup.done(resend->setup.arg, resend->missing, resend->left_out);
}

static void begin(struct intake_resend *resend)
{
	resend->again = resend->ended = false;
	resend->left_out = resend->refused = 0;
	intake_owed_clear(&resend->owed);
	resend->setup.begin(resend->setup.arg);
}

static void work(void *arg)
{
	struct intake_resend *resend = arg;

	if (!resend->running || store_state(resend->setup.store) != STORE_READY)
		return;
	if (resend->again && resend->out == 0) {
		begin(resend);
		work_in(resend, PAUSE_MS);
		return;
	}
	if (!resend->again)
		send_more(resend);
	if (resend->again && resend->out == 0)
		work_in(resend, PAUSE_MS);
	if (!resend->again && resend->ended && resend->out == 0)
		end(resend);
}

int intake_resend_new(const struct intake_resend_setup *setup, struct intake_resend **out)
{
	struct intake_resend *resend = calloc(1, sizeof *resend);

	if (!resend)
		return -ENOMEM;
	resend->setup = *setup;
	resend->targets.layouts = setup->layouts;
	resend->owed =
		(struct intake_owed){ .loop = setup->loop, .store = setup->store, .done = owed_done, .arg = resend };
	*out = resend;
	return 0;
}

void intake_resend_start(struct intake_resend *resend)
{
	if (!resend->running)
		resend->missing = 0;
	resend->running = true;
	resend->passed = resend->said = false;
	if (resend->out > 0)
		resend->again = true;
	else
		begin(resend);
	work_in(resend, 0);
}

bool intake_resend_passed(const struct intake_resend *resend)
{
	return resend->passed;
}

bool intake_resend_running(const struct intake_resend *resend)
{
	return resend->running;
}

void intake_resend_free(struct intake_resend *resend)
{
	if (!resend)
		return;
	loop_timer_stop(&resend->work);
	intake_owed_free(&resend->owed);
	intake_targets_free(&resend->targets);
	free(resend);
}
