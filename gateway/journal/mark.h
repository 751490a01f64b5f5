/* mark.h - the file that says up to which number all is in Redis for good; of this room only.
 *
 * "hookmark", the number, the CRC-32C of both. Written and not synced: after a power cut it may be an older one, and then
 * more is sent again than need be. */
#ifndef HOOKGATE_JOURNAL_MARK_H
#define HOOKGATE_JOURNAL_MARK_H

#include <stdint.h>

/* 0 where there is none, or it is no mark. `fd` may be -1. */
uint64_t journal_mark_read(int fd);

/* Where it cannot be written, the next start sends again. */
void journal_mark_write(int fd, uint64_t sequence);

#endif
