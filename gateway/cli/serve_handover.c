/* serve_handover.c - starting the gateway that comes after this one (SIGUSR2).
 *
 * Two difficulties. Between fork and exec only async-signal-safe calls are allowed, since the workers may hold any lock:
 * all that needs memory is made before. And the descriptors that the new process gets, from 3 on, may be in the way of
 * those that are to be put there: all are moved up first, to where there is room among those of the clients. */
#include "cli/serve_handover.h"

#include "base/log.h"
#include "base/num.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FIRST_FD = 3 };

/* ---- the one that comes after ---- */

struct plan {
	const char *program;
	char *argv[5]; /* all that `serve` takes */
	char **environment;
	const int *sockets;
	size_t count;
	int tell;
	int *moved; /* room for the sockets and `tell`, where they are on their way */
};

/* Copies of the descriptors wherever there is room above their places, then from there into these. */
static bool place_descriptors(const struct plan *plan)
{
	int above = FIRST_FD + (int)plan->count + 1;

	for (size_t i = 0; i <= plan->count; i++) {
		plan->moved[i] = fcntl(i < plan->count ? plan->sockets[i] : plan->tell, F_DUPFD_CLOEXEC, above);
		if (plan->moved[i] < 0)
			return false;
	}
	for (size_t i = 0; i <= plan->count; i++) {
		if (dup2(plan->moved[i], FIRST_FD + (int)i) < 0)
			return false;
	}
	return true;
}

static void __attribute__((noreturn)) become_next(const struct plan *plan)
{
	sigset_t none;

	sigemptyset(&none);
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (place_descriptors(plan))
		execve(plan->program, plan->argv, plan->environment);
	_exit(127);
}

/* The environment and two more variables; the array and its last two strings are to be freed. */
static char **environment_with(size_t sockets)
{
	size_t n = 0;
	char **list;

	while (environ[n])
		n++;
	list = calloc(n + 3, sizeof *list);
	if (!list)
		return NULL;
	memcpy(list, environ, n * sizeof *list);
	if (asprintf(&list[n], SERVE_HANDOVER_FDS "=%zu", sockets) < 0)
		list[n] = NULL;
	if (asprintf(&list[n + 1], SERVE_HANDOVER_TELL "=%zu", FIRST_FD + sockets) < 0)
		list[n + 1] = NULL;
	if (list[n] && list[n + 1])
		return list;
	free(list[n]);
	free(list[n + 1]);
	free(list);
	return NULL;
}

static void free_environment(char **list)
{
	size_t n = 0;

	while (list[n])
		n++;
	free(list[n - 1]);
	free(list[n - 2]);
	free(list);
}

/* ---- this one ---- */

static void heard(void *arg, unsigned events)
{
	struct serve_handover *handover = arg;
	pid_t pid = handover->pid;
	char byte;
	ssize_t n = read(handover->heard, &byte, 1);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	loop_unwatch(&handover->watch);
	close(handover->heard);
	handover->heard = -1;
	handover->pid = 0;
	/* Its end of the pipe is closed: it has ended, or is about to. */
	if (n <= 0)
		waitpid(pid, NULL, 0);
	handover->done(handover->arg, pid, n > 0);
}

static int start(struct serve_handover *handover, struct plan *plan)
{
	int ends[2], r = 0;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	plan->tell = ends[1];
	handover->heard = ends[0];
	r = loop_watch(handover->loop, &handover->watch, ends[0], LOOP_READ, heard, handover);
	if (r == 0) {
		pid_t pid = fork();

		if (pid == 0)
			become_next(plan);
		if (pid < 0) {
			r = -errno;
			loop_unwatch(&handover->watch);
		} else {
			handover->pid = pid;
		}
	}
	close(ends[1]);
	if (r < 0) {
		close(ends[0]);
		handover->heard = -1;
	}
	return r;
}

void serve_handover_init(struct serve_handover *handover, struct loop *loop, const char *file,
			 void (*done)(void *arg, pid_t pid, bool well), void *arg)
{
	ssize_t n = readlink("/proc/self/exe", handover->program, sizeof handover->program - 1);

	handover->program[n > 0 ? n : 0] = '\0';
	handover->file = file;
	handover->loop = loop;
	handover->pid = 0;
	handover->heard = -1;
	handover->done = done;
	handover->arg = arg;
}

int serve_handover_start(struct serve_handover *handover, const struct serve_sockets *sockets, struct reason *reason)
{
	const char *const argv[] = { handover->program, "serve", "-c", handover->file, NULL };
	struct plan plan = { .program = handover->program };
	int r;

	if (handover->pid != 0) {
		reason_set(reason, "the one that was started before (process %d) is still coming up",
			   (int)handover->pid);
		return -EALREADY;
	}
	memcpy(plan.argv, argv, sizeof argv);
	plan.sockets = sockets->kept;
	plan.count = sockets->kept_count;
	plan.environment = environment_with(plan.count);
	plan.moved = calloc(plan.count + 1, sizeof *plan.moved);
	r = plan.environment && plan.moved ? start(handover, &plan) : -ENOMEM;
	free(plan.moved);
	if (plan.environment)
		free_environment(plan.environment);
	if (r < 0)
		reason_set(reason, "%s", strerror(-r));
	return r;
}

bool serve_handover_expected(void)
{
	return getenv(SERVE_HANDOVER_TELL) != NULL;
}

void serve_handover_tell(void)
{
	const char *text = getenv(SERVE_HANDOVER_TELL);
	uint64_t fd;

	if (!num_parse_u64(slice_str(text), INT32_MAX, &fd))
		return;
	unsetenv(SERVE_HANDOVER_TELL);
	if (write((int)fd, "+", 1) != 1)
		log_line(LOG_WARNING, "handover", LOG_C("reason", "the gateway before could not be told"));
	close((int)fd);
}

void serve_handover_free(struct serve_handover *handover)
{
	if (handover->heard < 0)
		return;
	loop_unwatch(&handover->watch);
	close(handover->heard);
	handover->heard = -1;
}
