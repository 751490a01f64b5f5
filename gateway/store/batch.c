/* batch.c - into Redis in batches: the way of all that is more than a few small events.
 *
 *     LOOK      WATCH keys, TYPE streams, EXISTS keys, MULTI           none is there: COMMIT; some are: SORT
 *     SORT      DISCARD, the same with an EXISTS for each event        who was seen is a duplicate; the others: COMMIT
 *     COMMIT    XADD and SET of each, EXEC                             all stored
 *
 * The keys are the events' marks, and of each stream the one that says that it is closed (layout.h); where that is there, the script
 * decides. A key that anybody sets between LOOK and COMMIT makes EXEC do nothing. So what EXEC has done is what the script
 * would have done, and Redis' Lua has not read each byte of it. Whatever else happens - a race, an error, a user
 * without the right to one of these commands - has changed nothing, and then the script decides (scripted.c).
 *
 * The difficulty is twofold. Behind a MULTI that was refused the commands would be done one by one, so events are sent
 * only after its answer. And EXEC goes on after a command in it has failed: what makes an XADD alone fail is a key of
 * another type, for which LOOK asks; should it come to be in between, what was done of the event is taken back (UNDO)
 * before anybody is told. XADD stands before SET, so that of a transaction cut off in Redis' file no mark is left
 * without its entry. */
#include "store/link.h"
#include "store/look.h"
#include "store/twins.h"

/* How long all goes by the script after Redis refused a part of a batch, and after it said that we may not use it. */
enum { REFUSED_MS = 1000, FORBIDDEN_MS = 60 * 1000 };

static void queue(struct store_link *link, struct store_trip *trip)
{
	store_trips_queue(&link->trips, trip, loop_now_ms(link->setup.loop));
}

/* A trip that cannot be made. */
static void give_up(struct store_link *link, struct store_trip *trip, struct store_list *list)
{
	if (trip)
		store_trips_give(&link->trips, trip);
	store_put_end_all(link, list, STORE_UNAVAILABLE, "memory is short");
}

/* ---- LOOK and SORT ---- */

static bool add_end(struct store_trip *trip)
{
	store_command_add_words(&trip->bytes, (struct slice[]){ SLICE("MULTI") }, 1);
	trip->due++;
	return !buf_failed(&trip->bytes) && store_trip_add(trip, buf_slice(&trip->bytes));
}

void store_batch_send(struct store_link *link, struct store_list *batch)
{
	struct store_trip *trip = store_trips_take(&link->trips, STORE_TRIP_LOOK);
	if (trip) {
		store_look_begin(trip, batch);
		store_look_all(trip, batch);
	}
	if (!trip || !add_end(trip)) {
		give_up(link, trip, batch);
		return;
	}
	store_list_join(&trip->list, batch);
	queue(link, trip);
}

/* An event without marks cannot have been seen. */
static void sort(struct store_link *link, struct store_list *batch)
{
	struct store_trip *trip = store_trips_take(&link->trips, STORE_TRIP_SORT);
	struct store_ticket *ticket;
	if (!trip) {
		store_link_drop(link, "memory is short");
		store_put_lost(link, batch, "memory is short");
		return;
	}
	store_command_add_words(&trip->bytes, (struct slice[]){ SLICE("DISCARD") }, 1);
	trip->leading = 1;
	store_look_begin(trip, batch);
	store_look_fences(trip, batch);
	while ((ticket = store_list_take(batch)) != NULL) {
		size_t marks = ticket->command.mark_count;
		store_list_add(marks > 0 ? &trip->list : &trip->aside, ticket);
		if (marks == 0)
			continue;
		store_look_one(trip, ticket);
	}
	bool sent = add_end(trip);
	queue(link, trip);
	if (!sent)
		store_link_drop(link, "memory is short");
}

/* ---- COMMIT ---- */

/* Nothing of the batch is to be added after all: out of the transaction, and the marks are not watched any more. */
static void leave(struct store_link *link)
{
	struct store_trip *trip = store_trips_take(&link->trips, STORE_TRIP_LEAVE);
	if (!trip) {
		store_link_drop(link, "memory is short");
		return;
	}
	trip->due = 2;
	bool sent = store_trip_add(trip, SLICE("*1\r\n$7\r\nDISCARD\r\n*1\r\n$7\r\nUNWATCH\r\n"));
	queue(link, trip);
	if (!sent)
		store_link_drop(link, "memory is short");
}

/* The least that Redis may answer to a COMMIT: "+QUEUED" or an error to each command, and something to EXEC. */
enum { QUEUED_BYTES = 9, EXECUTED_BYTES = 4 };

static bool add_all(struct store_trip *trip)
{
	bool added = true;
	trip->due = 1;
	for (const struct store_ticket *ticket = trip->list.first; ticket && added; ticket = ticket->next) {
		added = store_trip_add(trip, store_command_part(&ticket->command, ticket->command.whole));
		trip->due += 1 + ticket->command.mark_count;
	}
	trip->least = (trip->due - 1) * QUEUED_BYTES + EXECUTED_BYTES;
	return added && store_trip_add(trip, SLICE("*1\r\n$4\r\nEXEC\r\n"));
}

/* Twins are set aside until it is known what came of the first. */
static void sort_out(struct store_link *link, struct store_trip *trip, struct store_list *batch)
{
	struct store_ticket *ticket;
	struct store_twins twins;
	store_twins_begin(&twins);
	while ((ticket = store_list_take(batch)) != NULL) {
		if (!ticket->put)
			store_put_end(link, ticket, STORE_UNAVAILABLE, NULL);
		else
			store_list_add(store_twins_add(&twins, &ticket->command) ? &trip->list : &trip->aside, ticket);
	}
}

static void commit(struct store_link *link, struct store_list *batch)
{
	struct store_trip *trip = store_trips_take(&link->trips, STORE_TRIP_COMMIT);
	if (trip)
		sort_out(link, trip, batch);
	if (trip && trip->list.count > 0 && add_all(trip)) {
		queue(link, trip);
		store_waited_follow(link, trip);
		return;
	}
	leave(link);
	if (trip) {
		store_list_join(batch, &trip->list);
		store_list_join(batch, &trip->aside);
	}
	give_up(link, trip, batch);
}

/* ---- what comes back ---- */

static void note_refusal(struct store_link *link, struct store_trip *trip, const redisReply *reply)
{
	bool error = reply->type == REDIS_REPLY_ERROR;
	struct slice text = error ? slice_of(reply->str, reply->len) : SLICE_NONE;
	bool forbidden = slice_starts(text, SLICE("NOPERM")) || slice_starts(text, SLICE("ERR unknown"));
	trip->failed = true;
	if (!store_moved_says(link, text))
		store_depart_scripted(link, forbidden ? FORBIDDEN_MS : REFUSED_MS);
}

/* Answers that are about the batch as a whole, and MULTI's. */
static void read_status(struct store_link *link, struct store_trip *trip, const redisReply *reply)
{
	struct slice said = reply->type == REDIS_REPLY_STATUS ? slice_of(reply->str, reply->len) : SLICE_NONE;
	if (!slice_eq(said, SLICE("OK")) && !slice_eq(said, SLICE("stream")) && !slice_eq(said, SLICE("none")))
		note_refusal(link, trip, reply);
}

/* Some streams are closed: which events are theirs, the script says. */
static void read_fences(struct store_link *link, struct store_trip *trip, const redisReply *reply)
{
	if (reply->type != REDIS_REPLY_INTEGER)
		note_refusal(link, trip, reply);
	else if (reply->integer > 0)
		trip->failed = true;
}

/* All answers of LOOK or SORT are there; what is left in `list` is not seen. */
static void go_on(struct store_link *link, struct store_trip *trip, struct store_list *list)
{
	if (trip->failed) {
		leave(link);
		store_scripted_send(link, list);
	} else if (trip->seen) {
		sort(link, list);
	} else {
		commit(link, list);
	}
}

static void looked(struct store_link *link, struct store_trip *trip, const redisReply *reply)
{
	bool last = trip->due == 0;
	if (last || trip->answered <= trip->leading)
		read_status(link, trip, reply);
	else if (reply->type != REDIS_REPLY_INTEGER)
		note_refusal(link, trip, reply);
	else
		trip->seen = reply->integer > 0;
	if (last)
		go_on(link, trip, &trip->list);
}

static void sorted(struct store_link *link, struct store_trip *trip, const redisReply *reply)
{
	if (trip->due == 0) {
		read_status(link, trip, reply);
		go_on(link, trip, &trip->aside);
		return;
	}
	if (trip->answered < trip->leading) {
		read_status(link, trip, reply);
		return;
	}
	if (trip->answered == trip->leading) {
		read_fences(link, trip, reply);
		return;
	}
	struct store_ticket *ticket = store_list_take(&trip->list);
	if (reply->type == REDIS_REPLY_INTEGER && reply->integer > 0) {
		store_put_end(link, ticket, STORE_DUPLICATE, NULL);
		return;
	}
	if (reply->type != REDIS_REPLY_INTEGER)
		note_refusal(link, trip, reply);
	store_list_add(&trip->aside, ticket);
}

/* Takes back what was done of an event: its entry, and its marks, which go at once or, for a user without the right to
 * DEL, in a millisecond. */
static void add_undo(struct store_trip *undo, const struct store_command *command, redisReply *const *replies)
{
	struct buf *out = &undo->bytes;
	if (replies[0]->type == REDIS_REPLY_STRING) {
		store_command_add_count(out, 3);
		store_command_add_bulk(out, SLICE("XDEL"));
		buf_add(out, store_command_part(command, command->stream));
		store_command_add_bulk(out, slice_of(replies[0]->str, replies[0]->len));
		undo->due++;
	}
	for (size_t i = 0; i < command->mark_count; i++) {
		struct slice mark = store_command_part(command, command->marks[i]);
		if (replies[1 + i]->type == REDIS_REPLY_ERROR)
			continue;
		buf_add_str(out, "*5\r\n$3\r\nSET\r\n");
		buf_add(out, mark);
		buf_add_str(out, "$1\r\n1\r\n$2\r\nPX\r\n$1\r\n1\r\n*2\r\n$3\r\nDEL\r\n");
		buf_add(out, mark);
		undo->due += 2;
	}
}

static bool is_done(const struct store_command *command, redisReply *const *replies)
{
	bool done = replies[0]->type == REDIS_REPLY_STRING;
	for (size_t i = 0; i < command->mark_count; i++)
		done = done && replies[1 + i]->type == REDIS_REPLY_STATUS;
	return done;
}

static void refused(struct store_link *link, struct store_trip *undo)
{
	for (struct store_ticket *ticket = undo->list.first; ticket; ticket = ticket->next) {
		link->counts.refusals++;
		if (ticket->put)
			ticket->put->refused = undo->refused;
	}
	store_put_end_all(link, &undo->list, STORE_UNAVAILABLE, undo->reason.text);
}

/* The parts of those that were not wholly done. */
static void take_back(struct store_link *link, struct store_trip *undo)
{
	bool sent = !buf_failed(&undo->bytes) && undo->due > 0 && store_trip_add(undo, buf_slice(&undo->bytes));
	if (sent) {
		queue(link, undo);
		return;
	}
	refused(link, undo);
	store_trips_give(&link->trips, undo);
}

static void note_reason(struct store_trip *undo, size_t count, redisReply *const *replies)
{
	for (size_t i = 0; i < count; i++) {
		if (replies[i]->type != REDIS_REPLY_ERROR)
			continue;
		struct slice text = slice_of(replies[i]->str, replies[i]->len);
		reason_set(&undo->reason, "Redis refused the event: %.*s", SLICE_ARGS(slice_head(text, 160)));
		undo->refused = store_scripted_is_final(text);
		return;
	}
	reason_set(&undo->reason, "Redis refused the event: unexpected answer");
}

/* EXEC's own answer: one for each command. */
static void executed(struct store_link *link, struct store_trip *trip, redisReply *const *replies)
{
	struct store_trip *undo = NULL;
	struct store_ticket *ticket;
	while ((ticket = store_list_take(&trip->list)) != NULL) {
		const struct store_command *command = &ticket->command;
		size_t count = 1 + command->mark_count;
		if (is_done(command, replies)) {
			store_put_end(link, ticket, STORE_STORED, NULL);
		} else if (undo || (undo = store_trips_take(&link->trips, STORE_TRIP_UNDO)) != NULL) {
			note_reason(undo, count, replies);
			add_undo(undo, command, replies);
			store_list_add(&undo->list, ticket);
		} else {
			store_put_end(link, ticket, STORE_UNAVAILABLE, "memory is short");
		}
		replies += count;
	}
	/* Their twins stand in the stream. */
	if (!undo)
		store_put_end_all(link, &trip->aside, STORE_DUPLICATE, NULL);
	else
		take_back(link, undo);
	if (trip->aside.first)
		store_scripted_send(link, &trip->aside);
}

/* EXEC itself was refused: the transaction is still open, and what was in it is not to be. */
static void drop(struct store_link *link, struct store_trip *trip, const redisReply *reply)
{
	struct reason reason;
	bool error = reply->type == REDIS_REPLY_ERROR;
	reason_set(&reason, "Redis refused a transaction: %.*s",
		   SLICE_ARGS(error ? slice_head(slice_of(reply->str, reply->len), 160) : SLICE("unexpected answer")));
	store_list_join(&trip->list, &trip->aside);
	store_link_drop(link, reason.text);
	store_put_lost(link, &trip->list, reason.text);
}

static void committed(struct store_link *link, struct store_trip *trip, const redisReply *reply)
{
	bool error = reply->type == REDIS_REPLY_ERROR;
	if (trip->due > 0) {
		if (reply->type != REDIS_REPLY_STATUS)
			note_refusal(link, trip, reply);
		return;
	}
	if (reply->type == REDIS_REPLY_ARRAY && reply->elements == trip->list.count + store_look_marks(&trip->list)) {
		executed(link, trip, reply->element);
		return;
	}
	struct slice text = error ? slice_of(reply->str, reply->len) : SLICE_NONE;
	bool nothing = slice_starts(text, SLICE("EXECABORT")) || store_moved_says(link, text);
	if (reply->type != REDIS_REPLY_NIL && !nothing) {
		drop(link, trip, reply);
		return;
	}
	if (nothing)
		note_refusal(link, trip, reply);
	else
		link->counts.races++;
	store_list_join(&trip->list, &trip->aside);
	store_scripted_send(link, &trip->list);
}

static void left(struct store_link *link, const struct store_trip *trip, const redisReply *reply)
{
	struct slice text = slice_of(reply->str, reply->len);
	if (trip->answered == 1 && reply->type != REDIS_REPLY_STATUS &&
	    !(reply->type == REDIS_REPLY_ERROR && slice_eq(text, SLICE("ERR DISCARD without MULTI"))))
		store_link_drop(link, "Redis does not let us leave a transaction");
}

void store_batch_answered(struct store_link *link, struct store_trip *trip, const redisReply *reply)
{
	if (trip->kind == STORE_TRIP_LOOK)
		looked(link, trip, reply);
	else if (trip->kind == STORE_TRIP_SORT)
		sorted(link, trip, reply);
	else if (trip->kind == STORE_TRIP_COMMIT)
		committed(link, trip, reply);
	else if (trip->kind == STORE_TRIP_LEAVE)
		left(link, trip, reply);
	else if (trip->due == 0)
		refused(link, trip);
}

void store_batch_abandon(struct store_link *link, struct store_trip *trip)
{
	struct store_list list = { .first = NULL };
	/* The replies that are due mean nothing any more. */
	trip->kind = STORE_TRIP_UNDO;
	store_list_join(&list, &trip->list);
	store_list_join(&list, &trip->aside);
	leave(link);
	store_scripted_send(link, &list);
}
