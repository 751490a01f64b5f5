/* range.h - a range of addresses, from text: "10.0.0.0/8", "fd00::/8", or one address alone. */
#ifndef HOOKGATE_CONFIG_RANGE_H
#define HOOKGATE_CONFIG_RANGE_H

#include "base/reason.h"
#include "base/slice.h"

#include <stdbool.h>

/* IPv4 stands in it as IPv6 does: mapped, ::ffff:a.b.c.d. */
struct config_range {
	unsigned char ip[16];
	unsigned bits; /* 0 to 128 */
};

/* False with a reason (which does not quote the text); *out is written on success only. Bits behind the prefix must be
 * zero: 10.1.2.3/8 is somebody's mistake. */
bool config_range_parse(struct slice text, struct config_range *out, struct reason *reason)
	__attribute__((warn_unused_result));

/* Is the address (IPv4 mapped) one of the range's? */
bool config_range_has(const struct config_range *range, const unsigned char ip[16]);

/* An address alone; false when it is none. */
bool config_address_bytes(struct slice text, unsigned char out[16]) __attribute__((warn_unused_result));

#endif
