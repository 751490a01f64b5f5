/* Replies read where they lie: the same as hiredis reads, or left to it without a byte being changed. */
#include "store/inplace.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

static void expect_same(const redisReply *found, const redisReply *wanted)
{
	assert_int_equal(found->type, wanted->type);
	assert_int_equal(found->integer, wanted->integer);
	assert_int_equal(found->elements, wanted->elements);
	if (wanted->type != REDIS_REPLY_STRING && wanted->type != REDIS_REPLY_STATUS &&
	    wanted->type != REDIS_REPLY_ERROR)
		return;
	assert_int_equal(found->len, wanted->len);
	assert_memory_equal(found->str, wanted->str, wanted->len + 1);
}

/* Reads exactly the text; and each beginning of it not at all. */
static void expect_read(struct store_inplace *in, const char *text, size_t n)
{
	redisReader *reader = redisReaderCreate();
	redisReply *wanted = NULL;
	for (size_t part = 0; part <= n; part++) {
		/* Of its own size, for AddressSanitizer. */
		char *bytes = malloc(part + 1);
		memcpy(bytes, text, part);
		size_t read = store_inplace_read(in, bytes, part);
		assert_int_equal(read, part == n ? n : 0);
		if (part < n)
			assert_memory_equal(bytes, text, part);
		if (part == n) {
			assert_int_equal(redisReaderFeed(reader, text, n), REDIS_OK);
			assert_int_equal(redisReaderGetReply(reader, (void **)&wanted), REDIS_OK);
			expect_same(&in->reply, wanted);
			for (size_t i = 0; i < wanted->elements; i++)
				expect_same(in->reply.element[i], wanted->element[i]);
		}
		free(bytes);
	}
	freeReplyObject(wanted);
	redisReaderFree(reader);
}

static void test_same_as_hiredis(void **state)
{
	static const struct {
		const char *text;
		size_t n;
	} rows[] = {
#define ROW(s) { s, sizeof s - 1 }
		ROW("+OK\r\n"),	      ROW("+\r\n"),
		ROW("-ERR no\r\n"),   ROW(":0\r\n"),
		ROW(":-12\r\n"),      ROW(":9223372036854775807\r\n"),
		ROW("$-1\r\n"),	      ROW("$0\r\n\r\n"),
		ROW("$3\r\nabc\r\n"), ROW("$4\r\n\r\n\0\xff\r\n"),
		ROW("*-1\r\n"),	      ROW("*0\r\n"),
		ROW("*1\r\n:1\r\n"),  ROW("*5\r\n$15\r\n1700000000000-0\r\n+OK\r\n$-1\r\n-WRONGTYPE no\r\n:7\r\n"),
	};
	struct store_inplace in = { .room = 0 };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		expect_read(&in, rows[i].text, rows[i].n);
	store_inplace_free(&in);
}

/* Only what is known here, and whole, is taken; what follows it does not matter. */
static void test_left_alone(void **state)
{
	static const char *const rows[] = {
		"",
		"\r\n",
		"\n",
		"OK\r\n",
		"+OK\n",
		"+OK\r",
		":x\r\n",
		":\r\n",
		":1 \r\n",
		":9223372036854775808\r\n",
		"$x\r\n",
		"$-2\r\n",
		"$3\r\nabcd\r\n",
		"$3\r\nabc\n\n",
		"$9223372036854775807\r\nabc\r\n",
		"*2\r\n:1\r\n",
		"*-2\r\n",
		"*1\r\n*1\r\n:1\r\n",
		"*9223372036854775807\r\n:1\r\n",
		"*5000\r\n:1\r\n",
		"%1\r\n:1\r\n:1\r\n",
		"_\r\n",
	};
	struct store_inplace in = { .room = 0 };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *bytes = strdup(rows[i]);
		assert_int_equal(store_inplace_read(&in, bytes, strlen(rows[i])), 0);
		assert_string_equal(bytes, rows[i]);
		free(bytes);
	}
	char two[] = "+OK\r\n:1\r\n";
	assert_int_equal(store_inplace_read(&in, two, sizeof two - 1), 5);
	assert_string_equal(two + 5, ":1\r\n");
	store_inplace_free(&in);
}

/* ---- while memory is short ---- */

/* The so-manieth allocation from now on fails, once; 0: none does. Linked in place of those that the room calls. */
static int fails_at;

void *__real_malloc(size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_realloc(void *memory, size_t size);

static bool fails(void)
{
	return fails_at > 0 && --fails_at == 0;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_realloc(void *memory, size_t size)
{
	return fails() ? NULL : __real_realloc(memory, size);
}

/* What is left to hiredis for that, and what is read next, is what it is. */
static void test_short_of_memory(void **state)
{
	for (int at = 1; at <= 2; at++) {
		struct store_inplace in = { .room = 0 };
		char one[] = "*1\r\n:7\r\n", longer[64 * 4 + 8] = "*64\r\n", again[] = "*1\r\n:9\r\n";
		for (int i = 0; i < 64; i++)
			memcpy(longer + 5 + i * 4, ":1\r\n", 4);
		assert_int_equal(store_inplace_read(&in, one, sizeof one - 1), sizeof one - 1);
		fails_at = at;
		assert_int_equal(store_inplace_read(&in, longer, 5 + 64 * 4), 0);
		assert_int_equal(fails_at, 0);
		assert_int_equal(store_inplace_read(&in, again, sizeof again - 1), sizeof again - 1);
		assert_int_equal(in.reply.element[0]->integer, 9);
		assert_int_equal(store_inplace_read(&in, longer, 5 + 64 * 4), 5 + 64 * 4);
		assert_int_equal(in.reply.element[63]->integer, 1);
		store_inplace_free(&in);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_as_hiredis),
		cmocka_unit_test(test_left_alone),
		cmocka_unit_test(test_short_of_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
