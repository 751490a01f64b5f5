/* recover.c - what a journal finds in its folder when it is opened.
 *
 * The difficulty is to tell a crash from a bad disk. A record whose end is missing was being written when the process or
 * the machine went: nobody was told that it is kept, and it is cut off. What else is no record may be one that somebody
 * was told of: it is copied to a file of its own, said in the log, and costs only itself. */
#include "base/log.h"
#include "journal/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- what is damaged ---- */

static int copy_stretch(int from, uint64_t at, uint64_t length, int to)
{
	unsigned char piece[16384];
	for (uint64_t done = 0; done < length;) {
		size_t n = length - done < sizeof piece ? (size_t)(length - done) : sizeof piece;
		ssize_t got = pread(from, piece, n, (off_t)(at + done));
		if (got <= 0)
			return got < 0 ? -errno : -EIO;
		int r = journal_segment_write(to, piece, (size_t)got, done);
		if (r < 0)
			return r;
		done += (uint64_t)got;
	}
	return fdatasync(to) < 0 ? -errno : 0;
}

void journal_set_aside(struct journal *journal, int fd, struct journal_segment_id id, uint64_t at, uint64_t length)
{
	char name[64];
	snprintf(name, sizeof name, "damaged-%016llx-%llu", (unsigned long long)id.first, (unsigned long long)at);
	int to = openat(journal->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	/* Met before, at an earlier start or at this one. */
	if (to < 0 && errno == EEXIST)
		return;
	int r = to < 0 ? -errno : copy_stretch(fd, at, length, to);
	if (to >= 0)
		close(to);
	journal_count(&journal->damaged, 1);
	log_line(LOG_ERROR, "journal damaged", LOG_C("dir", journal->path), LOG_U("segment", id.first), LOG_U("at", at),
		 LOG_U("bytes", length), LOG_C("copied_to", r == 0 ? name : NULL),
		 LOG_C("reason", r < 0 ? strerror(-r) : NULL),
		 LOG_C("effect", "what stood there is lost to the stream; the records around it are not"));
}

/* ---- a segment ---- */

static void cut_off(struct journal *journal, int fd, struct journal_segment *segment, uint64_t at, uint64_t length)
{
	bool cut = ftruncate(fd, (off_t)at) == 0;
	if (cut)
		segment->size = at;
	journal_count(&journal->torn, 1);
	log_line(LOG_WARNING, cut ? "journal: a torn record was cut off" : "journal: a torn record stands at the end",
		 LOG_C("dir", journal->path), LOG_U("segment", segment->id.first), LOG_U("at", at),
		 LOG_U("bytes", length));
}

static void count_record(struct journal *journal, struct journal_segment *segment, uint64_t mark)
{
	const struct journal_reader *reader = &journal->reader;
	if (reader->sequence >= journal->next_sequence)
		journal->next_sequence = reader->sequence + 1;
	if (reader->sequence <= mark) {
		journal->kept = (struct journal_place){ segment->id.first, reader->at };
		return;
	}
	if (atomic_fetch_add(&journal->records, 1) == 0)
		atomic_store(&journal->oldest_ms, reader->event.arrived_ms);
	atomic_fetch_add(&journal->slots[journal_slot(reader->event.field[JOURNAL_ROUTE])], 1);
	segment->records++;
	segment->records_end = reader->at;
}

static int read_segment(struct journal *journal, struct journal_segment *segment, int fd, uint64_t mark)
{
	struct journal_reader *reader = &journal->reader;
	if (journal_segment_look(fd, segment->id) == JOURNAL_HEAD_FOREIGN)
		return -EINVAL;
	journal_reader_begin(reader, fd, segment->id, segment->size);
	for (;;) {
		switch (journal_reader_next(reader)) {
		case JOURNAL_READ_RECORD:
			count_record(journal, segment, mark);
			break;
		case JOURNAL_READ_FOREIGN:
			return -EINVAL;
		case JOURNAL_READ_DAMAGED:
			journal_set_aside(journal, fd, segment->id, reader->found_at, reader->found_length);
			break;
		case JOURNAL_READ_TORN:
			cut_off(journal, fd, segment, reader->found_at, reader->found_length);
			return 0;
		case JOURNAL_READ_END:
			return 0;
		case JOURNAL_READ_FAULT:
			return -ENOMEM;
		}
	}
}

/* Reads the segment, and keeps it when anything in it is still to be taken out. */
static int take_segment(struct journal *journal, struct journal_segment_id id, uint64_t mark)
{
	char name[JOURNAL_SEGMENT_NAME];
	struct journal_segment *segment = calloc(1, sizeof *segment);
	if (!segment)
		return -ENOMEM;
	segment->id = id;
	segment->closed = true;
	journal_segment_name(id, name);
	int fd = openat(journal->dir, name, O_RDWR | O_CLOEXEC);
	if (fd < 0 && (errno == EROFS || errno == EACCES))
		fd = openat(journal->dir, name, O_RDONLY | O_CLOEXEC);
	struct stat about;
	int r = fd < 0 || fstat(fd, &about) < 0 ? -errno : 0;
	if (r == 0) {
		segment->size = (uint64_t)about.st_size;
		r = read_segment(journal, segment, fd, mark);
	}
	if (fd >= 0)
		close(fd);
	if (r < 0 || segment->records == 0) {
		if (r == 0)
			unlinkat(journal->dir, name, 0);
		free(segment);
		return r;
	}
	*journal->segments_last = segment;
	journal->segments_last = &segment->next;
	atomic_fetch_add(&journal->disk, segment->size);
	return 0;
}

int journal_recover(struct journal *journal, struct reason *reason)
{
	struct journal_segment_id *ids = NULL;
	size_t count = 0;
	uint64_t mark = journal_mark_read(journal->mark);
	int r = journal_segment_list(journal->dir, &ids, &count);
	journal->next_sequence = mark + 1;
	for (size_t i = 0; r == 0 && i < count; i++) {
		if (ids[i].first >= journal->next_sequence)
			journal->next_sequence = ids[i].first;
		r = take_segment(journal, ids[i], mark);
		if (r == -EINVAL)
			reason_set(reason, "%.150s: a segment was written by another version of hookgate",
				   journal->path);
		else if (r < 0)
			reason_set(reason, "%.150s: %s", journal->path, strerror(-r));
	}
	free(ids);
	journal->stored = journal->kept;
	/* So that nothing below is taken for stored before. */
	journal->stored_sequence = mark;
	if (r == 0 && atomic_load(&journal->records) > 0)
		log_line(LOG_INFO, "journal holds events", LOG_C("dir", journal->path),
			 LOG_U("records", atomic_load(&journal->records)), LOG_U("bytes", atomic_load(&journal->disk)));
	return r;
}
