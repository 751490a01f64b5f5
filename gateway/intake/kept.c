/* kept.c - how long drained events stay in the journal. The one difficulty: while Redis is away nothing may grow old, since
 * it may come back without what it took last. */
#include "intake/kept.h"

static void forget_old(void *arg)
{
	struct intake_kept *kept = arg;
	int64_t now_ms = loop_now_ms(kept->loop);

	if (store_state(kept->store) != STORE_READY)
		return;
	while (kept->count > 0) {
		const struct intake_kept_mark *mark = &kept->marks[kept->first];

		if (mark->stored_ms + kept->hold_ms > now_ms) {
			loop_timer_start(kept->loop, &kept->timer, mark->stored_ms + kept->hold_ms - now_ms, forget_old,
					 kept);
			return;
		}
		journal_forget(kept->journal, &mark->item);
		kept->first = (kept->first + 1) % INTAKE_KEPT_MARKS;
		kept->count--;
	}
}

static struct intake_kept_mark *last(struct intake_kept *kept)
{
	return &kept->marks[(kept->first + kept->count + INTAKE_KEPT_MARKS - 1) % INTAKE_KEPT_MARKS];
}

void intake_kept_add(struct intake_kept *kept, const struct journal_item *item)
{
	int64_t now_ms = loop_now_ms(kept->loop);

	if (kept->count == 0 || (kept->count < INTAKE_KEPT_MARKS &&
				 now_ms - last(kept)->begun_ms > kept->hold_ms / (INTAKE_KEPT_MARKS / 2))) {
		kept->count++;
		last(kept)->begun_ms = now_ms;
	}
	last(kept)->item = *item;
	last(kept)->stored_ms = now_ms;
	if (!loop_timer_running(&kept->timer))
		loop_timer_start(kept->loop, &kept->timer, kept->hold_ms, forget_old, kept);
}

void intake_kept_renew(struct intake_kept *kept)
{
	for (size_t i = 0; i < kept->count; i++)
		kept->marks[(kept->first + i) % INTAKE_KEPT_MARKS].stored_ms = loop_now_ms(kept->loop);
	if (kept->count > 0)
		loop_timer_start(kept->loop, &kept->timer, kept->hold_ms, forget_old, kept);
}

void intake_kept_forget(struct intake_kept *kept)
{
	if (kept->count > 0)
		journal_forget(kept->journal, &last(kept)->item);
	intake_kept_drop(kept);
}

void intake_kept_drop(struct intake_kept *kept)
{
	kept->count = 0;
	loop_timer_stop(&kept->timer);
}
