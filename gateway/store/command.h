/* command.h - commands as bytes of RESP, Redis' protocol; of this room only.
 *
 * https://redis.io/docs/latest/develop/reference/protocol-spec/ */
#ifndef HOOKGATE_STORE_COMMAND_H
#define HOOKGATE_STORE_COMMAND_H

#include "base/buf.h"
#include "base/slice.h"
#include "store/store.h"

/* What stands before the number of keys in an EVALSHA; behind it, EVALSHA and EVAL are the same. */
enum { STORE_COMMAND_HEAD = 65 };

/* Appends "$<length>\r\n<bytes>\r\n"; `s` may lie in `out` itself. A failure shows in the buf. */
void store_command_add_bulk(struct buf *out, struct slice s);

/* Appends a command of `count` words. A failure shows in the buf. */
void store_command_add_words(struct buf *out, const struct slice *words, size_t count);

/* Puts the EVALSHA of an event into the empty `out`: one look at the sizes, one growth, one copy. `sha` has 40 hex
 * digits. False when memory is short. */
bool store_command_event(struct buf *out, const char *sha, const struct store_event *event)
	__attribute__((warn_unused_result));

/* Turns the EVALSHA in `command` into an EVAL with the script's whole text. False, and nothing changed, when memory is
 * short. */
bool store_command_to_eval(struct buf *command) __attribute__((warn_unused_result));

#endif
