/* json.h - what we need of JSON: finding a few values in a body without building a tree, and writing.
 *
 * The special difficulty: the body is up to megabytes of a stranger's bytes, and we want two short values of it in
 * microseconds. json_find() walks the text once, skips what it does not want, copies nothing and stops at the last
 * value wanted. It is not a validator: what stands behind the last wanted value is not looked at, and what is skipped
 * is only checked as far as is needed to know where it ends. */
#ifndef HOOKGATE_BASE_JSON_H
#define HOOKGATE_BASE_JSON_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"

enum json_type { JSON_NONE, JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_OBJECT, JSON_ARRAY };

/* A JSON pointer (RFC 6901), compiled: its reference tokens, unescaped. Immutable after json_pointer_parse. */
struct json_pointer;

/* Compiles "/a/b/0" ("" is the whole document). At most 16 tokens. NULL when it is not a pointer or memory is short. */
struct json_pointer *json_pointer_parse(struct slice text);
void json_pointer_free(struct json_pointer *pointer);

struct json_value {
	enum json_type type; /* JSON_NONE: not there */
	struct slice raw;    /* as it stands in the text: a string with its quotes, an object with its braces */
	bool escaped;	     /* a string with a backslash in it */
};

/* JSON_DEEP: nested deeper than 128 before all was found. JSON_BROKEN: a syntax error before all was found or shown to
 * be absent. In both cases the values are not to be used. */
enum json_result { JSON_OK, JSON_BROKEN, JSON_DEEP };

/* Looks up `count` (at most 16) pointers in one walk. Of members with equal names the first counts, and the search
 * does not go on to look for a second. Where the walk comes to the end of the document's value, only white space may
 * follow it. Strings may not hold raw control characters; invalid UTF-8 is not looked at. Values are written only when
 * JSON_OK is returned. */
enum json_result json_find(struct slice text, const struct json_pointer *const *pointers, size_t count,
			   struct json_value *values);

/* The same where programs that take the last of equal names, or look at no case of letters, must find the same values: a
 * name on the way to one that stands twice in its object, in any case of ASCII's letters, is JSON_BROKEN, and so is what is
 * no JSON behind the last value. For values that are signed one by one, where who sends chooses what else stands there. */
enum json_result json_find_once(struct slice text, const struct json_pointer *const *pointers, size_t count,
				struct json_value *values);

/* The text of a string value, unescaped (into the arena only if it had escapes, else borrowed from the text), of a
 * number or a boolean as it stands. False for null, objects, arrays, JSON_NONE, a broken escape or lone surrogate, or
 * when the arena failed. */
bool json_text(const struct json_value *value, struct arena *arena, struct slice *out)
	__attribute__((warn_unused_result));

/* Appends s as a JSON string with quotes. Bytes that are not UTF-8 become U+FFFD each, so that the result is always
 * valid JSON; control characters, line separators and changes of direction become \uXXXX. Fast for plain ASCII. */
void json_write_string(struct buf *out, struct slice s);

#endif
