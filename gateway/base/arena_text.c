/* arena_text.c - copies and formatted text in an arena, whichever kind of arena it is.
 *
 * The special difficulty: short formatted text should not be formatted twice, so it is tried on the stack first. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

struct slice arena_copy(struct arena *arena, struct slice s)
{
	unsigned char *p = arena_alloc(arena, s.n);
	if (!p)
		return SLICE_NONE;
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return slice_of(p, s.n);
}

char *arena_cstring(struct arena *arena, struct slice s)
{
	char *p = arena_alloc(arena, s.n + 1);
	if (!p)
		return NULL;
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return p;
}

struct slice arena_printf(struct arena *arena, const char *format, ...)
{
	char text[256];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(text, sizeof text, format, args);
	va_end(args);

	/* More than any arena has: raises the flag where the text cannot be formatted at all. */
	char *p = arena_alloc(arena, n < 0 ? SIZE_MAX : (size_t)n + 1);
	if (!p)
		return SLICE_NONE;
	if ((size_t)n < sizeof text) {
		memcpy(p, text, (size_t)n);
	} else {
		va_start(args, format);
		(void)vsnprintf(p, (size_t)n + 1, format, args);
		va_end(args);
	}
	arena_shrink(arena, p, (size_t)n + 1, (size_t)n);
	return slice_of(p, (size_t)n);
}
