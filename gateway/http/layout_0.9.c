/* layout_0.9.c - finds in libmicrohttpd 0.9's buffer what its lenient parser has smoothed over.
 *
 * The special difficulty: 0.9 takes a bare LF for CRLF, joins folded lines, lets white space stand before a colon, and
 * sees a header's value end at a NUL, all without a word. But it parses in place: the head still lies in its buffer as
 * it came, line after line, with the bytes CR, LF and the colons overwritten by NUL. In a clean head every name
 * therefore begins exactly two NULs behind the end of the value before it (seen in get_next_header_line and
 * process_header_line of 0.9.75's connection.c); anything smoothed over leaves another gap. Reading the bytes between
 * two values that both lie in that buffer is safe; a folded line's copy lies elsewhere, and its distance gives it away
 * before anything is read. */
#include "http/inside.h"

/* At 1 it would refuse a missing Host itself, but 0.9.75 then sends its error's head twice; framing.c refuses it as
 * well. */
const int http_layout_strictness = 0;

/* It takes bare LF inside chunked framing, which cannot be seen from here. A proxy that reads such chunks in another
 * way sees another end of the body; but without a next request on the connection there is nothing to smuggle. */
const bool http_layout_closes_chunked = true;

/* The bytes from `end` up to `next` are exactly the two NULs of a line end. */
static bool line_end(const unsigned char *end, const unsigned char *next)
{
	return next == end + 2 && end[0] == 0 && end[1] == 0;
}

/* From the name's end to its value: the colon's NUL, then spaces and tabs only. */
static bool colon(const struct header *header)
{
	const unsigned char *p = header->name.p + header->name.n;

	if (header->value.p <= p || header->value.p > p + 1024)
		return false;
	if (*p++ != 0)
		return false;
	for (; p < header->value.p; p++) {
		if (*p != ' ' && *p != '\t')
			return false;
	}
	return true;
}

bool http_layout_clean(const struct http_exchange *exchange, const char *version)
{
	const unsigned char *end = (const unsigned char *)version + strlen(version);
	const struct slice method = exchange->request.method;
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(exchange->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

	/* "METHOD SP target SP version": one space each. */
	if ((const unsigned char *)version != method.p + method.n + 1 + exchange->request.target.n + 1)
		return false;
	for (size_t i = 0; i < exchange->header_count; i++) {
		const struct header *header = &exchange->headers[i];

		if (!line_end(end, header->name.p) || !colon(header))
			return false;
		end = header->value.p + header->value.n;
	}
	/* The head's last line is empty and ended by CRLF as well: then the head is as long as libmicrohttpd says. */
	return info && (size_t)(end + 4 - method.p) == info->header_size;
}
