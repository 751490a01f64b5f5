/* put.c - events on their way: out with a ticket, back with the reply or without.
 *
 * Its difficulty is that two clocks run over each put. Its own deadline ends the wait of the delivery, and only that:
 * the ticket stays in the queue for the reply that may still come, so that no later put is ever given it. The link's
 * own patience, stall_ms, decides whether Redis is to be asked at all. */
#include "base/clock.h"
#include "store/command.h"
#include "store/link.h"

#include <errno.h>
#include <string.h>

enum { BYTES_MAX = 64 * 1024 * 1024 };

/* ---- the end of a put ---- */

static void settle(struct store_put *put, const struct store_ticket *ticket, enum store_result result,
		   const char *reason)
{
	put->done(put, result, reason, clock_mono_us() - ticket->put_us);
}

static void on_deadline(void *arg)
{
	struct store_ticket *ticket = arg;
	struct store_link *link = ticket->link;
	struct store_put *put = ticket->put;
	struct reason reason;
	reason_set(&reason, "no answer from Redis within %lld ms", (long long)ticket->patience_ms);
	store_count(&link->timeouts);
	store_tickets_detach(&link->tickets, ticket);
	settle(put, ticket, STORE_UNAVAILABLE, reason.text);
}

void store_put_lost(struct store_link *link, struct store_ticket *tickets, const char *why)
{
	struct reason reason;
	reason_set(&reason, "the connection to Redis was lost: %s", why);
	while (tickets) {
		struct store_ticket *ticket = tickets;
		struct store_put *put = ticket->put;
		tickets = ticket->next;
		loop_timer_stop(&ticket->deadline);
		ticket->put = NULL;
		if (put)
			settle(put, ticket, STORE_UNAVAILABLE, reason.text);
		store_tickets_give(&link->tickets, ticket, !ticket->event);
	}
}

/* ---- patience ---- */

static int64_t oldest_ms(const struct store_link *link)
{
	return loop_now_ms(link->setup.loop) - link->tickets.head->put_ms;
}

static void on_stall(void *arg)
{
	struct store_link *link = arg;
	int64_t stall_ms = link->setup.stall_ms, now_ms = loop_now_ms(link->setup.loop), left_ms;
	struct reason reason;
	if (!link->tickets.head)
		return;
	if (link->phase == STORE_PHASE_READY) {
		left_ms = stall_ms - oldest_ms(link);
		if (left_ms <= 0) {
			link->heard_ms = now_ms;
			left_ms = stall_ms;
			reason_set(&reason, "no answer from Redis for %lld ms", (long long)stall_ms);
			store_link_enter(link, STORE_PHASE_STALLED, reason.text);
		}
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

void store_put_heard(struct store_link *link)
{
	link->heard_ms = loop_now_ms(link->setup.loop);
	if (link->phase == STORE_PHASE_STALLED && (!link->tickets.head || oldest_ms(link) < link->setup.stall_ms))
		store_link_enter(link, STORE_PHASE_READY, NULL);
}

/* ---- answers ---- */

/* The first word of an error; of one that an older Redis wrapped ("ERR Error running script: -OOM ..."), the word
 * inside. */
static struct slice error_word(struct slice text)
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

/* These say that this server is not the one to ask now, whatever the event. */
static bool means_elsewhere(struct slice word)
{
	return slice_eq(word, SLICE("READONLY")) || slice_eq(word, SLICE("LOADING")) ||
	       slice_eq(word, SLICE("MASTERDOWN")) || slice_eq(word, SLICE("NOAUTH"));
}

/* Redis has lost its scripts, by a restart or SCRIPT FLUSH: sent with its text, the script is kept again. False when
 * memory is short. */
static bool send_with_text(struct store_link *link, struct store_ticket *ticket)
{
	if (!store_command_to_eval(&ticket->command))
		return false;
	ticket->evaluated = true;
	store_count(&link->script_loads);
	store_tickets_add(&link->tickets, ticket);
	return true;
}

static void refuse(struct store_link *link, struct store_ticket *ticket, const redisReply *reply)
{
	bool error = reply->type == REDIS_REPLY_ERROR;
	struct slice text = error ? slice_of(reply->str, reply->len) : SLICE("unexpected answer");
	struct slice word = error_word(text);
	if (slice_eq(word, SLICE("NOSCRIPT")) && ticket->put && !ticket->evaluated && send_with_text(link, ticket))
		return;

	struct reason reason;
	struct store_put *put = ticket->put;
	reason_set(&reason, "Redis refused the event: %.*s", SLICE_ARGS(slice_head(text, 160)));
	loop_timer_stop(&ticket->deadline);
	ticket->put = NULL;
	if (put) {
		store_count(&link->refusals);
		settle(put, ticket, STORE_UNAVAILABLE, reason.text);
	}
	store_tickets_give(&link->tickets, ticket, false);
	if (error && means_elsewhere(word) && link->phase != STORE_PHASE_WAITING)
		store_link_drop(link, reason.text);
}

void store_put_answered(struct store_link *link, struct store_ticket *ticket, const redisReply *reply)
{
	struct store_put *put = ticket->put;
	if (reply->type != REDIS_REPLY_INTEGER || (reply->integer != 0 && reply->integer != 1)) {
		refuse(link, ticket, reply);
		return;
	}
	loop_timer_stop(&ticket->deadline);
	ticket->put = NULL;
	if (put)
		settle(put, ticket, reply->integer == 1 ? STORE_STORED : STORE_DUPLICATE, NULL);
	store_tickets_give(&link->tickets, ticket, false);
}

/* ---- putting ---- */

int store_put(struct store_link *link, const struct store_event *event, int64_t deadline_ms, struct store_put *put)
{
	struct loop *loop = link->setup.loop;
	if (link->phase != STORE_PHASE_READY || link->tickets.bytes >= BYTES_MAX)
		return -EAGAIN;
	struct store_ticket *ticket = store_tickets_take(&link->tickets);
	if (!ticket)
		return -ENOMEM;
	ticket->link = link;
	ticket->event = true;
	ticket->put = put;
	ticket->put_us = clock_mono_us();
	ticket->put_ms = loop_now_ms(loop);
	ticket->patience_ms = deadline_ms > ticket->put_ms ? deadline_ms - ticket->put_ms : 0;
	if (!store_command_event(&ticket->command, link->sha, event) ||
	    loop_timer_start(loop, &ticket->deadline, ticket->patience_ms, on_deadline, ticket) != 0 ||
	    (!loop_timer_running(&link->stall) &&
	     loop_timer_start(loop, &link->stall, link->setup.stall_ms, on_stall, link) != 0)) {
		loop_timer_stop(&ticket->deadline);
		store_tickets_give(&link->tickets, ticket, false);
		return -ENOMEM;
	}
	store_tickets_add(&link->tickets, ticket);
	return 0;
}
