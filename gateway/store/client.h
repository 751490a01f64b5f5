/* client.h - a blocking connection to the same Redis, for commands (consume, status, check) and start-up checks. Of a Cluster
 * it is a connection to each master that is needed, and a command goes where its key is.
 *
 * One thread at a time. After an error the connection is dropped, and the next call connects anew: a context that has
 * had an error is never used again. */
#ifndef HOOKGATE_STORE_CLIENT_H
#define HOOKGATE_STORE_CLIENT_H

#include "base/reason.h"
#include "base/slice.h"
#include "config/config.h"

struct store_client;
struct store_reply;

/* Does not connect yet. `redis` and `socket` (as in store_link_setup) must outlive the client. 0 or -ENOMEM. Free
 * accepts NULL. */
int store_client_new(const struct config_redis *redis, const char *socket, int64_t timeout_ms,
		     struct store_client **out) __attribute__((warn_unused_result));
void store_client_free(struct store_client *client);

/* One command and its reply, to be freed by store_reply_free. 0; -EIO when Redis could not be reached, broke off or did
 * not answer in time; -EINTR after store_client_interrupt; -ENAMETOOLONG for a unix socket's path; -ENOMEM; each with
 * the reason. An error that Redis answers is a reply (STORE_REPLY_ERROR), not a failure. `extra_ms` is added to the
 * time-out, for blocking commands. */
int store_client_call(struct store_client *client, const struct slice *words, size_t count, int64_t extra_ms,
		      struct store_reply **reply, struct reason *reason) __attribute__((warn_unused_result));

/* Has the call that another thread is in, or else the next one, fail with -EINTR; that drops the connection, and the
 * call after it connects anew. Safe from any thread and from a signal handler. A name that is being looked up is not
 * interrupted. */
void store_client_interrupt(struct store_client *client);

/* How often it has connected: tells a caller that Redis may be another one than before. */
uint64_t store_client_connects(const struct store_client *client);

enum store_reply_type { STORE_REPLY_NIL, STORE_REPLY_STRING, STORE_REPLY_ERROR, STORE_REPLY_NUMBER, STORE_REPLY_LIST };

enum store_reply_type store_reply_type(const struct store_reply *reply);
struct slice store_reply_text(const struct store_reply *reply); /* of a string or an error; else empty */
int64_t store_reply_number(const struct store_reply *reply);	/* of a number; else 0 */
size_t store_reply_count(const struct store_reply *reply);	/* of a list; else 0 */
const struct store_reply *store_reply_at(const struct store_reply *reply, size_t i); /* NULL past the end */
void store_reply_free(struct store_reply *reply);

/* What of Redis endangers the promise: eviction, no persistence, little memory, an old version, a replica's role. One finding
 * per call of `found`, words for a person, valid for the call; `danger` is false for a mere note. Faults as of
 * store_client_call, when Redis cannot be asked at all; what it does not let us ask is a note. */
int store_client_inspect(struct store_client *client, void (*found)(void *arg, bool danger, const char *text),
			 void *arg, struct reason *reason) __attribute__((warn_unused_result));

/* The same of what the routes' `ack` asks for: replicas in step, WAIT, WAITAOF, an append-only file. Also -ENOTSUP, with the
 * reason, where a route wants `ack: synced` and this Redis cannot do it. In waits.c. */
int store_client_inspect_waits(struct store_client *client, const struct config *config,
			       void (*found)(void *arg, bool danger, const char *text), void *arg,
			       struct reason *reason) __attribute__((warn_unused_result));

#endif
