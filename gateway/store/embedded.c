#include "store/embedded.h"

#include <errno.h>
#include <stdio.h>

int store_embedded_socket(const char *dir, char *out, size_t size)
{
	int n = snprintf(out, size, "%s/redis.sock", dir);
	return n >= 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
}
