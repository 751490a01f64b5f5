/* spawn.c - the embedded redis-server's process.
 *
 * Two difficulties. Between fork and exec only async-signal-safe calls are allowed, since other threads may hold any
 * lock: all that needs memory is made before. And the child must not outlive us, however we end: it asks the kernel for
 * a signal at its parent's death, and looks whether the parent had died just before. */
#include "store/spawn.h"

#include "base/clock.h"
#include "base/slice.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Relative to the directory, in which it runs: so the length of the directory's path does not matter to it. */
/* clang-format off */
static const char *const arguments[] = {
	"--port", "0", "--unixsocket", "redis.sock", "--unixsocketperm", "700", "--dir", ".",
	"--appendonly", "yes", "--appendfsync", "everysec", "--save", "",
	"--maxmemory", "0", "--maxmemory-policy", "noeviction",
	"--daemonize", "no", "--supervised", "no", "--logfile", "",
	NULL
};
/* clang-format on */

char *store_spawn_find(struct reason *reason)
{
	const char *path = getenv("PATH");
	struct slice rest = slice_str(path ? path : ""), place;
	const struct slice usual = SLICE("/usr/bin:/usr/local/bin");
	bool in_path = true;
	while (rest.n > 0 || in_path) {
		if (rest.n == 0) {
			rest = usual;
			in_path = false;
		}
		slice_cut(rest, ':', &place, &rest);
		char *found = NULL;
		if (asprintf(&found, "%.*s/redis-server", SLICE_ARGS(place)) < 0)
			break;
		/* An empty place in PATH is the present directory: not from there. */
		if (place.n > 0 && access(found, X_OK) == 0)
			return found;
		free(found);
	}
	reason_set(reason, "redis-server was not found; install Debian's package redis-server");
	return NULL;
}

/* ---- the child ---- */

struct plan {
	const char *path, *dir;
	char *argv[sizeof arguments / sizeof *arguments + 1];
	int lock, log, null, told; /* told: a pipe's end for what went wrong, closed by exec */
	pid_t parent;
};

static void __attribute__((noreturn)) become_redis(const struct plan *plan)
{
	sigset_t none;
	sigemptyset(&none);
	/* Of its own group, so that a terminal's Ctrl-C reaches us alone, who then ends it in good order. */
	setpgid(0, 0);
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != plan->parent)
		_exit(1);
	if (chdir(plan->dir) == 0 && dup2(plan->null, 0) == 0 && dup2(plan->log, 1) == 1 && dup2(plan->log, 2) == 2 &&
	    fcntl(plan->lock, F_SETFD, 0) == 0)
		execve(plan->path, plan->argv, environ);
	int fault = errno;
	_exit(write(plan->told, &fault, sizeof fault) == sizeof fault ? 1 : 2);
}

/* Forks. The child's own fault, that it could not become redis-server, comes back through the pipe. */
static int start(struct plan *plan, struct store_child *out)
{
	int told[2], fault = 0;
	if (pipe2(told, O_CLOEXEC) != 0)
		return -errno;
	plan->told = told[1];
	plan->parent = getpid();
	pid_t pid = fork();
	if (pid == 0)
		become_redis(plan);
	close(told[1]);
	if (pid < 0) {
		close(told[0]);
		return -EAGAIN;
	}
	ssize_t n;
	do
		n = read(told[0], &fault, sizeof fault);
	while (n < 0 && errno == EINTR);
	close(told[0]);
	int pidfd = n == 0 ? pidfd_open(pid, 0) : -1;
	if (pidfd >= 0) {
		*out = (struct store_child){ .pid = pid, .pidfd = pidfd };
		return 0;
	}
	if (n == 0)
		fault = errno;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return -(fault != 0 ? fault : EIO);
}

int store_spawn(const char *path, const char *dir, int lock, struct store_child *out, struct reason *reason)
{
	struct plan plan = { .path = path, .dir = dir, .lock = lock, .log = -1, .null = -1 };
	char *log = NULL;
	int fault = 0;
	plan.argv[0] = (char *)(uintptr_t) "redis-server";
	for (size_t i = 0; arguments[i]; i++)
		plan.argv[i + 1] = (char *)(uintptr_t)arguments[i];
	if (asprintf(&log, "%s/redis.log", dir) < 0) {
		reason_set(reason, "memory is short");
		return -ENOMEM;
	}
	plan.log = open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	plan.null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (plan.log < 0 || plan.null < 0)
		fault = -errno;
	if (fault != 0)
		reason_set(reason, "cannot open %s: %s", plan.log < 0 ? log : "/dev/null", strerror(-fault));
	else if ((fault = start(&plan, out)) != 0)
		reason_set(reason, "cannot start %s: %s", path, strerror(-fault));
	if (plan.log >= 0)
		close(plan.log);
	if (plan.null >= 0)
		close(plan.null);
	free(log);
	return fault;
}

/* ---- its end ---- */

int store_spawn_reap(struct store_child *child)
{
	int status = 0;
	while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
		;
	close(child->pidfd);
	*child = (struct store_child){ .pid = 0, .pidfd = -1 };
	return status;
}

int store_spawn_stop(struct store_child *child, int64_t timeout_ms)
{
	struct pollfd ended = { child->pidfd, POLLIN, 0 };
	int64_t end_ms = clock_mono_ms() + timeout_ms;
	/* Not reaped yet, so the number is still its own. */
	kill(child->pid, SIGTERM);
	while (ended.revents == 0) {
		int64_t left_ms = end_ms - clock_mono_ms();
		if (poll(&ended, 1, left_ms < 0 ? 0 : left_ms > INT32_MAX ? INT32_MAX : (int)left_ms) == 0) {
			kill(child->pid, SIGKILL);
			break;
		}
	}
	return store_spawn_reap(child);
}
