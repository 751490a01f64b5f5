/* embedded.c - a private redis-server in a directory: one owner, started, minded, started again, ended.
 *
 * The difficulty is that two servers must never write the same files, not even when a gateway was killed and its server
 * is still about to end while the next gateway starts. So there are two locks: `lock` is the gateway's, and who finds
 * it taken is told so at once; `redis.lock` is handed on to the server and lasts as long as any of the two, and is
 * waited for. */
#include "store/embedded.h"

#include "base/clock.h"
#include "store/aof.h"
#include "store/client.h"
#include "store/place.h"
#include "store/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RESTART_FIRST_MS = 100, RESTART_MAX_MS = 5000, WELL_MS = 10000, LOOK_MS = 20 };

struct store_embedded {
	struct loop *loop;
	char *dir, *socket, *program;
	int owner_lock, server_lock;
	struct store_child child; /* pid 0: none runs */
	struct loop_watch ended;
	struct loop_timer restart;
	int64_t restart_ms, started_ms;
	void (*changed)(void *arg, const char *what);
	void *arg;
};

static void on_restart(void *arg);

int store_embedded_socket(const char *dir, char *out, size_t size)
{
	int n = snprintf(out, size, "%s/redis.sock", dir);
	return n >= 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
}

static void tell(const struct store_embedded *embedded, const char *what)
{
	if (embedded->changed)
		embedded->changed(embedded->arg, what);
}

/* ---- the directory ---- */

static int fault_of(struct reason *reason, const char *what, const char *dir, int fault)
{
	reason_set(reason, "%s %s: %s", what, dir, strerror(fault));
	return -fault;
}

static int open_lock(const char *dir, const char *name, int *out)
{
	char *path = NULL;
	if (asprintf(&path, "%s/%s", dir, name) < 0)
		return -ENOMEM;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int fault = fd < 0 ? -errno : 0;
	free(path);
	if (fault == 0)
		*out = fd;
	return fault;
}

/* A server whose gateway was killed was told to end by the kernel, and takes a moment to. */
static int wait_for_lock(int fd, int64_t end_ms)
{
	while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (clock_mono_ms() >= end_ms)
			return -EBUSY;
		(void)poll(NULL, 0, LOOK_MS);
	}
	return 0;
}

static int own_directory(struct store_embedded *embedded, int64_t end_ms, struct reason *reason)
{
	const char *dir = embedded->dir;
	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return fault_of(reason, "cannot make the directory", dir, errno);
	int fault = open_lock(dir, "lock", &embedded->owner_lock);
	if (fault == 0)
		fault = open_lock(dir, "redis.lock", &embedded->server_lock);
	if (fault != 0)
		return fault_of(reason, "cannot make a lock in", dir, -fault);
	if (flock(embedded->owner_lock, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK)
			return fault_of(reason, "cannot lock", dir, errno);
		reason_set(reason, "another process has its Redis in %s", dir);
		return -EBUSY;
	}
	fault = wait_for_lock(embedded->server_lock, end_ms);
	if (fault == -EBUSY)
		reason_set(reason, "the redis-server of an earlier gateway in %s has not ended yet", dir);
	else if (fault != 0)
		fault_of(reason, "cannot lock", dir, -fault);
	return fault;
}

/* ---- starting ---- */

static int mend(struct store_embedded *embedded, struct reason *reason)
{
	uint64_t cut;
	int fault = store_aof_mend(embedded->dir, &cut, reason);
	if (fault == 0 && cut > 0) {
		char what[160];
		snprintf(what, sizeof what,
			 "a crash left half a transaction at the end of the append-only file; its %llu bytes were set "
			 "aside",
			 (unsigned long long)cut);
		tell(embedded, what);
	}
	return fault;
}

static int start(struct store_embedded *embedded, struct reason *reason)
{
	int fault = mend(embedded, reason);
	if (fault != 0)
		return fault;
	/* It is nobody's, since the locks are ours; redis-server would not start over it. */
	if (unlink(embedded->socket) != 0 && errno != ENOENT)
		return fault_of(reason, "cannot remove", embedded->socket, errno);
	embedded->started_ms = clock_mono_ms();
	return store_spawn(embedded->program, embedded->dir, embedded->server_lock, &embedded->child, reason);
}

static bool answers_ping(struct store_client *client, struct reason *reason)
{
	struct store_reply *reply = NULL;
	if (store_client_call(client, (struct slice[]){ SLICE("PING") }, 1, 0, &reply, reason) != 0)
		return false;
	bool pong = slice_eq(store_reply_text(reply), SLICE("PONG"));
	if (!pong)
		reason_set(reason, "%.*s", SLICE_ARGS(slice_head(store_reply_text(reply), 160)));
	store_reply_free(reply);
	return pong;
}

/* Until it answers; an answer that it is still loading its data is none. The wait between two looks ends early with its
 * life. */
static int wait_until_ready(struct store_embedded *embedded, int64_t end_ms, struct reason *reason)
{
	static const struct config_redis plain = { .kind = CONFIG_REDIS_UNIX };
	struct store_client *client = NULL;
	struct pollfd ended = { embedded->child.pidfd, POLLIN, 0 };
	struct reason last;
	int fault = store_client_new(&plain, embedded->socket, 1000, &client);
	if (fault != 0)
		reason_set(reason, "memory is short");
	while (fault == 0 && !answers_ping(client, &last)) {
		if (poll(&ended, 1, LOOK_MS) > 0) {
			reason_set(reason, "redis-server ended at its start; %s/redis.log says why", embedded->dir);
			fault = -EIO;
		} else if (clock_mono_ms() >= end_ms) {
			reason_set(reason, "redis-server in %s is not ready in time: %.100s", embedded->dir, last.text);
			fault = -ETIMEDOUT;
		}
	}
	store_client_free(client);
	return fault;
}

/* ---- minding ---- */

static void later(struct store_embedded *embedded)
{
	/* Its place in the loop was the watch's or the timer's own; should memory be short nevertheless, what is left
	 * is to say so. */
	if (loop_timer_start(embedded->loop, &embedded->restart, embedded->restart_ms, on_restart, embedded) != 0)
		tell(embedded, "redis-server will not be started again: memory is short");
	embedded->restart_ms *= 2;
	if (embedded->restart_ms > RESTART_MAX_MS)
		embedded->restart_ms = RESTART_MAX_MS;
}

static void on_ended(void *arg, unsigned events)
{
	struct store_embedded *embedded = arg;
	char what[160];
	if (clock_mono_ms() - embedded->started_ms >= WELL_MS)
		embedded->restart_ms = RESTART_FIRST_MS;
	loop_unwatch(&embedded->ended);
	int pid = (int)embedded->child.pid, status = store_spawn_reap(&embedded->child);
	snprintf(what, sizeof what, "redis-server (process %d) ended %s %d; it is started again in %lld ms", pid,
		 WIFSIGNALED(status) ? "by signal" : "with status",
		 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), (long long)embedded->restart_ms);
	later(embedded);
	tell(embedded, what);
}

static int watch_over(struct store_embedded *embedded)
{
	return loop_watch(embedded->loop, &embedded->ended, embedded->child.pidfd, LOOP_READ, on_ended, embedded);
}

static void on_restart(void *arg)
{
	struct store_embedded *embedded = arg;
	struct reason reason;
	char what[320];
	int fault = start(embedded, &reason);
	if (fault == 0) {
		fault = watch_over(embedded);
		if (fault != 0) {
			reason_set(&reason, "cannot watch it: %s", strerror(-fault));
			store_spawn_stop(&embedded->child, 1000);
		}
	}
	if (fault == 0) {
		snprintf(what, sizeof what, "redis-server is started again (process %d)", (int)embedded->child.pid);
	} else {
		snprintf(what, sizeof what, "redis-server could not be started again: %s", reason.text);
		later(embedded);
	}
	tell(embedded, what);
}

/* ---- life ---- */

static int set_paths(struct store_embedded *embedded, const char *dir, struct reason *reason)
{
	static const struct config_redis none = { .kind = CONFIG_REDIS_EMBEDDED };
	struct sockaddr_un address;
	bool is_unix = false;
	embedded->dir = strdup(dir);
	if (!embedded->dir || asprintf(&embedded->socket, "%s/redis.sock", dir) < 0) {
		embedded->socket = NULL;
		reason_set(reason, "memory is short");
		return -ENOMEM;
	}
	int fault = store_place_socket(&none, embedded->socket, &address, &is_unix, reason);
	if (fault != 0)
		return fault;
	embedded->program = store_spawn_find(reason);
	return embedded->program ? 0 : -ENOENT;
}

int store_embedded_new(struct loop *loop, const char *dir, int64_t timeout_ms,
		       void (*changed)(void *arg, const char *what), void *arg, struct store_embedded **out,
		       struct reason *reason)
{
	int64_t end_ms = clock_mono_ms() + timeout_ms;
	struct store_embedded *embedded = calloc(1, sizeof *embedded);
	if (!embedded) {
		reason_set(reason, "memory is short");
		return -ENOMEM;
	}
	*embedded = (struct store_embedded){ .loop = loop,
					     .owner_lock = -1,
					     .server_lock = -1,
					     .changed = changed,
					     .arg = arg,
					     .restart_ms = RESTART_FIRST_MS };
	int fault = set_paths(embedded, dir, reason);
	if (fault == 0)
		fault = own_directory(embedded, end_ms, reason);
	if (fault == 0)
		fault = start(embedded, reason);
	if (fault == 0)
		fault = wait_until_ready(embedded, end_ms, reason);
	if (fault == 0) {
		fault = watch_over(embedded);
		if (fault != 0)
			reason_set(reason, "cannot watch redis-server: %s", strerror(-fault));
	}
	if (fault == 0)
		*out = embedded;
	else
		store_embedded_free(embedded, 1000);
	return fault;
}

void store_embedded_free(struct store_embedded *embedded, int64_t timeout_ms)
{
	if (!embedded)
		return;
	loop_timer_stop(&embedded->restart);
	loop_unwatch(&embedded->ended);
	if (embedded->child.pid != 0)
		(void)store_spawn_stop(&embedded->child, timeout_ms);
	/* Last: from here on another may have the directory. */
	if (embedded->server_lock >= 0)
		close(embedded->server_lock);
	if (embedded->owner_lock >= 0)
		close(embedded->owner_lock);
	free(embedded->program);
	free(embedded->socket);
	free(embedded->dir);
	free(embedded);
}
