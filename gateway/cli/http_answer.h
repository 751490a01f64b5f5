/* http_answer.h - an HTTP/1.1 answer out of the bytes that have arrived so far; for http_client.c. */
#ifndef HOOKGATE_CLI_HTTP_ANSWER_H
#define HOOKGATE_CLI_HTTP_ANSWER_H

#include "base/buf.h"
#include "base/slice.h"

enum cli_http_progress {
	CLI_HTTP_MORE, /* not all of it is there */
	CLI_HTTP_WHOLE,
	CLI_HTTP_BROKEN /* it is not HTTP/1.1 */
};

struct cli_http_read {
	unsigned status;
	bool keep;	   /* the connection may be used again */
	struct slice body; /* in the text, or in `joined` where it was chunked */
	struct buf joined; /* to be freed */
	size_t used;	   /* bytes of the text that belong to it */
};

/* Reads the first final answer in `text`; interim ones (1xx) are passed over. `ended`: nothing more will come. Outputs
 * are set for WHOLE only; `out` is zeroed before first use, and may be used again. */
enum cli_http_progress cli_http_read(struct slice text, bool ended, struct cli_http_read *out);

#endif
