/* spawn.h - starting and ending the embedded redis-server's process; of this room only. */
#ifndef HOOKGATE_STORE_SPAWN_H
#define HOOKGATE_STORE_SPAWN_H

#include "base/reason.h"

#include <stdint.h>
#include <sys/types.h>

struct store_child {
	pid_t pid;
	int pidfd; /* readable when it has ended */
};

/* The path of redis-server, to be freed: looked for in PATH, then in the usual places. NULL, with the reason, when
 * there is none. */
char *store_spawn_find(struct reason *reason);

/* Starts `path` in the directory with a private configuration. `lock` stays open in the child for as long as it lives.
 * The calling thread must outlive the child's use: when the thread ends, the kernel tells the child to end. 0, or
 * -errno with the reason. */
int store_spawn(const char *path, const char *dir, int lock, struct store_child *out, struct reason *reason)
	__attribute__((warn_unused_result));

/* Takes what is left of a child that has ended: wait()'s status. */
int store_spawn_reap(struct store_child *child);

/* SIGTERM, and SIGKILL after timeout_ms; returns when it has ended, with wait()'s status. */
int store_spawn_stop(struct store_child *child, int64_t timeout_ms);

#endif
