/* exec.h - a command per event. */
#ifndef HOOKGATE_CONSUME_EXEC_H
#define HOOKGATE_CONSUME_EXEC_H

#include "base/reason.h"
#include "consume/event.h"

#include <signal.h>

enum consume_exec_end {
	CONSUME_EXEC_DONE,  /* it ended with exit status 0 */
	CONSUME_EXEC_FAILED /* it did not; the reason says how: "exit status 3", "ended by signal 9 (Killed)" */
};

/* What to look at while a command runs; each may be NULL. */
struct consume_exec_watch {
	const volatile sig_atomic_t *stops; /* counted up by a signal handler; at 2 the command is ended by SIGTERM */
	void (*running)(void *arg);	    /* it runs still: called about twice a second */
	void *arg;
};

/* Runs `sh -c COMMAND` and waits for its end. The body is its standard input; it need not read it, or not to the end.
 * Standard output and error are the caller's own. The attributes are environment variables (HOOKGATE_ID ...; README.md
 * lists them) beside the caller's; a NUL in one becomes U+FFFD, one of 128 KiB or more is left out.
 *
 * The command has a process group of its own, so that a terminal's Ctrl-C does not end it in the middle. `watch` may be
 * NULL.
 *
 * SIGPIPE must be ignored by the caller; the command gets it at its default. 0, or -errno with the reason when it could
 * not be run. */
int consume_exec(const char *command, const struct consume_event *event, const struct consume_exec_watch *watch,
		 enum consume_exec_end *end, struct reason *reason) __attribute__((warn_unused_result));

#endif
