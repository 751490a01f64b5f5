/* run.h - reading a group's entries one after another, of all partitions, handing each on, and acknowledging those that went well. */
#ifndef HOOKGATE_CONSUME_RUN_H
#define HOOKGATE_CONSUME_RUN_H

#include "consume/members.h"

enum consume_done {
	CONSUME_DONE,	/* acknowledge it */
	CONSUME_FAILED, /* leave it pending: it will be read again */
	CONSUME_STOP	/* leave it and all that follow, and end: nothing can be handed on any more */
};

struct consume_run {
	struct consume_members *members;
	uint64_t limit; /* end after so many events; 0: no limit */
	/* Read so many at once, at most CONSUME_BATCH_MAX; 1 where handling takes long: others may take the rest. */
	size_t batch;
	bool follow; /* wait for more, for ever; else end when nothing is left */
	bool count;  /* fill event->deliveries for what is read again */

	/* Hands one event on. */
	enum consume_done (*handle)(void *arg, const struct consume_event *event);
	/* After each batch, before it is acknowledged; false: what was handed on did not arrive. May be NULL. */
	bool (*flush)(void *arg);
	/* A line for a person: Redis away and back, an entry that was deleted. */
	void (*said)(void *arg, const char *text);
	void *arg;

	const volatile sig_atomic_t *stops; /* not 0: end after the present batch */
};

enum { CONSUME_BATCH_MAX = 64 };

struct consume_tally {
	uint64_t handled, failed;
	bool stopped; /* by CONSUME_STOP or flush */
};

/* Reconnects with backoff (0.1 s, doubling to 5 s): for ever when it follows, else for 10 s once it had been connected.
 * 0 at the limit, at the end, or when stopped; else a fault as of consume_members_read, with the reason. The tally is
 * right in every case. */
int consume_run(const struct consume_run *run, struct consume_tally *tally, struct reason *reason)
	__attribute__((warn_unused_result));

#endif
