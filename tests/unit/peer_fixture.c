/* peer_fixture.c - see peer_fixture.h. Its difficulty: as Redis does, a connection that waits reads nothing more. */
#include "peer_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#define LOADED "$40\r\n0123456789abcdef0123456789abcdef01234567\r\n"

static bool is_seen(const struct peer *peer, const char *key)
{
	for (size_t i = 0; i < peer->seen_count; i++)
		if (strcmp(peer->seen[i], key) == 0)
			return true;
	return false;
}

static void see(struct peer *peer, const char *key)
{
	if (is_seen(peer, key))
		return;
	assert_true(peer->seen_count < PEER_SEEN);
	peer->seen[peer->seen_count++] = strdup(key);
}

static void hang_up(struct peer_connection *c)
{
	if (c->fd < 0)
		return;
	loop_unwatch(&c->watch);
	close(c->fd);
	redisReaderFree(c->reader);
	buf_free(&c->executed);
	buf_free(&c->out);
	*c = (struct peer_connection){ .peer = c->peer, .fd = -1 };
}

static void say(struct peer_connection *c, const char *answer)
{
	buf_add_str(&c->out, answer);
}

static void send_all(struct peer_connection *c)
{
	assert_int_equal(send(c->fd, c->out.p, c->out.n, MSG_NOSIGNAL), (ssize_t)c->out.n);
	buf_clear(&c->out);
}

static bool is_word(const redisReply *command, size_t i, const char *word)
{
	return i < command->elements && strcasecmp(command->element[i]->str, word) == 0;
}

/* What is said of each in the handshake; NULL: it is none of it. */
static const char *greeting(const struct peer_connection *c, const redisReply *command)
{
	static char info[80];
	if (is_word(command, 0, "CLIENT"))
		return "+OK\r\n";
	if (is_word(command, 0, "ROLE"))
		return "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n";
	if (is_word(command, 0, "INFO") && c->peer->process != 0) {
		char id[41] = "";
		memset(id, c->peer->process, 40);
		bool server = is_word(command, 1, "server");
		snprintf(info, sizeof info, "$%d\r\n%s:%s\r\n\r\n", server ? 49 : 56,
			 server ? "run_id" : "master_replid", id);
		return info;
	}
	if (is_word(command, 0, "INFO"))
		return "$0\r\n\r\n";
	if (is_word(command, 0, "SCRIPT"))
		return LOADED;
	if (c->multi)
		return NULL;
	if (is_word(command, 0, "EXEC"))
		return "-ERR EXEC without MULTI\r\n";
	return is_word(command, 0, "DISCARD") ? "-ERR DISCARD without MULTI\r\n" : NULL;
}

static void queue(struct peer_connection *c, const redisReply *command)
{
	bool set = is_word(command, 0, "SET");
	if (set)
		see(c->peer, command->element[1]->str);
	buf_add_str(&c->executed, set ? "+OK\r\n" : "$3\r\n1-1\r\n");
	c->queued++;
	say(c, "+QUEUED\r\n");
}

static void end_transaction(struct peer_connection *c, bool exec)
{
	char head[32];
	c->multi = false;
	snprintf(head, sizeof head, "*%zu\r\n", c->queued);
	say(c, exec ? head : "+OK\r\n");
	buf_add_byte(&c->executed, '\0');
	if (exec)
		say(c, (const char *)c->executed.p);
	buf_clear(&c->executed);
	c->queued = 0;
}

static void evaluate(struct peer_connection *c, const redisReply *command)
{
	size_t keys = (size_t)strtoul(command->element[2]->str, NULL, 10);
	bool seen = false;
	/* The stream, its fence, then the marks. */
	for (size_t i = 2; i < keys; i++)
		seen |= is_seen(c->peer, command->element[3 + i]->str);
	for (size_t i = 2; i < keys; i++)
		see(c->peer, command->element[3 + i]->str);
	say(c, seen ? ":0\r\n" : ":1\r\n");
}

static void exists(struct peer_connection *c, const redisReply *command)
{
	char answer[32];
	size_t found = 0;
	for (size_t i = 1; i < command->elements; i++)
		found += is_seen(c->peer, command->element[i]->str);
	snprintf(answer, sizeof answer, ":%zu\r\n", found);
	say(c, answer);
}

static void answer_wait(struct peer_connection *c, bool aof)
{
	const struct peer *peer = c->peer;
	if (aof)
		say(c, peer->waitaof_answer ? peer->waitaof_answer : "*2\r\n:1\r\n:0\r\n");
	else
		say(c, peer->wait_answer ? peer->wait_answer : ":1\r\n");
}

static void write_down(struct peer *peer, const redisReply *command)
{
	bool wait = strncasecmp(command->element[0]->str, "WAIT", 4) == 0 && !is_word(command, 0, "WATCH");
	buf_add_str(&peer->log, command->element[0]->str);
	for (size_t i = 1; wait && i < command->elements; i++)
		buf_printf(&peer->log, ",%s", command->element[i]->str);
	buf_add_byte(&peer->log, ' ');
}

static void wait_for(struct peer_connection *c, bool aof)
{
	struct peer *peer = c->peer;
	if (peer->cut) {
		peer->cut = false;
		send_all(c);
		hang_up(c);
	} else if (peer->hold) {
		c->holding = true;
		loop_watch_change(&c->watch, 0);
	} else {
		answer_wait(c, aof);
	}
}

static void do_command(struct peer_connection *c, const redisReply *command)
{
	struct peer *peer = c->peer;
	const char *greeted = greeting(c, command);
	if (greeted) {
		say(c, greeted);
		return;
	}
	write_down(peer, command);
	if (is_word(command, 0, "WAIT") || is_word(command, 0, "WAITAOF"))
		wait_for(c, is_word(command, 0, "WAITAOF"));
	else if (is_word(command, 0, "EXEC") || is_word(command, 0, "DISCARD"))
		end_transaction(c, is_word(command, 0, "EXEC"));
	else if (c->multi)
		queue(c, command);
	else if (is_word(command, 0, "EVALSHA") || is_word(command, 0, "EVAL"))
		evaluate(c, command);
	else if (is_word(command, 0, "EXISTS"))
		exists(c, command);
	else if (is_word(command, 0, "TYPE"))
		say(c, "+none\r\n");
	else if (is_word(command, 0, "SET"))
		say(c, peer->set_answer ? peer->set_answer : "+OK\r\n");
	else
		say(c, "+OK\r\n");
	c->multi |= is_word(command, 0, "MULTI");
}

/* What has come, until it waits. */
static void go_on(struct peer_connection *c)
{
	void *reply = NULL;
	while (c->fd >= 0 && !c->holding && redisReaderGetReply(c->reader, &reply) == REDIS_OK && reply) {
		do_command(c, reply);
		freeReplyObject(reply);
		reply = NULL;
	}
	if (c->fd >= 0)
		send_all(c);
}

static void on_bytes(void *arg, unsigned events)
{
	struct peer_connection *c = arg;
	char bytes[65536];
	ssize_t n = recv(c->fd, bytes, sizeof bytes, MSG_DONTWAIT);
	if (n <= 0) {
		hang_up(c);
		return;
	}
	assert_int_equal(redisReaderFeed(c->reader, bytes, (size_t)n), REDIS_OK);
	go_on(c);
}

static void on_knock(void *arg, unsigned events)
{
	struct peer *peer = arg;
	for (size_t i = 0; i < PEER_CONNECTIONS; i++) {
		struct peer_connection *c = &peer->connections[i];
		if (c->fd >= 0)
			continue;
		c->fd = accept(peer->door, NULL, NULL);
		c->reader = redisReaderCreate();
		peer->connected++;
		assert_int_equal(loop_watch(peer->bench->loop, &c->watch, c->fd, LOOP_READ, on_bytes, c), 0);
		return;
	}
	fail_msg("too many connections");
}

void peer_release(struct peer *peer)
{
	peer->hold = false;
	for (size_t i = 0; i < PEER_CONNECTIONS; i++) {
		struct peer_connection *c = &peer->connections[i];
		if (c->fd < 0 || !c->holding)
			continue;
		c->holding = false;
		answer_wait(c, peer_count(peer, "WAITAOF") > 0);
		loop_watch_change(&c->watch, LOOP_READ);
		go_on(c);
	}
}

void peer_start(struct peer *peer, struct bench *bench)
{
	*peer = (struct peer){ .bench = bench, .door = socket(AF_UNIX, SOCK_STREAM, 0) };
	for (size_t i = 0; i < PEER_CONNECTIONS; i++)
		peer->connections[i] = (struct peer_connection){ .peer = peer, .fd = -1 };
	make_directory(peer->dir, sizeof peer->dir);
	peer->address.sun_family = AF_UNIX;
	snprintf(peer->address.sun_path, sizeof peer->address.sun_path, "%s/sock", peer->dir);
	assert_int_equal(bind(peer->door, (const struct sockaddr *)&peer->address, sizeof peer->address), 0);
	assert_int_equal(listen(peer->door, 8), 0);
	assert_int_equal(loop_watch(bench->loop, &peer->at_door, peer->door, LOOP_READ, on_knock, peer), 0);
}

void peer_stop(struct peer *peer)
{
	for (size_t i = 0; i < PEER_CONNECTIONS; i++)
		hang_up(&peer->connections[i]);
	loop_unwatch(&peer->at_door);
	close(peer->door);
	for (size_t i = 0; i < peer->seen_count; i++)
		free(peer->seen[i]);
	buf_free(&peer->log);
	remove_directory(peer->dir);
}

void peer_expect(struct peer *peer, const char *log)
{
	if (!slice_eq(buf_slice(&peer->log), slice_str(log)))
		fail_msg("asked: %.*s\nwanted: %s", SLICE_ARGS(buf_slice(&peer->log)), log);
	buf_clear(&peer->log);
}

size_t peer_count(const struct peer *peer, const char *what)
{
	struct slice rest = buf_slice(&peer->log), word;
	size_t count = 0;
	while (slice_cut(rest, ' ', &word, &rest))
		count += slice_starts(word, slice_str(what));
	return count;
}
