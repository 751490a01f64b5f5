/* command.c - commands as bytes of RESP.
 *
 * The EVALSHA of an event is written once per accepted delivery and is nearly all of what the store costs a worker, so
 * it is written in one pass into memory that was made large enough before. Its difficulty is that this bound must be
 * right for every event: each value may take its own bytes and BULK_FRAME more, and nothing is written that was not
 * counted. */
#include "store/command.h"

#include "base/num.h"
#include "store/script.h"
#include "store/target.h"

/* "$", 20 digits and two line ends. */
enum { BULK_FRAME = 1 + 20 + 2 + 2 };

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

/* A key of two parts. */
static unsigned char *write_key(unsigned char *at, struct slice beginning, struct slice rest)
{
	return write_end(write_bytes(write_bytes(write_size(at, beginning.n + rest.n), beginning), rest));
}

void store_command_add_bulk(struct buf *out, struct slice s)
{
	size_t inside = out->p && s.p >= out->p && s.p < out->p + out->n ? (size_t)(s.p - out->p) : SIZE_MAX;
	if (!buf_room(out, s.n + BULK_FRAME))
		return;
	if (inside != SIZE_MAX)
		s.p = out->p + inside;
	out->n = (size_t)(write_bulk(out->p + out->n, s) - out->p);
}

void store_command_add_words(struct buf *out, const struct slice *words, size_t count)
{
	buf_add_byte(out, '*');
	buf_add_u64(out, count);
	buf_add_str(out, "\r\n");
	for (size_t i = 0; i < count; i++)
		store_command_add_bulk(out, words[i]);
}

/* "*18\r\n$7\r\nEVALSHA\r\n$40\r\n<sha>\r\n": two digits in any case, so the length never changes. */
static unsigned char *write_head(unsigned char *at, unsigned words, const char *sha)
{
	at = write_bytes(at, SLICE("*1"));
	*at++ = (unsigned char)('0' + words % 10);
	at = write_bytes(at, SLICE("\r\n$7\r\nEVALSHA\r\n$40\r\n"));
	at = write_bytes(at, slice_of(sha, STORE_SCRIPT_SHA));
	return write_end(at);
}

static size_t room_for(const struct store_event *event)
{
	const struct store_target *target = event->target;
	size_t values = event->id.n + event->type.n + event->time.n + event->content_type.n + event->data.n +
			event->headers.n + event->secret.n + event->covered.n + event->traceparent.n;
	size_t keys = target->stream_bulk.n + target->seen.n + event->id.n + target->guard.n + event->guard.n;
	size_t fixed = target->source_bulk.n + target->names_bulk.n;
	/* The frames of the nine values, of two keys, of the window with its digits, and of the number of keys. */
	return STORE_COMMAND_HEAD + values + keys + fixed + (9 + 2 + 2) * BULK_FRAME;
}

bool store_command_event(struct buf *out, const char *sha, const struct store_event *event)
{
	const struct store_target *target = event->target;
	unsigned keys = 1u + event->deduplicate + (event->guard.n > 0);
	char window[20];
	/* Redis refuses to remember for no time at all. */
	size_t digits = num_format_u64(event->window_s > 0 ? event->window_s : 1, window);
	if (!buf_room(out, room_for(event)))
		return false;

	unsigned char *at = write_head(out->p, 3 + keys + STORE_SCRIPT_ARGUMENTS, sha);
	at = write_size(at, 1);
	*at++ = (unsigned char)('0' + keys);
	at = write_end(at);
	at = write_bytes(at, target->stream_bulk);
	if (event->deduplicate)
		at = write_key(at, target->seen, event->id);
	if (event->guard.n > 0)
		at = write_key(at, target->guard, event->guard);
	at = write_bulk(at, slice_of(window, digits));
	at = write_bulk(at, event->id);
	at = write_bytes(at, target->source_bulk);
	at = write_bulk(at, event->type);
	at = write_bulk(at, event->time);
	at = write_bulk(at, event->content_type);
	at = write_bulk(at, event->data);
	at = write_bytes(at, target->names_bulk);
	at = write_bulk(at, event->headers);
	at = write_bulk(at, event->secret);
	at = write_bulk(at, event->covered);
	at = write_bulk(at, event->traceparent);
	out->n = (size_t)(at - out->p);
	return true;
}

bool store_command_to_eval(struct buf *command)
{
	struct buf eval = BUF_EMPTY;
	struct slice text = store_script_text();
	if (!buf_room(&eval, command->n + text.n + BULK_FRAME))
		return false;
	buf_add(&eval, slice_of(command->p, sizeof "*18\r\n" - 1));
	store_command_add_bulk(&eval, SLICE("EVAL"));
	store_command_add_bulk(&eval, text);
	buf_add(&eval, slice_from(buf_slice(command), STORE_COMMAND_HEAD));
	if (buf_failed(&eval)) {
		buf_free(&eval);
		return false;
	}
	buf_free(command);
	*command = eval;
	return true;
}
