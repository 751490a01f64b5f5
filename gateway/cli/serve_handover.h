/* serve_handover.h - a gateway after this one, on the same sockets: a restart that refuses nobody. The main thread's
 * alone. */
#ifndef HOOKGATE_CLI_SERVE_HANDOVER_H
#define HOOKGATE_CLI_SERVE_HANDOVER_H

#include "base/loop.h"
#include "base/reason.h"
#include "cli/serve_sockets.h"

#include <stdbool.h>
#include <sys/types.h>

/* What the gateway before tells the one after: how many sockets there are from descriptor 3 on, and the descriptor on
 * which it wants to be told that all is well. */
#define SERVE_HANDOVER_FDS "HOOKGATE_HANDOVER_FDS"
#define SERVE_HANDOVER_TELL "HOOKGATE_HANDOVER_TELL"

struct serve_handover {
	char program[4096]; /* as this process was started: what stands there now is what comes after */
	const char *file;
	struct loop *loop;
	pid_t pid; /* of the one that comes up; 0: none */
	int heard;
	struct loop_watch watch;
	/* It serves, or (well false) ended before it did. */
	void (*done)(void *arg, pid_t pid, bool well);
	void *arg;
};

/* Notes where the program stands, at the start, before anybody can have replaced it. `file` is the configuration's,
 * borrowed for good. */
void serve_handover_init(struct serve_handover *handover, struct loop *loop, const char *file,
			 void (*done)(void *arg, pid_t pid, bool well), void *arg);

/* Starts the program anew with the sockets; `done` is called later, from the loop. -EALREADY while another comes up; or
 * a fault, with the reason. */
int serve_handover_start(struct serve_handover *handover, const struct serve_sockets *sockets, struct reason *reason)
	__attribute__((warn_unused_result));

/* Is there a gateway before this one, which serves until it is told? */
bool serve_handover_expected(void);

/* In the gateway that comes after: tells the one before that this one serves. Does nothing where there is none. */
void serve_handover_tell(void);

/* Lets go of one that still comes up: it goes on by itself. */
void serve_handover_free(struct serve_handover *handover);

#endif
