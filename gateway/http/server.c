/* server.c - libmicrohttpd's daemons on our loop.
 *
 * The special difficulty: a daemon in epoll mode is driven from outside by two things: its epoll descriptor (watched
 * here), and work that it has kept for itself without any descriptor saying so: connections just resumed, bytes already
 * read, edge-triggered events not yet used up. It must be run again until MHD_get_timeout says that there is none (a
 * large body hangs otherwise: libmicrohttpd's own pull request 11, systemd issue 7130). The end-of-turn hook sees to
 * that. */
#include "http/inside.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* Turns of MHD_run per turn of the loop: enough to use up what is there, few enough that Redis is not kept waiting. */
enum { RUNS_PER_TURN = 4, RETRY_MS = 10, GRACE_MS = 250 };

void http_server_moved(struct http_daemon *daemon)
{
	daemon->runnable = true;
	/* When called from a timer or another watch, the hook still comes in this turn. */
}

static void ready(void *arg, unsigned events)
{
	struct http_daemon *daemon = arg;

	(void)events;
	daemon->runnable = true;
}

/* True when libmicrohttpd has kept work for itself. With deliveries waiting it always says so, for it would call their
 * steps again; then what this turn did tells whether the next has anything to do: send an answer that was queued, read
 * on in a body, read the next request of who has had an answer. */
static bool wants_more(const struct http_daemon *daemon)
{
	MHD_UNSIGNED_LONG_LONG timeout = 0;

	/* Time-outs are ours (connection.c), so that the only one it can have is "at once". */
	if (MHD_get_timeout(daemon->mhd, &timeout) != MHD_YES || timeout != 0)
		return false;
	return daemon->server->waiting == 0 || daemon->server->more;
}

static void run(struct http_daemon *daemon)
{
	struct http_server *server = daemon->server;

	for (int i = 0; i < RUNS_PER_TURN && daemon->runnable; i++) {
		server->more = false;
		MHD_run(daemon->mhd);
		daemon->runnable = wants_more(daemon);
	}
	if (daemon->runnable)
		loop_again(server->loop);
}

static void retry(void *arg)
{
	struct http_server *server = arg;

	for (struct http_daemon *daemon = server->daemons; daemon; daemon = daemon->next)
		daemon->runnable = true;
}

static void end_of_turn(void *arg)
{
	struct http_server *server = arg;

	for (struct http_daemon *daemon = server->daemons; daemon; daemon = daemon->next) {
		if (daemon->runnable)
			run(daemon);
	}
	/* In case a turn did something that we were not told of, such as reading half of a very large head. */
	if (server->waiting > 0 && !loop_timer_running(&server->retry))
		loop_timer_start(server->loop, &server->retry, RETRY_MS, retry, server);
}

static int64_t sweep_interval(const struct http_server *server)
{
	int64_t shortest = server->idle_timeout_ms < server->request_timeout_ms ? server->idle_timeout_ms
										: server->request_timeout_ms;

	return shortest / 8 < 20 ? 20 : shortest / 8 > 1000 ? 1000 : shortest / 8;
}

static void sweep(void *arg)
{
	struct http_server *server = arg;

	http_connection_sweep(server);
	if (server->stats)
		atomic_store_explicit(&server->stats->body_bytes_held, server->held, memory_order_relaxed);
	loop_timer_start(server->loop, &server->sweep, sweep_interval(server), sweep, server);
}

int http_server_new(const struct http_setup *setup, struct http_server **out)
{
	struct http_server *server = calloc(1, sizeof *server);
	int r;

	if (!server)
		return -ENOMEM;
	server->loop = setup->loop;
	server->limits = setup->limits;
	server->stats = setup->stats;
	server->max_head = setup->max_head;
	server->max_buffered = setup->max_buffered;
	server->max_connections = setup->max_connections;
	server->idle_timeout_ms = setup->idle_timeout_ms;
	server->request_timeout_ms = setup->request_timeout_ms;
	loop_hook_add(server->loop, &server->hook, end_of_turn, server);
	r = loop_timer_start(server->loop, &server->sweep, sweep_interval(server), sweep, server);
	if (r < 0) {
		free(server);
		return r;
	}
	*out = server;
	return 0;
}

void http_server_serve(struct http_server *server, const struct http_service *service)
{
	server->service = *service;
}

/* libmicrohttpd would percent-decode paths and parameters in place; we want every byte as it came. */
static size_t keep_escapes(void *arg, struct MHD_Connection *mhd, char *text)
{
	(void)arg;
	(void)mhd;
	return strlen(text);
}

static void keep_quiet(void *arg, const char *format, va_list arguments)
{
	(void)arg;
	(void)format;
	(void)arguments;
}

/* What libmicrohttpd keeps beside the head for each connection: a record per header and the start of the answer. Its
 * memory is cleared at every request, so a generous size costs each delivery (gateway/README.md, What we know of our
 * parts). A head of max_head bytes fits unless it is made of very many tiny headers; then it gets libmicrohttpd's own
 * 431. */
static size_t pool_size(uint64_t max_head)
{
	return (size_t)(max_head + max_head / 8 + 1024);
}

static struct MHD_Daemon *start(struct http_daemon *daemon, int fd)
{
	struct http_server *server = daemon->server;
	const unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;

	return MHD_start_daemon(flags, 0, http_connection_policy, daemon, http_exchange_step, daemon,
				MHD_OPTION_EXTERNAL_LOGGER, keep_quiet, NULL, MHD_OPTION_LISTEN_SOCKET, (MHD_socket)fd,
				MHD_OPTION_STRICT_FOR_CLIENT, http_layout_strictness, MHD_OPTION_CONNECTION_LIMIT,
				server->max_connections + 64u, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
				pool_size(server->max_head), MHD_OPTION_CONNECTION_TIMEOUT, 0u,
				MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_URI_LOG_CALLBACK,
				http_exchange_begin, daemon, MHD_OPTION_NOTIFY_COMPLETED, http_exchange_end, daemon,
				MHD_OPTION_NOTIFY_CONNECTION, http_connection_event, daemon, MHD_OPTION_END);
}

int http_server_add(struct http_server *server, int fd, struct reason *reason)
{
	struct http_daemon *daemon = calloc(1, sizeof *daemon);
	const union MHD_DaemonInfo *info;
	int r = -ENOMEM;

	if (!daemon)
		goto fail;
	daemon->server = server;
	daemon->mhd = start(daemon, fd);
	if (!daemon->mhd) {
		reason_set(reason, "libmicrohttpd could not be started on a listening socket");
		r = -EIO;
		goto fail;
	}
	fd = -1;
	info = MHD_get_daemon_info(daemon->mhd, MHD_DAEMON_INFO_EPOLL_FD);
	r = info ? loop_watch(server->loop, &daemon->watch, info->epoll_fd, LOOP_READ, ready, daemon) : -EIO;
	if (r < 0) {
		reason_set(reason, "a listening socket could not be watched");
		goto fail;
	}
	daemon->next = server->daemons;
	server->daemons = daemon;
	return 0;
fail:
	if (daemon && daemon->mhd)
		MHD_stop_daemon(daemon->mhd);
	free(daemon);
	if (fd >= 0)
		close(fd);
	return r;
}

void http_server_change(struct http_server *server, int64_t idle_timeout_ms, int64_t request_timeout_ms,
			uint64_t max_buffered)
{
	server->idle_timeout_ms = idle_timeout_ms;
	server->request_timeout_ms = request_timeout_ms;
	server->max_buffered = max_buffered;
}

static void grace_is_over(void *arg)
{
	http_connection_close_idle(arg);
}

void http_server_drain(struct http_server *server)
{
	if (server->draining)
		return;
	server->draining = true;
	for (struct http_daemon *daemon = server->daemons; daemon; daemon = daemon->next) {
		MHD_socket fd = MHD_quiesce_daemon(daemon->mhd);

		if (fd != MHD_INVALID_SOCKET)
			close(fd);
	}
	/* Without memory for the timer they are closed at once. */
	if (loop_timer_start(server->loop, &server->grace, GRACE_MS, grace_is_over, server) < 0)
		http_connection_close_idle(server);
}

size_t http_server_connections(const struct http_server *server)
{
	return server->connection_count;
}

size_t http_server_requests(const struct http_server *server)
{
	return server->request_count;
}

void http_server_free(struct http_server *server)
{
	if (!server)
		return;
	for (struct http_daemon *daemon = server->daemons; daemon; daemon = daemon->next) {
		/* The last answers are queued in one run and sent in the next; and resumed connections must have been
		 * taken note of, or stopping waits for them. */
		for (int i = 0; i < RUNS_PER_TURN; i++)
			MHD_run(daemon->mhd);
		loop_unwatch(&daemon->watch);
		MHD_stop_daemon(daemon->mhd);
		if (daemon->accepted_pending)
			http_limits_give_back(server->limits, &daemon->accepted);
	}
	loop_timer_stop(&server->sweep);
	loop_timer_stop(&server->grace);
	loop_timer_stop(&server->retry);
	while (server->daemons) {
		struct http_daemon *daemon = server->daemons;

		server->daemons = daemon->next;
		free(daemon);
	}
	while (server->free_connections) {
		struct http_connection *connection = server->free_connections;

		server->free_connections = connection->next;
		free(connection);
	}
	while (server->free_exchanges) {
		struct http_exchange *exchange = server->free_exchanges;

		server->free_exchanges = exchange->next_free;
		http_exchange_free(exchange);
	}
	http_responses_free(server);
	free(server);
}
