/* retention.h - what of a stream may go: entries that are old and acknowledged by every group; and how much waits. */
#ifndef HOOKGATE_STORE_RETENTION_H
#define HOOKGATE_STORE_RETENTION_H

#include "base/reason.h"
#include "base/slice.h"
#include "store/client.h"

#include <stdbool.h>
#include <stdint.h>

/* A stream as it was after the last look. */
struct store_retained {
	uint64_t length; /* entries */
	uint64_t groups; /* consumer groups */
	uint64_t
		backlog; /* entries that at least one group has not acknowledged; all of them where there is no group */
	uint64_t bytes;	 /* of the backlog, about (MEMORY USAGE looks at a few nodes) */
	uint64_t trimmed; /* entries that went in this look */
};

/* Looks at the stream and trims it, in one script, so that nothing changes in between: entries whose time is before
 * `before_ms` go when every group has acknowledged them; where there is no group none goes. Of several gateways one
 * trims: who finds `lock` set to another's `who` only looks; the lock lasts lock_ms. `lock` must be in the stream's
 * slot. At most some ten thousand entries go at once; *more says that others could follow at once. A stream that does
 * not exist has nothing. 0; -EPROTO with the reason when Redis answers otherwise than it should; or as
 * store_client_call. */
int store_retention_look(struct store_client *client, struct slice stream, struct slice lock, struct slice who,
			 int64_t before_ms, int64_t lock_ms, struct store_retained *out, bool *more,
			 struct reason *reason) __attribute__((warn_unused_result));

#endif
