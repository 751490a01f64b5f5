/* request_file.h - a captured HTTP/1.1 request as text, for `hookgate verify`. */
#ifndef HOOKGATE_CLI_REQUEST_FILE_H
#define HOOKGATE_CLI_REQUEST_FILE_H

#include "base/message.h"
#include "base/reason.h"

enum { CLI_REQUEST_HEADERS_MAX = 128, CLI_REQUEST_MAX = 64 * 1024 * 1024 };

/* All slices point into the text it was read from; `request.headers` points into the struct, so it must stay where it
 * is. */
struct cli_request {
	struct request request; /* address is "file"; received_ms is left 0 */
	struct header headers[CLI_REQUEST_HEADERS_MAX];
	bool chunked;	 /* it says Transfer-Encoding; the body is what stands in the text nevertheless */
	bool has_length; /* it says Content-Length */
	uint64_t length; /* then: what it says */
};

/* The request line, headers, an empty line, and the body to the end of the text. Lines of the head end in CRLF or LF
 * alone. As strict as the gateway is with what comes over the wire: false with the reason, which quotes nothing of the
 * text. */
bool cli_request_parse(struct slice text, struct cli_request *out, struct reason *reason)
	__attribute__((warn_unused_result));

#endif
