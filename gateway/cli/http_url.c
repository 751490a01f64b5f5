/* http_url.c - where to connect to: from a URL, or from an address that a gateway listens at. The one difficulty: an
 * address that stands for all addresses cannot be connected to; the loopback can, as the gateway is on this machine
 * then. */
#include "base/num.h"
#include "cli/http_client.h"

#include <arpa/inet.h>
#include <stdio.h>

static bool set_text(char *out, size_t size, struct slice s)
{
	if (s.n >= size || slice_has_control(s))
		return false;
	if (s.n > 0)
		memcpy(out, s.p, s.n);
	out[s.n] = '\0';
	return true;
}

/* "host", "host:port", "[::1]", "[::1]:port" */
static bool split_authority(struct slice authority, struct slice *host, struct slice *port)
{
	uint64_t number;

	*port = SLICE("80");
	if (authority.n > 0 && authority.p[0] == '[') {
		if (!slice_cut(slice_from(authority, 1), ']', host, port))
			return false;
		if (port->n > 0 && port->p[0] != ':')
			return false;
		*port = port->n > 0 ? slice_from(*port, 1) : SLICE("80");
	} else if (!slice_cut(authority, ':', host, port)) {
		*port = SLICE("80");
	}
	return host->n > 0 && slice_index(*host, '@') == host->n && num_parse_u64(*port, 65535, &number) && number > 0;
}

static bool parse_http(struct slice rest, struct cli_http_url *url, struct reason *reason)
{
	size_t end = 0;
	struct slice host, port, authority;

	while (end < rest.n && rest.p[end] != '/' && rest.p[end] != '?' && rest.p[end] != '#')
		end++;
	authority = slice_head(rest, end);
	url->target = slice_from(rest, end);
	url->target = slice_head(url->target, slice_index(url->target, '#'));
	if (!split_authority(authority, &host, &port) || !set_text(url->host, sizeof url->host, host) ||
	    !set_text(url->port, sizeof url->port, port) ||
	    !set_text(url->authority, sizeof url->authority, authority)) {
		reason_set(reason, "the URL has no host and port that can be read; it looks like "
				   "http://127.0.0.1:8080/hooks/stripe");
		return false;
	}
	for (size_t i = 0; i < url->target.n; i++) {
		if (url->target.p[i] <= 0x20 || url->target.p[i] >= 0x7f) {
			reason_set(reason, "the URL has white space or bytes that must be percent-encoded");
			return false;
		}
	}
	return true;
}

bool cli_http_parse_url(const char *text, struct cli_http_url *out, struct reason *reason)
{
	struct slice s = slice_str(text);
	struct cli_http_url url = { .host = "" };

	if (slice_starts(s, SLICE("unix:"))) {
		if (!set_text(url.path, sizeof url.path, slice_from(s, 5)) || url.path[0] != '/') {
			reason_set(reason, "unix: is followed by the path of a socket, of at most 107 bytes");
			return false;
		}
		memcpy(url.authority, "localhost", 10);
	} else if (slice_eq_nocase(slice_head(s, 7), SLICE("http://"))) {
		if (!parse_http(slice_from(s, 7), &url, reason))
			return false;
	} else {
		reason_set(reason, slice_eq_nocase(slice_head(s, 8), SLICE("https://"))
					   ? "https is not spoken here"
					   : "the URL begins with neither http:// nor unix:");
		return false;
	}
	*out = url;
	return true;
}

bool cli_http_listened(const struct config_address *address, struct cli_http_url *out, struct reason *reason)
{
	static const unsigned char nowhere[16];
	bool six = address->kind == CONFIG_ADDRESS_IPV6;
	bool any = memcmp(address->ip, nowhere, six ? 16 : 4) == 0;
	char ip[INET6_ADDRSTRLEN] = "127.0.0.1", text[160];

	if (address->kind == CONFIG_ADDRESS_UNIX) {
		snprintf(text, sizeof text, "unix:%s", address->unix_path);
	} else if (address->port == 0) {
		reason_set(reason, "%s is any free port", address->text);
		return false;
	} else {
		if (any && six && !address->dual_stack)
			memcpy(ip, "::1", 4);
		else if (!any && !inet_ntop(six ? AF_INET6 : AF_INET, address->ip, ip, sizeof ip))
			return false;
		snprintf(text, sizeof text, six && strchr(ip, ':') ? "http://[%s]:%u" : "http://%s:%u", ip,
			 (unsigned)address->port);
	}
	if (!cli_http_parse_url(text, out, reason))
		return false;
	/* It would point into `text`. */
	out->target = SLICE_NONE;
	return true;
}
