/* segment.c - a journal's files. The one thing to mind: a file that was made is there after a power cut only when its
 * folder was synced as well. */
#include "journal/segment.h"

#include "base/clock.h"
#include "journal/bytes.h"
#include "journal/crc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { VERSION = 1, AT_VERSION = 8, AT_SALT = 12, AT_MADE = 20, AT_CRC = 28, DIGITS = 16 };

static const char magic[] = "hookgate", suffix[] = ".journal";

void journal_segment_name(struct journal_segment_id id, char out[JOURNAL_SEGMENT_NAME])
{
	snprintf(out, JOURNAL_SEGMENT_NAME, "%016llx-%016llx%s", (unsigned long long)id.first,
		 (unsigned long long)id.salt, suffix);
}

static bool read_hex(const char *text, uint64_t *number)
{
	uint64_t n = 0;
	for (size_t i = 0; i < DIGITS; i++) {
		char c = text[i];
		if (c >= '0' && c <= '9')
			n = n << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			n = n << 4 | (uint64_t)(c - 'a' + 10);
		else
			return false;
	}
	*number = n;
	return true;
}

bool journal_segment_parse(const char *name, struct journal_segment_id *id)
{
	struct journal_segment_id read;
	if (strlen(name) != JOURNAL_SEGMENT_NAME - 1 || name[DIGITS] != '-' ||
	    strcmp(name + 2 * DIGITS + 1, suffix) != 0 || !read_hex(name, &read.first) ||
	    !read_hex(name + DIGITS + 1, &read.salt))
		return false;
	*id = read;
	return true;
}

int journal_segment_write(int fd, const unsigned char *bytes, size_t n, uint64_t at)
{
	while (n > 0) {
		ssize_t written = pwrite(fd, bytes, n, (off_t)at);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return written < 0 ? -errno : -ENOSPC;
		bytes += written;
		n -= (size_t)written;
		at += (uint64_t)written;
	}
	return 0;
}

static void make_head(struct journal_segment_id id, unsigned char head[JOURNAL_SEGMENT_HEAD])
{
	memcpy(head, magic, sizeof magic - 1);
	journal_write_number(head + AT_VERSION, VERSION, 4);
	journal_write_number(head + AT_SALT, id.salt, 8);
	journal_write_number(head + AT_MADE, (uint64_t)clock_wall_ms(), 8);
	journal_write_number(head + AT_CRC, journal_crc32c(0, slice_of(head, AT_CRC)), 4);
}

int journal_segment_create(int dir, struct journal_segment_id id, int *out)
{
	char name[JOURNAL_SEGMENT_NAME];
	unsigned char head[JOURNAL_SEGMENT_HEAD];
	journal_segment_name(id, name);
	make_head(id, head);
	int fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	int r = journal_segment_write(fd, head, sizeof head, 0);
	if (r == 0 && (fdatasync(fd) < 0 || fsync(dir) < 0))
		r = -errno;
	if (r == 0) {
		*out = fd;
		return 0;
	}
	close(fd);
	unlinkat(dir, name, 0);
	return r;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = ((const struct journal_segment_id *)a)->first, y = ((const struct journal_segment_id *)b)->first;
	return x < y ? -1 : x > y;
}

int journal_segment_list(int dir, struct journal_segment_id **out, size_t *out_count)
{
	struct journal_segment_id *ids = NULL;
	size_t count = 0, room = 0;
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	if (!folder) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
		struct journal_segment_id id;
		if (!journal_segment_parse(entry->d_name, &id))
			continue;
		if (count == room) {
			room = room > 0 ? room * 2 : 16;
			struct journal_segment_id *more = realloc(ids, room * sizeof *ids);
			if (!more) {
				r = -ENOMEM;
				break;
			}
			ids = more;
		}
		ids[count++] = id;
	}
	closedir(folder);
	if (r < 0) {
		free(ids);
		return r;
	}
	if (count > 0)
		qsort(ids, count, sizeof *ids, compare);
	*out = ids;
	*out_count = count;
	return 0;
}

enum journal_segment_head journal_segment_look(int fd, struct journal_segment_id id)
{
	unsigned char head[JOURNAL_SEGMENT_HEAD];
	if (pread(fd, head, sizeof head, 0) != (ssize_t)sizeof head || memcmp(head, magic, sizeof magic - 1) != 0 ||
	    journal_read_number(head + AT_CRC, 4) != journal_crc32c(0, slice_of(head, AT_CRC)))
		return JOURNAL_HEAD_DAMAGED;
	if (journal_read_number(head + AT_VERSION, 4) != VERSION)
		return JOURNAL_HEAD_FOREIGN;
	return journal_read_number(head + AT_SALT, 8) == id.salt ? JOURNAL_HEAD_WHOLE : JOURNAL_HEAD_DAMAGED;
}
