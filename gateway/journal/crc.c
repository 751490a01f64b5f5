/* crc.c - CRC-32C by table, eight bytes a step. The one thing to mind: tables are made once, and the first who come may
 * be several threads. */
#include "journal/crc.h"

#include <pthread.h>

static const uint32_t polynomial = 0x82f63b78;

static uint32_t tables[8][256];

static void make_tables(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t crc = i;
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (crc & 1 ? polynomial : 0);
		tables[0][i] = crc;
	}
	for (uint32_t i = 0; i < 256; i++)
		for (int t = 1; t < 8; t++)
			tables[t][i] = (tables[t - 1][i] >> 8) ^ tables[0][tables[t - 1][i] & 0xff];
}

uint32_t journal_crc32c_table(uint32_t crc, struct slice bytes)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	const unsigned char *p = bytes.p;
	size_t n = bytes.n;
	pthread_once(&once, make_tables);
	crc = ~crc;
	for (; n >= 8; n -= 8, p += 8)
		crc = tables[7][(crc ^ p[0]) & 0xff] ^ tables[6][(crc >> 8 ^ p[1]) & 0xff] ^
		      tables[5][(crc >> 16 ^ p[2]) & 0xff] ^ tables[4][(crc >> 24 ^ p[3]) & 0xff] ^ tables[3][p[4]] ^
		      tables[2][p[5]] ^ tables[1][p[6]] ^ tables[0][p[7]];
	for (; n > 0; n--, p++)
		crc = (crc >> 8) ^ tables[0][(crc ^ *p) & 0xff];
	return ~crc;
}
