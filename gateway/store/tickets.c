/* tickets.c - the queue of commands that Redis has not answered yet.
 *
 * One list is both the output still to be written and the replies still awaited; its difficulty is to keep the three
 * pointers into it true. Tickets are used again with the memory of their commands, so that the steady state allocates
 * nothing; large ones give it back. */
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
	struct buf command = ticket->command;
	*ticket = (struct store_ticket){ .command = command };
	buf_clear(&ticket->command);
	return ticket;
}

void store_tickets_give(struct store_tickets *tickets, struct store_ticket *ticket, bool wipe)
{
	if (wipe)
		buf_wipe(&ticket->command);
	else if (ticket->command.size > SPARE_COMMAND_MAX)
		buf_free(&ticket->command);
	if (tickets->spares == SPARES_MAX) {
		buf_free(&ticket->command);
		free(ticket);
		return;
	}
	ticket->next = tickets->spare;
	tickets->spare = ticket;
	tickets->spares++;
}

void store_tickets_add(struct store_tickets *tickets, struct store_ticket *ticket)
{
	ticket->next = NULL;
	ticket->sent = false;
	if (tickets->tail)
		tickets->tail->next = ticket;
	else
		tickets->head = ticket;
	tickets->tail = ticket;
	if (!tickets->unsent) {
		tickets->unsent = ticket;
		tickets->unsent_from = 0;
	}
	tickets->count++;
	tickets->waiting += ticket->put != NULL;
	tickets->bytes += ticket->command.n;
}

struct store_ticket *store_tickets_next(struct store_tickets *tickets)
{
	struct store_ticket *ticket = tickets->head;
	if (!ticket || !ticket->sent)
		return NULL;
	tickets->head = ticket->next;
	if (!tickets->head)
		tickets->tail = NULL;
	tickets->count--;
	tickets->waiting -= ticket->put != NULL;
	tickets->bytes -= ticket->command.n;
	return ticket;
}

struct store_ticket *store_tickets_clear(struct store_tickets *tickets)
{
	struct store_ticket *all = tickets->head;
	tickets->head = tickets->tail = tickets->unsent = NULL;
	tickets->unsent_from = tickets->count = tickets->waiting = tickets->bytes = 0;
	return all;
}

/* What is wholly sent and nobody's will not be sent again. */
static void release_command(struct store_tickets *tickets, struct store_ticket *ticket)
{
	tickets->bytes -= ticket->command.n;
	buf_free(&ticket->command);
}

void store_tickets_detach(struct store_tickets *tickets, struct store_ticket *ticket)
{
	ticket->put = NULL;
	tickets->waiting--;
	if (ticket->sent)
		release_command(tickets, ticket);
}

size_t store_tickets_unsent(const struct store_tickets *tickets, struct iovec *pieces, size_t max)
{
	size_t n = 0, from = tickets->unsent_from;
	for (struct store_ticket *ticket = tickets->unsent; ticket && n < max; ticket = ticket->next) {
		pieces[n++] = (struct iovec){ ticket->command.p + from, ticket->command.n - from };
		from = 0;
	}
	return n;
}

void store_tickets_sent(struct store_tickets *tickets, size_t n)
{
	n += tickets->unsent_from;
	struct store_ticket *ticket = tickets->unsent;
	while (ticket && n >= ticket->command.n) {
		n -= ticket->command.n;
		ticket->sent = true;
		if (ticket->event && !ticket->put)
			release_command(tickets, ticket);
		ticket = ticket->next;
	}
	tickets->unsent = ticket;
	tickets->unsent_from = n;
}

void store_tickets_free(struct store_tickets *tickets)
{
	while (tickets->spare) {
		struct store_ticket *next = tickets->spare->next;
		buf_free(&tickets->spare->command);
		free(tickets->spare);
		tickets->spare = next;
	}
	tickets->spares = 0;
}
