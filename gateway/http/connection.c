/* connection.c - connections: their place in the limits, their address, and the deadline of each.
 *
 * The special difficulty: a slow stranger. libmicrohttpd's own time-out starts again with every byte, so a client that
 * sends one byte a second stays for ever. Here a connection has one deadline at a time that bytes do not move: the
 * request time-out for a first request line, between requests the idle time-out (a later request line that drips in
 * counts as idle), from each request line on the request time-out, none while the delivery waits for Redis (the
 * acknowledge deadline bounds that), and the request time-out again for taking the answer. A sweep shuts down what is
 * overdue; libmicrohttpd then sees the end and closes. */
#include "http/inside.h"

#include <arpa/inet.h>
#include <linux/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { LOOKS_PER_SWEEP = 256 };

static void format_address(struct http_connection *connection, const struct sockaddr *address)
{
	const char *text = NULL;

	if (address && address->sa_family == AF_INET)
		text = inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)address)->sin_addr,
				 connection->address, sizeof connection->address);
	else if (address && address->sa_family == AF_INET6) {
		const struct in6_addr *ip = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;

		text = IN6_IS_ADDR_V4MAPPED(ip)
			       ? inet_ntop(AF_INET, ip->s6_addr + 12, connection->address, sizeof connection->address)
			       : inet_ntop(AF_INET6, ip, connection->address, sizeof connection->address);
	}
	if (!text)
		memcpy(connection->address, "unix", 5);
	connection->address_length = (unsigned char)strlen(connection->address);
}

static struct http_connection *take_free(struct http_server *server)
{
	struct http_connection *connection = server->free_connections;

	if (connection)
		server->free_connections = connection->next;
	else
		connection = malloc(sizeof *connection);
	return connection;
}

static void opened(struct http_daemon *daemon, struct MHD_Connection *mhd, void **context)
{
	struct http_server *server = daemon->server;
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *address = info ? info->client_addr : NULL;
	struct http_connection *connection = take_free(server);

	if (!connection)
		return;
	memset(connection, 0, sizeof *connection);
	connection->daemon = daemon;
	if (daemon->accepted_pending)
		connection->peer = daemon->accepted;
	daemon->accepted_pending = false;
	format_address(connection, address);
	info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	connection->fd = info ? info->connect_fd : -1;
	connection->deadline_ms = loop_now_ms(server->loop) + (server->idle_timeout_ms < server->request_timeout_ms
								       ? server->idle_timeout_ms
								       : server->request_timeout_ms);
	connection->next = server->connections;
	if (connection->next)
		connection->next->prev = connection;
	server->connections = connection;
	server->connection_count++;
	if (server->stats)
		intake_count(&server->stats->connections_opened, 1);
	*context = connection;
}

static void closed(struct http_connection *connection)
{
	struct http_server *server = connection->daemon->server;

	http_limits_give_back(server->limits, &connection->peer);
	if (connection->prev)
		connection->prev->next = connection->next;
	else
		server->connections = connection->next;
	if (connection->next)
		connection->next->prev = connection->prev;
	server->connection_count--;
	if (server->stats)
		intake_count(&server->stats->connections_closed, 1);
	connection->next = server->free_connections;
	server->free_connections = connection;
}

/* Has the client sent more than the end of its stream, which the kernel counts as a byte? Of a unix socket nobody can tell. */
static bool has_sent(const struct http_connection *connection)
{
	struct tcp_info info;
	socklen_t length = sizeof info;

	memset(&info, 0, sizeof info);
	return getsockopt(connection->fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 && info.tcpi_bytes_received > 1;
}

void http_connection_event(void *arg, struct MHD_Connection *mhd, void **context,
			   enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		opened(arg, mhd, context);
	} else if (*context) {
		struct http_connection *connection = *context;
		void *exchange = connection->exchange;

		/* A request line that libmicrohttpd cannot take begins nothing: it answers with a page of its own, or
		 * closes. It is a request all the same, and to be counted. */
		if (!connection->spoken && has_sent(connection))
			exchange = http_exchange_begin(connection->daemon, "", mhd);
		/* libmicrohttpd forgets to say that a request is over where one error follows another. */
		if (exchange)
			http_exchange_end(NULL, mhd, &exchange, MHD_REQUEST_TERMINATED_WITH_ERROR);
		closed(connection);
		*context = NULL;
	}
}

/* Called before libmicrohttpd makes a connection of the socket; should it then fail to, the place taken here is given
 * back at the next call. */
enum MHD_Result http_connection_policy(void *arg, const struct sockaddr *address, socklen_t length)
{
	struct http_daemon *daemon = arg;
	struct http_server *server = daemon->server;

	if (daemon->accepted_pending)
		http_limits_give_back(server->limits, &daemon->accepted);
	daemon->accepted_pending = false;
	http_peer_of(length > sizeof(sa_family_t) ? address : NULL, &daemon->accepted);
	if (!http_limits_take(server->limits, &daemon->accepted)) {
		if (server->stats)
			intake_count(&server->stats->connections_refused, 1);
		return MHD_NO;
	}
	daemon->accepted_pending = true;
	return MHD_YES;
}

/* libmicrohttpd uses edge-triggered events and takes a short read for the end of what there is: an end of the stream
 * that came together with the last bytes is never seen. So a few connections are looked at in each sweep, in turn. */
static bool is_over(const struct http_connection *connection)
{
	char byte;

	return recv(connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

void http_connection_sweep(struct http_server *server)
{
	int64_t now = loop_now_ms(server->loop);
	size_t place = 0, from = server->look_from;

	for (struct http_connection *connection = server->connections; connection; connection = connection->next) {
		bool look = place >= from && place < from + LOOKS_PER_SWEEP;

		place++;
		if (connection->deadline_ms == INT64_MAX)
			continue;
		if (connection->deadline_ms <= now || (look && is_over(connection))) {
			connection->deadline_ms = INT64_MAX;
			shutdown(connection->fd, SHUT_RDWR);
		}
	}
	server->look_from = from + LOOKS_PER_SWEEP < place ? from + LOOKS_PER_SWEEP : 0;
}

void http_connection_close_idle(struct http_server *server)
{
	for (struct http_connection *connection = server->connections; connection; connection = connection->next) {
		if (!connection->in_request) {
			connection->deadline_ms = INT64_MAX;
			shutdown(connection->fd, SHUT_RDWR);
		}
	}
}
