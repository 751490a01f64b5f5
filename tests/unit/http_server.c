/* A server on its loop, turn by turn: nobody's request is left lying while others wait for their answers. */
#include "config/address.h"
#include "http/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
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

enum { MINUTE_MS = 60 * 1000, REQUESTS_MAX = 8 };

struct fixture {
	struct loop *loop;
	struct http_server *server;
	struct loop_hook hook;
	struct http_exchange *complete[REQUESTS_MAX]; /* in their order */
	size_t count;
	uint16_t port;
};

static bool head(void *arg, struct http_exchange *exchange, struct request *request, int64_t declared,
		 uint64_t *max_body)
{
	*max_body = 1024;
	return true;
}

static void complete(void *arg, struct http_exchange *exchange)
{
	struct fixture *fixture = arg;

	assert_true(fixture->count < REQUESTS_MAX);
	fixture->complete[fixture->count++] = exchange;
}

static void refused(void *arg, struct http_exchange *exchange, struct request *request, enum http_refusal refusal,
		    const char *reason)
{
	fail_msg("%s", reason);
}

static void end_of_turn(void *arg)
{
	struct fixture *fixture = arg;

	loop_stop(fixture->loop);
}

static void begin(struct fixture *fixture)
{
	const struct http_service service = { .arg = fixture, .head = head, .complete = complete, .refused = refused };
	struct config_address address;
	struct reason reason = { "" };
	int fd;

	*fixture = (struct fixture){ .count = 0 };
	assert_int_equal(loop_new(&fixture->loop), 0);
	assert_int_equal(http_server_new(&(struct http_setup){ .loop = fixture->loop,
							       .max_head = 8192,
							       .max_buffered = 1024 * 1024,
							       .max_connections = 16,
							       .idle_timeout_ms = MINUTE_MS,
							       .request_timeout_ms = MINUTE_MS },
					 &fixture->server),
			 0);
	loop_hook_add(fixture->loop, &fixture->hook, end_of_turn, fixture);
	http_server_serve(fixture->server, &service);
	assert_true(config_address_parse(SLICE("127.0.0.1:0"), &address, &reason));
	assert_int_equal(http_listen(&address, &fd, &reason), 0);
	fixture->port = http_listen_port(fd);
	assert_int_equal(http_server_add(fixture->server, fd, &reason), 0);
}

static void end(struct fixture *fixture)
{
	http_server_free(fixture->server);
	loop_free(fixture->loop);
}

static void turn(struct fixture *fixture)
{
	assert_int_equal(loop_run(fixture->loop), 0);
}

static int connected(const struct fixture *fixture)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(fixture->port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

static void send_request(int client)
{
	static const char text[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab";

	assert_int_equal(send(client, text, sizeof text - 1, MSG_NOSIGNAL), sizeof text - 1);
}

static void answer(struct fixture *fixture, size_t number)
{
	const struct answer ok = { .status = 200, .body = SLICE("done") };

	http_answer(fixture->complete[number], &ok);
}

/* Turns until the client has the whole of its answer. */
static void take_answer(struct fixture *fixture, int client)
{
	char text[1024];
	ssize_t n;

	do {
		turn(fixture);
		n = recv(client, text, sizeof text, MSG_DONTWAIT);
	} while (n < 0);
	assert_true(n > 4);
	assert_memory_equal(text + n - 4, "done", 4);
}

/* Its data is there before the turn begins, so that one turn is enough: to end the request before, and to read. */
static void test_the_next_request_is_read_while_another_waits(void **state)
{
	struct fixture fixture;
	int waiting, busy;

	(void)state;
	begin(&fixture);
	waiting = connected(&fixture);
	send_request(waiting);
	while (fixture.count < 1)
		turn(&fixture);
	busy = connected(&fixture);
	send_request(busy);
	while (fixture.count < 2)
		turn(&fixture);
	for (size_t i = 2; i < 6; i++) {
		struct pollfd there = { .fd = busy, .events = POLLIN };

		answer(&fixture, i - 1);
		take_answer(&fixture, busy);
		send_request(busy);
		assert_int_equal(poll(&there, 1, 0), 0);
		turn(&fixture);
		assert_int_equal(fixture.count, i + 1);
	}
	answer(&fixture, 0);
	take_answer(&fixture, waiting);
	answer(&fixture, 5);
	take_answer(&fixture, busy);
	close(waiting);
	close(busy);
	end(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_next_request_is_read_while_another_waits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
