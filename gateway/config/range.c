/* range.c - see range.h. The one thing to mind: IPv4 is kept mapped into IPv6, so its prefix is 96 bits longer than
 * it is written. */
#include "config/range.h"

#include "base/num.h"

#include <arpa/inet.h>

enum { MAPPED_BITS = 96 };

static bool refuse(struct reason *reason, const char *why)
{
	reason_set(reason, "%s", why);
	return false;
}

/* The address alone; *width is how many bits its family has. */
static bool parse_ip(struct slice text, unsigned char ip[16], unsigned *width)
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
	char copy[INET6_ADDRSTRLEN];

	if (text.n == 0 || text.n >= sizeof copy || slice_has_control(text))
		return false;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	*width = 128;
	if (inet_pton(AF_INET6, copy, ip) == 1)
		return true;
	*width = 32;
	memcpy(ip, mapped, sizeof mapped);
	return inet_pton(AF_INET, copy, ip + 12) == 1;
}

bool config_address_bytes(struct slice text, unsigned char out[16])
{
	unsigned width;

	return parse_ip(text, out, &width);
}

static bool bit(const unsigned char ip[16], unsigned n)
{
	return (ip[n / 8] >> (7 - n % 8)) & 1;
}

bool config_range_parse(struct slice text, struct config_range *out, struct reason *reason)
{
	struct config_range range = { .bits = 0 };
	struct slice address, prefix;
	bool has_prefix = slice_cut(text, '/', &address, &prefix);
	unsigned width;
	uint64_t bits;

	if (!parse_ip(address, range.ip, &width))
		return refuse(reason, "no address");
	bits = width;
	if (has_prefix && !num_parse_u64(prefix, width, &bits))
		return refuse(reason, "no such prefix length");
	range.bits = (unsigned)bits + (width == 32 ? MAPPED_BITS : 0);
	for (unsigned n = range.bits; n < 128; n++)
		if (bit(range.ip, n))
			return refuse(reason, "bits are set behind the prefix");
	*out = range;
	return true;
}

bool config_range_has(const struct config_range *range, const unsigned char ip[16])
{
	unsigned whole = range->bits / 8, rest = range->bits % 8;

	if (memcmp(range->ip, ip, whole) != 0)
		return false;
	return rest == 0 || ((range->ip[whole] ^ ip[whole]) & (0xff00u >> rest) & 0xff) == 0;
}
