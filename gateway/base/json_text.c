/* json_text.c - the text that a JSON value stands for.
 *
 * The special difficulty: \u escapes are UTF-16, so that one character above U+FFFF is two of them, and half of such a
 * pair is a legal escape that stands for no text at all. */
#include "base/json.h"
#include "base/json_inner.h"

#include <stdint.h>

static size_t put_utf8(uint32_t c, unsigned char out[4])
{
	if (c < 0x80) {
		out[0] = (unsigned char)c;
		return 1;
	}
	size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (size_t i = n - 1; i > 0; i--) {
		out[i] = (unsigned char)(0x80 | (c & 0x3f));
		c >>= 6;
	}
	out[0] = (unsigned char)((0xf00U >> n & 0xf0) | c);
	return n;
}

/* Takes "\uXXXX"; false when it is not there. */
static bool take_unit(struct slice *rest, uint32_t *unit)
{
	uint32_t value = 0;
	if (rest->n < 6 || rest->p[0] != '\\' || rest->p[1] != 'u')
		return false;
	for (size_t i = 2; i < 6; i++) {
		unsigned char c = rest->p[i];
		unsigned char letter = c | 0x20;
		if (c >= '0' && c <= '9')
			value = value << 4 | (c - (uint32_t)'0');
		else if (letter >= 'a' && letter <= 'f')
			value = value << 4 | (letter - (uint32_t)'a' + 10);
		else
			return false;
	}
	*rest = slice_from(*rest, 6);
	*unit = value;
	return true;
}

static size_t unescape_unit(struct slice *rest, unsigned char out[4])
{
	uint32_t c;
	uint32_t low;
	if (!take_unit(rest, &c) || (c >= 0xdc00 && c <= 0xdfff))
		return 0;
	if (c >= 0xd800 && c <= 0xdbff) {
		if (!take_unit(rest, &low) || low < 0xdc00 || low > 0xdfff)
			return 0;
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	}
	return put_utf8(c, out);
}

size_t json_unescape(struct slice *rest, unsigned char out[4])
{
	static const char letters[] = "\"\\/bfnrt";
	static const char meanings[] = "\"\\/\b\f\n\r\t";
	if (rest->n < 2)
		return 0;
	if (rest->p[1] == 'u')
		return unescape_unit(rest, out);
	size_t at = slice_index(slice_str(letters), rest->p[1]);
	if (at == sizeof letters - 1)
		return 0;
	out[0] = (unsigned char)meanings[at];
	*rest = slice_from(*rest, 2);
	return 1;
}

/* What is unescaped is never longer than what was escaped, so s.n bytes are enough. */
static bool unescape_all(struct slice s, unsigned char *out, size_t *n)
{
	unsigned char *at = out;
	while (s.n > 0) {
		struct slice plain = slice_head(s, slice_index(s, '\\'));
		if (plain.n > 0)
			memcpy(at, plain.p, plain.n);
		at += plain.n;
		s = slice_from(s, plain.n);
		if (s.n == 0)
			break;
		unsigned char bytes[4];
		size_t count = json_unescape(&s, bytes);
		if (count == 0)
			return false;
		memcpy(at, bytes, count);
		at += count;
	}
	*n = (size_t)(at - out);
	return true;
}

static bool string_text(const struct json_value *value, struct arena *arena, struct slice *out)
{
	struct slice inner = slice_of(value->raw.p + 1, value->raw.n - 2);
	if (!value->escaped) {
		*out = inner;
		return true;
	}
	unsigned char *p = arena_alloc(arena, inner.n);
	size_t n = 0;
	if (!p)
		return false;
	bool whole = unescape_all(inner, p, &n);
	arena_shrink(arena, p, inner.n, n);
	if (whole)
		*out = slice_of(p, n);
	return whole;
}

bool json_text(const struct json_value *value, struct arena *arena, struct slice *out)
{
	switch (value->type) {
	case JSON_STRING:
		return string_text(value, arena, out);
	case JSON_NUMBER:
	case JSON_BOOL:
		*out = value->raw;
		return true;
	case JSON_NONE:
	case JSON_NULL:
	case JSON_OBJECT:
	case JSON_ARRAY:
		break;
	}
	return false;
}
