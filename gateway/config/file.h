/* file.h - small files, read whole: the configuration, secrets, provider descriptions. */
#ifndef HOOKGATE_CONFIG_FILE_H
#define HOOKGATE_CONFIG_FILE_H

#include "base/reason.h"
#include "base/slice.h"

/* Reads a regular file of at most `max` bytes into newly allocated bytes, to be given to config_secret_wipe. 0, or
 * -EINVAL with the reason ("cannot be read: Permission denied", without the path), or -ENOMEM. */
int config_file_read(const char *path, size_t max, struct slice *bytes, struct reason *reason)
	__attribute__((warn_unused_result));

/* `path` as seen from `folder`: itself when it begins with "/". Newly allocated; NULL when memory is short. */
char *config_file_join(const char *folder, struct slice path) __attribute__((warn_unused_result));

#endif
