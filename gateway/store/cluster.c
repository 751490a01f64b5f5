/* cluster.c - the nodes of a Cluster, and what is said of all of them.
 *
 * Two difficulties. A slot may change its node at any moment, and events are on their way: who has been sent elsewhere goes
 * there, be it to a node that was not known yet, and a node that is not needed any more is kept until nothing waits for
 * it. And a failover may lose what a master had said that it has: so the Cluster as a whole has one identity, made of all
 * its masters', and whoever keeps a window sends it again when that changes. */
#include "store/cluster_inner.h"
#include "store/target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { KEEP_MS = 10 * 1000, DOWN_MS = 500, REDIRECTS_MAX = 8 };

/* ---- members ---- */

static struct store_link *first_link(const struct store_member *member)
{
	return member->node.links[STORE_CLASS_PLAIN];
}

static void on_changed(void *arg, enum store_state state, const char *reason)
{
	struct store_member *member = arg;
	(void)reason;
	if (state != STORE_READY)
		store_cluster_ask(member->cluster);
	store_cluster_settle(member->cluster);
}

static void set_place(struct store_member *member, const struct config_redis *redis)
{
	struct config_redis *copy = &member->redis[member->which];
	*copy = *redis;
	copy->kind = CONFIG_REDIS_TCP;
	copy->host = member->address.host;
	copy->port = member->address.port;
	copy->hosts = NULL;
	copy->host_count = 0;
}

/* Its class says which of the node's links carried it, and carries it there. */
static bool on_redirected(void *arg, struct store_ticket *ticket, const struct store_redirect *redirect)
{
	struct store_member *member = arg, *to;
	struct store_cluster *cluster = member->cluster;
	struct store_link *link;
	uint16_t index;
	store_cluster_ask(cluster);
	if (redirect->kind == STORE_REDIRECT_DOWN) {
		member->down_ms = loop_now_ms(cluster->setup.loop);
		store_cluster_settle(cluster);
		return false;
	}
	to = store_cluster_member(cluster, &redirect->to, &index);
	if (!to || ticket->redirects == REDIRECTS_MAX)
		return false;
	ticket->redirects++;
	to->needed_ms = loop_now_ms(cluster->setup.loop);
	if (redirect->kind == STORE_REDIRECT_MOVED)
		cluster->owner[redirect->slot] = index;
	link = store_node_link(&to->node, ticket->link->setup.class);
	return link && store_link_adopt(link, ticket, redirect->kind == STORE_REDIRECT_ASK);
}

static struct store_link *on_elsewhere(void *arg, const struct store_target *target)
{
	const struct store_member *member = arg;
	const struct store_cluster *cluster = member->cluster;
	uint16_t owner = cluster->owner[target->slot];
	return owner > 0 && cluster->members[owner - 1] ? first_link(cluster->members[owner - 1]) : NULL;
}

static struct store_link *on_waiting(void *arg)
{
	struct store_member *member = arg;
	return store_node_link(&member->node, STORE_CLASS_WAITING);
}

static void on_astray(void *arg)
{
	const struct store_member *member = arg;
	store_cluster_ask(member->cluster);
}

static struct store_member *member_new(struct store_cluster *cluster, const struct store_address *address)
{
	struct store_member *member = calloc(1, sizeof *member);
	if (!member)
		return NULL;
	member->cluster = cluster;
	member->address = *address;
	member->needed_ms = loop_now_ms(cluster->setup.loop);
	set_place(member, cluster->setup.redis);
	if (store_node_open(&member->node, &(struct store_link_setup){ .loop = cluster->setup.loop,
								       .redis = &member->redis[0],
								       .stall_ms = cluster->setup.stall_ms,
								       .gathers = true,
								       .redirected = on_redirected,
								       .elsewhere = on_elsewhere,
								       .astray = on_astray,
								       .waiting = on_waiting,
								       .changed = on_changed,
								       .arg = member }) == 0)
		return member;
	free(member);
	return NULL;
}

static void member_free(struct store_cluster *cluster, size_t i)
{
	struct store_member *member = cluster->members[i];
	cluster->members[i] = NULL;
	store_node_counts(&member->node, &cluster->past);
	store_node_close(&member->node);
	free(member);
}

struct store_member *store_cluster_member(struct store_cluster *cluster, const struct store_address *address,
					  uint16_t *index)
{
	size_t at = STORE_MEMBERS_MAX;
	for (size_t i = 0; i < cluster->count; i++) {
		if (!cluster->members[i]) {
			at = at == STORE_MEMBERS_MAX ? i : at;
		} else if (store_address_eq(&cluster->members[i]->address, address)) {
			*index = (uint16_t)(i + 1);
			return cluster->members[i];
		}
	}
	if (at == STORE_MEMBERS_MAX)
		at = cluster->count;
	if (at == STORE_MEMBERS_MAX)
		return NULL;
	cluster->members[at] = member_new(cluster, address);
	if (cluster->members[at] && at == cluster->count)
		cluster->count++;
	*index = (uint16_t)(at + 1);
	return cluster->members[at];
}

/* Who has no slots, and nothing waits for; only while no slot is said to be its own. */
static void let_go(struct store_cluster *cluster)
{
	int64_t now_ms = loop_now_ms(cluster->setup.loop);
	for (size_t i = 0; i < cluster->count; i++) {
		struct store_member *member = cluster->members[i];
		if (member && !member->master && now_ms - member->needed_ms >= KEEP_MS &&
		    store_node_waiting(&member->node) == 0)
			member_free(cluster, i);
	}
}

static void mark_masters(struct store_cluster *cluster, const uint16_t *index)
{
	int64_t now_ms = loop_now_ms(cluster->setup.loop);
	for (size_t i = 0; i < cluster->count; i++) {
		struct store_member *member = cluster->members[i];
		bool master = false;
		for (size_t m = 0; member && m < cluster->map.count && !master; m++)
			master = index[m] == i + 1;
		if (!member || member->master == master)
			continue;
		member->master = master;
		member->needed_ms = now_ms;
	}
}

void store_cluster_take_map(struct store_cluster *cluster)
{
	const struct store_map *map = &cluster->map;
	int64_t now_ms = loop_now_ms(cluster->setup.loop);
	uint16_t index[STORE_MASTERS_MAX];
	for (size_t m = 0; m < map->count; m++) {
		if (!store_cluster_member(cluster, &map->masters[m], &index[m]))
			index[m] = 0;
	}
	for (size_t slot = 0; slot < STORE_SLOTS; slot++)
		cluster->owner[slot] = map->owner[slot] > 0 ? index[map->owner[slot] - 1] : 0;
	mark_masters(cluster, index);
	let_go(cluster);
	for (size_t i = 0; i < cluster->count; i++) {
		struct store_member *member = cluster->members[i];
		if (member && now_ms - member->down_ms >= DOWN_MS)
			member->down_ms = 0;
	}
	cluster->mapped = true;
	cluster->down = false;
	store_cluster_settle(cluster);
}

/* ---- all of them ---- */

/* A number that tells texts apart that nobody has made to be alike. */
static uint64_t digest(const char *text, uint64_t seed)
{
	uint64_t hash = seed;
	for (; *text != '\0'; text++)
		hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001B3);
	hash = (hash ^ hash >> 32) * UINT64_C(0x9E3779B97F4A7C15);
	return hash ^ hash >> 29;
}

/* Empty where one of them has none. */
static void identify(const struct store_cluster *cluster, char out[STORE_IDENTITY])
{
	uint64_t a = 0, b = 0;
	unsigned count = 0;
	for (size_t i = 0; i < cluster->count; i++) {
		const struct store_member *member = cluster->members[i];
		if (!member || !member->master)
			continue;
		const char *identity = store_link_identity(first_link(member));
		out[0] = '\0';
		if (identity[0] == '\0')
			return;
		a += digest(identity, UINT64_C(0xCBF29CE484222325));
		b += digest(identity, UINT64_C(0x6C62272E07BB0142));
		count++;
	}
	snprintf(out, STORE_IDENTITY, "cluster of %u %016llx%016llx", count, (unsigned long long)a,
		 (unsigned long long)b);
}

static int badness(enum store_state state)
{
	switch (state) {
	case STORE_READY:
		return 0;
	case STORE_CONNECTING:
		return 1;
	case STORE_STALLED:
		return 2;
	case STORE_AWAY:
		break;
	}
	return 3;
}

static enum store_state state_of(const struct store_member *member)
{
	return member->down_ms > 0 ? STORE_AWAY : store_link_state(first_link(member));
}

static const char *reason_of(const struct store_member *member)
{
	return member->down_ms > 0 ? "it says that the Cluster is down" : store_link_reason(first_link(member));
}

static enum store_state worst_of(const struct store_cluster *cluster, struct reason *reason)
{
	enum store_state worst = STORE_READY;
	for (size_t i = 0; i < cluster->count; i++) {
		const struct store_member *member = cluster->members[i];
		if (!member || !member->master || badness(state_of(member)) <= badness(worst))
			continue;
		worst = state_of(member);
		reason_set(reason, "%s:%u: %s", member->address.host, member->address.port, reason_of(member));
	}
	return worst;
}

void store_cluster_settle(struct store_cluster *cluster)
{
	enum store_state state = STORE_AWAY, before = cluster->state;
	char identity[STORE_IDENTITY] = "";
	if (!cluster->mapped)
		state = cluster->tried ? STORE_AWAY : STORE_CONNECTING;
	else if (!cluster->down)
		state = worst_of(cluster, &cluster->reason);
	if (state == STORE_READY) {
		cluster->reason.text[0] = '\0';
		identify(cluster, identity);
	}
	bool other = state == STORE_READY && strcmp(identity, cluster->identity) != 0;
	cluster->state = state;
	if (state == STORE_READY)
		memcpy(cluster->identity, identity, sizeof identity);
	if ((state != before || other) && cluster->setup.changed)
		cluster->setup.changed(cluster->setup.arg, state, state == STORE_READY ? NULL : cluster->reason.text);
}

enum store_state store_cluster_state(const struct store_cluster *cluster)
{
	return cluster->state;
}

const char *store_cluster_reason(const struct store_cluster *cluster)
{
	return cluster->reason.text;
}

const char *store_cluster_identity(const struct store_cluster *cluster)
{
	return cluster->identity;
}

/* ---- for the store ---- */

struct store_link *store_cluster_link(struct store_cluster *cluster, const struct store_event *event,
				      struct reason *reason)
{
	uint16_t index = cluster->owner[event->target->slot];
	struct store_member *member = index > 0 ? cluster->members[index - 1] : NULL;
	if (!cluster->mapped || cluster->down) {
		reason_set(reason, "%s", cluster->reason.text);
		return NULL;
	}
	if (!member) {
		reason_set(reason, "no node of the Cluster has slot %u", event->target->slot);
		return NULL;
	}
	struct store_link *link = member->down_ms > 0 ? NULL : store_node_link(&member->node, event->class);
	if (link && store_link_takes_puts(link))
		return link;
	reason_set(reason, "%s:%u: %s", member->address.host, member->address.port,
		   link ? store_link_reason(link) : reason_of(member));
	return NULL;
}

void store_cluster_turn_end(struct store_cluster *cluster)
{
	for (size_t i = 0; i < cluster->count; i++) {
		if (cluster->members[i])
			store_node_turn_end(&cluster->members[i]->node);
	}
}

size_t store_cluster_waiting(const struct store_cluster *cluster)
{
	size_t waiting = 0;
	for (size_t i = 0; i < cluster->count; i++)
		waiting += cluster->members[i] ? store_node_waiting(&cluster->members[i]->node) : 0;
	return waiting;
}

void store_cluster_counts(const struct store_cluster *cluster, struct store_counts *sum)
{
	const struct store_counts *past = &cluster->past;
	sum->connects += past->connects;
	sum->losses += past->losses;
	sum->script_loads += past->script_loads;
	sum->refusals += past->refusals;
	sum->timeouts += past->timeouts;
	sum->races += past->races;
	sum->shortfalls += past->shortfalls;
	sum->moved += past->moved;
	sum->asked += past->asked;
	sum->asked_again += past->asked_again;
	sum->writes += past->writes;
	for (size_t i = 0; i < cluster->count; i++) {
		if (cluster->members[i])
			store_node_counts(&cluster->members[i]->node, sum);
	}
}

/* ---- life ---- */

int store_cluster_new(struct store_cluster **out)
{
	struct store_cluster *cluster = calloc(1, sizeof *cluster);
	if (!cluster)
		return -ENOMEM;
	*out = cluster;
	return 0;
}

void store_cluster_begin(struct store_cluster *cluster, const struct store_cluster_setup *setup)
{
	cluster->setup = *setup;
}

void store_cluster_end(struct store_cluster *cluster)
{
	cluster->setup.changed = NULL;
	loop_timer_stop(&cluster->timer);
	for (size_t i = 0; i < cluster->count; i++) {
		if (cluster->members[i])
			member_free(cluster, i);
	}
	store_map_clear(&cluster->map);
	struct store_counts past = cluster->past;
	memset(cluster, 0, sizeof *cluster);
	cluster->past = past;
}

void store_cluster_free(struct store_cluster *cluster)
{
	if (!cluster)
		return;
	store_cluster_end(cluster);
	free(cluster);
}

void store_cluster_reconfigure(struct store_cluster *cluster, const struct config_redis *redis, int64_t stall_ms)
{
	cluster->setup.redis = redis;
	cluster->setup.stall_ms = stall_ms;
	for (size_t i = 0; i < cluster->count; i++) {
		struct store_member *member = cluster->members[i];
		if (!member)
			continue;
		member->which = !member->which;
		set_place(member, redis);
		store_node_reconfigure(&member->node, &member->redis[member->which], NULL, stall_ms);
	}
}
