/* Twins within a batch: found by any of their marks, however the keys hash. */
#include "base/buf.h"
#include "store/twins.h"

#include <stdio.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

static struct store_twins twins;

/* An event with these marks, which are all that matters here. */
static bool add(const char *one, const char *two)
{
	/* The bytes must stay until the end. */
	static char kept[2048][96];
	static size_t used;
	struct store_command command = { .mark_count = 0 };
	const char *marks[] = { one, two };
	char *text = kept[used++ % 2048];
	size_t n = 0;
	for (size_t i = 0; i < 2 && marks[i]; i++) {
		command.marks[i] = (struct store_span){ n, strlen(marks[i]) };
		n += (size_t)snprintf(text + n, sizeof kept[0] - n, "%s", marks[i]);
		command.mark_count++;
	}
	command.bytes = (struct buf){ .p = (unsigned char *)text, .n = n };
	return store_twins_add(&twins, &command);
}

static void test_found(void **state)
{
	store_twins_begin(&twins);
	assert_true(add("a", NULL));
	assert_false(add("a", NULL));
	assert_true(add("b", "g"));
	assert_false(add("b", NULL));
	assert_false(add("c", "g"));
	/* Who was not added has left no mark. */
	assert_true(add("c", "h"));
	assert_true(add(NULL, NULL));
	assert_true(add(NULL, NULL));
	assert_false(add("d", "a"));
	assert_true(add("", NULL));
	assert_false(add("", NULL));
	store_twins_begin(&twins);
	assert_true(add("a", NULL));
}

/* A full batch, of keys that are alike in all the bytes that are hashed. */
static void test_alike(void **state)
{
	char one[40], two[40];
	store_twins_begin(&twins);
	for (int i = 0; i < STORE_TWINS_EVENTS; i++) {
		snprintf(one, sizeof one, "%03dxxxxxxxxxxxxxxxxxxxxxxxxxxx", i);
		snprintf(two, sizeof two, "g%03dxxxxxxxxxxxxxxxxxxxxxxxxxxx", i);
		assert_true(add(one, two));
	}
	for (int i = 0; i < STORE_TWINS_EVENTS; i++) {
		snprintf(one, sizeof one, "%03dxxxxxxxxxxxxxxxxxxxxxxxxxxx", i);
		snprintf(two, sizeof two, "g%03dxxxxxxxxxxxxxxxxxxxxxxxxxxx", i);
		assert_false(add(one, NULL));
		assert_false(add(two, NULL));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_alike),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
