/* slice.h - a run of bytes that somebody else owns.
 *
 * Bytes from strangers travel as slices: a pointer and a length, never NUL-terminated, never assumed to be text.
 * A slice is borrowed: who hands it out says how long the bytes stay. The empty slice may have a NULL pointer. */
#ifndef HOOKGATE_BASE_SLICE_H
#define HOOKGATE_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
	const unsigned char *p;
	size_t n;
};

/* A slice of a string literal; also usable in static initialisers. */
#define SLICE_LIT(s)                                                                                                   \
	{                                                                                                              \
		(const unsigned char *)("" s), sizeof(s) - 1                                                           \
	}
#define SLICE(s) ((struct slice)SLICE_LIT(s))
#define SLICE_NONE ((struct slice){ NULL, 0 })

/* For printf: "%.*s" with SLICE_ARGS(s). Only for bytes of ours; strangers' bytes go through the logger's escaping. */
#define SLICE_ARGS(s) (int)(s).n, (const char *)((s).p ? (s).p : (const unsigned char *)"")

static inline struct slice slice_of(const void *p, size_t n)
{
	return (struct slice){ p, n };
}

/* Of a trusted, NUL-terminated string; NULL gives the empty slice. */
static inline struct slice slice_str(const char *s)
{
	return (struct slice){ (const unsigned char *)s, s ? strlen(s) : 0 };
}

static inline bool slice_eq(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* The part from `at` on; empty when `at` is past the end. */
static inline struct slice slice_from(struct slice s, size_t at)
{
	return at >= s.n ? SLICE_NONE : (struct slice){ s.p + at, s.n - at };
}

/* The first n bytes, or all of them when there are fewer. */
static inline struct slice slice_head(struct slice s, size_t n)
{
	return n >= s.n ? s : (struct slice){ s.p, n };
}

/* Equal but for the case of ASCII letters. Inlined as far as lengths and first letters tell: header look-ups, of which
 * a delivery makes a dozen, compare with many names and match one. */
bool slice_eq_nocase_rest(struct slice a, struct slice b);
static inline bool slice_eq_nocase(struct slice a, struct slice b)
{
	if (a.n != b.n)
		return false;
	return a.n == 0 || (((a.p[0] ^ b.p[0]) & 0xdf) == 0 && slice_eq_nocase_rest(a, b));
}

bool slice_starts(struct slice s, struct slice prefix);

/* Index of the first byte `c`, or s.n when there is none. */
size_t slice_index(struct slice s, unsigned char c);

/* Splits at the first `c`: *before is what stands before it, *after what stands behind. Without a `c`, *before is all
 * and *after is empty, and the answer is false. Outputs may be the input itself. */
bool slice_cut(struct slice s, unsigned char c, struct slice *before, struct slice *after);

/* Without spaces and tabs at both ends (RFC 9110 OWS). */
struct slice slice_trim_blanks(struct slice s);
static inline struct slice slice_trim(struct slice s)
{
	/* Nearly always there are none. */
	return s.n > 0 && s.p[0] > ' ' && s.p[s.n - 1] > ' ' ? s : slice_trim_blanks(s);
}

/* Has a byte below 0x20 or 0x7f: what no id, type or name that we parse may have. */
bool slice_has_control(struct slice s);

/* A total order by bytes, shorter first among equals; for sorting and searching. */
int slice_compare(struct slice a, struct slice b);

#endif
