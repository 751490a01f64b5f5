/* event.c - entries of a stream, read and written as JSON.
 *
 * The special difficulty: anybody who may write to Redis can put anything in an entry, and a line must stay a line of
 * valid JSON. So nothing is copied into it raw, but for headers that were checked to have just the shape that the
 * gateway writes. */
#include "consume/event.h"

#include "base/encode.h"
#include "base/json.h"

/* ---- reading ---- */

static bool is_text(const struct store_reply *reply)
{
	return reply && store_reply_type(reply) == STORE_REPLY_STRING;
}

static void read_fields(const struct store_reply *list, struct consume_event *event)
{
	size_t count = store_reply_count(list);

	for (size_t i = 0; i + 1 < count && event->field_count < CONSUME_FIELDS_MAX; i += 2) {
		const struct store_reply *name = store_reply_at(list, i), *value = store_reply_at(list, i + 1);

		if (is_text(name) && is_text(value))
			event->fields[event->field_count++] =
				(struct consume_field){ store_reply_text(name), store_reply_text(value) };
	}
}

enum consume_entry consume_event_read(const struct store_reply *entry, struct consume_event *event)
{
	const struct store_reply *id = store_reply_at(entry, 0), *fields = store_reply_at(entry, 1);

	if (!is_text(id))
		return CONSUME_ENTRY_NONE;
	event->entry = store_reply_text(id);
	event->stream = SLICE_NONE;
	event->split = false;
	event->field_count = 0;
	event->again = false;
	event->deliveries = 0;
	if (!fields || store_reply_type(fields) != STORE_REPLY_LIST)
		return CONSUME_ENTRY_DELETED;
	read_fields(fields, event);
	return CONSUME_ENTRY_EVENT;
}

struct slice consume_event_field(const struct consume_event *event, struct slice name)
{
	for (size_t i = 0; i < event->field_count; i++) {
		if (slice_eq(event->fields[i].name, name))
			return event->fields[i].value;
	}
	return SLICE_NONE;
}

/* ---- what may stand in JSON as it is ---- */

static bool is_utf8(struct slice s)
{
	while (s.n > 0) {
		size_t n = encode_utf8_length(s);

		if (n == 0)
			return false;
		s = slice_from(s, n);
	}
	return true;
}

static void skip_spaces(struct slice *rest)
{
	while (rest->n > 0 && rest->p[0] == ' ')
		*rest = slice_from(*rest, 1);
}

static bool take(struct slice *rest, unsigned char c)
{
	skip_spaces(rest);
	if (rest->n == 0 || rest->p[0] != c)
		return false;
	*rest = slice_from(*rest, 1);
	return true;
}

static bool take_escape(struct slice *rest)
{
	if (rest->n < 2)
		return false;
	if (rest->p[1] != 'u') {
		bool known = memchr("\"\\/bfnrt", rest->p[1], 8) != NULL;

		*rest = slice_from(*rest, 2);
		return known;
	}
	if (rest->n < 6)
		return false;
	for (size_t i = 2; i < 6; i++) {
		unsigned char c = rest->p[i] | 0x20;

		if (!((rest->p[i] >= '0' && rest->p[i] <= '9') || (c >= 'a' && c <= 'f')))
			return false;
	}
	*rest = slice_from(*rest, 6);
	return true;
}

static bool take_string(struct slice *rest)
{
	if (!take(rest, '"'))
		return false;
	while (rest->n > 0 && rest->p[0] != '"') {
		size_t n = rest->p[0] < 0x20 ? 0 : encode_utf8_length(*rest);

		if (rest->p[0] == '\\') {
			if (!take_escape(rest))
				return false;
			continue;
		}
		if (n == 0)
			return false;
		*rest = slice_from(*rest, n);
	}
	return take(rest, '"');
}

static bool take_strings(struct slice *rest)
{
	if (!take(rest, '['))
		return false;
	if (take(rest, ']'))
		return true;
	do {
		if (!take_string(rest))
			return false;
	} while (take(rest, ','));
	return take(rest, ']');
}

static bool take_members(struct slice *rest)
{
	if (!take(rest, '{'))
		return false;
	if (take(rest, '}'))
		return true;
	do {
		if (!take_string(rest) || !take(rest, ':'))
			return false;
		skip_spaces(rest);
		if (!(rest->n > 0 && rest->p[0] == '[' ? take_strings(rest) : take_string(rest)))
			return false;
	} while (take(rest, ','));
	return take(rest, '}');
}

/* {"name":"value","name":["value","value"]}, on one line. */
static bool is_headers(struct slice s)
{
	if (!take_members(&s))
		return false;
	skip_spaces(&s);
	return s.n == 0;
}

/* ---- writing ---- */

static bool repeated(const struct consume_event *event, size_t at)
{
	for (size_t i = 0; i < at; i++) {
		if (slice_eq(event->fields[i].name, event->fields[at].name))
			return true;
	}
	return false;
}

static void write_field(const struct consume_field *field, struct buf *out)
{
	bool is_data = slice_eq(field->name, SLICE("data"));

	buf_add_byte(out, ',');
	if (is_data && !is_utf8(field->value)) {
		buf_add(out, SLICE("\"data_base64\":\""));
		encode_base64(ENCODE_BASE64, field->value, out);
		buf_add_byte(out, '"');
		return;
	}
	json_write_string(out, field->name);
	buf_add_byte(out, ':');
	if (slice_eq(field->name, SLICE("headers")) && is_headers(field->value))
		buf_add(out, field->value);
	else
		json_write_string(out, field->value);
}

void consume_event_json(const struct consume_event *event, struct buf *out)
{
	buf_add(out, SLICE("{\"entry\":"));
	json_write_string(out, event->entry);
	if (event->split) {
		buf_add(out, SLICE(",\"stream\":"));
		json_write_string(out, event->stream);
	}
	for (size_t i = 0; i < event->field_count; i++) {
		/* A name of ours in somebody else's entry would stand in the object twice. */
		bool ours = slice_eq(event->fields[i].name, SLICE("entry")) ||
			    slice_eq(event->fields[i].name, SLICE("data_base64")) ||
			    (event->split && slice_eq(event->fields[i].name, SLICE("stream")));

		if (!ours && !repeated(event, i))
			write_field(&event->fields[i], out);
	}
	buf_add(out, SLICE("}\n"));
}
