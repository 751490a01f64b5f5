/* wire.c - one connection to Redis on an event loop.
 *
 * Of hiredis it uses the parser of replies alone, and that only for what inplace.c cannot read. hiredis' own asynchronous context would copy each command twice,
 * allocate for each, call back in the middle of being freed, and raise SIGPIPE; here what goes out is gathered from
 * where the commands were written. The one difficulty left: a reply's callback may close the connection whose replies
 * are being read. */
#include "store/wire.h"

#include "store/place.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PIECES_MAX = 1024 /* IOV_MAX */, READ_MAX = 16 * 1024 };

static void fail(struct store_wire *wire, const char *what, int fault)
{
	char why[160];
	snprintf(why, sizeof why, "%s%s%s", what, fault != 0 ? ": " : "", fault != 0 ? strerror(fault) : "");
	wire->calls->broken(wire->arg, why);
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

static void read_replies(struct store_wire *wire)
{
	char bytes[READ_MAX];
	ssize_t n = recv(wire->fd, bytes, sizeof bytes, 0);
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			fail(wire, "cannot read", errno);
		return;
	}
	if (n == 0) {
		fail(wire, "Redis closed the connection", 0);
		return;
	}
	redisReader *reader = wire->reader;
	wire->reading = true;
	take_replies(wire, reader, bytes, (size_t)n);
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
		if (events & LOOP_WRITE)
			finish_connect(wire);
		return;
	}
	if (events & LOOP_WRITE) {
		wire->blocked = false;
		loop_watch_change(&wire->watch, LOOP_READ);
	}
	if (events & LOOP_READ)
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
	*wire = (struct store_wire){ .fd = fd, .reader = reader, .calls = calls, .arg = arg, .writes = wire->writes };
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

void store_wire_flush(struct store_wire *wire, struct store_trips *trips)
{
	while (wire->open && wire->connected && !wire->blocked && trips->unsent) {
		struct store_trip *trip = trips->unsent;
		size_t left = trip->piece_count - trip->sent;
		struct msghdr message = { .msg_iov = trip->pieces + trip->sent,
					  .msg_iovlen = left < PIECES_MAX ? left : PIECES_MAX };
		ssize_t n = sendmsg(wire->fd, &message, MSG_NOSIGNAL);
		if (n >= 0) {
			wire->writes++;
			store_trips_sent(trips, (size_t)n);
		} else if (errno == EAGAIN) {
			wire->blocked = true;
			loop_watch_change(&wire->watch, LOOP_READ | LOOP_WRITE);
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
	close(wire->fd);
	/* Else who is reading frees it. */
	if (!wire->reading) {
		redisReaderFree(wire->reader);
		store_inplace_free(&wire->inplace);
	}
	wire->open = wire->connected = false;
	wire->reader = NULL;
}
