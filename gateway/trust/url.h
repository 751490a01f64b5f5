/* url.h - the public URL of a request: what the provider was given, and what some providers sign.
 *
 * It is what the configuration says (`public_url`, of the route or global); else what came with the request: scheme and
 * host as http/ found them (its own, or a trusted proxy's word), `http` and the Host header where nothing is known. */
#ifndef HOOKGATE_TRUST_URL_H
#define HOOKGATE_TRUST_URL_H

#include "base/arena.h"
#include "base/message.h"
#include "config/config.h"

/* Borrowed or in the arena; `route` may be NULL. False when no host is known, or the arena failed. */
bool trust_url(const struct config_route *route, const struct request *request, struct arena *arena, struct slice *out)
	__attribute__((warn_unused_result));

/* The URL's host, with its port where it says one. */
bool trust_url_host(const struct config_route *route, const struct request *request, struct arena *arena,
		    struct slice *out) __attribute__((warn_unused_result));

#endif
