/* fuzz_json_judge.c - the only file that names jansson. The special difficulty: jansson wants its values not const,
 * even to look at them. */
#include "fuzz_json_judge.h"

#include <jansson.h>
#include <stdint.h>

static json_t *open_value(const struct judge_value *value)
{
	return (json_t *)(uintptr_t)value;
}

static const struct judge_value *close_value(const json_t *value)
{
	return (const struct judge_value *)(const void *)value;
}

static json_t *load(struct slice text)
{
	return json_loadb((const char *)text.p, text.n, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES,
			  NULL);
}

struct judge_value *judge_load(struct slice text)
{
	/* jansson takes a NUL behind the value for the end of the text. */
	if (text.n == 0 || slice_index(text, '\0') < text.n)
		return NULL;
	return (struct judge_value *)(void *)load(text);
}

void judge_free(struct judge_value *value)
{
	json_decref(open_value(value));
}

enum judge_kind judge_kind(const struct judge_value *value)
{
	switch (json_typeof(open_value(value))) {
	case JSON_OBJECT:
		return JUDGE_OBJECT;
	case JSON_ARRAY:
		return JUDGE_ARRAY;
	case JSON_STRING:
		return JUDGE_STRING;
	case JSON_TRUE:
		return JUDGE_TRUE;
	case JSON_FALSE:
		return JUDGE_FALSE;
	case JSON_INTEGER:
	case JSON_REAL:
		return JUDGE_NUMBER;
	case JSON_NULL:
		break;
	}
	return JUDGE_NULL;
}

struct slice judge_string(const struct judge_value *value)
{
	return slice_of(json_string_value(open_value(value)), json_string_length(open_value(value)));
}

size_t judge_members(const struct judge_value *value)
{
	return json_object_size(open_value(value)) + json_array_size(open_value(value));
}

void judge_each(const struct judge_value *value,
		void (*visit)(void *arg, struct slice name, size_t index, const struct judge_value *member), void *arg)
{
	const char *name;
	json_t *member;
	size_t index = 0;
	json_object_foreach(open_value(value), name, member) visit(arg, slice_str(name), index++, close_value(member));
	json_array_foreach(open_value(value), index, member) visit(arg, SLICE_NONE, index, close_value(member));
}

static void find_deepest(void *arg, struct slice name, size_t index, const struct judge_value *member)
{
	(void)name;
	(void)index;
	size_t *deepest = arg;
	size_t depth = judge_depth(member);
	*deepest = depth > *deepest ? depth : *deepest;
}

size_t judge_depth(const struct judge_value *value)
{
	enum judge_kind kind = judge_kind(value);
	size_t deepest = 0;
	if (kind != JUDGE_OBJECT && kind != JUDGE_ARRAY)
		return 0;
	judge_each(value, find_deepest, &deepest);
	return deepest + 1;
}

bool judge_equal(const struct judge_value *value, struct slice text)
{
	json_t *other = load(text);
	bool equal = other && json_equal(open_value(value), other);
	json_decref(other);
	return equal;
}
