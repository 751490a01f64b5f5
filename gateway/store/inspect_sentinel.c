/* inspect_sentinel.c - what of the Sentinels endangers the promise. The one difficulty: a Sentinel that is away is nothing
 * as long as most answer, and a switch cannot happen any more when most do not. */
#include "base/clock.h"
#include "store/client_inner.h"

#include <errno.h>
#include <string.h>

static bool is_same(const struct store_master *a, const struct store_master *b)
{
	return a->port == b->port && strcmp(a->host, b->host) == 0;
}

int store_client_inspect_sentinels(struct store_client *client, void (*found)(void *arg, bool danger, const char *text),
				   void *arg, struct reason *reason)
{
	const struct config_redis *redis = client->redis;
	struct store_master first = { .port = 0 }, named;
	size_t naming = 0;
	bool differ = false;
	struct reason line;
	for (size_t i = 0; i < redis->host_count; i++) {
		enum store_sentinel_trouble trouble;
		struct reason why = { "" };
		int fault = store_client_ask_sentinel(client, i, clock_mono_ms() + client->timeout_ms, &named, &trouble,
						      &why);
		if (fault != 0 && fault != -EIO) {
			*reason = why;
			return fault;
		}
		if (fault == 0) {
			reason_set(&line, "Sentinel %.80s:%u names %.80s:%u the master", redis->hosts[i].host,
				   (unsigned)redis->hosts[i].port, named.host, (unsigned)named.port);
			differ = differ || (naming > 0 && !is_same(&first, &named));
			if (naming++ == 0)
				first = named;
		}
		found(arg, false, fault == 0 ? line.text : why.text);
	}
	if (differ)
		found(arg, false,
		      "the Sentinels do not agree on the master: a switch is under way, or one was cut off");
	if (naming <= redis->host_count / 2) {
		reason_set(&line, "%zu of %zu Sentinels answer: too few to replace a master that fails", naming,
			   redis->host_count);
		found(arg, true, line.text);
	}
	return 0;
}
