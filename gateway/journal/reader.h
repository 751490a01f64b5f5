/* reader.h - a segment read from its beginning, record by record, in pieces; of this room and who shows records.
 *
 * Reads what may be damaged anywhere: see record.h for what is believed. One thread at a time. */
#ifndef HOOKGATE_JOURNAL_READER_H
#define HOOKGATE_JOURNAL_READER_H

#include "journal/record.h"
#include "journal/segment.h"

enum journal_read {
	JOURNAL_READ_RECORD,
	JOURNAL_READ_FOREIGN, /* a whole record, of a version that is not known here */
	JOURNAL_READ_DAMAGED, /* bytes that are no record, with or without some behind them */
	JOURNAL_READ_TORN,    /* the beginning of a record, or nothing but zeros, and then the file ends */
	JOURNAL_READ_END,     /* nothing more, up to reader->end */
	JOURNAL_READ_FAULT    /* memory is short */
};

struct journal_reader {
	int fd; /* borrowed */
	uint64_t salt;
	uint64_t end; /* no further than this; may be moved back and forth between calls */
	uint64_t at;  /* where the next record begins */
	struct buf bytes;
	uint64_t bytes_at; /* where in the file they stand */
	/* Of what the last call gave: where it stands, how long, and, of a record, what. Borrowed until the next. */
	uint64_t found_at, found_length, sequence;
	struct journal_event event;
};

/* From the first record on. */
void journal_reader_begin(struct journal_reader *reader, int fd, struct journal_segment_id id, uint64_t end);

/* The next call gives what stands at `at`, which must be where a call began or ended. */
void journal_reader_seek(struct journal_reader *reader, uint64_t at);

enum journal_read journal_reader_next(struct journal_reader *reader);

/* Frees the memory. */
void journal_reader_end(struct journal_reader *reader);

#endif
