/* reader.c - a segment, record by record. The difficulty: a disk that cannot read a page says so for the whole of a
 * read; what cannot be read is taken as zeros, so that it costs only the records that it is part of. */
#include "journal/reader.h"

#include <errno.h>
#include <unistd.h>

enum { CHUNK = 256 * 1024, PAGE = 4096 };

void journal_reader_begin(struct journal_reader *reader, int fd, struct journal_segment_id id, uint64_t end)
{
	*reader = (struct journal_reader){ .fd = fd, .salt = id.salt, .end = end, .bytes = reader->bytes };
	buf_clear(&reader->bytes);
	journal_reader_seek(reader, JOURNAL_SEGMENT_HEAD);
}

void journal_reader_seek(struct journal_reader *reader, uint64_t at)
{
	reader->at = at;
	/* What is in memory may serve again. */
	if (at >= reader->bytes_at && at <= reader->bytes_at + reader->bytes.n)
		return;
	reader->bytes_at = at;
	buf_clear(&reader->bytes);
}

/* One read into the room there is: how many bytes there are now, 0 at the end of the file. */
static size_t read_some(const struct journal_reader *reader, unsigned char *p, size_t n, uint64_t at)
{
	for (;;) {
		ssize_t got = pread(reader->fd, p, n, (off_t)at);
		if (got >= 0)
			return (size_t)got;
		if (errno == EINTR)
			continue;
		size_t page = PAGE - at % PAGE;
		if (n > page) {
			n = page;
			continue;
		}
		memset(p, 0, n);
		return n;
	}
}

/* Has `want` bytes from reader->at on in memory, or all up to the end. False when memory is short. */
static bool fill(struct journal_reader *reader, size_t want)
{
	struct buf *bytes = &reader->bytes;
	size_t used = (size_t)(reader->at - reader->bytes_at);
	if (bytes->n - used >= want)
		return true;
	if (used > 0)
		memmove(bytes->p, bytes->p + used, bytes->n - used);
	bytes->n -= used;
	reader->bytes_at = reader->at;
	uint64_t left = reader->end - reader->at;
	size_t size = want < CHUNK ? CHUNK : want;
	if (size > left)
		size = (size_t)left;
	if (size <= bytes->n)
		return true;
	if (!buf_room(bytes, size - bytes->n))
		return false;
	while (bytes->n < size) {
		size_t got = read_some(reader, bytes->p + bytes->n, size - bytes->n, reader->at + bytes->n);
		if (got == 0)
			reader->end = reader->at + bytes->n;
		if (got == 0)
			break;
		bytes->n += got;
	}
	return true;
}

static bool is_zeros(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != 0)
			return false;
	return true;
}

static enum journal_read give(struct journal_reader *reader, enum journal_read what, uint64_t from)
{
	reader->found_at = from;
	reader->found_length = reader->at - from;
	return what;
}

/* A stretch that is no record goes on until one begins, be it longer than what is in memory. */
static enum journal_read skip(struct journal_reader *reader, uint64_t from, bool torn)
{
	return give(reader, torn ? JOURNAL_READ_TORN : JOURNAL_READ_DAMAGED, from);
}

enum journal_read journal_reader_next(struct journal_reader *reader)
{
	uint64_t from = reader->at;
	bool zeros = true;
	size_t want = JOURNAL_RECORD_HEAD;
	for (;;) {
		struct journal_found found;
		if (!fill(reader, want))
			return JOURNAL_READ_FAULT;
		size_t used = (size_t)(reader->at - reader->bytes_at);
		struct slice bytes = slice_from(buf_slice(&reader->bytes), used);
		if (reader->at >= reader->end || bytes.n == 0)
			return reader->at == from ? give(reader, JOURNAL_READ_END, from) : skip(reader, from, zeros);
		if (bytes.n > reader->end - reader->at)
			bytes.n = (size_t)(reader->end - reader->at);
		bool all = reader->at + bytes.n >= reader->end;
		enum journal_scan scan = journal_record_scan(bytes, reader->salt, all, &found);
		if (scan == JOURNAL_SCAN_PARTIAL && !all) {
			want = found.length;
			continue;
		}
		if (scan == JOURNAL_SCAN_DAMAGED) {
			zeros = zeros && is_zeros(slice_head(bytes, found.length));
			reader->at += found.length;
			want = JOURNAL_RECORD_HEAD;
			if (found.head_whole)
				return skip(reader, from, false);
			continue;
		}
		/* A record, or the beginning of one: damage before it comes first. */
		if (reader->at > from)
			return skip(reader, from, false);
		if (scan == JOURNAL_SCAN_PARTIAL) {
			reader->at += bytes.n;
			return skip(reader, from, true);
		}
		reader->at += found.length;
		reader->sequence = found.sequence;
		return give(reader,
			    journal_record_read(found.payload, &reader->event) ? JOURNAL_READ_RECORD
									       : JOURNAL_READ_FOREIGN,
			    from);
	}
}

void journal_reader_end(struct journal_reader *reader)
{
	buf_free(&reader->bytes);
}
