/* Unit tests of base/log. Each test reads the lines from a pipe. */
#include "base/clock.h"
#include "base/log.h"

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

struct sink {
	int fds[2];
	bool is_pipe;
	char text[256 * 1024];
	size_t n;
};

static int set_up(void **state)
{
	struct sink *sink = calloc(1, sizeof *sink);
	if (!sink || pipe2(sink->fds, O_NONBLOCK | O_CLOEXEC) != 0)
		return -1;
	sink->is_pipe = true;
	log_configure(LOG_INFO, LOG_TEXT);
	log_set_fd(sink->fds[1]);
	*state = sink;
	return 0;
}

static int tear_down(void **state)
{
	struct sink *sink = *state;
	log_flush();
	log_set_fd(STDERR_FILENO);
	close(sink->fds[0]);
	close(sink->fds[1]);
	free(sink);
	return 0;
}

/* What was written since the last time, NUL-terminated. */
static const char *take(struct sink *sink)
{
	ssize_t n;
	sink->n = 0;
	while ((n = read(sink->fds[0], sink->text + sink->n, sizeof sink->text - 1 - sink->n)) > 0)
		sink->n += (size_t)n;
	sink->text[sink->n] = '\0';
	return sink->text;
}

/* A line of text without its time, whose form is checked. */
static const char *take_line(struct sink *sink)
{
	const char *text = take(sink);
	int64_t ms = 0;
	assert_true(sink->n > CLOCK_RFC3339_LENGTH + 1);
	assert_true(clock_parse_rfc3339(slice_of(text, CLOCK_RFC3339_LENGTH), false, &ms));
	assert_true(clock_wall_ms() - ms < 60000);
	assert_int_equal(text[CLOCK_RFC3339_LENGTH], ' ');
	return text + CLOCK_RFC3339_LENGTH + 1;
}

static void writes_every_kind_of_field(void **state)
{
	const struct log_field fields[] = {
		LOG_S("id", SLICE("evt_1")), LOG_C("route", "stripe"),
		LOG_U("u", UINT64_MAX),	     LOG_I("i", INT64_MIN),
		LOG_US("took_ms", 1042),     LOG_US("none_ms", 0),
		LOG_US("back_ms", -1500),    LOG_US("least_ms", INT64_MIN),
		LOG_US("whole_ms", 12000),   LOG_S("left_out", SLICE_NONE),
		LOG_C("too", NULL),
	};
	log_fields(LOG_INFO, "delivery", fields, sizeof fields / sizeof fields[0]);
	log_flush();
	assert_string_equal(take_line(*state),
			    "info delivery id=evt_1 route=stripe u=18446744073709551615 i=-9223372036854775808 "
			    "took_ms=1.042 none_ms=0.000 back_ms=-1.500 least_ms=-9223372036854775.808 "
			    "whole_ms=12.000\n");

	log_configure(LOG_INFO, LOG_JSON);
	log_fields(LOG_INFO, "delivery", fields, sizeof fields / sizeof fields[0]);
	log_flush();
	const char *text = take(*state);
	assert_memory_equal(text, "{\"time\":\"2", 10);
	assert_string_equal(text + 9 + CLOCK_RFC3339_LENGTH,
			    "\",\"level\":\"info\",\"event\":\"delivery\",\"id\":\"evt_1\",\"route\":\"stripe\","
			    "\"u\":18446744073709551615,\"i\":-9223372036854775808,\"took_ms\":1.042,"
			    "\"none_ms\":0.000,\"back_ms\":-1.500,\"least_ms\":-9223372036854775.808,"
			    "\"whole_ms\":12.000}\n");
}

static void escapes_what_strangers_wrote(void **state)
{
	static const struct {
		struct slice value;
		const char *text, *json;
	} cases[] = {
		{ SLICE_LIT("plain-1.0:/_~!"), "plain-1.0:/_~!", "\"plain-1.0:/_~!\"" },
		{ SLICE_LIT("two words"), "\"two words\"", "\"two words\"" },
		{ SLICE_LIT("a=b"), "\"a=b\"", "\"a=b\"" },
		{ SLICE_LIT("say \"no\""), "\"say \\\"no\\\"\"", "\"say \\\"no\\\"\"" },
		{ SLICE_LIT("a\\b"), "\"a\\\\b\"", "\"a\\\\b\"" },
		{ SLICE_LIT("x\n2026 error fake"), "\"x\\u000a2026 error fake\"", "\"x\\u000a2026 error fake\"" },
		{ SLICE_LIT("\0\x1b[2J\x7f"), "\"\\u0000\\u001b[2J\\u007f\"", "\"\\u0000\\u001b[2J\\u007f\"" },
		{ SLICE_LIT("M\xc3\xbcller"), "\"M\xc3\xbcller\"", "\"M\xc3\xbcller\"" },
		{ SLICE_LIT("\xff\xfe"), "\"\xef\xbf\xbd\xef\xbf\xbd\"", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
	};
	char expected[256];
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		log_configure(LOG_INFO, LOG_TEXT);
		log_line(LOG_ERROR, "x", LOG_S("v", cases[i].value));
		snprintf(expected, sizeof expected, "error x v=%s\n", cases[i].text);
		assert_string_equal(take_line(*state), expected);

		log_configure(LOG_INFO, LOG_JSON);
		log_line(LOG_ERROR, "x", LOG_S("v", cases[i].value));
		snprintf(expected, sizeof expected, "\",\"level\":\"error\",\"event\":\"x\",\"v\":%s}\n",
			 cases[i].json);
		assert_string_equal(take(*state) + 9 + CLOCK_RFC3339_LENGTH, expected);
	}
}

static void keeps_to_the_level(void **state)
{
	static const enum log_level levels[] = { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR, LOG_OFF };
	for (size_t i = 0; i < 5; i++) {
		log_configure(levels[i], LOG_TEXT);
		for (size_t j = 0; j < 5; j++)
			assert_int_equal(log_enabled(levels[j]), j >= i && levels[j] != LOG_OFF);
		for (size_t j = 0; j < 5; j++)
			log_line(levels[j], "x", LOG_I("i", 1));
		log_flush();
		const char *text = take(*state);
		size_t lines = 0;
		for (; *text; text++)
			lines += *text == '\n';
		assert_int_equal(lines, 4 - i);
	}
}

static void gathers_information_but_not_errors(void **state)
{
	log_line(LOG_INFO, "one", LOG_I("i", 1));
	assert_string_equal(take(*state), "");
	assert_int_equal(log_pending(), CLOCK_RFC3339_LENGTH + strlen(" info one i=1\n"));
	log_line(LOG_ERROR, "two", LOG_I("i", 2));
	assert_int_equal(log_pending(), 0);
	const char *text = take(*state);
	const char *one = strstr(text, "info one i=1\n");
	const char *two = strstr(text, "error two i=2\n");
	assert_true(one && two && one < two);
	log_flush();
	assert_string_equal(take(*state), "");
}

static void writes_when_much_was_gathered(void **state)
{
	char value[1000];
	memset(value, 'v', sizeof value);
	for (int i = 0; i < 32; i++)
		log_line(LOG_INFO, "x", LOG_S("v", slice_of(value, sizeof value)));
	assert_true(strlen(take(*state)) > 32 * 1024);
}

static void *log_one_line(void *arg)
{
	(void)arg;
	log_line(LOG_INFO, "from a thread", LOG_I("i", 1));
	return NULL;
}

static void writes_what_a_thread_left_at_its_end(void **state)
{
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, log_one_line, NULL), 0);
	pthread_join(thread, NULL);
	assert_string_equal(take_line(*state), "info from a thread i=1\n");
}

enum { THREADS = 4, LINES = 200 };

static void *log_many_lines(void *arg)
{
	char value[100];
	memset(value, *(char *)arg, sizeof value);
	for (int i = 0; i < LINES; i++) {
		log_line(i % 3 == 0 ? LOG_ERROR : LOG_INFO, "x", LOG_S("v", slice_of(value, sizeof value)));
		log_configure(LOG_INFO, LOG_TEXT);
	}
	return NULL;
}

static void *read_slowly(void *arg)
{
	struct sink *sink = arg;
	struct pollfd poller = { .fd = sink->fds[0], .events = POLLIN };
	while (poll(&poller, 1, 300) > 0) {
		ssize_t n = read(sink->fds[0], sink->text + sink->n, 777);
		if (n > 0)
			sink->n += (size_t)n;
	}
	return NULL;
}

static void never_mixes_the_lines_of_threads(void **state)
{
	struct sink *sink = *state;
	pthread_t threads[THREADS];
	pthread_t reader;
	char names[THREADS];
	assert_int_equal(pthread_create(&reader, NULL, read_slowly, sink), 0);
	for (int i = 0; i < THREADS; i++) {
		names[i] = (char)('a' + i);
		assert_int_equal(pthread_create(&threads[i], NULL, log_many_lines, &names[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_join(reader, NULL);

	size_t lines = 0;
	for (struct slice rest = slice_of(sink->text, sink->n), line; slice_cut(rest, '\n', &line, &rest); lines++) {
		struct slice value = slice_from(line, slice_index(line, '=') + 1);
		assert_int_equal(value.n, 100);
		for (size_t i = 1; i < value.n; i++)
			assert_int_equal(value.p[i], value.p[0]);
	}
	assert_int_equal(lines, THREADS * LINES);
}

/* Fills the pipe with lines whose value has `length` bytes, empties it, and sees what is told then. */
static void check_drops(struct sink *sink, size_t length)
{
	char value[9000];
	size_t sent = 0;
	memset(value, 'v', sizeof value);
	int64_t start_ms = clock_mono_ms();
	/* More than a pipe holds. Each error is written at once, so each of those behind the first failure would wait
	 * for a second if the wait were not made once only. */
	for (; sent < 60; sent++)
		log_line(LOG_ERROR, "x", LOG_S("v", slice_of(value, length)));
	int64_t took_ms = clock_mono_ms() - start_ms;
	if (took_ms < 900 || took_ms > 3000)
		fail_msg("took %lld ms", (long long)took_ms);

	struct slice rest = slice_str(take(sink));
	struct slice line;
	size_t whole = 0;
	for (; slice_cut(rest, '\n', &line, &rest); whole++)
		assert_true(line.n > length);
	bool torn = line.n > 0;
	assert_true(whole > 3 && whole < sent);

	char expected[128];
	log_line(LOG_ERROR, "back", LOG_I("i", 1));
	const char *text = take(sink);
	/* A line that was cut in the middle is ended first. */
	if (torn)
		assert_int_equal(*text++, '\n');
	snprintf(expected, sizeof expected, " warning log lines dropped lines=%zu\n", sent - whole);
	assert_string_equal(strchr(text, ' '), strstr(text, expected));
	assert_non_null(strstr(text, " error back i=1\n"));

	log_line(LOG_ERROR, "again", LOG_I("i", 1));
	assert_string_equal(take_line(sink), "error again i=1\n");
	/* Up to PIPE_BUF a pipe takes all or nothing; nothing is known of others. */
	if (sink->is_pipe)
		assert_int_equal(torn, length > PIPE_BUF);
}

static void drops_and_counts_what_nobody_reads(void **state)
{
	check_drops(*state, 3000);
}

static void ends_a_line_that_was_cut(void **state)
{
	check_drops(*state, 9000);
}

static void change_sink(struct sink *sink, int in, int out)
{
	close(sink->fds[0]);
	close(sink->fds[1]);
	sink->fds[0] = in;
	sink->fds[1] = out;
	sink->is_pipe = false;
	log_set_fd(out);
}

/* A socket that would block, as journald's may, is not let do so. */
static void drops_and_counts_at_a_blocking_socket(void **state)
{
	struct sink *sink = *state;
	int fds[2], size = 8192;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
	assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	change_sink(sink, fds[0], fds[1]);
	check_drops(sink, 3000);
}

static void writes_to_a_file(void **state)
{
	struct sink *sink = *state;
	FILE *file = tmpfile();
	assert_non_null(file);
	int in = dup(fileno(file)), out = dup(fileno(file));
	assert_int_equal(fclose(file), 0);
	change_sink(sink, in, out);
	for (int i = 0; i < 3000; i++)
		log_line(LOG_INFO, "x", LOG_I("i", i));
	log_flush();
	/* The two share their place in the file. */
	assert_int_equal(lseek(in, 0, SEEK_SET), 0);
	struct slice rest = slice_str(take(sink)), line;
	char expected[32];
	for (int i = 0; i < 3000; i++) {
		assert_true(slice_cut(rest, '\n', &line, &rest));
		snprintf(expected, sizeof expected, " info x i=%d", i);
		assert_true(slice_eq(slice_from(line, CLOCK_RFC3339_LENGTH), slice_str(expected)));
	}
	assert_int_equal(rest.n, 0);
}

static void survives_a_reader_that_left(void **state)
{
	struct sink *sink = *state;
	signal(SIGPIPE, SIG_IGN);
	close(sink->fds[0]);
	log_line(LOG_ERROR, "x", LOG_I("i", 1));
	log_line(LOG_ERROR, "x", LOG_I("i", 2));
	close(sink->fds[1]);
	assert_int_equal(pipe2(sink->fds, O_NONBLOCK | O_CLOEXEC), 0);
	log_set_fd(sink->fds[1]);
	log_line(LOG_ERROR, "x", LOG_I("i", 3));
	assert_string_equal(take_line(sink), "error x i=3\n");
}

#define LOG_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		LOG_TEST(writes_every_kind_of_field),
		LOG_TEST(escapes_what_strangers_wrote),
		LOG_TEST(keeps_to_the_level),
		LOG_TEST(gathers_information_but_not_errors),
		LOG_TEST(writes_when_much_was_gathered),
		LOG_TEST(writes_what_a_thread_left_at_its_end),
		LOG_TEST(never_mixes_the_lines_of_threads),
		LOG_TEST(drops_and_counts_what_nobody_reads),
		LOG_TEST(ends_a_line_that_was_cut),
		LOG_TEST(drops_and_counts_at_a_blocking_socket),
		LOG_TEST(writes_to_a_file),
		LOG_TEST(survives_a_reader_that_left),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
