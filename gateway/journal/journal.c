/* journal.c - a journal's folder is taken, and given back; the mark; what is counted.
 *
 * The difficulty is that the folder must be one process', also one that cannot be written to: the lock is on the folder
 * itself, and goes with the process whatever becomes of it. */
#include "journal/journal.h"

#include "journal/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEGMENT_MIN = 64 * 1024, SEGMENT_MAX = 64 * 1024 * 1024 };

unsigned journal_slot(struct slice route)
{
	uint64_t h = 0xcbf29ce484222325;
	for (size_t i = 0; i < route.n; i++)
		h = (h ^ route.p[i]) * 0x100000001b3;
	return (unsigned)(h ^ h >> 32) % JOURNAL_SLOTS;
}

bool journal_holds(const struct journal *journal, struct slice route)
{
	return atomic_load((atomic_uint *)&journal->slots[journal_slot(route)]) > 0;
}

/* ---- the folder ---- */

static int take_folder(struct journal *journal, struct reason *reason)
{
	if (mkdir(journal->path, 0700) < 0 && errno != EEXIST && errno != EROFS) {
		int r = -errno;
		reason_set(reason, "journal.dir %.150s cannot be made: %s", journal->path, strerror(-r));
		return r;
	}
	journal->dir = open(journal->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (journal->dir < 0) {
		int r = -errno;
		reason_set(reason, "journal.dir %.150s: %s", journal->path, strerror(-r));
		return r;
	}
	return 0;
}

int journal_lock(struct journal *journal, struct reason *reason)
{
	if (flock(journal->dir, LOCK_EX | LOCK_NB) == 0)
		return 0;
	int r = errno == EWOULDBLOCK ? -EBUSY : -errno;
	reason_set(reason, "journal.dir %.150s: %s", journal->path,
		   r == -EBUSY ? "another gateway has it; each needs a folder of its own" : strerror(-r));
	return r;
}

int journal_begin(struct journal *journal, struct reason *reason)
{
	journal->mark = openat(journal->dir, "mark", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (journal->mark < 0) {
		struct reason why;
		reason_set(&why, "the folder cannot be written to: %s", strerror(errno));
		journal->mark = openat(journal->dir, "mark", O_RDONLY | O_CLOEXEC);
		journal_enter(journal, JOURNAL_FAILING, why.text);
	}
	int r = journal_recover(journal, reason);
	if (r == 0)
		atomic_store(&journal->ready, true);
	return r;
}

bool journal_ready(const struct journal *journal)
{
	return atomic_load((atomic_bool *)&journal->ready);
}

static struct journal *journal_new(const struct journal_setup *setup)
{
	struct journal *journal = calloc(1, sizeof *journal);
	if (!journal)
		return NULL;
	journal->dir = journal->mark = journal->fd = journal->read_fd = journal->bell.fd = -1;
	journal->max_size = setup->max_size;
	journal->segment_size = setup->max_size / 16;
	if (journal->segment_size < SEGMENT_MIN)
		journal->segment_size = SEGMENT_MIN;
	if (journal->segment_size > SEGMENT_MAX)
		journal->segment_size = SEGMENT_MAX;
	pthread_mutex_init(&journal->lock, NULL);
	pthread_cond_init(&journal->work, NULL);
	pthread_cond_init(&journal->finished, NULL);
	journal->queue_last = &journal->queue;
	journal->segments_last = &journal->segments;
	journal->path = strdup(setup->dir);
	if (!journal->path) {
		journal_close(journal);
		return NULL;
	}
	return journal;
}

int journal_open(const struct journal_setup *setup, struct journal **out, struct reason *reason)
{
	struct journal *journal = journal_new(setup);
	if (!journal)
		return -ENOMEM;
	int r = take_folder(journal, reason);
	if (r == 0)
		r = journal_lock(journal, reason);
	if (r == 0)
		r = journal_begin(journal, reason);
	else if (r == -EBUSY && setup->wait)
		r = 0;
	if (r == 0)
		r = journal_writer_start(journal);
	if (r == 0)
		*out = journal;
	else
		journal_close(journal);
	return r;
}

void journal_close(struct journal *journal)
{
	if (!journal)
		return;
	bool was_open = journal->started;
	journal_writer_stop(journal);
	if (was_open)
		journal_remove(journal, true);
	while (journal->segments) {
		struct journal_segment *segment = journal->segments;
		journal->segments = segment->next;
		free(segment);
	}
	journal_reader_end(&journal->reader);
	const int descriptors[] = { journal->fd, journal->read_fd, journal->mark, journal->dir };
	for (size_t i = 0; i < sizeof descriptors / sizeof descriptors[0]; i++)
		if (descriptors[i] >= 0)
			close(descriptors[i]);
	pthread_cond_destroy(&journal->finished);
	pthread_cond_destroy(&journal->work);
	pthread_mutex_destroy(&journal->lock);
	free(journal->path);
	free(journal);
}

/* ---- counts ---- */

void journal_counts(const struct journal *journal, struct journal_counts *out)
{
	struct journal *j = (struct journal *)journal;
	*out = (struct journal_counts){
		.state = (enum journal_state)atomic_load(&j->state),
		.records = atomic_load(&j->records),
		.bytes = atomic_load(&j->disk) + atomic_load(&j->held),
		.max_size = j->max_size,
		.oldest_ms = atomic_load(&j->oldest_ms),
		.appended = atomic_load(&j->appended),
		.drained = atomic_load(&j->drained),
		.syncs = atomic_load(&j->syncs),
		.sync_us = atomic_load(&j->sync_us),
		.refused_full = atomic_load(&j->refused_full),
		.refused_failing = atomic_load(&j->refused_failing),
		.refused_slow = atomic_load(&j->refused_slow),
		.damaged = atomic_load(&j->damaged),
		.torn = atomic_load(&j->torn),
	};
	for (size_t i = 0; i <= JOURNAL_BUCKETS; i++)
		out->sync_bucket[i] = atomic_load(&j->sync_bucket[i]);
}
