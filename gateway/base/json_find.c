/* json_find.c - finding a few values in a JSON text, in one walk.
 *
 * The special difficulty: nearly all of the text is of no interest, and the walk is on the path of every delivery. So
 * only the containers on the way to a wanted value are walked member by member; the rest is skipped in blocks of 64
 * bytes, as bit masks: which bytes are quotes, which of them are within strings (a running exclusive or over the
 * quotes), and which brackets are not. Walking calls itself once per token of a pointer, so no deeper than a pointer
 * is long; skipping does not call itself. */
#include "base/json.h"
#include "base/json_inner.h"
#include "base/json_scan.h"

#include <stdint.h>

enum { POINTERS_MAX = 16, DEPTH_MAX = 128 };

/* A set of pointers: bit i is the one at index i. */
typedef unsigned pointer_set;

struct walk {
	const unsigned char *p;
	const unsigned char *end;
	const struct json_pointer *const *pointers;
	pointer_set open; /* neither found nor shown to be absent; when it is empty, the walk is over */
	bool once;	  /* json_find_once() */
	size_t objects;	  /* that we are in on the way: only they can name something twice */
	size_t depth;
	unsigned char closers[DEPTH_MAX]; /* the bracket that ends each container we are in */
	struct json_value found[POINTERS_MAX];
};

static bool is_space(unsigned char c)
{
	const uint64_t spaces = UINT64_C(1) << ' ' | UINT64_C(1) << '\n' | UINT64_C(1) << '\r' | UINT64_C(1) << '\t';
	return c <= ' ' && (spaces >> c & 1) != 0;
}

static void skip_space(struct walk *w)
{
	const unsigned char *p = w->p;
	while (p < w->end && is_space(*p))
		p++;
	w->p = p;
}

/* 0 at the end: no JSON text has a NUL where we look. */
static unsigned char peek(const struct walk *w)
{
	return w->p < w->end ? *w->p : 0;
}

static enum json_result enter(struct walk *w, unsigned char opener)
{
	if (w->depth == DEPTH_MAX)
		return JSON_DEEP;
	/* In ASCII, a closing bracket or brace is two behind its opening one. */
	w->closers[w->depth++] = (unsigned char)(opener + 2);
	return JSON_OK;
}

static enum json_result leave(struct walk *w, unsigned char closer)
{
	return w->closers[--w->depth] == closer ? JSON_OK : JSON_BROKEN;
}

/* --- skipping --- */

/* Goes over the brackets of the block that stands at w->p, which is moved behind what was gone over; *over when that led
 * out to the depth `until`. What is wrong before that breaks the text. */
static enum json_result skip_marked(struct walk *w, const unsigned char *block, struct json_marks marks, size_t until,
				    bool *over)
{
	for (uint64_t left = marks.brackets; left != 0; left &= left - 1) {
		int at = __builtin_ctzll(left);
		unsigned char c = block[at];
		enum json_result result = c == '{' || c == '[' ? enter(w, c) : leave(w, c);
		if (result != JSON_OK)
			return result;
		if (w->depth == until) {
			w->p += at + 1;
			*over = true;
			/* What is wrong behind the end is none of ours. */
			return (marks.wrong & ((UINT64_C(1) << at) - 1)) == 0 ? JSON_OK : JSON_BROKEN;
		}
	}
	w->p += JSON_BLOCK;
	return marks.wrong == 0 ? JSON_OK : JSON_BROKEN;
}

/* Skips what is left of the container that we are in, its closing bracket included. */
static enum json_result skip_rest(struct walk *w)
{
	struct json_skip skip = { 0, 0 };
	struct json_marks marks;
	size_t until = w->depth - 1;
	bool over = false;
	enum json_result result = JSON_OK;
	while (result == JSON_OK && !over) {
		w->p = json_scan_skip(w->p, w->end, &skip, &marks);
		if ((marks.brackets | marks.wrong) == 0)
			break;
		result = skip_marked(w, w->p, marks, until, &over);
	}
	if (result != JSON_OK || over)
		return result;

	/* The last bytes, filled up to a block. */
	unsigned char last[JSON_BLOCK];
	size_t n = (size_t)(w->end - w->p);
	memset(last, ' ', sizeof last);
	memcpy(last, w->p, n);
	(void)json_scan_skip(last, last + JSON_BLOCK, &skip, &marks);
	result = skip_marked(w, last, marks, until, &over);
	return result == JSON_OK && !over ? JSON_BROKEN : result;
}

/* --- single values --- */

/* From the opening quote to behind the closing one. */
static enum json_result take_string(struct walk *w, struct json_value *value)
{
	const unsigned char *p = w->p + 1;
	while ((p = json_scan_string(p, w->end)) < w->end && *p != '"') {
		if (*p != '\\' || w->end - p < 2 || p[1] < 0x20)
			return JSON_BROKEN;
		value->escaped = true;
		p += 2;
	}
	if (p == w->end)
		return JSON_BROKEN;
	w->p = p + 1;
	value->type = JSON_STRING;
	return JSON_OK;
}

static bool take_digits(struct walk *w)
{
	const unsigned char *start = w->p, *p = start;
	while (p < w->end && *p >= '0' && *p <= '9')
		p++;
	w->p = p;
	return p > start;
}

/* RFC 8259 section 6. */
static bool take_number(struct walk *w)
{
	if (peek(w) == '-')
		w->p++;
	if (peek(w) == '0')
		w->p++;
	else if (!take_digits(w))
		return false;
	if (peek(w) == '.') {
		w->p++;
		if (!take_digits(w))
			return false;
	}
	if (peek(w) == 'e' || peek(w) == 'E') {
		w->p++;
		if (peek(w) == '+' || peek(w) == '-')
			w->p++;
		return take_digits(w);
	}
	return true;
}

static bool take_word(struct walk *w, struct slice word)
{
	if (!slice_starts(slice_of(w->p, (size_t)(w->end - w->p)), word))
		return false;
	w->p += word.n;
	return true;
}

static bool may_follow(unsigned char c)
{
	return c == ',' || c == '}' || c == ']' || is_space(c);
}

/* A number, true, false or null. */
static enum json_result take_scalar(struct walk *w, struct json_value *value)
{
	bool good;
	switch (*w->p) {
	case 't':
		good = take_word(w, SLICE("true"));
		value->type = JSON_BOOL;
		break;
	case 'f':
		good = take_word(w, SLICE("false"));
		value->type = JSON_BOOL;
		break;
	case 'n':
		good = take_word(w, SLICE("null"));
		value->type = JSON_NULL;
		break;
	default:
		good = take_number(w);
		value->type = JSON_NUMBER;
		break;
	}
	/* "12x" is no number: what follows must be able to. */
	return good && (w->p == w->end || may_follow(*w->p)) ? JSON_OK : JSON_BROKEN;
}

/* --- walking --- */

static bool starts(struct slice s, struct slice with, bool any_case)
{
	return any_case ? slice_eq_nocase(slice_head(s, with.n), with) : slice_starts(s, with);
}

/* Whether a member's name, which has escapes in it, is `token`. */
static bool is_named(struct slice name, struct slice token, bool any_case)
{
	while (name.n > 0) {
		unsigned char bytes[4] = { name.p[0] };
		size_t n = 1;
		if (name.p[0] == '\\')
			n = json_unescape(&name, bytes);
		else
			name = slice_from(name, 1);
		if (n == 0 || !starts(token, slice_of(bytes, n), any_case))
			return false;
		token = slice_from(token, n);
	}
	return token.n == 0;
}

static pointer_set match_name(const struct walk *w, size_t level, pointer_set wanted, const struct json_value *name,
			      bool any_case)
{
	struct slice inner = slice_of(name->raw.p + 1, name->raw.n - 2);
	pointer_set matched = 0;
	for (pointer_set left = wanted; left != 0; left &= left - 1) {
		struct slice token = w->pointers[__builtin_ctz(left)]->tokens[level].name;
		if (name->escaped ? is_named(inner, token, any_case)
				  : inner.n == token.n && starts(inner, token, any_case))
			matched |= left & (0 - left);
	}
	return matched;
}

static pointer_set match_index(const struct walk *w, size_t level, pointer_set wanted, size_t index)
{
	pointer_set matched = 0;
	for (pointer_set left = wanted; left != 0; left &= left - 1) {
		const struct json_token *token = &w->pointers[__builtin_ctz(left)]->tokens[level];
		if (token->is_index && token->index == index)
			matched |= left & (0 - left);
	}
	return matched;
}

/* Takes `"name" :` and says which of the wanted it is. Where each may stand there once, *seen is which have been there in
 * any case of letters. */
static enum json_result take_name(struct walk *w, size_t level, pointer_set wanted, pointer_set *seen,
				  pointer_set *matched)
{
	struct json_value name = { .raw.p = w->p };
	if (peek(w) != '"' || take_string(w, &name) != JSON_OK)
		return JSON_BROKEN;
	name.raw.n = (size_t)(w->p - name.raw.p);
	skip_space(w);
	if (peek(w) != ':')
		return JSON_BROKEN;
	w->p++;
	skip_space(w);
	*matched = match_name(w, level, wanted, &name, false);
	if (w->once) {
		pointer_set alike = match_name(w, level, wanted, &name, true);
		if ((alike & *seen) != 0)
			return JSON_BROKEN;
		*seen |= alike;
	}
	return JSON_OK;
}

static enum json_result walk_value(struct walk *w, size_t level, pointer_set wanted);

static bool is_over(const struct walk *w)
{
	return w->open == 0 && (!w->once || w->objects == 0);
}

/* Walks a container on the way to the wanted. Returns early, somewhere within, when nothing is open any more. */
static enum json_result walk_members(struct walk *w, size_t level, pointer_set wanted)
{
	bool is_object = *w->p == '{';
	pointer_set seen = 0;
	enum json_result result = enter(w, *w->p++);
	w->objects += is_object;
	skip_space(w);
	for (size_t index = 0; result == JSON_OK; index++) {
		unsigned char closer = w->closers[w->depth - 1];
		if (index == 0 ? peek(w) == closer : peek(w) != ',') {
			result = leave(w, peek(w));
			w->p += result == JSON_OK;
			w->objects -= is_object;
			return result;
		}
		if (index > 0) {
			w->p++;
			skip_space(w);
		}
		pointer_set matched = 0;
		if (!is_object)
			matched = match_index(w, level, wanted, index);
		else if (take_name(w, level, wanted, &seen, &matched) != JSON_OK)
			return JSON_BROKEN;
		result = walk_value(w, level + 1, matched);
		if (result != JSON_OK || is_over(w))
			return result;
		skip_space(w);
		/* The first of equal names counts, or there is no second. */
		if (is_object && w->once)
			continue;
		wanted &= ~matched;
		if (wanted == 0)
			return skip_rest(w);
	}
	return result;
}

static pointer_set that_end_at(const struct walk *w, size_t level, pointer_set wanted)
{
	pointer_set ending = 0;
	for (pointer_set left = wanted; left != 0; left &= left - 1) {
		if (w->pointers[__builtin_ctz(left)]->count == level)
			ending |= left & (0 - left);
	}
	return ending;
}

/* Takes the value at p. `wanted` are the pointers whose first `level` tokens lead here; behind the value all of them
 * are found or absent. */
static enum json_result walk_value(struct walk *w, size_t level, pointer_set wanted)
{
	struct json_value value = { .raw.p = w->p };
	pointer_set here = that_end_at(w, level, wanted);
	enum json_result result;
	unsigned char c = peek(w);
	if (c == '{' || c == '[') {
		value.type = c == '{' ? JSON_OBJECT : JSON_ARRAY;
		if (wanted != here) {
			result = walk_members(w, level, wanted & ~here);
		} else {
			result = enter(w, c);
			w->p++;
			if (result == JSON_OK)
				result = skip_rest(w);
		}
	} else if (c == '"') {
		result = take_string(w, &value);
	} else {
		result = c != 0 ? take_scalar(w, &value) : JSON_BROKEN;
	}
	if (result != JSON_OK || is_over(w))
		return result;

	value.raw.n = (size_t)(w->p - value.raw.p);
	for (pointer_set left = here; left != 0; left &= left - 1)
		w->found[__builtin_ctz(left)] = value;
	w->open &= ~wanted;
	return JSON_OK;
}

static enum json_result find(struct slice text, const struct json_pointer *const *pointers, size_t count, bool once,
			     struct json_value *values)
{
	struct walk w;
	if (count > POINTERS_MAX || text.n == 0)
		return JSON_BROKEN;
	w.p = text.p;
	w.end = text.p + text.n;
	w.pointers = pointers;
	w.open = (1U << count) - 1;
	w.once = once;
	w.objects = 0;
	w.depth = 0;
	memset(w.found, 0, count * sizeof w.found[0]);

	skip_space(&w);
	enum json_result result = walk_value(&w, 0, w.open);
	if (result == JSON_OK && w.depth == 0) {
		/* Not stopped within: the end of the value was seen, so nothing may follow it. */
		skip_space(&w);
		if (w.p < w.end)
			result = JSON_BROKEN;
	}
	if (result == JSON_OK && count > 0)
		memcpy(values, w.found, count * sizeof w.found[0]);
	return result;
}

enum json_result json_find(struct slice text, const struct json_pointer *const *pointers, size_t count,
			   struct json_value *values)
{
	return find(text, pointers, count, false, values);
}

enum json_result json_find_once(struct slice text, const struct json_pointer *const *pointers, size_t count,
				struct json_value *values)
{
	return find(text, pointers, count, true, values);
}
