/* resolve.h - a host's addresses without holding up the loop; of this room only.
 *
 * The C library looks names up by blocking, for many seconds when the name server is away; a worker whose Redis has
 * such a name would answer nobody meanwhile. So a name is looked up in a thread of its own; a numeric address at
 * once. */
#ifndef HOOKGATE_STORE_RESOLVE_H
#define HOOKGATE_STORE_RESOLVE_H

#include "base/loop.h"

#include <netdb.h>
#include <stdint.h>

struct store_resolve;

/* `done` is called once, from the loop, with a list for freeaddrinfo and a NULL `why`, or with why it could not be
 * found; the resolve is then gone. 0, or -errno. */
int store_resolve_start(struct loop *loop, const char *host, uint16_t port,
			void (*done)(void *arg, struct addrinfo *addresses, const char *why), void *arg,
			struct store_resolve **out) __attribute__((warn_unused_result));

/* `done` will not be called; never waits. Accepts NULL. */
void store_resolve_cancel(struct store_resolve *resolve);

/* One of a list that is not empty: the first for turn 0, the next for 1, and round again; so that each of a host's
 * addresses is tried. */
const struct addrinfo *store_resolve_turn(const struct addrinfo *addresses, unsigned turn);

#endif
