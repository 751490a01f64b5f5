/* left.c - the replay windows of a gateway that was killed. The one difficulty: their files may go only when all that they
 * hold is in Redis for good. So they are held for as long as any event is held in a window, whether they had to be sent
 * or not, and sent to whatever Redis is found behind the connection meanwhile. */
#include "intake/left.h"

#include "base/buf.h"
#include "base/log.h"
#include "intake/resend.h"
#include "journal/ring.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct intake_left {
	struct loop *loop;
	struct store *store;
	const struct intake_kept *kept;
	char *dir;
	void (*done)(void *arg);
	void *arg;
	struct intake_resend *resend;
	struct buf records; /* one after the other, each whole */
	struct buf names;   /* of the files that they are from */
	size_t at;
	uint64_t count;
	int64_t hold_ms;
	struct loop_timer hold;
	char identity[96]; /* of the Redis that has all of it, or is being given it */
	bool read, settled, finished;
};

static void give_up_holding(void *arg);

/* ---- a run ---- */

static bool next(void *arg, struct journal_event *event)
{
	struct intake_left *left = arg;
	struct slice rest = slice_from(buf_slice(&left->records), left->at);
	size_t length;

	if (rest.n == 0)
		return false;
	length = journal_record_length(rest.p);
	left->at += length;
	return journal_record_read(slice_from(slice_head(rest, length), JOURNAL_RECORD_HEAD), event);
}

static void begin(void *arg)
{
	struct intake_left *left = arg;

	left->at = 0;
}

/* That Redis has it, and may still forget it. */
static void hold(struct intake_left *left)
{
	left->settled = true;
	/* Where memory is short they are held until Redis is found anew. */
	(void)loop_timer_start(left->loop, &left->hold, left->hold_ms, give_up_holding, left);
}

static void sent(void *arg, uint64_t missing, uint64_t left_out)
{
	struct intake_left *left = arg;

	log_line(LOG_WARNING, "replay window of the last gateway sent again", LOG_U("events", left->count - left_out),
		 LOG_U("missing", missing), LOG_U("left_out", left_out));
	hold(left);
}

static void passed(void *arg)
{
	struct intake_left *left = arg;

	left->done(left->arg);
}

/* ---- the files ---- */

static int take(void *arg, const struct journal_event *event, const char *identity)
{
	struct intake_left *left = arg;

	left->count++;
	left->settled = left->settled && strcmp(left->identity, identity) == 0;
	return journal_record_add(&left->records, event) ? 0 : -ENOMEM;
}

static int read_files(struct intake_left *left)
{
	int r;

	buf_clear(&left->records);
	buf_clear(&left->names);
	left->count = 0;
	left->settled = true;
	r = journal_ring_read_left(left->dir, left->hold_ms * 2, take, left, &left->names);
	left->read = r == 0;
	left->finished = r < 0 || left->names.n == 0;
	if (r < 0)
		log_line(LOG_ERROR, "replay window of the last gateway not read", LOG_C("dir", left->dir),
			 LOG_C("reason", strerror(-r)));
	return r;
}

/* Another process may have ended meanwhile, whose files are then looked at. */
static void give_up_holding(void *arg)
{
	struct intake_left *left = arg;

	/* Else the time begins anew when Redis is back. */
	if (store_state(left->store) != STORE_READY || !left->settled)
		return;
	if (left->kept->refusing) {
		hold(left);
		return;
	}
	journal_ring_remove_left(left->dir, buf_slice(&left->names));
	if (read_files(left) == 0 && !left->finished)
		intake_left_ready(left, left->hold_ms);
	if (left->finished) {
		buf_free(&left->records);
		buf_free(&left->names);
	}
}

void intake_left_ready(struct intake_left *left, int64_t hold_ms)
{
	const char *here = store_identity(left->store);
	bool same = here[0] != '\0' && strcmp(here, left->identity) == 0;

	if (left->finished)
		return;
	left->hold_ms = hold_ms;
	snprintf(left->identity, sizeof left->identity, "%s", here);
	if (!left->read) {
		if (read_files(left) < 0 || left->finished)
			return;
		same = here[0] != '\0';
	}
	if (left->settled && same) {
		hold(left);
		return;
	}
	left->settled = false;
	intake_resend_start(left->resend);
}

void intake_left_leave(struct intake_left *left)
{
	if (!left->read || !left->settled || left->finished)
		return;
	journal_ring_remove_left(left->dir, buf_slice(&left->names));
	loop_timer_stop(&left->hold);
	left->finished = true;
}

bool intake_left_over(const struct intake_left *left)
{
	return left->finished || (left->read && (left->settled || intake_resend_passed(left->resend)));
}

int intake_left_new(const struct intake_drain_setup *setup, const struct intake_kept *kept, void (*done)(void *arg),
		    void *arg, struct intake_left **out)
{
	struct intake_left *left = calloc(1, sizeof *left);
	int r;

	if (!left)
		return -ENOMEM;
	*left = (struct intake_left){ .loop = setup->loop,
				      .store = kept->store,
				      .kept = kept,
				      .dir = strdup(setup->config->journal.dir),
				      .done = done,
				      .arg = arg };
	r = !left->dir ? -ENOMEM
		       : intake_resend_new(&(struct intake_resend_setup){ .loop = setup->loop,
									  .store = kept->store,
									  .layouts = setup->layouts,
									  .next = next,
									  .begin = begin,
									  .passed = passed,
									  .done = sent,
									  .arg = left },
					   &left->resend);
	if (r == 0)
		*out = left;
	else
		intake_left_free(left);
	return r;
}

void intake_left_free(struct intake_left *left)
{
	if (!left)
		return;
	loop_timer_stop(&left->hold);
	intake_resend_free(left->resend);
	buf_free(&left->records);
	buf_free(&left->names);
	free(left->dir);
	free(left);
}
