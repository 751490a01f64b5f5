/* put.c - events that come, and their end: with Redis' answer or without. How they get into Redis is batch.c's and
 * scripted.c's, in depart.c's choice.
 *
 * Its difficulty is that two clocks run over each put. Its own deadline ends the wait of the delivery, and only that:
 * the ticket stays on its trip, whose replies may still come and are nobody else's. The link's own patience, stall_ms,
 * decides whether Redis is to be asked at all. */
#include "base/clock.h"
#include "store/link.h"
#include "store/row.h"
#include "store/target.h"

#include <errno.h>

enum { BYTES_MAX = 64 * 1024 * 1024 };

/* ---- the end of a put ---- */

static void tell(struct store_put *put, const struct store_ticket *ticket, enum store_result result, const char *reason)
{
	/* Of replies that come together, the first looks at the clock for all. */
	int64_t now_us = ticket->link->heard_us != 0 ? ticket->link->heard_us : clock_mono_us();
	put->done(put, result, reason, now_us > ticket->put_us ? now_us - ticket->put_us : 0);
}

/* The ticket stays where it is: on a trip, or for the next one to leave it behind. */
static void on_deadline(void *arg)
{
	struct store_ticket *ticket = arg;
	struct store_link *link = ticket->link;
	struct reason reason;
	reason_set(&reason, "%s within %lld ms",
		   ticket->settled_us == 0 ? "no answer from Redis"
					   : "Redis has it, but its replicas or its disk did not",
		   (long long)ticket->patience_ms);
	link->counts.timeouts++;
	tell(store_tickets_end(&link->tickets, ticket), ticket, STORE_UNAVAILABLE, reason.text);
}

void store_put_end(struct store_link *link, struct store_ticket *ticket, enum store_result result, const char *reason)
{
	if ((result == STORE_STORED || result == STORE_DUPLICATE) && ticket->put &&
	    ticket->wait.level != STORE_LEVEL_STORED) {
		store_waited_settle(link, ticket, result);
		return;
	}
	struct store_put *put = store_tickets_end(&link->tickets, ticket);
	if (put)
		tell(put, ticket, result, reason);
	store_tickets_give(&link->tickets, ticket);
}

void store_put_leave(struct store_link *link, struct store_ticket *ticket, const char *reason)
{
	struct store_put *put = store_tickets_end(&link->tickets, ticket);
	if (put)
		tell(put, ticket, STORE_UNAVAILABLE, reason);
}

void store_put_end_all(struct store_link *link, struct store_list *list, enum store_result result, const char *reason)
{
	struct store_ticket *ticket;
	while ((ticket = store_list_take(list)) != NULL)
		store_put_end(link, ticket, result, reason);
}

void store_put_lost(struct store_link *link, struct store_list *list, const char *why)
{
	struct reason reason;
	reason_set(&reason, "the connection to Redis was lost: %s", why);
	store_put_end_all(link, list, STORE_UNAVAILABLE, reason.text);
}

/* ---- patience ---- */

/* How long Redis has owed an answer; not above 0 for one that it was asked to take its time with. */
static int64_t owed_ms(const struct store_link *link)
{
	const struct store_trip *oldest = link->trips.head;
	return oldest ? loop_now_ms(link->setup.loop) - oldest->begun_ms - store_waited_allows_ms(oldest) : 0;
}

static void on_stall(void *arg)
{
	struct store_link *link = arg;
	int64_t stall_ms = link->setup.stall_ms, now_ms = loop_now_ms(link->setup.loop), left_ms;
	struct reason reason;
	if (!link->trips.head && !link->gathered.first && !link->apart.first)
		return;
	if (link->phase == STORE_PHASE_READY) {
		left_ms = stall_ms - owed_ms(link);
		if (left_ms <= 0) {
			link->heard_ms = now_ms;
			left_ms = stall_ms;
			reason_set(&reason, "no answer from Redis for %lld ms", (long long)stall_ms);
			store_link_enter(link, STORE_PHASE_STALLED, reason.text);
		}
	} else if (link->phase != STORE_PHASE_STALLED) {
		/* What gathers before the first connect. */
		left_ms = stall_ms;
	} else {
		left_ms = link->heard_ms + stall_ms - now_ms;
		if (left_ms <= 0) {
			reason_set(&reason, "no answer from Redis for %lld ms", (long long)stall_ms * 2);
			store_link_drop(link, reason.text);
			return;
		}
	}
	/* A timer that has just fired finds its place again. */
	(void)loop_timer_start(link->setup.loop, &link->stall, left_ms, on_stall, link);
}

void store_put_mind_stall(struct store_link *link)
{
	if (!loop_timer_running(&link->stall))
		(void)loop_timer_start(link->setup.loop, &link->stall, link->setup.stall_ms, on_stall, link);
}

void store_put_heard(struct store_link *link)
{
	link->heard_us = 0;
	link->heard_ms = loop_now_ms(link->setup.loop);
	if (link->phase == STORE_PHASE_STALLED && owed_ms(link) < link->setup.stall_ms)
		store_link_enter(link, STORE_PHASE_READY, NULL);
}

/* ---- putting ---- */

bool store_link_takes_puts(const struct store_link *link)
{
	bool first = link->setup.gathers && store_link_state(link) == STORE_CONNECTING;
	return (link->phase == STORE_PHASE_READY || first) && link->tickets.bytes < BYTES_MAX;
}

/* A ticket with its clocks, and without a command. 0, -EAGAIN or -ENOMEM. */
static int take(struct store_link *link, int64_t deadline_ms, struct store_ticket **out)
{
	struct loop *loop = link->setup.loop;
	if (!store_link_takes_puts(link))
		return -EAGAIN;
	struct store_ticket *ticket = store_tickets_take(&link->tickets);
	if (!ticket)
		return -ENOMEM;
	int64_t now_ms = loop_now_ms(loop);
	ticket->link = link;
	ticket->put_us = clock_mono_us();
	ticket->patience_ms = deadline_ms > now_ms ? deadline_ms - now_ms : 0;
	*out = ticket;
	if (loop_timer_start(loop, &ticket->deadline, ticket->patience_ms, on_deadline, ticket) == 0 &&
	    (loop_timer_running(&link->stall) ||
	     loop_timer_start(loop, &link->stall, link->setup.stall_ms, on_stall, link) == 0))
		return 0;
	loop_timer_stop(&ticket->deadline);
	store_tickets_give(&link->tickets, ticket);
	return -ENOMEM;
}

/* Its command is written, or could not be. */
static int begin(struct store_link *link, struct store_ticket *ticket, bool written, struct store_put *put)
{
	if (!written) {
		loop_timer_stop(&ticket->deadline);
		store_command_clear(&ticket->command);
		store_tickets_give(&link->tickets, ticket);
		return -ENOMEM;
	}
	put->refused = false;
	put->waited_us = 0;
	put->stands = NULL;
	ticket->put = put;
	store_tickets_begin(&link->tickets, ticket);
	return 0;
}

int store_link_put(struct store_link *link, const struct store_event *event, int64_t deadline_ms, struct store_put *put)
{
	struct store_ticket *ticket;
	int fault = take(link, deadline_ms, &ticket);
	if (fault == 0)
		fault = begin(link, ticket, store_command_event(&ticket->command, event), put);
	if (fault != 0)
		return fault;
	ticket->slot = event->target->slot;
	ticket->wait = event->wait;
	link->waiting.wanted |= event->wait.level != STORE_LEVEL_STORED;
	if (event->elsewhere_count == 0) {
		store_list_add(&link->gathered, ticket);
		return 0;
	}
	if (store_elsewhere_ask(link, ticket, event))
		return 0;
	(void)store_tickets_end(&link->tickets, ticket);
	store_tickets_give(&link->tickets, ticket);
	return -EAGAIN;
}

/* The script alone can do it, and its text goes with it. */
int store_link_put_row(struct store_link *link, const struct store_row *row, int64_t deadline_ms, struct store_put *put)
{
	struct store_ticket *ticket;
	int fault = take(link, deadline_ms, &ticket);
	if (fault == 0)
		fault = begin(link, ticket, store_row_write(row, &ticket->command), put);
	if (fault != 0)
		return fault;
	ticket->slot = store_row_target(row)->slot;
	store_list_add(&link->apart, ticket);
	return 0;
}

int store_link_confirm(struct store_link *link, const struct store_target *target, const struct store_wait *wait,
		       int64_t deadline_ms, struct store_put *put)
{
	struct store_ticket *ticket;
	int fault = take(link, deadline_ms, &ticket);
	if (fault == 0)
		fault = begin(link, ticket, store_command_stream(&ticket->command, target), put);
	if (fault != 0)
		return fault;
	ticket->wait = *wait;
	link->waiting.wanted = true;
	store_waited_confirm(link, ticket);
	return 0;
}
