/* http_client.c - a small HTTP/1.1 client.
 *
 * The special difficulty: a server may refuse a request before it has taken all of it, and close; its answer must still
 * be read. So reading and writing go on side by side, and a broken pipe is only the end of writing. */
#include "cli/http_client.h"

#include "base/clock.h"
#include "cli/http_answer.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { CONNECT_MS = 5000, READ_STEP = 64 * 1024, ANSWER_MAX = 64 * 1024 * 1024 };

struct cli_http {
	struct cli_http_url url;
	int64_t timeout_ms;
	int fd;	   /* -1: not connected */
	bool used; /* an answer has come over this connection */
	struct buf in;
	struct cli_http_read read;
};

/* ---- the connection ---- */

int cli_http_new(const struct cli_http_url *url, int64_t timeout_ms, struct cli_http **out)
{
	struct cli_http *http = calloc(1, sizeof *http);

	if (!http)
		return -ENOMEM;
	http->url = *url;
	http->timeout_ms = timeout_ms;
	http->fd = -1;
	*out = http;
	return 0;
}

static void disconnect(struct cli_http *http)
{
	if (http->fd >= 0)
		close(http->fd);
	http->fd = -1;
	http->used = false;
	buf_clear(&http->in);
}

void cli_http_free(struct cli_http *http)
{
	if (!http)
		return;
	disconnect(http);
	buf_free(&http->in);
	buf_free(&http->read.joined);
	free(http);
}

/* The events that came; 0 when the time is over. */
static short wait_for(int fd, short events, int64_t end_ms)
{
	for (;;) {
		struct pollfd one = { .fd = fd, .events = events };
		int64_t left_ms = end_ms - clock_mono_ms();
		int n = poll(&one, 1, left_ms > 0 ? (int)left_ms : 0);

		if (n > 0)
			return one.revents;
		if (left_ms <= 0 || (n < 0 && errno != EINTR))
			return 0;
	}
}

static int connect_to(struct cli_http *http, const struct sockaddr *address, socklen_t length)
{
	int fault = 0;
	socklen_t size = sizeof fault;

	http->fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (http->fd < 0)
		return -errno;
	if (connect(http->fd, address, length) == 0)
		return 0;
	if (errno != EINPROGRESS)
		fault = errno;
	else if (wait_for(http->fd, POLLOUT, clock_mono_ms() + CONNECT_MS) == 0)
		fault = ETIMEDOUT;
	else if (getsockopt(http->fd, SOL_SOCKET, SO_ERROR, &fault, &size) != 0)
		fault = errno;
	if (fault != 0)
		disconnect(http);
	return -fault;
}

static int connect_to_host(struct cli_http *http, struct reason *reason)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM }, *found = NULL;
	int fault = getaddrinfo(http->url.host, http->url.port, &hints, &found);

	if (fault != 0) {
		reason_set(reason, "cannot find the host %.100s: %s", http->url.host, gai_strerror(fault));
		return -EIO;
	}
	fault = -EIO;
	for (const struct addrinfo *at = found; at && fault != 0; at = at->ai_next)
		fault = connect_to(http, at->ai_addr, at->ai_addrlen);
	freeaddrinfo(found);
	if (fault != 0)
		reason_set(reason, "cannot connect to %.200s: %s", http->url.authority, strerror(-fault));
	return fault == 0 ? 0 : -EIO;
}

static int connect_anew(struct cli_http *http, struct reason *reason)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fault;

	disconnect(http);
	if (http->url.path[0] == '\0')
		return connect_to_host(http, reason);
	memcpy(address.sun_path, http->url.path, strlen(http->url.path));
	fault = connect_to(http, (const struct sockaddr *)&address, sizeof address);
	if (fault != 0)
		reason_set(reason, "cannot connect to unix:%s: %s", http->url.path, strerror(-fault));
	return fault == 0 ? 0 : -EIO;
}

/* ---- the exchange ---- */

/* False when nothing more can be written. */
static bool write_some(struct cli_http *http, struct slice *left)
{
	ssize_t n = send(http->fd, left->p, left->n, MSG_NOSIGNAL);

	if (n > 0)
		*left = slice_from(*left, (size_t)n);
	return n >= 0 || errno == EAGAIN || errno == EINTR;
}

/* *ended when the other side will say no more. */
static int read_some(struct cli_http *http, bool *ended)
{
	ssize_t n;

	if (http->in.n > ANSWER_MAX)
		return -EMSGSIZE;
	if (!buf_room(&http->in, READ_STEP))
		return -ENOMEM;
	n = recv(http->fd, http->in.p + http->in.n, READ_STEP, 0);
	if (n > 0)
		http->in.n += (size_t)n;
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		*ended = true;
	return 0;
}

static int said(int fault, struct reason *reason, const char *text)
{
	reason_set(reason, "%s", text);
	return fault;
}

static int talk(struct cli_http *http, struct slice left, bool *silent, struct reason *reason)
{
	int64_t end_ms = clock_mono_ms() + http->timeout_ms;
	bool ended = false;

	buf_clear(&http->in);
	for (;;) {
		enum cli_http_progress progress;
		short events = wait_for(http->fd, left.n > 0 ? POLLIN | POLLOUT : POLLIN, end_ms);
		int fault;

		if (events == 0)
			return said(-EIO, reason, "no answer came in time");
		if ((events & (POLLOUT | POLLERR)) && left.n > 0 && !write_some(http, &left))
			left = SLICE_NONE;
		if (!(events & (POLLIN | POLLHUP | POLLERR)))
			continue;
		fault = read_some(http, &ended);
		if (fault == -EMSGSIZE)
			return said(-EIO, reason, "the answer is too large");
		if (fault != 0)
			return fault;
		progress = cli_http_read(buf_slice(&http->in), ended, &http->read);
		if (progress == CLI_HTTP_WHOLE)
			return 0;
		if (progress == CLI_HTTP_BROKEN)
			return said(-EIO, reason, "the answer is not HTTP/1.1");
		*silent = http->in.n == 0;
		if (ended)
			return said(-EIO, reason,
				    *silent ? "the connection was closed without an answer"
					    : "the connection was closed in the middle of the answer");
	}
}

int cli_http_exchange(struct cli_http *http, struct slice request, struct cli_http_answer *answer,
		      struct reason *reason)
{
	int fault;

	for (;;) {
		bool kept = http->fd >= 0 && http->used, silent = false;

		fault = kept ? 0 : connect_anew(http, reason);
		if (fault == 0)
			fault = talk(http, request, &silent, reason);
		if (fault == -EIO && kept && silent) {
			disconnect(http);
			continue;
		}
		break;
	}
	if (fault == -ENOMEM)
		reason_set(reason, "memory is short");
	if (fault != 0) {
		disconnect(http);
		return fault;
	}
	*answer = (struct cli_http_answer){ http->read.status, http->read.body };
	http->used = true;
	/* Bytes behind the answer are nobody's. */
	if (!http->read.keep || http->read.used != http->in.n) {
		close(http->fd);
		http->fd = -1;
		http->used = false;
	}
	return 0;
}
