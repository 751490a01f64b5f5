/* aof.h - the append-only file of the embedded Redis after a crash; of this room only. */
#ifndef HOOKGATE_STORE_AOF_H
#define HOOKGATE_STORE_AOF_H

#include "base/reason.h"
#include "base/slice.h"

#include <stdint.h>

/* How a file of commands ends. */
enum store_aof_end {
	STORE_AOF_WHOLE,
	STORE_AOF_TORN,	  /* inside a command, or before the EXEC of a transaction */
	STORE_AOF_STRANGE /* what stands at `whole` is no command at all: not ours to mend */
};

/* Walks the commands (RESP arrays of bulk strings, lines of "#" between them). *whole is the length up to which all
 * transactions are complete. */
enum store_aof_end store_aof_walk(struct slice text, size_t *whole);

/* Takes half a transaction off the end of the file that Redis would go on with: the last "incr" of
 * DIR/appendonlydir/appendonly.aof.manifest (Redis 7.0 and newer). What is taken off is kept in DIR as cut-SIZE.aof,
 * SIZE being the length that was left. Only while no Redis runs on DIR. *cut is the count of bytes that were taken off,
 * 0 where nothing was: the file is whole, there is none, or it is broken in another way, which redis-server tells of
 * itself. 0, or a fault with a reason; then the file is as it was. */
int store_aof_mend(const char *dir, uint64_t *cut, struct reason *reason) __attribute__((warn_unused_result));

#endif
