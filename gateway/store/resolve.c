/* resolve.c - a host's addresses without holding up the loop.
 *
 * The difficulty is who frees what: a look-up cannot be interrupted, so its thread may outlive whoever asked, and the
 * loop. Both hold the job, the last one frees it, and the thread touches nothing else: it speaks through a descriptor
 * in the job. */
#include "store/resolve.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct store_resolve {
	atomic_int holders;
	int ready; /* eventfd: the thread is done */
	char *host;
	char service[8];
	struct addrinfo *addresses;
	int fault; /* getaddrinfo's */
	struct loop_watch watch;
	void (*done)(void *arg, struct addrinfo *addresses, const char *why);
	void *arg;
};

static void release(struct store_resolve *resolve)
{
	if (atomic_fetch_sub(&resolve->holders, 1) > 1)
		return;
	if (resolve->addresses)
		freeaddrinfo(resolve->addresses);
	if (resolve->ready >= 0)
		close(resolve->ready);
	free(resolve->host);
	free(resolve);
}

static int look_up(struct store_resolve *resolve, int flags)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags };
	int fault = getaddrinfo(resolve->host, resolve->service, &hints, &resolve->addresses);
	if (fault != 0)
		resolve->addresses = NULL;
	return fault;
}

static void tell(struct store_resolve *resolve)
{
	if (write(resolve->ready, &(uint64_t){ 1 }, sizeof(uint64_t)) < 0)
		abort();
}

static void *run(void *arg)
{
	struct store_resolve *resolve = arg;
	resolve->fault = look_up(resolve, 0);
	tell(resolve);
	release(resolve);
	return NULL;
}

static void on_ready(void *arg, unsigned events)
{
	struct store_resolve *resolve = arg;
	uint64_t told;
	if (read(resolve->ready, &told, sizeof told) < 0)
		return;
	struct addrinfo *addresses = resolve->addresses;
	char why[256];
	resolve->addresses = NULL;
	loop_unwatch(&resolve->watch);
	snprintf(why, sizeof why, "cannot find the host %s: %s", resolve->host, gai_strerror(resolve->fault));
	void (*done)(void *, struct addrinfo *, const char *) = resolve->done;
	void *done_arg = resolve->arg;
	int fault = resolve->fault;
	release(resolve);
	done(done_arg, addresses, fault == 0 ? NULL : why);
}

/* Signals are for the threads that wait for them. */
static int start_thread(struct store_resolve *resolve)
{
	pthread_t thread;
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	atomic_fetch_add(&resolve->holders, 1);
	int fault = pthread_create(&thread, NULL, run, resolve);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (fault == 0)
		pthread_detach(thread);
	else
		release(resolve);
	return -fault;
}

int store_resolve_start(struct loop *loop, const char *host, uint16_t port,
			void (*done)(void *arg, struct addrinfo *addresses, const char *why), void *arg,
			struct store_resolve **out)
{
	struct store_resolve *resolve = calloc(1, sizeof *resolve);
	if (!resolve)
		return -ENOMEM;
	atomic_init(&resolve->holders, 1);
	resolve->done = done;
	resolve->arg = arg;
	resolve->host = strdup(host);
	snprintf(resolve->service, sizeof resolve->service, "%u", (unsigned)port);
	resolve->ready = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int fault = resolve->ready < 0 ? -errno : !resolve->host ? -ENOMEM : 0;
	if (fault == 0)
		fault = loop_watch(loop, &resolve->watch, resolve->ready, LOOP_READ, on_ready, resolve);
	if (fault != 0)
		goto out;
	if (look_up(resolve, AI_NUMERICHOST) == 0)
		tell(resolve);
	else
		fault = start_thread(resolve);
	if (fault != 0)
		goto out;
	*out = resolve;
	return 0;
out:
	loop_unwatch(&resolve->watch);
	release(resolve);
	return fault;
}

void store_resolve_cancel(struct store_resolve *resolve)
{
	if (!resolve)
		return;
	loop_unwatch(&resolve->watch);
	release(resolve);
}

const struct addrinfo *store_resolve_turn(const struct addrinfo *addresses, unsigned turn)
{
	unsigned count = 0;
	for (const struct addrinfo *at = addresses; at; at = at->ai_next)
		count++;
	const struct addrinfo *chosen = addresses;
	for (unsigned i = turn % count; i > 0; i--)
		chosen = chosen->ai_next;
	return chosen;
}
