/* file.c - reading a file to its end. The difficulty is what is no file: a FIFO in its place would hang a reload for
 * ever, so only regular files are taken; and files under /proc say that they have 0 bytes, so the size is not asked. */
#include "config/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(struct reason *reason, int error)
{
	if (error == ENOMEM)
		return -ENOMEM;
	reason_set(reason, "cannot be read: %s", strerror(error));
	return -EINVAL;
}

/* Reads up to `room` bytes; the count of them, or -1 with errno. */
static ssize_t read_all(int fd, unsigned char *out, size_t room)
{
	size_t n = 0;
	while (n < room) {
		ssize_t got = read(fd, out + n, room - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		n += (size_t)got;
	}
	return (ssize_t)n;
}

static int read_open(int fd, size_t max, struct slice *bytes, struct reason *reason)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return fail(reason, errno);
	if (!S_ISREG(st.st_mode)) {
		reason_set(reason, "cannot be read: %s",
			   S_ISDIR(st.st_mode) ? "it is a directory" : "it is no regular file");
		return -EINVAL;
	}
	/* One byte more than is taken shows a file that is too large. Pages that are not written cost nothing. */
	size_t room = max + 1;
	unsigned char *p = malloc(room);
	if (!p)
		return -ENOMEM;
	ssize_t n = read_all(fd, p, room);
	if (n >= 0 && (size_t)n < room) {
		*bytes = slice_of(p, (size_t)n);
		return 0;
	}
	int error = errno;
	explicit_bzero(p, room);
	free(p);
	if (n < 0)
		return fail(reason, error);
	reason_set(reason, "cannot be read: it has more than %zu bytes", max);
	return -EINVAL;
}

int config_file_read(const char *path, size_t max, struct slice *bytes, struct reason *reason)
{
	/* O_NONBLOCK: opening a FIFO that nobody writes would wait. It means nothing for a regular file. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return fail(reason, errno);
	int result = read_open(fd, max, bytes, reason);
	close(fd);
	return result;
}

char *config_file_join(const char *folder, struct slice path)
{
	bool absolute = path.n > 0 && path.p[0] == '/';
	size_t before = absolute ? 0 : strlen(folder) + 1;
	char *joined = malloc(before + path.n + 1);
	if (!joined)
		return NULL;
	if (!absolute) {
		memcpy(joined, folder, before - 1);
		joined[before - 1] = '/';
	}
	if (path.n > 0)
		memcpy(joined + before, path.p, path.n);
	joined[before + path.n] = '\0';
	return joined;
}
