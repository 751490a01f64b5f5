/* delivery.h - the pipeline of one delivery, free of transport. Read delivery.c first: it is the gateway in one file.
 *
 * A delivery lives in its exchange's arena and is over once its answer was handed over. Everything in a worker's
 * thread. */
#ifndef HOOKGATE_INTAKE_DELIVERY_H
#define HOOKGATE_INTAKE_DELIVERY_H

#include "base/arena.h"
#include "base/message.h"
#include "intake/outcome.h"
#include "intake/worker.h"

struct intake_delivery;

/* Called exactly once per delivery, maybe from within the call that settled it. The answer is borrowed for the call. */
typedef void intake_answer_fn(void *arg, const struct answer *answer);

enum intake_step {
	INTAKE_READ_BODY, /* go on: read the body, then intake_complete */
	INTAKE_ANSWERED	  /* the answer was handed over; the body is not wanted */
};

struct intake_head {
	struct request *request; /* head only; stays until the answer, and gets its body before intake_complete */
	int64_t declared;	 /* Content-Length; -1: chunked */
	int64_t begun_us;	 /* clock_mono_us() at the request's first line */
	struct arena *arena;
	intake_answer_fn *answer;
	void *arg;
};

/* Step 1. *max_body is set for INTAKE_READ_BODY. */
enum intake_step intake_begin(struct intake_worker *worker, const struct intake_head *head,
			      struct intake_delivery **delivery, uint64_t *max_body);

/* Steps 3 to 7, the body standing in the request. The answer comes now or later. */
void intake_complete(struct intake_delivery *delivery);

/* The transport refuses: a body over its limit, ambiguous framing, too much held. `delivery` may be NULL when there is
 * no delivery yet; then `head` says what is known. The answer is handed over at once. */
void intake_refuse(struct intake_worker *worker, const struct intake_head *head, struct intake_delivery *delivery,
		   enum intake_outcome outcome, const char *reason);

/* The client went away before its body was complete: counted and logged, no answer. */
void intake_abandon(struct intake_worker *worker, const struct intake_head *head, struct intake_delivery *delivery,
		    enum intake_outcome outcome, const char *reason);

#endif
