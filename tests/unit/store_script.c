/* The script by itself: what it answers, and that it is all or nothing. */
#include "redis_fixture.h"
#include "store/script.h"

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

static struct redis_fixture redis;

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

/* EVAL with that many of the keys. */
static struct store_reply *run(const char *keys, const char *id_key, const char *guard_key)
{
	struct slice words[40] = { SLICE("EVAL"), store_script_text(), slice_str(keys), SLICE("{r}:events"),
				   SLICE("{r}:closed:7") };
	size_t n = 5;
	if (id_key)
		words[n++] = slice_str(id_key);
	if (guard_key)
		words[n++] = slice_str(guard_key);
	words[n++] = SLICE("60");
	for (int i = 0; i < STORE_SCRIPT_FIELD_WORDS; i++)
		words[n++] = SLICE("v");
	struct store_reply *reply = NULL;
	struct reason reason;
	assert_int_equal(store_client_call(redis.client, words, n, 0, &reply, &reason), 0);
	return reply;
}

static void expect(const char *keys, const char *id_key, const char *guard_key, int64_t number)
{
	struct store_reply *reply = run(keys, id_key, guard_key);
	if (store_reply_type(reply) != STORE_REPLY_NUMBER || store_reply_number(reply) != number)
		fail_msg("%s %s: %.*s", keys, id_key, SLICE_ARGS(store_reply_text(reply)));
	store_reply_free(reply);
}

static void expect_error(const char *keys, const char *id_key, const char *guard_key)
{
	struct store_reply *reply = run(keys, id_key, guard_key);
	assert_int_equal(store_reply_type(reply), STORE_REPLY_ERROR);
	store_reply_free(reply);
}

static void test_answers(void **state)
{
	expect("2", NULL, NULL, 1);
	expect("2", NULL, NULL, 1);
	expect("3", "{r}:a", NULL, 1);
	expect("3", "{r}:a", NULL, 0);
	expect("4", "{r}:b", "{r}:g", 1);
	expect("4", "{r}:c", "{r}:g", 0);
	expect("4", "{r}:a", "{r}:h", 0);
	assert_int_equal(redis_number(&redis, "XLEN {r}:events"), 4);
	assert_int_equal(redis_number(&redis, "EXISTS {r}:c {r}:h"), 0);
	assert_int_equal(redis_number(&redis, "TTL {r}:g"), 60);
}

/* The mark is only a key: what it holds, and of what type, is of no matter. */
static void test_mark_of_any_type(void **state)
{
	redis_do(&redis, "LPUSH {r}:a x");
	expect("3", "{r}:a", NULL, 0);
}

/* Whatever was seen, and for events that nobody remembers too. */
static void test_closed(void **state)
{
	expect("3", "{r}:a", NULL, 1);
	redis_do(&redis, "SET {r}:closed:6 1");
	expect("3", "{r}:b", NULL, 1);
	redis_do(&redis, "SET {r}:closed:7 1");
	expect("2", NULL, NULL, -1);
	expect("3", "{r}:a", NULL, -1);
	expect("3", "{r}:c", NULL, -1);
	expect("4", "{r}:c", "{r}:g", -1);
	assert_int_equal(redis_number(&redis, "XLEN {r}:events"), 2);
	assert_int_equal(redis_number(&redis, "EXISTS {r}:c {r}:g"), 0);
}

static void test_nothing_after_an_error(void **state)
{
	redis_do(&redis, "SET {r}:events x");
	expect_error("3", "{r}:a", NULL);
	expect_error("4", "{r}:a", "{r}:g");
	assert_int_equal(redis_number(&redis, "DBSIZE"), 1);
	redis_do(&redis, "DEL {r}:events");
	redis_do(&redis, "CONFIG SET maxmemory 1");
	expect_error("4", "{r}:a", "{r}:g");
	assert_int_equal(redis_number(&redis, "DBSIZE"), 0);
}

/* The entry is there already when the user turns out to have no right to SET: it is taken back. */
static void test_halfway(void **state)
{
	redis_do(&redis, "ACL SETUSER default -set");
	expect_error("4", "{r}:a", "{r}:g");
	assert_int_equal(redis_number(&redis, "EXISTS {r}:a {r}:g"), 0);
	assert_int_equal(redis_number(&redis, "XLEN {r}:events"), 0);
}

/* The right to one of the keys is missing: nothing is begun. */
static void test_forbidden_key(void **state)
{
	redis_do(&redis, "ACL SETUSER default resetkeys ~{r}:events ~{r}:a %R~{r}:g");
	expect_error("4", "{r}:a", "{r}:g");
	assert_int_equal(redis_number(&redis, "EXISTS {r}:a"), 0);
	assert_int_equal(redis_number(&redis, "XLEN {r}:events"), 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(test_answers), CASE(test_mark_of_any_type), CASE(test_closed), CASE(test_nothing_after_an_error),
		CASE(test_halfway), CASE(test_forbidden_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
