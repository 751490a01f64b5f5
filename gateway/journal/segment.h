/* segment.h - a journal's files: their names, their heads, and which there are; of this room only.
 *
 * A segment is FIRST-SALT.journal, both in 16 hex digits: the sequence number of its first record, so that the order of
 * names is the order of events, and the salt of its records' heads. Its own head, 32 bytes, says the same again:
 *
 *      0  8  "hookgate"
 *      8  4  version, 1
 *     12  8  salt
 *     20  8  when it was made, milliseconds since 1970
 *     28  4  CRC-32C of the 28 bytes before
 *
 * so that a head that is damaged costs nothing. */
#ifndef HOOKGATE_JOURNAL_SEGMENT_H
#define HOOKGATE_JOURNAL_SEGMENT_H

#include "base/reason.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JOURNAL_SEGMENT_HEAD = 32, JOURNAL_SEGMENT_NAME = 42 };

struct journal_segment_id {
	uint64_t first, salt;
};

/* The name with its NUL. */
void journal_segment_name(struct journal_segment_id id, char out[JOURNAL_SEGMENT_NAME]);

bool journal_segment_parse(const char *name, struct journal_segment_id *id) __attribute__((warn_unused_result));

/* Makes the file in the folder `dir`, so that it is there after a power cut too. 0 and *fd to append to, -errno. */
int journal_segment_create(int dir, struct journal_segment_id id, int *fd) __attribute__((warn_unused_result));

/* The segments in `dir`, oldest first; *ids is freed by the caller. 0, -errno. */
int journal_segment_list(int dir, struct journal_segment_id **ids, size_t *count) __attribute__((warn_unused_result));

enum journal_segment_head {
	JOURNAL_HEAD_WHOLE,
	JOURNAL_HEAD_DAMAGED, /* or cut off; the name tells what is needed */
	JOURNAL_HEAD_FOREIGN  /* of a version that is not known here: not to be touched */
};

/* What stands at the beginning of the file; also whether its salt is the name's. */
enum journal_segment_head journal_segment_look(int fd, struct journal_segment_id id);

/* Writes all of it at `at`; 0, -errno (-ENOSPC where a write brings nothing). */
int journal_segment_write(int fd, const unsigned char *bytes, size_t n, uint64_t at)
	__attribute__((warn_unused_result));

#endif
