/* fence.c - the keys that close former partitions, set and waited for.
 *
 * The difficulty: WAIT is about what its own connection has written, and in a Cluster the keys are on several nodes. So each connection
 * that has set some is asked, and must be the same as it was then: behind another one may be a Redis that never had them. */
#include "store/fence.h"

#include "store/client_inner.h"
#include "store/link.h"

#include <errno.h>

void store_fence_begin(struct store_client *client)
{
	client->fencing++;
	client->fences_lost = false;
}

int store_fence_set(struct store_client *client, struct slice key, struct reason *reason)
{
	const struct slice words[] = { SLICE("SET"), key, SLICE("1") };
	struct store_reply *reply = NULL;
	int fault = store_client_ask(client, words, 3, 0, &reply, reason);
	if (fault != 0)
		return fault;
	store_reply_free(reply);
	struct store_client *node = client->nodes ? store_nodes_last(client->nodes) : client;
	client->fences_lost |= node->fenced_in == client->fencing && node->fenced_connects != node->connects;
	node->fenced_in = client->fencing;
	node->fenced_connects = node->connects;
	return 0;
}

/* ---- waiting ---- */

struct waiting {
	struct store_client *front;
	const struct store_wait *wait;
};

static int wait_at(void *arg, struct store_client *node, const char *name, struct reason *reason)
{
	const struct waiting *waiting = arg;
	struct slice words[STORE_WAITED_WORDS];
	char digits[2][20];
	struct store_reply *reply = NULL;
	struct reason why = { "" };
	if (node->fenced_in != waiting->front->fencing)
		return 0;
	size_t count = store_waited_words(waiting->wait, digits, words);
	int fault = store_client_ask(node, words, count, waiting->wait->timeout_ms, &reply, &why);
	if (fault == 0 && node->fenced_connects != node->connects)
		waiting->front->fences_lost = true;
	else if (fault == 0 && !store_waited_holds(waiting->wait, (const redisReply *)(const void *)reply, &why))
		fault = -EBUSY;
	if (fault != 0)
		reason_set(reason, "a change of its partitions waits%s%s: %.160s", name ? " for " : "",
			   name ? name : "", why.text);
	store_reply_free(reply);
	return fault;
}

int store_fence_wait(struct store_client *client, const struct store_wait *wait, bool *held, struct reason *reason)
{
	struct waiting waiting = { client, wait };
	int fault = 0;
	if (wait->level != STORE_LEVEL_STORED)
		fault = client->nodes ? store_nodes_each(client->nodes, wait_at, &waiting, reason)
				      : wait_at(&waiting, client, NULL, reason);
	*held = !client->fences_lost || wait->level == STORE_LEVEL_STORED;
	return fault;
}
