/* http_answer.c - an HTTP/1.1 answer (RFC 9112). The difficulty: bytes arrive in any pieces, so it is read from the
 * start each time until it is whole; a body with a length costs nothing meanwhile, as only the head is looked at. */
#include "cli/http_answer.h"

#include "base/num.h"

struct head {
	unsigned status;
	bool keep, chunked, has_length;
	uint64_t length;
};

static bool take_line(struct slice *rest, struct slice *line)
{
	struct slice before, after;

	if (!slice_cut(*rest, '\n', &before, &after))
		return false;
	if (before.n > 0 && before.p[before.n - 1] == '\r')
		before.n--;
	*line = before;
	*rest = after;
	return true;
}

/* "HTTP/1.1 200 OK" */
static bool read_status(struct slice line, struct head *head)
{
	uint64_t status;

	if (line.n < 12 || !slice_starts(line, SLICE("HTTP/1.")) || line.p[8] != ' ' ||
	    !num_parse_u64(slice_of(line.p + 9, 3), 999, &status) || status < 100 || (line.n > 12 && line.p[12] != ' '))
		return false;
	*head = (struct head){ .status = (unsigned)status, .keep = line.p[7] != '0' };
	return true;
}

static bool read_field(struct slice line, struct head *head)
{
	struct slice name, value;

	if (!slice_cut(line, ':', &name, &value))
		return false;
	value = slice_trim(value);
	if (slice_eq_nocase(name, SLICE("content-length"))) {
		if (head->has_length || !num_parse_u64(value, INT64_MAX, &head->length))
			return false;
		head->has_length = true;
	} else if (slice_eq_nocase(name, SLICE("transfer-encoding"))) {
		head->chunked = slice_eq_nocase(value, SLICE("chunked"));
		return head->chunked;
	} else if (slice_eq_nocase(name, SLICE("connection"))) {
		head->keep = slice_eq_nocase(value, SLICE("keep-alive")) ||
			     (head->keep && !slice_eq_nocase(value, SLICE("close")));
	}
	return true;
}

static enum cli_http_progress read_head(struct slice *rest, struct head *head)
{
	struct slice line;

	if (!take_line(rest, &line))
		return rest->n > 8 && !slice_starts(*rest, SLICE("HTTP/1.")) ? CLI_HTTP_BROKEN : CLI_HTTP_MORE;
	if (!read_status(line, head))
		return CLI_HTTP_BROKEN;
	for (;;) {
		if (!take_line(rest, &line))
			return CLI_HTTP_MORE;
		if (line.n == 0)
			return CLI_HTTP_WHOLE;
		if (!read_field(line, head))
			return CLI_HTTP_BROKEN;
	}
}

static bool read_size(struct slice line, uint64_t *size)
{
	uint64_t value = 0;
	size_t digits = 0;

	for (; digits < line.n && digits < 16; digits++) {
		unsigned char c = line.p[digits], letter = c | 0x20;

		if (c >= '0' && c <= '9')
			value = value << 4 | (uint64_t)(c - '0');
		else if (letter >= 'a' && letter <= 'f')
			value = value << 4 | (uint64_t)(letter - 'a' + 10);
		else
			break;
	}
	*size = value;
	return digits > 0 && digits < 16 && (digits == line.n || line.p[digits] == ';' || line.p[digits] == ' ');
}

/* Chunks, then trailers, which are passed over. */
static enum cli_http_progress read_chunks(struct slice *rest, struct buf *joined)
{
	struct slice line;
	uint64_t size;

	buf_clear(joined);
	do {
		if (!take_line(rest, &line))
			return CLI_HTTP_MORE;
		if (!read_size(line, &size))
			return CLI_HTTP_BROKEN;
		if (size > 0 && rest->n < size + 2)
			return CLI_HTTP_MORE;
		buf_add(joined, slice_head(*rest, (size_t)size));
		*rest = slice_from(*rest, (size_t)size);
		if (size > 0 && (!take_line(rest, &line) || line.n != 0))
			return CLI_HTTP_BROKEN;
	} while (size > 0);
	do {
		if (!take_line(rest, &line))
			return CLI_HTTP_MORE;
	} while (line.n > 0);
	return buf_failed(joined) ? CLI_HTTP_BROKEN : CLI_HTTP_WHOLE;
}

static enum cli_http_progress read_body(struct slice *rest, bool ended, struct head *head, struct cli_http_read *out)
{
	enum cli_http_progress progress;

	if (head->status == 204 || head->status == 304) {
		out->body = SLICE_NONE;
	} else if (head->chunked) {
		progress = read_chunks(rest, &out->joined);
		out->body = buf_slice(&out->joined);
		return progress;
	} else if (head->has_length) {
		if (rest->n < head->length)
			return CLI_HTTP_MORE;
		out->body = slice_head(*rest, (size_t)head->length);
		*rest = slice_from(*rest, (size_t)head->length);
	} else {
		/* It ends with the connection. */
		head->keep = false;
		out->body = *rest;
		*rest = SLICE_NONE;
		return ended ? CLI_HTTP_WHOLE : CLI_HTTP_MORE;
	}
	return CLI_HTTP_WHOLE;
}

enum cli_http_progress cli_http_read(struct slice text, bool ended, struct cli_http_read *out)
{
	struct slice rest = text;
	struct head head;
	enum cli_http_progress progress;

	do {
		progress = read_head(&rest, &head);
		if (progress != CLI_HTTP_WHOLE)
			return progress;
	} while (head.status < 200);
	progress = read_body(&rest, ended, &head, out);
	if (progress == CLI_HTTP_WHOLE) {
		out->status = head.status;
		out->keep = head.keep && !ended;
		out->used = text.n - rest.n;
	}
	return progress;
}
