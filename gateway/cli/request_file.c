/* request_file.c - a captured HTTP/1.1 request (RFC 9112) from a file.
 *
 * The special difficulty: the file was written by hand or by a tool, and what is wrong with it looks like a wrong
 * signature later. So nothing is guessed or mended, but for the ends of lines; and the body is taken byte for byte. */
#include "cli/request_file.h"

#include "base/num.h"

/* Takes a line off, without its CRLF or LF. False when there is no end of it. */
static bool take_line(struct slice *rest, struct slice *line)
{
	if (!slice_cut(*rest, '\n', line, rest))
		return false;
	if (line->n > 0 && line->p[line->n - 1] == '\r')
		line->n--;
	return true;
}

static bool is_token(struct slice s)
{
	static const char others[] = "!#$%&'*+-.^_`|~";

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = s.p[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
			continue;
		if (!memchr(others, c, sizeof others - 1))
			return false;
	}
	return s.n > 0;
}

static bool is_field_value(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		if ((s.p[i] < 0x20 && s.p[i] != '\t') || s.p[i] == 0x7f)
			return false;
	}
	return true;
}

static bool is_target(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] <= 0x20 || s.p[i] >= 0x7f)
			return false;
	}
	return s.n > 0;
}

/* "POST /hooks/stripe?x=1 HTTP/1.1" */
static const char *read_request_line(struct slice line, struct request *request)
{
	struct slice rest, version;

	if (line.n == 0)
		return "the first line is empty; it must be the request line, such as: POST /hooks/stripe HTTP/1.1";
	if (!slice_cut(line, ' ', &request->method, &rest) || !slice_cut(rest, ' ', &request->target, &version))
		return "the first line is no request line, such as: POST /hooks/stripe HTTP/1.1";
	if (!is_token(request->method))
		return "the method in the first line has bytes that no method may have";
	if (!is_target(request->target))
		return "the target in the first line is empty or has bytes that no target may have";
	if (!slice_eq(version, SLICE("HTTP/1.1")) && !slice_eq(version, SLICE("HTTP/1.0")))
		return "the first line does not end in HTTP/1.1 (a capture of HTTP/2 has to be written as HTTP/1.1)";
	if (!message_split_target(request->target, &request->path, &request->query))
		return "the target in the first line has no path";
	return NULL;
}

static const char *read_header(struct slice line, struct header *header)
{
	struct slice name, value;

	if (line.p[0] == ' ' || line.p[0] == '\t')
		return "a header's line begins with white space: folded lines are not taken";
	if (!slice_cut(line, ':', &name, &value))
		return "a header's line has no colon; an empty line must stand between the headers and the body";
	if (!is_token(name))
		return "a header's name has bytes that no name may have, or white space before the colon";
	if (!is_field_value(value))
		return "a header's value has a control character";
	*header = (struct header){ name, slice_trim(value) };
	return NULL;
}

static const char *read_headers(struct slice *rest, struct cli_request *out)
{
	struct request *request = &out->request;

	for (;;) {
		struct slice line;
		const char *wrong;

		if (!take_line(rest, &line))
			return "no empty line stands behind the headers: one must, also where there is no body";
		if (line.n == 0)
			return NULL;
		if (request->header_count == CLI_REQUEST_HEADERS_MAX)
			return "there are more than 128 headers";
		wrong = read_header(line, &out->headers[request->header_count]);
		if (wrong)
			return wrong;
		request->header_count++;
	}
}

/* What the gateway refuses because two servers may read it in two ways. */
static const char *read_framing(struct cli_request *out)
{
	const struct request *request = &out->request;
	struct slice length = SLICE_NONE, coding = SLICE_NONE, host;
	size_t lengths = message_header(request, SLICE("content-length"), &length);

	if (message_header(request, SLICE("host"), &host) > 1)
		return "Host is sent twice";
	if (lengths > 1)
		return "Content-Length is sent twice";
	if (lengths == 1 && !num_parse_u64(length, INT64_MAX, &out->length))
		return "Content-Length is not a number";
	out->has_length = lengths == 1;
	out->chunked = message_header(request, SLICE("transfer-encoding"), &coding) > 0;
	return NULL;
}

bool cli_request_parse(struct slice text, struct cli_request *out, struct reason *reason)
{
	struct slice line, rest = text;
	const char *wrong;

	*out = (struct cli_request){ .request = { .headers = out->headers, .address = SLICE("file") } };
	if (text.n == 0)
		wrong = "it is empty";
	else if (!take_line(&rest, &line))
		wrong = "it has no line: a request is a request line, headers, an empty line, and the body";
	else
		wrong = read_request_line(line, &out->request);
	if (!wrong)
		wrong = read_headers(&rest, out);
	if (!wrong)
		wrong = read_framing(out);
	out->request.body = rest;
	if (wrong)
		reason_set(reason, "%s", wrong);
	return wrong == NULL;
}
