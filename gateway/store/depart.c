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

/* A Redis that was only held up, as on a busy machine, is not slow: when so many answers in a row have come so soon, it
 * gets batches again before that time is over. */
enum { SOON_MS = 10, SOON_ENOUGH = 3 };

void store_depart_scripted(struct store_link *link, int64_t ms)
{
	int64_t until_ms = loop_now_ms(link->setup.loop) + ms;
	if (link->scripts_until_ms < until_ms)
		link->scripts_until_ms = until_ms;
}

/* Is a transaction open, in which a script would be but a part of it? */
static bool is_looking(const struct store_link *link)
{
	const struct store_trip *last = link->trips.tail;
	return last && (last->kind == STORE_TRIP_LOOK || last->kind == STORE_TRIP_SORT);
}

static bool is_scripted(const struct store_link *link)
{
	int64_t now_ms = loop_now_ms(link->setup.loop);
	return !link->transacts || now_ms < link->scripts_until_ms || now_ms < link->slow_until_ms;
}

static void on_slow(void *arg)
{
	struct store_link *link = arg;
	struct store_trip *trip = link->trips.head;
	if (!trip || link->phase == STORE_PHASE_GREETING)
		return;
	/* A wait takes what it takes. */
	int64_t left_ms =
		trip->kind == STORE_TRIP_WAIT ? SLOW_MS : trip->begun_ms + SLOW_MS - loop_now_ms(link->setup.loop);
	if (left_ms > 0) {
		/* A timer that has just fired finds its place again. */
		(void)loop_timer_start(link->setup.loop, &link->slow, left_ms, on_slow, link);
		return;
	}
	store_wire_hasten(&link->wire, &link->trips);
	link->slow_until_ms = loop_now_ms(link->setup.loop) + SCRIPTED_MS;
	link->soon = 0;
	if (trip->kind == STORE_TRIP_LOOK || trip->kind == STORE_TRIP_SORT)
		store_batch_abandon(link, trip);
}

void store_depart_answered(struct store_link *link, const struct store_trip *trip)
{
	bool soon = loop_now_ms(link->setup.loop) - trip->begun_ms <= SOON_MS;
	link->soon = soon ? link->soon + 1 : 0;
	if (link->soon >= SOON_ENOUGH)
		link->slow_until_ms = 0;
}

/* Without memory for the timer, what waits waits for the answers. */
static void mind_slowness(struct store_link *link)
{
	if (!loop_timer_running(&link->slow))
		(void)loop_timer_start(link->setup.loop, &link->slow, SLOW_MS, on_slow, link);
}

/* ---- in a Cluster ---- */

/* Slots share these, which may make a batch of a slot with few events, and does no other harm. */
enum { SLOT_WEIGHTS = 1024 };

static void weigh(const struct store_link *link, uint16_t weights[SLOT_WEIGHTS])
{
	memset(weights, 0, SLOT_WEIGHTS * sizeof *weights);
	for (const struct store_ticket *ticket = link->gathered.first; ticket; ticket = ticket->next) {
		uint16_t *weight = &weights[ticket->slot % SLOT_WEIGHTS];
		*weight += *weight >= FEW ? 0 : ticket->command.bytes.n >= FEW_BYTES ? FEW : 1;
	}
}

/* Takes the events of slots with few, and those of one slot with more, which are a batch. */
static void take_by_slot(struct store_link *link, struct store_list *few, struct store_list *batch)
{
	struct store_list rest = { .first = NULL };
	struct store_ticket *ticket;
	uint16_t weights[SLOT_WEIGHTS], slot = 0;
	size_t bytes = 0;
	weigh(link, weights);
	while ((ticket = store_list_take(&link->gathered)) != NULL) {
		size_t n = ticket->command.bytes.n;
		bool fits = batch->count < BATCH_EVENTS && bytes + n <= BATCH_BYTES && ticket->slot == slot;
		size_t ahead = link->waiting.ahead;
		link->waiting.ahead -= ahead > 0;
		if (!ticket->put) {
			store_put_end(link, ticket, STORE_UNAVAILABLE, NULL);
		} else if (weights[ticket->slot % SLOT_WEIGHTS] < FEW) {
			store_list_add(few, ticket);
		} else if (batch->count == 0 || fits) {
			slot = ticket->slot;
			bytes += n;
			store_list_add(batch, ticket);
		} else {
			/* What comes behind it must not go before it. */
			bytes += ticket->slot == slot ? BATCH_BYTES : 0;
			link->waiting.ahead = ahead;
			store_list_add(&rest, ticket);
		}
	}
	link->gathered = rest;
}

static void put_back(struct store_link *link, struct store_list *list)
{
	store_list_join(list, &link->gathered);
	link->gathered = *list;
}

/* A transaction is of one slot, so it is one after the other's turn; those with few events go together by the script, in
 * every other turn. */
static void depart_by_slot(struct store_link *link)
{
	struct store_list few = link->apart, batch = { .first = NULL };
	link->apart = (struct store_list){ .first = NULL };
	take_by_slot(link, &few, &batch);
	link->few_went = few.first && !(batch.first && link->few_went);
	if (link->few_went) {
		put_back(link, &batch);
		store_scripted_send(link, &few);
	} else {
		store_list_join(&link->apart, &few);
		if (batch.first)
			store_batch_send(link, &batch);
	}
}

/* ---- departure ---- */

static bool is_small(const struct store_link *link)
{
	/* Nothing is out: all bytes are of what has gathered, and of rows. */
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
		link->waiting.ahead -= link->waiting.ahead > 0;
		if (ticket->put)
			store_list_add(batch, ticket);
		else
			store_put_end(link, ticket, STORE_UNAVAILABLE, NULL);
	}
}

static void send_all(struct store_link *link)
{
	link->waiting.ahead = 0;
	store_scripted_send(link, &link->gathered);
}

void store_depart(struct store_link *link)
{
	struct store_list batch = { .first = NULL };
	if (!store_waited_lets_go(link))
		return;
	store_waited_refuse(link);
	if (is_scripted(link) && !is_looking(link)) {
		store_elsewhere_send(link);
		store_list_join(&link->apart, &link->gathered);
		link->waiting.ahead = 0;
		if (link->apart.first)
			store_scripted_send(link, &link->apart);
		return;
	}
	mind_slowness(link);
	if (link->trips.head)
		return;
	/* Its answers come before those of what goes behind it. */
	store_elsewhere_send(link);
	if (!link->gathered.first && !link->apart.first)
		return;
	if (link->setup.redirected) {
		depart_by_slot(link);
		return;
	}
	if (link->apart.first && !(link->few_went && link->gathered.first)) {
		link->few_went = true;
		store_scripted_send(link, &link->apart);
		return;
	}
	link->few_went = false;
	if (is_small(link)) {
		send_all(link);
		return;
	}
	take_batch(link, &batch);
	if (batch.first)
		store_batch_send(link, &batch);
}
