/* What a link makes of each thing that Redis may say: a peer of the test's own answers for it. */
#include "link_fixture.h"

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

#define NAMED "+OK\r\n"
#define INFO "$0\r\n\r\n-NOPERM no INFO\r\n"
#define MASTER "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n" INFO
#define LOADED "$40\r\n0123456789abcdef0123456789abcdef01234567\r\n"
#define NO_MULTI "-ERR EXEC without MULTI\r\n-ERR DISCARD without MULTI\r\n"
#define GREETED NAMED MASTER NO_MULTI LOADED

/* A peer that answers what comes first on a connection with `greeting`, and each later packet with `answer`. */
struct peer {
	char dir[64];
	struct sockaddr_un address;
	int door, fd; /* fd: -1 without a connection */
	struct loop_watch at_door, at_fd;
	const char *greeting, *answer;
	bool greeted;
	int connections, packets;
};

static struct bench bench;
static struct peer peer;

static void hang_up(void)
{
	if (peer.fd < 0)
		return;
	loop_unwatch(&peer.at_fd);
	close(peer.fd);
	peer.fd = -1;
}

static void on_packet(void *arg, unsigned events)
{
	char bytes[8192];
	ssize_t n = recv(peer.fd, bytes, sizeof bytes, MSG_DONTWAIT);
	if (n <= 0) {
		hang_up();
		return;
	}
	const char *said = peer.greeted ? peer.answer : peer.greeting;
	peer.packets += peer.greeted;
	peer.greeted = true;
	if (said && send(peer.fd, said, strlen(said), MSG_NOSIGNAL) < 0)
		hang_up();
}

static void on_knock(void *arg, unsigned events)
{
	hang_up();
	peer.fd = accept(peer.door, NULL, NULL);
	peer.connections++;
	peer.greeted = false;
	assert_int_equal(loop_watch(bench.loop, &peer.at_fd, peer.fd, LOOP_READ, on_packet, NULL), 0);
}

static int begin(void **state)
{
	bench = (struct bench){ .loop = new_loop() };
	peer = (struct peer){ .door = socket(AF_UNIX, SOCK_STREAM, 0), .fd = -1, .address.sun_family = AF_UNIX };
	make_directory(peer.dir, sizeof peer.dir);
	snprintf(peer.address.sun_path, sizeof peer.address.sun_path, "%s/sock", peer.dir);
	assert_int_equal(bind(peer.door, (const struct sockaddr *)&peer.address, sizeof peer.address), 0);
	assert_int_equal(listen(peer.door, 8), 0);
	assert_int_equal(loop_watch(bench.loop, &peer.at_door, peer.door, LOOP_READ, on_knock, NULL), 0);
	assert_int_equal(store_target_new(SLICE("hg"), SLICE("r"), SLICE("/r"), SLICE("p"), &bench.target), 0);
	return 0;
}

static int end(void **state)
{
	store_free(bench.store);
	store_target_free(bench.target);
	hang_up();
	loop_unwatch(&peer.at_door);
	close(peer.door);
	loop_free(bench.loop);
	remove_directory(peer.dir);
	return 0;
}

static const struct config_redis plain = { .kind = CONFIG_REDIS_UNIX };

static void connect_link(const char *greeting, const char *answer)
{
	peer.greeting = greeting;
	peer.answer = answer;
	bench_connect(&bench, &plain, peer.address.sun_path, STALL_MS);
}

/* ---- answers to an event ---- */

static void test_answers(void **state)
{
	static const struct {
		const char *answer;
		enum store_result result;
		const char *reason;
		bool away;
	} rows[] = {
		{ ":1\r\n", STORE_STORED, "", false },
		{ ":0\r\n", STORE_DUPLICATE, "", false },
		{ ":2\r\n", STORE_UNAVAILABLE, "unexpected answer", false },
		{ "$1\r\n1\r\n", STORE_UNAVAILABLE, "unexpected answer", false },
		{ "+OK\r\n", STORE_UNAVAILABLE, "unexpected answer", false },
		{ "$-1\r\n", STORE_UNAVAILABLE, "unexpected answer", false },
		{ "*1\r\n:1\r\n", STORE_UNAVAILABLE, "unexpected answer", false },
		{ "-OOM command not allowed\r\n", STORE_UNAVAILABLE, "OOM", false },
		{ "-BUSY running a script\r\n", STORE_UNAVAILABLE, "BUSY", false },
		{ "-MISCONF cannot save\r\n", STORE_UNAVAILABLE, "MISCONF", false },
		{ "-NOREPLICAS too few\r\n", STORE_UNAVAILABLE, "NOREPLICAS", false },
		{ "-NOPERM no\r\n", STORE_UNAVAILABLE, "NOPERM", false },
		{ "-WRONGTYPE no stream\r\n", STORE_UNAVAILABLE, "WRONGTYPE", false },
		{ "-CLUSTERDOWN no\r\n", STORE_UNAVAILABLE, "CLUSTERDOWN", false },
		{ "-MOVED 1 h:1\r\n", STORE_UNAVAILABLE, "MOVED", false },
		{ "-ERR anything\r\n", STORE_UNAVAILABLE, "ERR anything", false },
		{ "-\r\n", STORE_UNAVAILABLE, "Redis refused the event", false },
		{ "-READONLY replica\r\n", STORE_UNAVAILABLE, "READONLY", true },
		{ "-LOADING data\r\n", STORE_UNAVAILABLE, "LOADING", true },
		{ "-MASTERDOWN link\r\n", STORE_UNAVAILABLE, "MASTERDOWN", true },
		{ "-NOAUTH log in\r\n", STORE_UNAVAILABLE, "NOAUTH", true },
		{ "-ERR Error running script (call to f_1-2): @user_script:2: -READONLY You can't\r\n",
		  STORE_UNAVAILABLE, "READONLY", true },
		{ "-ERR Error running script (call to f_1): @user_script:2: -OOM no\r\n", STORE_UNAVAILABLE, "OOM",
		  false },
		{ "what?\r\n", STORE_UNAVAILABLE, "not its protocol", true },
		{ ":1\r\n:1\r\n", STORE_STORED, "", true },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct noted noted;
		struct store_event event = event_of(&bench, "a");
		connect_link(GREETED, rows[i].answer);
		bench_wait(&bench, STORE_READY);
		put_and_wait(&bench, &event, &noted);
		if (noted.result != rows[i].result || !strstr(noted.reason, rows[i].reason))
			fail_msg("%s: %d %s", rows[i].answer, noted.result, noted.reason);
		if (rows[i].away)
			bench_wait(&bench, STORE_AWAY);
		assert_int_equal(store_state(bench.store), rows[i].away ? STORE_AWAY : STORE_READY);
		assert_int_equal(counts_of(&bench).losses, rows[i].away);
		store_free(bench.store);
		bench.store = NULL;
		bench.state_count = 0;
	}
}

/* Of several events that are out, READONLY to the first ends all, each once. */
static void test_all_end_with_the_first(void **state)
{
	struct noted noted[3];
	struct store_event event = event_of(&bench, "a");
	connect_link(GREETED, "-READONLY replica\r\n:1\r\n:1\r\n");
	bench_wait(&bench, STORE_READY);
	for (size_t i = 0; i < 3; i++)
		put(&bench, &event, DEADLINE_MS, &noted[i]);
	await_noted(&bench, noted, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(noted[i].result, STORE_UNAVAILABLE);
	assert_non_null(strstr(noted[2].reason, "READONLY"));
}

/* A Redis that says NOSCRIPT to the script's text as well is not asked for ever. */
static void test_noscript_for_ever(void **state)
{
	struct noted noted;
	struct store_event event = event_of(&bench, "a");
	connect_link(GREETED, "-NOSCRIPT No matching script\r\n");
	bench_wait(&bench, STORE_READY);
	assert_int_equal(put_and_wait(&bench, &event, &noted), STORE_UNAVAILABLE);
	assert_non_null(strstr(noted.reason, "NOSCRIPT"));
	assert_int_equal(counts_of(&bench).script_loads, 1);
	assert_int_equal(peer.packets, 2);
}

/* An answer that comes before all of its event was sent is none: the event's bytes must stay until they are out. */
static void test_answered_too_early(void **state)
{
	static unsigned char large[4 * 1024 * 1024];
	struct noted noted[2];
	struct store_event event = event_of(&bench, "a");
	connect_link(NAMED MASTER "-NOPERM no transactions\r\n-NOPERM no\r\n" LOADED, ":1\r\n");
	bench_wait(&bench, STORE_READY);
	event.data = slice_of(large, sizeof large);
	put(&bench, &event, DEADLINE_MS, &noted[0]);
	event = event_of(&bench, "b");
	put(&bench, &event, DEADLINE_MS, &noted[1]);
	await_noted(&bench, noted, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(noted[i].result, STORE_UNAVAILABLE);
		assert_non_null(strstr(noted[i].reason, "not been sent yet"));
	}
}

/* ---- answers to the handshake ---- */

static void test_handshakes(void **state)
{
	static const struct {
		const char *greeting;
		const char *reason; /* NULL: ready */
	} rows[] = {
		{ GREETED, NULL },
		{ "-NOPERM no names\r\n-NOPERM no roles\r\n" INFO NO_MULTI LOADED, NULL },
		{ NAMED MASTER "-NOPERM no transactions\r\n-NOPERM no\r\n" LOADED, NULL },
		{ NAMED MASTER "-LOADING Redis is loading\r\n" LOADED, "EXEC: LOADING" },
		{ NAMED MASTER "-EXECABORT because of: NOPERM\r\n-NOPERM no\r\n" LOADED, NULL },
		{ NAMED "*0\r\n" INFO NO_MULTI LOADED, NULL },
		{ NAMED "*5\r\n$5\r\nslave\r\n$1\r\nh\r\n:1\r\n$7\r\nconnect\r\n:0\r\n" NO_MULTI LOADED,
		  "slave, not a master" },
		{ NAMED "*1\r\n$8\r\nsentinel\r\n" LOADED, "sentinel, not a master" },
		{ NAMED MASTER NO_MULTI "-LOADING Redis is loading\r\n", "SCRIPT LOAD: LOADING" },
		{ NAMED MASTER NO_MULTI "-NOPERM no scripts\r\n", "SCRIPT LOAD: NOPERM" },
		{ NAMED MASTER NO_MULTI "+OK\r\n", "unexpected answer" },
		{ NAMED MASTER NO_MULTI "$3\r\nabc\r\n", "unexpected answer" },
		{ GREETED ":1\r\n", "nobody asked" },
		{ "-ERR unknown command 'CLIENT'\r\n-ERR unknown command 'ROLE'\r\n-ERR unknown command 'INFO'\r\n"
		  "-ERR unknown command 'INFO'\r\n-ERR unknown command 'EXEC'\r\n-ERR unknown command "
		  "'DISCARD'\r\n" LOADED,
		  NULL },
		{ "-ERR max number of clients reached\r\n", "SETNAME: ERR max number" },
		{ NAMED "-MASTERDOWN no\r\n", "ROLE: MASTERDOWN" },
		{ "HTTP/1.1 400 Bad Request\r\n\r\n", "not its protocol" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		connect_link(rows[i].greeting, NULL);
		bench_wait(&bench, rows[i].reason ? STORE_AWAY : STORE_READY);
		if (rows[i].reason && !strstr(bench.reason, rows[i].reason))
			fail_msg("%zu: %s", i, bench.reason);
		store_free(bench.store);
		bench.store = NULL;
		bench.state_count = 0;
	}
}

/* A peer that takes the connection and never says anything is given up, and tried again. */
static void test_silent_handshake(void **state)
{
	connect_link(NULL, NULL);
	bench_wait(&bench, STORE_AWAY);
	assert_non_null(strstr(bench.reason, "handshake in time"));
	peer.greeting = GREETED;
	bench_wait(&bench, STORE_READY);
	assert_int_equal(peer.connections, 2);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(test_answers),    CASE(test_all_end_with_the_first), CASE(test_noscript_for_ever),
		CASE(test_handshakes), CASE(test_silent_handshake),	  CASE(test_answered_too_early),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
