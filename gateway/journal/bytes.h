/* bytes.h - numbers as the journal's files hold them, little-endian whatever the machine is; of this room only. */
#ifndef HOOKGATE_JOURNAL_BYTES_H
#define HOOKGATE_JOURNAL_BYTES_H

#include <stddef.h>
#include <stdint.h>

static inline void journal_write_number(unsigned char *p, uint64_t number, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		p[i] = (unsigned char)(number >> (8 * i));
}

static inline uint64_t journal_read_number(const unsigned char *p, size_t bytes)
{
	uint64_t number = 0;
	for (size_t i = 0; i < bytes; i++)
		number |= (uint64_t)p[i] << (8 * i);
	return number;
}

#endif
