/* Unit tests of keys/cache, with a clock of the test's own: expiry, failures, limits. */
#include "keys/cache.h"

#include <stdio.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

enum { MINUTE = 60 * 1000, HOUR = 60 * MINUTE };

static struct keys_cache *cache;
static int64_t now;
static struct keys_entry *entry;
static bool fetch;

static int set_up(void **state)
{
	cache = keys_cache_new();
	now = 1000000;
	return cache ? 0 : -1;
}

static int tear_down(void **state)
{
	keys_cache_free(cache);
	return 0;
}

static enum keys_step ask_of(const char *url, size_t host_n, uint64_t lacking)
{
	struct slice text = slice_str(url);
	return keys_cache_ask(cache, text, slice_of(text.p + 8, host_n), lacking, now, &entry, &fetch);
}

static enum keys_step ask(uint64_t lacking)
{
	return ask_of("https://a.example.com/k", 13, lacking);
}

static void answer(const char *bytes)
{
	assert_int_equal(keys_cache_fetched(cache, entry, slice_str(bytes), HOUR, now), 0);
}

static void one_fetch_for_all_who_ask(void **state)
{
	assert_int_equal(ask(0), KEYS_STEP_WAIT);
	assert_true(fetch);
	for (int i = 0; i < 50; i++) {
		assert_int_equal(ask(0), KEYS_STEP_WAIT);
		assert_false(fetch);
	}
	answer("one");
	assert_int_equal(ask(0), KEYS_STEP_FOUND);
	assert_false(fetch);
	assert_true(slice_eq(entry->document->bytes, SLICE("one")));
}

static void an_old_document_serves_while_a_new_one_is_fetched(void **state)
{
	assert_int_equal(ask(0), KEYS_STEP_WAIT);
	answer("one");
	now += HOUR - 1;
	assert_int_equal(ask(0), KEYS_STEP_FOUND);
	assert_false(fetch);
	now += 1;
	assert_int_equal(ask(0), KEYS_STEP_FOUND);
	assert_true(fetch);
	assert_int_equal(ask(0), KEYS_STEP_FOUND);
	assert_false(fetch);
	keys_cache_failed(cache, entry, "gone", now);
	/* Not again at once, but it serves on. */
	assert_int_equal(ask(0), KEYS_STEP_FOUND);
	assert_false(fetch);
	now += KEYS_RETRY_LEAST_MS;
	assert_int_equal(ask(0), KEYS_STEP_FOUND);
	assert_true(fetch);
	/* Until it is too old. */
	now += KEYS_STALE_MS;
	assert_int_equal(ask(0), KEYS_STEP_WAIT);
	keys_cache_failed(cache, entry, "gone", now);
	assert_int_equal(ask(0), KEYS_STEP_FAILED);
	assert_string_equal(entry->reason.text, "gone");
}

static void a_new_answer_is_a_new_version_and_the_same_is_not(void **state)
{
	uint64_t first;
	assert_int_equal(ask(0), KEYS_STEP_WAIT);
	answer("one");
	first = entry->document->version;
	now += HOUR;
	(void)ask(0);
	answer("one");
	assert_int_equal(entry->document->version, first);
	now += HOUR;
	(void)ask(0);
	const struct keys_document *held = keys_hold(entry->document);
	answer("two");
	assert_true(entry->document->version > first);
	/* Who holds the old one still has it. */
	assert_true(slice_eq(held->bytes, SLICE("one")));
	keys_release(held);
}

static void failures_are_remembered_longer_and_longer(void **state)
{
	int64_t pause = KEYS_RETRY_LEAST_MS;
	for (int i = 0; i < 6; i++) {
		assert_int_equal(ask(0), KEYS_STEP_WAIT);
		assert_true(fetch);
		keys_cache_failed(cache, entry, "404", now);
		now += pause - 1;
		assert_int_equal(ask(0), KEYS_STEP_FAILED);
		now += 1;
		pause = pause * 2 < KEYS_RETRY_MOST_MS ? pause * 2 : KEYS_RETRY_MOST_MS;
	}
	assert_int_equal(pause, KEYS_RETRY_MOST_MS);
	/* A success wipes them out. */
	assert_int_equal(ask(0), KEYS_STEP_WAIT);
	answer("one");
	assert_int_equal(entry->failures, 0);
}

static void what_is_lacking_is_asked_for_once_a_minute(void **state)
{
	assert_int_equal(ask(0), KEYS_STEP_WAIT);
	answer("one");
	uint64_t version = entry->document->version;
	now += KEYS_LACKING_MS - 1;
	/* There is nothing newer. */
	assert_int_equal(ask(version), KEYS_STEP_FOUND);
	assert_false(fetch);
	assert_int_equal(entry->document->version, version);
	now += 1;
	assert_int_equal(ask(version), KEYS_STEP_WAIT);
	assert_true(fetch);
	/* Others are served meanwhile. */
	assert_int_equal(ask(0), KEYS_STEP_FOUND);
	answer("two");
	assert_int_equal(ask(version), KEYS_STEP_FOUND);
	assert_true(entry->document->version > version);
	/* Could not be asked: not known to be lacking. */
	version = entry->document->version;
	now += KEYS_LACKING_MS;
	assert_int_equal(ask(version), KEYS_STEP_WAIT);
	keys_cache_failed(cache, entry, "away", now);
	assert_int_equal(ask(version), KEYS_STEP_FAILED);
	assert_int_equal(ask(0), KEYS_STEP_FOUND);
}

static char url[64];

static enum keys_step ask_numbered(const char *before, int number, const char *after, size_t host_n)
{
	snprintf(url, sizeof url, "%s%d%s", before, number, after);
	return ask_of(url, host_n, 0);
}

static void a_host_is_asked_only_so_often(void **state)
{
	for (int i = 0; i < KEYS_HOST_BURST; i++) {
		assert_int_equal(ask_numbered("https://a.example.com/", i, "", 13), KEYS_STEP_WAIT);
		keys_cache_failed(cache, entry, "404", now);
	}
	assert_int_equal(ask_numbered("https://a.example.com/x", 1, "", 13), KEYS_STEP_LIMITED);
	assert_false(fetch);
	assert_int_equal(ask_of("https://b.example.com/k", 13, 0), KEYS_STEP_WAIT);
	now += KEYS_HOST_REFILL_MS;
	assert_int_equal(ask_numbered("https://a.example.com/x", 1, "", 13), KEYS_STEP_WAIT);
	assert_int_equal(ask_numbered("https://a.example.com/x", 2, "", 13), KEYS_STEP_LIMITED);
}

/* Ever new names do not help. */
static void all_hosts_together_are_asked_only_so_often(void **state)
{
	int begun = 0;
	for (int i = 100; i < 400; i++) {
		if (ask_numbered("https://", i, ".example.com/k", 15) == KEYS_STEP_WAIT) {
			keys_cache_failed(cache, entry, "no such name", now);
			begun++;
		}
	}
	assert_int_equal(begun, KEYS_ALL_BURST);
	now += KEYS_ALL_REFILL_MS;
	assert_int_equal(ask_numbered("https://", 500, ".example.com/k", 15), KEYS_STEP_WAIT);
	assert_int_equal(ask_numbered("https://", 501, ".example.com/k", 15), KEYS_STEP_LIMITED);
}

static void only_so_many_are_under_way(void **state)
{
	int begun = 0;
	for (int i = 100; i < 200; i++) {
		begun += ask_numbered("https://", i, ".example.com/k", 15) == KEYS_STEP_WAIT;
		now += KEYS_ALL_REFILL_MS;
	}
	assert_int_equal(begun, KEYS_UNDER_WAY_MAX);
	assert_false(keys_cache_may_visit(cache, SLICE("z.example.com"), now));
	keys_cache_ended(cache);
	now += 10 * MINUTE;
	assert_true(keys_cache_may_visit(cache, SLICE("z.example.com"), now));
}

static void failures_make_room_before_documents(void **state)
{
	struct keys_counts counts;
	assert_int_equal(ask(0), KEYS_STEP_WAIT);
	answer("one");
	for (int i = 100; i < 100 + KEYS_ENTRIES_MAX; i++) {
		assert_int_equal(ask_numbered("https://b.example.com/", i, "", 13), KEYS_STEP_WAIT);
		keys_cache_failed(cache, entry, "404", now);
		now += KEYS_HOST_REFILL_MS;
	}
	keys_cache_count(cache, &counts);
	assert_int_equal(counts.entries, KEYS_ENTRIES_MAX);
	assert_null(keys_cache_find(cache, SLICE("https://b.example.com/100")));
	assert_int_equal(ask(0), KEYS_STEP_FOUND);
}

static void forgets_all_but_what_is_fetched(void **state)
{
	struct keys_counts counts;
	assert_int_equal(ask_of("https://b.example.com/k", 13, 0), KEYS_STEP_WAIT);
	answer("other");
	assert_int_equal(ask(0), KEYS_STEP_WAIT);
	keys_cache_forget(cache);
	keys_cache_count(cache, &counts);
	assert_int_equal(counts.entries, 1);
	/* What comes now was asked for by old settings. */
	answer("one");
	assert_int_equal(ask(0), KEYS_STEP_WAIT);
	assert_true(fetch);
	answer("two");
	assert_int_equal(ask(0), KEYS_STEP_FOUND);
	keys_cache_count(cache, &counts);
	assert_int_equal(counts.fetching, 0);
}

static void a_token_serves_no_longer_than_it_is_fresh(void **state)
{
	bool old;

	assert_int_equal(ask(0), KEYS_STEP_WAIT);
	entry->token = true;
	answer("one");
	now += HOUR - 1;
	assert_int_equal(ask(0), KEYS_STEP_FOUND);
	assert_int_equal(keys_cache_look(entry, now, &old), KEYS_STEP_FOUND);
	assert_false(old);
	now += 1;
	assert_int_equal(keys_cache_look(entry, now, &old), KEYS_STEP_LIMITED);
	assert_int_equal(ask(0), KEYS_STEP_WAIT);
	assert_true(fetch);
}

static void looking_fetches_nothing(void **state)
{
	bool old;

	assert_int_equal(keys_cache_look(NULL, now, &old), KEYS_STEP_LIMITED);
	assert_int_equal(ask(0), KEYS_STEP_WAIT);
	assert_int_equal(keys_cache_look(entry, now, &old), KEYS_STEP_WAIT);
	answer("one");
	assert_int_equal(keys_cache_look(entry, now, &old), KEYS_STEP_FOUND);
	assert_false(old);
	now += HOUR;
	assert_int_equal(keys_cache_look(entry, now, &old), KEYS_STEP_FOUND);
	assert_true(old);
	assert_false(entry->fetching);
	assert_int_equal(ask(0), KEYS_STEP_FOUND);
	assert_true(fetch);
	keys_cache_failed(cache, entry, "gone", now);
	assert_int_equal(keys_cache_look(entry, now, &old), KEYS_STEP_FOUND);
	assert_false(old);
	now += KEYS_STALE_MS;
	assert_int_equal(keys_cache_look(entry, now, &old), KEYS_STEP_LIMITED);
	assert_int_equal(ask(0), KEYS_STEP_WAIT);
	keys_cache_failed(cache, entry, "gone", now);
	assert_int_equal(keys_cache_look(entry, now, &old), KEYS_STEP_FAILED);
}

static void how_a_host_ended_is_news_once(void **state)
{
	const struct slice host = SLICE("a.example.com");
	assert_true(keys_cache_host_turned(cache, host, KEYS_ENDED_STATUS, now));
	assert_false(keys_cache_host_turned(cache, host, KEYS_ENDED_STATUS, now));
	assert_true(keys_cache_host_turned(cache, host, KEYS_ENDED_WELL, now));
	assert_false(keys_cache_host_turned(cache, host, KEYS_ENDED_WELL, now));
	assert_true(keys_cache_host_turned(cache, host, KEYS_ENDED_TLS, now));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(one_fetch_for_all_who_ask),
		TEST(an_old_document_serves_while_a_new_one_is_fetched),
		TEST(a_new_answer_is_a_new_version_and_the_same_is_not),
		TEST(failures_are_remembered_longer_and_longer),
		TEST(what_is_lacking_is_asked_for_once_a_minute),
		TEST(a_host_is_asked_only_so_often),
		TEST(all_hosts_together_are_asked_only_so_often),
		TEST(only_so_many_are_under_way),
		TEST(failures_make_room_before_documents),
		TEST(forgets_all_but_what_is_fetched),
		TEST(a_token_serves_no_longer_than_it_is_fresh),
		TEST(looking_fetches_nothing),
		TEST(how_a_host_ended_is_news_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
