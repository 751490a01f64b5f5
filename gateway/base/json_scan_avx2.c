/* json_scan_avx2.c - skipping with AVX2, for processors that have it: half of the loads of json_scan_sse2.c, and the
 * running exclusive or in one multiplication.
 *
 * The special difficulty: the program is built for any x86-64, so each function here says what it needs, and nobody may
 * call them who has not asked (json_scan_has_avx2). */
#include "base/json_scan_bits.h"

#include <immintrin.h>

#define NEEDS __attribute__((target("avx2,pclmul,bmi")))

enum { STEP = sizeof(__m256i) };

NEEDS static uint64_t bits(__m256i low, __m256i high)
{
	return (uint64_t)(unsigned)_mm256_movemask_epi8(low) | (uint64_t)(unsigned)_mm256_movemask_epi8(high) << STEP;
}

NEEDS static __m256i equal(__m256i v, char c)
{
	return _mm256_cmpeq_epi8(v, _mm256_set1_epi8(c));
}

NEEDS static __m256i bracket(__m256i v)
{
	/* [ and { differ in this bit only, and so do ] and }. */
	__m256i folded = _mm256_or_si256(v, _mm256_set1_epi8(0x20));
	return _mm256_or_si256(equal(folded, '{'), equal(folded, '}'));
}

NEEDS static __m256i control(__m256i v)
{
	return _mm256_cmpeq_epi8(_mm256_min_epu8(v, _mm256_set1_epi8(0x1f)), v);
}

/* A product with all bits set, without carries: each bit of it is the exclusive or of those up to it. */
NEEDS static uint64_t running_xor(uint64_t quotes)
{
	__m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)quotes), _mm_set1_epi8((char)0xff), 0);
	return (uint64_t)_mm_cvtsi128_si64(product);
}

NEEDS const unsigned char *json_scan_skip_avx2(const unsigned char *p, const unsigned char *end, struct json_skip *skip,
					       struct json_marks *marks)
{
	for (; end - p >= JSON_BLOCK; p += JSON_BLOCK) {
		__m256i low = _mm256_loadu_si256((const void *)p), high = _mm256_loadu_si256((const void *)(p + STEP));
		struct json_seen seen = {
			.quotes = bits(equal(low, '"'), equal(high, '"')),
			.backslashes = bits(equal(low, '\\'), equal(high, '\\')),
			.brackets = bits(bracket(low), bracket(high)),
			.controls = bits(control(low), control(high)),
		};
		uint64_t running = running_xor(json_bits_quotes(&seen, skip));
		if (json_bits_judge(&seen, running, skip, marks))
			return p;
	}
	*marks = (struct json_marks){ 0, 0 };
	return p;
}
