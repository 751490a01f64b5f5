/* inside.h - what the journal's files know of each other; of this room only.
 *
 * Three parties share a journal: lanes, the writer's thread, the reader. Under `lock` stand the queue between the first
 * two and the list of segments between the last two; what is counted is atomic. */
#ifndef HOOKGATE_JOURNAL_INSIDE_H
#define HOOKGATE_JOURNAL_INSIDE_H

#include "journal/journal.h"
#include "journal/mark.h"
#include "journal/reader.h"

#include <pthread.h>

/* Routes are told apart by a hash of their names: two in one slot are only taken for each other's waiting. */
enum { JOURNAL_SLOTS = 1024 };

/* What one turn of a lane's loop appended, as bytes that only lack sequence and salt. */
struct journal_batch {
	struct journal_batch *next;	  /* in the lane's list */
	struct journal_batch *queue_next; /* in the writer's */
	struct journal_lane *lane;
	struct buf bytes;
	size_t records;
	int64_t handed_ms; /* of the loop's clock */
	int fault;	   /* by the writer: 0, or why it is not on disk */
	/* The lane's alone: emptied when it gives up. */
	struct journal_append *first, **last;
};

struct journal_segment {
	struct journal_segment *next;
	struct journal_segment_id id;
	uint64_t size;	      /* bytes that are synced, or were found at the start */
	uint64_t records_end; /* where its last record ends: what is behind it is none */
	uint64_t records;     /* to be taken out */
	bool closed;	      /* nothing will be appended */
};

/* A place in the journal: behind a record of a segment. */
struct journal_place {
	uint64_t segment; /* its first sequence number; 0: before all */
	uint64_t at;
};

/* A descriptor that one thread rings and another's loop hears. */
struct journal_bell {
	int fd;
	struct loop_watch watch;
};
int journal_bell_new(struct journal_bell *bell, struct loop *loop, void (*ready)(void *arg, unsigned events), void *arg)
	__attribute__((warn_unused_result));
void journal_bell_ring(const struct journal_bell *bell);
void journal_bell_hush(const struct journal_bell *bell);
void journal_bell_free(struct journal_bell *bell);

struct journal {
	int dir, mark; /* descriptors: the folder, which is locked, and the file of the mark */
	char *path;
	uint64_t max_size, segment_size;
	atomic_bool ready;

	pthread_mutex_t lock;
	pthread_cond_t work, finished;
	struct journal_batch *queue, **queue_last;
	bool stopping;
	struct journal_segment *segments, **segments_last; /* oldest first; the last one may be open for appending */
	bool writing;					   /* the writer is at the last one */
	uint64_t next_sequence;				   /* the writer's */

	pthread_t thread;
	bool started;
	int fd; /* the writer's: of the last segment; -1: none is open */

	/* The reader's. */
	struct journal_reader reader;
	int read_fd;
	uint64_t read_segment;		   /* that it is in; 0: in none */
	struct journal_place stored, kept; /* up to where all is in Redis, and up to where it may be forgotten */
	uint64_t stored_sequence;	   /* the highest that was ever stored: no longer counted as waiting */
	struct journal_bell bell;
	void (*wake)(void *arg);
	void *wake_arg;
	bool reading;

	/* Counted. */
	atomic_uint slots[JOURNAL_SLOTS];
	_Atomic(int) state;
	atomic_int_fast64_t retry_ms;	 /* monotonic: while failing, nothing is tried before */
	atomic_uint_fast64_t disk, held; /* bytes in files, and of batches on their way */
	atomic_int_fast64_t oldest_ms;
	atomic_uint_fast64_t records, appended, drained, syncs, sync_us, sync_bucket[JOURNAL_BUCKETS + 1];
	atomic_uint_fast64_t refused_full, refused_failing, refused_slow, damaged, torn;
};

static inline void journal_count(atomic_uint_fast64_t *counter, uint64_t by)
{
	atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

unsigned journal_slot(struct slice route);

/* recover.c: reads all segments; sets what waits, and where numbers go on. */
int journal_recover(struct journal *journal, struct reason *reason) __attribute__((warn_unused_result));

/* recover.c: copies a stretch that is no record to a file of its own, once. */
void journal_set_aside(struct journal *journal, int fd, struct journal_segment_id id, uint64_t at, uint64_t length);

/* journal.c: takes the lock; -EBUSY where another has it. Then, recovers. */
int journal_lock(struct journal *journal, struct reason *reason) __attribute__((warn_unused_result));
int journal_begin(struct journal *journal, struct reason *reason) __attribute__((warn_unused_result));

/* writer.c: with the folder locked, or to wait for it. */
int journal_writer_start(struct journal *journal) __attribute__((warn_unused_result));
void journal_writer_stop(struct journal *journal);

/* writer.c: the journal is in another state; said in the log when it is a change. */
void journal_enter(struct journal *journal, enum journal_state state, const char *reason);

/* lane.c: the writer has done what it could for the batch. From its thread. */
void journal_lane_finished(struct journal_batch *batch);

/* drain.c: removes the segments that may be forgotten whole; with `all`, also one that is open for appending. */
void journal_remove(struct journal *journal, bool all);

#endif
