/* consume_event.c - entries as Redis sends them, and as lines of JSON. */
#include "consume/event.h"

#include <hiredis/hiredis.h>
#include <stdio.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

/* A reply as it comes over the wire; a store_reply is a redisReply by another name. */
static struct store_reply *reply_of(struct slice wire)
{
	redisReader *reader = redisReaderCreate();
	void *reply = NULL;
	assert_non_null(reader);
	assert_int_equal(redisReaderFeed(reader, (const char *)wire.p, wire.n), REDIS_OK);
	assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
	assert_non_null(reply);
	redisReaderFree(reader);
	return reply;
}

static void reads_what_redis_sends(void **state)
{
	static const struct {
		struct slice wire;
		enum consume_entry kind;
		size_t fields;
	} cases[] = {
		{ SLICE_LIT("*2\r\n$3\r\n1-0\r\n*4\r\n$2\r\nid\r\n$1\r\na\r\n$4\r\ndata\r\n$0\r\n\r\n"),
		  CONSUME_ENTRY_EVENT, 2 },
		{ SLICE_LIT("*2\r\n$3\r\n1-0\r\n*0\r\n"), CONSUME_ENTRY_EVENT, 0 },
		/* A name without a value, and values of other types. */
		{ SLICE_LIT("*2\r\n$3\r\n1-0\r\n*3\r\n$2\r\nid\r\n$1\r\na\r\n$4\r\ndata\r\n"), CONSUME_ENTRY_EVENT, 1 },
		{ SLICE_LIT("*2\r\n$3\r\n1-0\r\n*4\r\n$2\r\nid\r\n:7\r\n$1\r\na\r\n$1\r\nb\r\n"), CONSUME_ENTRY_EVENT,
		  1 },
		/* Deleted, as XREADGROUP shows it. */
		{ SLICE_LIT("*2\r\n$3\r\n1-0\r\n*-1\r\n"), CONSUME_ENTRY_DELETED, 0 },
		{ SLICE_LIT("*2\r\n$3\r\n1-0\r\n$-1\r\n"), CONSUME_ENTRY_DELETED, 0 },
		{ SLICE_LIT("*1\r\n$3\r\n1-0\r\n"), CONSUME_ENTRY_DELETED, 0 },
		/* Deleted, as XAUTOCLAIM of Redis 6.2 shows it; and shapes that no Redis sends. */
		{ SLICE_LIT("*-1\r\n"), CONSUME_ENTRY_NONE, 0 },
		{ SLICE_LIT("$-1\r\n"), CONSUME_ENTRY_NONE, 0 },
		{ SLICE_LIT("*0\r\n"), CONSUME_ENTRY_NONE, 0 },
		{ SLICE_LIT(":5\r\n"), CONSUME_ENTRY_NONE, 0 },
		{ SLICE_LIT("$3\r\n1-0\r\n"), CONSUME_ENTRY_NONE, 0 },
		{ SLICE_LIT("*2\r\n:5\r\n*0\r\n"), CONSUME_ENTRY_NONE, 0 },
		{ SLICE_LIT("*2\r\n*0\r\n*0\r\n"), CONSUME_ENTRY_NONE, 0 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct store_reply *reply = reply_of(cases[i].wire);
		struct consume_event event = { .field_count = 0 };
		enum consume_entry kind = consume_event_read(reply, &event);
		if (kind != cases[i].kind || event.field_count != cases[i].fields)
			fail_msg("case %zu: kind %d, %zu fields", i, (int)kind, event.field_count);
		if (kind != CONSUME_ENTRY_NONE)
			assert_true(slice_eq(event.entry, SLICE("1-0")));
		store_reply_free(reply);
	}
}

/* More fields than there is room for. */
static void reads_so_many_fields(void **state)
{
	struct buf wire = BUF_EMPTY;
	struct consume_event event;
	buf_add_str(&wire, "*2\r\n$3\r\n1-0\r\n*400\r\n");
	for (int i = 0; i < 200; i++)
		buf_printf(&wire, "$4\r\nn%03d\r\n$4\r\nv%03d\r\n", i, i);
	struct store_reply *reply = reply_of(buf_slice(&wire));
	assert_int_equal(consume_event_read(reply, &event), CONSUME_ENTRY_EVENT);
	assert_int_equal(event.field_count, CONSUME_FIELDS_MAX);
	assert_true(slice_eq(consume_event_field(&event, SLICE("n063")), SLICE("v063")));
	assert_int_equal(consume_event_field(&event, SLICE("n064")).n, 0);
	store_reply_free(reply);
	buf_free(&wire);
}

struct line_case {
	struct consume_field fields[4];
	size_t count;
	const char *line;
};

#define FIELD(name, value)                                                                                             \
	{                                                                                                              \
		SLICE_LIT(name), SLICE_LIT(value)                                                                      \
	}

static void writes_lines(void **state)
{
	static const struct line_case cases[] = {
		{ { FIELD("id", "evt_1"), FIELD("type", "") },
		  2,
		  "{\"entry\":\"7-1\",\"id\":\"evt_1\",\"type\":\"\"}\n" },
		{ { { { NULL, 0 }, { NULL, 0 } } }, 0, "{\"entry\":\"7-1\"}\n" },
		/* The body: text stays text, with what JSON must escape escaped. */
		{ { FIELD("data", "{\"a\":1}\n") }, 1, "{\"entry\":\"7-1\",\"data\":\"{\\\"a\\\":1}\\u000a\"}\n" },
		{ { FIELD("data", "") }, 1, "{\"entry\":\"7-1\",\"data\":\"\"}\n" },
		{ { FIELD("data", "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80") },
		  1,
		  "{\"entry\":\"7-1\",\"data\":\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80\"}\n" },
		{ { FIELD("data", "a\0b") }, 1, "{\"entry\":\"7-1\",\"data\":\"a\\u0000b\"}\n" },
		/* What is not UTF-8: too long a form, a surrogate, above U+10FFFF, cut off, a lone tail. */
		{ { FIELD("data", "\xff") }, 1, "{\"entry\":\"7-1\",\"data_base64\":\"/w==\"}\n" },
		{ { FIELD("data", "a\xc0\x80") }, 1, "{\"entry\":\"7-1\",\"data_base64\":\"YcCA\"}\n" },
		{ { FIELD("data", "\xed\xa0\x80") }, 1, "{\"entry\":\"7-1\",\"data_base64\":\"7aCA\"}\n" },
		{ { FIELD("data", "\xf4\x90\x80\x80") }, 1, "{\"entry\":\"7-1\",\"data_base64\":\"9JCAgA==\"}\n" },
		{ { FIELD("data", "\xf5\x80\x80\x80") }, 1, "{\"entry\":\"7-1\",\"data_base64\":\"9YCAgA==\"}\n" },
		{ { FIELD("data", "ab\xe2\x82") }, 1, "{\"entry\":\"7-1\",\"data_base64\":\"YWLigg==\"}\n" },
		{ { FIELD("data", "\x80") }, 1, "{\"entry\":\"7-1\",\"data_base64\":\"gA==\"}\n" },
		/* Only the body has a base64 form; other fields keep what can be kept. */
		{ { FIELD("type", "\xff") }, 1, "{\"entry\":\"7-1\",\"type\":\"\xef\xbf\xbd\"}\n" },
		{ { FIELD("a\"b", "c") }, 1, "{\"entry\":\"7-1\",\"a\\\"b\":\"c\"}\n" },
		/* A member never stands twice. */
		{ { FIELD("id", "1"), FIELD("id", "2") }, 2, "{\"entry\":\"7-1\",\"id\":\"1\"}\n" },
		{ { FIELD("entry", "x"), FIELD("data_base64", "y"), FIELD("id", "1") },
		  3,
		  "{\"entry\":\"7-1\",\"id\":\"1\"}\n" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct consume_event event = { .entry = SLICE("7-1"), .field_count = cases[i].count };
		struct buf out = BUF_EMPTY;
		memcpy(event.fields, cases[i].fields, sizeof cases[i].fields);
		consume_event_json(&event, &out);
		assert_false(buf_failed(&out));
		if (!slice_eq(buf_slice(&out), slice_str(cases[i].line)))
			fail_msg("case %zu: %.*s", i, SLICE_ARGS(buf_slice(&out)));
		buf_free(&out);
	}
}

/* Of a partition's, and then a field of that name in somebody else's entry is not taken for it. */
static void says_which_stream(void **state)
{
	struct consume_event event = { .entry = SLICE("7-1"),
				       .stream = SLICE("p:{r.2}:events"),
				       .fields = { FIELD("stream", "x"), FIELD("id", "1") },
				       .field_count = 2 };
	struct buf out = BUF_EMPTY;
	consume_event_json(&event, &out);
	assert_true(slice_eq(buf_slice(&out), SLICE("{\"entry\":\"7-1\",\"stream\":\"x\",\"id\":\"1\"}\n")));
	buf_clear(&out);
	event.split = true;
	consume_event_json(&event, &out);
	assert_true(
		slice_eq(buf_slice(&out), SLICE("{\"entry\":\"7-1\",\"stream\":\"p:{r.2}:events\",\"id\":\"1\"}\n")));
	buf_free(&out);
}

/* Headers stand as an object only where they are one of the shape that the gateway writes. */
static void checks_headers(void **state)
{
	static const struct {
		struct slice headers;
		bool as_it_is;
	} cases[] = {
		{ SLICE_LIT("{}"), true },
		{ SLICE_LIT("{\"host\":\"a\"}"), true },
		{ SLICE_LIT("{\"host\": \"a\", \"x\": [\"1\", \"2\"]} "), true },
		{ SLICE_LIT("{\"x\":[]}"), true },
		{ SLICE_LIT("{\"x\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"}"), true },
		{ SLICE_LIT("{\"x\":\"\xc3\xa9\"}"), true },
		{ SLICE_LIT(""), false },
		{ SLICE_LIT("{"), false },
		{ SLICE_LIT("}"), false },
		{ SLICE_LIT("[]"), false },
		{ SLICE_LIT("null"), false },
		{ SLICE_LIT("{\"x\"}"), false },
		{ SLICE_LIT("{\"x\":}"), false },
		{ SLICE_LIT("{\"x\":1}"), false },
		{ SLICE_LIT("{\"x\":{\"y\":\"z\"}}"), false },
		{ SLICE_LIT("{\"x\":[[\"y\"]]}"), false },
		{ SLICE_LIT("{\"x\":\"y\",}"), false },
		{ SLICE_LIT("{\"x\":[\"y\",]}"), false },
		{ SLICE_LIT("{\"x\":[\"y\"}"), false },
		{ SLICE_LIT("{\"x\":\"y\"}}"), false },
		{ SLICE_LIT("{\"x\":\"y\"} {}"), false },
		{ SLICE_LIT("{\"x\":\"y"), false },
		{ SLICE_LIT("{\"x\":\"\\"), false },
		{ SLICE_LIT("{\"x\":\"\\x\"}"), false },
		{ SLICE_LIT("{\"x\":\"\\u12g4\"}"), false },
		{ SLICE_LIT("{\"x\":\"\\u12"), false },
		{ SLICE_LIT("{\"x\":\"\xff\"}"), false },
		{ SLICE_LIT("{\"x\":\"\xc3"), false },
		/* A line must stay a line. */
		{ SLICE_LIT("{\"x\":\"\n\"}"), false },
		{ SLICE_LIT("{\n\"x\":\"y\"}"), false },
		{ SLICE_LIT("{\"x\":\"a\0b\"}"), false },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct consume_event event = { .entry = SLICE("7-1"),
					       .fields = { { SLICE("headers"), cases[i].headers } },
					       .field_count = 1 };
		struct buf out = BUF_EMPTY;
		consume_event_json(&event, &out);
		struct slice value = slice_from(buf_slice(&out), strlen("{\"entry\":\"7-1\",\"headers\":"));
		if (value.n == 0 || (value.p[0] != '"') != cases[i].as_it_is)
			fail_msg("case %zu: %.*s", i, SLICE_ARGS(buf_slice(&out)));
		if (cases[i].as_it_is)
			assert_true(slice_starts(value, cases[i].headers));
		assert_int_equal(slice_index(buf_slice(&out), '\n'), out.n - 1);
		buf_free(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_redis_sends), cmocka_unit_test(reads_so_many_fields),
		cmocka_unit_test(writes_lines),		  cmocka_unit_test(says_which_stream),
		cmocka_unit_test(checks_headers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
