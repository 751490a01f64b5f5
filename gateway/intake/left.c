/* left.c - the replay windows of a gateway that was killed. The one difficulty: their files may go only when all that they
 * hold is in Redis, be it after several attempts. */
#include "intake/left.h"

#include "base/buf.h"
#include "base/log.h"
#include "intake/resend.h"
#include "journal/ring.h"

#include <errno.h>
#include <stdlib.h>

struct intake_left {
	struct store_link *link;
	char *dir;
	void (*done)(void *arg);
	void *arg;
	struct intake_resend *resend;
	struct buf records; /* one after the other, each whole */
	size_t at;
	uint64_t count;
	bool read, over;
};

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

static void end(struct intake_left *left)
{
	journal_ring_remove_left(left->dir);
	buf_free(&left->records);
	left->over = true;
	left->done(left->arg);
}

static void sent(void *arg, uint64_t missing, uint64_t left_out)
{
	struct intake_left *left = arg;

	log_line(LOG_WARNING, "replay window of the last gateway sent again", LOG_U("events", left->count - left_out),
		 LOG_U("missing", missing), LOG_U("left_out", left_out));
	end(left);
}

static int take(void *arg, const struct journal_event *event, const char *identity)
{
	struct intake_left *left = arg;
	const char *here = store_link_identity(left->link);

	if (here[0] != '\0' && strcmp(here, identity) == 0)
		return 0;
	left->count++;
	return journal_record_add(&left->records, event) ? 0 : -ENOMEM;
}

void intake_left_ready(struct intake_left *left, int64_t within_ms)
{
	int r;

	if (left->over)
		return;
	if (left->read) {
		intake_resend_start(left->resend);
		return;
	}
	buf_clear(&left->records);
	left->count = 0;
	r = journal_ring_read_left(left->dir, within_ms, take, left);
	if (r < 0) {
		log_line(LOG_ERROR, "replay window of the last gateway not read", LOG_C("dir", left->dir),
			 LOG_C("reason", strerror(-r)));
		left->over = true;
	} else if (left->count == 0) {
		end(left);
	} else {
		left->read = true;
		intake_resend_start(left->resend);
	}
}

bool intake_left_over(const struct intake_left *left)
{
	return left->over;
}

int intake_left_new(struct loop *loop, struct store_link *link, const char *dir, void (*done)(void *arg), void *arg,
		    struct intake_left **out)
{
	struct intake_left *left = calloc(1, sizeof *left);
	int r;

	if (!left)
		return -ENOMEM;
	*left = (struct intake_left){ .link = link, .dir = strdup(dir), .done = done, .arg = arg };
	r = !left->dir ? -ENOMEM
		       : intake_resend_new(&(struct intake_resend_setup){ .loop = loop,
									  .link = link,
									  .next = next,
									  .begin = begin,
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
	intake_resend_free(left->resend);
	buf_free(&left->records);
	free(left->dir);
	free(left);
}
