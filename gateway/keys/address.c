/* address.c - public addresses and others, see address.h.
 *
 * The special difficulty: IPv6 has ways of writing IPv4 inside of it (mapped, NAT64), through which 127.0.0.1 could be
 * asked for. What is inside is judged; the older ways (6to4, Teredo, IPv4-compatible) are refused whole.
 *
 * Sources: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890 and what updates it), RFC 6052 for NAT64. */
#include "keys/address.h"

#include <netinet/in.h>
#include <string.h>

/* Prefixes as in the registries, IPv4 in its own four bytes. */
static const struct {
	unsigned char ip[4];
	unsigned char bits;
} not_public_v4[] = {
	{ { 0, 0, 0, 0 }, 8 },	     /* this network */
	{ { 10, 0, 0, 0 }, 8 },	     /* private */
	{ { 100, 64, 0, 0 }, 10 },   /* carriers' own */
	{ { 127, 0, 0, 0 }, 8 },     /* loopback */
	{ { 169, 254, 0, 0 }, 16 },  /* link-local, clouds' metadata among it */
	{ { 172, 16, 0, 0 }, 12 },   /* private */
	{ { 192, 0, 0, 0 }, 24 },    /* protocols' own */
	{ { 192, 0, 2, 0 }, 24 },    /* documentation */
	{ { 192, 88, 99, 0 }, 24 },  /* 6to4 relays */
	{ { 192, 168, 0, 0 }, 16 },  /* private */
	{ { 198, 18, 0, 0 }, 15 },   /* measuring */
	{ { 198, 51, 100, 0 }, 24 }, /* documentation */
	{ { 203, 0, 113, 0 }, 24 },  /* documentation */
	{ { 224, 0, 0, 0 }, 4 },     /* multicast */
	{ { 240, 0, 0, 0 }, 4 },     /* reserved, broadcast */
};

/* Only 2000::/3 is given out to the public; these are its exceptions. */
static const struct config_range not_public_v6[] = {
	{ { 0x20, 0x01 }, 23 },		    /* 2001::/23: protocols' own, Teredo */
	{ { 0x20, 0x01, 0x0d, 0xb8 }, 32 }, /* documentation */
	{ { 0x20, 0x02 }, 16 },		    /* 6to4 */
	{ { 0x3f, 0xff }, 20 },		    /* documentation */
};
static const struct config_range global_unicast = { { 0x20 }, 3 };
static const struct config_range nat64 = { { 0x00, 0x64, 0xff, 0x9b }, 96 };
static const struct config_range mapped = { { [10] = 0xff, [11] = 0xff }, 96 };

static bool is_public_v4(const unsigned char ip[4])
{
	uint32_t address = (uint32_t)ip[0] << 24 | (uint32_t)ip[1] << 16 | (uint32_t)ip[2] << 8 | ip[3];

	for (size_t i = 0; i < sizeof not_public_v4 / sizeof not_public_v4[0]; i++) {
		const unsigned char *p = not_public_v4[i].ip;
		uint32_t network = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];

		if (((address ^ network) >> (32 - not_public_v4[i].bits)) == 0)
			return false;
	}
	return true;
}

static bool is_public(const unsigned char ip[16])
{
	if (config_range_has(&mapped, ip) || config_range_has(&nat64, ip))
		return is_public_v4(ip + 12);
	for (size_t i = 0; i < sizeof not_public_v6 / sizeof not_public_v6[0]; i++)
		if (config_range_has(&not_public_v6[i], ip))
			return false;
	return config_range_has(&global_unicast, ip);
}

bool keys_address_allowed(const struct sockaddr *address, const struct config_range *allowed, size_t count)
{
	unsigned char ip[16];

	if (address->sa_family == AF_INET) {
		memcpy(ip, mapped.ip, 12);
		memcpy(ip + 12, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
	} else if (address->sa_family == AF_INET6) {
		memcpy(ip, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, 16);
	} else {
		return false;
	}
	for (size_t i = 0; i < count; i++)
		if (config_range_has(&allowed[i], ip))
			return true;
	return is_public(ip);
}
