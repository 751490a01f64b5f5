/* exec.c - a command per event, the body on its standard input.
 *
 * The special difficulty: a command may read nothing, end while a child of its own holds the pipe open, or write much
 * before it reads. So the body is written without blocking, while the command's end is waited for at the same time, and
 * its end is what counts. */
#include "consume/exec.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* Linux' limit of one string at exec is 128 KiB, its NUL included. */
enum { VARIABLE_MAX = 128 * 1024, WAKE_MS = 500 };

static const struct {
	const char *variable;
	struct slice field;
} attributes[] = {
	{ "HOOKGATE_ID", SLICE_LIT("id") },
	{ "HOOKGATE_TYPE", SLICE_LIT("type") },
	{ "HOOKGATE_SOURCE", SLICE_LIT("source") },
	{ "HOOKGATE_TIME", SLICE_LIT("time") },
	{ "HOOKGATE_ROUTE", SLICE_LIT("route") },
	{ "HOOKGATE_PROVIDER", SLICE_LIT("provider") },
	{ "HOOKGATE_SPECVERSION", SLICE_LIT("specversion") },
	{ "HOOKGATE_DATACONTENTTYPE", SLICE_LIT("datacontenttype") },
	{ "HOOKGATE_HEADERS", SLICE_LIT("headers") },
	{ "HOOKGATE_SECRET", SLICE_LIT("secret") },
	{ "HOOKGATE_COVERED", SLICE_LIT("covered") },
	{ "HOOKGATE_TRACEPARENT", SLICE_LIT("traceparent") },
};

/* Besides those: HOOKGATE_ENTRY, HOOKGATE_STREAM and HOOKGATE_DELIVERY_COUNT. */
enum { ATTRIBUTES = sizeof attributes / sizeof attributes[0], OWN_MAX = ATTRIBUTES + 3 };

/* ---- the environment ---- */

struct environment {
	struct buf text;    /* all of ours, each with its NUL */
	size_t at[OWN_MAX]; /* where each begins */
	size_t count;
	char **list;
};

static void add_variable(struct environment *env, const char *name, struct slice value)
{
	struct buf *out = &env->text;
	size_t begin = out->n;

	buf_add_str(out, name);
	buf_add_byte(out, '=');
	while (value.n > 0) {
		struct slice clean = slice_head(value, slice_index(value, '\0'));

		buf_add(out, clean);
		if (clean.n < value.n)
			buf_add(out, SLICE("\xef\xbf\xbd"));
		value = slice_from(value, clean.n + 1);
	}
	buf_add_byte(out, '\0');
	if (buf_failed(out))
		return;
	if (out->n - begin > VARIABLE_MAX)
		out->n = begin;
	else
		env->at[env->count++] = begin;
}

static bool is_ours(const char *variable)
{
	size_t n = strcspn(variable, "=");
	struct slice name = slice_of(variable, n);

	for (size_t i = 0; i < ATTRIBUTES; i++) {
		if (slice_eq(name, slice_str(attributes[i].variable)))
			return true;
	}
	return slice_eq(name, SLICE("HOOKGATE_ENTRY")) || slice_eq(name, SLICE("HOOKGATE_STREAM")) ||
	       slice_eq(name, SLICE("HOOKGATE_DELIVERY_COUNT"));
}

static int make_environment(const struct consume_event *event, struct environment *env)
{
	struct buf number = BUF_EMPTY;
	size_t inherited = 0, n = 0;

	for (size_t i = 0; i < ATTRIBUTES; i++)
		add_variable(env, attributes[i].variable, consume_event_field(event, attributes[i].field));
	add_variable(env, "HOOKGATE_ENTRY", event->entry);
	add_variable(env, "HOOKGATE_STREAM", event->stream);
	buf_add_u64(&number, event->deliveries);
	if (event->deliveries > 0)
		add_variable(env, "HOOKGATE_DELIVERY_COUNT", buf_slice(&number));
	while (environ[inherited])
		inherited++;
	if (!buf_failed(&number) && !buf_failed(&env->text))
		env->list = calloc(inherited + OWN_MAX + 1, sizeof *env->list);
	buf_free(&number);
	if (!env->list)
		return -ENOMEM;
	for (size_t i = 0; i < inherited; i++) {
		if (!is_ours(environ[i]))
			env->list[n++] = environ[i];
	}
	for (size_t i = 0; i < env->count; i++)
		env->list[n++] = (char *)env->text.p + env->at[i];
	return 0;
}

/* ---- the process ---- */

struct child {
	pid_t pid;
	int input; /* the pipe's end that is written to; -1: closed */
	int pidfd;
	bool hurried;
};

static int prepare(posix_spawnattr_t *how, posix_spawn_file_actions_t *files, int input)
{
	sigset_t none, all;
	int fault = posix_spawn_file_actions_adddup2(files, input, STDIN_FILENO);

	sigemptyset(&none);
	sigfillset(&all);
	if (fault == 0)
		fault = posix_spawnattr_setsigmask(how, &none);
	if (fault == 0)
		fault = posix_spawnattr_setsigdefault(how, &all);
	if (fault == 0)
		fault = posix_spawnattr_setpgroup(how, 0);
	if (fault == 0)
		fault = posix_spawnattr_setflags(how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
							      POSIX_SPAWN_SETPGROUP);
	return -fault;
}

static int spawn(const char *command, char **env, int input, pid_t *pid)
{
	char *const words[] = { (char *)"sh", (char *)"-c", (char *)command, NULL };
	posix_spawnattr_t how;
	posix_spawn_file_actions_t files;
	int fault = -posix_spawnattr_init(&how);

	if (fault != 0)
		return fault;
	fault = -posix_spawn_file_actions_init(&files);
	if (fault == 0) {
		fault = prepare(&how, &files, input);
		if (fault == 0)
			fault = -posix_spawn(pid, "/bin/sh", &files, &how, words, env);
		posix_spawn_file_actions_destroy(&files);
	}
	posix_spawnattr_destroy(&how);
	return fault;
}

static void close_input(struct child *child)
{
	if (child->input >= 0)
		close(child->input);
	child->input = -1;
}

/* Writes what the pipe takes. A command that no longer reads has had what it wanted of the body. */
static void feed(struct child *child, struct slice *body)
{
	ssize_t n = body->n > 0 ? write(child->input, body->p, body->n) : 0;

	if (n > 0)
		*body = slice_from(*body, (size_t)n);
	if (body->n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		close_input(child);
}

static void hurry(struct child *child, const struct consume_exec_watch *watch)
{
	if (!watch->stops || *watch->stops < 2 || child->hurried)
		return;
	child->hurried = true;
	kill(-child->pid, SIGTERM);
}

static int wait_for_end(struct child *child, struct slice body, const struct consume_exec_watch *watch, int *status)
{
	struct pollfd fds[2];
	int64_t told_ms = clock_mono_ms();
	int ready;

	for (;;) {
		/* poll() passes over a descriptor of -1. */
		fds[0] = (struct pollfd){ .fd = child->input, .events = POLLOUT };
		fds[1] = (struct pollfd){ .fd = child->pidfd, .events = POLLIN };
		hurry(child, watch);
		/* Woken now and then for a signal that came between the look at `stops` and the wait. */
		ready = poll(fds, 2, WAKE_MS);
		if (ready < 0 && errno != EINTR)
			return -errno;
		/* Also while it reads, be it slowly. */
		if (watch->running && clock_mono_ms() - told_ms >= WAKE_MS) {
			watch->running(watch->arg);
			told_ms = clock_mono_ms();
		}
		if (ready <= 0)
			continue;
		if (fds[1].revents != 0)
			break;
		if (fds[0].revents != 0)
			feed(child, &body);
	}
	while (waitpid(child->pid, status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	child->pid = -1;
	return 0;
}

static enum consume_exec_end judge(int status, struct reason *reason)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return CONSUME_EXEC_DONE;
	if (WIFEXITED(status))
		reason_set(reason, "exit status %d", WEXITSTATUS(status));
	else
		reason_set(reason, "ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	return CONSUME_EXEC_FAILED;
}

static int run(const char *command, char **env, struct slice body, const struct consume_exec_watch *watch, int *status)
{
	struct child child = { .pid = -1, .input = -1, .pidfd = -1 };
	int ends[2];
	int fault;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	child.input = ends[1];
	fault = fcntl(child.input, F_SETFL, O_NONBLOCK) < 0 ? -errno : spawn(command, env, ends[0], &child.pid);
	close(ends[0]);
	if (fault != 0)
		goto out;
	child.pidfd = pidfd_open(child.pid, 0);
	fault = child.pidfd < 0 ? -errno : wait_for_end(&child, body, watch, status);
out:
	if (fault != 0 && child.pid > 0) {
		kill(-child.pid, SIGKILL);
		waitpid(child.pid, NULL, 0);
	}
	if (child.pidfd >= 0)
		close(child.pidfd);
	close_input(&child);
	return fault;
}

int consume_exec(const char *command, const struct consume_event *event, const struct consume_exec_watch *watch,
		 enum consume_exec_end *end, struct reason *reason)
{
	static const struct consume_exec_watch nothing = { .stops = NULL };
	struct environment env = { .text = BUF_EMPTY };
	int status = 0;
	int fault = make_environment(event, &env);

	if (fault == 0)
		fault = run(command, env.list, consume_event_field(event, SLICE("data")), watch ? watch : &nothing,
			    &status);
	if (fault == 0)
		*end = judge(status, reason);
	else
		reason_set(reason, "it could not be run: %s", strerror(-fault));
	free(env.list);
	buf_free(&env.text);
	return fault;
}
