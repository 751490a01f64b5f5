/* A consumer in the groups of all streams of a route: which it reads, in turn, and where it acknowledges. */
#include "consume/members.h"
#include "redis_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

static struct redis_fixture redis;
static struct store_client *client;
static struct consume_members *members;
static int64_t min_idle_ms;

static int begin(void **state)
{
	redis_start(&redis, NULL);
	min_idle_ms = 60000;
	assert_int_equal(store_client_new(&redis.by_socket, NULL, 10000, &client), 0);
	return 0;
}

static int end(void **state)
{
	consume_members_free(members);
	members = NULL;
	store_client_free(client);
	redis_stop(&redis);
	return 0;
}

static void join(unsigned configured, const unsigned *only, size_t only_count)
{
	const struct consume_members_setup setup = {
		.group = { .client = client, .group = SLICE("g"), .consumer = SLICE("c"), .min_idle_ms = min_idle_ms },
		.prefix = SLICE("hg"),
		.route = SLICE("r"),
		.configured = configured,
		.only = only,
		.only_count = only_count,
	};
	consume_members_free(members);
	members = NULL;
	assert_int_equal(consume_members_new(&setup, &members), 0);
}

/* The route's layout, as a gateway leaves it: so many partitions, and before them so many. */
static void split(unsigned partitions, unsigned before)
{
	const struct store_split first = store_split_of(before, SLICE_NONE),
				 now = store_split_of(partitions, SLICE_NONE);
	struct store_layout from = store_layout_first, layout;
	struct slice words[3] = { SLICE("SET"), SLICE("hg:{r}:partitions") };
	struct store_reply *reply = NULL;
	struct buf text = BUF_EMPTY;
	struct reason reason;
	if (before > 0) {
		assert_true(store_layout_change(&store_layout_first, &first, 1, 60, &from));
		store_layout_open(&from, 1);
	}
	assert_true(store_layout_change(&from, &now, 2, 60, &layout));
	store_layout_open(&layout, 2);
	store_layout_write(&layout, &text);
	words[2] = buf_slice(&text);
	assert_int_equal(store_client_call(redis.client, words, 3, 0, &reply, &reason), 0);
	store_reply_free(reply);
	buf_free(&text);
}

static void add(const char *tag, const char *id)
{
	char line[96];
	snprintf(line, sizeof line, "XADD hg:{%s}:events * id %s", tag, id);
	redis_do(&redis, line);
}

/* Reads so many, one at a time; what came, as "id@tag " each, with a ! where it is not said that the stream is a partition's. */
static const char *read_all(size_t count)
{
	static char found[512];
	struct reason reason;
	size_t n = 0;
	found[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		enum consume_entry kind;
		struct consume_event event;
		bool any = false;
		if (consume_members_read(members, 1, 0, &any, &reason) != 0)
			fail_msg("%s", reason.text);
		if (!any)
			break;
		assert_true(consume_members_next(members, &kind, &event));
		assert_int_equal(kind, CONSUME_ENTRY_EVENT);
		assert_true(slice_starts(event.stream, SLICE("hg:{")));
		struct slice tag = slice_from(event.stream, 4), id = consume_event_field(&event, SLICE("id"));
		tag = slice_head(tag, slice_index(tag, '}'));
		n += (size_t)snprintf(found + n, sizeof found - n, "%.*s@%.*s%s ", SLICE_ARGS(id), SLICE_ARGS(tag),
				      event.split ? "" : "!");
		assert_int_equal(consume_members_acknowledge(members, &event.entry, 1, &reason), 0);
		assert_false(consume_members_next(members, &kind, &event));
	}
	return found;
}

static void test_not_split(void **state)
{
	add("r", "1");
	add("r", "2");
	join(0, NULL, 0);
	assert_string_equal(read_all(9), "1@r! 2@r! ");
}

/* None is passed over for another that has more. */
static void test_in_turn(void **state)
{
	split(3, 0);
	for (int i = 0; i < 3; i++)
		add("r.1", "b");
	add("r.0", "a");
	add("r.2", "c");
	join(0, NULL, 0);
	assert_string_equal(read_all(9), "a@r.0 b@r.1 c@r.2 b@r.1 b@r.1 ");
	/* Each was acknowledged in its own. */
	assert_int_equal(redis_number(&redis, "XDEL hg:{r.1}:events 0-1"), 0);
	for (unsigned i = 0; i < 3; i++) {
		char line[64];
		struct store_reply *reply;
		snprintf(line, sizeof line, "XPENDING hg:{r.%u}:events g", i);
		reply = redis_ask(&redis, line);
		assert_int_equal(store_reply_number(store_reply_at(reply, 0)), 0);
		store_reply_free(reply);
	}
}

/* Former ones while entries are left there. */
static void test_former(void **state)
{
	split(1, 3);
	add("r", "whole");
	add("r.0", "now");
	add("r.2", "former");
	join(0, NULL, 0);
	assert_string_equal(read_all(9), "whole@r! now@r.0 former@r.2 ");
	assert_int_equal(redis_number(&redis, "EXISTS hg:{r.1}:events"), 0);
}

static void test_only(void **state)
{
	static const unsigned two[] = { 2, 0, 2 }, none[] = { 3 };
	struct reason reason = { "" };
	bool any;
	split(3, 0);
	add("r.0", "a");
	add("r.1", "b");
	add("r.2", "c");
	join(0, two, 3);
	assert_string_equal(read_all(9), "c@r.2 a@r.0 ");
	join(0, none, 1);
	assert_int_equal(consume_members_read(members, 1, 0, &any, &reason), -EINVAL);
	assert_string_equal(reason.text, "the route has no partition 3: it has 3");
}

/* What the configuration says, where Redis does not let us ask; and nothing where nobody could say what it means. */
static void test_layout_that_is_not_told(void **state)
{
	struct reason reason = { "" };
	bool any;
	split(3, 0);
	add("r.1", "b");
	redis_do(&redis, "ACL SETUSER default -get");
	join(2, NULL, 0);
	assert_string_equal(read_all(9), "b@r.1 ");
	assert_int_equal(redis_number(&redis, "EXISTS hg:{r.2}:events"), 0);
	redis_do(&redis, "ACL SETUSER default +get");
	redis_do(&redis, "SET hg:{r}:partitions of-another-version");
	join(2, NULL, 0);
	assert_int_equal(consume_members_read(members, 1, 0, &any, &reason), -EINVAL);
	assert_non_null(strstr(reason.text, "this version does not know"));
	redis_kill(&redis);
	join(2, NULL, 0);
	assert_int_equal(consume_members_read(members, 1, 0, &any, &reason), -EIO);
}

/* Who waits, waits at one after the other, and finds what comes to any. */
static void test_waiting(void **state)
{
	struct reason reason;
	bool any = true;
	split(3, 0);
	join(0, NULL, 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(consume_members_read(members, 8, 30, &any, &reason), 0);
		assert_false(any);
	}
	add("r.2", "c");
	assert_int_equal(consume_members_read(members, 8, 30, &any, &reason), 0);
	assert_true(any);
}

static void test_leaving(void **state)
{
	struct reason reason;
	bool any;
	split(2, 0);
	add("r.0", "a");
	add("r.1", "b");
	join(0, NULL, 0);
	assert_string_equal(read_all(1), "a@r.0 ");
	/* This one is not acknowledged: others find its name beside it. */
	assert_int_equal(consume_members_read(members, 1, 0, &any, &reason), 0);
	assert_true(any);
	assert_int_equal(consume_members_leave(members, &reason), 0);
	for (unsigned i = 0; i < 2; i++) {
		char line[64];
		struct store_reply *reply;
		snprintf(line, sizeof line, "XINFO CONSUMERS hg:{r.%u}:events g", i);
		reply = redis_ask(&redis, line);
		assert_int_equal(store_reply_count(reply), i);
		store_reply_free(reply);
	}
}

/* However long it takes to try again what fails each time, and what has been lying for long is the same: what is new has its turn. */
static void test_what_fails_is_not_all(void **state)
{
	struct consume_event event = { .field_count = 0 };
	struct reason reason;
	int reads = 0;
	for (int i = 0; i < 3; i++)
		add("r", "bad");
	min_idle_ms = 1000;
	join(0, NULL, 0);
	for (bool good = false; !good; reads++) {
		enum consume_entry kind;
		bool any = false;
		assert_in_range(reads, 0, 30);
		assert_int_equal(consume_members_read(members, 1, 1000, &any, &reason), 0);
		if (!any)
			continue;
		assert_true(consume_members_next(members, &kind, &event));
		good = slice_eq(consume_event_field(&event, SLICE("id")), SLICE("good"));
		if (good)
			continue;
		/* As long as a command that fails in the end: all of them take longer than they are put off. */
		usleep(550 * 1000);
		consume_members_failed(members);
		if (reads == 2)
			add("r", "good");
	}
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(test_not_split),
		CASE(test_in_turn),
		CASE(test_former),
		CASE(test_only),
		CASE(test_layout_that_is_not_told),
		CASE(test_waiting),
		CASE(test_leaving),
		CASE(test_what_fails_is_not_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
