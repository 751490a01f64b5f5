/* nfkd.c - see nfkd.h.
 *
 * The special difficulty: the marks that follow a letter have an order of their own (UAX #15, "canonical ordering"), so that
 * two ways to type the same are the same bytes. */
#include "trust/nfkd.h"

#include "trust/nfkd_table.h"

#include <errno.h>
#include <stdlib.h>

/* Unicode, 3.12: syllables of Hangul are taken apart by arithmetic. */
enum {
	S_BASE = 0xac00,
	L_BASE = 0x1100,
	V_BASE = 0x1161,
	T_BASE = 0x11a7,
	T_COUNT = 28,
	N_COUNT = 21 * T_COUNT,
	S_COUNT = 19 * N_COUNT
};

/* ---- UTF-8 (RFC 3629) ---- */

static bool next_point(struct slice *rest, uint32_t *out)
{
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	unsigned char first = rest->p[0];
	size_t more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
	uint32_t point = more == 0 ? first : first & (0x3fU >> more);

	if ((first >= 0x80 && first < 0xc2) || first > 0xf4 || more >= rest->n)
		return false;
	for (size_t i = 1; i <= more; i++) {
		if ((rest->p[i] & 0xc0) != 0x80)
			return false;
		point = point << 6 | (rest->p[i] & 0x3f);
	}
	if (point < least[more] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
		return false;
	*rest = slice_from(*rest, more + 1);
	*out = point;
	return true;
}

static size_t put_point(uint32_t point, unsigned char *out)
{
	size_t more = point < 0x80 ? 0 : point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;

	for (size_t i = more; i > 0; i--, point >>= 6)
		out[i] = (unsigned char)(0x80 | (point & 0x3f));
	out[0] = (unsigned char)(more == 0 ? point : (0xff00U >> (more + 1) & 0xff) | point);
	return more + 1;
}

/* ---- the form ---- */

static int compare(const void *point, const void *row)
{
	uint32_t a = *(const uint32_t *)point, b = *(const uint32_t *)row;

	return (a > b) - (a < b);
}

static unsigned class_of(uint32_t point)
{
	const struct trust_nfkd_class *found =
		bsearch(&point, trust_nfkd_classes, trust_nfkd_class_count, sizeof(*found), compare);

	return found ? found->value : 0;
}

static size_t take_apart(uint32_t point, uint32_t *out)
{
	const struct trust_nfkd_row *row;
	size_t n = 0;

	if (point >= S_BASE && point < S_BASE + S_COUNT) {
		uint32_t s = point - S_BASE;

		out[n++] = L_BASE + s / N_COUNT;
		out[n++] = V_BASE + s % N_COUNT / T_COUNT;
		if (s % T_COUNT > 0)
			out[n++] = T_BASE + s % T_COUNT;
		return n;
	}
	row = bsearch(&point, trust_nfkd_rows, trust_nfkd_row_count, sizeof(*row), compare);
	if (!row) {
		out[n++] = point;
		return n;
	}
	memcpy(out, trust_nfkd_points + row->first, row->count * sizeof(*out));
	return row->count;
}

/* Marks in the order of their classes, those of one class as they came. */
static void order(uint32_t *points, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		uint32_t mark = points[i];
		unsigned class = class_of(mark);
		size_t at = i;

		for (; class > 0 && at > 0 && class_of(points[at - 1]) > class; at--)
			points[at] = points[at - 1];
		points[at] = mark;
	}
}

int trust_nfkd(struct slice text, unsigned char *out, size_t *n)
{
	/* 3 bytes become 18 points at most. */
	size_t room = text.n * 6 * sizeof(uint32_t), count = 0, length = 0;
	uint32_t *points = malloc(room + 1);
	int fault = 0;

	if (!points)
		return -ENOMEM;
	while (text.n > 0 && !fault) {
		uint32_t point;

		if (next_point(&text, &point))
			count += take_apart(point, points + count);
		else
			fault = -EINVAL;
	}
	order(points, count);
	for (size_t i = 0; i < count && !fault; i++)
		length += put_point(points[i], out + length);
	explicit_bzero(points, room);
	free(points);
	if (!fault)
		*n = length;
	return fault;
}
