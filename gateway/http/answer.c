/* answer.c - answers as libmicrohttpd's responses, and a few of them kept.
 *
 * The special difficulty: a response costs half a dozen allocations, and nearly all answers are one of a handful; yet
 * an answer's bytes may belong to a configuration that a reload has freed. So answers are kept by what they say,
 * compared byte by byte, and a slot gives way to the next answer that hashes to it unless an exchange still means to
 * send what is in it. */
#include "http/inside.h"

#include <stdlib.h>

enum { CACHED_BYTES_MAX = 512 };

static void add_header(struct MHD_Response *response, struct slice name, struct slice value)
{
	char name_text[64], value_text[1024];

	if (name.n >= sizeof name_text || value.n >= sizeof value_text)
		return;
	memcpy(name_text, name.p, name.n);
	name_text[name.n] = 0;
	if (value.n > 0)
		memcpy(value_text, value.p, value.n);
	value_text[value.n] = 0;
	/* libmicrohttpd refuses what would split the answer (CR, LF). */
	MHD_add_response_header(response, name_text, value_text);
}

static struct MHD_Response *make(const struct answer *answer)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		answer->body.n, (void *)(uintptr_t)answer->body.p, MHD_RESPMEM_MUST_COPY);

	if (!response)
		return NULL;
	for (size_t i = 0; i < answer->header_count; i++)
		add_header(response, answer->headers[i].name, answer->headers[i].value);
	if (answer->close)
		add_header(response, SLICE("Connection"), SLICE("close"));
	return response;
}

static bool same(const struct http_cached_answer *cached, const struct answer *answer)
{
	if (!cached->response || cached->status != answer->status || cached->close != answer->close ||
	    cached->header_count != answer->header_count || !slice_eq(cached->body, answer->body))
		return false;
	for (size_t i = 0; i < answer->header_count; i++) {
		if (!slice_eq(cached->headers[i].name, answer->headers[i].name) ||
		    !slice_eq(cached->headers[i].value, answer->headers[i].value))
			return false;
	}
	return true;
}

static struct slice keep(struct buf *bytes, struct slice s)
{
	size_t at = bytes->n;

	buf_add(bytes, s);
	return slice_of(bytes->p + at, s.n);
}

static size_t size_of(const struct answer *answer)
{
	size_t size = answer->body.n;

	for (size_t i = 0; i < answer->header_count; i++)
		size += answer->headers[i].name.n + answer->headers[i].value.n;
	return size;
}

/* False when memory is short: then the response is not kept. */
static bool fill(struct http_cached_answer *cached, const struct answer *answer, struct MHD_Response *response)
{
	if (cached->response)
		MHD_destroy_response(cached->response);
	cached->response = NULL;
	buf_clear(&cached->bytes);
	/* All at once, so that the slices made below stay. */
	if (!buf_grow(&cached->bytes, CACHED_BYTES_MAX))
		return false;
	cached->status = answer->status;
	cached->close = answer->close;
	cached->header_count = answer->header_count;
	for (size_t i = 0; i < answer->header_count; i++) {
		cached->headers[i].name = keep(&cached->bytes, answer->headers[i].name);
		cached->headers[i].value = keep(&cached->bytes, answer->headers[i].value);
	}
	cached->body = keep(&cached->bytes, answer->body);
	cached->response = response;
	return true;
}

static size_t slot_of(const struct answer *answer)
{
	size_t h = answer->status * 31 + answer->header_count * 7 + answer->close;

	/* A few bytes tell one outcome from another. */
	for (size_t i = 0; i < answer->body.n; i += answer->body.n / 8 + 1)
		h = h * 33 + answer->body.p[i];
	return (h * 33 + answer->body.n) % HTTP_CACHED_ANSWERS;
}

void http_response_take(struct http_exchange *exchange, const struct answer *answer)
{
	struct http_cached_answer *cached = &exchange->server->cached[slot_of(answer)];

	exchange->status = answer->status;
	if (size_of(answer) <= CACHED_BYTES_MAX && cached->users == 0 && !same(cached, answer)) {
		struct MHD_Response *response = make(answer);

		exchange->response = response;
		exchange->cached = NULL;
		if (response && fill(cached, answer, response))
			exchange->cached = cached;
	} else if (same(cached, answer)) {
		exchange->response = cached->response;
		exchange->cached = cached;
	} else {
		exchange->response = make(answer);
		exchange->cached = NULL;
	}
	if (exchange->cached)
		exchange->cached->users++;
}

void http_response_drop(struct http_exchange *exchange)
{
	if (exchange->cached)
		exchange->cached->users--;
	else if (exchange->response)
		MHD_destroy_response(exchange->response);
	exchange->cached = NULL;
	exchange->response = NULL;
}

void http_responses_free(struct http_server *server)
{
	for (size_t i = 0; i < HTTP_CACHED_ANSWERS; i++) {
		if (server->cached[i].response)
			MHD_destroy_response(server->cached[i].response);
		server->cached[i].response = NULL;
		buf_free(&server->cached[i].bytes);
	}
}
