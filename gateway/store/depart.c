/* depart.c - when what has gathered leaves for Redis, and which way it takes.
 *
 * One thing at a time is out, so that what comes meanwhile grows to a batch, which is what makes Redis cheap. Its difficulty
 * is a Redis whose answers are slow to come: a batch waits for two of them, the script for none. So nothing waits for long
 * to be sent: then all goes by the script, one behind the other, and a batch that waits for the answer to its look is
 * changed over. */
#include "store/link.h"
#include "store/twins.h"

/* A few small events are cheaper by the script, which takes one trip. */
enum { FEW = 6, FEW_BYTES = 16 * 1024, BATCH_EVENTS = STORE_TWINS_EVENTS, BATCH_BYTES = 4 * 1024 * 1024 };

/* An answer that takes so long is slow; and for how long then all goes by the script. */
enum { SLOW_MS = 50, SCRIPTED_MS = 1000 };

void store_depart_scripted(struct store_link *link, int64_t ms)
{
	int64_t until_ms = loop_now_ms(link->setup.loop) + ms;
	if (link->scripts_until_ms < until_ms)
		link->scripts_until_ms = until_ms;
}

static bool is_scripted(const struct store_link *link)
{
	return !link->transacts || loop_now_ms(link->setup.loop) < link->scripts_until_ms;
}

static void on_slow(void *arg)
{
	struct store_link *link = arg;
	struct store_trip *trip = link->trips.head;
	if (!trip || link->phase == STORE_PHASE_GREETING)
		return;
	int64_t left_ms = trip->begun_ms + SLOW_MS - loop_now_ms(link->setup.loop);
	if (left_ms > 0) {
		/* A timer that has just fired finds its place again. */
		(void)loop_timer_start(link->setup.loop, &link->slow, left_ms, on_slow, link);
		return;
	}
	store_depart_scripted(link, SCRIPTED_MS);
	if (trip->kind == STORE_TRIP_LOOK || trip->kind == STORE_TRIP_SORT)
		store_batch_abandon(link, trip);
}

/* Without memory for the timer, what waits waits for the answers. */
static void mind_slowness(struct store_link *link)
{
	if (!loop_timer_running(&link->slow))
		(void)loop_timer_start(link->setup.loop, &link->slow, SLOW_MS, on_slow, link);
}

static bool is_small(const struct store_link *link)
{
	/* Nothing is out: all bytes are of what has gathered. */
	return link->gathered.count < FEW && link->tickets.bytes < FEW_BYTES;
}

static void take_batch(struct store_link *link, struct store_list *batch)
{
	size_t bytes = 0;
	while (link->gathered.first && batch->count < BATCH_EVENTS) {
		bytes += link->gathered.first->command.bytes.n;
		if (bytes > BATCH_BYTES && batch->count > 0)
			return;
		struct store_ticket *ticket = store_list_take(&link->gathered);
		if (ticket->put)
			store_list_add(batch, ticket);
		else
			store_put_end(link, ticket, STORE_UNAVAILABLE, NULL);
	}
}

void store_depart(struct store_link *link)
{
	struct store_list batch = { .first = NULL };
	if (is_scripted(link)) {
		store_scripted_send(link, &link->gathered);
		return;
	}
	mind_slowness(link);
	if (link->trips.head)
		return;
	if (is_small(link)) {
		store_scripted_send(link, &link->gathered);
		return;
	}
	take_batch(link, &batch);
	if (batch.first)
		store_batch_send(link, &batch);
}
