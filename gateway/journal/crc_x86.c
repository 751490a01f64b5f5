/* crc_x86.c - CRC-32C by the instruction of SSE4.2, which nearly every x86-64 has; which this one is, is asked when it
 * runs. Its pair is crc_plain.c. */
#include "journal/crc.h"

__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, struct slice bytes)
{
	const unsigned char *p = bytes.p;
	size_t n = bytes.n;
	uint64_t wide = (uint32_t)~crc;
	for (; n >= 8; n -= 8, p += 8) {
		uint64_t word;
		memcpy(&word, p, sizeof word);
		wide = __builtin_ia32_crc32di(wide, word);
	}
	uint32_t narrow = (uint32_t)wide;
	for (; n > 0; n--, p++)
		narrow = __builtin_ia32_crc32qi(narrow, *p);
	return ~narrow;
}

uint32_t journal_crc32c(uint32_t crc, struct slice bytes)
{
	return __builtin_cpu_supports("sse4.2") ? by_instruction(crc, bytes) : journal_crc32c_table(crc, bytes);
}
