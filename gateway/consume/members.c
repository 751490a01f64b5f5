/* members.c - a consumer in several groups. The one difficulty is to wait for entries of any of them, since a command must not
 * wait for two: so it waits for one after the other, a little each time, and longer when nothing has come for a while. */
#include "consume/members.h"

#include "base/clock.h"
#include "consume/ask.h"
#include "consume/pending.h"
#include "store/store.h"

#include <errno.h>
#include <stdlib.h>

enum { LOOK_MS = 2000, WAIT_LEAST_MS = 16, WAIT_MOST_MS = 256, MEMBERS_MAX = STORE_PARTITIONS_MAX + 1 };

struct member {
	int partition; /* -1: the stream of a route that is not split */
	struct buf stream;
	struct consume_group *group;
};

struct consume_members {
	struct consume_members_setup setup;
	struct member members[MEMBERS_MAX];
	size_t count;
	size_t turn;	 /* who is read next */
	size_t present;	 /* who was read last */
	int64_t look_ms; /* when the layout is looked at next */
	int64_t wait_ms; /* how long for one of several */
};

int consume_members_new(const struct consume_members_setup *setup, struct consume_members **out)
{
	struct consume_members *members = calloc(1, sizeof *members);

	if (!members)
		return -ENOMEM;
	members->setup = *setup;
	members->wait_ms = WAIT_LEAST_MS;
	*out = members;
	return 0;
}

void consume_members_free(struct consume_members *members)
{
	if (!members)
		return;
	for (size_t i = 0; i < members->count; i++) {
		consume_group_free(members->members[i].group);
		buf_free(&members->members[i].stream);
	}
	free(members);
}

/* ---- which streams ---- */

static void make_key(const struct consume_members *members, int partition, const char *rest, struct buf *out)
{
	const struct store_target_setup names = { .prefix = members->setup.prefix,
						  .route = members->setup.route,
						  .split = partition >= 0,
						  .partition = partition >= 0 ? (unsigned)partition : 0 };

	buf_clear(out);
	store_target_key(&names, rest, out);
}

static int ask_layout(const struct consume_members *members, struct store_layout *out, struct reason *reason)
{
	struct consume_words words = { .n = 0 };
	struct store_reply *reply = NULL;
	struct buf key = BUF_EMPTY;
	struct slice error;
	int fault;

	make_key(members, -1, "partitions", &key);
	consume_words_add(&words, SLICE("GET"));
	consume_words_add(&words, buf_slice(&key));
	fault = buf_failed(&key) ? -ENOMEM : consume_ask(members->setup.group.client, &words, 0, &reply, reason);
	buf_free(&key);
	if (fault != 0)
		return fault;
	error = consume_error(reply);
	if (slice_starts(error, SLICE("NOPERM"))) {
		*out = store_layout_first;
		out->split.partitions = out->widest = members->setup.configured;
	} else if (error.n > 0) {
		fault = consume_refused(error, reason);
	} else if (!store_layout_read(store_reply_text(reply), out)) {
		reason_set(reason, "how the route is split is said in a way that this version does not know");
		fault = -EINVAL;
	}
	store_reply_free(reply);
	return fault;
}

static bool is_member(const struct consume_members *members, int partition)
{
	for (size_t i = 0; i < members->count; i++) {
		if (members->members[i].partition == partition)
			return true;
	}
	return false;
}

static int add(struct consume_members *members, int partition)
{
	struct member *member = &members->members[members->count];
	struct consume_group_setup setup = members->setup.group;

	member->partition = partition;
	make_key(members, partition, "events", &member->stream);
	setup.stream = buf_slice(&member->stream);
	if (buf_failed(&member->stream) || consume_group_new(&setup, &member->group) < 0) {
		buf_free(&member->stream);
		return -ENOMEM;
	}
	members->count++;
	return 0;
}

static int has_entries(const struct consume_members *members, int partition, bool *any, struct reason *reason)
{
	struct consume_words words = { .n = 0 };
	struct store_reply *reply = NULL;
	struct buf stream = BUF_EMPTY;
	int fault;

	make_key(members, partition, "events", &stream);
	consume_words_add(&words, SLICE("XLEN"));
	consume_words_add(&words, buf_slice(&stream));
	fault = buf_failed(&stream) ? -ENOMEM : consume_ask_well(members->setup.group.client, &words, &reply, reason);
	if (fault == 0) {
		*any = store_reply_number(reply) > 0;
		store_reply_free(reply);
	}
	buf_free(&stream);
	return fault;
}

static int add_only(struct consume_members *members, const struct store_layout *layout, struct reason *reason)
{
	const struct consume_members_setup *setup = &members->setup;
	int fault = 0;

	for (size_t i = 0; fault == 0 && i < setup->only_count; i++) {
		int partition = (int)setup->only[i];

		if (setup->only[i] >= layout->widest) {
			reason_set(reason, "the route has no partition %d: it has %u", partition,
				   layout->split.partitions);
			fault = -EINVAL;
		} else if (!is_member(members, partition)) {
			fault = add(members, partition);
		}
	}
	return fault;
}

static int add_all(struct consume_members *members, const struct store_layout *layout, struct reason *reason)
{
	int fault = 0;

	for (size_t i = 0; fault == 0 && i < store_layout_streams(layout); i++) {
		int partition = store_layout_stream(layout, i);
		bool wanted = store_layout_takes(layout, partition);

		if (is_member(members, partition))
			continue;
		if (!wanted)
			fault = has_entries(members, partition, &wanted, reason);
		if (fault == 0 && wanted)
			fault = add(members, partition);
	}
	return fault;
}

static int look(struct consume_members *members, struct reason *reason)
{
	struct store_layout layout;
	int fault;

	if (members->count > 0 && clock_mono_ms() < members->look_ms)
		return 0;
	fault = ask_layout(members, &layout, reason);
	if (fault == 0)
		fault = members->setup.only_count > 0 ? add_only(members, &layout, reason)
						      : add_all(members, &layout, reason);
	if (fault == 0)
		members->look_ms = clock_mono_ms() + LOOK_MS;
	return fault;
}

/* ---- reading ---- */

static int read_one(struct consume_members *members, size_t limit, int64_t wait_ms, bool *any, struct reason *reason)
{
	size_t which = members->turn % members->count;
	int fault = consume_group_read(members->members[which].group, limit, wait_ms, any, reason);

	members->present = which;
	/* Where it was broken off, it is asked again. */
	if (fault == 0)
		members->turn = (which + 1) % members->count;
	if (fault == 0 && *any)
		members->wait_ms = WAIT_LEAST_MS;
	return fault;
}

int consume_members_read(struct consume_members *members, size_t limit, int64_t wait_ms, bool *any,
			 struct reason *reason)
{
	int fault = look(members, reason);

	*any = false;
	if (fault != 0)
		return fault;
	if (members->count == 1)
		return read_one(members, limit, wait_ms, any, reason);
	for (size_t i = 0; fault == 0 && !*any && i < members->count; i++)
		fault = read_one(members, limit, wait_ms > 0 ? CONSUME_NO_WAIT : 0, any, reason);
	if (fault != 0 || *any || wait_ms <= 0)
		return fault;
	fault = read_one(members, limit, members->wait_ms < wait_ms ? members->wait_ms : wait_ms, any, reason);
	if (fault == 0 && !*any && members->wait_ms < WAIT_MOST_MS)
		members->wait_ms *= 2;
	return fault;
}

static struct consume_group *present(const struct consume_members *members)
{
	return members->members[members->present].group;
}

bool consume_members_next(struct consume_members *members, enum consume_entry *kind, struct consume_event *event)
{
	if (!consume_group_next(present(members), kind, event))
		return false;
	event->split = members->members[members->present].partition >= 0;
	return true;
}

int consume_members_count(struct consume_members *members, struct consume_event *event, struct reason *reason)
{
	return consume_pending_count(consume_group_member(present(members)), event, reason);
}

void consume_members_failed(struct consume_members *members)
{
	consume_group_failed(present(members));
}

int consume_members_hold(struct consume_members *members, struct slice entry, struct reason *reason)
{
	return consume_pending_hold(consume_group_member(present(members)), entry, reason);
}

int consume_members_acknowledge(struct consume_members *members, const struct slice *entries, size_t count,
				struct reason *reason)
{
	return consume_group_acknowledge(present(members), entries, count, reason);
}

int consume_members_leave(struct consume_members *members, struct reason *reason)
{
	int fault = 0;

	for (size_t i = 0; i < members->count; i++) {
		int one = consume_pending_leave(consume_group_member(members->members[i].group), reason);

		fault = one != 0 ? one : fault;
	}
	return fault;
}
