/* look.c - a journal's folder, looked through. The one difficulty: a gateway may be at it, so a segment may be gone by the
 * time it is opened, which is nothing, and one that is written to may end in the middle of a record. */
#include "journal/look.h"

#include "journal/mark.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct journal_look {
	int dir, fd;
	uint64_t mark;
	struct journal_segment_id *ids;
	size_t count, next; /* the one that is read is the one before `next` */
	struct journal_reader reader;
};

int journal_look_open(const char *dir, struct journal_look **out, struct reason *reason)
{
	struct journal_look *look = calloc(1, sizeof *look);
	if (!look)
		return -ENOMEM;
	look->fd = -1;
	look->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = look->dir < 0 ? -errno : journal_segment_list(look->dir, &look->ids, &look->count);
	if (r < 0) {
		reason_set(reason, "journal.dir %.150s: %s", dir, strerror(-r));
		journal_look_close(look);
		return r;
	}
	int mark = openat(look->dir, "mark", O_RDONLY | O_CLOEXEC);
	look->mark = journal_mark_read(mark);
	if (mark >= 0)
		close(mark);
	*out = look;
	return 0;
}

static int open_next(struct journal_look *look, struct reason *reason)
{
	char name[JOURNAL_SEGMENT_NAME];
	struct journal_segment_id id = look->ids[look->next++];
	journal_segment_name(id, name);
	if (look->fd >= 0)
		close(look->fd);
	look->fd = openat(look->dir, name, O_RDONLY | O_CLOEXEC);
	if (look->fd < 0 && errno == ENOENT)
		return 0;
	if (look->fd < 0 || journal_segment_look(look->fd, id) == JOURNAL_HEAD_FOREIGN) {
		int r = look->fd < 0 ? -errno : -EINVAL;
		reason_set(reason, "%s: %s", name, r == -EINVAL ? "of another version of hookgate" : strerror(-r));
		return r;
	}
	journal_reader_begin(&look->reader, look->fd, id, INT64_MAX);
	return 0;
}

int journal_look_next(struct journal_look *look, struct journal_looked *looked, struct reason *reason)
{
	struct journal_reader *reader = &look->reader;
	enum journal_read what = look->fd < 0 ? JOURNAL_READ_END : journal_reader_next(reader);
	while (what == JOURNAL_READ_END && look->next < look->count) {
		int r = open_next(look, reason);
		if (r < 0)
			return r;
		what = look->fd < 0 ? JOURNAL_READ_END : journal_reader_next(reader);
	}
	if (what == JOURNAL_READ_FAULT) {
		reason_set(reason, "memory is short");
		return -ENOMEM;
	}
	*looked = (struct journal_looked){ .what = what };
	if (what == JOURNAL_READ_END)
		return 0;
	journal_segment_name(look->ids[look->next - 1], looked->file);
	looked->at = reader->found_at;
	looked->length = reader->found_length;
	if (what == JOURNAL_READ_RECORD || what == JOURNAL_READ_FOREIGN) {
		looked->sequence = reader->sequence;
		looked->done = reader->sequence <= look->mark;
	}
	if (what == JOURNAL_READ_RECORD)
		looked->event = &reader->event;
	return 0;
}

void journal_look_close(struct journal_look *look)
{
	if (!look)
		return;
	journal_reader_end(&look->reader);
	if (look->fd >= 0)
		close(look->fd);
	if (look->dir >= 0)
		close(look->dir);
	free(look->ids);
	free(look);
}
