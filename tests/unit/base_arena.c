/* Unit tests of base/arena, for both kinds of arena. */
#include "base/arena.h"

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

static void gives_aligned_memory_that_does_not_overlap(void **state)
{
	struct arena *arena = arena_new(256, SIZE_MAX);
	unsigned char *given[200];
	for (size_t i = 0; i < 200; i++) {
		given[i] = arena_alloc(arena, i);
		assert_non_null(given[i]);
		assert_int_equal((uintptr_t)given[i] % _Alignof(max_align_t), 0);
		memset(given[i], (int)i, i);
	}
	for (size_t i = 0; i < 200; i++) {
		for (size_t at = 0; at < i; at++)
			assert_int_equal(given[i][at], i);
	}
	assert_false(arena_failed(arena));
	arena_free(arena);
}

static void holds_its_limit_until_reset(void **state)
{
	struct arena *arena = arena_new(64, 1000);
	assert_non_null(arena_alloc(arena, 1000));
	assert_false(arena_failed(arena));
	assert_null(arena_alloc(arena, 1));
	assert_true(arena_failed(arena));

	arena_reset(arena);
	assert_false(arena_failed(arena));
	assert_int_equal(arena_used(arena), 0);
	assert_null(arena_alloc(arena, 1001));
	/* The flag sticks: what would have fitted fails too. */
	assert_null(arena_alloc(arena, 1));
	arena_free(arena);
}

static void counts_tiny_allocations_in_full(void **state)
{
	struct arena *arena = arena_new(64, 1600);
	size_t count = 0;
	while (arena_alloc(arena, 1))
		count++;
	assert_int_equal(count, 1600 / _Alignof(max_align_t));
	arena_free(arena);
}

static void gives_nothing_for_nothing(void **state)
{
	struct arena *arena = arena_new(64, 0);
	for (int i = 0; i < 100; i++)
		assert_non_null(arena_alloc(arena, 0));
	assert_int_equal(arena_used(arena), 0);
	assert_false(arena_failed(arena));
	arena_free(arena);
}

static void refuses_sizes_that_would_wrap(void **state)
{
	static const size_t sizes[] = { SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 15, SIZE_MAX / 2 };
	struct arena *arena = arena_new(64, SIZE_MAX);
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		arena_reset(arena);
		assert_non_null(arena_alloc(arena, 100));
		assert_null(arena_alloc(arena, sizes[i]));
		assert_true(arena_failed(arena));
	}
	arena_free(arena);
}

static void takes_a_new_limit(void **state)
{
	struct arena *arena = arena_new(64, 64);
	assert_non_null(arena_alloc(arena, 64));
	arena_set_limit(arena, 128);
	assert_non_null(arena_alloc(arena, 64));
	arena_set_limit(arena, 32);
	assert_null(arena_alloc(arena, 1));
	arena_free(arena);
}

static void serves_again_after_each_reset(void **state)
{
	struct arena *arena = arena_new(4096, 100000);
	for (int i = 0; i < 5; i++) {
		assert_non_null(arena_alloc(arena, 4096));
		assert_non_null(arena_alloc(arena, 50000));
		assert_int_equal(arena_used(arena), 4096 + 50000);
		arena_reset(arena);
	}
	arena_free(arena);
}

static void shrinks_the_newest_only(void **state)
{
	struct arena *arena = arena_new(1024, 1024);
	void *a = arena_alloc(arena, 512);
	void *b = arena_alloc(arena, 512);
	arena_shrink(arena, a, 512, 0);
	assert_int_equal(arena_used(arena), 1024);
	arena_shrink(arena, b, 512, 16);
	assert_int_equal(arena_used(arena), 528);
	unsigned char *c = arena_alloc(arena, 496);
	assert_non_null(c);
	memset(b, 1, 16);
	memset(c, 2, 496);
	assert_int_equal(*(unsigned char *)b, 1);
	arena_shrink(arena, NULL, 0, 0);
	arena_free(arena);
}

static void copies_and_formats(void **state)
{
	struct arena *arena = arena_new(64, 4096);
	struct slice copy = arena_copy(arena, SLICE("a\0b"));
	assert_true(slice_eq(copy, SLICE("a\0b")));
	assert_int_equal(arena_copy(arena, SLICE_NONE).n, 0);
	assert_string_equal(arena_cstring(arena, SLICE("abc")), "abc");
	assert_string_equal(arena_cstring(arena, SLICE_NONE), "");
	assert_true(slice_eq(arena_printf(arena, "%s-%d", "x", 7), SLICE("x-7")));
	assert_int_equal(arena_printf(arena, "%s", "").n, 0);

	struct slice longer = arena_printf(arena, "%0999d", 1);
	assert_int_equal(longer.n, 999);
	assert_int_equal(longer.p[0], '0');
	assert_int_equal(longer.p[998], '1');
	assert_false(arena_failed(arena));

	assert_int_equal(arena_printf(arena, "%05000d", 1).n, 0);
	assert_true(arena_failed(arena));
	assert_null(arena_copy(arena, SLICE("a")).p);
	assert_null(arena_cstring(arena, SLICE("a")));
	arena_free(arena);
}

static void frees_nothing(void **state)
{
	arena_free(NULL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_aligned_memory_that_does_not_overlap),
		cmocka_unit_test(holds_its_limit_until_reset),
		cmocka_unit_test(counts_tiny_allocations_in_full),
		cmocka_unit_test(gives_nothing_for_nothing),
		cmocka_unit_test(refuses_sizes_that_would_wrap),
		cmocka_unit_test(takes_a_new_limit),
		cmocka_unit_test(serves_again_after_each_reset),
		cmocka_unit_test(shrinks_the_newest_only),
		cmocka_unit_test(copies_and_formats),
		cmocka_unit_test(frees_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
