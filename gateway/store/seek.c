/* seek.c - a link whose Redis the Sentinels name: it waits for a name, and leaves a master that they no longer name. All
 * links of a node hear of it in one turn of the loop, so that none of them acknowledges at the old master what the others
 * have sent again to the new one already.
 *
 * The one difficulty: the name may change at any moment of the link's life, and be the same again by the time that it
 * has got there; so what is compared is where the link went, with what is named now. */
#include "store/link.h"

#include <stdio.h>
#include <string.h>

static struct store_sentinels *sentinels_of(const struct store_link *link)
{
	return *link->setup.sentinels;
}

static void go(struct store_link *link, const struct store_master *master)
{
	link->sought = false;
	link->master = *master;
	store_link_resolve(link, link->master.host, link->master.port);
}

static bool is_there(const struct store_link *link, const struct store_master *master)
{
	return link->master.port == master->port && strcmp(link->master.host, master->host) == 0;
}

static void on_decided(void *arg)
{
	struct store_link *link = arg;
	const struct store_master *master = store_sentinels_master(sentinels_of(link));
	struct reason reason;
	if (link->phase == STORE_PHASE_RESOLVING && link->sought) {
		if (master)
			go(link, master);
		else if (store_sentinels_in_vain(sentinels_of(link), &reason))
			store_link_drop(link, reason.text);
		return;
	}
	/* That no Sentinel answers is no reason to leave a master. */
	if (!master || is_there(link, master))
		return;
	char why[STORE_HOST_ROOM + 64];
	snprintf(why, sizeof why, "the Sentinels name another master, %s:%u", master->host, (unsigned)master->port);
	if (link->phase != STORE_PHASE_WAITING)
		store_link_drop(link, why);
	store_link_hurry(link);
}

static bool begin_listening(struct store_link *link)
{
	if (link->listening)
		return true;
	if (!sentinels_of(link) && store_sentinels_new(link->setup.loop, link->setup.redis, link->setup.sentinels) != 0)
		return false;
	link->listener = (struct store_sentinel_listener){ .decided = on_decided, .arg = link };
	store_sentinels_join(sentinels_of(link), &link->listener);
	link->listening = true;
	return true;
}

void store_seek(struct store_link *link)
{
	link->sought = true;
	if (!begin_listening(link)) {
		store_link_drop(link, "memory is short");
		return;
	}
	/* Also when one is named: the last attempt may have failed because it is one no more. */
	store_sentinels_ask(sentinels_of(link));
	const struct store_master *master = store_sentinels_master(sentinels_of(link));
	if (master && link->phase == STORE_PHASE_RESOLVING && link->sought)
		go(link, master);
}

bool store_seek_failed(const struct store_link *link, struct reason *reason)
{
	if (link->phase != STORE_PHASE_RESOLVING || !link->sought)
		return false;
	if (!store_sentinels_in_vain(sentinels_of(link), reason))
		reason_set(reason, "the Sentinels did not name the master in time");
	return true;
}

void store_seek_end(struct store_link *link)
{
	if (link->listening)
		store_sentinels_leave(sentinels_of(link), &link->listener);
	link->listening = link->sought = false;
	link->master = (struct store_master){ .port = 0 };
}
