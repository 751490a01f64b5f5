/* inside.h - what the files of this room know of each other. Not for other rooms. */
#ifndef HOOKGATE_HTTP_INSIDE_H
#define HOOKGATE_HTTP_INSIDE_H

#include "base/buf.h"
#include "http/http.h"

#include <microhttpd.h>
#include <netinet/in.h>

/* What counts as one stranger: an IPv4 address, the /64 of an IPv6 address, nothing for unix sockets. */
struct http_peer {
	unsigned char key[16];
	bool counted; /* false: a unix socket, which has no address */
};

void http_peer_of(const struct sockaddr *address, struct http_peer *peer);

/* limits.c: takes one connection's place; false when there is none left. From any thread. */
bool http_limits_take(struct http_limits *limits, const struct http_peer *peer);
void http_limits_give_back(struct http_limits *limits, const struct http_peer *peer);

struct http_daemon {
	struct http_server *server;
	struct MHD_Daemon *mhd;
	struct loop_watch watch;
	struct http_peer accepted; /* whose place was taken by the accept policy and not yet by a connection */
	bool accepted_pending;
	bool runnable; /* MHD_run has something to do */
	struct http_daemon *next;
};

struct http_connection {
	struct http_daemon *daemon;
	struct http_connection *prev, *next;
	struct http_peer peer;
	struct http_exchange *exchange; /* that has begun and not ended */
	int fd;
	int64_t deadline_ms; /* loop's clock; INT64_MAX while a delivery waits */
	bool in_request;
	bool spoken; /* a request has begun on it */
	unsigned char address_length;
	char address[INET6_ADDRSTRLEN];
};

/* The legal moves: HEAD -> BODY -> WAITING -> ANSWERED -> QUEUED; HEAD -> ANSWERED; BODY -> ANSWERED (refused: the rest
 * of the body is read and dropped). */
enum http_state { HTTP_STATE_HEAD, HTTP_STATE_BODY, HTTP_STATE_WAITING, HTTP_STATE_ANSWERED, HTTP_STATE_QUEUED };

enum { HTTP_HEADERS_MAX = 128 };

struct http_exchange {
	struct http_server *server;
	struct http_connection *connection;
	struct MHD_Connection *mhd; /* NULL: the client has gone, the delivery has not */
	struct http_exchange *next_free;
	struct arena *arena;
	struct request request;
	struct buf body;
	enum http_state state;
	bool waiting;	/* for its answer */
	bool suspended; /* and libmicrohttpd has been told so */
	bool closing;	/* answered before its body was read: the connection ends with it */
	int64_t declared;
	uint64_t max_body;
	uint64_t dropped; /* bytes read after a refusal */
	int64_t begun_us;
	void *service_state;
	struct MHD_Response *response;
	struct http_cached_answer *cached; /* whose response it is; NULL: the exchange's own */
	unsigned status;
	size_t header_count;
	struct header headers[HTTP_HEADERS_MAX];
};

enum { HTTP_CACHED_ANSWERS = 16 };

struct http_cached_answer {
	struct MHD_Response *response;
	size_t users; /* exchanges that will queue it */
	unsigned status;
	bool close;
	size_t header_count;
	struct header headers[ANSWER_HEADERS_MAX];
	struct slice body;
	struct buf bytes; /* what the slices point into */
};

struct http_server {
	struct loop *loop;
	struct http_service service;
	struct http_limits *limits;
	struct intake_stats *stats;
	struct http_daemon *daemons;
	struct http_connection *connections, *free_connections;
	struct http_exchange *free_exchanges;
	size_t free_exchange_count;
	size_t connection_count, request_count;
	uint64_t max_head, max_buffered, held;
	uint32_t max_connections;
	int64_t idle_timeout_ms, request_timeout_ms;
	size_t look_from; /* connection.c: where the next sweep looks for ended streams */
	size_t waiting;	  /* exchanges that wait without being suspended */
	bool more;	  /* what this turn did goes on in the next */
	bool draining;
	struct loop_timer retry;
	struct loop_hook hook;
	struct loop_timer sweep;
	struct loop_timer grace; /* of idle connections, once it drains */
	struct http_cached_answer cached[HTTP_CACHED_ANSWERS];
};

/* server.c */
void http_server_moved(struct http_daemon *daemon);

/* connection.c */
void http_connection_event(void *arg, struct MHD_Connection *mhd, void **context,
			   enum MHD_ConnectionNotificationCode code);
enum MHD_Result http_connection_policy(void *arg, const struct sockaddr *address, socklen_t length);
void http_connection_sweep(struct http_server *server);
void http_connection_close_idle(struct http_server *server);

/* exchange.c: libmicrohttpd's calls. */
void *http_exchange_begin(void *arg, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result http_exchange_step(void *arg, struct MHD_Connection *mhd, const char *url, const char *method,
				   const char *version, const char *upload, size_t *upload_size, void **state);
void http_exchange_end(void *arg, struct MHD_Connection *mhd, void **state, enum MHD_RequestTerminationCode code);
void http_exchange_free(struct http_exchange *exchange);

/* answer.c: gives the exchange a response for the answer, NULL when memory is short, to be dropped once it is
 * queued. */
void http_response_take(struct http_exchange *exchange, const struct answer *answer);
void http_response_drop(struct http_exchange *exchange);
void http_responses_free(struct http_server *server);

/* framing.c: fills the exchange's request from the head. NULL, or why it is refused. */
const char *http_read_head(struct http_exchange *exchange, const char *method, const char *version);

/* layout_0.9.c or layout_1.0.c, chosen by the library's version: does the head stand in libmicrohttpd's buffer the way
 * an unambiguous one does? */
bool http_layout_clean(const struct http_exchange *exchange, const char *version);

/* What we ask of libmicrohttpd's own strictness (MHD_OPTION_STRICT_FOR_CLIENT). */
extern const int http_layout_strictness;

/* Must a connection end with its first chunked request, since nobody can tell whether its chunks were framed
 * cleanly? */
extern const bool http_layout_closes_chunked;

#endif
