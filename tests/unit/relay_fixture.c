/* relay_fixture.c - a relay between a link and its Redis. Its difficulty: a packet is handed to the test before it goes
 * on, and the test may talk to Redis meanwhile. */
#include "relay_fixture.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

static char bytes[1024 * 1024];

static void hang_up(struct relay *relay)
{
	if (relay->link < 0)
		return;
	loop_unwatch(&relay->at_link);
	loop_unwatch(&relay->at_redis);
	close(relay->link);
	close(relay->redis);
	relay->link = relay->redis = -1;
}

static void pass(int fd, const char *from, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(fd, from, n, MSG_NOSIGNAL);
		assert_true(sent > 0);
		from += sent;
		n -= (size_t)sent;
	}
}

static void on_link(void *arg, unsigned events)
{
	struct relay *relay = arg;
	ssize_t n = recv(relay->link, bytes, sizeof bytes, MSG_DONTWAIT);
	if (n <= 0) {
		hang_up(relay);
		return;
	}
	relay->packets++;
	if (memmem(bytes, (size_t)n, "\r\nXADD\r\n", 8)) {
		relay->commits++;
		if (relay->at_commit)
			relay->at_commit();
		relay->at_commit = NULL;
	}
	pass(relay->redis, bytes, (size_t)n);
}

static void on_redis(void *arg, unsigned events)
{
	struct relay *relay = arg;
	if (relay->hold) {
		loop_watch_change(&relay->at_redis, 0);
		return;
	}
	ssize_t n = recv(relay->redis, bytes, sizeof bytes, MSG_DONTWAIT);
	if (n <= 0 || (relay->cut_at_commit && relay->commits > 0)) {
		relay->cut_at_commit = false;
		hang_up(relay);
		return;
	}
	pass(relay->link, bytes, (size_t)n);
}

static void bind_or_connect(int (*call)(int, const struct sockaddr *, socklen_t), int fd, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	assert_int_equal(call(fd, (const struct sockaddr *)&address, sizeof address), 0);
}

static void on_knock(void *arg, unsigned events)
{
	struct relay *relay = arg;
	hang_up(relay);
	relay->link = accept(relay->door, NULL, NULL);
	relay->redis = socket(AF_UNIX, SOCK_STREAM, 0);
	bind_or_connect(connect, relay->redis, relay->bench->redis.socket);
	assert_int_equal(loop_watch(relay->bench->loop, &relay->at_link, relay->link, LOOP_READ, on_link, relay), 0);
	assert_int_equal(loop_watch(relay->bench->loop, &relay->at_redis, relay->redis, LOOP_READ, on_redis, relay), 0);
}

void relay_start(struct relay *relay, struct bench *bench)
{
	*relay = (struct relay){ .bench = bench, .link = -1, .redis = -1, .door = socket(AF_UNIX, SOCK_STREAM, 0) };
	make_directory(relay->dir, sizeof relay->dir);
	snprintf(relay->socket, sizeof relay->socket, "%s/relay", relay->dir);
	bind_or_connect(bind, relay->door, relay->socket);
	assert_int_equal(listen(relay->door, 8), 0);
	assert_int_equal(loop_watch(bench->loop, &relay->at_door, relay->door, LOOP_READ, on_knock, relay), 0);
}

void relay_release(struct relay *relay)
{
	relay->hold = false;
	loop_watch_change(&relay->at_redis, LOOP_READ);
}

void relay_stop(struct relay *relay)
{
	hang_up(relay);
	loop_unwatch(&relay->at_door);
	close(relay->door);
	remove_directory(relay->dir);
}
