/* record.h - an event as a record of the journal, and back; of this room and who shows records.
 *
 * A record is a head of 32 bytes and a payload, all numbers little-endian:
 *
 *      0  8  salt          of its segment: what tells a record's beginning from bytes of strangers
 *      8  8  sequence      grows from record to record, never used twice in a folder
 *     16  4  length        of the payload
 *     20  4  CRC-32C       of the payload
 *     24  4  kind          1: an event
 *     28  4  CRC-32C       of the 28 bytes before
 *
 * The head has a checksum of its own so that a payload that is damaged costs only itself: where the next record begins
 * is still known. Where a head is damaged, the next one is looked for by the salt, which no stranger knows. */
#ifndef HOOKGATE_JOURNAL_RECORD_H
#define HOOKGATE_JOURNAL_RECORD_H

#include "base/buf.h"
#include "base/slice.h"

#include <stdint.h>

enum { JOURNAL_RECORD_HEAD = 32 };

/* All that is needed to put an event later, whatever the configuration is by then. In the order of the payload: new ones
 * come last. */
enum journal_field {
	JOURNAL_PREFIX, /* of the keys, and what they and the entry say of the route */
	JOURNAL_ROUTE,
	JOURNAL_SOURCE,
	JOURNAL_PROVIDER,
	JOURNAL_ID, /* from here on as in struct store_event */
	JOURNAL_GUARD,
	JOURNAL_TYPE,
	JOURNAL_TIME,
	JOURNAL_CONTENT_TYPE,
	JOURNAL_DATA,
	JOURNAL_HEADERS,
	JOURNAL_SECRET,
	JOURNAL_COVERED,
	JOURNAL_TRACEPARENT,
	JOURNAL_FIELDS
};

struct journal_event {
	int64_t arrived_ms; /* since 1970 */
	uint32_t window_s;
	bool deduplicate;
	bool ordered;
	/* What its route had asked for: that it is on Redis' disk, and that so many replicas have it (at most 15). */
	bool synced;
	uint8_t replicas;
	struct slice field[JOURNAL_FIELDS];
};

/* Appends the event as a record whose salt and sequence are not set yet. False, and nothing appended, when memory is
 * short or the event is over 4 GiB. */
bool journal_record_add(struct buf *out, const struct journal_event *event) __attribute__((warn_unused_result));

/* The same without a checksum: for memory that nobody else comes to read. Such a record is not completed, and
 * journal_record_scan does not know it. */
bool journal_record_add_bare(struct buf *out, const struct journal_event *event) __attribute__((warn_unused_result));

/* Completes a record that journal_record_add made. Its whole length. */
size_t journal_record_seal(unsigned char *record, uint64_t salt, uint64_t sequence);

/* The whole length of such a record, sealed or not. */
size_t journal_record_length(const unsigned char *record);

/* What an event will take, head and payload. */
size_t journal_record_size(const struct journal_event *event);

enum journal_scan {
	JOURNAL_SCAN_RECORD,  /* a record, `length` bytes with its head */
	JOURNAL_SCAN_PARTIAL, /* more bytes are wanted: `length` in all */
	JOURNAL_SCAN_DAMAGED  /* the next `length` bytes are none: a record may begin behind them */
};

struct journal_found {
	size_t length;
	uint64_t sequence;    /* of a record; of a damaged one 0 where it is not known */
	bool head_whole;      /* of a damaged one: only its payload is wrong */
	struct slice payload; /* borrowed from the bytes; of a record */
};

/* What stands at the beginning of `bytes`, which are not empty. With `all`, no more bytes will come: PARTIAL is then a
 * record whose end is missing. */
enum journal_scan journal_record_scan(struct slice bytes, uint64_t salt, bool all, struct journal_found *found);

/* Reads a payload; the slices are borrowed from it. False when it is none, though its checksum is right: from another
 * version. */
bool journal_record_read(struct slice payload, struct journal_event *event) __attribute__((warn_unused_result));

#endif
