/* slice.c - looking at, cutting and comparing borrowed bytes.
 *
 * The special difficulty: an empty slice may have a NULL pointer, which memchr and memcmp may not be given. */
#include "base/slice.h"

#include <stdint.h>

static unsigned char lower(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c | 0x20) : c;
}

/* Eight bytes at a time: equal, or letters that differ in the bit that makes their case. */
static bool eight_eq_nocase(const unsigned char *a, const unsigned char *b)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
	uint64_t x, y;
	memcpy(&x, a, sizeof x);
	memcpy(&y, b, sizeof y);
	uint64_t differ = x ^ y;
	if ((differ & ~(ones << 5)) != 0)
		return false;
	/* The high bit of each byte that is a to z, once it is in lower case. */
	uint64_t low = (x | ones << 5) & ~high;
	uint64_t letters = (low + (0x80 - 'a') * ones) & ~(low + (0x7f - 'z') * ones) & ~x & high;
	return (differ << 2 & ~letters) == 0;
}

bool slice_eq_nocase_rest(struct slice a, struct slice b)
{
	size_t whole = a.n & ~(size_t)7;
	for (size_t i = 0; i < whole; i += 8) {
		if (!eight_eq_nocase(a.p + i, b.p + i))
			return false;
	}
	/* The last ones together with some before them, where there are. */
	if (whole > 0)
		return whole == a.n || eight_eq_nocase(a.p + a.n - 8, b.p + a.n - 8);
	for (size_t i = 0; i < a.n; i++) {
		if (a.p[i] != b.p[i] && lower(a.p[i]) != lower(b.p[i]))
			return false;
	}
	return true;
}

bool slice_starts(struct slice s, struct slice prefix)
{
	return s.n >= prefix.n && slice_eq(slice_head(s, prefix.n), prefix);
}

size_t slice_index(struct slice s, unsigned char c)
{
	const unsigned char *at = s.n > 0 ? memchr(s.p, c, s.n) : NULL;
	return at ? (size_t)(at - s.p) : s.n;
}

bool slice_cut(struct slice s, unsigned char c, struct slice *before, struct slice *after)
{
	size_t at = slice_index(s, c);
	*before = slice_head(s, at);
	*after = slice_from(s, at + 1);
	return at < s.n;
}

static bool blank(unsigned char c)
{
	return c == ' ' || c == '\t';
}

struct slice slice_trim_blanks(struct slice s)
{
	while (s.n > 0 && blank(s.p[s.n - 1]))
		s.n--;
	while (s.n > 0 && blank(s.p[0])) {
		s.p++;
		s.n--;
	}
	return s;
}

/* Not 0 when one of the eight bytes is below 0x20 or 0x7f. */
static uint64_t eight_controls(const unsigned char *p)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
	uint64_t x;
	memcpy(&x, p, sizeof x);
	uint64_t delete = x ^ ones * 0x7f;
	/* A byte that is smaller than what is taken off borrows, and has no high bit of its own. A borrow may reach the
	 * byte above, but then there was one. */
	return (((x - ones * 0x20) & ~x) | ((delete - ones) & ~delete)) & high;
}

/* Eight bytes at a time, the last ones together with some before them. */
bool slice_has_control(struct slice s)
{
	if (s.n < 8) {
		unsigned bad = 0;
		for (size_t i = 0; i < s.n; i++)
			bad |= (unsigned)(s.p[i] < 0x20) | (unsigned)(s.p[i] == 0x7f);
		return bad != 0;
	}
	uint64_t bad = eight_controls(s.p + s.n - 8);
	for (size_t i = 0; i + 8 <= s.n; i += 8)
		bad |= eight_controls(s.p + i);
	return bad != 0;
}

int slice_compare(struct slice a, struct slice b)
{
	size_t common = a.n < b.n ? a.n : b.n;
	int order = common > 0 ? memcmp(a.p, b.p, common) : 0;
	if (order != 0)
		return order;
	return (a.n > b.n) - (a.n < b.n);
}
