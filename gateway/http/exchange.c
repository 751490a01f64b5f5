/* exchange.c - one request and its answer, between libmicrohttpd's calls and the service.
 *
 * libmicrohttpd calls http_exchange_begin at the request line, http_exchange_step once when the head is complete, once
 * per piece of the body and once when it has ended (and again after a resume), and http_exchange_end when it is done
 * with the request.
 *
 * The special difficulty: an answer may be made at any time, but libmicrohttpd takes it only from within a step that
 * carries no body bytes. So http_answer() only notes it, and the step that follows queues it. Until then the exchange
 * waits, in one of two ways. Suspending its connection takes two epoll_ctl() and one futile recv() per delivery, a
 * sixth of all its CPU; so the first WAITING_MAX are left as they are, and libmicrohttpd calls their step again at each
 * of its turns ("can be called again immediately", as microhttpd.h has it), which costs a tenth of a microsecond; what
 * is beyond is suspended, so that a slow Redis does not make the turns long. */
#include "base/clock.h"
#include "http/inside.h"

#include <stdlib.h>
#include <sys/socket.h>

enum {
	ARENA_BLOCK = 4096,
	ARENA_LIMIT = 1024 * 1024, /* what a delivery needs beside its body */
	FREE_EXCHANGES_MAX = 1024,
	BODY_KEPT = 64 * 1024,	  /* a larger buffer is given back after its delivery */
	DROPPED_MAX = 256 * 1024, /* of a refused body that we still read, to be able to answer */
	WAITING_MAX = 128	  /* exchanges that wait without being suspended */
};

/* ---- life ---- */

static struct http_exchange *take_free(struct http_server *server)
{
	struct http_exchange *exchange = server->free_exchanges;

	if (exchange) {
		server->free_exchanges = exchange->next_free;
		server->free_exchange_count--;
		return exchange;
	}
	exchange = calloc(1, sizeof *exchange);
	if (!exchange)
		return NULL;
	exchange->arena = arena_new(ARENA_BLOCK, ARENA_LIMIT);
	if (!exchange->arena) {
		free(exchange);
		return NULL;
	}
	return exchange;
}

void http_exchange_free(struct http_exchange *exchange)
{
	arena_free(exchange->arena);
	buf_free(&exchange->body);
	free(exchange);
}

static void give_back(struct http_exchange *exchange)
{
	struct http_server *server = exchange->server;

	server->held -= exchange->body.size;
	if (exchange->body.size > BODY_KEPT)
		buf_free(&exchange->body);
	buf_clear(&exchange->body);
	arena_reset(exchange->arena);
	if (server->free_exchange_count >= FREE_EXCHANGES_MAX) {
		http_exchange_free(exchange);
		return;
	}
	exchange->next_free = server->free_exchanges;
	server->free_exchanges = exchange;
	server->free_exchange_count++;
}

static struct http_connection *connection_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

/* libmicrohttpd would make a record of each parameter, and when their number exhausts its memory it loses its way: no answer, and
 * no http_exchange_end. Nobody asks it for them, so it gets to see none. The text is in its own buffer, which it is about to write to. */
static void hide_query(const char *uri)
{
	char *query = uri ? strchr((char *)(uintptr_t)uri, '?') : NULL;

	if (query)
		query[1] = '\0';
}

void *http_exchange_begin(void *arg, const char *uri, struct MHD_Connection *mhd)
{
	struct http_daemon *daemon = arg;
	struct http_server *server = daemon->server;
	struct http_connection *connection = connection_of(mhd);
	struct http_exchange *exchange = connection ? take_free(server) : NULL;

	if (!exchange)
		return NULL;
	exchange->server = server;
	exchange->connection = connection;
	exchange->mhd = mhd;
	exchange->state = HTTP_STATE_HEAD;
	exchange->suspended = exchange->waiting = exchange->closing = false;
	exchange->declared = 0;
	exchange->dropped = 0;
	exchange->begun_us = clock_mono_us();
	exchange->service_state = NULL;
	exchange->header_count = 0;
	memset(&exchange->request, 0, sizeof exchange->request);
	/* libmicrohttpd cuts the target up in place right after this call. */
	exchange->request.target = arena_copy(exchange->arena, slice_str(uri));
	hide_query(uri);
	/* Copied as well: a delivery may outlive its connection. */
	exchange->request.address =
		arena_copy(exchange->arena, slice_of(connection->address, connection->address_length));
	exchange->request.received_ms = clock_wall_at(exchange->begun_us);
	connection->exchange = exchange;
	connection->in_request = connection->spoken = true;
	connection->deadline_ms = loop_now_ms(server->loop) + server->request_timeout_ms;
	server->held += exchange->body.size;
	server->request_count++;
	if (server->stats)
		intake_count(&server->stats->requests_begun, 1);
	return exchange;
}

/* ---- answering ---- */

/* The delivery no longer waits: its connection is to be looked at. */
static void wake(struct http_exchange *exchange)
{
	struct http_server *server = exchange->server;

	if (exchange->suspended)
		MHD_resume_connection(exchange->mhd);
	else
		server->waiting--;
	exchange->suspended = false;
	http_server_moved(exchange->connection->daemon);
}

void http_answer(struct http_exchange *exchange, const struct answer *answer)
{
	struct answer closing;
	bool waited = exchange->waiting;

	if (!exchange->mhd) {
		/* The client has gone while its delivery waited; the delivery is over only now. */
		give_back(exchange);
		return;
	}
	if (exchange->state == HTTP_STATE_ANSWERED || exchange->state == HTTP_STATE_QUEUED)
		return;
	if (!answer->close && (exchange->server->draining || (exchange->declared < 0 && http_layout_closes_chunked))) {
		closing = *answer;
		closing.close = true;
		answer = &closing;
	}
	http_response_take(exchange, answer);
	exchange->state = HTTP_STATE_ANSWERED;
	exchange->waiting = false;
	if (waited)
		wake(exchange);
}

/* Gives the noted answer to libmicrohttpd. MHD_NO, and the connection is closed, when it could not be made. */
static enum MHD_Result queue(struct http_exchange *exchange)
{
	enum MHD_Result queued = MHD_NO;

	if (exchange->response)
		queued = MHD_queue_response(exchange->mhd, exchange->status, exchange->response);
	http_response_drop(exchange);
	exchange->server->more = true;
	exchange->state = HTTP_STATE_QUEUED;
	exchange->connection->deadline_ms = loop_now_ms(exchange->server->loop) + exchange->server->request_timeout_ms;
	return queued;
}

static void refuse(struct http_exchange *exchange, enum http_refusal refusal, const char *reason)
{
	const struct http_service *service = &exchange->server->service;

	service->refused(service->arg, exchange, &exchange->request, refusal, reason);
}

/* ---- the steps ---- */

/* Is there room for the whole of a body that says its length? The exchange's own buffer is counted as held already. */
static bool has_room(const struct http_exchange *exchange)
{
	uint64_t declared = exchange->declared > 0 ? (uint64_t)exchange->declared : 0;
	uint64_t more = declared > exchange->body.size ? declared - exchange->body.size : 0;

	return more == 0 || exchange->server->held + more <= exchange->server->max_buffered;
}

static enum MHD_Result head_step(struct http_exchange *exchange, const char *method, const char *version)
{
	const struct http_service *service = &exchange->server->service;
	const char *wrong = http_read_head(exchange, method, version);

	if (wrong) {
		exchange->closing = true;
		refuse(exchange, HTTP_REFUSED_FRAMING, wrong);
		return queue(exchange);
	}
	if (service->head(service->arg, exchange, &exchange->request, exchange->declared, &exchange->max_body)) {
		exchange->state = HTTP_STATE_BODY;
		if (has_room(exchange))
			return MHD_YES;
		refuse(exchange, HTTP_REFUSED_OVERLOADED, "too many bytes of bodies are held");
	}
	/* libmicrohttpd ends the connection after an answer that did not wait for the body. */
	exchange->closing = exchange->declared != 0;
	return queue(exchange);
}

/* Makes room for n more bytes of body. The first reservation trusts the declared length up to what we keep anyway. The
 * buffer doubles, but never over max_body: what is within that must not be refused for the room it does not need. */
static bool make_room(struct http_exchange *exchange, size_t n)
{
	struct http_server *server = exchange->server;
	size_t before = exchange->body.size, need = exchange->body.n + n, size = before * 2;
	size_t first = exchange->declared < BODY_KEPT ? (size_t)exchange->declared : BODY_KEPT;

	if (need <= before)
		return true;
	if (exchange->body.n == 0 && exchange->declared > (int64_t)n && size < first)
		size = first;
	if (size > exchange->max_body)
		size = (size_t)exchange->max_body;
	if (!buf_grow_to(&exchange->body, size < need ? need : size))
		return false;
	server->held += exchange->body.size - before;
	return server->held <= server->max_buffered;
}

static enum MHD_Result body_step(struct http_exchange *exchange, const char *upload, size_t *upload_size)
{
	size_t n = *upload_size;

	*upload_size = 0;
	exchange->server->more |= exchange->declared < 0 || exchange->body.n + n < (uint64_t)exchange->declared;
	if (exchange->state != HTTP_STATE_BODY) {
		/* Refused already: read on, so that the client gets to see the answer, but not for ever. */
		exchange->dropped += n;
		return exchange->dropped <= DROPPED_MAX ? MHD_YES : MHD_NO;
	}
	if (exchange->body.n + n > exchange->max_body) {
		refuse(exchange, HTTP_REFUSED_TOO_LARGE, "the body is over max_body");
		return MHD_YES;
	}
	if (!make_room(exchange, n)) {
		refuse(exchange, HTTP_REFUSED_OVERLOADED, "too many bytes of bodies are held");
		return MHD_YES;
	}
	buf_add(&exchange->body, slice_of(upload, n));
	return MHD_YES;
}

static enum MHD_Result complete_step(struct http_exchange *exchange)
{
	const struct http_service *service = &exchange->server->service;

	exchange->request.body = buf_slice(&exchange->body);
	exchange->state = HTTP_STATE_WAITING;
	exchange->connection->deadline_ms = INT64_MAX;
	service->complete(service->arg, exchange);
	if (exchange->state == HTTP_STATE_ANSWERED)
		return queue(exchange);
	exchange->waiting = true;
	if (exchange->server->waiting < WAITING_MAX) {
		exchange->server->waiting++;
		return MHD_YES;
	}
	exchange->suspended = true;
	MHD_suspend_connection(exchange->mhd);
	return MHD_YES;
}

enum MHD_Result http_exchange_step(void *arg, struct MHD_Connection *mhd, const char *url, const char *method,
				   const char *version, const char *upload, size_t *upload_size, void **state)
{
	struct http_exchange *exchange = *state;

	(void)arg;
	(void)mhd;
	(void)url;
	if (!exchange)
		return MHD_NO;
	if (exchange->state == HTTP_STATE_WAITING)
		return MHD_YES;
	if (exchange->state == HTTP_STATE_HEAD)
		return head_step(exchange, method, version);
	if (*upload_size > 0)
		return body_step(exchange, upload, upload_size);
	switch (exchange->state) {
	case HTTP_STATE_BODY:
		return complete_step(exchange);
	case HTTP_STATE_ANSWERED:
		return queue(exchange);
	case HTTP_STATE_HEAD:
	case HTTP_STATE_WAITING:
	case HTTP_STATE_QUEUED:
		break;
	}
	return MHD_YES;
}

/* Takes what has already arrived of an unwanted body off the socket: closing with unread bytes would send a reset,
 * which can overtake the answer. */
static void drop_unread(const struct http_exchange *exchange)
{
	char bytes[4096];
	size_t total = 0;
	ssize_t n;

	do {
		n = recv(exchange->connection->fd, bytes, sizeof bytes, MSG_DONTWAIT);
		total += n > 0 ? (size_t)n : 0;
	} while (n > 0 && total < DROPPED_MAX);
}

void http_exchange_end(void *arg, struct MHD_Connection *mhd, void **state, enum MHD_RequestTerminationCode code)
{
	struct http_exchange *exchange = *state;
	struct http_server *server;
	struct http_connection *connection;

	(void)arg;
	(void)mhd;
	(void)code;
	if (!exchange)
		return;
	*state = NULL;
	server = exchange->server;
	connection = exchange->connection;
	/* libmicrohttpd may have been told in this very turn that the next request is there, and reads it in the next. */
	server->more = true;
	if (exchange->state == HTTP_STATE_HEAD)
		refuse(exchange, HTTP_REFUSED_CUT_OFF, "the head is malformed, too large or cut off");
	else if (exchange->state == HTTP_STATE_BODY)
		refuse(exchange, HTTP_REFUSED_CUT_OFF,
		       "the connection ended, or the chunks are malformed, before the body was complete");
	else if (exchange->closing)
		drop_unread(exchange);
	http_response_drop(exchange);
	connection->exchange = NULL;
	connection->in_request = false;
	connection->deadline_ms = server->draining ? 0 : loop_now_ms(server->loop) + server->idle_timeout_ms;
	server->request_count--;
	if (server->stats)
		intake_count(&server->stats->requests_ended, 1);
	if (exchange->waiting) {
		/* The service still means to answer: http_answer gives the exchange back. */
		exchange->waiting = false;
		exchange->mhd = NULL;
		exchange->request.gone = true;
		if (!exchange->suspended)
			server->waiting--;
		return;
	}
	give_back(exchange);
}

/* ---- for the service ---- */

struct arena *http_exchange_arena(struct http_exchange *exchange)
{
	return exchange->arena;
}

void **http_exchange_state(struct http_exchange *exchange)
{
	return &exchange->service_state;
}

int64_t http_exchange_begun_us(const struct http_exchange *exchange)
{
	return exchange->begun_us;
}

struct request *http_exchange_request(struct http_exchange *exchange)
{
	return &exchange->request;
}
