/* mark.c - the mark. The one thing to mind: it is one small write in place, so that a process that is killed leaves the
 * old one or the new one. */
#include "journal/mark.h"

#include "journal/bytes.h"
#include "journal/crc.h"
#include "journal/segment.h"

#include <unistd.h>

enum { MARK = 24, AT_SEQUENCE = 8, AT_CRC = 16 };

static const char magic[] = "hookmark";

void journal_mark_write(int fd, uint64_t sequence)
{
	unsigned char mark[MARK] = { 0 };
	if (fd < 0)
		return;
	memcpy(mark, magic, AT_SEQUENCE);
	journal_write_number(mark + AT_SEQUENCE, sequence, 8);
	journal_write_number(mark + AT_CRC, journal_crc32c(0, slice_of(mark, AT_CRC)), 4);
	(void)!journal_segment_write(fd, mark, sizeof mark, 0);
}

uint64_t journal_mark_read(int fd)
{
	unsigned char mark[MARK];
	if (fd < 0 || pread(fd, mark, sizeof mark, 0) != (ssize_t)sizeof mark ||
	    memcmp(mark, magic, AT_SEQUENCE) != 0 ||
	    journal_read_number(mark + AT_CRC, 4) != journal_crc32c(0, slice_of(mark, AT_CRC)))
		return 0;
	return journal_read_number(mark + AT_SEQUENCE, 8);
}
