/* What goes of a stream, and what does not: against a real Redis, with groups that read and acknowledge. */
#include "redis_fixture.h"
#include "store/retention.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#define STREAM "hookgate:{r}:events"
#define LOCK "hookgate:{r}:keeper"

static struct redis_fixture redis;
static bool more;

static int begin(void **state)
{
	redis_start(&redis, NULL);
	return 0;
}

static int end(void **state)
{
	redis_stop(&redis);
	return 0;
}

/* Entries 1-0 ... n-0. */
static void add(int from, int to)
{
	char line[96];

	for (int i = from; i <= to; i++) {
		snprintf(line, sizeof line, "XADD " STREAM " %d-0 data x", i);
		redis_do(&redis, line);
	}
}

static struct store_retained look_as(const char *who, int64_t before_ms)
{
	struct store_retained retained = { 0 };
	struct reason reason = { "" };
	int r = store_retention_look(redis.client, SLICE(STREAM), SLICE(LOCK), slice_str(who), before_ms, 60000,
				     &retained, &more, &reason);

	if (r != 0)
		fail_msg("%s", reason.text);
	return retained;
}

static struct store_retained look(int64_t before_ms)
{
	return look_as("me", before_ms);
}

static void read_some(const char *group, int count)
{
	char line[128];

	snprintf(line, sizeof line, "XREADGROUP GROUP %s c COUNT %d STREAMS " STREAM " >", group, count);
	redis_do(&redis, line);
}

static void acknowledge(const char *group, int from, int to)
{
	char line[128];

	for (int i = from; i <= to; i++) {
		snprintf(line, sizeof line, "XACK " STREAM " %s %d-0", group, i);
		assert_int_equal(redis_number(&redis, line), 1);
	}
}

static void test_no_stream(void **state)
{
	struct store_retained none = look(1000);

	assert_int_equal(none.length + none.groups + none.backlog + none.bytes + none.trimmed, 0);
	assert_int_equal(redis_number(&redis, "EXISTS " STREAM " " LOCK), 0);
}

static void test_without_a_group_all_is_kept(void **state)
{
	add(1, 10);
	struct store_retained all = look(1000);

	assert_int_equal(all.length, 10);
	assert_int_equal(all.groups, 0);
	assert_int_equal(all.backlog, 10);
	assert_int_equal(all.trimmed, 0);
	assert_true(all.bytes > 0);
}

static void test_what_every_group_has_acknowledged(void **state)
{
	add(1, 10);
	redis_do(&redis, "XGROUP CREATE " STREAM " a 0");
	redis_do(&redis, "XGROUP CREATE " STREAM " b 0");
	read_some("a", 10);
	acknowledge("a", 1, 10);
	struct store_retained r = look(1000);
	assert_int_equal(r.trimmed, 0); /* b has read nothing */
	assert_int_equal(r.backlog, 10);

	read_some("b", 6);
	acknowledge("b", 1, 2);
	acknowledge("b", 4, 6);
	r = look(1000);
	assert_int_equal(r.trimmed, 2); /* b still has 3 */
	assert_int_equal(r.length, 8);
	assert_int_equal(r.backlog, 5); /* 3, and 7 to 10 */

	acknowledge("b", 3, 3);
	r = look(5);
	assert_int_equal(r.trimmed, 2); /* 3 and 4: 5 is not old enough */
	r = look(1000);
	assert_int_equal(r.trimmed, 2);
	assert_int_equal(r.length, 4);
	read_some("b", 10);
	acknowledge("b", 7, 10);
	r = look(1000);
	assert_int_equal(r.length, 0);
	assert_int_equal(r.backlog, 0);
	assert_int_equal(r.groups, 2);
}

static void test_a_new_group_from_the_beginning_keeps_what_is_left(void **state)
{
	add(1, 4);
	redis_do(&redis, "XGROUP CREATE " STREAM " a 0");
	read_some("a", 4);
	acknowledge("a", 1, 4);
	redis_do(&redis, "XGROUP CREATE " STREAM " late 0");
	assert_int_equal(look(1000).trimmed, 0);
	redis_do(&redis, "XGROUP DESTROY " STREAM " late");
	assert_int_equal(look(1000).trimmed, 4);
}

/* As for numbers, not as for texts: 9 is before 10. */
static void test_order_of_ids(void **state)
{
	add(8, 11);
	redis_do(&redis, "XGROUP CREATE " STREAM " a 9-0");
	redis_do(&redis, "XGROUP CREATE " STREAM " b 10-0");
	assert_int_equal(look(1000).trimmed, 2);
	redis_do(&redis, "XGROUP CREATE " STREAM " c 10-18446744073709551615");
	redis_do(&redis, "XGROUP DESTROY " STREAM " a");
	redis_do(&redis, "XGROUP DESTROY " STREAM " b");
	assert_int_equal(look(1000).trimmed, 1);
	assert_int_equal(redis_number(&redis, "XLEN " STREAM), 1);
}

static void test_one_gateway_at_a_time(void **state)
{
	add(1, 3);
	redis_do(&redis, "XGROUP CREATE " STREAM " a $");
	assert_int_equal(look_as("one", 2).trimmed, 1);
	assert_int_equal(look_as("other", 1000).trimmed, 0);
	assert_int_equal(look_as("other", 1000).length, 2);
	assert_int_equal(look_as("one", 1000).trimmed, 2);
	redis_do(&redis, "DEL " LOCK);
	add(4, 4);
	redis_do(&redis, "XGROUP SETID " STREAM " a $");
	assert_int_equal(look_as("other", 1000).trimmed, 1);
}

static void test_a_long_stream_goes_in_parts(void **state)
{
	redis_do(&redis, "CONFIG SET stream-node-max-entries 100");
	add(1, 300);
	redis_do(&redis, "XGROUP CREATE " STREAM " a $");
	uint64_t trimmed = 0;
	int looks = 0;
	do {
		trimmed += look(251).trimmed;
		looks++;
	} while (more && looks < 10);
	assert_int_equal(trimmed, 250);
	assert_true(looks > 1 && looks < 10);
}

static void test_what_is_no_stream(void **state)
{
	struct store_retained retained = { .length = 7 };
	struct reason reason = { "" };

	redis_do(&redis, "SET " STREAM " x");
	assert_int_equal(store_retention_look(redis.client, SLICE(STREAM), SLICE(LOCK), SLICE("me"), 1000, 1000,
					      &retained, &more, &reason),
			 -EPROTO);
	assert_non_null(strstr(reason.text, "WRONGTYPE"));
	assert_int_equal(retained.length, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_no_stream, begin, end),
		cmocka_unit_test_setup_teardown(test_without_a_group_all_is_kept, begin, end),
		cmocka_unit_test_setup_teardown(test_what_every_group_has_acknowledged, begin, end),
		cmocka_unit_test_setup_teardown(test_a_new_group_from_the_beginning_keeps_what_is_left, begin, end),
		cmocka_unit_test_setup_teardown(test_order_of_ids, begin, end),
		cmocka_unit_test_setup_teardown(test_one_gateway_at_a_time, begin, end),
		cmocka_unit_test_setup_teardown(test_a_long_stream_goes_in_parts, begin, end),
		cmocka_unit_test_setup_teardown(test_what_is_no_stream, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
