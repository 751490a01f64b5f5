/* json_scan_sse2.c - json_scan.h with SSE2, which every x86-64 has.
 *
 * The special difficulty: no load may reach behind the end, so the last bytes are looked at one by one. */
#include "base/json_scan.h"

#include <emmintrin.h>

enum { STEP = sizeof(__m128i) };

static __m128i load(const unsigned char *p)
{
	return _mm_loadu_si128((const void *)p);
}

static uint64_t bits(__m128i lanes)
{
	return (uint64_t)(unsigned)_mm_movemask_epi8(lanes);
}

static __m128i equal(__m128i v, char c)
{
	return _mm_cmpeq_epi8(v, _mm_set1_epi8(c));
}

static __m128i controls(__m128i v)
{
	return _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v);
}

struct json_marks json_scan_block(const unsigned char block[JSON_BLOCK])
{
	struct json_marks marks = { 0, 0, 0, 0 };
	for (unsigned at = 0; at < JSON_BLOCK; at += STEP) {
		__m128i v = load(block + at);
		/* [ and { differ in this bit only, and so do ] and }. */
		__m128i folded = _mm_or_si128(v, _mm_set1_epi8(0x20));
		marks.quotes |= bits(equal(v, '"')) << at;
		marks.backslashes |= bits(equal(v, '\\')) << at;
		marks.brackets |= bits(_mm_or_si128(equal(folded, '{'), equal(folded, '}'))) << at;
		marks.controls |= bits(controls(v)) << at;
	}
	return marks;
}

const unsigned char *json_scan_string(const unsigned char *p, const unsigned char *end)
{
	for (; end - p >= STEP; p += STEP) {
		__m128i v = load(p);
		__m128i stop = _mm_or_si128(_mm_or_si128(equal(v, '"'), equal(v, '\\')), controls(v));
		unsigned mask = (unsigned)_mm_movemask_epi8(stop);
		if (mask != 0)
			return p + __builtin_ctz(mask);
	}
	while (p < end && *p >= 0x20 && *p != '"' && *p != '\\')
		p++;
	return p;
}

const unsigned char *json_scan_plain(const unsigned char *p, const unsigned char *end)
{
	for (; end - p >= STEP; p += STEP) {
		__m128i v = load(p);
		/* As signed bytes, what is not ASCII is below 0x20 too. */
		__m128i stop = _mm_or_si128(_mm_cmplt_epi8(v, _mm_set1_epi8(0x20)), equal(v, 0x7f));
		stop = _mm_or_si128(stop, _mm_or_si128(equal(v, '"'), equal(v, '\\')));
		unsigned mask = (unsigned)_mm_movemask_epi8(stop);
		if (mask != 0)
			return p + __builtin_ctz(mask);
	}
	while (p < end && *p >= 0x20 && *p < 0x7f && *p != '"' && *p != '\\')
		p++;
	return p;
}
