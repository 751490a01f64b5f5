/* layouts.c - the layouts that this gateway knows. The one difficulty is that workers read what another thread replaces: so
 * nothing is ever changed, or freed before the end. */
#include "store/spread.h"

#include <errno.h>
#include <stdlib.h>

const struct store_known store_known_first = { .layout = { .open = true } };

static void wake(struct store_layouts *layouts)
{
	if (layouts->calls.wake)
		layouts->calls.wake(layouts->calls.arg);
}

int store_layouts_new(struct store_layouts **out)
{
	struct store_layouts *layouts = calloc(1, sizeof *layouts);
	if (!layouts)
		return -ENOMEM;
	pthread_mutex_init(&layouts->lock, NULL);
	*out = layouts;
	return 0;
}

void store_known_free(struct store_known *known)
{
	store_order_free(known->order);
	for (size_t i = 0; i < STORE_FORMERS_MAX; i++)
		store_order_free(known->former_orders[i]);
	free(known);
}

static void free_spread(struct store_spread *spread)
{
	while (spread->made) {
		struct store_known *before = spread->made->before;
		store_known_free(spread->made);
		spread->made = before;
	}
	free(spread);
}

void store_layouts_free(struct store_layouts *layouts)
{
	if (!layouts)
		return;
	for (size_t i = 0; i < STORE_SPREAD_HEADS; i++) {
		while (layouts->heads[i]) {
			struct store_spread *next = layouts->heads[i]->next;
			free_spread(layouts->heads[i]);
			layouts->heads[i] = next;
		}
	}
	pthread_mutex_destroy(&layouts->lock);
	free(layouts);
}

void store_layouts_call(struct store_layouts *layouts, const struct store_layouts_calls *calls)
{
	layouts->calls = *calls;
}

static struct store_spread *new_spread(struct store_layouts *layouts, struct slice prefix, struct slice route)
{
	struct store_spread *spread = calloc(1, sizeof *spread + prefix.n + route.n);
	if (!spread)
		return NULL;
	if (prefix.n > 0)
		memcpy(spread->bytes, prefix.p, prefix.n);
	if (route.n > 0)
		memcpy(spread->bytes + prefix.n, route.p, route.n);
	spread->layouts = layouts;
	spread->prefix = slice_of(spread->bytes, prefix.n);
	spread->route = slice_of(spread->bytes + prefix.n, route.n);
	spread->settled = true;
	atomic_init(&spread->now, &store_known_first);
	return spread;
}

int store_layouts_spread(struct store_layouts *layouts, struct slice prefix, struct slice route,
			 struct store_spread **out)
{
	struct store_spread **head = &layouts->heads[store_order_hash(route) % STORE_SPREAD_HEADS], *spread;
	pthread_mutex_lock(&layouts->lock);
	for (spread = *head; spread; spread = spread->next) {
		if (slice_eq(spread->route, route) && slice_eq(spread->prefix, prefix))
			break;
	}
	if (!spread && (spread = new_spread(layouts, prefix, route)) != NULL) {
		spread->next = *head;
		*head = spread;
	}
	pthread_mutex_unlock(&layouts->lock);
	if (spread)
		*out = spread;
	return spread ? 0 : -ENOMEM;
}

void store_spread_want(struct store_spread *spread, const struct store_split *split, uint32_t window_s,
		       const struct store_wait *wait)
{
	struct store_layouts *layouts = spread->layouts;
	pthread_mutex_lock(&layouts->lock);
	const struct store_known *known = atomic_load(&spread->now);
	/* One that was never asked about is most likely what it seems; where it is not, its first put is refused. */
	bool quiet = !spread->asked && split->partitions == 0;
	spread->wanted = *split;
	spread->window_s = window_s;
	spread->wait = *wait;
	spread->settled = spread->asked && known && store_split_same(&known->layout.split, split);
	spread->stale |= !spread->settled && !quiet;
	if (!spread->asked)
		/* Nobody may put before it is known in which generation. */
		atomic_store(&spread->now, quiet ? &store_known_first : NULL);
	bool stale = spread->stale;
	pthread_mutex_unlock(&layouts->lock);
	if (stale)
		wake(layouts);
}

void store_spread_stale(struct store_spread *spread)
{
	bool was;
	pthread_mutex_lock(&spread->layouts->lock);
	was = spread->stale;
	spread->stale = true;
	pthread_mutex_unlock(&spread->layouts->lock);
	if (!was)
		wake(spread->layouts);
}

bool store_spread_broken(struct store_spread *spread, struct reason *why)
{
	bool broken;
	pthread_mutex_lock(&spread->layouts->lock);
	broken = spread->broken;
	if (broken)
		*why = spread->why;
	pthread_mutex_unlock(&spread->layouts->lock);
	return broken;
}

const struct store_known *store_spread_now(const struct store_spread *spread)
{
	return atomic_load_explicit(&((struct store_spread *)(uintptr_t)spread)->now, memory_order_acquire);
}
