/* crc_x86.c - CRC-32C by the instruction of SSE4.2, which nearly every x86-64 has; which this one is, is asked when it
 * runs. Its pair is crc_plain.c.
 *
 * The special difficulty: the instruction gives its result three cycles later and could begin another one each cycle. So
 * three runs of equal length go side by side, and are then put together as if they had gone one behind the other: a
 * state that n bytes of nothing pass by is multiplied by x^8n modulo the polynomial, which a carry-less multiplication
 * does (Gopal et al., "Fast CRC computation for iSCSI polynomial using CRC32 instruction", Intel, 2011). */
#include "journal/crc.h"

#include <wmmintrin.h>

enum { LONG_RUN = 256, SHORT_RUN = 64 };

/* x^(8n-33) modulo the polynomial, reflected, for the n bytes of one and of two runs: the instruction multiplies by x^32
 * besides, and a product of two reflected numbers is one bit short. */
static const uint32_t over_long[2] = { 0xb9e02b86, 0xdd7e3b0c };
static const uint32_t over_short[2] = { 0x9e4addf8, 0x0d3b6092 };

static uint64_t word_at(const unsigned char *p)
{
	uint64_t word;
	memcpy(&word, p, sizeof word);
	return word;
}

__attribute__((target("sse4.2,pclmul"))) static uint64_t multiply(uint64_t state, uint32_t by)
{
	__m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)state), _mm_cvtsi32_si128((int)by), 0);
	return (uint64_t)_mm_cvtsi128_si64(product);
}

/* Three runs of `run` bytes from p on. */
__attribute__((target("sse4.2,pclmul"))) static uint64_t three_runs(uint64_t first, const unsigned char *p, size_t run,
								    const uint32_t over[2])
{
	uint64_t second = 0, third = 0;
	for (size_t i = 0; i < run; i += 8) {
		first = __builtin_ia32_crc32di(first, word_at(p + i));
		second = __builtin_ia32_crc32di(second, word_at(p + run + i));
		third = __builtin_ia32_crc32di(third, word_at(p + 2 * run + i));
	}
	return __builtin_ia32_crc32di(0, multiply(first, over[1]) ^ multiply(second, over[0])) ^ third;
}

__attribute__((target("sse4.2,pclmul"))) static uint32_t by_instruction(uint32_t crc, struct slice bytes)
{
	const unsigned char *p = bytes.p;
	size_t n = bytes.n;
	uint64_t wide = (uint32_t)~crc;
	for (; n >= 3 * LONG_RUN; n -= 3 * LONG_RUN, p += 3 * LONG_RUN)
		wide = three_runs(wide, p, LONG_RUN, over_long);
	for (; n >= 3 * SHORT_RUN; n -= 3 * SHORT_RUN, p += 3 * SHORT_RUN)
		wide = three_runs(wide, p, SHORT_RUN, over_short);
	for (; n >= 8; n -= 8, p += 8)
		wide = __builtin_ia32_crc32di(wide, word_at(p));
	uint32_t narrow = (uint32_t)wide;
	for (; n > 0; n--, p++)
		narrow = __builtin_ia32_crc32qi(narrow, *p);
	return ~narrow;
}

uint32_t journal_crc32c(uint32_t crc, struct slice bytes)
{
	bool has_it = __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
	return has_it ? by_instruction(crc, bytes) : journal_crc32c_table(crc, bytes);
}
