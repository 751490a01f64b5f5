/* crc_plain.c - CRC-32C where no instruction for it is known: by table. Its pair is crc_x86.c. */
#include "journal/crc.h"

uint32_t journal_crc32c(uint32_t crc, struct slice bytes)
{
	return journal_crc32c_table(crc, bytes);
}
