/* replay.c - runs every file of the directories named through a fuzz target, without libFuzzer: what was once found
 * stays tested with any compiler. Exit 1 when there was nothing to run, so that a corpus cannot be lost unnoticed. */
#include "fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

/* One file, in memory of just its size, so that AddressSanitizer sees every look behind it. */
static bool run_file(int directory, const char *name)
{
	struct stat status;
	unsigned char *data = NULL;
	bool good = false;
	int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
		goto out;
	data = malloc(status.st_size > 0 ? (size_t)status.st_size : 1);
	if (!data || read(fd, data, (size_t)status.st_size) != status.st_size)
		goto out;
	(void)LLVMFuzzerTestOneInput(data, (size_t)status.st_size);
	good = true;
out:
	free(data);
	if (fd >= 0)
		close(fd);
	return good;
}

static bool run_directory(const char *path)
{
	size_t count = 0;
	bool good = true;
	const struct dirent *entry;
	DIR *directory = opendir(path);
	if (!directory) {
		perror(path);
		return false;
	}
	while ((entry = readdir(directory)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		if (run_file(dirfd(directory), entry->d_name)) {
			count++;
		} else {
			fprintf(stderr, "%s/%s: cannot be read\n", path, entry->d_name);
			good = false;
		}
	}
	closedir(directory);
	printf("%s: %zu inputs\n", path, count);
	return good && count > 0;
}

int main(int argc, char **argv)
{
	bool good = argc > 1;
	for (int i = 1; i < argc; i++)
		good = run_directory(argv[i]) && good;
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
