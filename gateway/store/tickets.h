/* tickets.h - the events that are on their way into Redis, each as the bytes that it will be sent as; of this room only.
 *
 * A ticket is in one list at a time: of those that gather for the next batch, or of the trip (trips.h) that it is on. */
#ifndef HOOKGATE_STORE_TICKETS_H
#define HOOKGATE_STORE_TICKETS_H

#include "base/loop.h"
#include "store/command.h"
#include "store/store.h"

struct store_link;

struct store_ticket {
	struct store_ticket *next;
	struct store_link *link;
	struct store_put *put;	      /* NULL: given up */
	struct store_command command; /* kept until the end, since it may have to be sent in another way */
	struct loop_timer deadline;
	int64_t put_us, patience_ms;
	bool evaluated; /* was sent with the script's text */
	struct store_wait wait;
	enum store_result settled; /* of one that waits: what Redis said of it, and when */
	int64_t settled_us;
	bool confirms; /* it has no event */

	/* In a Cluster: */
	uint16_t slot;
	uint8_t redirects; /* how often it was sent elsewhere */
	bool asks;	   /* ASKING goes before it */
	bool asking;	   /* the next answer is ASKING's */
	bool again;	   /* was asked for again */

	size_t pieces; /* of its trip, up to its own last; of one that goes by the script */

	/* Of one that is looked for elsewhere first (elsewhere.c): answers to come, and what those that came say. */
	size_t looks;
	bool failed;
	const struct store_target *seen; /* where it was seen; NULL: nowhere */
	struct store_link *witness;	 /* who said so, when it had connected so often */
	uint64_t witness_connects;
	struct store_put safe; /* is it as safe there as it asks? */
};

struct store_list {
	struct store_ticket *first, *last;
	size_t count;
};

/* Zeroed before first use. */
struct store_tickets {
	size_t waiting;		    /* tickets with a put */
	size_t bytes;		    /* that the tickets hold which are not spare */
	struct store_ticket *spare; /* used ones, with the memory of their commands */
	size_t spares;
};

/* A cleared ticket with an empty command, in no list. NULL when memory is short. */
struct store_ticket *store_tickets_take(struct store_tickets *tickets) __attribute__((warn_unused_result));

/* Gives a ticket back that is in no list and was not begun, or has no put any more. */
void store_tickets_give(struct store_tickets *tickets, struct store_ticket *ticket);

/* It has its command and its put from now on: both are counted. */
void store_tickets_begin(struct store_tickets *tickets, struct store_ticket *ticket);

/* A ticket that was begun is counted by another one's owner from now on. */
void store_tickets_move(struct store_tickets *from, struct store_tickets *to, struct store_ticket *ticket);

/* Takes the put off the ticket, and stops its deadline; NULL when it had given up before. */
struct store_put *store_tickets_end(struct store_tickets *tickets, struct store_ticket *ticket);

/* Frees the spare ones. */
void store_tickets_free(struct store_tickets *tickets);

void store_list_add(struct store_list *list, struct store_ticket *ticket);

/* The first, out of the list; NULL when it is empty. */
struct store_ticket *store_list_take(struct store_list *list);

/* Takes it out, wherever it stands; at the beginning mostly. */
void store_list_remove(struct store_list *list, struct store_ticket *ticket);

/* Puts all of `more` behind, and empties it. */
void store_list_join(struct store_list *list, struct store_list *more);

#endif
