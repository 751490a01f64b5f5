/* kept.c - what Redis has taken from the journal, and what the journal keeps for a while longer.
 *
 * The difficulty: it is kept for two reasons, for a time, and until the waits of its routes hold (owed.h); the one runs while the
 * other is asked for. So marks that are asked for are sealed, and what is stored meanwhile has marks of its own. */
#include "intake/kept.h"

enum { MARKS = INTAKE_KEPT_MARKS, RETRY_MS = 500 };

static void forget(void *arg);

static void forget_in(struct intake_kept *kept, int64_t ms)
{
	loop_timer_start(kept->loop, &kept->forget, ms, forget, kept);
}

static struct intake_kept_mark *mark_at(struct intake_kept *kept, size_t i)
{
	return &kept->marks[(kept->mark_first + i) % MARKS];
}

/* ---- are they as safe as their routes ask? ---- */

static void owed_done(void *arg, const char *reason)
{
	struct intake_kept *kept = arg;

	if (!reason)
		kept->confirmed = kept->asked;
	kept->asked = 0;
	forget_in(kept, reason ? RETRY_MS : 0);
	if (!reason || intake_kept_owes(kept))
		kept->settled(kept->arg, reason);
}

void intake_kept_init(struct intake_kept *kept, struct loop *loop, struct journal *journal, struct store *store,
		      int64_t hold_ms, void (*settled)(void *arg, const char *reason), void *arg)
{
	*kept = (struct intake_kept){ .loop = loop,
				      .journal = journal,
				      .store = store,
				      .hold_ms = hold_ms,
				      .settled = settled,
				      .arg = arg,
				      .owed = { .loop = loop, .store = store, .done = owed_done, .arg = kept } };
}

bool intake_kept_owes(const struct intake_kept *kept)
{
	return intake_owed_any(&kept->owed);
}

/* What is stored from now on does not become part of the marks that are asked for. */
void intake_kept_ask(struct intake_kept *kept)
{
	if (kept->owed.out)
		return;
	if (intake_owed_ask(&kept->owed))
		kept->asked = kept->mark_count;
	else
		forget_in(kept, RETRY_MS);
}

/* ---- for a time ---- */

/* While Redis is away nothing grows old, since it may come back without what it took last. */
static void forget(void *arg)
{
	struct intake_kept *kept = arg;
	int64_t now_ms = loop_now_ms(kept->loop);

	if (store_state(kept->store) != STORE_READY)
		return;
	if (kept->refusing) {
		forget_in(kept, RETRY_MS);
		return;
	}
	while (kept->mark_count > 0) {
		const struct intake_kept_mark *mark = mark_at(kept, 0);

		if (mark->stored_ms + kept->hold_ms > now_ms) {
			forget_in(kept, mark->stored_ms + kept->hold_ms - now_ms);
			return;
		}
		if (kept->confirmed == 0 && intake_kept_owes(kept)) {
			intake_kept_ask(kept);
			return;
		}
		journal_forget(kept->journal, &mark->item);
		kept->mark_first = (kept->mark_first + 1) % MARKS;
		kept->mark_count--;
		kept->asked -= kept->asked > 0;
		kept->confirmed -= kept->confirmed > 0;
	}
}

/* May what is stored now become part of the last mark? */
static bool has_open_mark(struct intake_kept *kept, int64_t now_ms)
{
	size_t n = kept->mark_count;

	if (n == 0 || n == kept->asked || n == kept->confirmed)
		return false;
	return now_ms - mark_at(kept, n - 1)->begun_ms <= kept->hold_ms / (MARKS / 2);
}

bool intake_kept_add(struct intake_kept *kept, const struct journal_item *item, const struct store_target *target,
		     const struct store_wait *wait)
{
	int64_t now_ms = loop_now_ms(kept->loop);
	struct intake_kept_mark *last;

	if (!intake_owed_note(&kept->owed, target, wait))
		return false;
	if (!has_open_mark(kept, now_ms) && kept->mark_count < MARKS)
		mark_at(kept, kept->mark_count++)->begun_ms = now_ms;
	/* Where there is no room for one of its own, its mark is no longer what was asked for. */
	kept->asked -= kept->asked == kept->mark_count;
	kept->confirmed -= kept->confirmed == kept->mark_count;
	last = mark_at(kept, kept->mark_count - 1);
	last->item = *item;
	last->stored_ms = now_ms;
	if (!loop_timer_running(&kept->forget))
		forget_in(kept, kept->hold_ms);
	return true;
}

void intake_kept_renew(struct intake_kept *kept)
{
	for (size_t i = 0; i < kept->mark_count; i++)
		mark_at(kept, i)->stored_ms = loop_now_ms(kept->loop);
	if (kept->mark_count > 0)
		forget_in(kept, kept->hold_ms);
}

void intake_kept_drop(struct intake_kept *kept)
{
	kept->mark_count = kept->asked = kept->confirmed = 0;
	loop_timer_stop(&kept->forget);
	intake_owed_clear(&kept->owed);
}

bool intake_kept_forget(struct intake_kept *kept)
{
	if (intake_kept_owes(kept))
		return false;
	if (kept->mark_count > 0)
		journal_forget(kept->journal, &mark_at(kept, kept->mark_count - 1)->item);
	kept->mark_count = kept->asked = kept->confirmed = 0;
	loop_timer_stop(&kept->forget);
	return true;
}

void intake_kept_free(struct intake_kept *kept)
{
	loop_timer_stop(&kept->forget);
	intake_owed_free(&kept->owed);
}
