/* aof.c - what a crash leaves at the end of Redis' append-only file.
 *
 * The difficulty is one that Redis 7.0 has: of a transaction whose last command was cut short by the crash, it drops
 * that command alone and not the ones before it, up to the MULTI; then it appends to what is left. At the start after
 * that, the XADD of the half transaction is replayed without its mark, and the event's retry makes it stand twice. So
 * before a start the file is cut where its last whole transaction ends, as `redis-check-aof --fix` would. A file that is
 * broken otherwise, in its middle say, is left alone: cutting there would lose what was acknowledged. */
#include "store/aof.h"

#include "base/num.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER "appendonlydir"
#define MANIFEST FOLDER "/appendonly.aof.manifest"

enum { MANIFEST_MAX = 64 * 1024, ARGUMENTS_MAX = 1024 * 1024 };
/* Redis' own limit of an argument, proto-max-bulk-len. */
#define ARGUMENT_MAX (512ULL * 1024 * 1024)

/* ---- the walk ---- */

struct walk {
	struct slice text;
	size_t at;
};

/* A line of "<mark><digits>\r\n". */
static enum store_aof_end read_count(struct walk *walk, unsigned char mark, uint64_t max, uint64_t *count)
{
	struct slice rest = slice_from(walk->text, walk->at);
	size_t line = slice_index(slice_head(rest, 32), '\n');
	if (rest.n > 0 && rest.p[0] != mark)
		return STORE_AOF_STRANGE;
	if (line == slice_head(rest, 32).n)
		return rest.n < 32 ? STORE_AOF_TORN : STORE_AOF_STRANGE;
	if (line < 2 || rest.p[line - 1] != '\r' || !num_parse_u64(slice_of(rest.p + 1, line - 2), max, count))
		return STORE_AOF_STRANGE;
	walk->at += line + 1;
	return STORE_AOF_WHOLE;
}

static enum store_aof_end read_argument(struct walk *walk, struct slice *argument)
{
	uint64_t n = 0;
	enum store_aof_end end = read_count(walk, '$', ARGUMENT_MAX, &n);
	if (end != STORE_AOF_WHOLE)
		return end;
	if (walk->text.n - walk->at < n + 2)
		return STORE_AOF_TORN;
	*argument = slice_of(walk->text.p + walk->at, (size_t)n);
	walk->at += (size_t)n;
	if (walk->text.p[walk->at] != '\r' || walk->text.p[walk->at + 1] != '\n')
		return STORE_AOF_STRANGE;
	walk->at += 2;
	return STORE_AOF_WHOLE;
}

/* A command; *name is its first word. */
static enum store_aof_end read_command(struct walk *walk, struct slice *name)
{
	uint64_t arguments = 0;
	struct slice argument;
	enum store_aof_end end = read_count(walk, '*', ARGUMENTS_MAX, &arguments);
	if (end == STORE_AOF_WHOLE && arguments == 0)
		return STORE_AOF_STRANGE;
	for (uint64_t i = 0; end == STORE_AOF_WHOLE && i < arguments; i++)
		end = read_argument(walk, i == 0 ? name : &argument);
	return end;
}

/* "#TS:1628217470\r\n", where aof-timestamp-enabled is on. */
static enum store_aof_end read_note(struct walk *walk)
{
	struct slice rest = slice_from(walk->text, walk->at);
	size_t line = slice_index(rest, '\n');
	if (line == rest.n)
		return STORE_AOF_TORN;
	walk->at += line + 1;
	return STORE_AOF_WHOLE;
}

enum store_aof_end store_aof_walk(struct slice text, size_t *whole)
{
	struct walk walk = { .text = text };
	bool in_transaction = false;
	enum store_aof_end end = STORE_AOF_WHOLE;
	*whole = 0;
	while (walk.at < text.n) {
		struct slice name = SLICE_NONE;
		end = text.p[walk.at] == '#' ? read_note(&walk) : read_command(&walk, &name);
		if (end != STORE_AOF_WHOLE)
			return end;
		if (slice_eq_nocase(name, SLICE("MULTI")))
			in_transaction = true;
		else if (slice_eq_nocase(name, SLICE("EXEC")))
			in_transaction = false;
		if (!in_transaction)
			*whole = walk.at;
	}
	return in_transaction ? STORE_AOF_TORN : STORE_AOF_WHOLE;
}

/* ---- the files ---- */

static int fault_of(struct reason *reason, const char *what, const char *name, int fault)
{
	reason_set(reason, "cannot %s %s: %s", what, name, strerror(fault));
	return -fault;
}

/* Does the rest of a manifest's line say type i? Redis 8 writes more behind it: "seq 1 type i startoffset 0". */
static bool is_growing(struct slice rest)
{
	struct slice word, value;
	while (rest.n > 0) {
		slice_cut(rest, ' ', &word, &rest);
		slice_cut(rest, ' ', &value, &rest);
		if (slice_eq(word, SLICE("type")))
			return slice_eq(value, SLICE("i"));
	}
	return false;
}

/* The file name in a manifest's last line of type i: "file NAME seq N type i". Empty: there is none. */
static struct slice last_name(struct slice manifest)
{
	struct slice line, word, found = SLICE_NONE;
	while (manifest.n > 0) {
		struct slice name;
		slice_cut(manifest, '\n', &line, &manifest);
		slice_cut(line, ' ', &word, &line);
		slice_cut(line, ' ', &name, &line);
		if (slice_eq(word, SLICE("file")) && is_growing(line) && slice_index(name, '/') == name.n)
			found = name;
	}
	return found;
}

/* "appendonlydir/NAME" of the file that grows, to be freed; NULL with 0: there is none. */
static int find_file(int dir, char **path, struct reason *reason)
{
	char text[MANIFEST_MAX];
	int fd = openat(dir, MANIFEST, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? 0 : fault_of(reason, "open", MANIFEST, errno);
	ssize_t n = read(fd, text, sizeof text);
	int fault = n < 0 ? fault_of(reason, "read", MANIFEST, errno) : 0;
	close(fd);
	struct slice name = fault == 0 ? last_name(slice_of(text, (size_t)n)) : SLICE_NONE;
	if (name.n == 0)
		return fault;
	if (asprintf(path, FOLDER "/%.*s", SLICE_ARGS(name)) < 0) {
		*path = NULL;
		reason_set(reason, "memory is short");
		return -ENOMEM;
	}
	return 0;
}

static int write_all(int fd, struct slice bytes)
{
	while (bytes.n > 0) {
		ssize_t n = write(fd, bytes.p, bytes.n);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			bytes = slice_from(bytes, (size_t)n);
	}
	return 0;
}

/* Half a transaction was never acknowledged; it is kept for whoever wants to look. */
static int keep(int dir, struct slice tail, size_t whole, struct reason *reason)
{
	char name[48];
	snprintf(name, sizeof name, "cut-%zu.aof", whole);
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fault_of(reason, "make", name, errno);
	int fault = write_all(fd, tail);
	close(fd);
	return fault == 0 ? 0 : fault_of(reason, "write", name, -fault);
}

static int cut_file(int dir, int fd, const char *path, struct slice text, uint64_t *cut, struct reason *reason)
{
	size_t whole;
	if (store_aof_walk(text, &whole) != STORE_AOF_TORN)
		return 0;
	int fault = keep(dir, slice_from(text, whole), whole, reason);
	if (fault == 0 && (ftruncate(fd, (off_t)whole) != 0 || fsync(fd) != 0))
		fault = fault_of(reason, "cut", path, errno);
	if (fault == 0)
		*cut = text.n - whole;
	return fault;
}

static int mend_file(int dir, const char *path, uint64_t *cut, struct reason *reason)
{
	struct stat st;
	int fault = 0, fd = openat(dir, path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? 0 : fault_of(reason, "open", path, errno);
	if (fstat(fd, &st) != 0)
		fault = fault_of(reason, "look at", path, errno);
	else if (st.st_size > 0) {
		void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (p == MAP_FAILED) {
			fault = fault_of(reason, "read", path, errno);
		} else {
			(void)madvise(p, (size_t)st.st_size, MADV_SEQUENTIAL);
			fault = cut_file(dir, fd, path, slice_of(p, (size_t)st.st_size), cut, reason);
			munmap(p, (size_t)st.st_size);
		}
	}
	close(fd);
	return fault;
}

int store_aof_mend(const char *dir, uint64_t *cut, struct reason *reason)
{
	char *path = NULL;
	uint64_t bytes = 0;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fault_of(reason, "open", dir, errno);
	int fault = find_file(fd, &path, reason);
	if (fault == 0 && path)
		fault = mend_file(fd, path, &bytes, reason);
	free(path);
	close(fd);
	if (fault == 0)
		*cut = bytes;
	return fault;
}
