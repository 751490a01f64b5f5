/* wire.c - one connection to Redis on an event loop.
 *
 * Of hiredis it uses the parser of replies alone, and that only for what inplace.c cannot read. hiredis' own asynchronous
 * context would copy each command twice, allocate for each, call back in the middle of being freed, and raise SIGPIPE; here
 * what goes out is gathered from where the commands were written. The one difficulty left: a reply's callback may close the
 * connection whose replies are being read. */
#include "store/wire.h"

#include "store/place.h"
#include "store/secure.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECES_MAX = 1024 /* IOV_MAX */, READ_MAX = 16 * 1024, RECORD_MAX = 16 * 1024 };

static void fail(struct store_wire *wire, const char *what, int fault)
{
	char why[160];
	snprintf(why, sizeof why, "%s%s%s", what, fault != 0 ? ": " : "", fault != 0 ? strerror(fault) : "");
	wire->calls->broken(wire->arg, why);
}

static void shake(struct store_wire *wire)
{
	struct reason reason = { "" };
	enum tls_end end = tls_shake(wire->tls, &reason);
	if (end == TLS_FAILED) {
		fail(wire, reason.text, 0);
		return;
	}
	loop_watch_change(&wire->watch, end == TLS_AWAITS_WRITE ? LOOP_WRITE : LOOP_READ);
	if (end != TLS_DONE)
		return;
	wire->shaking = false;
	wire->connected = true;
	wire->calls->opened(wire->arg);
}

static void finish_connect(struct store_wire *wire)
{
	int fault = 0;
	socklen_t length = sizeof fault;
	if (getsockopt(wire->fd, SOL_SOCKET, SO_ERROR, &fault, &length) != 0)
		fault = errno;
	if (fault != 0) {
		fail(wire, "cannot connect", fault);
		return;
	}
	if (wire->tls) {
		wire->shaking = true;
		shake(wire);
		return;
	}
	wire->connected = true;
	loop_watch_change(&wire->watch, LOOP_READ);
	wire->calls->opened(wire->arg);
}

/* Hands out the replies that lie whole in the buffer; how many bytes they were. */
static size_t take_whole(struct store_wire *wire, char *bytes, size_t n)
{
	size_t taken = 0;
	while (taken < n && wire->open) {
		size_t length = store_inplace_read(&wire->inplace, bytes + taken, n - taken);
		if (length == 0)
			break;
		taken += length;
		wire->calls->reply(wire->arg, &wire->inplace.reply);
	}
	return taken;
}

/* Hands out what the parser has complete. It is amid a reply until one has ended with the last byte that it was given. */
static void take_parsed(struct store_wire *wire, redisReader *reader)
{
	wire->amid = true;
	while (wire->open && wire->amid) {
		void *reply = NULL;
		if (redisReaderGetReply(reader, &reply) != REDIS_OK) {
			fail(wire, "Redis answered what is not its protocol", 0);
			return;
		}
		if (!reply)
			return;
		wire->amid = reader->pos < reader->len;
		wire->calls->reply(wire->arg, reply);
		freeReplyObject(reply);
	}
}

static void take_replies(struct store_wire *wire, redisReader *reader, char *bytes, size_t n)
{
	size_t taken = wire->amid ? 0 : take_whole(wire, bytes, n);
	if (!wire->open || taken == n)
		return;
	if (redisReaderFeed(reader, bytes + taken, n - taken) == REDIS_OK)
		take_parsed(wire, reader);
	else
		fail(wire, "cannot read", ENOMEM);
}

/* Redis reads a batch in pieces of 16 KB, and writes what it has to say of each. Nobody can do anything with the first of
 * these replies before the last has come, so there is no need to be woken for each of them. */
static void await(struct store_wire *wire, size_t least)
{
	int bytes = least > 1 && least <= READ_MAX ? (int)least : 1;
	if (!wire->patient || wire->least == (size_t)bytes)
		return;
	if (setsockopt(wire->fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof bytes) == 0)
		wire->least = (size_t)bytes;
}

static void await_replies(struct store_wire *wire, const struct store_trips *trips)
{
	const struct store_trip *oldest = trips->head;
	await(wire, oldest && oldest->answered == 0 ? oldest->least : 1);
}

void store_wire_hasten(struct store_wire *wire, struct store_trips *trips)
{
	if (trips->head)
		trips->head->least = 0;
	if (wire->open)
		await(wire, 1);
}

/* How many bytes came; 0: none now. False where it went wrong, which is told. */
static bool receive(struct store_wire *wire, char *bytes, size_t *n)
{
	ssize_t got = recv(wire->fd, bytes, READ_MAX, 0);
	*n = got > 0 ? (size_t)got : 0;
	if (got == 0)
		fail(wire, "Redis closed the connection", 0);
	else if (got < 0 && errno != EAGAIN && errno != EINTR)
		fail(wire, "cannot read", errno);
	else
		return true;
	return false;
}

static bool receive_tls(struct store_wire *wire, char *bytes, size_t *n)
{
	struct reason reason = { "" };
	*n = 0;
	enum tls_end end = tls_read(wire->tls, bytes, READ_MAX, n, &reason);
	wire->read_awaits_write = end == TLS_AWAITS_WRITE;
	if (wire->read_awaits_write)
		loop_watch_change(&wire->watch, LOOP_READ | LOOP_WRITE);
	if (end == TLS_CLOSED)
		fail(wire, "Redis closed the connection", 0);
	else if (end == TLS_FAILED)
		fail(wire, reason.text, 0);
	else
		return true;
	return false;
}

static void read_replies(struct store_wire *wire)
{
	char bytes[READ_MAX];
	size_t n;
	if (!(wire->tls ? receive_tls(wire, bytes, &n) : receive(wire, bytes, &n)) || n == 0)
		return;
	redisReader *reader = wire->reader;
	await(wire, 1);
	wire->reading = true;
	take_replies(wire, reader, bytes, n);
	wire->reading = false;
	if (!wire->open) {
		redisReaderFree(reader);
		store_inplace_free(&wire->inplace);
	} else {
		wire->calls->replied(wire->arg);
	}
}

static void on_ready(void *arg, unsigned events)
{
	struct store_wire *wire = arg;
	if (!wire->connected) {
		if (wire->shaking)
			shake(wire);
		else if (events & LOOP_WRITE)
			finish_connect(wire);
		return;
	}
	bool read = (events & LOOP_READ) || wire->read_awaits_write;
	if ((events & LOOP_WRITE) || wire->write_awaits_read) {
		wire->blocked = wire->write_awaits_read = false;
		loop_watch_change(&wire->watch, LOOP_READ);
	}
	if (read)
		read_replies(wire);
}

int store_wire_open(struct store_wire *wire, struct loop *loop, const struct sockaddr *address, socklen_t length,
		    const struct store_wire_calls *calls, void *arg)
{
	int fault = 0;
	redisReader *reader = redisReaderCreate();
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || !reader) {
		fault = fd < 0 ? -errno : -ENOMEM;
		goto out;
	}
	store_place_options(fd, address->sa_family);
	if (connect(fd, address, length) != 0 && errno != EINPROGRESS) {
		fault = -errno;
		goto out;
	}
	*wire = (struct store_wire){ .fd = fd,
				     .reader = reader,
				     .calls = calls,
				     .arg = arg,
				     .writes = wire->writes,
				     .patient = address->sa_family != AF_UNIX,
				     .least = 1 };
	fault = loop_watch(loop, &wire->watch, fd, LOOP_WRITE, on_ready, wire);
	if (fault != 0)
		goto out;
	wire->open = true;
	return 0;
out:
	if (reader)
		redisReaderFree(reader);
	if (fd >= 0)
		close(fd);
	return fault;
}

int store_wire_secure(struct store_wire *wire, const struct config_redis_tls *tls, const char *host,
		      struct reason *reason)
{
	/* The socket counts what is encrypted, and OpenSSL may have read more than it has handed out. */
	wire->patient = false;
	wire->record = malloc(RECORD_MAX);
	if (!wire->record) {
		reason_set(reason, "memory is short");
		return -ENOMEM;
	}
	return store_secure_session(tls, wire->fd, host, &wire->tls, reason);
}

/* What leaves as one record: a record for each piece would cost more than the pieces. After a record that was not taken
 * the same bytes are gathered again, since what is unsent only grows. */
static size_t gather(unsigned char *record, const struct store_trip *trip)
{
	size_t n = 0;
	for (size_t i = trip->sent; i < trip->piece_count && n < RECORD_MAX; i++) {
		size_t size = trip->pieces[i].iov_len < RECORD_MAX - n ? trip->pieces[i].iov_len : RECORD_MAX - n;
		memcpy(record + n, trip->pieces[i].iov_base, size);
		n += size;
	}
	return n;
}

/* As sendmsg() would: -1 with errno. */
static ssize_t send_tls(struct store_wire *wire, const struct store_trip *trip)
{
	struct reason reason = { "" };
	size_t n = 0;
	struct slice bytes = slice_of(wire->record, gather(wire->record, trip));
	enum tls_end end = tls_write(wire->tls, bytes, &n, &reason);
	wire->write_awaits_read = end == TLS_AWAITS_READ;
	errno = end == TLS_AWAITS_READ || end == TLS_AWAITS_WRITE ? EAGAIN : ECONNRESET;
	return end == TLS_DONE ? (ssize_t)n : -1;
}

static ssize_t send_plain(struct store_wire *wire, struct store_trip *trip)
{
	size_t left = trip->piece_count - trip->sent;
	struct msghdr message = { .msg_iov = trip->pieces + trip->sent,
				  .msg_iovlen = left < PIECES_MAX ? left : PIECES_MAX };
	return sendmsg(wire->fd, &message, MSG_NOSIGNAL);
}

void store_wire_flush(struct store_wire *wire, struct store_trips *trips)
{
	await_replies(wire, trips);
	while (wire->open && wire->connected && !wire->blocked && trips->unsent) {
		struct store_trip *trip = trips->unsent;
		ssize_t n = wire->tls ? send_tls(wire, trip) : send_plain(wire, trip);
		if (n >= 0) {
			wire->writes++;
			store_trips_sent(trips, (size_t)n);
		} else if (errno == EAGAIN) {
			wire->blocked = true;
			loop_watch_change(&wire->watch, wire->write_awaits_read ? LOOP_READ : LOOP_READ | LOOP_WRITE);
		} else if (errno != EINTR) {
			fail(wire, "cannot write", errno);
			return;
		}
	}
}

void store_wire_close(struct store_wire *wire)
{
	if (!wire->open)
		return;
	loop_unwatch(&wire->watch);
	tls_session_free(wire->tls);
	wire->tls = NULL;
	free(wire->record);
	wire->record = NULL;
	close(wire->fd);
	/* Else who is reading frees it. */
	if (!wire->reading) {
		redisReaderFree(wire->reader);
		store_inplace_free(&wire->inplace);
	}
	wire->open = wire->connected = wire->shaking = false;
	wire->reader = NULL;
}
