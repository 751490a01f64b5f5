/* address.h - where to listen, from text. For this room only. */
#ifndef HOOKGATE_CONFIG_ADDRESS_H
#define HOOKGATE_CONFIG_ADDRESS_H

#include "base/reason.h"
#include "config/config.h"

/* Parses "0.0.0.0:8080", "[::]:8080", ":8080" or "unix:/path". `text` must be followed by a NUL and live as long as
 * *out, which borrows it; out->node is left NULL. False with a reason (which does not quote the text). */
bool config_address_parse(struct slice text, struct config_address *out, struct reason *reason)
	__attribute__((warn_unused_result));

/* True when both can't be listened on: the same one twice. ":8080" takes in 0.0.0.0:8080 and [::]:8080. Port 0 is
 * another port each time. */
bool config_address_clash(const struct config_address *a, const struct config_address *b);

#endif
