/* consume_exec.c - commands of every bad habit. */
#include "base/clock.h"
#include "consume/exec.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

enum { BIG = 3 * 1024 * 1024 };

/* What a command writes to "$OUT" can be read afterwards. */
static char out_file[] = "/tmp/hookgate-test-exec.XXXXXX";

static int set_up(void **state)
{
	int fd = mkstemp(out_file);
	signal(SIGPIPE, SIG_IGN);
	if (fd < 0 || setenv("OUT", out_file, 1) != 0)
		return -1;
	return close(fd);
}

static int tear_down(void **state)
{
	return unlink(out_file);
}

static size_t read_out(char *text, size_t size)
{
	FILE *file = fopen(out_file, "rb");
	assert_non_null(file);
	size_t n = fread(text, 1, size - 1, file);
	text[n] = '\0';
	fclose(file);
	assert_int_equal(truncate(out_file, 0), 0);
	return n;
}

static struct consume_event event_of(struct slice data)
{
	return (struct consume_event){ .entry = SLICE("7-1"),
				       .stream = SLICE("p:{r.2}:events"),
				       .fields = { { SLICE("id"), SLICE("evt 1") }, { SLICE("data"), data } },
				       .field_count = 2,
				       .deliveries = 1 };
}

static unsigned char *big_body(void)
{
	unsigned char *body = malloc(BIG);
	assert_non_null(body);
	for (size_t i = 0; i < BIG; i++)
		body[i] = (unsigned char)(i * 31 >> 3);
	return body;
}

static void says_how_it_ended(void **state)
{
	static const struct {
		const char *command;
		enum consume_exec_end end;
		const char *reason;
	} cases[] = {
		{ "true", CONSUME_EXEC_DONE, "" },
		{ "exit 0", CONSUME_EXEC_DONE, "" },
		{ "cat >/dev/null", CONSUME_EXEC_DONE, "" },
		{ "false", CONSUME_EXEC_FAILED, "exit status 1" },
		{ "exit 255", CONSUME_EXEC_FAILED, "exit status 255" },
		{ "kill -9 $$", CONSUME_EXEC_FAILED, "ended by signal 9 (Killed)" },
		{ "kill -TERM $$", CONSUME_EXEC_FAILED, "ended by signal 15 (Terminated)" },
		{ "no-such-command-here 2>/dev/null", CONSUME_EXEC_FAILED, "exit status 127" },
		{ "( 2>/dev/null", CONSUME_EXEC_FAILED, "exit status 2" },
		/* SIGPIPE is at its default, although the caller ignores it. */
		{ "kill -PIPE $$", CONSUME_EXEC_FAILED, "ended by signal 13 (Broken pipe)" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct consume_event event = event_of(SLICE("body"));
		struct reason reason = { "" };
		enum consume_exec_end end = (enum consume_exec_end)99;
		int stderr_copy = dup(2), null = open("/dev/null", O_WRONLY);
		assert_true(stderr_copy >= 0 && null >= 0 && dup2(null, 2) == 2);
		int fault = consume_exec(cases[i].command, &event, NULL, &end, &reason);
		assert_int_equal(dup2(stderr_copy, 2), 2);
		close(stderr_copy);
		close(null);
		if (fault != 0 || end != cases[i].end || strcmp(reason.text, cases[i].reason) != 0)
			fail_msg("%s: %d, %d, %s", cases[i].command, fault, (int)end, reason.text);
	}
}

static void hands_over_the_body(void **state)
{
	unsigned char *body = big_body();
	struct slice bodies[] = { SLICE_NONE, SLICE("a"), SLICE("a\0b\xff\n"), slice_of(body, 65536),
				  slice_of(body, BIG) };
	char *text = malloc(BIG + 2);
	assert_non_null(text);
	for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
		struct consume_event event = event_of(bodies[i]);
		enum consume_exec_end end;
		struct reason reason;
		assert_int_equal(consume_exec("cat >\"$OUT\"", &event, NULL, &end, &reason), 0);
		assert_int_equal(end, CONSUME_EXEC_DONE);
		size_t n = read_out(text, BIG + 2);
		assert_true(slice_eq(slice_of(text, n), bodies[i]));
	}
	free(text);
	free(body);
}

/* None of these may hang, fail, or leave a process behind. */
static void bears_commands_that_do_not_read(void **state)
{
	static const char *const commands[] = {
		"true",
		"exec <&-; true",
		"head -c 10 >/dev/null",
		"exec <&-; sleep 0.2",
		/* Writes much before it reads: with a pipe each way, this is where one hangs. */
		"head -c 1000000 /dev/zero >\"$OUT\"; cat >>\"$OUT\"",
		/* A child of its own holds the pipe and does not read; the command's own end counts. */
		"sleep 3 & true",
	};
	unsigned char *body = big_body();
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		struct consume_event event = event_of(slice_of(body, BIG));
		enum consume_exec_end end;
		struct reason reason;
		int64_t begun_ms = clock_mono_ms();
		assert_int_equal(consume_exec(commands[i], &event, NULL, &end, &reason), 0);
		assert_int_equal(end, CONSUME_EXEC_DONE);
		assert_true(clock_mono_ms() - begun_ms < 2500);
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
		assert_int_equal(errno, ECHILD);
	}
	assert_int_equal(truncate(out_file, 0), 0);
	free(body);
}

static void sets_the_environment(void **state)
{
	struct consume_event event = {
		.stream = SLICE("p:{r.2}:events"),
		.entry = SLICE("7-1"),
		.fields = { { SLICE("specversion"), SLICE("1.0") },
			    { SLICE("id"), SLICE("a=b\nc") },
			    { SLICE("source"), SLICE("/hooks/x") },
			    { SLICE("type"), SLICE("n\0l") },
			    { SLICE("time"), SLICE("T") },
			    { SLICE("datacontenttype"), SLICE("text/plain") },
			    { SLICE("route"), SLICE("r") },
			    { SLICE("provider"), SLICE("p") },
			    { SLICE("headers"), SLICE("{}") },
			    { SLICE("secret"), SLICE("s") },
			    { SLICE("covered"), SLICE("full") },
			    { SLICE("traceparent"), SLICE("00-") } },
		.field_count = 12,
		.deliveries = 3,
	};
	static const char wanted[] =
		"1.0|a=b\nc|/hooks/x|n\xef\xbf\xbdl|T|text/plain|r|p|{}|s|full|00-|7-1|p:{r.2}:events|3|kept";
	enum consume_exec_end end;
	struct reason reason;
	char text[512];
	/* One that stands there already is replaced, others are kept. */
	assert_int_equal(setenv("HOOKGATE_ID", "stale", 1), 0);
	assert_int_equal(setenv("KEPT", "kept", 1), 0);
	assert_int_equal(
		consume_exec(
			"printf %s \"$HOOKGATE_SPECVERSION|$HOOKGATE_ID|$HOOKGATE_SOURCE|$HOOKGATE_TYPE|$HOOKGATE_TIME|"
			"$HOOKGATE_DATACONTENTTYPE|$HOOKGATE_ROUTE|$HOOKGATE_PROVIDER|$HOOKGATE_HEADERS|"
			"$HOOKGATE_SECRET|$HOOKGATE_COVERED|$HOOKGATE_TRACEPARENT|$HOOKGATE_ENTRY|$HOOKGATE_STREAM|"
			"$HOOKGATE_DELIVERY_COUNT|$KEPT\" >\"$OUT\"; test \"$(env | grep -c ^HOOKGATE_ID=)\" = 1",
			&event, NULL, &end, &reason),
		0);
	assert_int_equal(end, CONSUME_EXEC_DONE);
	read_out(text, sizeof text);
	assert_string_equal(text, wanted);

	/* What the event has not is empty, not what the caller's environment has. */
	event = (struct consume_event){ .entry = SLICE("7-1") };
	assert_int_equal(consume_exec("printf %s \"[$HOOKGATE_ID][${HOOKGATE_DELIVERY_COUNT-none}]\" >\"$OUT\"", &event,
				      NULL, &end, &reason),
			 0);
	read_out(text, sizeof text);
	assert_string_equal(text, "[][none]");
	assert_int_equal(unsetenv("HOOKGATE_ID"), 0);
}

/* Linux refuses a program whose environment has a string of 128 KiB: the largest that goes, and the first that is left
 * out. */
static void leaves_out_what_does_not_fit(void **state)
{
	static const size_t name = sizeof "HOOKGATE_HEADERS=" - 1;
	unsigned char *value = malloc(256 * 1024);
	assert_non_null(value);
	memset(value, 'x', 256 * 1024);
	for (int over = 0; over < 2; over++) {
		struct consume_event event = event_of(SLICE("body"));
		enum consume_exec_end end;
		struct reason reason = { "" };
		char text[64];
		event.fields[event.field_count++] =
			(struct consume_field){ SLICE("headers"),
						slice_of(value, 128 * 1024 - name - 1 + (size_t)over) };
		assert_int_equal(consume_exec("printf %s \"${#HOOKGATE_HEADERS} $HOOKGATE_ID\" >\"$OUT\"", &event, NULL,
					      &end, &reason),
				 0);
		assert_int_equal(end, CONSUME_EXEC_DONE);
		read_out(text, sizeof text);
		assert_string_equal(text, over ? "0 evt 1" : "131054 evt 1");
	}
	free(value);
}

static volatile sig_atomic_t stops;

static void on_alarm(int number)
{
	stops = 2;
}

static void touch(void *arg)
{
	const char *path = arg;
	close(open(path, O_CREAT | O_WRONLY, 0600));
}

/* `turn` until it was told of, which is what ends the command well; 300 times at most. */
static void check_told_of(const char *turn, struct slice body)
{
	struct consume_event event = event_of(body);
	enum consume_exec_end end = CONSUME_EXEC_FAILED;
	struct reason reason = { "" };
	char path[256], command[512];
	const struct consume_exec_watch watch = { .running = touch, .arg = path };
	(void)snprintf(path, sizeof path, "%s.told", getenv("OUT"));
	(void)snprintf(command, sizeof command,
		       "n=0\nuntil test -e \"$OUT.told\"; do\ntest $((n += 1)) -lt 300 || exit 1\n%s\ndone", turn);
	unlink(path);
	assert_int_equal(consume_exec(command, &event, &watch, &end, &reason), 0);
	assert_int_equal(end, CONSUME_EXEC_DONE);
	unlink(path);
}

static void is_told_of(void **state)
{
	(void)state;
	check_told_of("sleep 0.02", SLICE("body"));
}

/* Also while it reads, so slowly that there is always something to be written for it. */
static void is_told_of_while_fed(void **state)
{
	unsigned char *body = big_body();
	(void)state;
	check_told_of("dd bs=4096 count=1 of=/dev/null 2>/dev/null\nsleep 0.02", slice_of(body, BIG));
	free(body);
}

/* One stop lets the command end; a second one ends it. */
static void is_hurried(void **state)
{
	struct consume_event event = event_of(SLICE("body"));
	enum consume_exec_end end;
	struct reason reason = { "" };
	const struct consume_exec_watch watch = { .stops = &stops };
	int64_t begun_ms;
	stops = 1;
	assert_int_equal(consume_exec("sleep 0.3", &event, &watch, &end, &reason), 0);
	assert_int_equal(end, CONSUME_EXEC_DONE);
	struct sigaction action = { .sa_handler = on_alarm };
	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	alarm(1);
	begun_ms = clock_mono_ms();
	assert_int_equal(consume_exec("sleep 30; true", &event, &watch, &end, &reason), 0);
	assert_int_equal(end, CONSUME_EXEC_FAILED);
	assert_string_equal(reason.text, "ended by signal 15 (Terminated)");
	assert_true(clock_mono_ms() - begun_ms < 10000);
}

static size_t open_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	size_t n = 0;
	assert_non_null(folder);
	while (readdir(folder))
		n++;
	closedir(folder);
	return n;
}

/* Neither here nor in the command, which has as many as one that is run without us. */
static void leaves_no_descriptor_behind(void **state)
{
	struct consume_event event = event_of(SLICE("body"));
	enum consume_exec_end end;
	struct reason reason;
	char usual[32], text[32];
	size_t before = open_descriptors();
	assert_int_equal(system("ls /proc/self/fd | wc -l >\"$OUT\""), 0);
	read_out(usual, sizeof usual);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(consume_exec("ls /proc/self/fd | wc -l >\"$OUT\"", &event, NULL, &end, &reason), 0);
		assert_int_equal(end, CONSUME_EXEC_DONE);
		read_out(text, sizeof text);
		assert_string_equal(text, usual);
	}
	assert_int_equal(open_descriptors(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_how_it_ended),
		cmocka_unit_test(hands_over_the_body),
		cmocka_unit_test(sets_the_environment),
		cmocka_unit_test(leaves_out_what_does_not_fit),
		cmocka_unit_test(is_hurried),
		cmocka_unit_test(is_told_of),
		cmocka_unit_test(is_told_of_while_fed),
		cmocka_unit_test(leaves_no_descriptor_behind),
		cmocka_unit_test(bears_commands_that_do_not_read),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
