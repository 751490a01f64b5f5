/* crc.h - CRC-32C (Castagnoli), the checksum of every record; of this room only.
 *
 * RFC 3720, section 12.1 and appendix B.4: reflected polynomial 0x82f63b78, begun and ended with all bits turned. */
#ifndef HOOKGATE_JOURNAL_CRC_H
#define HOOKGATE_JOURNAL_CRC_H

#include "base/slice.h"

#include <stdint.h>

/* Of the bytes behind those that gave `crc`; begin with 0. By the processor's own instruction where it has one. */
uint32_t journal_crc32c(uint32_t crc, struct slice bytes);

/* The same by table, on any processor: what the other is held against. */
uint32_t journal_crc32c_table(uint32_t crc, struct slice bytes);

#endif
