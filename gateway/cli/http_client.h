/* http_client.h - a small HTTP/1.1 client for `hookgate send` and `hookgate status`: one connection, kept alive,
 * blocking with time-outs.
 *
 * Plain TCP (IPv4 and IPv6) and unix sockets; no TLS. One thread. */
#ifndef HOOKGATE_CLI_HTTP_CLIENT_H
#define HOOKGATE_CLI_HTTP_CLIENT_H

#include "base/buf.h"
#include "base/reason.h"
#include "base/slice.h"
#include "config/config.h"

#include <stdint.h>

/* Where to: "http://host[:port][/target]", "http://[::1]:8080/", "unix:/path/to/socket". */
struct cli_http_url {
	char path[108]; /* of a unix socket; "" for TCP */
	char host[256]; /* without brackets */
	char port[6];
	char authority[272]; /* for the Host header */
	struct slice target; /* borrowed from the text: path and query; empty where there is none */
};

/* False with the reason; https has one of its own. */
bool cli_http_parse_url(const char *text, struct cli_http_url *out, struct reason *reason)
	__attribute__((warn_unused_result));

/* The same for an address that a gateway listens at; all addresses are reached through the loopback. False with the
 * reason: a port of 0. No target. */
bool cli_http_listened(const struct config_address *address, struct cli_http_url *out, struct reason *reason)
	__attribute__((warn_unused_result));

struct cli_http;

/* Does not connect yet. `url` is copied. 0 or -ENOMEM. */
int cli_http_new(const struct cli_http_url *url, int64_t timeout_ms, struct cli_http **out)
	__attribute__((warn_unused_result));
void cli_http_free(struct cli_http *http);

/* Borrowed until the next exchange. */
struct cli_http_answer {
	unsigned status;
	struct slice body;
};

/* Sends the request (complete, with its head) and reads the answer. Where a connection that was kept turns out to be
 * closed, it is tried once more on a new one: a delivery sent twice is a duplicate, nothing worse. 0; -EIO with the
 * reason; -ENOMEM. */
int cli_http_exchange(struct cli_http *http, struct slice request, struct cli_http_answer *answer,
		      struct reason *reason) __attribute__((warn_unused_result));

#endif
