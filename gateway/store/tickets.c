/* tickets.c - the events on their way, and lists of them.
 *
 * Tickets are used again with the memory of their commands, so that the steady state allocates nothing; its difficulty
 * is to know at each moment how much they hold together: large ones give their memory back. */
#include "store/tickets.h"

#include <stdlib.h>

enum { SPARES_MAX = 1024, SPARE_COMMAND_MAX = 64 * 1024 };

struct store_ticket *store_tickets_take(struct store_tickets *tickets)
{
	struct store_ticket *ticket = tickets->spare;
	if (!ticket)
		return calloc(1, sizeof *ticket);
	tickets->spare = ticket->next;
	tickets->spares--;
	ticket->next = NULL;
	ticket->put = NULL;
	ticket->evaluated = ticket->asks = ticket->asking = ticket->again = false;
	ticket->redirects = 0;
	ticket->settled_us = 0;
	ticket->confirms = false;
	ticket->wait = (struct store_wait){ .level = STORE_LEVEL_STORED };
	ticket->failed = false;
	ticket->seen = NULL;
	store_command_clear(&ticket->command);
	return ticket;
}

void store_tickets_give(struct store_tickets *tickets, struct store_ticket *ticket)
{
	tickets->bytes -= ticket->command.bytes.n;
	store_command_clear(&ticket->command);
	bool large = ticket->command.bytes.size > SPARE_COMMAND_MAX;
	if (large || tickets->spares == SPARES_MAX)
		store_command_free(&ticket->command);
	if (tickets->spares == SPARES_MAX) {
		free(ticket);
		return;
	}
	ticket->next = tickets->spare;
	tickets->spare = ticket;
	tickets->spares++;
}

void store_tickets_begin(struct store_tickets *tickets, struct store_ticket *ticket)
{
	tickets->waiting++;
	tickets->bytes += ticket->command.bytes.n;
}

void store_tickets_move(struct store_tickets *from, struct store_tickets *to, struct store_ticket *ticket)
{
	from->waiting -= ticket->put != NULL;
	from->bytes -= ticket->command.bytes.n;
	to->waiting += ticket->put != NULL;
	to->bytes += ticket->command.bytes.n;
}

struct store_put *store_tickets_end(struct store_tickets *tickets, struct store_ticket *ticket)
{
	struct store_put *put = ticket->put;
	loop_timer_stop(&ticket->deadline);
	ticket->put = NULL;
	tickets->waiting -= put != NULL;
	return put;
}

void store_tickets_free(struct store_tickets *tickets)
{
	while (tickets->spare) {
		struct store_ticket *next = tickets->spare->next;
		store_command_free(&tickets->spare->command);
		free(tickets->spare);
		tickets->spare = next;
	}
	tickets->spares = 0;
}

void store_list_add(struct store_list *list, struct store_ticket *ticket)
{
	ticket->next = NULL;
	if (list->last)
		list->last->next = ticket;
	else
		list->first = ticket;
	list->last = ticket;
	list->count++;
}

struct store_ticket *store_list_take(struct store_list *list)
{
	struct store_ticket *ticket = list->first;
	if (!ticket)
		return NULL;
	list->first = ticket->next;
	if (!list->first)
		list->last = NULL;
	list->count--;
	ticket->next = NULL;
	return ticket;
}

void store_list_remove(struct store_list *list, struct store_ticket *ticket)
{
	struct store_ticket **at = &list->first, *before = NULL;
	while (*at != ticket) {
		before = *at;
		at = &before->next;
	}
	*at = ticket->next;
	if (list->last == ticket)
		list->last = before;
	list->count--;
	ticket->next = NULL;
}

void store_list_join(struct store_list *list, struct store_list *more)
{
	if (!more->first)
		return;
	if (list->last)
		list->last->next = more->first;
	else
		list->first = more->first;
	list->last = more->last;
	list->count += more->count;
	*more = (struct store_list){ .first = NULL };
}
