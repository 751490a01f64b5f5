/* client.c - a blocking connection to Redis for commands.
 *
 * Its difficulty is to block for no longer than it was told, whatever Redis does, and to be woken by another thread at
 * any moment: so the socket itself never blocks, and each wait is a poll() of it and of a descriptor that stands for
 * the interruption. */
#include "base/clock.h"
#include "base/num.h"
#include "store/client_inner.h"
#include "store/command.h"
#include "store/link.h"
#include "store/place.h"
#include "store/secure.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_MAX = 16 * 1024 };

int store_client_new(const struct config_redis *redis, const char *socket, int64_t timeout_ms,
		     struct store_client **out)
{
	struct store_client *client = calloc(1, sizeof *client);
	if (!client)
		return -ENOMEM;
	*client = (struct store_client){ .redis = redis, .socket = socket, .timeout_ms = timeout_ms, .fd = -1 };
	client->interrupt = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (client->interrupt < 0 ||
	    (redis->kind == CONFIG_REDIS_CLUSTER && store_nodes_new(client, redis, timeout_ms, &client->nodes) != 0)) {
		store_client_free(client);
		return -ENOMEM;
	}
	*out = client;
	return 0;
}

int store_client_child(struct store_client *front, const struct config_redis *redis, int64_t timeout_ms,
		       struct store_client **out)
{
	struct store_client *client = calloc(1, sizeof *client);
	if (!client)
		return -ENOMEM;
	*client = (struct store_client){ .redis = redis, .timeout_ms = timeout_ms, .fd = -1 };
	client->front = front;
	client->interrupt = front->interrupt;
	*out = client;
	return 0;
}

void store_client_close(struct store_client *client)
{
	tls_session_free(client->tls);
	client->tls = NULL;
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
	if (client->reader)
		redisReaderFree(client->reader);
	client->reader = NULL;
	buf_wipe(&client->out);
}

void store_client_free(struct store_client *client)
{
	if (!client)
		return;
	store_client_close(client);
	store_nodes_free(client->nodes);
	if (!client->front && client->interrupt >= 0)
		close(client->interrupt);
	free(client);
}

void store_client_interrupt(struct store_client *client)
{
	/* Fails only when it has been interrupted 2^64 times already. */
	if (write(client->interrupt, &(uint64_t){ 1 }, sizeof(uint64_t)) < 0)
		return;
}

/* ---- waiting ---- */

static int fault_of(struct reason *reason, const char *what, int fault)
{
	reason_set(reason, "%s: %s", what, strerror(fault));
	return -EIO;
}

/* Until the socket is ready for `events`. 0, -EINTR or -EIO. */
static int wait_for(struct store_client *client, short events, int64_t end_ms, struct reason *reason)
{
	struct pollfd fds[2] = { { client->fd, events, 0 }, { client->interrupt, POLLIN, 0 } };
	for (;;) {
		int64_t left_ms = end_ms - clock_mono_ms();
		int n = poll(fds, 2, left_ms < 0 ? 0 : left_ms > INT32_MAX ? INT32_MAX : (int)left_ms);
		if (n < 0 && errno != EINTR)
			return fault_of(reason, "cannot wait for Redis", errno);
		if (n > 0 && fds[1].revents != 0) {
			uint64_t count;
			reason_set(reason, "interrupted");
			return read(client->interrupt, &count, sizeof count) < 0 ? -EIO : -EINTR;
		}
		if (n > 0)
			return 0;
		if (clock_mono_ms() >= end_ms) {
			reason_set(reason, "Redis did not answer in time");
			return -EIO;
		}
	}
}

int store_client_pause(struct store_client *client, int64_t ms, struct reason *reason)
{
	struct reason late;
	int fault = wait_for(client, 0, clock_mono_ms() + ms, &late);
	if (fault == -EINTR)
		*reason = late;
	return fault == -EINTR ? fault : 0;
}

/* ---- talking ---- */

/* Waits for what TLS awaits; the call is to be made again then. */
static int await_tls(struct store_client *client, enum tls_end end, int64_t end_ms, const char *why,
		     struct reason *reason)
{
	if (end == TLS_AWAITS_READ || end == TLS_AWAITS_WRITE)
		return wait_for(client, end == TLS_AWAITS_READ ? POLLIN : POLLOUT, end_ms, reason);
	reason_set(reason, "%s", end == TLS_CLOSED ? "Redis closed the connection" : why);
	return -EIO;
}

static int send_some_tls(struct store_client *client, struct slice *left, int64_t end_ms, struct reason *reason)
{
	struct reason why = { "" };
	size_t n = 0;
	enum tls_end end = tls_write(client->tls, *left, &n, &why);
	if (end != TLS_DONE)
		return await_tls(client, end, end_ms, why.text, reason);
	*left = slice_from(*left, n);
	return 0;
}

static int send_some(struct store_client *client, struct slice *left, int64_t end_ms, struct reason *reason)
{
	int fault = wait_for(client, POLLOUT, end_ms, reason);
	if (fault != 0)
		return fault;
	ssize_t n = send(client->fd, left->p, left->n, MSG_NOSIGNAL);
	if (n >= 0)
		*left = slice_from(*left, (size_t)n);
	else if (errno != EAGAIN && errno != EINTR)
		return fault_of(reason, "cannot write to Redis", errno);
	return 0;
}

static int send_all(struct store_client *client, int64_t end_ms, struct reason *reason)
{
	struct slice left = buf_slice(&client->out);
	int fault = 0;
	while (left.n > 0 && fault == 0)
		fault = client->tls ? send_some_tls(client, &left, end_ms, reason)
				    : send_some(client, &left, end_ms, reason);
	return fault;
}

/* Waits for what comes, and gives it to the parser. */
static int receive(struct store_client *client, int64_t end_ms, struct reason *reason)
{
	char bytes[READ_MAX];
	int fault = wait_for(client, POLLIN, end_ms, reason);
	if (fault != 0)
		return fault;
	ssize_t n = recv(client->fd, bytes, sizeof bytes, 0);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : fault_of(reason, "cannot read from Redis", errno);
	if (n == 0) {
		reason_set(reason, "Redis closed the connection");
		return -EIO;
	}
	return redisReaderFeed(client->reader, bytes, (size_t)n) == REDIS_OK ? 0 : -ENOMEM;
}

static int receive_tls(struct store_client *client, int64_t end_ms, struct reason *reason)
{
	char bytes[READ_MAX];
	struct reason why = { "" };
	size_t n = 0;
	enum tls_end end = tls_read(client->tls, bytes, sizeof bytes, &n, &why);
	if (end != TLS_DONE)
		return await_tls(client, end, end_ms, why.text, reason);
	return redisReaderFeed(client->reader, bytes, n) == REDIS_OK ? 0 : -ENOMEM;
}

static int read_reply(struct store_client *client, int64_t end_ms, redisReply **out, struct reason *reason)
{
	for (;;) {
		void *reply = NULL;
		if (redisReaderGetReply(client->reader, &reply) != REDIS_OK) {
			reason_set(reason, "Redis answered what is not its protocol");
			return -EIO;
		}
		if (reply) {
			*out = reply;
			return 0;
		}
		int fault = client->tls ? receive_tls(client, end_ms, reason) : receive(client, end_ms, reason);
		if (fault != 0)
			return fault;
	}
}

int store_client_exchange(struct store_client *client, const struct slice *words, size_t count, int64_t end_ms,
			  redisReply **reply, struct reason *reason)
{
	size_t room = 32;
	for (size_t i = 0; i < count; i++)
		room += words[i].n + 32;
	buf_clear(&client->out);
	if (buf_room(&client->out, room))
		store_command_add_words(&client->out, words, count);
	if (buf_failed(&client->out))
		return -ENOMEM;
	int fault = send_all(client, end_ms, reason);
	return fault != 0 ? fault : read_reply(client, end_ms, reply, reason);
}

/* ---- connecting ---- */

static int connect_to(struct store_client *client, const struct sockaddr *address, socklen_t length, int64_t end_ms,
		      struct reason *reason)
{
	int fault = 0;
	socklen_t size = sizeof fault;
	client->fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (client->fd < 0)
		return fault_of(reason, "cannot connect", errno);
	store_place_options(client->fd, address->sa_family);
	if (connect(client->fd, address, length) != 0) {
		if (errno != EINPROGRESS)
			return fault_of(reason, "cannot connect", errno);
		fault = wait_for(client, POLLOUT, end_ms, reason);
		if (fault != 0)
			return fault;
	}
	if (getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &fault, &size) != 0)
		fault = errno;
	if (fault != 0)
		return fault_of(reason, "cannot connect", fault);
	client->reader = redisReaderCreate();
	return client->reader ? 0 : -ENOMEM;
}

static int shake(struct store_client *client, const char *host, int64_t end_ms, struct reason *reason)
{
	struct reason why = { "" };
	int fault = store_secure_session(&client->redis->tls, client->fd, host, &client->tls, reason);
	while (fault == 0) {
		enum tls_end end = tls_shake(client->tls, &why);
		if (end == TLS_DONE)
			return 0;
		fault = await_tls(client, end, end_ms, why.text, reason);
		if (fault == -EIO && clock_mono_ms() >= end_ms)
			reason_set(reason, "%s", STORE_SECURE_LATE);
	}
	return fault == -EINVAL ? -EIO : fault;
}

int store_client_open(struct store_client *client, const char *host, uint16_t port, int64_t end_ms,
		      struct reason *reason)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM }, *addresses = NULL;
	char service[8];
	snprintf(service, sizeof service, "%u", (unsigned)port);
	int fault = getaddrinfo(host, service, &hints, &addresses);
	if (fault != 0) {
		reason_set(reason, "cannot find the host %s: %s", host, gai_strerror(fault));
		return -EIO;
	}
	fault = -EIO;
	for (const struct addrinfo *at = addresses; at && fault == -EIO; at = at->ai_next) {
		store_client_close(client);
		fault = connect_to(client, at->ai_addr, at->ai_addrlen, end_ms, reason);
		if (fault == 0 && client->redis->tls.on)
			fault = shake(client, host, end_ms, reason);
	}
	freeaddrinfo(addresses);
	return fault;
}

static int greet_with(struct store_client *client, const struct slice *words, size_t count, int64_t end_ms,
		      struct reason *reason)
{
	redisReply *reply = NULL;
	int fault = store_client_exchange(client, words, count, end_ms, &reply, reason);
	if (fault != 0)
		return fault;
	if (reply->type == REDIS_REPLY_ERROR) {
		reason_set(reason, "Redis refused %.*s: %.160s", SLICE_ARGS(words[0]), reply->str);
		fault = -EIO;
	}
	freeReplyObject(reply);
	return fault;
}

int store_client_login(struct store_client *client, struct slice user, struct slice password, int64_t end_ms,
		       struct reason *reason)
{
	const struct slice login[] = { SLICE("AUTH"), user, password };
	const struct slice login_alone[] = { SLICE("AUTH"), password };
	int fault = 0;
	if (user.n > 0)
		fault = greet_with(client, login, 3, end_ms, reason);
	else if (password.n > 0)
		fault = greet_with(client, login_alone, 2, end_ms, reason);
	/* The password is not left lying about. */
	buf_wipe(&client->out);
	return fault;
}

int store_client_greet(struct store_client *client, int64_t end_ms, struct reason *reason)
{
	const struct config_redis *redis = client->redis;
	char digits[20];
	int fault = store_client_login(client, redis->username, redis->password, end_ms, reason);
	if (fault == 0 && redis->database != 0) {
		struct slice number = slice_of(digits, num_format_u64(redis->database, digits));
		fault = greet_with(client, (struct slice[]){ SLICE("SELECT"), number }, 2, end_ms, reason);
	}
	return fault;
}

static int connect_anew(struct store_client *client, struct reason *reason)
{
	const struct config_redis *redis = client->redis;
	int64_t end_ms = clock_mono_ms() + client->timeout_ms;
	struct sockaddr_un address;
	bool is_unix = false;
	int fault = store_place_socket(redis, client->socket, &address, &is_unix, reason);
	if (fault == 0 && is_unix)
		fault = connect_to(client, (const struct sockaddr *)&address, sizeof address, end_ms, reason);
	else if (fault == 0 && redis->kind == CONFIG_REDIS_SENTINEL)
		fault = store_client_seek(client, end_ms, reason);
	else if (fault == 0)
		fault = store_client_open(client, redis->host, redis->port, end_ms, reason);
	if (fault == 0 && (is_unix || redis->kind != CONFIG_REDIS_SENTINEL))
		fault = store_client_greet(client, end_ms, reason);
	client->connects += fault == 0;
	return fault;
}

uint64_t store_client_connects(const struct store_client *client)
{
	return client->nodes ? store_nodes_connects(client->nodes) : client->connects;
}

int store_client_call(struct store_client *client, const struct slice *words, size_t count, int64_t extra_ms,
		      struct store_reply **reply, struct reason *reason)
{
	redisReply *answer = NULL;
	if (client->nodes)
		return store_nodes_call(client->nodes, words, count, extra_ms, reply, reason);
	int fault = client->fd >= 0 ? 0 : connect_anew(client, reason);
	if (fault == 0) {
		int64_t now_ms = clock_mono_ms(), wait_ms = client->timeout_ms;
		wait_ms = extra_ms > INT64_MAX - now_ms - wait_ms ? INT64_MAX - now_ms : wait_ms + extra_ms;
		fault = store_client_exchange(client, words, count, now_ms + wait_ms, &answer, reason);
	}
	if (fault == -ENOMEM)
		reason_set(reason, "memory is short");
	/* A master that the Sentinels have made a replica: the next call asks them anew. */
	bool left = fault == 0 && client->redis->kind == CONFIG_REDIS_SENTINEL && answer->type == REDIS_REPLY_ERROR &&
		    slice_starts(slice_of(answer->str, answer->len), SLICE("READONLY"));
	if (fault != 0 || left)
		store_client_close(client);
	if (fault == 0)
		*reply = (struct store_reply *)answer;
	return fault;
}

int store_client_ask(struct store_client *client, const struct slice *words, size_t count, int64_t extra_ms,
		     struct store_reply **reply, struct reason *reason)
{
	int fault = store_client_call(client, words, count, extra_ms, reply, reason);
	if (fault != 0 || store_reply_type(*reply) != STORE_REPLY_ERROR)
		return fault;
	struct slice text = store_reply_text(*reply);
	reason_set(reason, "Redis answers %.*s: %.*s", SLICE_ARGS(words[0]), SLICE_ARGS(slice_head(text, 160)));
	fault = store_scripted_is_final(text) && !store_waited_at_replica(text) ? -EPROTO : -EBUSY;
	store_reply_free(*reply);
	*reply = NULL;
	return fault;
}
