/* Who the master is, as Sentinels of the test's own say: what each answer means, whom of several is believed, and when they
 * are asked. */
#include "redis_fixture.h"
#include "store/sentinel.h"

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

#define ADDRESS(port) "*2\r\n$8\r\n10.0.0.1\r\n$4\r\n" port "\r\n"
#define EPOCH(epoch) "*4\r\n$4\r\nname\r\n$1\r\nm\r\n$12\r\nconfig-epoch\r\n$1\r\n" epoch "\r\n"
#define LISTENS "*3\r\n$9\r\nsubscribe\r\n$14\r\n+switch-master\r\n:1\r\n"
#define LEFT "*3\r\n$11\r\nunsubscribe\r\n$14\r\n+switch-master\r\n:0\r\n"
#define NAMES(port, epoch) ADDRESS(port) EPOCH(epoch) LISTENS
#define NONE "*-1\r\n-ERR No such master with that name\r\n" LISTENS
#define SWITCHED "*3\r\n$7\r\nmessage\r\n$14\r\n+switch-master\r\n$24\r\nm 10.0.0.1 1 10.0.0.1 22\r\n"

enum { FAKES_MAX = 3 };

/* Answers the first question on a connection with `first`, later ones with LEFT and `first`; NULL: not at all. */
struct fake {
	int door, fd;
	struct loop_watch at_door, at_fd;
	const char *answer;
	bool asked;
	int questions;
};

static struct loop *loop;
static struct fake fakes[FAKES_MAX];
static struct config_redis_host hosts[FAKES_MAX];
static struct config_redis place;
static struct store_sentinels *sentinels;
static struct store_sentinel_listener listener;
static int decisions;

static void hang_up(struct fake *fake)
{
	if (fake->fd < 0)
		return;
	loop_unwatch(&fake->at_fd);
	close(fake->fd);
	fake->fd = -1;
}

static void say(struct fake *fake, const char *text)
{
	assert_true(send(fake->fd, text, strlen(text), MSG_NOSIGNAL) >= 0);
}

static void on_question(void *arg, unsigned events)
{
	struct fake *fake = arg;
	char bytes[4096];
	if (recv(fake->fd, bytes, sizeof bytes, MSG_DONTWAIT) <= 0) {
		hang_up(fake);
		return;
	}
	fake->questions++;
	if (!fake->answer)
		return;
	if (fake->asked)
		say(fake, LEFT);
	fake->asked = true;
	say(fake, fake->answer);
}

static void on_knock(void *arg, unsigned events)
{
	struct fake *fake = arg;
	hang_up(fake);
	fake->fd = accept(fake->door, NULL, NULL);
	fake->asked = false;
	assert_int_equal(loop_watch(loop, &fake->at_fd, fake->fd, LOOP_READ, on_question, fake), 0);
}

static void open_fake(size_t i)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof address;
	struct fake *fake = &fakes[i];
	*fake = (struct fake){ .door = socket(AF_INET, SOCK_STREAM, 0), .fd = -1 };
	assert_int_equal(bind(fake->door, (const struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(fake->door, 8), 0);
	assert_int_equal(getsockname(fake->door, (struct sockaddr *)&address, &length), 0);
	assert_int_equal(loop_watch(loop, &fake->at_door, fake->door, LOOP_READ, on_knock, fake), 0);
	hosts[i] = (struct config_redis_host){ "127.0.0.1", ntohs(address.sin_port) };
}

/* Nobody answers there any more. */
static void end_fake(size_t i)
{
	hang_up(&fakes[i]);
	loop_unwatch(&fakes[i].at_door);
	if (fakes[i].door >= 0)
		close(fakes[i].door);
	fakes[i].door = -1;
}

static void on_decided(void *arg)
{
	decisions++;
}

static int begin(void **state)
{
	loop = new_loop();
	decisions = 0;
	sentinels = NULL;
	for (size_t i = 0; i < FAKES_MAX; i++)
		open_fake(i);
	return 0;
}

static int end(void **state)
{
	store_sentinels_free(sentinels);
	for (size_t i = 0; i < FAKES_MAX; i++)
		end_fake(i);
	loop_free(loop);
	return 0;
}

static void watch(size_t count)
{
	place = (struct config_redis){
		.kind = CONFIG_REDIS_SENTINEL, .hosts = hosts, .host_count = count, .master = "m"
	};
	store_sentinels_free(sentinels);
	assert_int_equal(store_sentinels_new(loop, &place, &sentinels), 0);
	listener = (struct store_sentinel_listener){ .decided = on_decided };
	store_sentinels_join(sentinels, &listener);
	store_sentinels_ask(sentinels);
}

static bool names_port(void *arg)
{
	const struct store_master *master = store_sentinels_master(sentinels);
	return master && master->port == *(const uint16_t *)arg;
}

static void await_port(uint16_t port)
{
	run_until(loop, names_port, &port);
}

static bool is_in_vain(void *arg)
{
	return store_sentinels_in_vain(sentinels, arg);
}

static void await_vain(const char *in_reason)
{
	struct reason reason = { "" };
	run_until(loop, is_in_vain, &reason);
	if (!strstr(reason.text, in_reason))
		fail_msg("\"%s\" is not in \"%s\"", in_reason, reason.text);
	assert_null(store_sentinels_master(sentinels));
}

/* ---- one ---- */

static void test_answers(void **state)
{
	static const struct {
		const char *answer;
		const char *reason; /* NULL: 10.0.0.1:1111 */
		uint64_t epoch;
	} rows[] = {
		{ NAMES("1111", "7"), NULL, 7 },
		{ ADDRESS("1111") "-NOPERM no MASTER\r\n" LISTENS, NULL, 0 },
		{ ADDRESS("1111") "*0\r\n" LISTENS, NULL, 0 },
		{ ADDRESS("1111") "*2\r\n$12\r\nconfig-epoch\r\n$1\r\nx\r\n" LISTENS, NULL, 0 },
		{ ADDRESS("1111") "*1\r\n$12\r\nconfig-epoch\r\n" LISTENS, NULL, 0 },
		{ ADDRESS("1111") EPOCH("3") "-NOPERM no channels\r\n", NULL, 3 },
		{ NONE, "knows no master named m", 0 },
		{ "$-1\r\n$-1\r\n" LISTENS, "knows no master named m", 0 },
		{ "-NOAUTH Authentication required.\r\n", "wants a login (NOAUTH", 0 },
		{ "-NOPERM this user\r\n", "it refused: NOPERM", 0 },
		{ "-ERR unknown command 'SENTINEL'\r\n", "it is no Sentinel", 0 },
		{ "+OK\r\n", "no address", 0 },
		{ ":1\r\n", "no address", 0 },
		{ "*0\r\n", "no address", 0 },
		{ "*1\r\n$8\r\n10.0.0.1\r\n", "no address", 0 },
		{ "*3\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\n1\r\n", "no address", 0 },
		{ "*2\r\n$0\r\n\r\n$1\r\n1\r\n", "no address", 0 },
		{ "*2\r\n$3\r\na b\r\n$1\r\n1\r\n", "no address", 0 },
		{ "*2\r\n$3\r\na\nb\r\n$1\r\n1\r\n", "no address", 0 },
		{ "*2\r\n$1\r\na\r\n$1\r\n0\r\n", "no address", 0 },
		{ "*2\r\n$1\r\na\r\n$5\r\n65536\r\n", "no address", 0 },
		{ "*2\r\n$1\r\na\r\n$2\r\n-1\r\n", "no address", 0 },
		{ "*2\r\n$1\r\na\r\n:1\r\n", "no address", 0 },
		{ "*2\r\n*1\r\n$1\r\na\r\n$1\r\n1\r\n", "no address", 0 },
		{ "*2\r\n$-1\r\n$1\r\n1\r\n", "no address", 0 },
		{ LISTENS LISTENS LISTENS, "no address", 0 },
		{ NAMES("1111", "1") ":1\r\n", "nobody asked", 0 },
		{ "HTTP/1.1 400 Bad Request\r\n\r\n", "not its protocol", 0 },
		{ NULL, "did not answer in time", 0 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		fakes[0].answer = rows[i].answer;
		watch(1);
		if (rows[i].reason) {
			await_vain(rows[i].reason);
		} else {
			await_port(1111);
			assert_string_equal(store_sentinels_master(sentinels)->host, "10.0.0.1");
			assert_int_equal(store_sentinels_master(sentinels)->epoch, rows[i].epoch);
		}
	}
}

static void test_long_hosts(void **state)
{
	char answer[1024], host[300];
	for (size_t n = 253; n <= 254; n++) {
		memset(host, 'a', n);
		host[n] = '\0';
		snprintf(answer, sizeof answer, "*2\r\n$%zu\r\n%s\r\n$4\r\n1111\r\n%s", n, host, EPOCH("1") LISTENS);
		fakes[0].answer = answer;
		watch(1);
		if (n == 253)
			await_port(1111);
		else
			await_vain("no address");
	}
}

static void test_nobody_there(void **state)
{
	end_fake(0);
	watch(1);
	await_vain("no Sentinel can be reached: Sentinel 127.0.0.1:");
	assert_int_equal(decisions, 1);
	hosts[0].host = "no-such-host.invalid";
	watch(1);
	await_vain("no Sentinel can be reached: Sentinel no-such-host.invalid:");
}

/* What is announced is asked for at once; what is not, a second later. */
static void test_a_switch(void **state)
{
	fakes[0].answer = NAMES("1111", "1");
	watch(1);
	await_port(1111);
	assert_int_equal(decisions, 1);
	fakes[0].answer = NAMES("2222", "2");
	say(&fakes[0], SWITCHED);
	int64_t begun_ms = loop_now_ms(loop);
	await_port(2222);
	assert_true(loop_now_ms(loop) - begun_ms < 900);
	assert_int_equal(decisions, 2);
	fakes[0].answer = NAMES("3333", "3");
	await_port(3333);
	fakes[0].answer = NONE;
	await_vain("knows no master");
	fakes[0].answer = NAMES("3333", "3");
	await_port(3333);
	assert_int_equal(decisions, 5);
}

static bool was_asked_again(void *arg)
{
	return fakes[0].questions >= *(const int *)arg;
}

/* The same answer again is no news; one that lost its connection is asked again. */
static void test_no_news(void **state)
{
	int questions = 3;
	fakes[0].answer = NAMES("1111", "1");
	watch(1);
	run_until(loop, was_asked_again, &questions);
	assert_int_equal(decisions, 1);
	hang_up(&fakes[0]);
	await_vain("closed the connection");
	await_port(1111);
	assert_int_equal(decisions, 3);
}

/* ---- several ---- */

static void test_the_highest_epoch(void **state)
{
	fakes[0].answer = NAMES("1111", "1");
	fakes[1].answer = NAMES("2222", "3");
	fakes[2].answer = NAMES("1111", "2");
	watch(3);
	await_port(2222);
	/* The one that knew is gone: neither of the others is believed, but both together are most. */
	end_fake(1);
	await_port(1111);
	assert_int_equal(store_sentinels_master(sentinels)->epoch, 2);
}

static bool is_naming_the_old(void *arg)
{
	struct reason reason = { "" };
	return store_sentinels_in_vain(sentinels, &reason) && strstr(reason.text, "before");
}

static void test_one_that_slept(void **state)
{
	fakes[0].answer = NULL;
	fakes[1].answer = fakes[2].answer = NAMES("2222", "3");
	watch(3);
	await_port(2222);
	fakes[0].answer = NAMES("1111", "1");
	end_fake(1);
	end_fake(2);
	/* Before the sleeper's first answer there is none. */
	run_until(loop, is_naming_the_old, NULL);
	await_vain("of before the last switch");
	fakes[0].answer = NAMES("2222", "3");
	await_port(2222);
}

/* What tells a person most is told: not that two are away, but what the third says. */
static void test_what_is_told(void **state)
{
	end_fake(0);
	fakes[1].answer = NONE;
	fakes[2].answer = "-NOAUTH log in\r\n";
	watch(3);
	await_vain("knows no master named m");
	fakes[1].answer = "-NOAUTH log in\r\n";
	watch(3);
	await_vain("wants a login");
	fakes[1].answer = NAMES("1111", "1");
	watch(3);
	await_port(1111);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(test_answers), CASE(test_long_hosts),	  CASE(test_nobody_there),   CASE(test_a_switch),
		CASE(test_no_news), CASE(test_the_highest_epoch), CASE(test_one_that_slept), CASE(test_what_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
