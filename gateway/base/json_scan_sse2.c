/* json_scan_sse2.c - json_scan.h with SSE2, which every x86-64 has, and with AVX2 where that is worth asking for.
 *
 * The special difficulty: no load may reach behind the end, so the last bytes are loaded in two pieces that overlap. */
#include "base/json_scan_bits.h"

#include <emmintrin.h>
#include <string.h>

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

static struct json_seen look(const unsigned char *block)
{
	struct json_seen seen = { 0, 0, 0, 0 };
	for (unsigned at = 0; at < JSON_BLOCK; at += STEP) {
		__m128i v = load(block + at);
		/* [ and { differ in this bit only, and so do ] and }. */
		__m128i folded = _mm_or_si128(v, _mm_set1_epi8(0x20));
		seen.quotes |= bits(equal(v, '"')) << at;
		seen.backslashes |= bits(equal(v, '\\')) << at;
		seen.brackets |= bits(_mm_or_si128(equal(folded, '{'), equal(folded, '}'))) << at;
		seen.controls |= bits(controls(v)) << at;
	}
	return seen;
}

const unsigned char *json_scan_skip_sse2(const unsigned char *p, const unsigned char *end, struct json_skip *skip,
					 struct json_marks *marks)
{
	for (; end - p >= JSON_BLOCK; p += JSON_BLOCK) {
		struct json_seen seen = look(p);
		if (json_bits_judge(&seen, json_bits_running_xor(json_bits_quotes(&seen, skip)), skip, marks))
			return p;
	}
	*marks = (struct json_marks){ 0, 0 };
	return p;
}

bool json_scan_has_avx2(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("bmi");
}

const unsigned char *json_scan_skip(const unsigned char *p, const unsigned char *end, struct json_skip *skip,
				    struct json_marks *marks)
{
	return json_scan_has_avx2() ? json_scan_skip_avx2(p, end, skip, marks)
				    : json_scan_skip_sse2(p, end, skip, marks);
}

/* Which bytes end a run of a string's bytes, and of plain ones. */
static unsigned not_string(__m128i v)
{
	return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(equal(v, '"'), equal(v, '\\')), controls(v)));
}

static unsigned not_plain(__m128i v)
{
	/* As signed bytes, what is not ASCII is below 0x20 too. */
	__m128i stop = _mm_or_si128(_mm_cmplt_epi8(v, _mm_set1_epi8(0x20)), equal(v, 0x7f));
	return (unsigned)_mm_movemask_epi8(_mm_or_si128(stop, _mm_or_si128(equal(v, '"'), equal(v, '\\'))));
}

/* n bytes, 4 to 15, as their first half and their last; the halves may overlap. */
static __m128i load_halves(const unsigned char *p, size_t n, size_t half)
{
	uint64_t low = 0, high = 0;
	memcpy(&low, p, half == 8 ? 8 : 4);
	memcpy(&high, p + n - half, half == 8 ? 8 : 4);
	return half == 8 ? _mm_set_epi64x((long long)high, (long long)low)
			 : _mm_cvtsi64_si128((long long)(high << 32 | low));
}

/* Of the fewer than STEP bytes that are left, the first that `stops`. Nothing behind the end is loaded. */
static inline __attribute__((always_inline)) const unsigned char *
scan_rest(const unsigned char *p, const unsigned char *end, unsigned (*stops)(__m128i v))
{
	size_t n = (size_t)(end - p), half = n >= 8 ? 8 : 4, at = n;
	unsigned mask = 0;
	if (n >= 4) {
		mask = stops(load_halves(p, n, half)) & ((1U << 2 * half) - 1);
		at = mask != 0 ? (size_t)__builtin_ctz(mask) : n;
		/* A bit of the last half: counted from the end. */
		return p + (mask != 0 && at >= half ? at + n - 2 * half : at);
	}
	for (at = 0; at < n && (stops(_mm_cvtsi32_si128(p[at])) & 1) == 0;)
		at++;
	return p + at;
}

const unsigned char *json_scan_string(const unsigned char *p, const unsigned char *end)
{
	for (; end - p >= STEP; p += STEP) {
		unsigned mask = not_string(load(p));
		if (mask != 0)
			return p + __builtin_ctz(mask);
	}
	return scan_rest(p, end, not_string);
}

const unsigned char *json_scan_plain(const unsigned char *p, const unsigned char *end)
{
	for (; end - p >= STEP; p += STEP) {
		unsigned mask = not_plain(load(p));
		if (mask != 0)
			return p + __builtin_ctz(mask);
	}
	return scan_rest(p, end, not_plain);
}
