/* forwarded.h - what a trusted proxy says of a request: who sent it, by which scheme, to which host.
 *
 * Follows RFC 7239 (Forwarded), and the X-Forwarded-* headers where that is not there. Nothing is believed unless the peer
 * is one of `trusted_proxies`; then the chain is walked from its end, as each proxy appends the address that it was
 * called from: as long as that is a trusted proxy, the element before it is believed too. Scheme and host are those that
 * the outermost of them names. */
#ifndef HOOKGATE_INTAKE_FORWARDED_H
#define HOOKGATE_INTAKE_FORWARDED_H

#include "base/arena.h"
#include "base/message.h"
#include "config/config.h"

/* Sets the request's address, scheme, authority and prefix, in the arena. A header that cannot be read to its end, or has
 * more than 32 elements, says nothing. */
void intake_forwarded(const struct config *config, struct request *request, struct arena *arena);

#endif
