/* loop.c - see loop.h.
 *
 * The special difficulty: one epoll_wait brings many events, and the callback for one of them may end and free the
 * owner of another that has not been called yet. So epoll is not given a pointer but the number of a slot and the
 * slot's generation; ending a watch empties the slot and begins a new generation, and an event of an old one is
 * dropped.
 *
 * Timers are a binary heap by due time, and among equals by the order of starting. A timer that was started in this
 * turn fires in the next at the earliest, else a timer that starts itself with delay 0 would never let a turn end. */
#include "base/loop.h"

#include "base/clock.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { EVENTS_MAX = 256 };

#define WAKE_KEY UINT64_MAX

struct slot {
	struct loop_watch *watch; /* NULL: free */
	uint32_t generation;
	uint32_t next_free; /* slot number plus one; 0 ends the list */
};

struct call {
	void (*called)(void *arg);
	void *arg;
	struct call *next;
};

struct loop {
	int epoll;
	int wake;
	bool in_turn;
	bool again;
	int64_t now_ms;

	struct slot *slots;
	size_t slot_count;
	uint32_t first_free; /* as next_free */

	struct loop_timer **heap; /* heap[1 .. timer_count]; heap[0] is not used */
	size_t timer_count;
	size_t timer_room;
	uint64_t timers_started;

	struct loop_hook *hooks;
	struct loop_hook **last_hook;

	/* From here on: shared with other threads. */
	atomic_bool stop;
	pthread_mutex_t lock; /* over the calls */
	struct call *calls;
	struct call **last_call;
};

int loop_new(struct loop **out)
{
	struct loop *loop = calloc(1, sizeof *loop);
	if (!loop)
		return -ENOMEM;
	loop->now_ms = clock_mono_ms();
	loop->last_hook = &loop->hooks;
	loop->last_call = &loop->calls;
	pthread_mutex_init(&loop->lock, NULL);
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	loop->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = WAKE_KEY };
	if (loop->epoll < 0 || loop->wake < 0 || epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->wake, &event) != 0) {
		int fault = -errno;
		loop_free(loop);
		return fault;
	}
	*out = loop;
	return 0;
}

static void free_calls(struct call *call)
{
	while (call) {
		struct call *next = call->next;
		free(call);
		call = next;
	}
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	if (loop->wake >= 0)
		close(loop->wake);
	if (loop->epoll >= 0)
		close(loop->epoll);
	free_calls(loop->calls);
	pthread_mutex_destroy(&loop->lock);
	free(loop->slots);
	free(loop->heap);
	free(loop);
}

int64_t loop_now_ms(const struct loop *loop)
{
	return loop->in_turn ? loop->now_ms : clock_mono_ms();
}

/* --- descriptors --- */

static bool add_slots(struct loop *loop)
{
	size_t count = loop->slot_count > 0 ? loop->slot_count * 2 : 16;
	if (count > UINT32_MAX / 2)
		return false;
	struct slot *slots = realloc(loop->slots, count * sizeof *slots);
	if (!slots)
		return false;
	for (size_t i = count; i-- > loop->slot_count;) {
		slots[i] = (struct slot){ .next_free = loop->first_free };
		loop->first_free = (uint32_t)i + 1;
	}
	loop->slots = slots;
	loop->slot_count = count;
	return true;
}

static int control(struct loop_watch *watch, int operation)
{
	uint64_t key = (uint64_t)watch->loop->slots[watch->slot].generation << 32 | watch->slot;
	struct epoll_event event = { .data.u64 = key };
	if (watch->events & LOOP_READ)
		event.events |= EPOLLIN | EPOLLRDHUP;
	if (watch->events & LOOP_WRITE)
		event.events |= EPOLLOUT;
	/* epoll reports hang-ups even to who asked for nothing: edge-triggered, a mute watch hears it once, not for
	 * ever. */
	if (watch->events == 0)
		event.events = EPOLLET;
	return epoll_ctl(watch->loop->epoll, operation, watch->fd, &event) == 0 ? 0 : -errno;
}

static void release_slot(struct loop *loop, size_t number)
{
	struct slot *slot = &loop->slots[number];
	slot->watch = NULL;
	slot->generation++;
	slot->next_free = loop->first_free;
	loop->first_free = (uint32_t)number + 1;
}

int loop_watch(struct loop *loop, struct loop_watch *watch, int fd, unsigned events,
	       void (*ready)(void *arg, unsigned events), void *arg)
{
	if (watch->loop)
		return -EBUSY;
	if (loop->first_free == 0 && !add_slots(loop))
		return -ENOMEM;
	size_t number = loop->first_free - 1;
	struct slot *slot = &loop->slots[number];
	loop->first_free = slot->next_free;
	slot->watch = watch;
	*watch = (struct loop_watch){
		.loop = loop, .fd = fd, .events = events, .ready = ready, .arg = arg, .slot = number
	};
	int fault = control(watch, EPOLL_CTL_ADD);
	if (fault != 0) {
		release_slot(loop, number);
		watch->loop = NULL;
	}
	return fault;
}

void loop_watch_change(struct loop_watch *watch, unsigned events)
{
	if (!watch->loop || watch->events == events)
		return;
	watch->events = events;
	/* Changing what is already watched needs no memory; it fails only for a descriptor that was closed too
	 * early. */
	if (control(watch, EPOLL_CTL_MOD) != 0)
		abort();
}

void loop_unwatch(struct loop_watch *watch)
{
	if (!watch->loop)
		return;
	(void)epoll_ctl(watch->loop->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
	release_slot(watch->loop, watch->slot);
	watch->loop = NULL;
}

/* --- timers --- */

static bool is_before(const struct loop_timer *a, const struct loop_timer *b)
{
	return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->order < b->order;
}

static void place(struct loop *loop, struct loop_timer *timer, size_t at)
{
	loop->heap[at] = timer;
	timer->heap_index = at;
}

/* Puts the timer where it belongs on the way from `at` to the root, or to a leaf. */
static void sift(struct loop *loop, struct loop_timer *timer, size_t at)
{
	for (; at > 1 && is_before(timer, loop->heap[at / 2]); at /= 2)
		place(loop, loop->heap[at / 2], at);
	for (size_t child = at * 2; child <= loop->timer_count; child = at * 2) {
		if (child < loop->timer_count && is_before(loop->heap[child + 1], loop->heap[child]))
			child++;
		if (!is_before(loop->heap[child], timer))
			break;
		place(loop, loop->heap[child], at);
		at = child;
	}
	place(loop, timer, at);
}

static bool timer_room(struct loop *loop)
{
	if (loop->timer_count + 1 < loop->timer_room)
		return true;
	size_t room = loop->timer_room > 0 ? loop->timer_room * 2 : 64;
	struct loop_timer **heap = realloc(loop->heap, room * sizeof *heap);
	if (!heap)
		return false;
	loop->heap = heap;
	loop->timer_room = room;
	return true;
}

int loop_timer_start(struct loop *loop, struct loop_timer *timer, int64_t delay_ms, void (*fire)(void *arg), void *arg)
{
	if (timer->heap_index == 0) {
		if (!timer_room(loop))
			return -ENOMEM;
		timer->heap_index = ++loop->timer_count;
	}
	int64_t now_ms = loop_now_ms(loop);
	int64_t longest_ms = INT64_MAX - now_ms;
	timer->loop = loop;
	timer->due_ms = now_ms + (delay_ms < 0 ? 0 : delay_ms > longest_ms ? longest_ms : delay_ms);
	timer->order = loop->timers_started++;
	timer->fire = fire;
	timer->arg = arg;
	sift(loop, timer, timer->heap_index);
	return 0;
}

void loop_timer_stop(struct loop_timer *timer)
{
	if (timer->heap_index == 0)
		return;
	struct loop *loop = timer->loop;
	size_t at = timer->heap_index;
	struct loop_timer *last = loop->heap[loop->timer_count--];
	timer->heap_index = 0;
	if (last != timer)
		sift(loop, last, at);
}

/* Fires what is due and was started before `limit` timers had been started. Those started later stand behind all that
 * are due, since they are due now at the earliest. */
static void fire_timers(struct loop *loop, uint64_t limit)
{
	while (loop->timer_count > 0) {
		struct loop_timer *timer = loop->heap[1];
		if (timer->due_ms > loop->now_ms || timer->order >= limit)
			break;
		loop_timer_stop(timer);
		timer->fire(timer->arg);
	}
}

/* --- hooks, calls, turns --- */

void loop_hook_add(struct loop *loop, struct loop_hook *hook, void (*run)(void *arg), void *arg)
{
	*hook = (struct loop_hook){ .run = run, .arg = arg };
	*loop->last_hook = hook;
	loop->last_hook = &hook->next;
}

void loop_again(struct loop *loop)
{
	loop->again = true;
}

static void wake_up(struct loop *loop)
{
	/* Fails only when the counter is full, and then the loop is going to wake up anyway. */
	if (write(loop->wake, &(uint64_t){ 1 }, sizeof(uint64_t)) < 0)
		return;
}

void loop_stop(struct loop *loop)
{
	atomic_store(&loop->stop, true);
	wake_up(loop);
}

int loop_call(struct loop *loop, void (*called)(void *arg), void *arg)
{
	struct call *call = malloc(sizeof *call);
	if (!call)
		return -ENOMEM;
	*call = (struct call){ .called = called, .arg = arg };
	pthread_mutex_lock(&loop->lock);
	*loop->last_call = call;
	loop->last_call = &call->next;
	pthread_mutex_unlock(&loop->lock);
	wake_up(loop);
	return 0;
}

static void run_calls(struct loop *loop)
{
	uint64_t wakes;
	if (read(loop->wake, &wakes, sizeof wakes) < 0)
		return;
	pthread_mutex_lock(&loop->lock);
	struct call *call = loop->calls;
	loop->calls = NULL;
	loop->last_call = &loop->calls;
	pthread_mutex_unlock(&loop->lock);
	while (call) {
		struct call done = *call;
		free(call);
		done.called(done.arg);
		call = done.next;
	}
}

static void dispatch(struct loop *loop, const struct epoll_event *event)
{
	if (event->data.u64 == WAKE_KEY) {
		run_calls(loop);
		return;
	}
	const struct slot *slot = &loop->slots[event->data.u64 & UINT32_MAX];
	struct loop_watch *watch = slot->watch;
	if (!watch || slot->generation != (uint32_t)(event->data.u64 >> 32))
		return;
	unsigned events = 0;
	if (event->events & (EPOLLHUP | EPOLLERR))
		events = LOOP_READ | LOOP_WRITE;
	if (event->events & (EPOLLIN | EPOLLRDHUP))
		events |= LOOP_READ;
	if (event->events & EPOLLOUT)
		events |= LOOP_WRITE;
	/* An earlier callback of this turn may have changed what is wanted. */
	events &= watch->events;
	if (events != 0)
		watch->ready(watch->arg, events);
}

static int wait_ms(struct loop *loop)
{
	if (loop->again)
		return 0;
	if (loop->timer_count == 0)
		return -1;
	int64_t left = loop->heap[1]->due_ms - clock_mono_ms();
	return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

static int turn(struct loop *loop)
{
	struct epoll_event events[EVENTS_MAX];
	int timeout = wait_ms(loop);
	loop->again = false;
	int count = epoll_wait(loop->epoll, events, EVENTS_MAX, timeout);
	if (count < 0 && errno != EINTR)
		return -errno;
	loop->now_ms = clock_mono_ms();
	loop->in_turn = true;
	uint64_t limit = loop->timers_started;
	for (int i = 0; i < count; i++)
		dispatch(loop, &events[i]);
	fire_timers(loop, limit);
	for (struct loop_hook *hook = loop->hooks; hook; hook = hook->next)
		hook->run(hook->arg);
	loop->in_turn = false;
	return 0;
}

int loop_run(struct loop *loop)
{
	int fault = 0;
	do
		fault = turn(loop);
	while (fault == 0 && !atomic_load(&loop->stop));
	atomic_store(&loop->stop, false);
	return fault;
}
