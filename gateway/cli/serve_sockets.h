/* serve_sockets.h - the gateway's listening sockets: bound here, or handed over by systemd or by the gateway before. The
 * main thread's alone. */
#ifndef HOOKGATE_CLI_SERVE_SOCKETS_H
#define HOOKGATE_CLI_SERVE_SOCKETS_H

#include "base/reason.h"
#include "config/config.h"

/* A descriptor is kept of each socket, for the gateway that comes after. */
struct serve_sockets {
	int *inherited; /* not asked for yet */
	size_t inherited_count;
	int *kept;
	size_t kept_count, kept_room;
};

/* Takes the sockets that were handed over: by systemd ($LISTEN_FDS, sd_listen_fds(3)) or by serve_handover_start() of
 * the gateway before. Takes the variables out of the environment. 0; -EINVAL, where what they say is wrong; or a
 * fault. */
int serve_sockets_inherit(struct serve_sockets *sockets, struct reason *reason) __attribute__((warn_unused_result));

/* Listening sockets for `address`: those inherited for it, each once, and more of them, by dup, when they are fewer than
 * `least`; else `least` new ones. *fds is to be freed, its *count descriptors are the caller's. 0, or a fault with the
 * reason. */
int serve_sockets_open(struct serve_sockets *sockets, const struct config_address *address, unsigned least, int **fds,
		       size_t *count, struct reason *reason) __attribute__((warn_unused_result));

/* Closes what was inherited and not asked for, saying so in the log: who connects to it would wait for ever. */
void serve_sockets_settle(struct serve_sockets *sockets);

/* Closes all: from now on nobody but a gateway that has them accepts. May be called again. */
void serve_sockets_close(struct serve_sockets *sockets);

#endif
