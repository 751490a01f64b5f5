/* scout.c - asks the nodes of a Cluster, one at a time, where the slots are.
 *
 * The difficulty is whom to believe: a node that is cut off from the others still has a map, and answers. It also says that
 * the Cluster is down, as soon as it has noticed; then its map is left alone, and after some such answers another node is
 * asked. What is wrong nevertheless is put right by the nodes themselves, who say MOVED. */
#include "base/num.h"
#include "store/cluster_inner.h"

#include <stdio.h>

enum {
	SOON_MS = 20,	    /* what asks for it comes in crowds */
	SELDOM_MS = 100,    /* not more often, whoever asks for it */
	NOT_WELL_MS = 250,  /* while not all is ready */
	WELL_MS = 5 * 1000, /* when it is */
	ANSWER_MS = 1000,
	BAD_MAX = 4
};

static void on_time(void *arg);

static void set_timer(struct store_cluster *cluster, int64_t ms)
{
	/* Without memory for it, the next loss or redirection sets it. */
	(void)loop_timer_start(cluster->setup.loop, &cluster->timer, ms, on_time, cluster);
}

void store_cluster_ask(struct store_cluster *cluster)
{
	int64_t since_ms = loop_now_ms(cluster->setup.loop) - cluster->asked_ms;
	if (cluster->asking)
		cluster->ask_again = true;
	else if (cluster->scout)
		set_timer(cluster, since_ms >= SELDOM_MS ? SOON_MS : SELDOM_MS - since_ms);
}

static void on_time(void *arg)
{
	struct store_cluster *cluster = arg;
	if (!cluster->scout)
		return;
	if (cluster->asking) {
		store_link_drop(cluster->scout, "it did not say in time where the slots are");
		return;
	}
	cluster->asked_ms = loop_now_ms(cluster->setup.loop);
	cluster->asking = true;
	cluster->map_read = cluster->ask_again = false;
	set_timer(cluster, ANSWER_MS);
	if (!store_link_ask_map(cluster->scout))
		store_link_drop(cluster->scout, "memory is short");
}

/* Every node is asked in turn: those of the configuration, then those that were found. */
void store_cluster_place(struct store_cluster *cluster, struct store_address *place)
{
	const struct config_redis *redis = cluster->setup.redis;
	size_t all = redis->host_count + cluster->count, at = cluster->turn++ % all;
	if (cluster->turn > redis->host_count && !cluster->mapped && !cluster->tried) {
		cluster->tried = true;
		store_cluster_settle(cluster);
	}
	if (at >= redis->host_count && !cluster->members[at - redis->host_count])
		at = 0;
	if (at >= redis->host_count) {
		*place = cluster->members[at - redis->host_count]->address;
	} else {
		snprintf(place->host, sizeof place->host, "%s", redis->hosts[at].host);
		place->port = redis->hosts[at].port;
	}
	cluster->asked = *place;
}

void store_cluster_scout(struct store_cluster *cluster, struct store_link *scout, enum store_state state,
			 const char *reason)
{
	bool ready = state == STORE_READY;
	if (state == STORE_STALLED)
		return;
	cluster->scout = ready ? scout : NULL;
	cluster->asking = false;
	if (ready) {
		set_timer(cluster, 0);
	} else if (!cluster->mapped) {
		reason_set(&cluster->reason, "%s:%u: %s", cluster->asked.host, cluster->asked.port, reason);
		store_cluster_settle(cluster);
	}
}

/* ---- answers ---- */

static void is_bad(struct store_cluster *cluster)
{
	cluster->bad++;
	reason_set(&cluster->reason, "%s:%u: it says that the Cluster is down", cluster->asked.host,
		   cluster->asked.port);
	if (cluster->bad < BAD_MAX) {
		set_timer(cluster, NOT_WELL_MS);
		return;
	}
	cluster->bad = 0;
	cluster->down = cluster->tried = true;
	store_cluster_settle(cluster);
	store_link_drop(cluster->scout, cluster->reason.text);
}

static void is_good(struct store_cluster *cluster)
{
	cluster->bad = 0;
	store_cluster_take_map(cluster);
	if (!cluster->scout)
		return;
	if (cluster->ask_again)
		set_timer(cluster, SELDOM_MS);
	else
		set_timer(cluster, cluster->state == STORE_READY ? WELL_MS : NOT_WELL_MS);
}

void store_cluster_told(struct store_cluster *cluster, const struct store_reply *reply, size_t number)
{
	if (number == 1) {
		cluster->map_read = store_map_read(reply, &cluster->asked, &cluster->map, &cluster->unread);
		return;
	}
	cluster->asking = false;
	if (store_map_is_down(reply))
		is_bad(cluster);
	else if (cluster->map_read)
		is_good(cluster);
	else
		store_link_drop(cluster->scout, cluster->unread.text);
}
