/* A connection to Redis waits until what it is told of has come, and for nothing else: not for what was promised by mistake, and not
 * beyond the end. At its other end is the test. */
#include "store/wire.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

struct line {
	struct loop *loop;
	struct store_wire wire;
	struct store_trips trips;
	int door, peer;
	bool opened, broken;
	size_t replies, replied;
};

static void on_opened(void *arg)
{
	struct line *line = arg;
	line->opened = true;
	loop_stop(line->loop);
}

static void on_reply(void *arg, const redisReply *reply)
{
	struct line *line = arg;
	struct store_trip *trip = store_trips_answered(&line->trips);
	assert_non_null(trip);
	assert_int_equal(reply->type, REDIS_REPLY_STATUS);
	line->replies++;
	if (trip->due == 0)
		store_trips_give(&line->trips, trip);
}

static void on_replied(void *arg)
{
	struct line *line = arg;
	line->replied++;
	loop_stop(line->loop);
}

static void on_broken(void *arg, const char *why)
{
	struct line *line = arg;
	line->broken = true;
	store_wire_close(&line->wire);
	loop_stop(line->loop);
}

static const struct store_wire_calls calls = { on_opened, on_reply, on_replied, on_broken };

static int set_up(void **state)
{
	struct line *line = calloc(1, sizeof *line);
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof address;
	assert_non_null(line);
	assert_int_equal(loop_new(&line->loop), 0);
	line->door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(line->door, (const struct sockaddr *)&address, length), 0);
	assert_int_equal(listen(line->door, 1), 0);
	assert_int_equal(getsockname(line->door, (struct sockaddr *)&address, &length), 0);
	assert_int_equal(
		store_wire_open(&line->wire, line->loop, (const struct sockaddr *)&address, length, &calls, line), 0);
	assert_int_equal(loop_run(line->loop), 0);
	assert_true(line->opened);
	line->peer = accept(line->door, NULL, NULL);
	assert_true(line->peer >= 0);
	*state = line;
	return 0;
}

static int tear_down(void **state)
{
	struct line *line = *state;
	struct store_list lost = { .first = NULL };
	store_wire_close(&line->wire);
	store_trips_clear(&line->trips, &lost);
	store_trips_free(&line->trips);
	loop_free(line->loop);
	if (line->peer >= 0)
		close(line->peer);
	close(line->door);
	free(line);
	return 0;
}

/* A trip with so many replies, of which it says that they have so many bytes at least; it is on its way. */
static void ask(struct line *line, size_t due, size_t least)
{
	struct store_trip *trip = store_trips_take(&line->trips, STORE_TRIP_COMMIT);
	assert_non_null(trip);
	trip->due = due;
	trip->least = least;
	assert_true(store_trip_add(trip, SLICE("*1\r\n$4\r\nPING\r\n")));
	store_trips_queue(&line->trips, trip, 0);
	store_wire_flush(&line->wire, &line->trips);
	assert_null(line->trips.unsent);
}

static void say(const struct line *line, const char *text)
{
	assert_int_equal(write(line->peer, text, strlen(text)), strlen(text));
}

static void stop(void *arg)
{
	loop_stop(arg);
}

/* All that the loop has to call for is called: what was said has long arrived, since it went over loopback. */
static void wait_a_while(struct line *line)
{
	struct loop_timer timer = { 0 };
	assert_int_equal(loop_timer_start(line->loop, &timer, 20, stop, line->loop), 0);
	assert_int_equal(loop_run(line->loop), 0);
	loop_timer_stop(&timer);
}

static void test_waits_for_the_last(void **state)
{
	struct line *line = *state;
	ask(line, 3, 3 * 9);
	say(line, "+QUEUED\r\n");
	wait_a_while(line);
	say(line, "+QUEUED\r\n+QUEU");
	wait_a_while(line);
	assert_int_equal(line->replies, 0);
	say(line, "ED\r\n");
	assert_int_equal(loop_run(line->loop), 0);
	assert_int_equal(line->replies, 3);
	assert_int_equal(line->replied, 1);
}

/* What comes behind the least, and what comes for another trip, is not waited for. */
static void test_waits_once(void **state)
{
	struct line *line = *state;
	ask(line, 3, 2 * 9);
	say(line, "+QUEUED\r\n+QUEUED\r\n");
	assert_int_equal(loop_run(line->loop), 0);
	assert_int_equal(line->replies, 2);
	say(line, "+OK\r\n");
	assert_int_equal(loop_run(line->loop), 0);
	assert_int_equal(line->replies, 3);
	ask(line, 1, 0);
	say(line, "+OK\r\n");
	assert_int_equal(loop_run(line->loop), 0);
	assert_int_equal(line->replies, 4);
}

/* Two on their way: the second is not waited for before the first has been answered, nor the first for the second's sake. */
static void test_the_oldest_counts(void **state)
{
	struct line *line = *state;
	ask(line, 1, 0);
	ask(line, 2, 2 * 9);
	say(line, "+OK\r\n");
	assert_int_equal(loop_run(line->loop), 0);
	assert_int_equal(line->replies, 1);
	say(line, "+QUEUED\r\n");
	assert_int_equal(loop_run(line->loop), 0);
	say(line, "+QUEUED\r\n");
	assert_int_equal(loop_run(line->loop), 0);
	assert_int_equal(line->replies, 3);
}

static void test_promised_by_mistake(void **state)
{
	struct line *line = *state;
	ask(line, 1, 100);
	say(line, "+OK\r\n");
	wait_a_while(line);
	assert_int_equal(line->replies, 0);
	store_wire_hasten(&line->wire, &line->trips);
	assert_int_equal(loop_run(line->loop), 0);
	assert_int_equal(line->replies, 1);
}

/* Neither is it waited for again when more is sent behind it. */
static void test_promised_once(void **state)
{
	struct line *line = *state;
	ask(line, 1, 100);
	store_wire_hasten(&line->wire, &line->trips);
	ask(line, 1, 0);
	say(line, "+OK\r\n");
	wait_a_while(line);
	assert_int_equal(line->replies, 1);
}

static void test_end_amid(void **state)
{
	struct line *line = *state;
	ask(line, 3, 3 * 9);
	say(line, "+QUEUED\r\n");
	close(line->peer);
	line->peer = -1;
	while (!line->broken)
		assert_int_equal(loop_run(line->loop), 0);
	assert_int_equal(line->replies, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_waits_for_the_last, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_waits_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_the_oldest_counts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_promised_by_mistake, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_promised_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_end_amid, set_up, tear_down),
	};
	return cmocka_run_group_tests_name("store_wire", tests, NULL, NULL);
}
