/* elsewhere.c - events that are looked for in other places before they are put: where the marks of former layouts stand, and
 * those of a guard (places.h). Nobody writes there any more, so the look need not be one step with the put.
 *
 * The difficulty is that in a Cluster these places are other nodes': a ticket is held by its own link, and trips of other links
 * know it. It ends when the last answer to its looks has come or is known to be lost, and not before, whatever becomes of its
 * put and its link meanwhile. And where one with a wait was seen, there it is waited for: what replicas have of its own link's
 * node says nothing of it. */
#include "base/clock.h"
#include "store/link.h"
#include "store/target.h"

#include <stdlib.h>

/* ---- the end of a look ---- */

static void end_seen(struct store_link *own, struct store_ticket *ticket)
{
	ticket->put->stands = ticket->seen;
	store_put_end(own, ticket, STORE_DUPLICATE, NULL);
}

static void end(struct store_ticket *ticket, const char *why)
{
	struct store_link *own = ticket->link;
	if (!own) {
		store_command_free(&ticket->command);
		free(ticket);
		return;
	}
	store_list_remove(&own->held, ticket);
	if (!ticket->put || ticket->failed)
		store_put_end(own, ticket, STORE_UNAVAILABLE, why);
	else if (ticket->seen)
		end_seen(own, ticket);
	else if (own->phase == STORE_PHASE_WAITING && own->tried)
		store_put_end(own, ticket, STORE_UNAVAILABLE, own->reason.text);
	else
		store_list_add(&own->gathered, ticket);
}

/* ---- is it as safe where it was seen as it asks? ---- */

/* The witness has been connected all the while: else the one that waited may be started anew, and never have had it. */
static void on_safe(struct store_put *put, enum store_result result, const char *reason, int64_t redis_us)
{
	struct store_ticket *ticket = (void *)((char *)put - offsetof(struct store_ticket, safe));
	(void)redis_us;
	if (ticket->put)
		ticket->put->waited_us = put->waited_us;
	if (result == STORE_STORED && ticket->witness->counts.connects == ticket->witness_connects)
		ticket->wait.level = STORE_LEVEL_STORED;
	else
		ticket->failed = true;
	end(ticket, reason ? reason : "the connection to Redis was lost");
}

/* By the node that has it, unless that is the ticket's own link, which waits for all that it settles. */
static bool waits_elsewhere(const struct store_ticket *ticket)
{
	return ticket->link && ticket->put && ticket->seen && !ticket->failed &&
	       ticket->wait.level != STORE_LEVEL_STORED && ticket->witness != ticket->link;
}

static void wait_for(struct store_ticket *ticket)
{
	struct store_link *own = ticket->link, *witness = ticket->witness;
	struct store_link *link = witness->setup.waiting ? witness->setup.waiting(witness->setup.arg) : NULL;
	int64_t deadline_ms = loop_now_ms(own->setup.loop) + ticket->patience_ms;
	ticket->safe = (struct store_put){ .done = on_safe };
	ticket->settled_us = clock_mono_us();
	if (link && store_link_confirm(link, ticket->seen, &ticket->wait, deadline_ms, &ticket->safe) == 0)
		return;
	ticket->failed = true;
	end(ticket, link ? store_link_reason(link) : "memory is short");
}

/* ---- answers ---- */

static void looked(struct store_ticket *ticket, const char *why)
{
	if (--ticket->looks > 0)
		return;
	if (waits_elsewhere(ticket))
		wait_for(ticket);
	else
		end(ticket, why);
}

static void note_seen(struct store_link *link, const struct store_asked *asked)
{
	asked->ticket->seen = asked->target;
	asked->ticket->witness = link;
	asked->ticket->witness_connects = link->counts.connects;
}

void store_elsewhere_answered(struct store_link *link, struct store_trip *trip, const redisReply *reply)
{
	const struct store_asked *asked = &trip->asked[trip->answered - 1];
	struct reason reason = { "" };
	bool error = reply->type == REDIS_REPLY_ERROR;
	if (reply->type == REDIS_REPLY_INTEGER) {
		if (reply->integer > 0)
			note_seen(link, asked);
	} else {
		asked->ticket->failed = true;
		if (link->setup.astray)
			link->setup.astray(link->setup.arg);
		reason_set(&reason, "Redis does not say whether the event was seen: %.*s",
			   SLICE_ARGS(error ? slice_head(slice_of(reply->str, reply->len), 160) : SLICE("?")));
	}
	looked(asked->ticket, reason.text);
}

static void lose(struct store_link *link, struct store_trip *trip)
{
	struct reason reason;
	size_t count = trip->answered + trip->due;
	reason_set(&reason, "the connection to Redis was lost: %s", link->reason.text);
	for (size_t i = trip->answered; i < count; i++) {
		trip->asked[i].ticket->failed = true;
		looked(trip->asked[i].ticket, reason.text);
	}
	store_trips_give(&link->trips, trip);
}

void store_elsewhere_lost(struct store_link *link)
{
	struct store_trip *trip;
	while ((trip = link->trips.lost) != NULL) {
		link->trips.lost = trip->next;
		lose(link, trip);
	}
	trip = link->looking;
	link->looking = NULL;
	if (trip)
		lose(link, trip);
}

void store_elsewhere_give_up(struct store_link *link)
{
	struct store_ticket *ticket;
	while ((ticket = store_list_take(&link->held)) != NULL) {
		store_put_leave(link, ticket, link->reason.text);
		ticket->link = NULL;
	}
}

/* ---- asking ---- */

static bool has_room(struct store_trip *trip)
{
	if (trip->due < trip->asked_room)
		return true;
	size_t room = trip->asked_room > 0 ? trip->asked_room * 2 : 64;
	struct store_asked *asked = realloc(trip->asked, room * sizeof *asked);
	if (!asked)
		return false;
	trip->asked = asked;
	trip->asked_room = room;
	return true;
}

static void add_key(struct buf *out, struct slice beginning, struct slice rest)
{
	buf_add_byte(out, '$');
	buf_add_u64(out, beginning.n + rest.n);
	buf_add_str(out, "\r\n");
	buf_add(out, beginning);
	buf_add(out, rest);
	buf_add_str(out, "\r\n");
}

static bool ask(struct store_link *link, struct store_ticket *ticket, const struct store_target *target,
		const struct store_event *event)
{
	if (link->phase == STORE_PHASE_WAITING && link->tried)
		return false;
	if (!link->looking)
		link->looking = store_trips_take(&link->trips, STORE_TRIP_ELSEWHERE);
	struct store_trip *trip = link->looking;
	if (!trip || !has_room(trip))
		return false;
	store_command_add_count(&trip->bytes, 1 + event->deduplicate + (event->guard.n > 0));
	store_command_add_bulk(&trip->bytes, SLICE("EXISTS"));
	if (event->deduplicate)
		add_key(&trip->bytes, target->seen, event->id);
	if (event->guard.n > 0)
		add_key(&trip->bytes, target->guard, event->guard);
	trip->asked[trip->due++] = (struct store_asked){ ticket, target };
	ticket->looks++;
	return true;
}

bool store_elsewhere_ask(struct store_link *link, struct store_ticket *ticket, const struct store_event *event)
{
	/* One more, for as long as they are being asked for. */
	ticket->looks = 1;
	store_list_add(&link->held, ticket);
	for (size_t i = 0; i < event->elsewhere_count && !ticket->failed; i++) {
		const struct store_target *target = event->elsewhere[i];
		struct store_link *other =
			link->setup.elsewhere ? link->setup.elsewhere(link->setup.arg, target) : NULL;
		ticket->failed = !ask(other ? other : link, ticket, target, event);
	}
	/* What was asked already is answered first. */
	if (--ticket->looks > 0)
		return true;
	store_list_remove(&link->held, ticket);
	return false;
}

void store_elsewhere_send(struct store_link *link)
{
	struct store_trip *trip = link->looking;
	if (!trip)
		return;
	link->looking = NULL;
	if (!buf_failed(&trip->bytes) && store_trip_add(trip, buf_slice(&trip->bytes))) {
		store_trips_queue(&link->trips, trip, loop_now_ms(link->setup.loop));
		store_put_mind_stall(link);
		return;
	}
	/* The bytes are not whole: nothing of it is sent. */
	lose(link, trip);
}
