/* drain.c - from the journal into Redis.
 *
 * The special difficulty is order. Events go out in a window of IN_FLIGHT, and what is taken out of the journal is always
 * its beginning: when one is not taken, what was sent behind it is sent again after it, as duplicates. Of an ordered
 * route only one is out at a time, so that none can overtake. What Redis refuses for good is read once more, and then set aside.
 * Events are put without a wait, so that routes whose replicas are away hold up nobody. What their routes wait for is asked before
 * the journal forgets them, and it forgets nothing of which that does not hold (kept.h). */
#include "intake/drain.h"

#include "base/log.h"
#include "intake/aside.h"
#include "intake/kept.h"
#include "intake/left.h"
#include "intake/resend.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	IN_FLIGHT = 64,
	IN_FLIGHT_BYTES = 4 * 1024 * 1024,
	TURN = 16,	 /* put in one turn of the loop */
	PAUSE_MS = 500,	 /* after Redis has refused one */
	AGAIN_MS = 2000, /* after it has refused one for good, and nothing goes on but by a person */
	ASIDE_MS = 50,	 /* for the folder of what was set aside to be ours */
	PUT_MS = 120000	 /* the store's own patience is shorter */
};

struct drain_slot {
	struct intake_drain *drain;
	struct store_put put;
	struct journal_append append; /* where it is set aside instead */
	struct store_places *places;
	struct journal_item item;
	const struct store_target *target;
	struct store_wait wait; /* of its route */
	size_t bytes;
	bool stored;
};

struct intake_drain {
	struct loop *loop;
	struct journal *journal;
	struct store *store;
	const char *redis_socket;
	void (*drained)(void *arg);
	void *arg;

	struct drain_slot slots[IN_FLIGHT];
	size_t first, count, out; /* of the slots, from the oldest on; those Redis has not answered */
	size_t bytes;
	char url[512];	   /* cut, where it is longer */
	char identity[96]; /* of the Redis that has what was sent */
	bool left_begun;
	bool anew;	 /* it is another now */
	bool failed;	 /* one of them was not taken: nothing new until all are back */
	bool refused;	 /* Redis said no, so it is given time */
	bool stubborn;	 /* and says so for good: it is asked with one alone */
	bool next_known; /* `next` was read and not put yet */
	struct journal_item next;
	struct loop_timer work;
	struct intake_kept kept;

	struct intake_targets targets;
	struct intake_left *left;   /* NULL: the journal is of what Redis refuses */
	struct intake_aside *aside; /* NULL: what Redis refuses for good waits at the head */
	bool behind;		    /* something waited for Redis, and it is said when it no longer does */
	uint64_t taken;
	struct reason reason;
};

static void work(void *arg);

static void work_in(struct intake_drain *drain, int64_t ms)
{
	if (!loop_timer_running(&drain->work))
		loop_timer_start(drain->loop, &drain->work, ms, work, drain);
}

bool intake_drain_forget(struct intake_drain *drain)
{
	bool all = intake_kept_forget(&drain->kept);

	return (!drain->aside || intake_aside_forget(drain->aside)) && all;
}

/* ---- what has come back ---- */

static struct drain_slot *oldest(struct intake_drain *drain)
{
	return &drain->slots[drain->first];
}

static void drop_oldest(struct intake_drain *drain)
{
	drain->bytes -= oldest(drain)->bytes;
	drain->first = (drain->first + 1) % IN_FLIGHT;
	drain->count--;
}

/* They will be read again. */
static void drop_all(struct intake_drain *drain)
{
	for (; drain->count > 0; drop_oldest(drain))
		journal_dropped(drain->journal, &oldest(drain)->item);
	if (drain->next_known)
		journal_dropped(drain->journal, &drain->next);
	drain->next_known = false;
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

static void take_back(struct intake_drain *drain)
{
	bool any = false;

	while (drain->count > 0 && oldest(drain)->stored) {
		const struct drain_slot *slot = oldest(drain);

		if (!intake_kept_add(&drain->kept, &slot->item, slot->target, &slot->wait)) {
			drain->failed = true;
			break;
		}
		journal_stored(drain->journal, &slot->item);
		drop_oldest(drain);
		drain->taken++;
		any = true;
	}
	if (drain->failed && drain->out == 0) {
		drop_all(drain);
		drain->failed = false;
		journal_rewind(drain->journal, false);
	}
	if (drain->anew && drain->out == 0) {
		drop_all(drain);
		drain->anew = drain->failed = false;
		intake_kept_drop(&drain->kept);
		journal_rewind(drain->journal, true);
	}
	if (any)
		say_drained(drain);
}

static void put_done(struct store_put *put, enum store_result result, const char *reason, int64_t redis_us)
{
	struct drain_slot *slot = (void *)((char *)put - offsetof(struct drain_slot, put));
	struct intake_drain *drain = slot->drain;

	(void)redis_us;
	drain->out--;
	drain->kept.refusing = result == STORE_UNAVAILABLE && !put->refused;
	if (result == STORE_STORED || result == STORE_DUPLICATE) {
		slot->stored = true;
		slot->target = put->stands ? put->stands : slot->target;
		drain->stubborn = false;
		drain->reason.text[0] = '\0';
	} else {
		drain->failed = true;
		if (result == STORE_CLOSED)
			reason = intake_targets_refused(slot->places);
		drain->stubborn = put->refused && !drain->aside;
		if (put->refused && drain->aside)
			intake_aside_refused(drain->aside, slot->item.sequence, reason);
		else
			drain->refused |= store_state(drain->store) == STORE_READY;
		if (reason)
			reason_set(&drain->reason, "%s", reason);
	}
	/* The store is in the middle of its work. */
	work_in(drain, 0);
}

/* In the other journal, or not, for its disk's sake. */
static void set_aside(struct journal_append *append, const char *reason)
{
	struct drain_slot *slot = (void *)((char *)append - offsetof(struct drain_slot, append));
	struct intake_drain *drain = slot->drain;

	drain->out--;
	slot->stored = !reason;
	slot->wait.level = STORE_LEVEL_STORED;
	if (reason) {
		drain->failed = drain->refused = true;
		reason_set(&drain->reason, "%s", reason);
	}
	work_in(drain, 0);
}

/* ---- what goes out ---- */

/* Of an ordered route, one at a time. */
static bool may_go(const struct intake_drain *drain, const struct journal_item *item)
{
	if (!item->event->ordered)
		return true;
	for (size_t i = 0; i < drain->count; i++)
		if (drain->slots[(drain->first + i) % IN_FLIGHT].item.slot == item->slot)
			return false;
	return true;
}

static int put(struct intake_drain *drain)
{
	const struct journal_event *kept = drain->next.event;
	struct drain_slot *slot = &drain->slots[(drain->first + drain->count) % IN_FLIGHT];
	struct store_places *places;
	struct store_event event;
	int r = intake_targets_place(&drain->targets, kept, &event, &places);

	if (r < 0)
		return r;
	*slot = (struct drain_slot){ .drain = drain,
				     .put.done = put_done,
				     .append.done = set_aside,
				     .item = drain->next,
				     .places = places,
				     .target = event.target,
				     .wait = intake_owed_wait(kept) };
	slot->item.event = NULL; /* it goes with the reader's memory */
	slot->bytes = journal_record_size(kept);
	if (drain->aside && intake_aside_wants(drain->aside, &drain->next))
		r = intake_aside_append(drain->aside, &drain->next, &slot->append);
	else
		r = store_put(drain->store, &event, loop_now_ms(drain->loop) + PUT_MS, &slot->put);
	if (r < 0)
		return r;
	drain->count++;
	drain->out++;
	drain->bytes += slot->bytes;
	drain->next_known = false;
	return 0;
}

static bool has_room(const struct intake_drain *drain)
{
	return drain->count == 0 || (!drain->stubborn && drain->count < IN_FLIGHT && drain->bytes < IN_FLIGHT_BYTES);
}

static int read_next(struct intake_drain *drain)
{
	int r = drain->next_known ? 1 : journal_next(drain->journal, &drain->next);

	drain->next_known = r == 1;
	if (r < 0) {
		reason_set(&drain->reason, "the journal could not be read: %s", strerror(-r));
		log_line(LOG_ERROR, "journal not drained", LOG_C("reason", drain->reason.text));
	}
	return r;
}

static void send_more(struct intake_drain *drain)
{
	for (int i = 0; i < TURN; i++) {
		int r;

		if (!has_room(drain))
			return;
		r = read_next(drain);
		if (r == 0 || (r == 1 && !may_go(drain, &drain->next)))
			return;
		if (r == 1)
			r = put(drain);
		if (r < 0) {
			work_in(drain, PAUSE_MS);
			return;
		}
	}
	work_in(drain, 0);
}

/* What the last gateway had put into Redis comes before what it had not. And of whom events were set aside must be known
 * before one of theirs is put. */
static bool waits_for_others(struct intake_drain *drain)
{
	if (!drain->left)
		return false;
	if (drain->aside && !intake_aside_ready(drain->aside)) {
		work_in(drain, ASIDE_MS);
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
	if (drain->refused && drain->out == 0) {
		drain->refused = false;
		if (!drain->behind && drain->left)
			log_line(LOG_WARNING, "journal waits for redis", LOG_C("reason", drain->reason.text));
		drain->behind = true;
		work_in(drain, drain->stubborn ? AGAIN_MS : PAUSE_MS);
	} else if (!drain->failed && !drain->anew && store_state(drain->store) == STORE_READY &&
		   !waits_for_others(drain)) {
		send_more(drain);
	}
}

static void more(void *arg)
{
	work_in(arg, 0);
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
		work_in(drain, 0);
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
	intake_targets_free(&drain->targets);
	free(drain);
}

const char *intake_drain_reason(const struct intake_drain *drain)
{
	if (drain->reason.text[0] != '\0' || !drain->aside)
		return drain->reason.text;
	return intake_aside_reason(drain->aside);
}
