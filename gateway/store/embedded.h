/* embedded.h - a private redis-server in a directory, for `redis.url: embedded:DIR`: started, minded, restarted when it
 * dies, stopped with its owner.
 *
 * It listens on a unix socket DIR/redis.sock only (mode 0700), keeps an append-only file in DIR (appendfsync everysec),
 * never evicts, and ends by itself if its parent dies (PR_SET_PDEATHSIG). One owner per directory, by lock files: two
 * gateways cannot run two servers on the same files, not even for the moment that a killed gateway's server needs to
 * end. A command that finds the directory in use by a gateway just uses its socket. */
#ifndef HOOKGATE_STORE_EMBEDDED_H
#define HOOKGATE_STORE_EMBEDDED_H

#include "base/loop.h"
#include "base/reason.h"

struct store_embedded;

/* Starts the server and waits at most timeout_ms until it answers PING. `loop` minds it afterwards (pidfd): a dead
 * server is started again, after 0.1 s at first, then up to 5 s. `changed` is called with a line of words on each death
 * and restart (may be NULL). 0; -EBUSY when another process owns the directory; -ENAMETOOLONG when its socket's path
 * would have more than 107 bytes; -ENOENT when there is no redis-server; another -errno; each with the reason. The
 * directory is made (0700) if it is missing, its parents are not.
 *
 * Call it, and run the loop, in the process's main thread: the kernel ends the server when the thread that started it
 * ends. Nothing is waited for once it runs: who uses the socket sees a restart as a lost connection. */
int store_embedded_new(struct loop *loop, const char *dir, int64_t timeout_ms,
		       void (*changed)(void *arg, const char *what), void *arg, struct store_embedded **out,
		       struct reason *reason) __attribute__((warn_unused_result));

/* SIGTERM, which has it write its file, and waits for its end; SIGKILL after timeout_ms. Accepts NULL. */
void store_embedded_free(struct store_embedded *embedded, int64_t timeout_ms);

/* The socket's path in a directory, into out. 0, or -ENAMETOOLONG. */
int store_embedded_socket(const char *dir, char *out, size_t size) __attribute__((warn_unused_result));

#endif
