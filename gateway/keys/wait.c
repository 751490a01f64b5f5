/* wait.c - who waits for a key, and how they are told in their own threads.
 *
 * The special difficulty: the fetching thread and a worker's end meet. A waiter stands in one of two lists, its entry's
 * or its inbox's, always under the lock; only its own thread takes it out for good. So whoever stops waiting knows that
 * it will not be told any more. */
#include "base/clock.h"
#include "keys/inside.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct keys_inbox {
	struct keys *keys;
	struct loop_watch watch;
	int fd;
	struct keys_waiter *told; /* under the lock of keys */
};

static void put_in(struct keys_waiter **list, struct keys_waiter *waiter)
{
	waiter->next = *list;
	waiter->link = list;
	if (waiter->next)
		waiter->next->link = &waiter->next;
	*list = waiter;
}

static void take_out(struct keys_waiter *waiter)
{
	*waiter->link = waiter->next;
	if (waiter->next)
		waiter->next->link = waiter->link;
	waiter->next = NULL;
	waiter->link = NULL;
}

/* The next one that is to be told, no longer waiting; NULL: none. */
static struct keys_waiter *next_told(struct keys_inbox *inbox)
{
	struct keys_waiter *waiter;

	pthread_mutex_lock(&inbox->keys->lock);
	waiter = inbox->told;
	if (waiter) {
		take_out(waiter);
		inbox->keys->waiting--;
	}
	pthread_mutex_unlock(&inbox->keys->lock);
	return waiter;
}

static void ready(void *arg, unsigned events)
{
	struct keys_inbox *inbox = arg;
	struct keys_waiter *waiter;
	uint64_t count;

	(void)events;
	if (read(inbox->fd, &count, sizeof count) < 0)
		return;
	while ((waiter = next_told(inbox))) {
		waiter->inbox = NULL;
		waiter->told(waiter->arg);
	}
}

int keys_inbox_new(struct keys *keys, struct loop *loop, struct keys_inbox **out)
{
	struct keys_inbox *inbox = calloc(1, sizeof *inbox);
	int r;

	if (!inbox)
		return -ENOMEM;
	inbox->keys = keys;
	inbox->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = inbox->fd < 0 ? -errno : loop_watch(loop, &inbox->watch, inbox->fd, LOOP_READ, ready, inbox);
	if (r == 0)
		*out = inbox;
	else
		keys_inbox_free(inbox);
	return r;
}

void keys_inbox_free(struct keys_inbox *inbox)
{
	if (!inbox)
		return;
	loop_unwatch(&inbox->watch);
	if (inbox->fd >= 0)
		close(inbox->fd);
	free(inbox);
}

void keys_tell(struct keys_entry *entry)
{
	while (entry->waiters) {
		struct keys_waiter *waiter = entry->waiters;
		struct keys_inbox *inbox = waiter->inbox;

		take_out(waiter);
		put_in(&inbox->told, waiter);
		/* Fails only when the counter is full, and then the loop is going to wake up anyway. */
		if (write(inbox->fd, &(uint64_t){ 1 }, sizeof(uint64_t)) < 0)
			continue;
	}
}

int keys_wait(struct keys_inbox *inbox, struct slice url, struct keys_waiter *waiter)
{
	struct keys *keys = inbox->keys;
	struct keys_entry *entry;
	int r = 0;

	pthread_mutex_lock(&keys->lock);
	entry = keys_cache_find(keys->cache, url);
	if (!entry || !entry->fetching) {
		r = -EALREADY;
	} else if (keys->waiting >= KEYS_WAITING_MAX) {
		r = -EBUSY;
	} else {
		waiter->inbox = inbox;
		put_in(&entry->waiters, waiter);
		keys->waiting++;
	}
	pthread_mutex_unlock(&keys->lock);
	return r;
}

void keys_unwait(struct keys_waiter *waiter)
{
	struct keys *keys;

	if (!waiter->inbox)
		return;
	keys = waiter->inbox->keys;
	pthread_mutex_lock(&keys->lock);
	take_out(waiter);
	keys->waiting--;
	pthread_mutex_unlock(&keys->lock);
	waiter->inbox = NULL;
}

bool keys_await(struct keys *keys, struct slice url, int64_t timeout_ms)
{
	int64_t until_ms = clock_mono_ms() + timeout_ms;
	struct timespec until = { .tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000 };
	struct keys_entry *entry;
	int r = 0;

	pthread_mutex_lock(&keys->lock);
	while (r == 0 && (entry = keys_cache_find(keys->cache, url)) && entry->fetching)
		r = pthread_cond_timedwait(&keys->settled, &keys->lock, &until);
	pthread_mutex_unlock(&keys->lock);
	return r == 0;
}
