/* places.c - where a route's events go. The one difficulty: what is made for a layout is shared by all threads, and made by the
 * first who needs it. */
#include "store/places.h"

#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* All targets of one layout, and of those before it. */
struct place_set {
	struct place_set *before;
	const struct store_known *known;
	struct store_target *whole; /* of the route when it is not split; NULL: no layout needs it */
	size_t count;
	struct store_target *parts[];
};

struct store_places {
	struct store_spread *spread; /* NULL: never split */
	struct store_target_setup names;
	pthread_mutex_t lock; /* of who makes a set */
	_Atomic(struct place_set *) set;
	unsigned char bytes[];
};

static struct slice keep(unsigned char **at, struct slice s)
{
	struct slice kept = slice_of(*at, s.n);
	if (s.n > 0)
		memcpy(*at, s.p, s.n);
	*at += s.n;
	return kept;
}

int store_places_new(const struct store_target_setup *names, struct store_spread *spread, struct store_places **out)
{
	struct store_places *places =
		calloc(1, sizeof *places + names->prefix.n + names->route.n + names->source.n + names->provider.n);
	if (!places)
		return -ENOMEM;
	unsigned char *at = places->bytes;
	places->names.prefix = keep(&at, names->prefix);
	places->names.route = keep(&at, names->route);
	places->names.source = keep(&at, names->source);
	places->names.provider = keep(&at, names->provider);
	places->spread = spread;
	pthread_mutex_init(&places->lock, NULL);
	*out = places;
	return 0;
}

static void free_set(struct place_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		store_target_free(set->parts[i]);
	store_target_free(set->whole);
	free(set);
}

void store_places_free(struct store_places *places)
{
	if (!places)
		return;
	struct place_set *set = atomic_load(&places->set), *before;
	for (; set; set = before) {
		before = set->before;
		free_set(set);
	}
	pthread_mutex_destroy(&places->lock);
	free(places);
}

void store_places_follow(struct store_places *places, struct store_spread *spread)
{
	places->spread = spread;
}

void store_places_want(struct store_places *places, const struct store_split *split, uint32_t window_s,
		       const struct store_wait *wait)
{
	store_spread_want(places->spread, split, window_s, wait);
}

/* ---- targets ---- */

static struct place_set *make_set(const struct store_places *places, const struct store_known *known)
{
	const struct store_layout *layout = &known->layout;
	struct store_target_setup setup = places->names;
	unsigned most = layout->split.partitions;
	bool whole = most == 0;
	for (size_t i = 0; i < layout->former_count; i++) {
		unsigned had = layout->formers[i].split.partitions;
		most = had > most ? had : most;
		whole |= had == 0;
	}
	struct place_set *set = calloc(1, sizeof *set + most * sizeof(struct store_target *));
	if (!set)
		return NULL;
	set->known = known;
	set->count = most;
	setup.generation = layout->generation;
	int fault = whole ? store_target_new_at(&setup, &set->whole) : 0;
	setup.split = true;
	for (setup.partition = 0; fault == 0 && setup.partition < most; setup.partition++)
		fault = store_target_new_at(&setup, &set->parts[setup.partition]);
	if (fault == 0)
		return set;
	free_set(set);
	return NULL;
}

static struct place_set *find_set(struct store_places *places, const struct store_known *known)
{
	struct place_set *set = atomic_load_explicit(&places->set, memory_order_acquire);
	if (set && set->known == known)
		return set;
	pthread_mutex_lock(&places->lock);
	for (set = atomic_load(&places->set); set && set->known != known; set = set->before)
		;
	if (!set && (set = make_set(places, known)) != NULL) {
		set->before = atomic_load(&places->set);
		atomic_store_explicit(&places->set, set, memory_order_release);
	}
	pthread_mutex_unlock(&places->lock);
	return set;
}

/* ---- choosing ---- */

/* An event being placed. */
struct placing {
	const struct place_set *set;
	struct store_event *event;
	struct arena *arena;
	const struct store_target **elsewhere;
	size_t count;
	bool keyless, in_body; /* of the last that was asked for: there is no key; it stood in the body */
};

static const struct store_target *place_by(struct placing *p, const struct store_split *split,
					   const struct store_order *order)
{
	struct slice key = p->event->id;
	p->keyless = order && !store_order_find(order, p->event, p->arena, &key);
	p->in_body = order && !p->keyless && store_order_in_body(order);
	if (split->partitions == 0)
		return p->set->whole;
	return p->set->parts[store_order_hash(key) % split->partitions];
}

static void add_elsewhere(struct placing *p, const struct store_target *target)
{
	if (target == p->event->target)
		return;
	for (size_t i = 0; i < p->count; i++) {
		if (p->elsewhere[i] == target)
			return;
	}
	p->elsewhere[p->count++] = target;
}

static void add_formers(struct placing *p)
{
	const struct store_known *known = p->set->known;
	int64_t now_ms = known->layout.former_count > 0 ? clock_wall_ms() : 0;
	for (size_t i = 0; i < known->layout.former_count; i++) {
		const struct store_former *former = &known->layout.formers[i];
		if (store_former_counts(former, now_ms, known->window_s))
			add_elsewhere(p, place_by(p, &former->split, known->former_orders[i]));
	}
}

static int look_elsewhere(struct placing *p, bool guard)
{
	const struct store_layout *layout = &p->set->known->layout;
	size_t most = layout->former_count + (guard ? layout->split.partitions : 0);
	if (most == 0)
		return 0;
	p->elsewhere = arena_alloc(p->arena, most * sizeof(struct store_target *));
	if (!p->elsewhere)
		return -ENOMEM;
	add_formers(p);
	for (size_t i = 0; guard && i < layout->split.partitions; i++)
		add_elsewhere(p, p->set->parts[i]);
	p->event->elsewhere = p->elsewhere;
	p->event->elsewhere_count = p->count;
	return 0;
}

int store_places_choose(struct store_places *places, struct store_event *event, struct arena *arena, bool *keyless)
{
	const struct store_known *known = places->spread ? store_spread_now(places->spread) : &store_known_first;
	if (!known)
		return -EAGAIN;
	struct placing p = { .set = find_set(places, known), .event = event, .arena = arena };
	if (!p.set)
		return -ENOMEM;
	event->target = place_by(&p, &known->layout.split, known->order);
	event->elsewhere_count = 0;
	*keyless = p.keyless;
	/* Who replays signed bytes under an id of his own must not thereby choose another partition. */
	bool guard = event->guard.n > 0 && known->layout.split.partitions > 1 && !p.in_body;
	if (!event->deduplicate && event->guard.n == 0)
		return 0;
	return look_elsewhere(&p, guard);
}

void store_places_refused(struct store_places *places)
{
	if (places->spread)
		store_spread_stale(places->spread);
}

bool store_places_broken(struct store_places *places, struct reason *why)
{
	return places->spread && store_spread_broken(places->spread, why);
}

const void *store_places_mark(const struct store_places *places)
{
	return places->spread ? (const void *)store_spread_now(places->spread) : &store_known_first;
}

const struct store_layout *store_places_layout(const struct store_places *places)
{
	const struct store_known *known = places->spread ? store_spread_now(places->spread) : &store_known_first;
	return known ? &known->layout : NULL;
}
