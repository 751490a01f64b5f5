/* none.c - a build without TLS. Its one difficulty: the configuration is to be refused with words that tell what is needed,
 * before anything else here is called. */
#include "tls/tls.h"

#include <errno.h>
#include <stdlib.h>

const char *tls_lacking(void)
{
	return "this build does not speak TLS to Redis: that needs hiredis 1.0 or newer, as in Debian 13, and here is "
	       "hiredis " HOOKGATE_HIREDIS_VERSION;
}

int tls_context_new(const struct config_redis_tls *tls, struct tls_context **out, struct reason *reason)
{
	reason_set(reason, "%s", tls_lacking());
	return -EINVAL;
}

struct tls_context *tls_context_ref(struct tls_context *context)
{
	abort();
}

void tls_context_unref(struct tls_context *context)
{
}

int tls_session_new(struct tls_context *context, int fd, const char *name, struct tls_session **out)
{
	abort();
}

void tls_session_free(struct tls_session *session)
{
}

enum tls_end tls_shake(struct tls_session *session, struct reason *reason)
{
	abort();
}

enum tls_end tls_read(struct tls_session *session, void *bytes, size_t room, size_t *n, struct reason *reason)
{
	abort();
}

enum tls_end tls_write(struct tls_session *session, struct slice bytes, size_t *n, struct reason *reason)
{
	abort();
}
