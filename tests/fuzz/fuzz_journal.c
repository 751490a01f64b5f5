/* fuzz_journal.c - a segment of a journal as a bad disk may give it, and a payload whose checksum was right.
 *
 * Input: a segment's file, its records salted with "saltsalt". It is read once whole and once as far as half of it, and then
 * on; and all of it is taken for a payload. */
#include "fuzz.h"
#include "journal/reader.h"

#include <sys/mman.h>
#include <unistd.h>

static void look_at_event(const struct journal_event *event, const unsigned char *from, const unsigned char *to)
{
	for (size_t i = 0; i < JOURNAL_FIELDS; i++) {
		struct slice field = event->field[i];
		MUST(field.n == 0 || (field.p >= from && field.p + field.n <= to));
	}
}

/* What is found stands side by side, without gaps, from the first record to the end. The number of records. */
static size_t read_on(struct journal_reader *reader, size_t end)
{
	size_t records = 0;
	for (uint64_t at = reader->at;;) {
		enum journal_read what = journal_reader_next(reader);
		MUST(what != JOURNAL_READ_FAULT);
		if (what == JOURNAL_READ_END) {
			MUST(at >= end);
			return records;
		}
		MUST(reader->found_at == at && reader->found_length > 0);
		at += reader->found_length;
		MUST(at == reader->at && at <= end);
		if (what == JOURNAL_READ_RECORD) {
			const struct buf *bytes = &reader->bytes;
			look_at_event(&reader->event, bytes->p, bytes->p + bytes->n);
			records++;
		}
	}
}

static void read_segment(const uint8_t *data, size_t size)
{
	struct journal_segment_id id = { 1, 0x746c6173746c6173 };
	struct journal_reader reader = { .fd = -1 };
	int fd = memfd_create("segment", MFD_CLOEXEC);
	MUST(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	(void)journal_segment_look(fd, id);
	journal_reader_begin(&reader, fd, id, size);
	size_t records = read_on(&reader, size);
	/* In two parts, the first of which ends behind a record, as a segment's that is still written to does. */
	journal_reader_begin(&reader, fd, id, size);
	enum journal_read first = journal_reader_next(&reader);
	if (first == JOURNAL_READ_RECORD) {
		size_t end = (size_t)reader.at;
		journal_reader_begin(&reader, fd, id, end);
		MUST(read_on(&reader, end) == 1);
		reader.end = size;
		MUST(read_on(&reader, size) == records - 1);
	}
	journal_reader_end(&reader);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct journal_event event;
	if (journal_record_read(slice_of(data, size), &event))
		look_at_event(&event, data, data + size);
	read_segment(data, size);
	return 0;
}
