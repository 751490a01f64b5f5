/* lane.c - a worker's way into the journal: what one turn appends is one batch, handed over whole and given back whole.
 *
 * The difficulty: the disk may hang for longer than a delivery may wait. A batch that is overdue keeps its bytes, which
 * the writer may be at, and loses only those who wait for it; so the list of them is the lane's alone, and the writer
 * never looks at it. */
#include "base/clock.h"
#include "journal/inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LANE_BYTES_MAX = 64 * 1024 * 1024, SPARES_MAX = 4, SPARE_BYTES_MAX = 4 * 1024 * 1024 };

/* As store/link.c does: the loop keeps its hooks, a lane may go before. */
struct lane_hook {
	struct loop_hook hook;
	struct journal_lane *lane;
	struct lane_hook *next;
};

static _Atomic(struct lane_hook *) idle_hooks;

struct journal_lane {
	struct journal *journal;
	struct loop *loop;
	int64_t patience_ms;
	struct lane_hook *hook;
	struct journal_batch *gathering;
	struct journal_batch *out, **out_last; /* handed over, in order */
	struct loop_timer overdue;
	struct journal_bell bell;
	size_t bytes; /* of gathering and out */
	struct journal_batch *spares;
	unsigned spare_count;
	/* Under the journal's lock: batches that the writer has, and those it is done with. */
	size_t handed, finished;
};

/* ---- batches ---- */

static struct journal_batch *batch_take(struct journal_lane *lane)
{
	struct journal_batch *batch = lane->spares;
	if (batch) {
		lane->spares = batch->next;
		lane->spare_count--;
	} else {
		batch = calloc(1, sizeof *batch);
		if (!batch)
			return NULL;
	}
	batch->next = batch->queue_next = NULL;
	batch->lane = lane;
	batch->records = 0;
	batch->fault = 0;
	batch->first = NULL;
	batch->last = &batch->first;
	buf_clear(&batch->bytes);
	return batch;
}

static void batch_free(struct journal_batch *batch)
{
	buf_free(&batch->bytes);
	free(batch);
}

static void batch_give(struct journal_lane *lane, struct journal_batch *batch)
{
	if (lane->spare_count >= SPARES_MAX || batch->bytes.size > SPARE_BYTES_MAX) {
		batch_free(batch);
		return;
	}
	batch->next = lane->spares;
	lane->spares = batch;
	lane->spare_count++;
}

static void settle(struct journal_batch *batch, const char *reason)
{
	struct journal_append *append = batch->first;
	batch->first = NULL;
	batch->last = &batch->first;
	while (append) {
		struct journal_append *next = append->next;
		append->done(append, reason);
		append = next;
	}
}

/* What was appended is not on disk: nobody waits for it in order. */
static void forget(struct journal *journal, const struct journal_batch *batch)
{
	struct slice rest = buf_slice(&batch->bytes);
	struct journal_event event;
	while (rest.n > 0) {
		size_t length = journal_record_length(rest.p);
		struct slice payload = slice_of(rest.p + JOURNAL_RECORD_HEAD, length - JOURNAL_RECORD_HEAD);
		if (journal_record_read(payload, &event))
			atomic_fetch_sub(&journal->slots[journal_slot(event.field[JOURNAL_ROUTE])], 1);
		rest = slice_from(rest, length);
	}
	atomic_fetch_sub(&journal->records, batch->records);
}

/* ---- given back ---- */

static void on_overdue(void *arg)
{
	struct journal_lane *lane = arg;
	int64_t now_ms = loop_now_ms(lane->loop), left_ms = INT64_MAX;
	for (struct journal_batch *batch = lane->out; batch; batch = batch->next) {
		int64_t wait_ms = batch->handed_ms + lane->patience_ms - now_ms;
		if (wait_ms > 0) {
			left_ms = wait_ms;
			break;
		}
		if (batch->first)
			journal_count(&lane->journal->refused_slow, batch->records);
		settle(batch, "the journal's disk did not answer in time");
	}
	if (left_ms < INT64_MAX)
		loop_timer_start(lane->loop, &lane->overdue, left_ms, on_overdue, lane);
}

static void give_back(struct journal_lane *lane)
{
	struct journal_batch *batch = lane->out;
	struct reason reason;
	lane->out = batch->next;
	if (!lane->out)
		lane->out_last = &lane->out;
	lane->bytes -= batch->bytes.n;
	atomic_fetch_sub(&lane->journal->held, batch->bytes.n);
	if (batch->fault != 0) {
		forget(lane->journal, batch);
		journal_count(&lane->journal->refused_failing, batch->records);
		reason_set(&reason, "the journal could not be written: %s", strerror(-batch->fault));
	}
	settle(batch, batch->fault != 0 ? reason.text : NULL);
	batch_give(lane, batch);
}

/* Batches are finished in the order in which they were handed over. */
static void take_finished(struct journal_lane *lane)
{
	pthread_mutex_lock(&lane->journal->lock);
	size_t finished = lane->finished;
	lane->finished = 0;
	pthread_mutex_unlock(&lane->journal->lock);
	for (; finished > 0; finished--)
		give_back(lane);
}

static void on_bell(void *arg, unsigned events)
{
	struct journal_lane *lane = arg;
	(void)events;
	journal_bell_hush(&lane->bell);
	take_finished(lane);
}

void journal_lane_finished(struct journal_batch *batch)
{
	struct journal_lane *lane = batch->lane;
	struct journal *journal = lane->journal;
	pthread_mutex_lock(&journal->lock);
	lane->handed--;
	lane->finished++;
	journal_bell_ring(&lane->bell);
	pthread_cond_broadcast(&journal->finished);
	pthread_mutex_unlock(&journal->lock);
}

/* ---- handed over ---- */

static void hand_over(struct journal_lane *lane)
{
	struct journal *journal = lane->journal;
	struct journal_batch *batch = lane->gathering;
	if (!batch || batch->records == 0)
		return;
	lane->gathering = NULL;
	batch->handed_ms = loop_now_ms(lane->loop);
	*lane->out_last = batch;
	lane->out_last = &batch->next;
	/* Without memory for a timer they wait for as long as the disk takes. */
	if (!loop_timer_running(&lane->overdue))
		loop_timer_start(lane->loop, &lane->overdue, lane->patience_ms, on_overdue, lane);
	pthread_mutex_lock(&journal->lock);
	lane->handed++;
	*journal->queue_last = batch;
	journal->queue_last = &batch->queue_next;
	pthread_cond_signal(&journal->work);
	pthread_mutex_unlock(&journal->lock);
}

static void on_turn_end(void *arg)
{
	struct lane_hook *hook = arg;
	if (hook->lane && hook->lane->gathering)
		hand_over(hook->lane);
}

/* Is there room for so much more? It is taken at once, since other lanes ask as well. */
static int admit(struct journal_lane *lane, size_t size)
{
	struct journal *journal = lane->journal;
	int state = atomic_load_explicit(&journal->state, memory_order_relaxed);
	if (!journal_ready(journal))
		return -EBUSY;
	if (size > journal->max_size)
		return -EFBIG;
	if (state == JOURNAL_FAILING && clock_mono_ms() < atomic_load(&journal->retry_ms)) {
		journal_count(&journal->refused_failing, 1);
		return -EIO;
	}
	if (lane->bytes + size > LANE_BYTES_MAX && lane->bytes > 0) {
		journal_count(&journal->refused_slow, 1);
		return -EAGAIN;
	}
	uint64_t held = atomic_fetch_add(&journal->held, size) + size;
	if (state != JOURNAL_FULL && held + atomic_load(&journal->disk) <= journal->max_size)
		return 0;
	atomic_fetch_sub(&journal->held, size);
	journal_count(&journal->refused_full, 1);
	if (state == JOURNAL_WELL)
		journal_enter(journal, JOURNAL_FULL, "journal.max_size is reached");
	return -ENOSPC;
}

/* For a person: how long the oldest has waited. */
static void note_arrival(struct journal *journal, int64_t arrived_ms)
{
	int_fast64_t none = 0;
	atomic_compare_exchange_strong(&journal->oldest_ms, &none, arrived_ms);
}

int journal_lane_append(struct journal_lane *lane, const struct journal_event *event, struct journal_append *append)
{
	struct journal *journal = lane->journal;
	size_t size = journal_record_size(event);
	int r = admit(lane, size);
	if (r < 0)
		return r;
	if (!lane->gathering)
		lane->gathering = batch_take(lane);
	struct journal_batch *batch = lane->gathering;
	if (!batch || !journal_record_add(&batch->bytes, event)) {
		if (batch)
			batch->bytes.failed = false;
		atomic_fetch_sub(&journal->held, size);
		return -ENOMEM;
	}
	batch->records++;
	lane->bytes += size;
	append->next = NULL;
	*batch->last = append;
	batch->last = &append->next;
	atomic_fetch_add(&journal->slots[journal_slot(event->field[JOURNAL_ROUTE])], 1);
	atomic_fetch_add(&journal->records, 1);
	note_arrival(journal, event->arrived_ms);
	/* It may be a later hook of the turn that appends. */
	loop_again(lane->loop);
	return 0;
}

/* ---- life ---- */

int journal_lane_new(struct journal *journal, struct loop *loop, int64_t patience_ms, struct journal_lane **out)
{
	struct journal_lane *lane = calloc(1, sizeof *lane);
	struct lane_hook *hook = calloc(1, sizeof *hook);
	int r = lane && hook ? 0 : -ENOMEM;
	if (r == 0) {
		lane->journal = journal;
		lane->loop = loop;
		lane->patience_ms = patience_ms;
		lane->out_last = &lane->out;
		r = journal_bell_new(&lane->bell, loop, on_bell, lane);
	}
	if (r < 0) {
		free(lane);
		free(hook);
		return r;
	}
	lane->hook = hook;
	hook->lane = lane;
	loop_hook_add(loop, &hook->hook, on_turn_end, hook);
	*out = lane;
	return 0;
}

void journal_lane_free(struct journal_lane *lane)
{
	if (!lane)
		return;
	struct journal *journal = lane->journal;
	hand_over(lane);
	pthread_mutex_lock(&journal->lock);
	while (lane->handed > 0)
		pthread_cond_wait(&journal->finished, &journal->lock);
	pthread_mutex_unlock(&journal->lock);
	take_finished(lane);
	loop_timer_stop(&lane->overdue);
	journal_bell_free(&lane->bell);
	if (lane->gathering)
		batch_free(lane->gathering);
	while (lane->spares) {
		struct journal_batch *spare = lane->spares;
		lane->spares = spare->next;
		batch_free(spare);
	}
	lane->hook->lane = NULL;
	lane->hook->next = atomic_load(&idle_hooks);
	while (!atomic_compare_exchange_weak(&idle_hooks, &lane->hook->next, lane->hook))
		;
	free(lane);
}
