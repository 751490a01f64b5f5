/* ring_read.c - what a killed process has left in its ring.
 *
 * The difficulty: nobody knows where it begins, and in its middle a record may be half written over another. So all is
 * looked through for whole records, and they are put into the order of their numbers. */
#include "journal/bytes.h"
#include "journal/crc.h"
#include "journal/ring.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEAD = 4096, AT_SALT = 8, AT_CRC = 16, AT_IDENTITY = 64, IDENTITY = 96 };

struct piece {
	uint64_t sequence;
	struct slice payload;
	int64_t arrived_ms;
};

struct pieces {
	struct piece *items;
	size_t count, room;
	int64_t newest_ms;
};

static int read_file(int dir, const char *name, struct buf *out)
{
	struct stat about;
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC), r = 0;
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(fd, &about) < 0)
		r = -errno;
	else if (!buf_room(out, (size_t)about.st_size))
		r = -ENOMEM;
	while (r == 0 && out->n < (size_t)about.st_size) {
		ssize_t got = read(fd, out->p + out->n, (size_t)about.st_size - out->n);
		if (got <= 0) {
			r = got < 0 ? -errno : 0;
			break;
		}
		out->n += (size_t)got;
	}
	close(fd);
	return r;
}

static bool add(struct pieces *pieces, const struct journal_found *found)
{
	struct journal_event event;
	if (!journal_record_read(found->payload, &event))
		return true;
	if (pieces->count == pieces->room) {
		size_t room = pieces->room > 0 ? pieces->room * 2 : 1024;
		struct piece *items = realloc(pieces->items, room * sizeof *items);
		if (!items)
			return false;
		pieces->items = items;
		pieces->room = room;
	}
	if (pieces->count == 0 || event.arrived_ms > pieces->newest_ms)
		pieces->newest_ms = event.arrived_ms;
	pieces->items[pieces->count++] = (struct piece){ found->sequence, found->payload, event.arrived_ms };
	return true;
}

static int gather(struct slice bytes, struct pieces *pieces)
{
	uint64_t salt = journal_read_number(bytes.p + AT_SALT, 8);
	for (struct slice rest = slice_from(bytes, HEAD); rest.n >= JOURNAL_RECORD_HEAD;) {
		struct journal_found found;
		enum journal_scan scan = journal_record_scan(rest, salt, true, &found);
		if (scan == JOURNAL_SCAN_PARTIAL)
			break;
		if (scan == JOURNAL_SCAN_RECORD && !add(pieces, &found))
			return -ENOMEM;
		rest = slice_from(rest, found.length);
	}
	return 0;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = ((const struct piece *)a)->sequence, y = ((const struct piece *)b)->sequence;
	return x < y ? -1 : x > y;
}

static int read_one(int dir, const char *name, int64_t within_ms,
		    int (*each)(void *arg, const struct journal_event *event, const char *identity), void *arg)
{
	char identity[IDENTITY] = "";
	struct pieces pieces = { .items = NULL };
	struct buf bytes = BUF_EMPTY;
	struct journal_event event;
	int r = read_file(dir, name, &bytes);
	bool known = r == 0 && bytes.n > HEAD && memcmp(bytes.p, "hookwin1", AT_SALT) == 0 &&
		     journal_read_number(bytes.p + AT_CRC, 4) == journal_crc32c(0, slice_of(bytes.p, AT_CRC));
	if (known) {
		memcpy(identity, bytes.p + AT_IDENTITY, IDENTITY - 1);
		r = gather(buf_slice(&bytes), &pieces);
	}
	if (pieces.count > 0)
		qsort(pieces.items, pieces.count, sizeof *pieces.items, compare);
	for (size_t i = 0; r == 0 && i < pieces.count; i++)
		if (pieces.items[i].arrived_ms >= pieces.newest_ms - within_ms &&
		    journal_record_read(pieces.items[i].payload, &event))
			r = each(arg, &event, identity);
	free(pieces.items);
	buf_free(&bytes);
	return r;
}

/* Whose process lives holds its lock; this one's, too, which are open elsewhere. */
static bool is_left(int dir, const char *name)
{
	if (!slice_starts(slice_str(name), SLICE("window-")))
		return false;
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	bool left = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) == 0;
	if (fd >= 0)
		close(fd);
	return left;
}

int journal_ring_read_left(const char *path, int64_t within_ms,
			   int (*each)(void *arg, const struct journal_event *event, const char *identity), void *arg,
			   struct buf *names)
{
	DIR *folder = opendir(path);
	int r = 0;
	if (!folder)
		return -errno;
	for (const struct dirent *entry = readdir(folder); entry && r == 0; entry = readdir(folder)) {
		if (!is_left(dirfd(folder), entry->d_name))
			continue;
		r = read_one(dirfd(folder), entry->d_name, within_ms, each, arg);
		buf_add(names, slice_of(entry->d_name, strlen(entry->d_name) + 1));
	}
	closedir(folder);
	return r == 0 && buf_failed(names) ? -ENOMEM : r;
}

void journal_ring_remove_left(const char *path, struct slice names)
{
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return;
	for (size_t n; names.n > 0; names = slice_from(names, n)) {
		const char *name = (const char *)names.p;
		n = strlen(name) + 1;
		unlinkat(dir, name, 0);
	}
	close(dir);
}
