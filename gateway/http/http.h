/* http.h - HTTP/1.1 listeners on a loop: requests in, answers out. The only room that names libmicrohttpd.
 *
 * A server is one thread's: its listening sockets, its libmicrohttpd daemons driven from the loop, its connections.
 * What is done with a request is a service's business: the intake for public listeners, the admin pages for the
 * operators'. A request may wait for its answer; it is handed over later, in the same thread.
 *
 * What is refused here, before a service sees it: ambiguous framing and unreadable heads (400), a head over max_head
 * (400 or 431), slow and idle connections (closed), connections over the limits (closed). */
#ifndef HOOKGATE_HTTP_HTTP_H
#define HOOKGATE_HTTP_HTTP_H

#include "base/arena.h"
#include "base/loop.h"
#include "base/message.h"
#include "base/reason.h"
#include "config/config.h"
#include "intake/series.h"
#include "intake/worker.h"

/* ---- listening sockets ---- */

/* A bound, listening, non-blocking socket for the address: TCP with SO_REUSEPORT, so that every worker has its own; a
 * unix socket (a stale one is replaced, mode 0777 less the umask) is made once and shared by dup. 0 and *fd, or -errno
 * with the reason. */
int http_listen(const struct config_address *address, int *fd, struct reason *reason)
	__attribute__((warn_unused_result));

/* "127.0.0.1:8080", "[::1]:8080", "unix:/path": where the socket really listens (a port of 0 resolved). */
void http_listen_text(int fd, char *out, size_t size);

/* The port of a TCP socket; 0 for a unix socket. */
uint16_t http_listen_port(int fd);

/* For sockets that were handed over: is it a listening stream socket? And is it the one of the address: the same path;
 * the same port (0 is any) and IP, where [::] that takes IPv4 as well is also 0.0.0.0? */
bool http_is_listening(int fd);
bool http_listens_on(int fd, const struct config_address *address);

/* ---- limits shared by all servers of a process ---- */

struct http_limits;

/* Counts connections in all and per address (IPv6: per /64). */
int http_limits_new(uint32_t max_connections, uint32_t per_address, struct http_limits **out)
	__attribute__((warn_unused_result));
void http_limits_change(struct http_limits *limits, uint32_t max_connections, uint32_t per_address);
void http_limits_free(struct http_limits *limits);

/* ---- what is done with requests ---- */

struct http_exchange;

enum http_refusal {
	HTTP_REFUSED_FRAMING,	 /* ambiguous or malformed: 400, then the connection is closed */
	HTTP_REFUSED_TOO_LARGE,	 /* a chunked body over the limit: 413, then closed */
	HTTP_REFUSED_OVERLOADED, /* too many bytes of bodies are held: 503, then closed */
	HTTP_REFUSED_CUT_OFF	 /* the client ended in the middle of the body: nobody is left to be answered */
};

struct http_service {
	void *arg;
	/* The head is there, the body is not. True: read the body, at most *max_body bytes, then call `complete`.
	 * False: it was answered (http_answer), the body is not wanted. `declared` is the Content-Length, -1 when
	 * chunked. `request` stays until `ended`. */
	bool (*head)(void *arg, struct http_exchange *exchange, struct request *request, int64_t declared,
		     uint64_t *max_body);
	/* The body is there. Must lead to one http_answer, now or later. */
	void (*complete)(void *arg, struct http_exchange *exchange);
	/* Refused here; must answer at once with http_answer, except for HTTP_REFUSED_CUT_OFF. `head` may not have been
	 * called. */
	void (*refused)(void *arg, struct http_exchange *exchange, struct request *request, enum http_refusal refusal,
			const char *reason);
};

/* For the service's use: memory that lives as long as the exchange, a word of its own, and when the request began. */
struct arena *http_exchange_arena(struct http_exchange *exchange);
void **http_exchange_state(struct http_exchange *exchange);
int64_t http_exchange_begun_us(const struct http_exchange *exchange);
struct request *http_exchange_request(struct http_exchange *exchange);

/* Hands the answer over, once per exchange; everything is copied. From the server's thread. */
void http_answer(struct http_exchange *exchange, const struct answer *answer);

/* ---- the server ---- */

struct http_server;

struct http_setup {
	struct loop *loop;
	struct http_limits *limits; /* NULL: none */
	struct intake_stats *stats; /* NULL: not counted */
	uint64_t max_head;
	uint64_t max_buffered;	  /* this server's share */
	uint32_t max_connections; /* a bound for libmicrohttpd's own table */
	int64_t idle_timeout_ms, request_timeout_ms;
};

/* Adds the server's end-of-turn hook to the loop: make the server before what must run behind it (the link to Redis,
 * whose writes should carry what the last requests of the turn put). */
int http_server_new(const struct http_setup *setup, struct http_server **out) __attribute__((warn_unused_result));

/* What is done with requests; before the first listening socket is added. */
void http_server_serve(struct http_server *server, const struct http_service *service);

/* Serves a listening socket from now on; the descriptor is consumed, also on failure. */
int http_server_add(struct http_server *server, int fd, struct reason *reason) __attribute__((warn_unused_result));

/* For reload; connections that exist keep their head limit. */
void http_server_change(struct http_server *server, int64_t idle_timeout_ms, int64_t request_timeout_ms,
			uint64_t max_buffered);

/* Stops accepting; answers from now on end their connection. Idle connections are closed a quarter of a second later: a
 * client that was about to send its next request on one still gets its answer. */
void http_server_drain(struct http_server *server);

/* Connections still open; requests not yet answered. */
size_t http_server_connections(const struct http_server *server);
size_t http_server_requests(const struct http_server *server);

/* Every exchange must have been answered. Accepts NULL. */
void http_server_free(struct http_server *server);

/* ---- the public service ---- */

/* Deliveries to a worker's intake. */
struct http_service http_deliveries(struct intake_worker *worker);

#endif
