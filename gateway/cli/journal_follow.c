/* journal_follow.c - layouts on a loop. The one difficulty is none here, and would be one in a gateway: the loop waits while Redis
 * is asked. That happens when a put was refused, so that there is nothing else to do. */
#include "cli/journal_follow.h"

enum { EACH_MS = 100, CALL_MS = 2000 };

static bool never(void *arg)
{
	(void)arg;
	return false;
}

static void look(void *arg)
{
	struct journal_follow *follow = arg;
	struct reason reason;
	int64_t next_ms;

	/* What cannot be asked now is asked again. */
	(void)!store_layouts_round(follow->layouts, follow->client, never, NULL, &next_ms, &reason);
	(void)!loop_timer_start(follow->loop, &follow->timer, EACH_MS, look, follow);
}

int journal_follow_start(struct journal_follow *follow, struct loop *loop, const struct config_redis *redis)
{
	int r = store_layouts_new(&follow->layouts);

	follow->loop = loop;
	if (r == 0)
		r = store_client_new(redis, NULL, CALL_MS, &follow->client);
	return r == 0 ? loop_timer_start(loop, &follow->timer, EACH_MS, look, follow) : r;
}

void journal_follow_stop(struct journal_follow *follow)
{
	loop_timer_stop(&follow->timer);
	store_client_free(follow->client);
	store_layouts_free(follow->layouts);
}
