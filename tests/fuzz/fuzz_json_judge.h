/* fuzz_json_judge.h - jansson, as the judge of base/json. Apart from it, because both have names like JSON_OBJECT. */
#ifndef HOOKGATE_TESTS_FUZZ_JSON_JUDGE_H
#define HOOKGATE_TESTS_FUZZ_JSON_JUDGE_H

#include "base/slice.h"

enum judge_kind { JUDGE_NULL, JUDGE_FALSE, JUDGE_TRUE, JUDGE_NUMBER, JUDGE_STRING, JUDGE_OBJECT, JUDGE_ARRAY };

/* A value in a document: opaque. */
struct judge_value;

/* The document's value, to be freed; NULL when the judge refuses it, also because of equal names in an object. */
struct judge_value *judge_load(struct slice text);
void judge_free(struct judge_value *value);

enum judge_kind judge_kind(const struct judge_value *value);

/* A string's text, or the number of members of an object or an array. */
struct slice judge_string(const struct judge_value *value);
size_t judge_members(const struct judge_value *value);

/* How many containers stand within each other at the deepest place. */
size_t judge_depth(const struct judge_value *value);

/* Whether the text is a document that has just this value. */
bool judge_equal(const struct judge_value *value, struct slice text);

/* Visits each member's value, with its name (borrowed; none in an array) and its place. */
void judge_each(const struct judge_value *value,
		void (*visit)(void *arg, struct slice name, size_t index, const struct judge_value *member), void *arg);

#endif
