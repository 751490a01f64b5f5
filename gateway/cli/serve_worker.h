/* serve_worker.h - one worker of `hookgate serve`: a thread with its loop, its HTTP server and its intake. */
#ifndef HOOKGATE_CLI_SERVE_WORKER_H
#define HOOKGATE_CLI_SERVE_WORKER_H

#include "http/http.h"
#include "intake/worker.h"

struct serve_worker;

struct serve_worker_setup {
	unsigned number; /* 0-based; for the thread's name */
	struct intake_plan *plan;
	struct intake_stats *stats;
	struct http_limits *limits;
	struct intake_redis_watch *watch;
	struct keys *keys;
	const char *redis_socket;
	struct journal *journal, *refused;
	struct store_layouts *layouts;
	struct loop *main_loop;	    /* stopped by the last worker whose thread ends */
	_Atomic(unsigned) *running; /* how many have not ended; set by the caller before the first start */
};

/* Makes the worker; its thread is not running yet. */
int serve_worker_new(const struct serve_worker_setup *setup, struct serve_worker **out)
	__attribute__((warn_unused_result));

/* Gives it a listening socket (consumed); before serve_worker_start. */
int serve_worker_listen(struct serve_worker *worker, int fd, struct reason *reason) __attribute__((warn_unused_result));

int serve_worker_start(struct serve_worker *worker) __attribute__((warn_unused_result));

/* Has the worker use the share's plan from its next turn on. The share is taken also on failure. From any thread. */
int serve_worker_swap(struct serve_worker *worker, struct intake_share *share) __attribute__((warn_unused_result));

/* Waits, after a swap that was handed over, until the worker has taken it; false after ten seconds in vain. */
bool serve_worker_await_swap(struct serve_worker *worker) __attribute__((warn_unused_result));

/* Stops accepting, finishes what is in flight, at most until the drain time-out, then ends the thread. From any
 * thread. */
void serve_worker_drain(struct serve_worker *worker);

/* Ends the drain now: what still waits is answered 503. From any thread. */
void serve_worker_hurry(struct serve_worker *worker);

/* Waits for the thread's end. The number of requests that were not finished in time. */
size_t serve_worker_join(struct serve_worker *worker);

/* After join, or when never started. Accepts NULL. */
void serve_worker_free(struct serve_worker *worker);

#endif
