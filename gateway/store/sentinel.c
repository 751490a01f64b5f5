/* sentinel.c - who the master is, of what all Sentinels say.
 *
 * The difficulty is whom to believe. A Sentinel that was cut off together with an old master names that one for as long
 * as nobody tells it better; so what comes with a lower epoch than was followed already is not believed, unless most
 * Sentinels say it, as after they were set up anew. */
#include "store/sentinel_inner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int store_sentinels_new(struct loop *loop, const struct config_redis *redis, struct store_sentinels **out)
{
	struct store_sentinels *sentinels = calloc(1, sizeof *sentinels + redis->host_count * sizeof *sentinels->ones);
	if (!sentinels)
		return -ENOMEM;
	sentinels->loop = loop;
	sentinels->redis = redis;
	sentinels->count = redis->host_count;
	int fault = 0;
	for (size_t i = 0; i < sentinels->count && fault == 0; i++) {
		sentinels->ones[i].all = sentinels;
		sentinels->ones[i].number = i;
		fault = store_sentinel_one_begin(&sentinels->ones[i]);
	}
	if (fault == 0)
		*out = sentinels;
	else
		store_sentinels_free(sentinels);
	return fault;
}

void store_sentinels_free(struct store_sentinels *sentinels)
{
	if (!sentinels)
		return;
	for (size_t i = 0; i < sentinels->count; i++) {
		store_sentinel_one_close(&sentinels->ones[i]);
		loop_timer_stop(&sentinels->ones[i].timer);
		store_trips_free(&sentinels->ones[i].trips);
	}
	free(sentinels);
}

void store_sentinels_join(struct store_sentinels *sentinels, struct store_sentinel_listener *listener)
{
	listener->next = sentinels->listeners;
	sentinels->listeners = listener;
}

void store_sentinels_leave(struct store_sentinels *sentinels, struct store_sentinel_listener *listener)
{
	struct store_sentinel_listener **at = &sentinels->listeners;
	while (*at && *at != listener)
		at = &(*at)->next;
	if (*at)
		*at = listener->next;
}

void store_sentinels_renew(struct store_sentinels *sentinels, const struct config_redis *redis)
{
	sentinels->redis = redis;
}

void store_sentinels_ask(struct store_sentinels *sentinels)
{
	/* An answer, or a failure, may come at once: what it is compared with is cleared first. */
	for (size_t i = 0; i < sentinels->count; i++)
		sentinels->ones[i].tried = false;
	for (size_t i = 0; i < sentinels->count; i++)
		store_sentinel_one_ask(&sentinels->ones[i]);
}

static const struct store_master *best_of(const struct store_sentinels *sentinels)
{
	const struct store_master *best = NULL;
	size_t naming = 0;
	for (size_t i = 0; i < sentinels->count; i++) {
		const struct store_sentinel_one *one = &sentinels->ones[i];
		naming += one->named;
		if (one->named && (!best || one->master.epoch > best->epoch))
			best = &one->master;
	}
	bool most = naming > sentinels->count / 2;
	return best && (best->epoch >= sentinels->epoch || most) ? best : NULL;
}

static bool is_same(const struct store_master *a, const struct store_master *b)
{
	return a->port == b->port && strcmp(a->host, b->host) == 0;
}

void store_sentinels_heard(struct store_sentinels *sentinels)
{
	const struct store_master *best = best_of(sentinels);
	struct reason reason;
	bool news;
	if (best) {
		news = !sentinels->named || !is_same(best, &sentinels->master);
		sentinels->master = *best;
		sentinels->epoch = best->epoch;
	} else {
		news = store_sentinels_in_vain(sentinels, &reason);
	}
	sentinels->named = best != NULL;
	for (struct store_sentinel_listener *at = sentinels->listeners; news && at; at = at->next)
		at->decided(at->arg);
}

const struct store_master *store_sentinels_master(const struct store_sentinels *sentinels)
{
	return sentinels->named ? &sentinels->master : NULL;
}

bool store_sentinels_in_vain(const struct store_sentinels *sentinels, struct reason *reason)
{
	const struct store_sentinel_one *worst = NULL;
	bool named = false;
	for (size_t i = 0; i < sentinels->count; i++) {
		const struct store_sentinel_one *one = &sentinels->ones[i];
		if (!one->tried)
			return false;
		named = named || one->named;
		if (!one->named && (!worst || one->trouble > worst->trouble))
			worst = one;
	}
	if (best_of(sentinels))
		return false;
	if (named || !worst)
		reason_set(reason, "the Sentinels that answer name a master of before the last switch");
	else
		reason_set(reason, "%s%s",
			   worst->trouble == STORE_SENTINEL_UNREACHED ? "no Sentinel can be reached: " : "",
			   worst->reason.text);
	return true;
}
