/* json_scan_bits.h - inside json_scan: from what stands in a block to what it means. */
#ifndef HOOKGATE_BASE_JSON_SCAN_BITS_H
#define HOOKGATE_BASE_JSON_SCAN_BITS_H

#include "base/json_scan.h"

/* What stands where in a block, within strings and outside. */
struct json_seen {
	uint64_t quotes;
	uint64_t backslashes;
	uint64_t brackets;
	uint64_t controls; /* below 0x20 */
};

/* Which bytes stand behind a backslash that is not escaped itself. *carry: whether the block's first byte does, and
 * then whether the next block's does. */
static inline uint64_t json_bits_escaped(uint64_t backslashes, uint64_t *carry)
{
	uint64_t escaped = *carry;
	*carry = 0;
	backslashes &= ~escaped;
	while (backslashes != 0) {
		int at = __builtin_ctzll(backslashes);
		if (at == JSON_BLOCK - 1) {
			*carry = 1;
			break;
		}
		escaped |= UINT64_C(2) << at;
		backslashes &= ~(UINT64_C(3) << at);
	}
	return escaped;
}

/* The quotes that begin or end a string. */
static inline uint64_t json_bits_quotes(const struct json_seen *seen, struct json_skip *skip)
{
	/* Nearly always there is nothing to do. */
	if ((seen->backslashes | skip->escaped) == 0)
		return seen->quotes;
	return seen->quotes & ~json_bits_escaped(seen->backslashes, &skip->escaped);
}

/* Bit i of the result: whether an odd number of bits 0 to i are set. */
static inline uint64_t json_bits_running_xor(uint64_t bits)
{
	for (int shift = 1; shift < JSON_BLOCK; shift *= 2)
		bits ^= bits << shift;
	return bits;
}

/* From the running exclusive or over the quotes to the marks; false: there are none. */
static inline bool json_bits_judge(const struct json_seen *seen, uint64_t running, struct json_skip *skip,
				   struct json_marks *marks)
{
	uint64_t inside = running ^ skip->in_string;
	skip->in_string = 0 - (inside >> (JSON_BLOCK - 1));
	marks->brackets = seen->brackets & ~inside;
	marks->wrong = (seen->controls & inside) | (seen->backslashes & ~inside);
	return (marks->brackets | marks->wrong) != 0;
}

#endif
