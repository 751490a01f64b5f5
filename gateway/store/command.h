/* command.h - commands as bytes of RESP, Redis' protocol; of this room only.
 *
 * https://redis.io/docs/latest/develop/reference/protocol-spec/
 * "Bulk" is its word for a string with its length before it: "$5\r\nhello\r\n". */
#ifndef HOOKGATE_STORE_COMMAND_H
#define HOOKGATE_STORE_COMMAND_H

#include "base/buf.h"
#include "base/slice.h"
#include "store/store.h"

/* The keys that say that an event was seen: its id's, its guard's. */
enum { STORE_MARKS_MAX = 2 };

struct store_span {
	size_t at, n;
};

/* An event in the form in which it is sent: XADD, then a SET for each of its marks. What says that its generation is closed
 * (layout.h) is its fence. The fields stand in it as the script
 * wants them as well, so that they are written once. Zeroed before first use. */
struct store_command {
	struct buf bytes;
	struct buf script; /* what stands before the fields when the script is to do it; made by store_command_script */
	struct store_span whole; /* XADD and SETs; behind them in `bytes` stands what is only asked for */
	struct store_span stream, fields, fence, marks[STORE_MARKS_MAX]; /* in `bytes`; the keys as bulks */
	size_t mark_count;
	uint32_t window_s;
	bool row; /* it is one of several events (row.h): `script` and the fields are all that is sent, whatever the server has */
};

/* Writes the event into the cleared `out`: one look at the sizes, one growth, one copy. False when memory is short. */
bool store_command_event(struct store_command *out, const struct store_event *event)
	__attribute__((warn_unused_result));

/* Writes no command, but the stream's key alone. False when memory is short. */
bool store_command_stream(struct store_command *out, const struct store_target *target)
	__attribute__((warn_unused_result));

/* Writes what turns the fields into a call of the script: EVALSHA with `sha`, which has 40 hex digits, or EVAL with the
 * script's text where it is NULL. False when memory is short. */
bool store_command_script(struct store_command *command, const char *sha) __attribute__((warn_unused_result));

/* The part; borrowed until the command is cleared. */
static inline struct slice store_command_part(const struct store_command *command, struct store_span span)
{
	return slice_of(command->bytes.p + span.at, span.n);
}

/* Empties it; the memory stays. And frees the memory. */
void store_command_clear(struct store_command *command);
void store_command_free(struct store_command *command);

/* ---- any command ---- */

/* Appends "*<count>\r\n"; that many bulks must follow. A failure shows in the buf, as with the others. */
void store_command_add_count(struct buf *out, size_t count);

/* Appends "$<length>\r\n<bytes>\r\n"; `s` may lie in `out` itself. */
void store_command_add_bulk(struct buf *out, struct slice s);

/* Appends a command of `count` words. */
void store_command_add_words(struct buf *out, const struct slice *words, size_t count);

#endif
