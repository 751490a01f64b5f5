/* ring.c - the last events, in a ring.
 *
 * The difficulty is that it is written for every event and hardly ever read: an event is copied once, to where a killed
 * process leaves it, and nothing is asked of the kernel. So there is no index: records say their own length, and a reader
 * that comes after a kill finds them by their salt, as in a segment. */
#include "journal/ring.h"

#include "journal/bytes.h"
#include "journal/crc.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* Before each record stands when it was added. The ring's own head: magic, version, salt, CRC; then whom it is about. */
enum { HEAD = 4096, AT_SALT = 8, AT_CRC = 16, AT_IDENTITY = 64, IDENTITY = 96, STAMP = 8 };

static const char magic[] = "hookwin1";

struct journal_ring {
	int lock;	    /* the file, open for its lock; -1: in memory only */
	unsigned char *map; /* the head, then the ring */
	size_t mapped;
	unsigned char *p;
	size_t size;
	uint64_t salt;
	bool outlives;		 /* the process: it has checksums, which memory alone has no reader for */
	size_t tail, head, wrap; /* records stand from tail to head, or from tail to wrap and then from 0 to head */
	bool wrapped;
	uint64_t first, next; /* numbers: of the record at tail, and of the one to come */
	int64_t lost_ms;
};

/* ---- making one ---- */

/* The salt, since a process may well have the number of one that was killed: in a container all have the same. The lock
 * is taken before the file has its name, so that nobody finds it without. */
static int map_file(const char *dir, unsigned number, struct journal_ring *ring)
{
	char path[4096], made[4096];
	snprintf(path, sizeof path, "%s/window-%d-%u-%016" PRIx64, dir, (int)getpid(), number, ring->salt);
	snprintf(made, sizeof made, "%s/new-window-%016" PRIx64, dir, ring->salt);
	int fd = open(made, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	/* Set aside now: a page that finds no room on the disk would end the process. */
	int r = -posix_fallocate(fd, 0, (off_t)ring->mapped);
	if (r == 0 && (flock(fd, LOCK_EX | LOCK_NB) < 0 || rename(made, path) < 0))
		r = -errno;
	if (r == 0) {
		ring->map = mmap(NULL, ring->mapped, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		r = ring->map == MAP_FAILED ? -errno : 0;
	}
	if (r == 0) {
		ring->lock = fd;
		return 0;
	}
	close(fd);
	unlink(made);
	unlink(path);
	return r;
}

static int map_memory(struct journal_ring *ring)
{
	ring->map =
		mmap(NULL, ring->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (ring->map == MAP_FAILED)
		return -errno;
	/* Until all of it has been written once, each event would cost a page fault or two, a twelfth of its CPU. Without huge
	 * pages it still works. */
	(void)madvise(ring->map, ring->mapped, MADV_HUGEPAGE);
	return 0;
}

int journal_ring_new(const char *dir, unsigned number, size_t size, struct journal_ring **out, struct reason *reason)
{
	struct journal_ring *ring = calloc(1, sizeof *ring);
	if (!ring)
		return -ENOMEM;
	ring->mapped = HEAD + size;
	ring->lock = -1;
	ring->outlives = dir != NULL;
	int r = 0;
	if (getrandom(&ring->salt, sizeof ring->salt, 0) != (ssize_t)sizeof ring->salt)
		r = -errno;
	if (r == 0)
		r = dir ? map_file(dir, number, ring) : map_memory(ring);
	if (r < 0) {
		reason_set(reason, "the replay window could not be made%s%.120s: %s", dir ? " in " : "", dir ? dir : "",
			   strerror(-r));
		free(ring);
		return r;
	}
	memcpy(ring->map, magic, AT_SALT);
	journal_write_number(ring->map + AT_SALT, ring->salt, 8);
	journal_write_number(ring->map + AT_CRC, journal_crc32c(0, slice_of(ring->map, AT_CRC)), 4);
	ring->p = ring->map + HEAD;
	ring->size = size;
	ring->first = ring->next = 1;
	ring->lost_ms = INT64_MIN;
	*out = ring;
	return 0;
}

void journal_ring_free(struct journal_ring *ring)
{
	if (!ring)
		return;
	munmap(ring->map, ring->mapped);
	if (ring->lock >= 0)
		close(ring->lock);
	free(ring);
}

void journal_ring_note(struct journal_ring *ring, const char *identity)
{
	snprintf((char *)ring->map + AT_IDENTITY, IDENTITY, "%s", identity);
}

/* ---- adding ---- */

static size_t length_at(const struct journal_ring *ring, size_t at)
{
	return STAMP + journal_record_length(ring->p + at + STAMP);
}

static int64_t stamp_at(const struct journal_ring *ring, size_t at)
{
	return (int64_t)journal_read_number(ring->p + at, STAMP);
}

static bool is_empty(const struct journal_ring *ring)
{
	return ring->first == ring->next;
}

/* Takes the oldest out. Its bytes stay until others take their place. */
static void drop_oldest(struct journal_ring *ring)
{
	ring->tail += length_at(ring, ring->tail);
	ring->first++;
	if (ring->wrapped && ring->tail >= ring->wrap) {
		ring->tail = 0;
		ring->wrapped = false;
	}
	if (is_empty(ring)) {
		ring->tail = ring->head;
		ring->wrapped = false;
	}
}

/* Makes `size` bytes free from head on, at the price of the oldest. */
static void make_room(struct journal_ring *ring, size_t size)
{
	if (!ring->wrapped && ring->size - ring->head < size) {
		/* What stands in front of the wrap is older than what comes behind it. */
		ring->wrap = ring->head;
		ring->head = 0;
		ring->wrapped = !is_empty(ring);
		if (!ring->wrapped)
			ring->tail = 0;
	}
	while (!is_empty(ring) && ring->wrapped && ring->tail - ring->head < size) {
		ring->lost_ms = stamp_at(ring, ring->tail);
		drop_oldest(ring);
		/* All behind the head is gone: what is left of the ring is free, unless that is too little as well. */
		if (!ring->wrapped && ring->size - ring->head < size) {
			make_room(ring, size);
			return;
		}
	}
}

bool journal_ring_add(struct journal_ring *ring, const struct journal_event *event, int64_t now_ms)
{
	size_t size = STAMP + journal_record_size(event);
	if (size > ring->size / 2) {
		ring->lost_ms = now_ms;
		return false;
	}
	make_room(ring, size);
	unsigned char *at = ring->p + ring->head;
	struct buf record = { .p = at + STAMP, .size = size - STAMP };
	journal_write_number(at, (uint64_t)now_ms, STAMP);
	/* It fits, so nothing grows. */
	if (!(ring->outlives ? journal_record_add(&record, event) : journal_record_add_bare(&record, event)))
		return false;
	if (ring->outlives)
		journal_record_seal(at + STAMP, ring->salt, ring->next);
	ring->head += size;
	ring->next++;
	return true;
}

void journal_ring_forget(struct journal_ring *ring, int64_t before_ms)
{
	while (!is_empty(ring) && stamp_at(ring, ring->tail) < before_ms)
		drop_oldest(ring);
}

int64_t journal_ring_oldest_ms(const struct journal_ring *ring)
{
	return is_empty(ring) ? INT64_MIN : stamp_at(ring, ring->tail);
}

int64_t journal_ring_lost_ms(const struct journal_ring *ring)
{
	return ring->lost_ms;
}

bool journal_ring_next(const struct journal_ring *ring, struct journal_ring_place *place, struct journal_event *event)
{
	if (place->number <= ring->first)
		*place = (struct journal_ring_place){ ring->first, ring->tail };
	if (place->number >= ring->next)
		return false;
	/* At the end of what stands before the wrap, the next stands at the beginning. */
	if (ring->wrapped && place->at == ring->wrap)
		place->at = 0;
	size_t length = length_at(ring, place->at);
	struct slice record = slice_of(ring->p + place->at + STAMP, length - STAMP);
	place->at += length;
	place->number++;
	return journal_record_read(slice_from(record, JOURNAL_RECORD_HEAD), event);
}
