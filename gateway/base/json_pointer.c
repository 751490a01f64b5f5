/* json_pointer.c - JSON pointers (RFC 6901), split and unescaped once, at load.
 *
 * The special difficulty: "~01" is "~1" and not "/", so unescaping goes from left to right in one pass. */
#include "base/json.h"
#include "base/json_inner.h"
#include "base/num.h"

#include <stdint.h>
#include <stdlib.h>

/* Unescapes one token to `out`; false on a "~" that begins no escape. */
static bool unescape_token(struct slice s, unsigned char *out, size_t *n)
{
	size_t written = 0;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = s.p[i];
		if (c == '~') {
			if (++i == s.n || (s.p[i] != '0' && s.p[i] != '1'))
				return false;
			c = s.p[i] == '0' ? '~' : '/';
		}
		out[written++] = c;
	}
	*n = written;
	return true;
}

/* "0", or digits without a leading zero. */
static bool parse_index(struct slice name, size_t *index)
{
	uint64_t value;
	if ((name.n > 1 && name.p[0] == '0') || !num_parse_u64(name, SIZE_MAX, &value))
		return false;
	*index = (size_t)value;
	return true;
}

static bool add_tokens(struct json_pointer *pointer, struct slice text)
{
	unsigned char *names = pointer->names;
	while (text.n > 0) {
		struct slice token;
		struct json_token *next = &pointer->tokens[pointer->count];
		if (text.p[0] != '/' || pointer->count++ == JSON_TOKENS_MAX)
			return false;
		text = slice_from(text, 1);
		token = slice_head(text, slice_index(text, '/'));
		text = slice_from(text, token.n);
		next->name.p = names;
		if (!unescape_token(token, names, &next->name.n))
			return false;
		names += next->name.n;
		next->is_index = parse_index(next->name, &next->index);
	}
	return true;
}

struct json_pointer *json_pointer_parse(struct slice text)
{
	struct json_pointer *pointer = calloc(1, sizeof *pointer + text.n);
	if (!pointer)
		return NULL;
	if (!add_tokens(pointer, text)) {
		free(pointer);
		return NULL;
	}
	return pointer;
}

void json_pointer_free(struct json_pointer *pointer)
{
	free(pointer);
}
