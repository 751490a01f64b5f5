/* run.c - the consumer's loop.
 *
 * The special difficulty: an entry is acknowledged after it was handed on, never before, and an acknowledgement that
 * failed means that the event comes again. So it is tried for longer than anything else, also when the run is to
 * end. */
#include "consume/run.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>

enum { BACKOFF_FIRST_MS = 100, BACKOFF_MAX_MS = 5000, PATIENCE_MS = 10000, WAIT_MS = 5000, NAP_MS = 100 };

struct running {
	const struct consume_run *run;
	struct consume_tally *tally;
	struct slice entries[CONSUME_BATCH_MAX]; /* to be acknowledged */
	size_t count;
	bool connected;			   /* Redis has answered once */
	int64_t away_since_ms, backoff_ms; /* 0: it is there */
};

static bool to_stop(const struct running *r)
{
	return r->tally->stopped || (r->run->stops && *r->run->stops > 0);
}

/* In short naps, for a signal may come right before one. */
static void pause_for(const struct running *r, int64_t ms, bool whatever)
{
	for (; ms > 0 && (whatever || !to_stop(r)); ms -= NAP_MS)
		(void)poll(NULL, 0, ms < NAP_MS ? (int)ms : NAP_MS);
}

static void came_back(struct running *r)
{
	if (r->away_since_ms != 0)
		r->run->said(r->run->arg, "Redis is back");
	r->connected = true;
	r->away_since_ms = 0;
	r->backoff_ms = 0;
}

/* After -EIO: pauses and says true, or says false where it has been tried for long enough. */
static bool try_again(struct running *r, bool patient, bool whatever, const struct reason *reason)
{
	struct reason line;
	int64_t now_ms = clock_mono_ms();

	if (r->away_since_ms == 0) {
		r->away_since_ms = now_ms;
		reason_set(&line, "Redis is away: %.180s; trying again", reason->text);
		if (patient)
			r->run->said(r->run->arg, line.text);
	}
	if (!patient || (!r->run->follow && now_ms - r->away_since_ms >= PATIENCE_MS))
		return false;
	r->backoff_ms = r->backoff_ms == 0 ? BACKOFF_FIRST_MS : r->backoff_ms * 2;
	if (r->backoff_ms > BACKOFF_MAX_MS)
		r->backoff_ms = BACKOFF_MAX_MS;
	pause_for(r, r->backoff_ms, whatever);
	return true;
}

static int acknowledge(struct running *r, struct reason *reason)
{
	int64_t end_ms = clock_mono_ms() + PATIENCE_MS;
	int fault;

	if (r->count == 0)
		return 0;
	do {
		fault = consume_members_acknowledge(r->run->members, r->entries, r->count, reason);
		if (fault == 0) {
			came_back(r);
			break;
		}
		/* An interruption that came too late for the reading it was meant for. */
		if (fault == -EINTR)
			continue;
		if (fault != -EIO || (to_stop(r) && clock_mono_ms() >= end_ms))
			break;
	} while (fault == -EINTR || try_again(r, true, true, reason));
	r->count = 0;
	return fault;
}

static void hand_on(struct running *r, enum consume_entry kind, struct consume_event *event)
{
	const struct consume_run *run = r->run;
	struct reason reason;

	if (kind == CONSUME_ENTRY_DELETED) {
		reason_set(&reason, "entry %.*s was deleted from the stream before it was handled: acknowledged",
			   SLICE_ARGS(event->entry));
		run->said(run->arg, reason.text);
		r->entries[r->count++] = event->entry;
		return;
	}
	/* Only for telling: where it cannot be asked, it is not told. */
	if (run->count && consume_members_count(run->members, event, &reason) != 0)
		event->deliveries = 0;
	switch (run->handle(run->arg, event)) {
	case CONSUME_DONE:
		r->entries[r->count++] = event->entry;
		r->tally->handled++;
		break;
	case CONSUME_FAILED:
		r->tally->failed++;
		consume_members_failed(run->members);
		break;
	case CONSUME_STOP:
		r->tally->stopped = true;
		break;
	}
}

/* What is in the batch is handed on wholly even when the run is to end: it is pending for us, and nobody else would get
 * it soon. */
static int work_off(struct running *r, struct reason *reason)
{
	uint64_t before = r->tally->handled;
	struct consume_event event;
	enum consume_entry kind;

	r->count = 0;
	while (!r->tally->stopped && r->count < CONSUME_BATCH_MAX &&
	       consume_members_next(r->run->members, &kind, &event))
		hand_on(r, kind, &event);
	if (r->run->flush && !r->run->flush(r->run->arg)) {
		r->tally->stopped = true;
		r->tally->handled = before;
		return 0;
	}
	return acknowledge(r, reason);
}

static size_t room(const struct running *r)
{
	const struct consume_run *run = r->run;
	uint64_t taken = r->tally->handled + r->tally->failed;
	size_t batch = run->batch < CONSUME_BATCH_MAX ? run->batch : CONSUME_BATCH_MAX;

	if (run->limit == 0)
		return batch;
	return taken >= run->limit ? 0 : run->limit - taken < batch ? (size_t)(run->limit - taken) : batch;
}

int consume_run(const struct consume_run *run, struct consume_tally *tally, struct reason *reason)
{
	struct running r = { .run = run, .tally = tally };
	int fault = 0;

	*tally = (struct consume_tally){ 0 };
	while (fault == 0 && !to_stop(&r) && room(&r) > 0) {
		bool any = false;

		fault = consume_members_read(run->members, room(&r), run->follow ? WAIT_MS : 0, &any, reason);
		if (fault == 0) {
			came_back(&r);
			if (any)
				fault = work_off(&r, reason);
			else if (!run->follow)
				break;
		} else if (fault == -EINTR ||
			   (fault == -EIO && try_again(&r, run->follow || r.connected, false, reason))) {
			fault = 0;
		}
	}
	return fault;
}
