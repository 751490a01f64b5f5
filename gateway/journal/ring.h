/* ring.h - the last events that were put into Redis, in memory or in a file that outlives the process: a ring of records,
 * of which a new one takes the place of the oldest.
 *
 * The file is mapped and never synced: what was written to it is there after the process was killed, though not after a
 * power cut. One thread. */
#ifndef HOOKGATE_JOURNAL_RING_H
#define HOOKGATE_JOURNAL_RING_H

#include "base/reason.h"
#include "journal/record.h"

struct journal_ring;

/* `dir` NULL: in memory only. Else a file window-PROCESS-NUMBER-SALT there, for which `size` bytes are set aside on the
 * disk at once; it is locked for as long as the ring or its process lives. 0, or -errno with the reason. */
int journal_ring_new(const char *dir, unsigned number, size_t size, struct journal_ring **out, struct reason *reason)
	__attribute__((warn_unused_result));

/* Accepts NULL. The file stays. */
void journal_ring_free(struct journal_ring *ring);

/* Copies an event in; `now_ms` is on any clock that does not go back. False when it is larger than the ring. */
bool journal_ring_add(struct journal_ring *ring, const struct journal_event *event, int64_t now_ms);

/* Forgets what was added before. */
void journal_ring_forget(struct journal_ring *ring, int64_t before_ms);

/* When the oldest that is held was added, and the newest that had to make room; INT64_MIN: none. */
int64_t journal_ring_oldest_ms(const struct journal_ring *ring);
int64_t journal_ring_lost_ms(const struct journal_ring *ring);

/* A place in the ring; zeroed, it is before all. */
struct journal_ring_place {
	uint64_t number;
	size_t at;
};

/* The event at the place, or the oldest where that one had to make room; the place is moved behind it. Borrowed until the
 * next add. False when there is none. */
bool journal_ring_next(const struct journal_ring *ring, struct journal_ring_place *place, struct journal_event *event);

/* Which Redis the events were put into: kept beside them, at most 95 bytes. */
void journal_ring_note(struct journal_ring *ring, const char *identity);

/* What processes that are no more have left in `dir`, one after the other: calls back for each event that is whole and
 * arrived within `within_ms` of its file's newest, in order; `identity` is whom it was put into. The files' names, each with
 * its NUL, are added to `names`. 0, or what the callback gave, or -errno. */
int journal_ring_read_left(const char *dir, int64_t within_ms,
			   int (*each)(void *arg, const struct journal_event *event, const char *identity), void *arg,
			   struct buf *names) __attribute__((warn_unused_result));

/* Removes the files of these names. */
void journal_ring_remove_left(const char *dir, struct slice names);

#endif
