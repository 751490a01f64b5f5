/* secure.h - the certificates for connections to Redis: read once, and again at each reload; of this room only. */
#ifndef HOOKGATE_STORE_SECURE_H
#define HOOKGATE_STORE_SECURE_H

#include "base/reason.h"
#include "config/config.h"
#include "tls/tls.h"

/* What is said of a handshake that comes to no end: a Redis without TLS waits for the end of what it takes for a line. */
#define STORE_SECURE_LATE "the TLS handshake was not answered in time; does it speak TLS at that port?"

/* Reads the files anew; later connections of the same settings, on any thread, use what was read. 0, or as
 * tls_context_new. */
int store_secure_load(const struct config_redis_tls *tls, struct reason *reason) __attribute__((warn_unused_result));

/* A session over a connected socket, with what was read last; reads the files where nothing was. `host`: what was
 * connected to. 0; -EINVAL with the reason, or -ENOMEM. */
int store_secure_session(const struct config_redis_tls *tls, int fd, const char *host, struct tls_session **out,
			 struct reason *reason) __attribute__((warn_unused_result));

#endif
