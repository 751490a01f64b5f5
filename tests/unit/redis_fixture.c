/* redis_fixture.c - a real redis-server for a test. Its difficulty is not to leave one behind when a test fails: the
 * server asks the kernel to end it together with the test. */
#include "redis_fixture.h"

#include "base/clock.h"
#include "store/aof.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ftw.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
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

enum { PATIENCE_MS = 30000, WORDS_MAX = 32, PORT_MIN = 5000, PORT_MAX = 12000 };

void make_directory(char *path, size_t size)
{
	snprintf(path, size, "/tmp/hookgate-test.XXXXXX");
	assert_non_null(mkdtemp(path));
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
	return remove(path);
}

void remove_directory(const char *path)
{
	assert_int_equal(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* Below the ports that the kernel gives to outgoing connections: one of those could have it while the server that was
 * killed is not back yet. */
static int free_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	for (;;) {
		uint32_t random;
		assert_int_equal(getrandom(&random, sizeof random, 0), sizeof random);
		int port = PORT_MIN + (int)(random % (PORT_MAX - PORT_MIN));
		address.sin_port = htons((uint16_t)port);
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		bool is_free = bind(fd, (const struct sockaddr *)&address, sizeof address) == 0;
		close(fd);
		if (is_free)
			return port;
	}
}

static void become_redis(struct redis_fixture *redis)
{
	char port[12];
	const char *argv[WORDS_MAX] = { "redis-server", "--port", port,	      "--bind", "127.0.0.1", "--unixsocket",
					redis->socket,	"--dir",  redis->dir, "--save", "",	     "--loglevel",
					"warning" };
	size_t n = 13;
	for (size_t i = 0; redis->options && redis->options[i]; i++)
		argv[n++] = redis->options[i];
	argv[n] = NULL;
	snprintf(port, sizeof port, "%d", redis->port);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!freopen("/dev/null", "w", stdout))
		_exit(1);
	execvp("redis-server", (char *const *)(uintptr_t)argv);
	_exit(1);
}

/* False when it ended at once: somebody else was faster to take the port. */
static bool launch(struct redis_fixture *redis)
{
	int64_t end_ms = clock_mono_ms() + PATIENCE_MS;
	redis->pid = fork();
	assert_true(redis->pid >= 0);
	if (redis->pid == 0)
		become_redis(redis);
	for (;;) {
		struct store_reply *reply = NULL;
		struct reason reason;
		const struct slice ping = SLICE("PING");
		if (store_client_call(redis->client, &ping, 1, 0, &reply, &reason) == 0) {
			/* An error but LOADING is an answer, too: it may want a password. */
			bool loading = slice_starts(store_reply_text(reply), SLICE("LOADING"));
			store_reply_free(reply);
			if (!loading)
				return true;
		}
		if (waitpid(redis->pid, NULL, WNOHANG) != 0)
			return false;
		assert_true(clock_mono_ms() < end_ms);
		(void)poll(NULL, 0, 5);
	}
}

void redis_again(struct redis_fixture *redis)
{
	struct reason reason;
	uint64_t cut;
	/* As an operator would with redis-check-aof: see gateway/README.md on what Redis 7.0 does to half a script. */
	assert_int_equal(store_aof_mend(redis->dir, &cut, &reason), 0);
	assert_true(launch(redis));
}

void redis_start(struct redis_fixture *redis, const char *const *options)
{
	*redis = (struct redis_fixture){ .options = options };
	make_directory(redis->dir, sizeof redis->dir);
	snprintf(redis->socket, sizeof redis->socket, "%s/redis.sock", redis->dir);
	redis->by_socket = (struct config_redis){ .kind = CONFIG_REDIS_UNIX, .path = redis->socket };
	assert_int_equal(store_client_new(&redis->by_socket, NULL, PATIENCE_MS, &redis->client), 0);
	int tries = 0;
	do {
		assert_true(tries++ < 100);
		redis->port = free_port();
	} while (!launch(redis));
	redis->tcp =
		(struct config_redis){ .kind = CONFIG_REDIS_TCP, .host = "127.0.0.1", .port = (uint16_t)redis->port };
}

void redis_kill(struct redis_fixture *redis)
{
	assert_int_equal(kill(redis->pid, SIGKILL), 0);
	assert_int_equal(waitpid(redis->pid, NULL, 0), redis->pid);
	redis->pid = 0;
	/* The client's connection is dead: begin a new one. */
	store_client_free(redis->client);
	assert_int_equal(store_client_new(&redis->by_socket, NULL, PATIENCE_MS, &redis->client), 0);
}

void redis_stop(struct redis_fixture *redis)
{
	if (redis->pid != 0)
		redis_kill(redis);
	store_client_free(redis->client);
	remove_directory(redis->dir);
}

static void signal_and_wait(struct redis_fixture *redis, int number, int options)
{
	int status = 0;
	assert_int_equal(kill(redis->pid, number), 0);
	assert_int_equal(waitpid(redis->pid, &status, options), redis->pid);
}

void redis_freeze(struct redis_fixture *redis)
{
	signal_and_wait(redis, SIGSTOP, WUNTRACED);
}

void redis_thaw(struct redis_fixture *redis)
{
	signal_and_wait(redis, SIGCONT, WCONTINUED);
}

struct store_reply *redis_ask(struct redis_fixture *redis, const char *line)
{
	struct slice words[WORDS_MAX], rest = slice_str(line);
	size_t n = 0;
	while (rest.n > 0) {
		assert_true(n < WORDS_MAX);
		slice_cut(rest, ' ', &words[n++], &rest);
	}
	struct store_reply *reply = NULL;
	struct reason reason = { "" };
	if (store_client_call(redis->client, words, n, 0, &reply, &reason) != 0)
		fail_msg("%s: %s", line, reason.text);
	return reply;
}

static void refuse_error(const char *line, const struct store_reply *reply)
{
	if (store_reply_type(reply) == STORE_REPLY_ERROR)
		fail_msg("%s: %.*s", line, SLICE_ARGS(store_reply_text(reply)));
}

int64_t redis_number(struct redis_fixture *redis, const char *line)
{
	struct store_reply *reply = redis_ask(redis, line);
	refuse_error(line, reply);
	assert_int_equal(store_reply_type(reply), STORE_REPLY_NUMBER);
	int64_t number = store_reply_number(reply);
	store_reply_free(reply);
	return number;
}

void redis_do(struct redis_fixture *redis, const char *line)
{
	struct store_reply *reply = redis_ask(redis, line);
	refuse_error(line, reply);
	store_reply_free(reply);
}

void redis_expect(struct redis_fixture *redis, const char *line, const char *text)
{
	struct store_reply *reply = redis_ask(redis, line);
	if (!slice_eq(store_reply_text(reply), slice_str(text)))
		fail_msg("%s: %.*s, not %s", line, SLICE_ARGS(store_reply_text(reply)), text);
	store_reply_free(reply);
}

/* ---- the loop ---- */

/* A hook stays with its loop, so there is one for the only loop of a test, and it looks at what is waited for now. */
static struct {
	struct loop_hook hook;
	struct loop *loop;
	bool (*is_so)(void *arg);
	void *arg;
	bool late;
} waited;

static void look(void *arg)
{
	if (waited.loop == arg && waited.is_so && waited.is_so(waited.arg))
		loop_stop(arg);
}

static void on_late(void *arg)
{
	waited.late = true;
	loop_stop(arg);
}

struct loop *new_loop(void)
{
	struct loop *loop = NULL;
	assert_int_equal(loop_new(&loop), 0);
	waited.loop = loop;
	waited.is_so = NULL;
	loop_hook_add(loop, &waited.hook, look, loop);
	return loop;
}

void run_until(struct loop *loop, bool (*is_so)(void *arg), void *arg)
{
	struct loop_timer late = { 0 };
	assert_ptr_equal(waited.loop, loop);
	waited.is_so = is_so;
	waited.arg = arg;
	waited.late = false;
	if (is_so(arg))
		return;
	assert_int_equal(loop_timer_start(loop, &late, PATIENCE_MS, on_late, loop), 0);
	assert_int_equal(loop_run(loop), 0);
	loop_timer_stop(&late);
	waited.is_so = NULL;
	if (waited.late)
		fail_msg("waited for in vain");
}
