/* Unit tests of intake/series: numbers, room for them, and what several workers counted. */
#include "intake/series.h"

#include <errno.h>
#include <stdio.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

static struct intake_series *new_series(void)
{
	struct intake_series *series;

	assert_int_equal(intake_series_new(&series), 0);
	return series;
}

static size_t route_number(struct intake_series *series, const char *route)
{
	size_t number = SIZE_MAX;

	assert_int_equal(intake_series_route(series, slice_str(route), SLICE("provider"), &number), 0);
	return number;
}

static size_t secret_number(struct intake_series *series, const char *route, const char *secret)
{
	size_t number = SIZE_MAX;

	assert_int_equal(intake_series_secret(series, slice_str(route), slice_str(secret), &number), 0);
	return number;
}

/* Names that would be one if they were only strung together stay apart. */
static void numbers_do_not_overlap(void **state)
{
	static const char *const secrets[][2] = { { "a", "bc" }, { "ab", "c" }, { "b", "1" }, { "a", "1" } };
	static const char *const routes[] = { "a", "ab", "abc", "b" };
	struct intake_series *series = new_series();
	size_t next = INTAKE_ROUTE_COUNTERS; /* the first ones are nobody's */

	for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++, next += INTAKE_ROUTE_COUNTERS)
		assert_int_equal(route_number(series, routes[i]), next);
	for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++, next++)
		assert_int_equal(secret_number(series, secrets[i][0], secrets[i][1]), next);
	intake_series_free(series);
}

/* Each "reload" asks for some of the names again, in another order, and for new ones. */
static void numbers_outlive_reloads(void **state)
{
	enum { ROUTES = 1000, RELOADS = 5 };
	static size_t routes[ROUTES * RELOADS], secrets[ROUTES * RELOADS];
	struct intake_series *series = new_series();
	char name[32];

	for (size_t reload = 0; reload < RELOADS; reload++) {
		size_t known = reload * ROUTES;

		for (size_t i = known + ROUTES; i-- > reload * ROUTES / 2;) {
			snprintf(name, sizeof name, "route-%zu", i);
			if (i >= known) {
				routes[i] = route_number(series, name);
				secrets[i] = secret_number(series, name, "1");
			}
			assert_int_equal(route_number(series, name), routes[i]);
			assert_int_equal(secret_number(series, name, "1"), secrets[i]);
		}
	}
	intake_series_free(series);
}

/* Copies what it is told into text. */
struct listing {
	char text[512];
	size_t n;
};

static void list(void *arg, const struct intake_series_entry *entry)
{
	struct listing *listing = arg;

	listing->n += (size_t)snprintf(listing->text + listing->n, sizeof listing->text - listing->n,
				       "%.*s %.*s %.*s %zu\n", SLICE_ARGS(entry->route), SLICE_ARGS(entry->provider),
				       SLICE_ARGS(entry->secret), entry->number);
}

/* The names are copies: what they were given as may go. */
static void lists_names_in_their_order(void **state)
{
	struct intake_series *series = new_series();
	struct listing listing = { .n = 0 };
	char route[] = "shop", provider[] = "stripe", secret[] = "old", wanted[128];
	size_t number;

	assert_int_equal(intake_series_route(series, slice_str(route), slice_str(provider), &number), 0);
	assert_int_equal(intake_series_secret(series, slice_str(route), slice_str(secret), &number), 0);
	memset(route, '!', sizeof route);
	memset(provider, '!', sizeof provider);
	memset(secret, '!', sizeof secret);
	/* The name is what counts: another provider gives no second number. */
	assert_int_equal(intake_series_route(series, SLICE("shop"), SLICE("github"), &number), 0);
	intake_series_each(series, list, &listing);
	snprintf(wanted, sizeof wanted, "   0\nshop stripe  %d\nshop  old %d\n", INTAKE_ROUTE_COUNTERS,
		 2 * INTAKE_ROUTE_COUNTERS);
	assert_string_equal(listing.text, wanted);
	intake_series_free(series);
}

/* Over several chunks, one number after the other; what was counted before there was more room stays. */
static void makes_room_by_chunks(void **state)
{
	enum { SECRETS = 3 * INTAKE_CHUNK };
	struct intake_series *series = new_series();
	struct intake_stats *stats = intake_stats_new();
	size_t last = 0;
	char name[32];

	assert_non_null(stats);
	assert_int_equal(intake_stats_room(stats, series), 0);
	intake_count(intake_stats_at(stats, INTAKE_not_found), 7);
	for (size_t i = 0; i < SECRETS; i++) {
		snprintf(name, sizeof name, "secret-%zu", i);
		last = secret_number(series, "route", name);
	}
	assert_int_equal(last, INTAKE_ROUTE_COUNTERS + SECRETS - 1);
	assert_int_equal(intake_stats_value(stats, INTAKE_CHUNK - 1), 0);
	/* No room yet, and past all room. */
	assert_int_equal(intake_stats_value(stats, last), 0);
	assert_int_equal(intake_stats_value(stats, (size_t)INTAKE_CHUNK * INTAKE_CHUNKS), 0);
	assert_int_equal(intake_stats_value(stats, SIZE_MAX), 0);
	assert_int_equal(intake_stats_room(stats, series), 0);
	assert_int_equal(intake_stats_value(stats, INTAKE_not_found), 7);
	for (size_t number = INTAKE_ROUTE_COUNTERS; number <= last; number++)
		intake_count(intake_stats_at(stats, number), number);
	for (size_t number = INTAKE_ROUTE_COUNTERS; number <= last; number++)
		assert_int_equal(intake_stats_value(stats, number), number);
	intake_stats_free(stats);
	intake_series_free(series);
}

/* A number at a chunk's very end, and the first of the next one. */
static void makes_room_for_the_last_of_a_chunk(void **state)
{
	struct intake_series *series = new_series();
	struct intake_stats *stats = intake_stats_new();
	size_t number;
	char name[32];

	assert_non_null(stats);
	for (size_t i = INTAKE_ROUTE_COUNTERS; i < INTAKE_CHUNK; i++) {
		snprintf(name, sizeof name, "secret-%zu", i);
		assert_int_equal(secret_number(series, "route", name), i);
	}
	assert_int_equal(intake_stats_room(stats, series), 0);
	intake_count(intake_stats_at(stats, INTAKE_CHUNK - 1), 1);
	assert_int_equal(intake_stats_value(stats, INTAKE_CHUNK - 1), 1);
	assert_null(atomic_load(&stats->chunks[1]));
	number = secret_number(series, "route", "one more");
	assert_int_equal(number, INTAKE_CHUNK);
	assert_int_equal(intake_stats_room(stats, series), 0);
	intake_count(intake_stats_at(stats, number), 2);
	assert_int_equal(intake_stats_value(stats, number), 2);
	assert_int_equal(intake_stats_value(stats, INTAKE_CHUNK - 1), 1);
	intake_stats_free(stats);
	intake_series_free(series);
}

static void workers_count_apart(void **state)
{
	struct intake_series *series = new_series();
	struct intake_stats *stats[3];
	size_t number = route_number(series, "route");

	for (size_t i = 0; i < 3; i++) {
		stats[i] = intake_stats_new();
		assert_non_null(stats[i]);
		assert_int_equal((uintptr_t)stats[i] % 64, 0);
	}
	/* The third one has no room yet. */
	assert_int_equal(intake_stats_room(stats[0], series), 0);
	assert_int_equal(intake_stats_room(stats[1], series), 0);
	intake_count(intake_stats_at(stats[0], number + INTAKE_accepted), 1);
	intake_count(intake_stats_at(stats[1], number + INTAKE_accepted), 20);
	intake_count(intake_stats_at(stats[1], number + INTAKE_accepted), 300);
	assert_int_equal(intake_stats_value(stats[0], number + INTAKE_accepted), 1);
	assert_int_equal(intake_stats_value(stats[1], number + INTAKE_accepted), 320);
	assert_int_equal(intake_stats_value(stats[2], number + INTAKE_accepted), 0);
	assert_int_equal(intake_stats_value(stats[1], number + INTAKE_duplicate), 0);
	for (size_t i = 0; i < 3; i++)
		intake_stats_free(stats[i]);
	intake_series_free(series);
}

/* Bounds are "less or equal", as Prometheus' `le` is. */
static void buckets_at_their_bounds(void **state)
{
	static const struct {
		int64_t us;
		size_t bucket;
		uint64_t sum;
	} cases[] = {
		{ INT64_MIN, 0, 0 },
		{ -1, 0, 0 },
		{ 0, 0, 0 },
		{ 1, 0, 1 },
		{ (int64_t)UINT32_MAX + 1, INTAKE_BUCKETS, (uint64_t)UINT32_MAX + 1 },
		{ INT64_MAX, INTAKE_BUCKETS, INT64_MAX },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct intake_histogram histogram = { .sum_us = 0 };

		intake_histogram_add(&histogram, cases[i].us);
		for (size_t b = 0; b <= INTAKE_BUCKETS; b++)
			assert_int_equal(intake_read(&histogram.bucket[b]), b == cases[i].bucket);
		assert_int_equal(intake_read(&histogram.sum_us), cases[i].sum);
	}
	assert_int_equal(intake_bucket_us[0], 50);
	assert_int_equal(intake_bucket_us[INTAKE_BUCKETS - 1], 2500000);
	for (size_t bound = 0; bound < INTAKE_BUCKETS; bound++) {
		struct intake_histogram histogram = { .sum_us = 0 };
		int64_t us = intake_bucket_us[bound];

		if (bound > 0)
			assert_true(intake_bucket_us[bound] > intake_bucket_us[bound - 1]);
		intake_histogram_add(&histogram, us - 1);
		intake_histogram_add(&histogram, us);
		intake_histogram_add(&histogram, us + 1);
		assert_int_equal(intake_read(&histogram.bucket[bound]), 2);
		assert_int_equal(intake_read(&histogram.bucket[bound + 1]), 1);
		assert_int_equal(intake_read(&histogram.sum_us), 3 * us);
	}
}

static void frees_nothing(void **state)
{
	intake_stats_free(NULL);
	intake_series_free(NULL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_do_not_overlap),
		cmocka_unit_test(numbers_outlive_reloads),
		cmocka_unit_test(lists_names_in_their_order),
		cmocka_unit_test(makes_room_by_chunks),
		cmocka_unit_test(makes_room_for_the_last_of_a_chunk),
		cmocka_unit_test(workers_count_apart),
		cmocka_unit_test(buckets_at_their_bounds),
		cmocka_unit_test(frees_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
