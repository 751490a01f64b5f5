/* group.c - reading as a member of a consumer group.
 *
 *     OWN -> CLAIM -> FRESH -> (some time later) CLAIM -> FRESH ... -> (something failed, some time later) OWN ...
 *
 * The special difficulty: nothing may be lost when anything goes wrong between reading and acknowledging, and the
 * stream belongs to Redis: entries may be deleted, the group or the stream may vanish, a reply may have a shape that we
 * do not expect. So every reply is checked before it is touched, and a group that is gone is made again, from the
 * beginning. */
#include "consume/group.h"

#include "base/clock.h"
#include "consume/ask.h"

#include <errno.h>
#include <stdlib.h>

enum { ID_MAX = 48, CLAIM_EVERY_LEAST_MS = 1000, CLAIM_EVERY_MOST_MS = 10000, RETRY_FIRST_MS = 1000, ACK_AT_ONCE = 64 };

enum phase { PHASE_OWN, PHASE_CLAIM, PHASE_FRESH };

/* A stream's id, "1700000000000-0". */
struct cursor {
	char text[ID_MAX];
	size_t n;
};

struct consume_group {
	struct consume_group_setup setup;
	enum phase phase;
	struct cursor own;   /* the last of our own pending entries that was read */
	struct cursor fresh; /* the last new entry that was read */
	struct cursor claim; /* where XAUTOCLAIM goes on */
	int64_t claimed_ms;  /* when the last sweep was over */
	int64_t retry_ms;    /* when what failed is read again; 0: nothing did since that was done last */
	int64_t pause_ms;    /* how long it was put off; 0: nothing failed in the last round */
	struct store_reply *reply;
	const struct store_reply *entries; /* in it; NULL: none */
	size_t next;
	bool again; /* they were handed out before */
};

static struct slice cursor_text(const struct cursor *cursor)
{
	return slice_of(cursor->text, cursor->n);
}

static bool cursor_set(struct cursor *cursor, struct slice text)
{
	if (text.n == 0 || text.n > sizeof cursor->text)
		return false;
	memcpy(cursor->text, text.p, text.n);
	cursor->n = text.n;
	return true;
}

static void begin_again(struct consume_group *group)
{
	group->phase = PHASE_OWN;
	(void)cursor_set(&group->own, SLICE("0-0"));
	(void)cursor_set(&group->fresh, SLICE("0-0"));
	(void)cursor_set(&group->claim, SLICE("0-0"));
}

int consume_group_new(const struct consume_group_setup *setup, struct consume_group **out)
{
	struct consume_group *group = calloc(1, sizeof *group);

	if (!group)
		return -ENOMEM;
	group->setup = *setup;
	begin_again(group);
	*out = group;
	return 0;
}

static void drop_reply(struct consume_group *group)
{
	if (group->reply)
		store_reply_free(group->reply);
	group->reply = NULL;
	group->entries = NULL;
	group->next = 0;
}

const struct consume_group_setup *consume_group_member(const struct consume_group *group)
{
	return &group->setup;
}

void consume_group_free(struct consume_group *group)
{
	if (!group)
		return;
	drop_reply(group);
	free(group);
}

/* ---- reading ---- */

/* From the beginning on, so that events which came before the first consumer are read too. */
static int create(struct consume_group *group, struct reason *reason)
{
	struct store_reply *reply = NULL;
	struct consume_words words = { .n = 0 };
	struct slice error;
	int fault;

	consume_words_add(&words, SLICE("XGROUP"));
	consume_words_add(&words, SLICE("CREATE"));
	consume_words_add(&words, group->setup.stream);
	consume_words_add(&words, group->setup.group);
	consume_words_add(&words, SLICE("0"));
	consume_words_add(&words, SLICE("MKSTREAM"));
	fault = consume_ask(group->setup.client, &words, 0, &reply, reason);
	if (fault != 0)
		return fault;
	error = consume_error(reply);
	if (error.n > 0 && !slice_starts(error, SLICE("BUSYGROUP")))
		fault = consume_refused(error, reason);
	store_reply_free(reply);
	begin_again(group);
	return fault;
}

/* XREADGROUP's reply is nil, or [[stream, [entry, ...]]]: the entries, NULL when there are none. */
static int take_read(struct consume_group *group, struct reason *reason)
{
	const struct store_reply *stream = store_reply_at(group->reply, 0);

	if (store_reply_type(group->reply) == STORE_REPLY_NIL || !stream)
		return 0;
	group->entries = store_reply_at(stream, 1);
	if (!group->entries || store_reply_type(group->entries) != STORE_REPLY_LIST) {
		group->entries = NULL;
		return consume_senseless("XREADGROUP", reason);
	}
	return 0;
}

/* XAUTOCLAIM's reply is [where to go on, [entry, ...]], and from Redis 7.0 on a list of deleted ones that it dropped
 * itself. */
static int take_claim(struct consume_group *group, struct reason *reason)
{
	const struct store_reply *cursor = store_reply_at(group->reply, 0);
	const struct store_reply *entries = store_reply_at(group->reply, 1);

	if (!cursor || !entries || store_reply_type(entries) != STORE_REPLY_LIST ||
	    !cursor_set(&group->claim, store_reply_text(cursor)))
		return consume_senseless("XAUTOCLAIM", reason);
	group->entries = entries;
	return 0;
}

static void words_of_read(const struct consume_group *group, size_t limit, int64_t wait_ms, struct consume_words *words)
{
	bool fresh = group->phase == PHASE_FRESH;

	consume_words_add(words, SLICE("XREADGROUP"));
	consume_words_add(words, SLICE("GROUP"));
	consume_words_add(words, group->setup.group);
	consume_words_add(words, group->setup.consumer);
	consume_words_add(words, SLICE("COUNT"));
	consume_words_number(words, limit);
	if (fresh && wait_ms > 0) {
		consume_words_add(words, SLICE("BLOCK"));
		consume_words_number(words, (uint64_t)wait_ms);
	}
	consume_words_add(words, SLICE("STREAMS"));
	consume_words_add(words, group->setup.stream);
	consume_words_add(words, fresh ? SLICE(">") : cursor_text(&group->own));
}

static void words_of_claim(const struct consume_group *group, size_t limit, struct consume_words *words)
{
	consume_words_add(words, SLICE("XAUTOCLAIM"));
	consume_words_add(words, group->setup.stream);
	consume_words_add(words, group->setup.group);
	consume_words_add(words, group->setup.consumer);
	consume_words_number(words, (uint64_t)group->setup.min_idle_ms);
	consume_words_add(words, cursor_text(&group->claim));
	consume_words_add(words, SLICE("COUNT"));
	consume_words_number(words, limit);
}

static int ask(struct consume_group *group, const struct consume_words *words, int64_t wait_ms, struct reason *reason)
{
	volatile sig_atomic_t *waiting = wait_ms > 0 ? group->setup.waiting : NULL;
	int fault;

	drop_reply(group);
	if (waiting)
		*waiting = 1;
	fault = consume_ask(group->setup.client, words, wait_ms, &group->reply, reason);
	if (waiting)
		*waiting = 0;
	return fault;
}

/* One question in the present phase; *gone says that there is no such group. */
static int read_once(struct consume_group *group, size_t limit, int64_t wait_ms, bool *gone, struct reason *reason)
{
	struct consume_words words = { .n = 0 };
	bool claiming = group->phase == PHASE_CLAIM;
	struct slice error;
	int fault;

	if (claiming)
		words_of_claim(group, limit, &words);
	else
		words_of_read(group, limit, wait_ms, &words);
	fault = ask(group, &words, group->phase == PHASE_FRESH ? wait_ms : 0, reason);
	if (fault != 0)
		return fault;
	error = consume_error(group->reply);
	*gone = slice_starts(error, SLICE("NOGROUP"));
	if (*gone)
		return 0;
	if (error.n > 0)
		return consume_refused(error, reason);
	return claiming ? take_claim(group, reason) : take_read(group, reason);
}

static size_t have(const struct consume_group *group)
{
	return group->entries ? store_reply_count(group->entries) : 0;
}

static bool is_start(const struct cursor *cursor)
{
	return slice_eq(cursor_text(cursor), SLICE("0-0"));
}

static void enter_claim(struct consume_group *group)
{
	group->phase = PHASE_CLAIM;
	(void)cursor_set(&group->claim, SLICE("0-0"));
}

/* However long all that came before has taken, what is new has its time now: else some entries that fail each time, slowly, were
 * all that is ever read. */
static void enter_fresh(struct consume_group *group)
{
	int64_t now_ms = clock_mono_ms();

	group->phase = PHASE_FRESH;
	group->claimed_ms = now_ms;
	if (group->retry_ms != 0 && group->retry_ms < now_ms + RETRY_FIRST_MS)
		group->retry_ms = now_ms + group->pause_ms;
}

/* The cursor to the last of the entries read, where there are any; false: that entry has no id. */
static bool move_on(struct cursor *cursor, const struct consume_group *group)
{
	const struct store_reply *last = have(group) > 0 ? store_reply_at(group->entries, have(group) - 1) : NULL;
	const struct store_reply *id = last ? store_reply_at(last, 0) : NULL;

	return !last || (id && cursor_set(cursor, store_reply_text(id)));
}

/* After what was read: where to go on reading. Our own pending entries are over when there is none behind the last one;
 * a sweep is over when Redis sends us back to the start. */
static int advance(struct consume_group *group, struct reason *reason)
{
	bool right = true;

	group->again = group->phase != PHASE_FRESH;
	switch (group->phase) {
	case PHASE_OWN:
		right = move_on(&group->own, group);
		if (have(group) > 0)
			break;
		/* A whole round of our own, and nothing failed. */
		if (group->retry_ms == 0)
			group->pause_ms = 0;
		enter_claim(group);
		break;
	case PHASE_CLAIM:
		if (is_start(&group->claim))
			enter_fresh(group);
		break;
	case PHASE_FRESH:
		right = move_on(&group->fresh, group);
		break;
	}
	return right ? 0 : consume_senseless("XREADGROUP", reason);
}

/* A reply that was lost may have carried new entries: they are ours then, pending, and stand behind the last one that
 * we know. */
static void look_for_lost(struct consume_group *group)
{
	if (group->phase != PHASE_FRESH)
		return;
	group->phase = PHASE_OWN;
	group->own = group->fresh;
}

static int64_t claim_every_ms(const struct consume_group *group)
{
	int64_t half = group->setup.min_idle_ms / 2;

	return half < CLAIM_EVERY_LEAST_MS  ? CLAIM_EVERY_LEAST_MS
	       : half > CLAIM_EVERY_MOST_MS ? CLAIM_EVERY_MOST_MS
					    : half;
}

void consume_group_failed(struct consume_group *group)
{
	int64_t most_ms = group->setup.min_idle_ms > RETRY_FIRST_MS ? group->setup.min_idle_ms : RETRY_FIRST_MS;

	if (group->retry_ms != 0)
		return;
	group->pause_ms = group->pause_ms == 0 ? RETRY_FIRST_MS : group->pause_ms * 2;
	if (group->pause_ms > most_ms)
		group->pause_ms = most_ms;
	group->retry_ms = clock_mono_ms() + group->pause_ms;
}

/* What is due while it waits for what is new; how long until the next of these, where none is. */
static int64_t turn_to_what_is_due(struct consume_group *group)
{
	int64_t now_ms = clock_mono_ms();
	int64_t claim_ms = group->claimed_ms + claim_every_ms(group) - now_ms;
	int64_t retry_ms = group->retry_ms == 0 ? INT64_MAX : group->retry_ms - now_ms;

	if (retry_ms <= 0) {
		group->retry_ms = 0;
		group->phase = PHASE_OWN;
		(void)cursor_set(&group->own, SLICE("0-0"));
	} else if (claim_ms <= 0) {
		enter_claim(group);
	}
	return retry_ms < claim_ms ? retry_ms : claim_ms;
}

int consume_group_read(struct consume_group *group, size_t limit, int64_t wait_ms, bool *any, struct reason *reason)
{
	for (;;) {
		bool was_fresh, gone = false;
		int64_t due_ms = wait_ms;
		int fault;

		if (group->phase == PHASE_FRESH && wait_ms != 0)
			due_ms = turn_to_what_is_due(group);
		was_fresh = group->phase == PHASE_FRESH;
		fault = read_once(group, limit, wait_ms > 0 && due_ms < wait_ms ? due_ms : wait_ms, &gone, reason);
		if (fault == 0 && gone) {
			drop_reply(group);
			fault = create(group, reason);
			if (fault != 0)
				return fault;
			continue;
		}
		if (fault == 0)
			fault = advance(group, reason);
		if (fault != 0) {
			drop_reply(group);
			look_for_lost(group);
			return fault;
		}
		if (have(group) > 0 || was_fresh) {
			*any = have(group) > 0;
			return 0;
		}
	}
}

bool consume_group_next(struct consume_group *group, enum consume_entry *kind, struct consume_event *event)
{
	while (group->next < have(group)) {
		*kind = consume_event_read(store_reply_at(group->entries, group->next++), event);
		if (*kind == CONSUME_ENTRY_NONE)
			continue;
		event->stream = group->setup.stream;
		event->again = group->again;
		event->deliveries = group->again ? 0 : 1;
		return true;
	}
	return false;
}

int consume_group_acknowledge(struct consume_group *group, const struct slice *entries, size_t count,
			      struct reason *reason)
{
	struct slice words[ACK_AT_ONCE + 3] = { SLICE("XACK"), group->setup.stream, group->setup.group };
	int fault = 0;

	for (size_t done = 0; fault == 0 && done < count; done += ACK_AT_ONCE) {
		size_t n = count - done < ACK_AT_ONCE ? count - done : ACK_AT_ONCE;
		struct store_reply *reply = NULL;

		memcpy(words + 3, entries + done, n * sizeof *words);
		fault = store_client_call(group->setup.client, words, n + 3, 0, &reply, reason);
		if (fault != 0)
			break;
		if (store_reply_type(reply) == STORE_REPLY_ERROR)
			fault = consume_refused(store_reply_text(reply), reason);
		else if (store_reply_type(reply) != STORE_REPLY_NUMBER)
			fault = consume_senseless("XACK", reason);
		store_reply_free(reply);
	}
	return fault;
}
