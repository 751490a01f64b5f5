/* drain.c - the reader's side: events in their order, what of them is in Redis, and what may be forgotten.
 *
 * The difficulty is that "stored" is not "forget it": a Redis that crashes loses what it had not synced, so the reader
 * keeps what it stored for a while and may come back to it. Two places in the journal say how far each has come, and
 * what is counted as waiting is counted again when it is read again. */
#include "journal/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- reading on ---- */

static void leave_segment(struct journal *journal)
{
	if (journal->read_fd >= 0)
		close(journal->read_fd);
	journal->read_fd = -1;
	journal->read_segment = 0;
}

/* With the lock held. The first one behind all that have a lower number. */
static struct journal_segment *segment_from(struct journal *journal, uint64_t first)
{
	struct journal_segment *segment = journal->segments;
	while (segment && segment->id.first < first)
		segment = segment->next;
	return segment;
}

static int enter_segment(struct journal *journal, struct journal_segment_id id)
{
	char name[JOURNAL_SEGMENT_NAME];
	journal_segment_name(id, name);
	int fd = openat(journal->dir, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	leave_segment(journal);
	journal->read_fd = fd;
	journal->read_segment = id.first;
	journal_reader_begin(&journal->reader, fd, id, JOURNAL_SEGMENT_HEAD);
	if (journal->stored.segment == id.first && journal->stored.at > JOURNAL_SEGMENT_HEAD)
		journal_reader_seek(&journal->reader, journal->stored.at);
	return 0;
}

/* Is in a segment that has more to read: 1, or 0 when there is none, or -errno. */
static int find_more(struct journal *journal)
{
	for (;;) {
		uint64_t from = journal->read_segment != 0 ? journal->read_segment : journal->stored.segment;
		pthread_mutex_lock(&journal->lock);
		struct journal_segment *segment = segment_from(journal, from);
		bool inside = segment && segment->id.first == journal->read_segment;
		if (inside && journal->reader.at >= segment->size && segment->next) {
			segment = segment->next;
			inside = false;
		}
		struct journal_segment copy = segment ? *segment : (struct journal_segment){ 0 };
		pthread_mutex_unlock(&journal->lock);
		if (!segment)
			return 0;
		if (!inside) {
			int r = enter_segment(journal, copy.id);
			if (r < 0)
				return r;
		}
		journal->reader.end = copy.size;
		if (journal->reader.at < copy.size)
			return 1;
		if (!copy.next)
			return 0;
	}
}

static void fill_item(struct journal *journal, struct journal_item *item)
{
	*item = (struct journal_item){
		.event = &journal->reader.event,
		.sequence = journal->reader.sequence,
		.segment = journal->read_segment,
		.end = journal->reader.at,
		.arrived_ms = journal->reader.event.arrived_ms,
		.slot = journal_slot(journal->reader.event.field[JOURNAL_ROUTE]),
	};
	/* Stored once, and now to be stored again. */
	item->again = item->sequence <= journal->stored_sequence;
	if (item->again) {
		atomic_fetch_add(&journal->slots[item->slot], 1);
		atomic_fetch_add(&journal->records, 1);
	}
}

int journal_next(struct journal *journal, struct journal_item *item)
{
	while (journal_ready(journal)) {
		int r = find_more(journal);
		if (r <= 0)
			return r;
		struct journal_segment_id id = { journal->read_segment, journal->reader.salt };
		switch (journal_reader_next(&journal->reader)) {
		case JOURNAL_READ_RECORD:
			fill_item(journal, item);
			return 1;
		case JOURNAL_READ_FAULT:
			return -ENOMEM;
		case JOURNAL_READ_END:
			return -EIO;
		case JOURNAL_READ_FOREIGN:
		case JOURNAL_READ_DAMAGED:
		case JOURNAL_READ_TORN:
			/* Found at the start, or gone bad since. */
			journal_set_aside(journal, journal->read_fd, id, journal->reader.found_at,
					  journal->reader.found_length);
			break;
		}
	}
	return 0;
}

void journal_dropped(struct journal *journal, const struct journal_item *item)
{
	if (!item->again)
		return;
	atomic_fetch_sub(&journal->slots[item->slot], 1);
	atomic_fetch_sub(&journal->records, 1);
}

void journal_rewind(struct journal *journal, bool all)
{
	if (all)
		journal->stored = journal->kept;
	leave_segment(journal);
}

/* ---- stored, and forgotten ---- */

void journal_stored(struct journal *journal, const struct journal_item *item)
{
	journal->stored = (struct journal_place){ item->segment, item->end };
	if (item->sequence > journal->stored_sequence)
		journal->stored_sequence = item->sequence;
	atomic_fetch_sub(&journal->slots[item->slot], 1);
	journal_count(&journal->drained, 1);
	/* Nearly the oldest, until the next is stored. */
	bool none = atomic_fetch_sub(&journal->records, 1) == 1;
	atomic_store(&journal->oldest_ms, none ? 0 : item->arrived_ms);
	if (none && atomic_load(&journal->records) > 0)
		atomic_store(&journal->oldest_ms, item->arrived_ms);
}

/* With the lock held: is all of it in Redis, for good? */
static bool is_done_with(const struct journal *journal, const struct journal_segment *segment, bool all)
{
	if (segment->id.first < journal->kept.segment)
		return true;
	if (segment->id.first != journal->kept.segment || journal->kept.at < segment->records_end)
		return false;
	if (segment->closed)
		return true;
	return !journal->writing &&
	       (all || segment->size >= journal->segment_size / 4 || atomic_load(&journal->state) == JOURNAL_FULL);
}

void journal_remove(struct journal *journal, bool all)
{
	char name[JOURNAL_SEGMENT_NAME];
	for (;;) {
		pthread_mutex_lock(&journal->lock);
		struct journal_segment *segment = journal->segments;
		if (segment && is_done_with(journal, segment, all)) {
			journal->segments = segment->next;
			if (!journal->segments)
				journal->segments_last = &journal->segments;
		} else {
			segment = NULL;
		}
		pthread_mutex_unlock(&journal->lock);
		if (!segment)
			break;
		if (segment->id.first == journal->read_segment)
			leave_segment(journal);
		/* One that stays, because the folder cannot be written to, is known to be done with by the mark. */
		journal_segment_name(segment->id, name);
		unlinkat(journal->dir, name, 0);
		atomic_fetch_sub(&journal->disk, segment->size);
		free(segment);
	}
	uint64_t size = atomic_load(&journal->disk) + atomic_load(&journal->held);
	if (atomic_load(&journal->state) == JOURNAL_FULL && size <= journal->max_size - journal->max_size / 8)
		journal_enter(journal, JOURNAL_WELL, NULL);
}

void journal_forget(struct journal *journal, const struct journal_item *item)
{
	journal->kept = (struct journal_place){ item->segment, item->end };
	journal_mark_write(journal->mark, item->sequence);
	journal_remove(journal, false);
}

/* ---- being told that there is more ---- */

static void on_bell(void *arg, unsigned events)
{
	struct journal *journal = arg;
	(void)events;
	journal_bell_hush(&journal->bell);
	journal->wake(journal->wake_arg);
}

int journal_reader_start(struct journal *journal, struct loop *loop, void (*wake)(void *arg), void *arg)
{
	journal->wake = wake;
	journal->wake_arg = arg;
	int r = journal_bell_new(&journal->bell, loop, on_bell, journal);
	if (r < 0)
		return r;
	pthread_mutex_lock(&journal->lock);
	journal->reading = true;
	pthread_mutex_unlock(&journal->lock);
	journal_bell_ring(&journal->bell);
	return 0;
}

void journal_reader_stop(struct journal *journal)
{
	pthread_mutex_lock(&journal->lock);
	bool reading = journal->reading;
	journal->reading = false;
	pthread_mutex_unlock(&journal->lock);
	if (reading)
		journal_bell_free(&journal->bell);
	leave_segment(journal);
}
