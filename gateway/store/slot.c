/* slot.c - the slot of a key. It is asked for once for each route, so it goes bit by bit, without a table. The one difficulty:
 * "{}" is no tag, and neither is what stands behind it. */
#include "store/slot.h"

enum { POLYNOMIAL = 0x1021 };

static uint16_t crc16(struct slice s)
{
	unsigned crc = 0;
	for (size_t i = 0; i < s.n; i++) {
		crc ^= (unsigned)s.p[i] << 8;
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 0x8000 ? (crc << 1) ^ POLYNOMIAL : crc << 1;
	}
	return (uint16_t)(crc & 0xffff);
}

uint16_t store_slot(struct slice key)
{
	struct slice before, behind, tag;
	bool tagged = slice_cut(key, '{', &before, &behind) && slice_cut(behind, '}', &tag, &behind) && tag.n > 0;
	return crc16(tagged ? tag : key) % STORE_SLOTS;
}
