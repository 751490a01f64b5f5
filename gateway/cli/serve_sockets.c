/* serve_sockets.c - where the gateway's listening sockets come from.
 *
 * The difficulty is a restart that refuses nobody. A connection that the kernel has taken and nobody has accepted is
 * reset when its socket's last descriptor is closed, so sockets must be able to outlive a gateway: systemd keeps them
 * (socket activation), or the gateway after has them before this one lets go. Each inherited socket is served, even
 * when there are more of them than workers: what the kernel has queued at one of them waits there. */
#include "cli/serve_sockets.h"

#include "base/log.h"
#include "base/num.h"
#include "cli/serve_handover.h"
#include "http/http.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRST_FD = 3, INHERITED_MAX = 4096 };

/* ---- inherited ---- */

static bool number_in(const char *name, uint64_t max, uint64_t *out)
{
	return num_parse_u64(slice_str(getenv(name)), max, out);
}

/* How many descriptors from FIRST_FD on are meant for this process. */
static int count_inherited(size_t *count, struct reason *reason)
{
	const char *name = SERVE_HANDOVER_FDS;
	uint64_t n = 0, pid = 0;

	if (!getenv(name)) {
		name = "LISTEN_FDS";
		/* Meant for another process of ours: sd_listen_fds(3) says nothing then either. */
		if (!getenv(name) || !number_in("LISTEN_PID", INT32_MAX, &pid) || (pid_t)pid != getpid())
			return 0;
	}
	if (!number_in(name, INHERITED_MAX, &n)) {
		reason_set(reason, "%s is \"%.40s\"; accepted: a number up to %d", name, getenv(name), INHERITED_MAX);
		return -EINVAL;
	}
	*count = (size_t)n;
	return 0;
}

static int take(int fd, struct reason *reason)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags >= 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
	    http_is_listening(fd))
		return 0;
	reason_set(reason, "descriptor %d was handed over, and is no listening socket", fd);
	return -EINVAL;
}

int serve_sockets_inherit(struct serve_sockets *sockets, struct reason *reason)
{
	size_t count = 0;
	int r = count_inherited(&count, reason);

	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDNAMES");
	unsetenv(SERVE_HANDOVER_FDS);
	if (r < 0 || count == 0)
		return r;
	sockets->inherited = calloc(count, sizeof *sockets->inherited);
	if (!sockets->inherited)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < count; i++) {
		r = take(FIRST_FD + (int)i, reason);
		if (r == 0)
			sockets->inherited[sockets->inherited_count++] = FIRST_FD + (int)i;
	}
	return r;
}

void serve_sockets_settle(struct serve_sockets *sockets)
{
	char text[160];

	for (size_t i = 0; i < sockets->inherited_count; i++) {
		if (sockets->inherited[i] < 0)
			continue;
		http_listen_text(sockets->inherited[i], text, sizeof text);
		log_line(LOG_WARNING, "socket not used", LOG_C("address", text),
			 LOG_C("reason", "it was handed over, and the configuration does not listen there"));
		close(sockets->inherited[i]);
	}
	free(sockets->inherited);
	sockets->inherited = NULL;
	sockets->inherited_count = 0;
}

/* ---- opening ---- */

/* Takes a duplicate for who comes after. */
static int keep(struct serve_sockets *sockets, int fd)
{
	if (sockets->kept_count == sockets->kept_room) {
		size_t room = sockets->kept_room ? sockets->kept_room * 2 : 16;
		int *kept = realloc(sockets->kept, room * sizeof *kept);

		if (!kept)
			return -ENOMEM;
		sockets->kept = kept;
		sockets->kept_room = room;
	}
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	sockets->kept[sockets->kept_count++] = fd;
	return 0;
}

static size_t take_inherited(struct serve_sockets *sockets, const struct config_address *address, int *fds)
{
	size_t n = 0;

	for (size_t i = 0; i < sockets->inherited_count; i++) {
		if (sockets->inherited[i] < 0 || !http_listens_on(sockets->inherited[i], address))
			continue;
		fds[n++] = sockets->inherited[i];
		sockets->inherited[i] = -1;
	}
	return n;
}

/* Port 0 means any free one, but the same for all: what the first was given is asked for by the others. A unix socket
 * is one. */
static int bind_new(const struct config_address *wanted, unsigned least, int *fds, size_t *count, struct reason *reason)
{
	struct config_address address = *wanted;
	unsigned sockets = address.kind == CONFIG_ADDRESS_UNIX ? 1 : least;
	int r = 0;

	for (unsigned i = 0; r == 0 && i < sockets; i++) {
		r = http_listen(&address, &fds[i], reason);
		if (r == 0) {
			address.port = http_listen_port(fds[i]);
			*count = i + 1;
		}
	}
	return r;
}

/* Others of the same sockets, in turn, until there are `least`. */
static int fill_up(int *fds, size_t *count, unsigned least)
{
	size_t distinct = *count;

	while (*count < least) {
		int fd = fcntl(fds[*count % distinct], F_DUPFD_CLOEXEC, 0);

		if (fd < 0)
			return -errno;
		fds[(*count)++] = fd;
	}
	return 0;
}

int serve_sockets_open(struct serve_sockets *sockets, const struct config_address *address, unsigned least, int **fds,
		       size_t *count, struct reason *reason)
{
	size_t n;
	int r = 0, *list = calloc(sockets->inherited_count + least, sizeof *list);

	if (!list)
		return -ENOMEM;
	n = take_inherited(sockets, address, list);
	if (n == 0)
		r = bind_new(address, least, list, &n, reason);
	for (size_t i = 0, distinct = n; r == 0 && i < distinct; i++)
		r = keep(sockets, list[i]);
	if (r == 0)
		r = fill_up(list, &n, least);
	if (r == 0) {
		*fds = list;
		*count = n;
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		close(list[i]);
	free(list);
	return r;
}

void serve_sockets_close(struct serve_sockets *sockets)
{
	for (size_t i = 0; i < sockets->inherited_count; i++) {
		if (sockets->inherited[i] >= 0)
			close(sockets->inherited[i]);
	}
	for (size_t i = 0; i < sockets->kept_count; i++)
		close(sockets->kept[i]);
	free(sockets->inherited);
	free(sockets->kept);
	*sockets = (struct serve_sockets){ 0 };
}
