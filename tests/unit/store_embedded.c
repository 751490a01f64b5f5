/* The embedded redis-server: its life, its death, and that it has one owner. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/num.h"
#include "link_fixture.h"
#include "store/embedded.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
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

enum { TIMEOUT_MS = 10000 };

static char dir[64], inside[80], path_before[4096];
static struct loop *loop;
static struct store_embedded *embedded;
static struct reason reason;
static struct buf said;
static bool nothing_is_installed;

/* In place of the C library's. */
int access(const char *path, int mode)
{
	if (!nothing_is_installed)
		return faccessat(AT_FDCWD, path, mode, 0);
	errno = ENOENT;
	return -1;
}

static void on_said(void *arg, const char *what)
{
	buf_add_str(&said, what);
	buf_add_byte(&said, '\n');
}

static int begin(void **state)
{
	make_directory(dir, sizeof dir);
	snprintf(inside, sizeof inside, "%s/redis", dir);
	snprintf(path_before, sizeof path_before, "%s", getenv("PATH"));
	loop = new_loop();
	embedded = NULL;
	reason = (struct reason){ "" };
	return 0;
}

static int end(void **state)
{
	nothing_is_installed = false;
	store_embedded_free(embedded, TIMEOUT_MS);
	loop_free(loop);
	buf_free(&said);
	setenv("PATH", path_before, 1);
	remove_directory(dir);
	return 0;
}

static int start(int64_t timeout_ms)
{
	return store_embedded_new(loop, inside, timeout_ms, on_said, NULL, &embedded, &reason);
}

static void start_well(void)
{
	if (start(TIMEOUT_MS) != 0)
		fail_msg("%s", reason.text);
}

/* One command on a connection of its own: its text. */
static void ask(const char *line, char *out, size_t size)
{
	const struct config_redis place = { .kind = CONFIG_REDIS_EMBEDDED, .path = inside };
	struct redis_fixture redis = { .pid = 0 };
	assert_int_equal(store_client_new(&place, NULL, TIMEOUT_MS, &redis.client), 0);
	struct store_reply *reply = redis_ask(&redis, line);
	const struct store_reply *text = store_reply_count(reply) == 2 ? store_reply_at(reply, 1) : reply;
	snprintf(out, size, "%.*s", SLICE_ARGS(store_reply_text(text)));
	store_reply_free(reply);
	store_client_free(redis.client);
}

static void expect(const char *line, const char *text)
{
	char found[128];
	ask(line, found, sizeof found);
	if (strcmp(found, text) != 0)
		fail_msg("%s: %s", line, found);
}

static pid_t server(void)
{
	char info[8192];
	uint64_t pid = 0;
	struct slice line, rest;
	ask("INFO server", info, sizeof info);
	const char *at = strstr(info, "process_id:");
	assert_non_null(at);
	slice_cut(slice_str(at + 11), '\r', &line, &rest);
	assert_true(num_parse_u64(line, INT32_MAX, &pid));
	return (pid_t)pid;
}

/* A program that is found as redis-server before the real one. */
static void install(const char *script)
{
	char path[80], search[160];
	snprintf(path, sizeof path, "%s/redis-server", dir);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(script, file);
	fclose(file);
	assert_int_equal(chmod(path, 0755), 0);
	snprintf(search, sizeof search, "%s:/usr/bin:/bin", dir);
	setenv("PATH", search, 1);
}

static void test_started(void **state)
{
	struct stat status;
	char path[128];
	start_well();
	assert_int_equal(stat(inside, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0700);
	assert_int_equal(store_embedded_socket(inside, path, sizeof path), 0);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0700);
	expect("CONFIG GET port", "0");
	expect("CONFIG GET appendonly", "yes");
	expect("CONFIG GET appendfsync", "everysec");
	expect("CONFIG GET maxmemory-policy", "noeviction");
	expect("CONFIG GET save", "");
	/* A terminal's Ctrl-C is not for it. */
	pid_t pid = server();
	assert_int_equal(getpgid(pid), pid);
	store_embedded_free(embedded, TIMEOUT_MS);
	embedded = NULL;
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(said.n, 0);
	store_embedded_free(NULL, 0);
}

static void test_one_owner(void **state)
{
	struct store_embedded *second = NULL;
	start_well();
	assert_int_equal(store_embedded_new(loop, inside, TIMEOUT_MS, NULL, NULL, &second, &reason), -EBUSY);
	assert_null(second);
	assert_non_null(strstr(reason.text, "another process"));
	expect("PING", "PONG");
	store_embedded_free(embedded, TIMEOUT_MS);
	start_well();
}

static bool is_started_again(void *arg)
{
	return said.n > 0 && memmem(said.p, said.n, "started again (process", 22);
}

/* Killed with everything that was answered in its file: it comes back with it, and the link does, too. */
static void test_killed(void **state)
{
	const struct config_redis place = { .kind = CONFIG_REDIS_EMBEDDED, .path = inside };
	struct bench bench = { .loop = loop };
	struct noted noted;
	start_well();
	assert_int_equal(store_target_new(SLICE("hookgate"), SLICE("stripe"), SLICE("/s"), SLICE("s"), &bench.target),
			 0);
	bench_connect(&bench, &place, NULL, STALL_MS);
	bench_wait(&bench, STORE_READY);
	struct store_event event = event_of(&bench, "a");
	assert_int_equal(put_and_wait(&bench, &event, &noted), STORE_STORED);
	pid_t before = server();
	assert_int_equal(kill(before, SIGKILL), 0);
	run_until(loop, is_started_again, NULL);
	assert_non_null(memmem(said.p, said.n, "ended by signal 9", 17));
	bench_wait(&bench, STORE_READY);
	assert_int_not_equal(server(), before);
	assert_int_equal(put_and_wait(&bench, &event, &noted), STORE_DUPLICATE);
	store_free(bench.store);
	store_target_free(bench.target);
}

/* Its owner is killed: it ends by itself, and the next owner waits for that instead of running a second one on the same
 * files. */
static void test_owner_killed(void **state)
{
	fflush(NULL);
	pid_t owner = fork();
	if (owner == 0) {
		struct store_embedded *own = NULL;
		if (store_embedded_new(loop, inside, TIMEOUT_MS, NULL, NULL, &own, &reason) != 0)
			_exit(1);
		expect("SET a b", "OK");
		kill(getpid(), SIGKILL);
	}
	int status = 0;
	assert_int_equal(waitpid(owner, &status, 0), owner);
	assert_true(WIFSIGNALED(status));
	start_well();
	expect("GET a", "b");
}

static void test_stale_socket(void **state)
{
	char path[128];
	assert_int_equal(mkdir(inside, 0700), 0);
	snprintf(path, sizeof path, "%s/redis.sock", inside);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	start_well();
}

static void test_refusals(void **state)
{
	char long_dir[256];
	snprintf(long_dir, sizeof long_dir, "%s/%0100d", dir, 0);
	assert_int_equal(store_embedded_new(loop, long_dir, 1000, NULL, NULL, &embedded, &reason), -ENAMETOOLONG);
	assert_non_null(strstr(reason.text, "shorter directory"));
	snprintf(long_dir, sizeof long_dir, "%s/no/where", dir);
	assert_int_equal(store_embedded_new(loop, long_dir, 1000, NULL, NULL, &embedded, &reason), -ENOENT);
	assert_non_null(strstr(reason.text, "cannot make the directory"));
	nothing_is_installed = true;
	assert_int_equal(start(1000), -ENOENT);
	assert_string_equal(reason.text, "redis-server was not found; install Debian's package redis-server");
	assert_null(embedded);
}

static void test_ends_at_start(void **state)
{
	install("#!/bin/sh\necho no luck\nexit 1\n");
	int64_t begun_ms = clock_mono_ms();
	assert_int_equal(start(TIMEOUT_MS), -EIO);
	assert_non_null(strstr(reason.text, "redis.log says why"));
	assert_true(clock_mono_ms() - begun_ms < TIMEOUT_MS / 2);
	char path[128], line[32] = "";
	snprintf(path, sizeof path, "%s/redis.log", inside);
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(line, sizeof line, file));
	fclose(file);
	assert_string_equal(line, "no luck\n");
	install("neither a program nor a script");
	assert_int_equal(start(TIMEOUT_MS), -ENOEXEC);
	assert_non_null(strstr(reason.text, "cannot start"));
}

static void test_never_ready(void **state)
{
	install("#!/bin/sh\nexec sleep 1000\n");
	assert_int_equal(start(200), -ETIMEDOUT);
	assert_non_null(strstr(reason.text, "not ready in time"));
	/* Nothing is left behind that holds the directory. */
	setenv("PATH", path_before, 1);
	start_well();
}

/* Three times it says that it is loading. */
static void test_loading_is_not_ready(void **state)
{
	install("#!/usr/bin/env python3\n"
		"import socket\n"
		"door = socket.socket(socket.AF_UNIX)\n"
		"door.bind('redis.sock')\n"
		"door.listen(8)\n"
		"answers = [b'-LOADING Redis is loading\\r\\n'] * 3 + [b'+PONG\\r\\n']\n"
		"asked = 0\n"
		"while True:\n"
		"    one = door.accept()[0]\n"
		"    while one.recv(4096):\n"
		"        asked += 1\n"
		"        with open('asked', 'w') as file:\n"
		"            file.write(str(asked))\n"
		"        one.sendall(answers[min(asked, 4) - 1])\n");
	start_well();
	char path[128], text[8] = "";
	snprintf(path, sizeof path, "%s/asked", inside);
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(text, sizeof text, file));
	fclose(file);
	assert_true(text[0] >= '4');
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(test_started),	  CASE(test_one_owner),	   CASE(test_killed),
		CASE(test_owner_killed),  CASE(test_stale_socket), CASE(test_refusals),
		CASE(test_ends_at_start), CASE(test_never_ready),  CASE(test_loading_is_not_ready),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
