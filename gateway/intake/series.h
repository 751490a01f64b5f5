/* series.h - what is counted, without locks and without two workers writing one cache line.
 *
 * Each worker owns a struct intake_stats and is its only writer; the admin listener reads them all from another thread
 * and adds them up. Counters that depend on the configuration (by route, by secret) have numbers, given out once per
 * name for the life of the process, so that a reload never sets a counter back. */
#ifndef HOOKGATE_INTAKE_SERIES_H
#define HOOKGATE_INTAKE_SERIES_H

#include "base/slice.h"
#include "intake/outcome.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

typedef _Atomic(uint64_t) intake_counter;

/* By the owner only: a plain load and store, no locked instruction. */
static inline void intake_count(intake_counter *counter, uint64_t by)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + by, memory_order_relaxed);
}

static inline uint64_t intake_read(const intake_counter *counter)
{
	return atomic_load_explicit((intake_counter *)counter, memory_order_relaxed);
}

/* Upper bounds in microseconds; one more bucket stands for everything above. */
enum { INTAKE_BUCKETS = 15 };
extern const uint32_t intake_bucket_us[INTAKE_BUCKETS];

struct intake_histogram {
	intake_counter bucket[INTAKE_BUCKETS + 1];
	intake_counter sum_us;
};

void intake_histogram_add(struct intake_histogram *histogram, int64_t us);

/* Per route: one counter per outcome, then the body bytes taken in, then the events that had no id, then
 * those that had no ordering key. Per secret of a
 * route: one counter. */
enum {
	INTAKE_ROUTE_BYTES = INTAKE_OUTCOME_COUNT,
	INTAKE_ROUTE_DIGEST_IDS,
	INTAKE_ROUTE_KEYLESS,
	INTAKE_ROUTE_COUNTERS
};

enum { INTAKE_CHUNK = 4096, INTAKE_CHUNKS = 4096 };

struct intake_stats {
	_Alignas(64) intake_counter connections_opened, connections_closed, connections_refused;
	intake_counter requests_begun, requests_ended;
	intake_counter body_bytes_held; /* a gauge: bytes of bodies in memory now */
	intake_counter store_state;	/* enum store_state */
	intake_counter store_connects, store_losses, store_timeouts, store_refusals, store_script_loads;
	intake_counter store_shortfalls;
	intake_counter store_moved, store_asked, store_asked_again;
	intake_counter window_reach_ms,
		window_cut;		       /* gauges: how far back the replay window goes; 1: bytes cut it short */
	intake_counter resent, resent_missing; /* events sent again; those of them that were not there */
	struct intake_histogram answer_us;     /* request line to answer handed over */
	struct intake_histogram store_us;      /* put to Redis' reply, or to giving up */
	struct intake_histogram wait_us;       /* of that, what replicas or the disk took */
	_Atomic(intake_counter *) chunks[INTAKE_CHUNKS]; /* the numbered counters */
};

/* NULL when memory is short. */
struct intake_stats *intake_stats_new(void);

/* Once nobody counts or reads any more. Accepts NULL. */
void intake_stats_free(struct intake_stats *stats);

/* The names behind the numbers. Calls are serialised inside; not for the hot path. Number 0 and those behind it belong
 * to deliveries that have no route. */
struct intake_series;

int intake_series_new(struct intake_series **out) __attribute__((warn_unused_result));
void intake_series_free(struct intake_series *series);

/* The first of a route's INTAKE_ROUTE_COUNTERS numbers, and a secret's number; the same for the same names. */
int intake_series_route(struct intake_series *series, struct slice route, struct slice provider, size_t *number)
	__attribute__((warn_unused_result));
int intake_series_secret(struct intake_series *series, struct slice route, struct slice secret, size_t *number)
	__attribute__((warn_unused_result));

/* Makes room in `stats` for every number given out so far; before a configuration with new numbers is used. */
int intake_stats_room(struct intake_stats *stats, const struct intake_series *series)
	__attribute__((warn_unused_result));

/* The numbered counter; the number must have been made room for. */
static inline intake_counter *intake_stats_at(struct intake_stats *stats, size_t number)
{
	intake_counter *chunk = atomic_load_explicit(&stats->chunks[number / INTAKE_CHUNK], memory_order_acquire);
	return &chunk[number % INTAKE_CHUNK];
}

/* The numbered counter's value in one worker's stats; 0 where there is no room yet. From any thread. */
uint64_t intake_stats_value(const struct intake_stats *stats, size_t number);

/* One name, for rendering. `secret` is empty for a route's own. */
struct intake_series_entry {
	struct slice route, provider, secret;
	size_t number;
};

/* Calls back for every name, in the order they were given out, under the series' lock. */
void intake_series_each(struct intake_series *series,
			void (*called)(void *arg, const struct intake_series_entry *entry), void *arg);

#endif
