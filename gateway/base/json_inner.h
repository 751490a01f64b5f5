/* json_inner.h - inside json: what json_pointer.c, json_find.c and json_text.c share. */
#ifndef HOOKGATE_BASE_JSON_INNER_H
#define HOOKGATE_BASE_JSON_INNER_H

#include "base/slice.h"

enum { JSON_TOKENS_MAX = 16 };

struct json_token {
	struct slice name; /* unescaped */
	bool is_index;	   /* may name an element of an array as well */
	size_t index;
};

struct json_pointer {
	size_t count;
	struct json_token tokens[JSON_TOKENS_MAX];
	unsigned char names[]; /* the tokens' bytes */
};

/* Takes the escape that *rest begins with (its backslash first; a surrogate pair is one) and writes what it stands
 * for, in UTF-8. The number of bytes written, or 0 where the escape is broken or half a pair. */
size_t json_unescape(struct slice *rest, unsigned char out[4]);

#endif
