/* address.h - which addresses a fetch may connect to. For this room only. */
#ifndef HOOKGATE_KEYS_ADDRESS_H
#define HOOKGATE_KEYS_ADDRESS_H

#include "config/range.h"

#include <sys/socket.h>

/* Is it an address of the public internet (by IANA's registries of special-purpose addresses), or one of `allowed`?
 * False for what is neither IPv4 nor IPv6. */
bool keys_address_allowed(const struct sockaddr *address, const struct config_range *allowed, size_t count);

#endif
