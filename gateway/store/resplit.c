/* resplit.c - layouts read from Redis, and changed there.
 *
 * The difficulty is that anybody may stop between any two steps, and others go on: so each round begins with what stands in
 * Redis, does the next step of it, and believes nothing that it has written itself before the compare-and-set said that it
 * did. */
#include "base/clock.h"
#include "store/client_inner.h"
#include "store/fence.h"
#include "store/spread.h"
#include "store/target.h"

#include <errno.h>
#include <stdlib.h>

/* What could not be asked now is asked again soon, and then twice as late each time, as deliveries may wait for it; what is for a
 * person to mend is not. */
enum { LOOK_MS = 1000, FAILED_MS = 2000, AGAIN_MS = 50, HASTE_MS = 200, NEVER_MS = 30000, ROUNDS = 16 };

static const char exchange[] = "if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end\n"
			       "redis.call('SET', KEYS[1], ARGV[2])\n"
			       "return 1\n";

/* One spread being settled. */
struct settling {
	struct store_spread *spread;
	struct store_client *client;
	struct reason *reason;
	struct buf text;  /* as it stands in Redis */
	struct buf other; /* what is to be exchanged for it */
	struct buf key;
	struct store_split wanted;
	uint32_t window_s;
	struct store_wait wait;
	bool settled, ours;
	bool refused; /* a put was, perhaps */
};

/* ---- single questions ---- */

static void make_key(struct buf *out, struct slice prefix, struct slice route, const char *rest)
{
	buf_clear(out);
	buf_add(out, prefix);
	buf_add_str(out, ":{");
	buf_add(out, route);
	buf_add_str(out, "}:");
	buf_add_str(out, rest);
}

static int ask_number(struct store_client *client, const struct slice *words, size_t count, int64_t *number,
		      struct reason *reason)
{
	struct store_reply *reply = NULL;
	int fault = store_client_ask(client, words, count, 0, &reply, reason);
	if (fault == 0)
		*number = store_reply_number(reply);
	store_reply_free(reply);
	return fault;
}

static int read_text(struct store_client *client, struct slice key, struct buf *text, struct store_layout *out,
		     struct reason *reason)
{
	const struct slice words[] = { SLICE("GET"), key };
	struct store_reply *reply = NULL;
	int fault = store_client_ask(client, words, 2, 0, &reply, reason);
	if (fault != 0)
		return fault;
	buf_clear(text);
	buf_add(text, store_reply_text(reply));
	store_reply_free(reply);
	if (buf_failed(text))
		return -ENOMEM;
	if (store_layout_read(buf_slice(text), out))
		return 0;
	reason_set(reason, "what stands at %.*s was written by another version, or by somebody else",
		   SLICE_ARGS(slice_head(key, 160)));
	return -EPROTO;
}

int store_layout_ask(struct store_client *client, struct slice prefix, struct slice route, struct store_layout *out,
		     struct reason *reason)
{
	struct buf key = BUF_EMPTY, text = BUF_EMPTY;
	make_key(&key, prefix, route, "partitions");
	int fault = buf_failed(&key) ? -ENOMEM : read_text(client, buf_slice(&key), &text, out, reason);
	buf_free(&key);
	buf_free(&text);
	/* To a command it is all one: it does not ask again. */
	return fault == -EBUSY ? -EPROTO : fault;
}

static int look(struct settling *s, struct store_layout *out)
{
	make_key(&s->key, s->spread->prefix, s->spread->route, "partitions");
	return buf_failed(&s->key) ? -ENOMEM : read_text(s->client, buf_slice(&s->key), &s->text, out, s->reason);
}

/* The text for another; *done: it was still what was read. */
static int put_in_place(struct settling *s, const struct store_layout *layout, bool *done)
{
	int64_t number = 0;
	make_key(&s->key, s->spread->prefix, s->spread->route, "partitions");
	buf_clear(&s->other);
	store_layout_write(layout, &s->other);
	if (buf_failed(&s->other) || buf_failed(&s->key))
		return -ENOMEM;
	const struct slice words[] = { SLICE("EVAL"),	   slice_str(exchange), SLICE("1"),
				       buf_slice(&s->key), buf_slice(&s->text), buf_slice(&s->other) };
	int fault = ask_number(s->client, words, sizeof words / sizeof *words, &number, s->reason);
	*done = number == 1;
	return fault;
}

/* ---- closing ---- */

static int make_fence(struct settling *s, const struct store_split *split, uint64_t generation, unsigned partition)
{
	const struct store_target_setup setup = { .prefix = s->spread->prefix,
						  .route = s->spread->route,
						  .split = split->partitions > 0,
						  .partition = partition,
						  .generation = generation };
	store_target_closed_key(&setup, &s->key);
	return buf_failed(&s->key) ? -ENOMEM : 0;
}

static int close_one(struct settling *s, const struct store_former *former, unsigned partition)
{
	if (make_fence(s, &former->split, former->generation, partition) != 0)
		return -ENOMEM;
	return store_fence_set(s->client, buf_slice(&s->key), s->reason);
}

/* A route that had no event when it was split has no marks either. */
static int was_used(struct settling *s, const struct store_former *former, bool *used)
{
	int64_t number = 1;
	int fault = 0;
	if (former->generation == 0) {
		make_key(&s->key, s->spread->prefix, s->spread->route, "events");
		const struct slice words[] = { SLICE("EXISTS"), buf_slice(&s->key) };
		fault = buf_failed(&s->key) ? -ENOMEM : ask_number(s->client, words, 2, &number, s->reason);
	}
	*used = number > 0;
	return fault;
}

static int close_former(struct settling *s, const struct store_former *former)
{
	unsigned count = former->split.partitions > 0 ? former->split.partitions : 1;
	int fault = 0;
	for (unsigned i = 0; fault == 0 && i < count; i++)
		fault = close_one(s, former, i);
	return fault;
}

/* *closed: all of them are, and as safe as the route's events. */
static int close_all(struct settling *s, const struct store_layout *closing, bool *closed)
{
	int fault = 0;
	store_fence_begin(s->client);
	for (size_t i = 0; fault == 0 && i < closing->former_count; i++) {
		if (closing->formers[i].closed_ms == 0)
			fault = close_former(s, &closing->formers[i]);
	}
	return fault == 0 ? store_fence_wait(s->client, &s->wait, closed, s->reason) : fault;
}

/* Steps 2 and 3 (layout.h). */
static int open_it(struct settling *s, const struct store_layout *closing, bool *done)
{
	struct store_layout next = *closing;
	size_t kept = 0;
	bool closed = false;
	int fault = close_all(s, closing, &closed);
	if (fault != 0 || !closed)
		return fault;
	for (size_t i = 0; fault == 0 && i < closing->former_count; i++) {
		bool used = true;
		if (closing->formers[i].closed_ms == 0)
			fault = was_used(s, &closing->formers[i], &used);
		if (used)
			next.formers[kept++] = closing->formers[i];
	}
	if (fault != 0)
		return fault;
	next.former_count = kept;
	store_layout_open(&next, clock_wall_ms());
	return put_in_place(s, &next, done);
}

/* ---- deciding ---- */

/* The newest that we know to have been open here. */
static const struct store_known *known(const struct settling *s)
{
	return s->spread->made ? s->spread->made : &store_known_first;
}

/* Redis has an older one than we have seen: it has lost the change. */
static bool has_lost(const struct settling *s, const struct store_layout *there)
{
	return known(s)->layout.generation > there->generation;
}

/* Redis has lost the change that closed what it says is open, and nobody is here who saw it: all puts would be refused for
 * ever. Asked only after one was. */
static int is_closed(struct settling *s, const struct store_layout *there, bool *closed)
{
	unsigned count = there->split.partitions > 0 ? there->split.partitions : 1;
	bool seen = s->spread->made && known(s)->layout.generation == there->generation;
	int64_t number = 0;
	int fault = 0;
	for (unsigned i = 0; s->refused && seen && there->open && fault == 0 && number == 0 && i < count; i++) {
		fault = make_fence(s, &there->split, there->generation, i);
		const struct slice words[] = { SLICE("EXISTS"), buf_slice(&s->key) };
		if (fault == 0)
			fault = ask_number(s->client, words, 2, &number, s->reason);
	}
	*closed = number > 0;
	return fault;
}

static int change(struct settling *s, const struct store_layout *there, bool *done)
{
	const struct store_layout *here = &known(s)->layout;
	uint64_t newest = here->generation > there->generation ? here->generation : there->generation;
	uint64_t now = (uint64_t)clock_wall_ms(), generation = now > newest ? now : newest + 1;
	const struct store_split *wanted = s->settled ? &here->split : &s->wanted;
	struct store_layout from = *there, next;
	/* Else who had as many as may be, however long ago, could never change it again. */
	store_layout_forget(&from, (int64_t)now);
	if (!store_layout_change(&from, wanted, generation, s->window_s, &next) ||
	    (has_lost(s, there) && !store_layout_add_former(&next, &here->split, here->generation, s->window_s))) {
		reason_set(s->reason,
			   "its partitions were changed too often: in %d former layouts events may have been seen "
			   "within its window",
			   STORE_FORMERS_MAX);
		return -EPROTO;
	}
	s->ours = true;
	return put_in_place(s, &next, done);
}

static int make_order(const struct store_split *split, struct store_order **out, struct reason *reason)
{
	*out = NULL;
	if (split->order_n == 0)
		return 0;
	int fault = store_order_new(slice_of(split->order, split->order_n), out);
	if (fault != -EINVAL)
		return fault;
	reason_set(reason, "its events are ordered by what this version does not know: another gateway is newer");
	return -EPROTO;
}

static int adopt(struct settling *s, const struct store_layout *layout)
{
	struct store_spread *spread = s->spread;
	const struct store_layouts *layouts = spread->layouts;
	struct store_known *made = calloc(1, sizeof *made);
	if (!made)
		return -ENOMEM;
	made->layout = *layout;
	made->window_s = s->window_s;
	int fault = make_order(&layout->split, &made->order, s->reason);
	for (size_t i = 0; fault == 0 && i < layout->former_count; i++)
		fault = make_order(&layout->formers[i].split, &made->former_orders[i], s->reason);
	if (fault != 0) {
		store_known_free(made);
		return fault;
	}
	bool other = layout->generation != known(s)->layout.generation;
	made->before = spread->made;
	spread->made = made;
	if (other && layouts->calls.changed)
		layouts->calls.changed(layouts->calls.arg, spread->route, layout, s->ours);
	return 0;
}

/* It stands open there, as it is wanted. */
static int take(struct settling *s, const struct store_layout *there)
{
	struct store_spread *spread = s->spread;
	bool other = !spread->made || spread->made->layout.generation != there->generation ||
		     spread->made->layout.former_count != there->former_count || spread->made->window_s != s->window_s;
	int fault = other ? adopt(s, there) : 0;
	if (fault != 0)
		return fault;
	pthread_mutex_lock(&spread->layouts->lock);
	spread->asked = true;
	/* Unless something else is wanted by now. */
	if (store_split_same(&spread->wanted, &s->wanted))
		spread->settled = true;
	atomic_store_explicit(&spread->now, spread->made, memory_order_release);
	pthread_mutex_unlock(&spread->layouts->lock);
	return 0;
}

static int settle(struct settling *s)
{
	for (int i = 0; i < ROUNDS; i++) {
		struct store_layout there;
		bool done = false, closed = false;
		int fault = look(s, &there);
		if (fault == 0)
			fault = is_closed(s, &there, &closed);
		if (fault != 0)
			return fault;
		if (closed || has_lost(s, &there) || (!s->settled && !store_split_same(&there.split, &s->wanted)))
			fault = change(s, &there, &done);
		else if (!there.open)
			fault = open_it(s, &there, &done);
		else
			return take(s, &there);
		if (fault != 0)
			return fault;
	}
	reason_set(s->reason, "other gateways change its partitions all the time: do their configurations differ?");
	return -EBUSY;
}

/* ---- rounds ---- */

static void set_next_look(struct store_spread *spread, int fault)
{
	int64_t now_ms = clock_mono_ms(), ms = fault == 0 ? LOOK_MS : FAILED_MS;
	bool passes = fault != 0 && fault != -EPROTO;
	if (passes && (int64_t)AGAIN_MS << spread->faults < FAILED_MS)
		ms = (int64_t)AGAIN_MS << spread->faults++;
	else if (!passes)
		spread->faults = 0;
	spread->next_look_ms = now_ms + ms;
	spread->not_before_ms = fault == 0 ? 0 : now_ms + (ms < HASTE_MS ? ms : HASTE_MS);
}

/* After what may pass, that a put was refused is still to be looked into, and it is as broken as it was. */
static void note_end(const struct settling *s, int fault)
{
	struct store_spread *spread = s->spread;
	pthread_mutex_lock(&spread->layouts->lock);
	if (fault != 0 && fault != -EPROTO)
		spread->stale |= s->refused;
	else
		spread->broken = fault == -EPROTO;
	if (spread->broken)
		spread->why = *s->reason;
	pthread_mutex_unlock(&spread->layouts->lock);
}

/* Why it failed, once, for as long as it does; it is tried again and again. True: Redis has answered, and the others are looked at. */
static bool say_end(struct store_spread *spread, int fault, const struct reason *reason)
{
	const struct store_layouts_calls *calls = &spread->layouts->calls;
	bool answered = fault == -EPROTO || fault == -EBUSY;
	bool other = strcmp(spread->said.text, reason->text) != 0;
	if (answered && other && calls->failed)
		calls->failed(calls->arg, spread->route, reason->text);
	if (answered)
		spread->said = *reason;
	if (fault == 0)
		spread->said.text[0] = '\0';
	return answered;
}

static int settle_spread(struct store_spread *spread, struct store_client *client, struct reason *reason)
{
	struct store_layouts *layouts = spread->layouts;
	struct settling s = { .spread = spread, .client = client, .reason = reason, .ours = spread->ours };
	pthread_mutex_lock(&layouts->lock);
	s.wanted = spread->wanted;
	s.window_s = spread->window_s;
	s.wait = spread->wait;
	s.settled = spread->settled;
	s.refused = spread->stale;
	spread->stale = false;
	pthread_mutex_unlock(&layouts->lock);
	int fault = settle(&s);
	buf_free(&s.text);
	buf_free(&s.other);
	buf_free(&s.key);
	spread->ours = fault != 0 && s.ours;
	set_next_look(spread, fault);
	note_end(&s, fault);
	return say_end(spread, fault, reason) ? 0 : fault;
}

/* One that nobody has refused a put of yet is not asked for. */
static bool is_due(struct store_spread *spread, int64_t now_ms)
{
	pthread_mutex_lock(&spread->layouts->lock);
	bool due = (spread->stale && spread->not_before_ms <= now_ms) ||
		   (spread->next_look_ms > 0 && spread->next_look_ms <= now_ms);
	pthread_mutex_unlock(&spread->layouts->lock);
	return due;
}

/* A spread is never taken out of its list, and others are put in front of it. */
static struct store_spread *first_of(struct store_layouts *layouts, size_t head)
{
	pthread_mutex_lock(&layouts->lock);
	struct store_spread *first = layouts->heads[head];
	pthread_mutex_unlock(&layouts->lock);
	return first;
}

int store_layouts_round(struct store_layouts *layouts, struct store_client *client, bool (*stop)(void *arg), void *arg,
			int64_t *next_ms, struct reason *reason)
{
	int64_t next = clock_mono_ms() + NEVER_MS;
	for (size_t head = 0; head < STORE_SPREAD_HEADS; head++) {
		for (struct store_spread *spread = first_of(layouts, head); spread; spread = spread->next) {
			if (stop(arg))
				return 0;
			int fault = is_due(spread, clock_mono_ms()) ? settle_spread(spread, client, reason) : 0;
			/* One master that is away does not keep the routes of others from being looked at. */
			if (fault != 0 && !(fault == -EIO && client->nodes))
				return fault;
			if (spread->next_look_ms > 0 && spread->next_look_ms < next)
				next = spread->next_look_ms;
		}
	}
	*next_ms = next;
	return 0;
}
