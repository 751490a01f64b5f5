/* bell.c - a descriptor that one thread rings and another's loop hears: needs no memory at the moment of ringing, which
 * loop_call does. */
#include "journal/inside.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

int journal_bell_new(struct journal_bell *bell, struct loop *loop, void (*ready)(void *arg, unsigned events), void *arg)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	int r = loop_watch(loop, &bell->watch, fd, LOOP_READ, ready, arg);
	if (r < 0)
		close(fd);
	else
		bell->fd = fd;
	return r;
}

void journal_bell_ring(const struct journal_bell *bell)
{
	/* Fails only when it has been rung so often that it will be heard anyway. */
	if (write(bell->fd, &(uint64_t){ 1 }, sizeof(uint64_t)) < 0)
		return;
}

void journal_bell_hush(const struct journal_bell *bell)
{
	uint64_t rings;
	if (read(bell->fd, &rings, sizeof rings) < 0)
		return;
}

void journal_bell_free(struct journal_bell *bell)
{
	loop_unwatch(&bell->watch);
	if (bell->fd >= 0)
		close(bell->fd);
	bell->fd = -1;
}
