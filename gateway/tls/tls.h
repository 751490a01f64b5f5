/* tls.h - an encrypted connection over a socket that somebody else has connected and waits for.
 *
 * Nothing here blocks, and nothing touches a loop: each call does what it can and says what it waits for. TLS 1.2 or newer;
 * the server's certificate must be signed by who is believed, and be for the name. */
#ifndef HOOKGATE_TLS_TLS_H
#define HOOKGATE_TLS_TLS_H

#include "base/reason.h"
#include "base/slice.h"
#include "config/config.h"

/* NULL where this build has TLS; else what it lacks, for a person. Then nothing but tls_context_new may be called. */
const char *tls_lacking(void);

/* ---- what is read from files, once ---- */

/* Certificates and key; immutable, and used from any thread. */
struct tls_context;

/* 0; -EINVAL with the reason, which names the file; -ENOMEM. */
int tls_context_new(const struct config_redis_tls *tls, struct tls_context **out, struct reason *reason)
	__attribute__((warn_unused_result));

/* Another holder; each gives it back. Unref accepts NULL. */
struct tls_context *tls_context_ref(struct tls_context *context);
void tls_context_unref(struct tls_context *context);

/* ---- one connection ---- */

/* One thread at a time. Keeps what it needs of the context. */
struct tls_session;

/* For a connected, non-blocking socket, which stays the caller's. `name`: a host's name or address, that must stand in
 * the server's certificate and is told to the server. 0 or -ENOMEM. */
int tls_session_new(struct tls_context *context, int fd, const char *name, struct tls_session **out)
	__attribute__((warn_unused_result));

/* Says good-bye where the socket takes it at once. Before the socket is closed. Accepts NULL. */
void tls_session_free(struct tls_session *session);

/* What became of a call, or what it waits for: the same is to be called again when the socket is ready for that. */
enum tls_end {
	TLS_DONE,
	TLS_AWAITS_READ,
	TLS_AWAITS_WRITE,
	TLS_CLOSED, /* the other side is gone */
	TLS_FAILED  /* with the reason; the session is dead */
};

/* The handshake; DONE once, before anything else. */
enum tls_end tls_shake(struct tls_session *session, struct reason *reason);

/* DONE: *n bytes were read, at least one. With room for 16 KiB nothing that has arrived is kept back inside. */
enum tls_end tls_read(struct tls_session *session, void *bytes, size_t room, size_t *n, struct reason *reason);

/* DONE: the first *n bytes are taken, at least one. What was not taken must be given again first the next time, with at
 * least as many bytes. */
enum tls_end tls_write(struct tls_session *session, struct slice bytes, size_t *n, struct reason *reason);

#endif
