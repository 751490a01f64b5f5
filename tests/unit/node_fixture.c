/* node_fixture.c - a node of a Cluster as a test wants it. Its difficulty: a command behind MULTI is answered twice, by
 * QUEUED and in EXEC's answer. */
#include "node_fixture.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
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

static void hang_up(struct node_connection *connection)
{
	if (connection->fd < 0)
		return;
	loop_unwatch(&connection->watch);
	close(connection->fd);
	redisReaderFree(connection->reader);
	buf_free(&connection->queued);
	*connection = (struct node_connection){ .node = connection->node, .fd = -1 };
}

static void say(struct node_connection *connection, struct slice text)
{
	if (!connection->node->silent && connection->fd >= 0 &&
	    send(connection->fd, text.p, text.n, MSG_NOSIGNAL) != (ssize_t)text.n)
		hang_up(connection);
}

static void say_text(struct node_connection *connection, const char *text)
{
	say(connection, slice_str(text));
}

static void say_bulk(struct node_connection *connection, const char *text)
{
	struct buf out = BUF_EMPTY;
	buf_printf(&out, "$%zu\r\n%s\r\n", strlen(text), text);
	say(connection, buf_slice(&out));
	buf_free(&out);
}

static bool is(const redisReply *command, size_t at, const char *word)
{
	return at < command->elements && strcmp(command->element[at]->str, word) == 0;
}

static void say_info(struct node_connection *connection, bool server)
{
	char text[100], id[41];
	memset(id, connection->node->name, 40);
	id[40] = '\0';
	snprintf(text, sizeof text, "%s:%s\r\n", server ? "run_id" : "master_replid", id);
	say_bulk(connection, text);
}

static void cluster(struct node_connection *connection, const redisReply *command)
{
	struct node *node = connection->node;
	char text[64];
	if (is(command, 1, "SLOTS")) {
		node->maps++;
		say_text(connection, node->slots);
		return;
	}
	snprintf(text, sizeof text, "cluster_state:%s\r\ncluster_slots_assigned:1\r\n", node->state);
	say_bulk(connection, text);
}

static void script(struct node_connection *connection)
{
	struct node *node = connection->node;
	node->scripts++;
	node->asked_scripts += connection->asking;
	const char *then = node->always ? node->always : ":1\r\n";
	say_text(connection, node->answer_at < node->answer_count ? node->answers[node->answer_at++] : then);
}

static void exec(struct node_connection *connection)
{
	struct node *node = connection->node;
	struct buf out = BUF_EMPTY;
	if (connection->queued_count == 0) {
		say_text(connection, "-ERR EXEC without MULTI\r\n");
		return;
	}
	node->batches++;
	buf_printf(&out, "*%zu\r\n", connection->queued_count);
	buf_add(&out, buf_slice(&connection->queued));
	say(connection, node->exec ? slice_str(node->exec) : buf_slice(&out));
	buf_free(&out);
	buf_clear(&connection->queued);
	connection->queued_count = 0;
}

static void queue(struct node_connection *connection, const char *answer)
{
	buf_add_str(&connection->queued, answer);
	connection->queued_count++;
	say_text(connection, "+QUEUED\r\n");
}

static void set(struct node_connection *connection)
{
	if (connection->multi)
		queue(connection, "+OK\r\n");
	else
		say_text(connection, "+OK\r\n");
}

static void wait(struct node_connection *connection)
{
	struct node *node = connection->node;
	node->waits++;
	connection->held = node->hold;
	if (!node->hold)
		say_text(connection, node->wait ? node->wait : ":1\r\n");
}

static void obey(struct node_connection *connection, const redisReply *command)
{
	struct node *node = connection->node;
	bool asking = is(command, 0, "ASKING");
	if (is(command, 0, "MULTI") || is(command, 0, "EXEC") || is(command, 0, "DISCARD"))
		connection->multi = is(command, 0, "MULTI");
	if (!is(command, 0, "CLUSTER"))
		snprintf(node->last, sizeof node->last, "%s", command->element[0]->str);
	if (is(command, 0, "ROLE")) {
		char text[64];
		snprintf(text, sizeof text, "*1\r\n$%zu\r\n%s\r\n", strlen(node->role), node->role);
		say_text(connection, text);
	} else if (is(command, 0, "INFO")) {
		say_info(connection, is(command, 1, "server"));
	} else if (is(command, 0, "CLUSTER")) {
		cluster(connection, command);
	} else if (is(command, 0, "SCRIPT")) {
		say_bulk(connection, "0123456789012345678901234567890123456789");
	} else if (is(command, 0, "EVALSHA") || is(command, 0, "EVAL")) {
		script(connection);
	} else if (is(command, 0, "EXEC")) {
		exec(connection);
	} else if (is(command, 0, "DISCARD")) {
		say_text(connection, "-ERR DISCARD without MULTI\r\n");
	} else if (is(command, 0, "WATCH")) {
		say_text(connection, node->look ? node->look : "+OK\r\n");
	} else if (is(command, 0, "TYPE")) {
		say_text(connection, "+none\r\n");
	} else if (is(command, 0, "EXISTS")) {
		say_text(connection, node->exists ? node->exists : ":0\r\n");
	} else if (is(command, 0, "XADD")) {
		queue(connection, "$3\r\n1-1\r\n");
	} else if (is(command, 0, "SET")) {
		set(connection);
	} else if (is(command, 0, "WAIT")) {
		wait(connection);
	} else {
		say_text(connection, "+OK\r\n");
	}
	connection->asking = asking;
}

static void on_command(void *arg, unsigned events)
{
	struct node_connection *connection = arg;
	char bytes[16384];
	void *command = NULL;
	ssize_t n = recv(connection->fd, bytes, sizeof bytes, MSG_DONTWAIT);
	if (n <= 0) {
		hang_up(connection);
		return;
	}
	assert_int_equal(redisReaderFeed(connection->reader, bytes, (size_t)n), REDIS_OK);
	while (connection->fd >= 0) {
		assert_int_equal(redisReaderGetReply(connection->reader, &command), REDIS_OK);
		if (!command)
			return;
		obey(connection, command);
		freeReplyObject(command);
	}
}

static void on_door(void *arg, unsigned events)
{
	struct node *node = arg;
	struct node_connection *connection = node->connections;
	while (connection->fd >= 0)
		connection++;
	assert_true(connection < node->connections + NODE_CONNECTIONS);
	connection->fd = accept(node->door, NULL, NULL);
	assert_true(connection->fd >= 0);
	connection->reader = redisReaderCreate();
	assert_int_equal(loop_watch(node->loop, &connection->watch, connection->fd, LOOP_READ, on_command, connection),
			 0);
}

void node_start(struct node *node, struct loop *loop, char name)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof address;
	*node = (struct node){ .loop = loop, .name = name, .role = "master", .state = "ok" };
	for (size_t i = 0; i < NODE_CONNECTIONS; i++)
		node->connections[i] = (struct node_connection){ .node = node, .fd = -1 };
	node->door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(node->door, (const struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(node->door, 16), 0);
	assert_int_equal(getsockname(node->door, (struct sockaddr *)&address, &length), 0);
	node->port = ntohs(address.sin_port);
	assert_int_equal(loop_watch(loop, &node->at_door, node->door, LOOP_READ, on_door, node), 0);
}

void node_hang_up(struct node *node)
{
	for (size_t i = 0; i < NODE_CONNECTIONS; i++)
		hang_up(&node->connections[i]);
}

void node_hang_up_others(struct node *node)
{
	for (size_t i = 0; i < NODE_CONNECTIONS; i++) {
		if (!node->connections[i].held)
			hang_up(&node->connections[i]);
	}
}

void node_release(struct node *node)
{
	for (size_t i = 0; i < NODE_CONNECTIONS; i++) {
		if (node->connections[i].held)
			say_text(&node->connections[i], ":1\r\n");
		node->connections[i].held = false;
	}
}

void node_stop(struct node *node)
{
	if (node->door < 0)
		return;
	node_hang_up(node);
	loop_unwatch(&node->at_door);
	close(node->door);
	node->door = -1;
}

void node_answers(struct node *node, const char *answer)
{
	assert_true(node->answer_count < NODE_ANSWERS);
	node->answers[node->answer_count++] = answer;
}
