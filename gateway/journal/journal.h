/* journal.h - events on the gateway's own disk, for as long as Redis cannot take them.
 *
 * Any number of lanes, one per worker, append; a thread of the journal's writes and syncs, once for all that came
 * together; one reader, anywhere, takes the events out again in their order. An event that was appended is on disk when
 * its `done` says so, and stays there until the reader says that it may be forgotten.
 *
 * A folder belongs to one gateway at a time. README.md says what its files are. */
#ifndef HOOKGATE_JOURNAL_JOURNAL_H
#define HOOKGATE_JOURNAL_JOURNAL_H

#include "base/loop.h"
#include "base/reason.h"
#include "journal/record.h"

#include <stdatomic.h>

struct journal;

struct journal_setup {
	const char *dir;   /* made where it is missing */
	uint64_t max_size; /* bytes of all segments together */
	bool wait;	   /* for another gateway to give the folder back, instead of refusing to open it */
};

/* Takes the folder for this process, looks at all that stands in it, cuts off what a crash has left half written, sets
 * aside what is damaged (each said in the log), and starts the journal's thread. A folder that cannot be written to is no
 * reason not to: the journal then refuses what is appended, and says so. With `wait`, all this may happen later, and the
 * journal is not ready until then. 0; -EBUSY when another gateway has the folder;
 * -EINVAL when a file in it is of another version; -errno; reason set. */
int journal_open(const struct journal_setup *setup, struct journal **out, struct reason *reason)
	__attribute__((warn_unused_result));

/* After all lanes were freed and the reader has stopped. Removes what may be forgotten. Accepts NULL. */
void journal_close(struct journal *journal);

/* False while the folder is another gateway's. From any thread. */
bool journal_ready(const struct journal *journal);

/* ---- appending ---- */

struct journal_lane;

/* Embedded in the caller's delivery; zeroed before first use. */
struct journal_append {
	/* Called exactly once for each append that returned 0, from the loop, never from within it. `reason` is for a
	 * person and NULL when the event is on disk; else it is not known to be. */
	void (*done)(struct journal_append *append, const char *reason);
	struct journal_append *next;
};

/* A worker's way in. `patience_ms` bounds how long an append waits for the disk. What one turn of the loop appends is
 * handed over together, in a hook that is added here. */
int journal_lane_new(struct journal *journal, struct loop *loop, int64_t patience_ms, struct journal_lane **out)
	__attribute__((warn_unused_result));

/* Waits for what is on its way to the disk, so that every append still out gets its `done` first. Accepts NULL. */
void journal_lane_free(struct journal_lane *lane);

/* Copies the event. 0: `done` will be called. Negative, and it will not be, at once: -ENOSPC: the journal is full;
 * -EIO: its disk fails; -EBUSY: it is not ready; -EAGAIN: the disk does not keep up (64 MiB of this lane wait); -EFBIG: larger than the journal;
 * -ENOMEM. */
int journal_lane_append(struct journal_lane *lane, const struct journal_event *event, struct journal_append *append)
	__attribute__((warn_unused_result));

/* Are there events of this route that were appended and are not stored? Now and then said of a route that has none.
 * From any thread. */
bool journal_holds(const struct journal *journal, struct slice route);

/* ---- taking out ---- */

struct journal_item {
	const struct journal_event *event; /* borrowed until the next journal_next */
	uint64_t sequence;
	uint64_t segment, end; /* its place */
	int64_t arrived_ms;
	unsigned slot;
	bool again; /* it was stored before, and counts as waiting only since it was read */
};

/* Has `wake` called in the loop when there may be more to read. One reader at a time, all its calls from one thread. */
int journal_reader_start(struct journal *journal, struct loop *loop, void (*wake)(void *arg), void *arg)
	__attribute__((warn_unused_result));
void journal_reader_stop(struct journal *journal);

/* The next event on disk, in order. 1: there is one; 0: none now; -errno: it cannot be read now. */
int journal_next(struct journal *journal, struct journal_item *item) __attribute__((warn_unused_result));

/* This item is in Redis: it waits no longer, and a rewind does not bring it back. In the order in which they were
 * read. */
void journal_stored(struct journal *journal, const struct journal_item *item);

/* This item, which was stored, and all before it, need not be kept any longer: files that hold no others go. */
void journal_forget(struct journal *journal, const struct journal_item *item);

/* This item was read, was not stored, and a rewind is about to bring it back: it does not count twice. */
void journal_dropped(struct journal *journal, const struct journal_item *item);

/* What was read and not stored will be read again; with `all`, what was stored and not forgotten, too. */
void journal_rewind(struct journal *journal, bool all);

/* ---- what is seen from outside; from any thread ---- */

enum journal_state { JOURNAL_WELL, JOURNAL_FULL, JOURNAL_FAILING };

enum { JOURNAL_BUCKETS = 10 };
extern const uint32_t journal_bucket_us[JOURNAL_BUCKETS];

struct journal_counts {
	enum journal_state state;
	uint64_t records;	    /* waiting to be stored */
	uint64_t bytes;		    /* of the files, and of what is on its way to them */
	uint64_t max_size;	    /* bytes */
	int64_t oldest_ms;	    /* when the oldest that waits arrived, since 1970; 0: none waits */
	uint64_t appended, drained; /* records since the start */
	uint64_t syncs, sync_bucket[JOURNAL_BUCKETS + 1], sync_us;
	uint64_t refused_full, refused_failing, refused_slow; /* appends */
	uint64_t damaged, torn;				      /* stretches that were no records */
};

void journal_counts(const struct journal *journal, struct journal_counts *out);

#endif
