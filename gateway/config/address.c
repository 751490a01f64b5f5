/* address.c - numeric addresses only: a name that resolves to something else tomorrow is no place to listen on. The
 * difficulty is to say what is wrong with the many spellings that other programs take. */
#include "config/address.h"

#include "base/num.h"

#include <arpa/inet.h>
#include <sys/un.h>

enum { UNIX_PATH_MAX_BYTES = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1 };

static bool refuse(struct reason *reason, const char *why)
{
	reason_set(reason, "%s", why);
	return false;
}

static bool parse_unix(struct slice path, struct config_address *out, struct reason *reason)
{
	if (path.n == 0 || path.p[0] != '/')
		return refuse(reason, "a socket's path begins with \"/\"");
	if (path.n > UNIX_PATH_MAX_BYTES) {
		reason_set(reason, "a socket's path has at most %d bytes, this one has %zu", UNIX_PATH_MAX_BYTES,
			   path.n);
		return false;
	}
	if (slice_has_control(path))
		return refuse(reason, "a control character stands in the socket's path");
	out->kind = CONFIG_ADDRESS_UNIX;
	out->unix_path = (const char *)path.p;
	return true;
}

static bool parse_ip(int family, struct slice host, unsigned char ip[16])
{
	char text[INET6_ADDRSTRLEN];
	if (host.n >= sizeof text)
		return false;
	memcpy(text, host.p, host.n);
	text[host.n] = '\0';
	return inet_pton(family, text, ip) == 1;
}

static bool parse_host(struct slice host, struct config_address *out, struct reason *reason)
{
	if (host.n == 0) {
		out->kind = CONFIG_ADDRESS_IPV6;
		out->dual_stack = true;
		return true;
	}
	if (host.p[0] == '[') {
		out->kind = CONFIG_ADDRESS_IPV6;
		if (host.p[host.n - 1] == ']' && parse_ip(AF_INET6, slice_of(host.p + 1, host.n - 2), out->ip))
			return true;
		return refuse(reason, "what stands in brackets is no IPv6 address");
	}
	out->kind = CONFIG_ADDRESS_IPV4;
	if (parse_ip(AF_INET, host, out->ip))
		return true;
	if (slice_index(host, ':') < host.n)
		return refuse(reason, "an IPv6 address stands in brackets");
	if (slice_eq(host, SLICE("*")))
		return refuse(reason, "all addresses are written without the star");
	return refuse(reason, "the host is no numeric address");
}

bool config_address_parse(struct slice text, struct config_address *out, struct reason *reason)
{
	struct config_address address = { .text = (const char *)text.p };
	if (text.n == 0)
		return refuse(reason, "it is empty");
	if (slice_starts(text, SLICE("unix:"))) {
		if (!parse_unix(slice_from(text, 5), &address, reason))
			return false;
		*out = address;
		return true;
	}
	size_t colon = text.n;
	while (colon > 0 && text.p[colon - 1] != ':')
		colon--;
	uint64_t port;
	if (colon == 0 || text.p[text.n - 1] == ']')
		return refuse(reason, "the port is missing");
	if (!num_parse_u64(slice_from(text, colon), UINT16_MAX, &port))
		return refuse(reason, "the port is no number from 0 to 65535");
	if (!parse_host(slice_head(text, colon - 1), &address, reason))
		return false;
	address.port = (uint16_t)port;
	*out = address;
	return true;
}

static bool is_any(const struct config_address *a)
{
	static const unsigned char zero[16];
	return memcmp(a->ip, zero, sizeof zero) == 0;
}

bool config_address_clash(const struct config_address *a, const struct config_address *b)
{
	bool a_unix = a->kind == CONFIG_ADDRESS_UNIX, b_unix = b->kind == CONFIG_ADDRESS_UNIX;
	if (a_unix || b_unix)
		return a_unix && b_unix && strcmp(a->unix_path, b->unix_path) == 0;
	if (a->port != b->port || a->port == 0)
		return false;
	if (a->dual_stack || b->dual_stack)
		return is_any(a) && is_any(b);
	return a->kind == b->kind && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}
