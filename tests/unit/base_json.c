/* Unit tests of base/json. */
#include "base/json.h"

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

/* Finds one value; the text stands in memory of just its size, so that AddressSanitizer sees any look behind it. */
static enum json_result find_one(struct slice text, const char *pointer_text, struct json_value *value)
{
	struct json_pointer *pointer = json_pointer_parse(slice_str(pointer_text));
	assert_non_null(pointer);
	unsigned char *copy = malloc(text.n > 0 ? text.n : 1);
	assert_non_null(copy);
	if (text.n > 0)
		memcpy(copy, text.p, text.n);
	enum json_result result =
		json_find(slice_of(copy, text.n), (const struct json_pointer *const[]){ pointer }, 1, value);
	/* Where it stands in the caller's text. */
	if (result == JSON_OK && value->type != JSON_NONE)
		value->raw.p = text.p + (value->raw.p - copy);
	free(copy);
	json_pointer_free(pointer);
	return result;
}

static void finds_values(void **state)
{
	static const struct {
		struct slice text;
		const char *pointer;
		enum json_type type;
		const char *raw;
	} cases[] = {
		{ SLICE_LIT("{\"a\":1}"), "/a", JSON_NUMBER, "1" },
		{ SLICE_LIT(" \t\r\n{ \"a\" : 1 } "), "/a", JSON_NUMBER, "1" },
		{ SLICE_LIT("{\"a\":{\"b\":[1,{\"c\":true}]}}"), "/a/b/1/c", JSON_BOOL, "true" },
		{ SLICE_LIT("{\"a\":{\"b\":[1,{\"c\":true}]}}"), "/a/b", JSON_ARRAY, "[1,{\"c\":true}]" },
		{ SLICE_LIT("{\"a\":{\"b\":[1,{\"c\":true}]}}"), "", JSON_OBJECT, "{\"a\":{\"b\":[1,{\"c\":true}]}}" },
		{ SLICE_LIT("[null,false,-0.5e+3,\"x\",{},[]]"), "/0", JSON_NULL, "null" },
		{ SLICE_LIT("[null,false,-0.5e+3,\"x\",{},[]]"), "/1", JSON_BOOL, "false" },
		{ SLICE_LIT("[null,false,-0.5e+3,\"x\",{},[]]"), "/2", JSON_NUMBER, "-0.5e+3" },
		{ SLICE_LIT("[null,false,-0.5e+3,\"x\",{},[]]"), "/3", JSON_STRING, "\"x\"" },
		{ SLICE_LIT("[null,false,-0.5e+3,\"x\",{},[]]"), "/4", JSON_OBJECT, "{}" },
		{ SLICE_LIT("[null,false,-0.5e+3,\"x\",{},[]]"), "/5", JSON_ARRAY, "[]" },
		{ SLICE_LIT("[null,false,-0.5e+3,\"x\",{},[]]"), "/6", JSON_NONE, "" },
		{ SLICE_LIT("\"top\""), "", JSON_STRING, "\"top\"" },
		{ SLICE_LIT("17"), "", JSON_NUMBER, "17" },
		{ SLICE_LIT("17"), "/a", JSON_NONE, "" },
		{ SLICE_LIT("{}"), "/a", JSON_NONE, "" },
		{ SLICE_LIT("[]"), "/0", JSON_NONE, "" },
		/* Numbers name elements of arrays, and members of objects; "01" and "-" only members. */
		{ SLICE_LIT("{\"0\":\"m\"}"), "/0", JSON_STRING, "\"m\"" },
		{ SLICE_LIT("[1,2]"), "/01", JSON_NONE, "" },
		{ SLICE_LIT("[1,2]"), "/-", JSON_NONE, "" },
		{ SLICE_LIT("[1,2]"), "/18446744073709551617", JSON_NONE, "" },
		{ SLICE_LIT("{\"01\":3}"), "/01", JSON_NUMBER, "3" },
		/* The empty name, and names that need escapes in a pointer. */
		{ SLICE_LIT("{\"\":5}"), "/", JSON_NUMBER, "5" },
		{ SLICE_LIT("{\"a/b\":6,\"m~n\":7,\"~1\":8}"), "/a~1b", JSON_NUMBER, "6" },
		{ SLICE_LIT("{\"a/b\":6,\"m~n\":7,\"~1\":8}"), "/m~0n", JSON_NUMBER, "7" },
		{ SLICE_LIT("{\"a/b\":6,\"m~n\":7,\"~1\":8}"), "/~01", JSON_NUMBER, "8" },
		/* Of equal names the first counts, even where the path ends in it. */
		{ SLICE_LIT("{\"a\":1,\"a\":2}"), "/a", JSON_NUMBER, "1" },
		{ SLICE_LIT("{\"a\":1,\"a\":{\"b\":2}}"), "/a/b", JSON_NONE, "" },
		{ SLICE_LIT("{\"a\":{\"c\":1},\"a\":{\"b\":2}}"), "/a/b", JSON_NONE, "" },
		{ SLICE_LIT("{\"x\":{\"a\":1},\"a\":2}"), "/a", JSON_NUMBER, "2" },
		/* Names with escapes are what they mean. */
		{ SLICE_LIT("{\"\\u0069d\":1,\"id\":2}"), "/id", JSON_NUMBER, "1" },
		{ SLICE_LIT("{\"\\/\\\"\\\\\\n\":1}"), "/~1\"\\\n", JSON_NUMBER, "1" },
		{ SLICE_LIT("{\"\\ud83d\\ude00\":1}"), "/\xf0\x9f\x98\x80", JSON_NUMBER, "1" },
		{ SLICE_LIT("{\"\\u0069dx\":1,\"\\u0069\":2,\"id\":3}"), "/id", JSON_NUMBER, "3" },
		{ SLICE_LIT("{\"\\ud83d\":1,\"a\":2}"), "/a", JSON_NUMBER, "2" },
		/* What looks like structure within strings. */
		{ SLICE_LIT("{\"x\":[\"}]\\\"{[\",\"\\\\\"],\"a\":1}"), "/a", JSON_NUMBER, "1" },
		{ SLICE_LIT("{\"x\":{\"a\\\"\":\"\\\\\\\"}\"},\"a\":\"\\\"\"}"), "/a", JSON_STRING, "\"\\\"\"" },
		/* Behind the last value wanted nothing is looked at. */
		{ SLICE_LIT("{\"a\":1,garbage"), "/a", JSON_NUMBER, "1" },
		{ SLICE_LIT("{\"x\":[],\"a\":1,\\"), "/a", JSON_NUMBER, "1" },
		{ SLICE_LIT("{\"a\":[1,2} \x01"), "/a/0", JSON_NUMBER, "1" },
		/* Bytes that are not UTF-8 are not looked at, nor is 0x7f a control character of JSON. */
		{ SLICE_LIT("{\"a\":\"\xff\x80\x7f\"}"), "/a", JSON_STRING, "\"\xff\x80\x7f\"" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct json_value value;
		enum json_result result = find_one(cases[i].text, cases[i].pointer, &value);
		if (result != JSON_OK || value.type != cases[i].type || !slice_eq(value.raw, slice_str(cases[i].raw)))
			fail_msg("%.*s at %s: %d", SLICE_ARGS(cases[i].text), cases[i].pointer, result);
	}
}

/* All with a pointer to what is not there, so that the whole text is seen. */
static void refuses_broken_texts(void **state)
{
	static const struct slice texts[] = {
		{ NULL, 0 },
		SLICE_LIT(" \n"),
		SLICE_LIT("hello"),
		SLICE_LIT("a=b&c=d"),
		SLICE_LIT("<xml/>"),
		SLICE_LIT("\xef\xbb\xbf{}"),
		SLICE_LIT("{"),
		SLICE_LIT("["),
		SLICE_LIT("}"),
		SLICE_LIT("{]"),
		SLICE_LIT("[}"),
		SLICE_LIT("{} x"),
		SLICE_LIT("{}{}"),
		SLICE_LIT("{}\0"),
		SLICE_LIT("1 2"),
		SLICE_LIT("{\"b\""),
		SLICE_LIT("{\"b\":"),
		SLICE_LIT("{\"b\":1"),
		SLICE_LIT("{\"b\":1,"),
		SLICE_LIT("{\"b\":1,}"),
		SLICE_LIT("{,\"b\":1}"),
		SLICE_LIT("{\"b\" 1}"),
		SLICE_LIT("{\"b\"::1}"),
		SLICE_LIT("{b:1}"),
		SLICE_LIT("{'b':1}"),
		SLICE_LIT("{1:1}"),
		SLICE_LIT("{\"b\":1 \"c\":2}"),
		SLICE_LIT("{\"b\":1]"),
		SLICE_LIT("{\"b\":[1}"),
		SLICE_LIT("{\"b\":{\"c\":[}]}"),
		SLICE_LIT("{\"b\":[[[]]}"),
		SLICE_LIT("{\"b\":\"x}"),
		SLICE_LIT("{\"b\":\"x\\\"}"),
		SLICE_LIT("{\"b\":\"x\\"),
		SLICE_LIT("{\"b\":[\"x\\"),
		SLICE_LIT("{\"b\":[\"x\\\"]}"),
		SLICE_LIT("{\"b\":[\"x\n\"]}"),
		SLICE_LIT("{\"b\":[\"\\\n\"]}"),
		SLICE_LIT("{\"b\":\"x\n\"}"),
		SLICE_LIT("{\"b\":\"x\\\n\"}"),
		SLICE_LIT("{\"b\":\"\0\"}"),
		SLICE_LIT("{\"b\n\":1}"),
		SLICE_LIT("{\"b\":[\\\"]}"),
		SLICE_LIT("{\"b\":tru}"),
		SLICE_LIT("{\"b\":truex}"),
		SLICE_LIT("{\"b\":True}"),
		SLICE_LIT("{\"b\":nul"),
		SLICE_LIT("{\"b\":01}"),
		SLICE_LIT("{\"b\":-}"),
		SLICE_LIT("{\"b\":+1}"),
		SLICE_LIT("{\"b\":.5}"),
		SLICE_LIT("{\"b\":1.}"),
		SLICE_LIT("{\"b\":1e}"),
		SLICE_LIT("{\"b\":1e+}"),
		SLICE_LIT("{\"b\":0x1}"),
		SLICE_LIT("{\"b\":12a}"),
		SLICE_LIT("{\"b\":1\0}"),
		SLICE_LIT("{\"b\":NaN}"),
		SLICE_LIT("{\"b\":}"),
	};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct json_value value = { .type = JSON_BOOL };
		enum json_result result = find_one(texts[i], "/absent/deep", &value);
		if (result != JSON_BROKEN)
			fail_msg("%.*s: %d", SLICE_ARGS(texts[i]), result);
		assert_int_equal(value.type, JSON_BOOL);
	}
}

static void refuses_each_prefix_of_a_text(void **state)
{
	static const char text[] = "{\"a\":[1,\"x\\u00e9\\\"\",{\"b\":null}],\"c\":{\"d\":[[],{}]},\"e\":-1.5e3}";
	struct json_value value;
	for (size_t n = 0; n < sizeof text - 1; n++)
		assert_int_equal(find_one(slice_of(text, n), "/absent", &value), JSON_BROKEN);
	assert_int_equal(find_one(slice_of(text, sizeof text - 1), "/absent", &value), JSON_OK);
	assert_int_equal(value.type, JSON_NONE);
}

static void limits_the_depth(void **state)
{
	char text[600];
	struct json_value value;
	for (size_t depth = 127; depth <= 130; depth++) {
		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		struct slice nested = slice_of(text, 2 * depth);
		assert_int_equal(find_one(nested, "", &value), depth <= 128 ? JSON_OK : JSON_DEEP);
		assert_int_equal(find_one(nested, "/1", &value), depth <= 128 ? JSON_OK : JSON_DEEP);
		assert_int_equal(find_one(nested, "/0/0/0/7", &value), depth <= 128 ? JSON_OK : JSON_DEEP);
	}
}

/* Skipping goes in blocks, so all that may go wrong at their borders is tried at each offset. */
static void skips_alike_at_every_offset(void **state)
{
	static const struct {
		struct slice inner;
		enum json_result result;
	} cases[] = {
		{ SLICE_LIT("\"\""), JSON_OK },
		{ SLICE_LIT("\"\\\\\""), JSON_OK },
		{ SLICE_LIT("\"\\\"]\\\\\\\"}\""), JSON_OK },
		{ SLICE_LIT("\"\\\\\\\\\\\\\\\\\\\\\\\"[\",\"]\""), JSON_OK },
		{ SLICE_LIT("{\"[\":[\"{\"]},\"\\u005d\""), JSON_OK },
		{ SLICE_LIT("\"0123456789012345678901234567890123456789012345678901234567890123456789]\""), JSON_OK },
		{ SLICE_LIT("\"\\\\\\\""), JSON_BROKEN },
		{ SLICE_LIT("\"\x1f\""), JSON_BROKEN },
		{ SLICE_LIT("\"\\\x1f\""), JSON_BROKEN },
		{ SLICE_LIT("[\"]\"}"), JSON_BROKEN },
		{ SLICE_LIT("\\"), JSON_BROKEN },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		for (size_t before = 0; before < 140; before++) {
			for (size_t after = 0; after < 3; after++) {
				struct buf text = BUF_EMPTY;
				struct json_value value;
				buf_add_str(&text, "{\"x\":[");
				for (size_t n = 0; n < before; n++)
					buf_add_byte(&text, ' ');
				buf_add(&text, cases[i].inner);
				buf_add_str(&text, "],\"a\":true");
				for (size_t n = 0; n < after * 40; n++)
					buf_add_byte(&text, ' ');
				buf_add_byte(&text, '}');
				enum json_result result = find_one(buf_slice(&text), "/a", &value);
				if (result != cases[i].result || (result == JSON_OK && value.type != JSON_BOOL))
					fail_msg("%.*s: %d", SLICE_ARGS(buf_slice(&text)), result);
				buf_free(&text);
			}
		}
	}
}

/* Strings that are walked, not skipped: all lengths, with the thing to see at each place. */
static void reads_strings_of_every_length(void **state)
{
	for (size_t n = 0; n < 70; n++) {
		for (size_t at = 0; at <= n; at++) {
			struct buf text = BUF_EMPTY;
			struct json_value value;
			buf_add_str(&text, "[\"");
			for (size_t i = 0; i < n; i++)
				buf_add_byte(&text, i == at ? '\\' : i == at + 1 ? '"' : 'x');
			buf_add_str(&text, "\",1]");
			enum json_result result = find_one(buf_slice(&text), "/0", &value);
			if (at == n) {
				assert_int_equal(result, JSON_OK);
				assert_false(value.escaped);
				assert_int_equal(value.raw.n, n + 2);
			} else if (at + 1 < n) {
				assert_int_equal(result, JSON_OK);
				assert_true(value.escaped);
				assert_int_equal(value.raw.n, n + 2);
			} else {
				/* The backslash takes the closing quote, and there is no other. */
				assert_int_equal(result, JSON_BROKEN);
			}
			buf_free(&text);
		}
	}
}

static void finds_many_in_one_walk(void **state)
{
	static const char text[] = "{\"id\":\"evt\",\"data\":{\"object\":{\"id\":\"pi\",\"n\":[10,20,30]},\"x\":1},"
				   "\"type\":\"t\",\"data2\":{}}";
	static const struct {
		const char *pointer, *raw;
	} cases[] = {
		{ "/type", "\"t\"" },
		{ "/id", "\"evt\"" },
		{ "/data/object/id", "\"pi\"" },
		{ "/data/object/n", "[10,20,30]" },
		{ "/data/object/n/1", "20" },
		{ "/data/object/n/9", "" },
		{ "/id", "\"evt\"" },
		{ "/id/deeper", "" },
		{ "/data/x", "1" },
		{ "/data/object/n/0", "10" },
		{ "/data2/none", "" },
		{ "/data2", "{}" },
		{ "/dat", "" },
		{ "/data/object/n/2/z", "" },
		{ "/data/object/n/2", "30" },
		{ "/none", "" },
	};
	enum { COUNT = sizeof cases / sizeof cases[0] };
	struct json_pointer *pointers[COUNT];
	struct json_value values[COUNT];
	for (size_t i = 0; i < COUNT; i++)
		pointers[i] = json_pointer_parse(slice_str(cases[i].pointer));
	assert_int_equal(json_find(slice_str(text), (const struct json_pointer *const *)pointers, COUNT, values),
			 JSON_OK);
	for (size_t i = 0; i < COUNT; i++) {
		assert_true(slice_eq(values[i].raw, slice_str(cases[i].raw)));
		assert_int_equal(values[i].type == JSON_NONE, cases[i].raw[0] == '\0');
		json_pointer_free(pointers[i]);
	}
}

static void stops_when_all_is_found_or_absent(void **state)
{
	static const char text[] = "{\"a\":1,\"b\":{\"c\":2},garbage";
	struct json_pointer *pointers[] = { json_pointer_parse(SLICE("/a/x")), json_pointer_parse(SLICE("/b/c")) };
	struct json_value values[2];
	assert_int_equal(json_find(slice_str(text), (const struct json_pointer *const *)pointers, 2, values), JSON_OK);
	assert_int_equal(values[0].type, JSON_NONE);
	assert_int_equal(values[1].type, JSON_NUMBER);
	json_pointer_free(pointers[0]);
	json_pointer_free(pointers[1]);
}

static void keeps_the_first_while_it_looks_for_others(void **state)
{
	static const char text[] = "{\"a\":1,\"b\":{\"c\":2,\"c\":3},\"a\":4,\"b\":{\"c\":5}}";
	static const char *const texts[] = { "/a", "/b/c", "/none", "/b/none" };
	struct json_pointer *pointers[4];
	struct json_value values[4];
	for (size_t i = 0; i < 4; i++)
		pointers[i] = json_pointer_parse(slice_str(texts[i]));
	assert_int_equal(json_find(slice_str(text), (const struct json_pointer *const *)pointers, 4, values), JSON_OK);
	assert_true(slice_eq(values[0].raw, SLICE("1")));
	assert_true(slice_eq(values[1].raw, SLICE("2")));
	assert_int_equal(values[2].type, JSON_NONE);
	assert_int_equal(values[3].type, JSON_NONE);
	for (size_t i = 0; i < 4; i++)
		json_pointer_free(pointers[i]);
}

static void needs_no_pointers(void **state)
{
	assert_int_equal(json_find(SLICE("{}"), NULL, 0, NULL), JSON_OK);
	assert_int_equal(json_find(SLICE(""), NULL, 0, NULL), JSON_BROKEN);
}

static void parses_pointers(void **state)
{
	static const struct {
		const char *text;
		bool good;
	} cases[] = {
		{ "", true },
		{ "/", true },
		{ "/a/b", true },
		{ "/~0~1", true },
		{ "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16", true },
		{ "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17", false },
		{ "a", false },
		{ "a/b", false },
		{ "/~", false },
		{ "/~2", false },
		{ "/a~/b", false },
		{ "#/a", false },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct json_pointer *pointer = json_pointer_parse(slice_str(cases[i].text));
		if ((pointer != NULL) != cases[i].good)
			fail_msg("\"%s\"", cases[i].text);
		json_pointer_free(pointer);
	}
}

static void gives_the_text_of_values(void **state)
{
	static const struct {
		struct slice raw;
		bool good;
		struct slice text;
	} cases[] = {
		{ SLICE_LIT("\"\""), true, { NULL, 0 } },
		{ SLICE_LIT("\"abc\""), true, SLICE_LIT("abc") },
		{ SLICE_LIT("-1.50"), true, SLICE_LIT("-1.50") },
		{ SLICE_LIT("true"), true, SLICE_LIT("true") },
		{ SLICE_LIT("null"), false, { NULL, 0 } },
		{ SLICE_LIT("{}"), false, { NULL, 0 } },
		{ SLICE_LIT("[\"a\"]"), false, { NULL, 0 } },
		{ SLICE_LIT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), true, SLICE_LIT("\"\\/\b\f\n\r\t") },
		{ SLICE_LIT("\"a\\u0041\\u00e9\\u20AC\\u0000z\""), true, SLICE_LIT("aA\xc3\xa9\xe2\x82\xac\0z") },
		{ SLICE_LIT("\"\\u007f\\u0080\\u07ff\\u0800\\uffff\""), true,
		  SLICE_LIT("\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf") },
		{ SLICE_LIT("\"\\ud800\\udc00\\uDBFF\\uDFFF\""), true, SLICE_LIT("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf") },
		{ SLICE_LIT("\"\\ud800\""), false, { NULL, 0 } },
		{ SLICE_LIT("\"\\ud800x\""), false, { NULL, 0 } },
		{ SLICE_LIT("\"\\ud800\\n\""), false, { NULL, 0 } },
		{ SLICE_LIT("\"\\ud800\\ud800\""), false, { NULL, 0 } },
		{ SLICE_LIT("\"\\udc00\""), false, { NULL, 0 } },
		{ SLICE_LIT("\"\\udc00\\ud800\""), false, { NULL, 0 } },
		{ SLICE_LIT("\"\\u12\""), false, { NULL, 0 } },
		{ SLICE_LIT("\"\\u12g4\""), false, { NULL, 0 } },
		{ SLICE_LIT("\"\\u+123\""), false, { NULL, 0 } },
		{ SLICE_LIT("\"\\x41\""), false, { NULL, 0 } },
		{ SLICE_LIT("\"\\N\""), false, { NULL, 0 } },
	};
	struct arena *arena = arena_new(256, 4096);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct json_value value;
		struct slice text = SLICE("poison");
		assert_int_equal(find_one(cases[i].raw, "", &value), JSON_OK);
		bool good = json_text(&value, arena, &text);
		if (good != cases[i].good || !slice_eq(text, good ? cases[i].text : SLICE("poison")))
			fail_msg("%.*s: %d %.*s", SLICE_ARGS(cases[i].raw), good, SLICE_ARGS(text));
	}
	struct json_value none = { .type = JSON_NONE };
	struct slice text = SLICE("poison");
	assert_false(json_text(&none, arena, &text));
	arena_free(arena);
}

static void borrows_text_where_it_can(void **state)
{
	struct arena *arena = arena_new(256, 4);
	struct slice raw = SLICE("\"long enough\"");
	struct json_value value;
	struct slice text;
	assert_int_equal(find_one(raw, "", &value), JSON_OK);
	assert_true(json_text(&value, arena, &text));
	assert_ptr_equal(text.p, raw.p + 1);
	assert_int_equal(arena_used(arena), 0);

	assert_int_equal(find_one(SLICE("\"too \\n long\""), "", &value), JSON_OK);
	assert_false(json_text(&value, arena, &text));
	assert_true(arena_failed(arena));
	arena_free(arena);
}

static void writes_strings(void **state)
{
#define BAD "\xef\xbf\xbd"
	static const struct {
		struct slice in;
		const char *out;
	} cases[] = {
		{ { NULL, 0 }, "\"\"" },
		{ SLICE_LIT("abc"), "\"abc\"" },
		{ SLICE_LIT("0123456789abcdef0123456789abcdef\"0123456789abcdef\\"),
		  "\"0123456789abcdef0123456789abcdef\\\"0123456789abcdef\\\\\"" },
		{ SLICE_LIT("a/b"), "\"a/b\"" },
		{ SLICE_LIT("\0\n\t\x1f\x7f"), "\"\\u0000\\u000a\\u0009\\u001f\\u007f\"" },
		{ SLICE_LIT("\xc2\x80\xc2\x9f\xc2\xa0"), "\"\\u0080\\u009f\xc2\xa0\"" },
		{ SLICE_LIT("\xe2\x80\xa7\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xae\xe2\x80\xaf"),
		  "\"\xe2\x80\xa7\\u2028\\u2029\\u202e\xe2\x80\xaf\"" },
		{ SLICE_LIT("\xe2\x81\xa5\xe2\x81\xa6\xe2\x81\xa9\xe2\x81\xaa"),
		  "\"\xe2\x81\xa5\\u2066\\u2069\xe2\x81\xaa\"" },
		{ SLICE_LIT("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"" },
		{ SLICE_LIT("\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf"),
		  "\"\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf\"" },
		/* A tail alone, too long a form, a surrogate, above U+10FFFF, what was cut off. */
		{ SLICE_LIT("\x80"), "\"" BAD "\"" },
		{ SLICE_LIT("\xc0\xaf"), "\"" BAD BAD "\"" },
		{ SLICE_LIT("\xc1\xbf"), "\"" BAD BAD "\"" },
		{ SLICE_LIT("\xe0\x9f\xbf"), "\"" BAD BAD BAD "\"" },
		{ SLICE_LIT("\xf0\x8f\xbf\xbf"), "\"" BAD BAD BAD BAD "\"" },
		{ SLICE_LIT("\xed\xa0\x80"), "\"" BAD BAD BAD "\"" },
		{ SLICE_LIT("\xf4\x90\x80\x80"), "\"" BAD BAD BAD BAD "\"" },
		{ SLICE_LIT("\xf5\x80\x80\x80"), "\"" BAD BAD BAD BAD "\"" },
		{ SLICE_LIT("\xc3"), "\"" BAD "\"" },
		{ SLICE_LIT("\xe2\x82"), "\"" BAD BAD "\"" },
		{ SLICE_LIT("\xf0\x9f\x98"), "\"" BAD BAD BAD "\"" },
		{ SLICE_LIT("\xc3\""), "\"" BAD "\\\"\"" },
		{ SLICE_LIT("\xe2\x82z"), "\"" BAD BAD "z\"" },
		{ SLICE_LIT("\xff"), "\"" BAD "\"" },
	};
#undef BAD
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf out = BUF_EMPTY;
		json_write_string(&out, cases[i].in);
		if (!slice_eq(buf_slice(&out), slice_str(cases[i].out)))
			fail_msg("case %zu: %.*s", i, SLICE_ARGS(buf_slice(&out)));
		buf_free(&out);
	}
}

static void reads_back_what_it_wrote(void **state)
{
	struct arena *arena = arena_new(4096, 1 << 20);
	unsigned char ascii[128 + 64];
	for (size_t i = 0; i < sizeof ascii; i++)
		ascii[i] = (unsigned char)((i * 37 + 5) % 128);
	for (size_t n = 0; n <= sizeof ascii; n++) {
		struct buf written = BUF_EMPTY;
		struct json_value value;
		struct slice text;
		struct slice in = slice_of(ascii + sizeof ascii - n, n);
		json_write_string(&written, in);
		assert_int_equal(find_one(buf_slice(&written), "", &value), JSON_OK);
		assert_true(json_text(&value, arena, &text));
		assert_true(slice_eq(text, in));
		buf_free(&written);
	}
	arena_free(arena);
}

/* What json_find() finds first, another program may find last, or under a name in other letters. */
static void finds_what_stands_there_once(void **state)
{
	static const struct {
		const char *text, *pointer, *raw; /* NULL: broken; "": not there */
	} cases[] = {
		{ "{\"a\":1,\"b\":2}", "/a", "1" },
		{ "{\"a\":1,\"b\":2}", "/c", "" },
		{ "{\"a\":1,\"a\":2}", "/a", NULL },
		{ "{\"a\":1,\"a\":1}", "/a", NULL },
		{ "{\"a\":1,\"A\":2}", "/a", NULL },
		{ "{\"A\":1,\"a\":2}", "/a", NULL },
		{ "{\"a\":1,\"\\u0061\":2}", "/a", NULL },
		{ "{\"a\":1,\"\\u0041\":2}", "/a", NULL },
		{ "{\"a\":1,\"\\u0041b\":2,\"ab\":3}", "/a", "1" },
		/* Only names on the way count. */
		{ "{\"b\":1,\"a\":{\"a\":1},\"b\":{\"a\":1}}", "/a/a", "1" },
		{ "{\"a\":{\"b\":1},\"a\":{}}", "/a/b", NULL },
		{ "{\"a\":{\"b\":1,\"c\":[],\"B\":0}}", "/a/b", NULL },
		{ "{\"a\":1,\"a\":{\"b\":1}}", "/a/b", NULL },
		{ "{\"a\":{\"b\":1}}", "/A", "" },
		{ "[{\"a\":1},{\"a\":1}]", "/1/a", "1" },
		{ "[{\"a\":1},{\"a\":1,\"a\":2}]", "/1/a", NULL },
		/* All of an object that is walked must be JSON, of an array only what comes before. */
		{ "{\"a\":1,\"b\":", "/a", NULL },
		{ "{\"a\":1}x", "/a", NULL },
		{ "[1,2", "/0", "1" },
		{ "[[1,2],{\"a\"", "/0/1", "2" },
		{ "{\"a\":[1,2", "/a/0", NULL },
		{ "{\"a\":[{\"b\":1}],\"c\":{\"a\":1}}", "/a/0/b", "1" },
		{ "{\"a\":1,\"a\":2}", "", "{\"a\":1,\"a\":2}" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct slice text = slice_str(cases[i].text);
		struct json_pointer *pointer = json_pointer_parse(slice_str(cases[i].pointer));
		struct json_value value;
		enum json_result result =
			json_find_once(text, (const struct json_pointer *const[]){ pointer }, 1, &value);
		json_pointer_free(pointer);
		if ((result == JSON_OK) != (cases[i].raw != NULL))
			fail_msg("%s in %s: %d", cases[i].pointer, cases[i].text, result);
		if (cases[i].raw && !slice_eq(value.raw, slice_str(cases[i].raw)))
			fail_msg("%s in %s: %.*s", cases[i].pointer, cases[i].text, SLICE_ARGS(value.raw));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_stands_there_once),
		cmocka_unit_test(finds_values),
		cmocka_unit_test(refuses_broken_texts),
		cmocka_unit_test(refuses_each_prefix_of_a_text),
		cmocka_unit_test(limits_the_depth),
		cmocka_unit_test(skips_alike_at_every_offset),
		cmocka_unit_test(reads_strings_of_every_length),
		cmocka_unit_test(finds_many_in_one_walk),
		cmocka_unit_test(stops_when_all_is_found_or_absent),
		cmocka_unit_test(keeps_the_first_while_it_looks_for_others),
		cmocka_unit_test(needs_no_pointers),
		cmocka_unit_test(parses_pointers),
		cmocka_unit_test(gives_the_text_of_values),
		cmocka_unit_test(borrows_text_where_it_can),
		cmocka_unit_test(writes_strings),
		cmocka_unit_test(reads_back_what_it_wrote),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
