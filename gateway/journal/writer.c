/* writer.c - the journal's thread: all that came together is written, then synced once.
 *
 * The difficulty is a disk that fails. A sync that failed is never tried again and believed: the kernel may have dropped
 * what it could not write and say "done" the next time. The segment ends where it was last synced, what was to be synced
 * is refused, and the next batch begins a new segment. */
#include "base/clock.h"
#include "base/log.h"
#include "journal/inside.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum { RETRY_MS = 1000, LOOK_MS = 20 };

const uint32_t journal_bucket_us[JOURNAL_BUCKETS] = {
	100, 250, 500, 1000, 2500, 10000, 50000, 100000, 500000, 2500000
};

/* ---- the state ---- */

void journal_enter(struct journal *journal, enum journal_state state, const char *reason)
{
	int before = atomic_exchange(&journal->state, (int)state);
	if (state == JOURNAL_FAILING)
		atomic_store(&journal->retry_ms, clock_mono_ms() + RETRY_MS);
	if (before == (int)state)
		return;
	if (state == JOURNAL_WELL)
		log_line(LOG_WARNING, "journal well again", LOG_C("dir", journal->path));
	else
		log_line(LOG_ERROR, state == JOURNAL_FULL ? "journal full" : "journal failing",
			 LOG_C("dir", journal->path), LOG_C("reason", reason),
			 LOG_C("effect", "what it would have to keep is refused until it is well again"));
}

static void fail(struct journal *journal, const char *what, int fault)
{
	struct reason reason;
	reason_set(&reason, "%s: %s", what, strerror(-fault));
	journal_enter(journal, JOURNAL_FAILING, reason.text);
}

/* ---- segments ---- */

/* Nothing more is appended to the last segment. */
static void close_segment(struct journal *journal)
{
	if (journal->fd >= 0)
		close(journal->fd);
	journal->fd = -1;
	pthread_mutex_lock(&journal->lock);
	for (struct journal_segment *segment = journal->segments; segment; segment = segment->next)
		segment->closed = true;
	pthread_mutex_unlock(&journal->lock);
}

static int open_segment(struct journal *journal)
{
	struct journal_segment *segment = calloc(1, sizeof *segment);
	int r = -ENOMEM;
	if (!segment)
		return r;
	segment->id.first = journal->next_sequence;
	segment->size = JOURNAL_SEGMENT_HEAD;
	if (getrandom(&segment->id.salt, sizeof segment->id.salt, 0) != (ssize_t)sizeof segment->id.salt)
		r = -errno;
	else
		r = journal_segment_create(journal->dir, segment->id, &journal->fd);
	if (r < 0) {
		free(segment);
		return r;
	}
	pthread_mutex_lock(&journal->lock);
	*journal->segments_last = segment;
	journal->segments_last = &segment->next;
	journal->writing = true;
	pthread_mutex_unlock(&journal->lock);
	atomic_fetch_add(&journal->disk, segment->size);
	return 0;
}

/* The last segment, when it is open for appending. With the lock held. */
static struct journal_segment *last_segment(struct journal *journal)
{
	for (struct journal_segment *segment = journal->segments; segment; segment = segment->next)
		if (!segment->next && !segment->closed)
			return segment;
	return NULL;
}

/* Where to append: the open segment, or a new one when it is large enough or the reader has done away with it. */
static int choose_segment(struct journal *journal, struct journal_segment **out)
{
	pthread_mutex_lock(&journal->lock);
	struct journal_segment *segment = last_segment(journal);
	if (segment && segment->size < journal->segment_size)
		journal->writing = true;
	else
		segment = NULL;
	pthread_mutex_unlock(&journal->lock);
	if (!segment) {
		close_segment(journal);
		int r = open_segment(journal);
		if (r < 0)
			return r;
		pthread_mutex_lock(&journal->lock);
		segment = last_segment(journal);
		pthread_mutex_unlock(&journal->lock);
	}
	*out = segment;
	return 0;
}

/* ---- batches ---- */

static int write_batches(struct journal *journal, const struct journal_segment *segment, struct journal_batch *batches,
			 uint64_t *size, uint64_t *records)
{
	uint64_t at = segment->size;
	*records = 0;
	for (struct journal_batch *batch = batches; batch; batch = batch->queue_next) {
		for (size_t i = 0; i < batch->bytes.n; journal->next_sequence++)
			i += journal_record_seal(batch->bytes.p + i, segment->id.salt, journal->next_sequence);
		int r = journal_segment_write(journal->fd, batch->bytes.p, batch->bytes.n, at);
		if (r < 0)
			return r;
		at += batch->bytes.n;
		*records += batch->records;
	}
	*size = at;
	return 0;
}

static void count_sync(struct journal *journal, int64_t us)
{
	size_t i = 0;
	while (i < JOURNAL_BUCKETS && us > (int64_t)journal_bucket_us[i])
		i++;
	journal_count(&journal->sync_bucket[i], 1);
	journal_count(&journal->sync_us, (uint64_t)us);
	journal_count(&journal->syncs, 1);
}

static int sync_segment(struct journal *journal)
{
	int64_t begun_us = clock_mono_us();
	int r = fdatasync(journal->fd) < 0 ? -errno : 0;
	count_sync(journal, clock_mono_us() - begun_us);
	return r;
}

/* From now on the reader may have them. */
static void publish(struct journal *journal, struct journal_segment *segment, uint64_t size, uint64_t records)
{
	pthread_mutex_lock(&journal->lock);
	atomic_fetch_add(&journal->disk, size - segment->size);
	segment->size = segment->records_end = size;
	segment->records += records;
	journal->writing = false;
	if (journal->reading)
		journal_bell_ring(&journal->bell);
	pthread_mutex_unlock(&journal->lock);
	journal_count(&journal->appended, records);
}

/* What of them stands in the file is cut off again, as far as the disk lets us; where not, it was refused and may come
 * nevertheless, as a duplicate of its retry or the other way round. */
static void take_back(struct journal *journal, const struct journal_segment *segment, bool trusted)
{
	bool cut = ftruncate(journal->fd, (off_t)segment->size) == 0;
	pthread_mutex_lock(&journal->lock);
	journal->writing = false;
	pthread_mutex_unlock(&journal->lock);
	if (!cut || !trusted)
		close_segment(journal);
}

static int store_batches(struct journal *journal, struct journal_batch *batches)
{
	struct journal_segment *segment;
	uint64_t size, records;
	int r = choose_segment(journal, &segment);
	if (r < 0) {
		fail(journal, "a new segment could not be made", r);
		return r;
	}
	r = write_batches(journal, segment, batches, &size, &records);
	if (r < 0) {
		fail(journal, "writing failed", r);
		take_back(journal, segment, true);
		return r;
	}
	r = sync_segment(journal);
	if (r < 0) {
		fail(journal, "syncing failed", r);
		take_back(journal, segment, false);
		return r;
	}
	publish(journal, segment, size, records);
	if (atomic_load(&journal->state) == JOURNAL_FAILING)
		journal_enter(journal, JOURNAL_WELL, NULL);
	return 0;
}

static struct journal_batch *take_queue(struct journal *journal)
{
	pthread_mutex_lock(&journal->lock);
	while (!journal->queue && !journal->stopping)
		pthread_cond_wait(&journal->work, &journal->lock);
	struct journal_batch *batches = journal->queue;
	journal->queue = NULL;
	journal->queue_last = &journal->queue;
	pthread_mutex_unlock(&journal->lock);
	return batches;
}

/* Waits until the folder is free; false when the journal is closed before. */
static bool await_folder(struct journal *journal)
{
	struct reason reason;
	int r;
	while ((r = journal_lock(journal, &reason)) == -EBUSY) {
		struct timespec until;
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += LOOK_MS * 1000000;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		pthread_mutex_lock(&journal->lock);
		bool stopping = journal->stopping;
		if (!stopping)
			pthread_cond_timedwait(&journal->work, &journal->lock, &until);
		pthread_mutex_unlock(&journal->lock);
		if (stopping)
			return false;
	}
	if (r == 0)
		r = journal_begin(journal, &reason);
	if (r < 0)
		journal_enter(journal, JOURNAL_FAILING, reason.text);
	else
		log_line(LOG_INFO, "journal ready", LOG_C("dir", journal->path));
	pthread_mutex_lock(&journal->lock);
	if (journal->reading)
		journal_bell_ring(&journal->bell);
	pthread_mutex_unlock(&journal->lock);
	log_flush();
	return true;
}

static void *run(void *arg)
{
	struct journal *journal = arg;
	if (!journal_ready(journal) && !await_folder(journal))
		return NULL;
	for (struct journal_batch *batch = take_queue(journal); batch; batch = take_queue(journal)) {
		int fault = store_batches(journal, batch);
		while (batch) {
			struct journal_batch *next = batch->queue_next;
			batch->fault = fault;
			journal_lane_finished(batch);
			batch = next;
		}
		log_flush();
	}
	return NULL;
}

/* ---- life ---- */

int journal_writer_start(struct journal *journal)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	int r = pthread_create(&journal->thread, NULL, run, journal);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r != 0)
		return -r;
	pthread_setname_np(journal->thread, "journal");
	journal->started = true;
	return 0;
}

void journal_writer_stop(struct journal *journal)
{
	if (!journal->started)
		return;
	pthread_mutex_lock(&journal->lock);
	journal->stopping = true;
	pthread_cond_signal(&journal->work);
	pthread_mutex_unlock(&journal->lock);
	pthread_join(journal->thread, NULL);
	journal->started = false;
}
