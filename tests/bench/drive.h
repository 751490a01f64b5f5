/* drive.h - a closed loop of connections: each sends a delivery, waits for its answer, sends the next.
 *
 * One thread, one epoll. A phase ends without loose ends: at its time nobody sends any more, and what is in flight is waited
 * for, so that answers and stream entries can be compared exactly. */
#ifndef HOOKGATE_BENCH_DRIVE_H
#define HOOKGATE_BENCH_DRIVE_H

#include "deliveries.h"
#include "latency.h"

#define DRIVE_STATUSES 600

struct drive;

/* What happened in one phase. */
struct drive_tally {
	uint64_t sent, answered;
	uint64_t lost;	     /* the connection ended before the answer */
	uint64_t unanswered; /* still none five seconds after the phase's end */
	uint64_t malformed;  /* an answer that cannot be read; its connection is closed */
	uint64_t reconnects;
	uint64_t by_status[DRIVE_STATUSES];
	uint64_t ns;		/* from the first delivery to the last answer */
	bool exhausted;		/* the deliveries ran out before the time */
	struct latency latency; /* from before the write to after the answer's last byte */
};

/* Connects to 127.0.0.1:port. NULL, with a message on standard error, when that fails. */
struct drive *drive_new(const struct deliveries *set, uint16_t port, uint32_t connections);
void drive_free(struct drive *drive);

/* Sends for `secs`, or, where `each` is not 0, that many deliveries on every connection, 64 connections at a time. `repeat`:
 * begin again with the first delivery when they run out (for a server that drops no duplicates). Tally is filled. */
bool drive_run(struct drive *drive, double secs, uint32_t each, bool repeat, struct drive_tally *tally);

/* Connections that the server has not closed. */
uint32_t drive_open(const struct drive *drive);

#endif
