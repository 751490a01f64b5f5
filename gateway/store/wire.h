/* wire.h - one connection to Redis on an event loop: bytes out of the trips, replies in; of this room only.
 *
 * It knows nothing of what the commands mean. Where something goes wrong it says so once, by `broken`, and it is for
 * the owner to close it, from within the call or later. The owner may close it from within any of its calls. */
#ifndef HOOKGATE_STORE_WIRE_H
#define HOOKGATE_STORE_WIRE_H

#include "base/loop.h"
#include "base/reason.h"
#include "store/inplace.h"
#include "store/trips.h"
#include "tls/tls.h"

#include <hiredis/hiredis.h>
#include <sys/socket.h>

struct store_wire_calls {
	void (*opened)(void *arg);
	void (*reply)(void *arg, const redisReply *reply); /* borrowed for the call */
	void (*replied)(void *arg);			   /* after the last reply of those that came together */
	void (*broken)(void *arg, const char *why);
};

/* Zeroed before first use. */
struct store_wire {
	int fd; /* meaningless unless open */
	bool open, connected, blocked, reading;
	bool patient;		 /* its socket can be told for how many bytes to wait */
	size_t least;		 /* it does not say that there are any before it has so many */
	struct tls_session *tls; /* NULL: in plain */
	bool shaking;		 /* the handshake of TLS is under way: it is connected when that is done */
	bool read_awaits_write, write_awaits_read;
	unsigned char *record; /* what leaves next by TLS, gathered */
	struct loop_watch watch;
	redisReader *reader;
	bool amid; /* the parser awaits the rest of a reply */
	struct store_inplace inplace;
	const struct store_wire_calls *calls;
	void *arg;
	uint64_t writes;
};

/* Begins to connect; `opened` or `broken` follow from the loop. 0, or -errno. */
int store_wire_open(struct store_wire *wire, struct loop *loop, const struct sockaddr *address, socklen_t length,
		    const struct store_wire_calls *calls, void *arg) __attribute__((warn_unused_result));

/* From now on, and before it is connected: by TLS, with a server whose certificate is for `host`. 0; -EINVAL with the
 * reason, or -ENOMEM; then it is for the owner to close it. */
int store_wire_secure(struct store_wire *wire, const struct config_redis_tls *tls, const char *host,
		      struct reason *reason) __attribute__((warn_unused_result));

/* Sends as much of the trips as the socket takes, in one system call each where it takes all; the rest follows when
 * flushed again after the socket has become writable. */
void store_wire_flush(struct store_wire *wire, struct store_trips *trips);

/* What comes for the oldest trip is handed out as it comes, from now on: its `least` may have been wrong. */
void store_wire_hasten(struct store_wire *wire, struct store_trips *trips);

/* A no-op when it is not open. */
void store_wire_close(struct store_wire *wire);

#endif
