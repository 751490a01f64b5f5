/* tickets.h - all that is out: the commands that Redis has not answered yet, in order; of this room only.
 *
 *     head ......... unsent ......... tail
 *     | sent, reply  | not, or not    |
 *     | is awaited   | wholly, sent   |
 *
 * A ticket leaves at the head, with the reply that Redis gave to it: replies come in the order of the commands, so none
 * is ever taken for another's. A ticket whose put has given up stays in its place without it. */
#ifndef HOOKGATE_STORE_TICKETS_H
#define HOOKGATE_STORE_TICKETS_H

#include "base/buf.h"
#include "base/loop.h"

#include <sys/uio.h>

struct store_link;
struct store_put;

struct store_ticket {
	struct store_ticket *next;
	struct store_link *link;
	struct store_put *put; /* NULL: of the handshake, or given up */
	struct buf command;    /* kept until the reply, since it may have to be sent again */
	struct loop_timer deadline;
	int64_t put_us, put_ms, patience_ms;
	bool sent;	/* wholly */
	bool event;	/* or else of the handshake */
	bool evaluated; /* sent a second time, with the script's text */
};

struct store_tickets {
	struct store_ticket *head, *tail, *unsent;
	size_t unsent_from;	    /* bytes of `unsent` that are out already */
	size_t count, waiting;	    /* tickets; those with a put */
	size_t bytes;		    /* that the tickets hold */
	struct store_ticket *spare; /* used ones, with the memory of their commands */
	size_t spares;
};

/* A cleared ticket with an empty command, not in the queue. NULL when memory is short. */
struct store_ticket *store_tickets_take(struct store_tickets *tickets) __attribute__((warn_unused_result));

/* Gives a ticket back that is not in the queue. `wipe`: a secret passed through it. */
void store_tickets_give(struct store_tickets *tickets, struct store_ticket *ticket, bool wipe);

/* Queues it at the tail; its command must be complete. */
void store_tickets_add(struct store_tickets *tickets, struct store_ticket *ticket);

/* Takes the oldest out, whose reply has come. NULL when nothing was wholly sent: then the reply is nobody's. */
struct store_ticket *store_tickets_next(struct store_tickets *tickets);

/* Takes all out, as a list from the oldest on: the connection is gone. */
struct store_ticket *store_tickets_clear(struct store_tickets *tickets);

/* The put gives up; the ticket stays for its reply, its command's memory only for as long as it is needed. */
void store_tickets_detach(struct store_tickets *tickets, struct store_ticket *ticket);

/* What is to be sent, at most `max` pieces; 0: nothing. */
size_t store_tickets_unsent(const struct store_tickets *tickets, struct iovec *pieces, size_t max);

/* So many more bytes have been sent. */
void store_tickets_sent(struct store_tickets *tickets, size_t n);

/* Frees the spare ones; the queue must be empty. */
void store_tickets_free(struct store_tickets *tickets);

#endif
