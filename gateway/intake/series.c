/* series.c - counters and their names.
 *
 * The special difficulty: numbers may be added by a reload while workers count and the admin listener reads. Counters
 * therefore stand in chunks that never move: room is made before a worker can know the number, and is published with
 * release. */
#include "intake/series.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

const uint32_t intake_bucket_us[INTAKE_BUCKETS] = { 50,	   100,	  250,	  500,	  1000,	  2500,	   5000,   10000,
						    25000, 50000, 100000, 250000, 500000, 1000000, 2500000 };

struct intake_series {
	pthread_mutex_t lock;
	struct intake_series_entry *entries;
	size_t count, size;
	size_t *buckets; /* open addressing, entry index + 1 */
	size_t bucket_count;
	size_t next_number;
};

void intake_histogram_add(struct intake_histogram *histogram, int64_t us)
{
	size_t i = 0;

	if (us < 0)
		us = 0;
	while (i < INTAKE_BUCKETS && us > (int64_t)intake_bucket_us[i])
		i++;
	intake_count(&histogram->bucket[i], 1);
	intake_count(&histogram->sum_us, (uint64_t)us);
}

struct intake_stats *intake_stats_new(void)
{
	struct intake_stats *stats = aligned_alloc(64, (sizeof *stats + 63) / 64 * 64);

	if (stats)
		memset(stats, 0, sizeof *stats);
	return stats;
}

void intake_stats_free(struct intake_stats *stats)
{
	if (!stats)
		return;
	for (size_t i = 0; i < INTAKE_CHUNKS; i++)
		free(atomic_load_explicit(&stats->chunks[i], memory_order_relaxed));
	free(stats);
}

int intake_stats_room(struct intake_stats *stats, const struct intake_series *series)
{
	size_t chunks = (series->next_number + INTAKE_CHUNK - 1) / INTAKE_CHUNK;

	if (chunks > INTAKE_CHUNKS)
		return -ENOSPC;
	for (size_t i = 0; i < chunks; i++) {
		intake_counter *chunk;

		if (atomic_load_explicit(&stats->chunks[i], memory_order_relaxed))
			continue;
		chunk = calloc(INTAKE_CHUNK, sizeof *chunk);
		if (!chunk)
			return -ENOMEM;
		atomic_store_explicit(&stats->chunks[i], chunk, memory_order_release);
	}
	return 0;
}

uint64_t intake_stats_value(const struct intake_stats *stats, size_t number)
{
	const intake_counter *chunk;

	if (number / INTAKE_CHUNK >= INTAKE_CHUNKS)
		return 0;
	chunk = atomic_load_explicit(&((struct intake_stats *)stats)->chunks[number / INTAKE_CHUNK],
				     memory_order_acquire);
	return chunk ? intake_read(&chunk[number % INTAKE_CHUNK]) : 0;
}

static void entry_free(struct intake_series_entry *entry)
{
	free((void *)entry->route.p);
	free((void *)entry->provider.p);
	free((void *)entry->secret.p);
}

void intake_series_free(struct intake_series *series)
{
	if (!series)
		return;
	for (size_t i = 0; i < series->count; i++)
		entry_free(&series->entries[i]);
	free(series->entries);
	free(series->buckets);
	pthread_mutex_destroy(&series->lock);
	free(series);
}

static size_t hash(struct slice route, struct slice secret)
{
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < route.n; i++)
		h = (h ^ route.p[i]) * 1099511628211u;
	h = (h ^ 0xffu) * 1099511628211u;
	for (size_t i = 0; i < secret.n; i++)
		h = (h ^ secret.p[i]) * 1099511628211u;
	return (size_t)h;
}

/* The bucket that holds the names, or the empty one where they belong. */
static size_t *find(const struct intake_series *series, struct slice route, struct slice secret)
{
	size_t at = hash(route, secret);

	for (;; at++) {
		size_t *bucket = &series->buckets[at & (series->bucket_count - 1)];

		if (*bucket == 0)
			return bucket;
		if (slice_eq(series->entries[*bucket - 1].route, route) &&
		    slice_eq(series->entries[*bucket - 1].secret, secret))
			return bucket;
	}
}

static int grow(struct intake_series *series)
{
	size_t size = series->size ? series->size * 2 : 64;
	struct intake_series_entry *entries = realloc(series->entries, size * sizeof *entries);
	size_t *buckets;

	if (!entries)
		return -ENOMEM;
	series->entries = entries;
	buckets = calloc(size * 2, sizeof *buckets);
	if (!buckets)
		return -ENOMEM;
	free(series->buckets);
	series->buckets = buckets;
	series->bucket_count = size * 2;
	series->size = size;
	for (size_t i = 0; i < series->count; i++)
		*find(series, entries[i].route, entries[i].secret) = i + 1;
	return 0;
}

static bool copy(struct slice s, struct slice *out)
{
	unsigned char *p = malloc(s.n + 1);

	if (!p)
		return false;
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	*out = slice_of(p, s.n);
	return true;
}

static int number_of(struct intake_series *series, struct slice route, struct slice provider, struct slice secret,
		     size_t width, size_t *number)
{
	struct intake_series_entry entry = { .number = 0 };
	size_t *bucket;
	int r = 0;

	pthread_mutex_lock(&series->lock);
	if (series->count == series->size && (r = grow(series)) < 0)
		goto out;
	bucket = find(series, route, secret);
	if (*bucket != 0) {
		*number = series->entries[*bucket - 1].number;
		goto out;
	}
	if (!copy(route, &entry.route) || !copy(provider, &entry.provider) || !copy(secret, &entry.secret)) {
		entry_free(&entry);
		r = -ENOMEM;
		goto out;
	}
	entry.number = series->next_number;
	series->next_number += width;
	series->entries[series->count++] = entry;
	*bucket = series->count;
	*number = entry.number;
out:
	pthread_mutex_unlock(&series->lock);
	return r;
}

int intake_series_new(struct intake_series **out)
{
	struct intake_series *series = calloc(1, sizeof *series);
	size_t none;
	int r;

	if (!series)
		return -ENOMEM;
	pthread_mutex_init(&series->lock, NULL);
	r = number_of(series, SLICE_NONE, SLICE_NONE, SLICE_NONE, INTAKE_ROUTE_COUNTERS, &none);
	if (r == 0)
		*out = series;
	else
		intake_series_free(series);
	return r;
}

int intake_series_route(struct intake_series *series, struct slice route, struct slice provider, size_t *number)
{
	return number_of(series, route, provider, SLICE_NONE, INTAKE_ROUTE_COUNTERS, number);
}

int intake_series_secret(struct intake_series *series, struct slice route, struct slice secret, size_t *number)
{
	return number_of(series, route, SLICE_NONE, secret, 1, number);
}

void intake_series_each(struct intake_series *series,
			void (*called)(void *arg, const struct intake_series_entry *entry), void *arg)
{
	pthread_mutex_lock(&series->lock);
	for (size_t i = 0; i < series->count; i++)
		called(arg, &series->entries[i]);
	pthread_mutex_unlock(&series->lock);
}
