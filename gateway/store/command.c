/* command.c - commands as bytes of RESP.
 *
 * An event is written once per accepted delivery and is nearly all of what the store costs a worker, so it is written
 * in one pass into memory that was made large enough before, and what is the same for all events of a route is copied
 * in a few pieces. Its difficulty is that the bound must be right for every event: each value may take its own bytes
 * and BULK_FRAME more, and nothing is written that was not counted. */
#include "store/command.h"

#include "base/num.h"
#include "store/script.h"
#include "store/target.h"

/* "$", 20 digits and two line ends. */
enum { BULK_FRAME = 1 + 20 + 2 + 2 };

#define TIME_NAME "$4\r\ntime\r\n"
#define CONTENT_TYPE_NAME "$15\r\ndatacontenttype\r\n"
#define DATA_NAME "$4\r\ndata\r\n"
#define SECRET_NAME "$6\r\nsecret\r\n"
#define COVERED_NAME "$7\r\ncovered\r\n"
#define TRACEPARENT_NAME "$11\r\ntraceparent\r\n"
#define SET_BEGIN "*5\r\n$3\r\nSET\r\n"
#define SET_END "$1\r\n1\r\n$2\r\nEX\r\n"

static unsigned char *write_bytes(unsigned char *at, struct slice s)
{
	if (s.n > 0)
		memcpy(at, s.p, s.n);
	return at + s.n;
}

static unsigned char *write_end(unsigned char *at)
{
	at[0] = '\r';
	at[1] = '\n';
	return at + 2;
}

static unsigned char *write_size(unsigned char *at, size_t n)
{
	*at++ = '$';
	if (n < 10)
		*at++ = (unsigned char)('0' + n);
	else
		at += num_format_u64(n, (char *)at);
	return write_end(at);
}

static unsigned char *write_bulk(unsigned char *at, struct slice s)
{
	return write_end(write_bytes(write_size(at, s.n), s));
}

/* ---- any command ---- */

void store_command_add_bulk(struct buf *out, struct slice s)
{
	size_t inside = out->p && s.p >= out->p && s.p < out->p + out->n ? (size_t)(s.p - out->p) : SIZE_MAX;
	if (!buf_room(out, s.n + BULK_FRAME))
		return;
	if (inside != SIZE_MAX)
		s.p = out->p + inside;
	out->n = (size_t)(write_bulk(out->p + out->n, s) - out->p);
}

void store_command_add_count(struct buf *out, size_t count)
{
	buf_add_byte(out, '*');
	buf_add_u64(out, count);
	buf_add_str(out, "\r\n");
}

void store_command_add_words(struct buf *out, const struct slice *words, size_t count)
{
	store_command_add_count(out, count);
	for (size_t i = 0; i < count; i++)
		store_command_add_bulk(out, words[i]);
}

/* ---- an event ---- */

static size_t room_for(const struct store_event *event, size_t window)
{
	const struct store_target *target = event->target;
	size_t fixed = target->xadd.n + target->source.n + target->names.n +
		       sizeof(TIME_NAME CONTENT_TYPE_NAME DATA_NAME SECRET_NAME COVERED_NAME TRACEPARENT_NAME);
	size_t values = event->id.n + event->type.n + event->time.n + event->content_type.n + event->data.n +
			event->headers.n + event->secret.n + event->covered.n + event->traceparent.n;
	size_t marks = target->seen.n + event->id.n + target->guard.n + event->guard.n +
		       STORE_MARKS_MAX * (sizeof(SET_BEGIN SET_END) + window);
	/* The frames of the nine values and of the keys. */
	return fixed + values + marks + (9 + STORE_MARKS_MAX) * BULK_FRAME + target->fence.n;
}

/* SET of a key of two parts. */
static unsigned char *write_mark(struct store_command *out, unsigned char *at, struct slice beginning,
				 struct slice rest, struct slice window)
{
	struct store_span *mark = &out->marks[out->mark_count++];
	at = write_bytes(at, SLICE(SET_BEGIN));
	mark->at = (size_t)(at - out->bytes.p);
	at = write_size(at, beginning.n + rest.n);
	at = write_end(write_bytes(write_bytes(at, beginning), rest));
	mark->n = (size_t)(at - out->bytes.p) - mark->at;
	return write_bytes(write_bytes(at, SLICE(SET_END)), window);
}

/* In the order of the table in gateway/README.md. */
static unsigned char *write_fields(unsigned char *at, const struct store_event *event)
{
	const struct store_target *target = event->target;
	at = write_bulk(at, event->id);
	at = write_bytes(at, target->source);
	at = write_bulk(at, event->type);
	at = write_bytes(at, SLICE(TIME_NAME));
	at = write_bulk(at, event->time);
	at = write_bytes(at, SLICE(CONTENT_TYPE_NAME));
	at = write_bulk(at, event->content_type);
	at = write_bytes(at, SLICE(DATA_NAME));
	at = write_bulk(at, event->data);
	at = write_bytes(at, target->names);
	at = write_bulk(at, event->headers);
	at = write_bytes(at, SLICE(SECRET_NAME));
	at = write_bulk(at, event->secret);
	at = write_bytes(at, SLICE(COVERED_NAME));
	at = write_bulk(at, event->covered);
	at = write_bytes(at, SLICE(TRACEPARENT_NAME));
	return write_bulk(at, event->traceparent);
}

bool store_command_event(struct store_command *out, const struct store_event *event)
{
	const struct store_target *target = event->target;
	unsigned char window_bytes[BULK_FRAME], digits[20];
	/* Redis refuses to remember for no time at all. */
	out->window_s = event->window_s > 0 ? event->window_s : 1;
	struct slice number = slice_of(digits, num_format_u64(out->window_s, (char *)digits));
	struct slice window = slice_of(window_bytes, (size_t)(write_bulk(window_bytes, number) - window_bytes));
	if (!buf_room(&out->bytes, room_for(event, window.n)))
		return false;

	unsigned char *at = write_bytes(out->bytes.p, target->xadd);
	out->stream = (struct store_span){ target->stream_at, target->stream_n };
	out->fields.at = target->fields_at;
	at = write_fields(at, event);
	out->fields.n = (size_t)(at - out->bytes.p) - out->fields.at;
	if (event->deduplicate)
		at = write_mark(out, at, target->seen, event->id, window);
	if (event->guard.n > 0)
		at = write_mark(out, at, target->guard, event->guard, window);
	out->whole = (struct store_span){ 0, (size_t)(at - out->bytes.p) };
	out->fence = (struct store_span){ out->whole.n, target->fence.n };
	out->bytes.n = (size_t)(write_bytes(at, target->fence) - out->bytes.p);
	return true;
}

bool store_command_stream(struct store_command *out, const struct store_target *target)
{
	buf_add(&out->bytes, slice_of(target->xadd.p + target->stream_at, target->stream_n));
	out->stream = (struct store_span){ 0, target->stream_n };
	return !buf_failed(&out->bytes);
}

bool store_command_script(struct store_command *command, const char *sha)
{
	struct buf *out = &command->script;
	char digits[20];
	size_t keys = 2 + command->mark_count;
	buf_clear(out);
	/* EVAL or EVALSHA, the script, the number of keys, and the window beside what is counted. */
	store_command_add_count(out, 4 + keys + STORE_SCRIPT_FIELD_WORDS);
	store_command_add_bulk(out, sha ? SLICE("EVALSHA") : SLICE("EVAL"));
	store_command_add_bulk(out, sha ? slice_of(sha, STORE_SCRIPT_SHA) : store_script_text());
	store_command_add_bulk(out, slice_of(digits, num_format_u64(keys, digits)));
	buf_add(out, store_command_part(command, command->stream));
	buf_add(out, store_command_part(command, command->fence));
	for (size_t i = 0; i < command->mark_count; i++)
		buf_add(out, store_command_part(command, command->marks[i]));
	store_command_add_bulk(out, slice_of(digits, num_format_u64(command->window_s, digits)));
	return !buf_failed(out);
}

void store_command_clear(struct store_command *command)
{
	buf_clear(&command->bytes);
	command->mark_count = 0;
	command->row = false;
}

void store_command_free(struct store_command *command)
{
	buf_free(&command->bytes);
	buf_free(&command->script);
}
