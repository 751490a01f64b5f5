/* moved.c - events that a node of a Cluster sends elsewhere, or asks for again.
 *
 * Such an answer says that nothing was done, so the event may go to the node that is named, by the script, whose answers
 * are each event's own. The difficulty is a slot that is on its way: its node says TRYAGAIN of all new events until it has
 * arrived, for it cannot know what the other node has seen. So these wait; a few of them are tried now and then, and when
 * one comes through, all follow. */
#include "store/link.h"

#include <stdio.h>

enum { AGAIN_MS = 50, PROBES = 16 };

static bool is_clustered(const struct store_link *link)
{
	return link->setup.redirected != NULL;
}

static struct store_redirect read_error(const struct store_link *link, struct slice error)
{
	struct store_address from = { .port = link->setup.redis->port };
	if (!is_clustered(link))
		return (struct store_redirect){ .kind = STORE_REDIRECT_NONE };
	snprintf(from.host, sizeof from.host, "%s", link->setup.redis->host);
	return store_redirect_read(error, &from);
}

bool store_moved_says(const struct store_link *link, struct slice error)
{
	return read_error(link, error).kind != STORE_REDIRECT_NONE;
}

/* ---- again ---- */

/* Who has given up is let go. */
static void clear_again(struct store_link *link)
{
	struct store_list list = link->again;
	struct store_ticket *ticket;
	link->again = (struct store_list){ .first = NULL };
	while ((ticket = store_list_take(&list)) != NULL) {
		if (ticket->put)
			store_list_add(&link->again, ticket);
		else
			store_put_end(link, ticket, STORE_UNAVAILABLE, NULL);
	}
}

static void on_again(void *arg)
{
	struct store_link *link = arg;
	clear_again(link);
	for (int i = 0; i < PROBES && link->again.first; i++)
		store_list_add(&link->apart, store_list_take(&link->again));
	/* A timer that has just fired finds its place again. */
	if (link->again.first)
		(void)loop_timer_start(link->setup.loop, &link->retry, AGAIN_MS, on_again, link);
}

static bool wait_for_again(struct store_link *link, struct store_ticket *ticket)
{
	if (!loop_timer_running(&link->retry) &&
	    loop_timer_start(link->setup.loop, &link->retry, AGAIN_MS, on_again, link) != 0)
		return false;
	ticket->again = true;
	store_list_add(&link->again, ticket);
	return true;
}

void store_moved_arrived(struct store_link *link)
{
	store_list_join(&link->apart, &link->again);
}

/* ---- elsewhere ---- */

static void count(struct store_link *link, enum store_redirect_kind kind)
{
	link->counts.moved += kind == STORE_REDIRECT_MOVED;
	link->counts.asked += kind == STORE_REDIRECT_ASK;
	link->counts.asked_again += kind == STORE_REDIRECT_AGAIN;
}

bool store_moved(struct store_link *link, struct store_ticket *ticket, struct slice error)
{
	struct store_redirect redirect = read_error(link, error);
	count(link, redirect.kind);
	if (!ticket->put || redirect.kind == STORE_REDIRECT_NONE)
		return false;
	if (redirect.kind == STORE_REDIRECT_AGAIN)
		return wait_for_again(link, ticket);
	return link->setup.redirected(link->setup.arg, ticket, &redirect);
}

bool store_link_adopt(struct store_link *link, struct store_ticket *ticket, bool asks)
{
	struct store_link *from = ticket->link;
	if (!store_link_takes_puts(link))
		return false;
	store_tickets_move(&from->tickets, &link->tickets, ticket);
	ticket->link = link;
	ticket->asks = asks;
	ticket->evaluated = false;
	link->waiting.wanted |= ticket->wait.level != STORE_LEVEL_STORED;
	store_list_add(&link->apart, ticket);
	store_put_mind_stall(link);
	return true;
}
