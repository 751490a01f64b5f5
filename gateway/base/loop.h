/* loop.h - one thread's event loop on epoll: descriptors, timers, and work at the end of each turn.
 *
 * A turn: wait, call who is ready, fire what is due, then run the end-of-turn hooks in the order they were added. The
 * hooks are what makes batching free: all that one turn gathered (commands for Redis, log lines) leaves in one write.
 *
 * Objects (watch, timer, hook) are embedded in their owner and must be zeroed before first use. The owner may stop, or
 * stop and free, any watch or timer from within any callback; a hook stays until the loop is freed. All calls from the
 * loop's own thread, but for loop_call and loop_stop. */
#ifndef HOOKGATE_BASE_LOOP_H
#define HOOKGATE_BASE_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;

enum { LOOP_READ = 1, LOOP_WRITE = 2 };

struct loop_watch {
	struct loop *loop;
	int fd;
	unsigned events;
	void (*ready)(void *arg, unsigned events); /* hang-ups and errors show as all the events watched for */
	void *arg;
	size_t slot; /* where the loop keeps it */
};

struct loop_timer {
	struct loop *loop;
	int64_t due_ms;
	void (*fire)(void *arg);
	void *arg;
	size_t heap_index; /* 1-based; 0: not running */
	uint64_t order;	   /* among timers due at the same time, the one started first fires first */
};

struct loop_hook {
	void (*run)(void *arg);
	void *arg;
	struct loop_hook *next;
};

/* 0, or -errno. */
int loop_new(struct loop **out) __attribute__((warn_unused_result));

/* All watches and timers must have been stopped. Accepts NULL. */
void loop_free(struct loop *loop);

/* Starts watching fd (not consumed), level-triggered. 0, or -errno; -EBUSY when the watch is running already. */
int loop_watch(struct loop *loop, struct loop_watch *watch, int fd, unsigned events,
	       void (*ready)(void *arg, unsigned events), void *arg) __attribute__((warn_unused_result));

/* Changes what is watched for; 0 events keeps the watch but mutes it. A no-op when nothing changes. */
void loop_watch_change(struct loop_watch *watch, unsigned events);

/* Ends it before the descriptor is closed; a no-op on a watch that never ran. */
void loop_unwatch(struct loop_watch *watch);

/* (Re)starts the timer to fire once, delay_ms from the turn's now (outside of turns: from now), in the next turn at the
 * earliest. 0, or -ENOMEM, which restarting a running timer never gives. */
int loop_timer_start(struct loop *loop, struct loop_timer *timer, int64_t delay_ms, void (*fire)(void *arg), void *arg);
void loop_timer_stop(struct loop_timer *timer);
static inline bool loop_timer_running(const struct loop_timer *timer)
{
	return timer->heap_index != 0;
}

/* Adds a hook that runs at the end of every turn, until the loop is freed. */
void loop_hook_add(struct loop *loop, struct loop_hook *hook, void (*run)(void *arg), void *arg);

/* The next turn starts at once instead of waiting; for hooks that left something undone. */
void loop_again(struct loop *loop);

/* Monotonic milliseconds, read once per turn; between turns, the time it is. */
int64_t loop_now_ms(const struct loop *loop);

/* Runs turns until loop_stop. 0, or -errno when epoll itself fails. */
int loop_run(struct loop *loop) __attribute__((warn_unused_result));

/* Ends loop_run after the current turn. From any thread. */
void loop_stop(struct loop *loop);

/* Has `called` run once in the loop's thread, in its next turn; calls made from other threads are kept in order. Safe
 * from any thread. What was not run when the loop is freed never runs. 0, or -ENOMEM. */
int loop_call(struct loop *loop, void (*called)(void *arg), void *arg) __attribute__((warn_unused_result));

#endif
