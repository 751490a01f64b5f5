/* fuzz_request.c - captured requests, and answers that arrive in pieces. What is accepted must stand in the text,
 * whole. */
#include "cli/http_answer.h"
#include "cli/request_file.h"
#include "fuzz.h"

static bool within(struct slice part, struct slice whole)
{
	return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void request(struct slice text)
{
	static struct cli_request read;
	struct reason reason = { "" };

	if (!cli_request_parse(text, &read, &reason)) {
		MUST(reason.text[0] != '\0');
		return;
	}
	MUST(read.request.header_count <= CLI_REQUEST_HEADERS_MAX);
	MUST(read.request.body.n == 0 || read.request.body.p + read.request.body.n == text.p + text.n);
	MUST(within(read.request.method, text) && read.request.method.n > 0);
	MUST(within(read.request.path, text) && read.request.path.n > 0 && read.request.path.p[0] == '/');
	MUST(within(read.request.query, text));
	for (size_t i = 0; i < read.request.header_count; i++) {
		const struct header *header = &read.headers[i];
		MUST(within(header->name, text) && header->name.n > 0);
		MUST(within(header->value, text));
		MUST(slice_eq(slice_trim(header->value), header->value));
		MUST(slice_index(header->value, '\n') == header->value.n);
	}
}

static void answer(struct slice text)
{
	struct cli_http_read whole = { 0 }, part = { 0 };

	if (cli_http_read(text, false, &whole) == CLI_HTTP_WHOLE) {
		MUST(whole.used <= text.n && whole.body.n <= text.n && whole.status >= 200 && whole.status <= 999);
		/* Less by one byte is not whole. */
		MUST(cli_http_read(slice_head(text, whole.used - 1), false, &part) != CLI_HTTP_WHOLE);
	}
	(void)cli_http_read(text, true, &part);
	buf_free(&whole.joined);
	buf_free(&part.joined);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	request(slice_of(data, size));
	answer(slice_of(data, size));
	return 0;
}
