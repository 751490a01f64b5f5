/* record.c - an event as a record of the journal, and back.
 *
 * The difficulty is reading what a crash or a bad disk has left: nothing that stands there is believed before its
 * checksum was right, and a head that is wrong must not hide the records behind it. */
#include "journal/record.h"

#include "journal/bytes.h"
#include "journal/crc.h"

enum {
	AT_SALT = 0,
	AT_SEQUENCE = 8,
	AT_LENGTH = 16,
	AT_CRC = 20,
	AT_KIND = 24,
	AT_HEAD_CRC = 28,
	KIND_EVENT = 1,
};

/* The payload's own head: version, flags, number of fields, window, arrival. */
enum {
	PAYLOAD_VERSION = 1,
	PAYLOAD_HEAD = 16,
	FLAG_DEDUPLICATE = 1,
	FLAG_ORDERED = 2,
	FLAG_SYNCED = 4,
	REPLICAS_SHIFT = 4, /* the upper half */
	REPLICAS_MAX = 15
};

static unsigned char flags_of(const struct journal_event *event)
{
	unsigned replicas = event->replicas < REPLICAS_MAX ? event->replicas : REPLICAS_MAX;
	return (unsigned char)((event->deduplicate ? FLAG_DEDUPLICATE : 0) | (event->ordered ? FLAG_ORDERED : 0) |
			       (event->synced ? FLAG_SYNCED : 0) | replicas << REPLICAS_SHIFT);
}

size_t journal_record_size(const struct journal_event *event)
{
	size_t size = JOURNAL_RECORD_HEAD + PAYLOAD_HEAD;
	for (size_t i = 0; i < JOURNAL_FIELDS; i++)
		size += 4 + event->field[i].n;
	return size;
}

/* From the payload's first byte on. */
static void write_payload(unsigned char *p, const struct journal_event *event)
{
	p[0] = PAYLOAD_VERSION;
	p[1] = flags_of(event);
	journal_write_number(p + 2, JOURNAL_FIELDS, 2);
	journal_write_number(p + 4, event->window_s, 4);
	journal_write_number(p + 8, (uint64_t)event->arrived_ms, 8);
	p += PAYLOAD_HEAD;
	for (size_t i = 0; i < JOURNAL_FIELDS; i++) {
		struct slice field = event->field[i];
		journal_write_number(p, field.n, 4);
		if (field.n > 0)
			memcpy(p + 4, field.p, field.n);
		p += 4 + field.n;
	}
}

bool journal_record_add_bare(struct buf *out, const struct journal_event *event)
{
	size_t size = journal_record_size(event);
	if (size > UINT32_MAX || !buf_room(out, size))
		return false;
	unsigned char *head = out->p + out->n;
	memset(head, 0, JOURNAL_RECORD_HEAD);
	journal_write_number(head + AT_LENGTH, size - JOURNAL_RECORD_HEAD, 4);
	journal_write_number(head + AT_KIND, KIND_EVENT, 4);
	write_payload(head + JOURNAL_RECORD_HEAD, event);
	out->n += size;
	return true;
}

bool journal_record_add(struct buf *out, const struct journal_event *event)
{
	size_t before = out->n;
	if (!journal_record_add_bare(out, event))
		return false;
	unsigned char *head = out->p + before;
	struct slice payload = slice_of(head + JOURNAL_RECORD_HEAD, out->n - before - JOURNAL_RECORD_HEAD);
	journal_write_number(head + AT_CRC, journal_crc32c(0, payload), 4);
	return true;
}

size_t journal_record_seal(unsigned char *record, uint64_t salt, uint64_t sequence)
{
	journal_write_number(record + AT_SALT, salt, 8);
	journal_write_number(record + AT_SEQUENCE, sequence, 8);
	journal_write_number(record + AT_HEAD_CRC, journal_crc32c(0, slice_of(record, AT_HEAD_CRC)), 4);
	return journal_record_length(record);
}

size_t journal_record_length(const unsigned char *record)
{
	return JOURNAL_RECORD_HEAD + (size_t)journal_read_number(record + AT_LENGTH, 4);
}

static bool is_head(const unsigned char *p, uint64_t salt)
{
	return journal_read_number(p + AT_SALT, 8) == salt &&
	       journal_read_number(p + AT_HEAD_CRC, 4) == journal_crc32c(0, slice_of(p, AT_HEAD_CRC));
}

/* How many bytes stand before the next head, or before what may be the beginning of one. */
static size_t before_head(struct slice bytes, uint64_t salt, bool all)
{
	unsigned char mark[8];
	journal_write_number(mark, salt, sizeof mark);
	/* Not memmem(): to a sanitizer that has read all that is left, and a ring is looked through record by record. */
	for (size_t at = 1; at + sizeof mark <= bytes.n; at++) {
		const unsigned char *found = memchr(bytes.p + at, mark[0], bytes.n - at - (sizeof mark - 1));
		if (!found)
			break;
		at = (size_t)(found - bytes.p);
		if (memcmp(found, mark, sizeof mark) != 0)
			continue;
		if (bytes.n - at < JOURNAL_RECORD_HEAD)
			return all ? bytes.n : at;
		if (is_head(found, salt))
			return at;
	}
	return all || bytes.n < sizeof mark ? bytes.n : bytes.n - (sizeof mark - 1);
}

enum journal_scan journal_record_scan(struct slice bytes, uint64_t salt, bool all, struct journal_found *found)
{
	*found = (struct journal_found){ .length = JOURNAL_RECORD_HEAD };
	if (bytes.n < JOURNAL_RECORD_HEAD)
		return JOURNAL_SCAN_PARTIAL;
	if (!is_head(bytes.p, salt)) {
		found->length = before_head(bytes, salt, all);
		return JOURNAL_SCAN_DAMAGED;
	}
	size_t length = (size_t)journal_read_number(bytes.p + AT_LENGTH, 4);
	found->length = JOURNAL_RECORD_HEAD + length;
	found->sequence = journal_read_number(bytes.p + AT_SEQUENCE, 8);
	if (bytes.n < found->length) {
		/* A head may be whole and its payload cut off in the middle of the file: what follows is then inside. */
		if (!all)
			return JOURNAL_SCAN_PARTIAL;
		size_t next = before_head(bytes, salt, all);
		if (next == bytes.n)
			return JOURNAL_SCAN_PARTIAL;
		found->length = next;
		found->head_whole = true;
		return JOURNAL_SCAN_DAMAGED;
	}
	struct slice payload = slice_of(bytes.p + JOURNAL_RECORD_HEAD, length);
	if (journal_crc32c(0, payload) != journal_read_number(bytes.p + AT_CRC, 4)) {
		found->length = before_head(slice_head(bytes, found->length), salt, true);
		found->head_whole = true;
		return JOURNAL_SCAN_DAMAGED;
	}
	found->payload = payload;
	return JOURNAL_SCAN_RECORD;
}

bool journal_record_read(struct slice payload, struct journal_event *event)
{
	struct journal_event read;
	if (payload.n < PAYLOAD_HEAD || payload.p[0] != PAYLOAD_VERSION ||
	    journal_read_number(payload.p + 2, 2) != JOURNAL_FIELDS)
		return false;
	read.deduplicate = (payload.p[1] & FLAG_DEDUPLICATE) != 0;
	read.ordered = (payload.p[1] & FLAG_ORDERED) != 0;
	read.synced = (payload.p[1] & FLAG_SYNCED) != 0;
	read.replicas = payload.p[1] >> REPLICAS_SHIFT;
	read.window_s = (uint32_t)journal_read_number(payload.p + 4, 4);
	read.arrived_ms = (int64_t)journal_read_number(payload.p + 8, 8);
	struct slice rest = slice_from(payload, PAYLOAD_HEAD);
	for (size_t i = 0; i < JOURNAL_FIELDS; i++) {
		if (rest.n < 4)
			return false;
		size_t n = (size_t)journal_read_number(rest.p, 4);
		if (n > rest.n - 4)
			return false;
		read.field[i] = slice_of(rest.p + 4, n);
		rest = slice_of(rest.p + 4 + n, rest.n - 4 - n);
	}
	if (rest.n > 0)
		return false;
	*event = read;
	return true;
}
