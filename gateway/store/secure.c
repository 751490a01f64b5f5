/* secure.c - the certificates for connections to Redis.
 *
 * Every link of every worker needs them, and reading the system's takes some ten milliseconds: so they are kept once for the
 * process. The difficulty is a reload: the new ones come while links of the old configuration still connect; so what is
 * kept has its settings with it, and who has others reads for himself. */
#include "store/secure.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
	struct tls_context *context; /* NULL: nothing is kept */
	char *ca, *cert, *key;
} kept;

static bool same(const char *a, const char *b)
{
	return slice_eq(slice_str(a), slice_str(b));
}

static int copy(const char *text, char **out)
{
	*out = text ? strdup(text) : NULL;
	return text && !*out ? -ENOMEM : 0;
}

int store_secure_load(const struct config_redis_tls *tls, struct reason *reason)
{
	struct tls_context *context = NULL, *before;
	char *ca = NULL, *cert = NULL, *key = NULL, *old[3];
	int fault = tls_context_new(tls, &context, reason);
	if (fault != 0)
		return fault;
	if (copy(tls->ca, &ca) != 0 || copy(tls->cert, &cert) != 0 || copy(tls->key, &key) != 0) {
		tls_context_unref(context);
		free(ca);
		free(cert);
		free(key);
		reason_set(reason, "memory is short");
		return -ENOMEM;
	}
	pthread_mutex_lock(&lock);
	before = kept.context;
	old[0] = kept.ca;
	old[1] = kept.cert;
	old[2] = kept.key;
	kept.context = context;
	kept.ca = ca;
	kept.cert = cert;
	kept.key = key;
	pthread_mutex_unlock(&lock);
	tls_context_unref(before);
	for (size_t i = 0; i < 3; i++)
		free(old[i]);
	return 0;
}

static struct tls_context *take_kept(const struct config_redis_tls *tls)
{
	struct tls_context *context = NULL;
	pthread_mutex_lock(&lock);
	if (kept.context && same(kept.ca, tls->ca) && same(kept.cert, tls->cert) && same(kept.key, tls->key))
		context = tls_context_ref(kept.context);
	pthread_mutex_unlock(&lock);
	return context;
}

int store_secure_session(const struct config_redis_tls *tls, int fd, const char *host, struct tls_session **out,
			 struct reason *reason)
{
	struct tls_context *context = take_kept(tls);
	int fault = context ? 0 : tls_context_new(tls, &context, reason);
	if (fault != 0)
		return fault;
	fault = tls_session_new(context, fd, tls->server_name ? tls->server_name : host, out);
	tls_context_unref(context);
	if (fault != 0)
		reason_set(reason, "memory is short");
	return fault;
}
