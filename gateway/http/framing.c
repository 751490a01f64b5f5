/* framing.c - takes the head over from libmicrohttpd, and refuses what two servers could read in two ways.
 *
 * The special difficulty: request smuggling. A proxy in front of us may see another body length than we do wherever a
 * head is ambiguous, so everything that RFC 9112 (sections 2.2, 5, 6 and 11.2) lets a server refuse is refused here:
 * Content-Length beside Transfer-Encoding, repeated or odd lengths, any coding but chunked, chunked in HTTP/1.0,
 * several Hosts, names that are no tokens, control characters in values. What libmicrohttpd has already smoothed over
 * when it calls us (bare LF, folded lines, NUL bytes, space before the colon) is found by layout_*.c. */
#include "base/num.h"
#include "http/inside.h"

/* Which bytes may stand in a token, which is what methods and names are (RFC 9110, section 5.6.2): letters, digits and
 * !#$%&'*+-.^_`|~ */
/* clang-format off */
static const unsigned char in_token[256] = {
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 1, 0, 1, 1, 1, 1, 1, 0, 0, 1, 1, 0, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0,
	0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 1,
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 0, 1, 0,
};
/* clang-format on */

static bool is_token(struct slice s)
{
	unsigned all = s.n > 0;
	size_t i = 0;

	for (; i + 4 <= s.n; i += 4)
		all &= in_token[s.p[i]] & in_token[s.p[i + 1]] & in_token[s.p[i + 2]] & in_token[s.p[i + 3]];
	for (; i < s.n; i++)
		all &= in_token[s.p[i]];
	return all != 0;
}

/* RFC 9110, section 5.5: field values have no control characters but the tab. */
static bool is_field_value(struct slice s)
{
	if (!slice_has_control(s))
		return true;
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

static enum MHD_Result collect(void *arg, enum MHD_ValueKind kind, const char *name, size_t name_size,
			       const char *value, size_t value_size)
{
	struct http_exchange *exchange = arg;
	struct header *header;

	(void)kind;
	if (exchange->header_count == HTTP_HEADERS_MAX)
		return MHD_NO;
	header = &exchange->headers[exchange->header_count++];
	header->name = slice_of(name, name_size);
	header->value = slice_of(value, value_size);
	return MHD_YES;
}

/* As it would stand on the wire with one space behind each colon. */
static uint64_t head_size(const struct http_exchange *exchange, size_t version)
{
	uint64_t size = exchange->request.method.n + exchange->request.target.n + version + 4 + 2;

	for (size_t i = 0; i < exchange->header_count; i++)
		size += exchange->headers[i].name.n + exchange->headers[i].value.n + 4;
	return size;
}

static const char *check_fields(const struct http_exchange *exchange)
{
	for (size_t i = 0; i < exchange->header_count; i++) {
		if (!is_token(exchange->headers[i].name))
			return "a header's name has bytes that no name may have";
		if (!is_field_value(exchange->headers[i].value))
			return "a header's value has a control character";
	}
	return NULL;
}

static const char *check_length(struct http_exchange *exchange, bool http_1_0)
{
	struct slice length, coding;
	size_t lengths = message_header(&exchange->request, SLICE("content-length"), &length);
	size_t codings = message_header(&exchange->request, SLICE("transfer-encoding"), &coding);
	uint64_t declared = 0;

	if (lengths > 0 && codings > 0)
		return "Content-Length and Transfer-Encoding in one request";
	if (lengths > 1)
		return "Content-Length is sent twice";
	if (lengths == 1 && !num_parse_u64(length, INT64_MAX, &declared))
		return "Content-Length is not a number";
	if (codings > 1 || (codings == 1 && !slice_eq_nocase(coding, SLICE("chunked"))))
		return "a Transfer-Encoding other than chunked";
	if (codings == 1 && http_1_0)
		return "Transfer-Encoding in an HTTP/1.0 request";
	exchange->declared = codings == 1 ? -1 : (int64_t)declared;
	return NULL;
}

const char *http_read_head(struct http_exchange *exchange, const char *method, const char *version)
{
	struct request *request = &exchange->request;
	struct slice version_slice = slice_str(version), host;
	bool http_1_0 = slice_eq(version_slice, SLICE("HTTP/1.0"));
	const char *wrong;
	size_t hosts;

	request->method = slice_str(method);
	if (!is_token(request->method))
		return "the method is no token";
	if (!is_target(request->target))
		return "the request target has bytes that no target may have";
	if (!http_1_0 && !slice_eq(version_slice, SLICE("HTTP/1.1")))
		return "not HTTP/1.1 or HTTP/1.0";
	if (MHD_get_connection_values_n(exchange->mhd, MHD_HEADER_KIND, collect, exchange) < 0)
		return "the headers cannot be read";
	if (exchange->header_count == HTTP_HEADERS_MAX)
		return "too many headers";
	request->headers = exchange->headers;
	request->header_count = exchange->header_count;
	wrong = check_fields(exchange);
	if (wrong)
		return wrong;
	if (!http_layout_clean(exchange, version))
		return "the head has a bare LF, a folded line, a NUL, or white space where none may be";
	for (size_t i = 0; i < exchange->header_count; i++)
		exchange->headers[i].value = slice_trim(exchange->headers[i].value);
	if (head_size(exchange, version_slice.n) > exchange->server->max_head)
		return "the head is over max_head";
	hosts = message_header(request, SLICE("host"), &host);
	if (hosts > 1)
		return "Host is sent twice";
	if (hosts == 0 && !http_1_0)
		return "Host is missing";
	wrong = check_length(exchange, http_1_0);
	if (wrong)
		return wrong;
	if (!message_split_target(request->target, &request->path, &request->query))
		return "the request target has no path";
	return NULL;
}
