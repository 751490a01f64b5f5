/* scripted.c - into Redis by the script, one call for each event or row of events, all of a trip in one write.
 *
 * Its difficulty is to tell what of Redis' errors concerns one event and what the server: and what says NOSCRIPT must
 * be sent again with the script's text, once, without being taken for lost or for done. */
#include "store/link.h"

/* The first word of an error; of one that an older Redis wrapped ("ERR Error running script: -OOM ..."), the word
 * inside. */
struct slice store_scripted_error_word(struct slice text)
{
	struct slice word, rest;
	slice_cut(text, ' ', &word, &rest);
	if (!slice_eq(word, SLICE("ERR")))
		return word;
	for (size_t at = slice_index(rest, '-'); at < rest.n; at += 1 + slice_index(slice_from(rest, at + 1), '-')) {
		struct slice inner;
		slice_cut(slice_from(rest, at + 1), ' ', &inner, &(struct slice){ 0 });
		size_t n = 0;
		while (n < inner.n && inner.p[n] >= 'A' && inner.p[n] <= 'Z')
			n++;
		if (n > 1 && n == inner.n)
			return inner;
	}
	return word;
}

bool store_scripted_means_elsewhere(struct slice word)
{
	return slice_eq(word, SLICE("READONLY")) || slice_eq(word, SLICE("LOADING")) ||
	       slice_eq(word, SLICE("MASTERDOWN")) || slice_eq(word, SLICE("NOAUTH"));
}

bool store_scripted_is_final(struct slice text)
{
	struct slice word = store_scripted_error_word(text);
	return slice_eq(word, SLICE("WRONGTYPE")) || slice_eq(word, SLICE("NOPERM")) || slice_eq(word, SLICE("ERR"));
}

static bool add_event(struct store_link *link, struct store_trip *trip, struct store_ticket *ticket)
{
	struct store_command *command = &ticket->command;
	ticket->asking = ticket->asks;
	trip->due += ticket->asks;
	if (ticket->asks && !store_trip_add(trip, SLICE("*1\r\n$6\r\nASKING\r\n")))
		return false;
	bool added = (command->row || store_command_script(command, ticket->evaluated ? NULL : link->sha)) &&
		     store_trip_add(trip, buf_slice(&command->script)) &&
		     store_trip_add(trip, store_command_part(command, command->fields));
	ticket->pieces = trip->piece_count;
	return added;
}

void store_scripted_send(struct store_link *link, struct store_list *list)
{
	if (link->phase == STORE_PHASE_WAITING) {
		store_put_lost(link, list, link->reason.text);
		return;
	}
	struct store_trip *trip = store_trips_take(&link->trips, STORE_TRIP_SCRIPT);
	struct store_ticket *ticket;
	bool sent = trip != NULL;
	while (sent && (ticket = store_list_take(list)) != NULL) {
		if (!ticket->put) {
			store_put_end(link, ticket, STORE_UNAVAILABLE, NULL);
			continue;
		}
		sent = add_event(link, trip, ticket);
		store_list_add(&trip->list, ticket);
		trip->due++;
	}
	if (sent && trip->due > 0) {
		store_trips_queue(&link->trips, trip, loop_now_ms(link->setup.loop));
		store_waited_follow(link, trip);
		return;
	}
	if (trip) {
		store_put_end_all(link, &trip->list, STORE_UNAVAILABLE, "memory is short");
		store_trips_give(&link->trips, trip);
	}
	store_put_end_all(link, list, STORE_UNAVAILABLE, "memory is short");
}

static void refuse(struct store_link *link, struct store_trip *trip, struct store_ticket *ticket,
		   const redisReply *reply)
{
	bool error = reply->type == REDIS_REPLY_ERROR;
	struct slice text = error ? slice_of(reply->str, reply->len) : SLICE("unexpected answer");
	struct slice word = store_scripted_error_word(text);
	/* Redis has lost its scripts, by a restart or SCRIPT FLUSH: sent with its text, the script is kept again. */
	if (slice_eq(word, SLICE("NOSCRIPT")) && ticket->put && !ticket->evaluated && !ticket->command.row) {
		ticket->evaluated = true;
		link->counts.script_loads++;
		store_list_add(&trip->aside, ticket);
		return;
	}
	if (error && store_moved(link, ticket, text))
		return;
	struct reason reason;
	reason_set(&reason, "Redis refused the event: %.*s", SLICE_ARGS(slice_head(text, 160)));
	if (ticket->put) {
		link->counts.refusals++;
		ticket->put->refused = error && store_scripted_is_final(text);
	}
	store_put_end(link, ticket, STORE_UNAVAILABLE, reason.text);
	if (error && store_scripted_means_elsewhere(word) && link->phase != STORE_PHASE_WAITING)
		store_link_drop(link, reason.text);
}

void store_scripted_answered(struct store_link *link, struct store_trip *trip, const redisReply *reply)
{
	bool last = trip->due == 0;
	/* Where ASKING was refused, so will be what it is for. */
	if (trip->list.first->asking) {
		trip->list.first->asking = false;
		return;
	}
	/* Else its bytes would go, or be another event's, while they are still being sent. */
	if (link->trips.unsent == trip && trip->sent < trip->list.first->pieces) {
		store_link_drop(link, "Redis answered what it had not been sent yet");
		return;
	}
	struct store_ticket *ticket = store_list_take(&trip->list);
	if (reply->type == REDIS_REPLY_INTEGER && reply->integer >= -1 && reply->integer <= 1) {
		if (ticket->again)
			store_moved_arrived(link);
		store_put_end(link, ticket,
			      reply->integer == 1   ? STORE_STORED
			      : reply->integer == 0 ? STORE_DUPLICATE
						    : STORE_CLOSED,
			      NULL);
	} else {
		refuse(link, trip, ticket, reply);
	}
	if (!last)
		return;
	store_depart_answered(link, trip);
	store_scripted_send(link, &trip->aside);
}
