/* Unit tests of base/buf. */
#include "base/buf.h"

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

static void assert_content(const struct buf *buf, const char *text)
{
	if (!slice_eq(buf_slice(buf), slice_str(text)))
		fail_msg("got \"%.*s\", not \"%s\"", SLICE_ARGS(buf_slice(buf)), text);
}

static void appends(void **state)
{
	struct buf buf = { 0 };
	assert_content(&buf, "");
	buf_add(&buf, SLICE("ab"));
	buf_add(&buf, SLICE_NONE);
	buf_add_byte(&buf, 'c');
	buf_add_str(&buf, "de");
	buf_add_str(&buf, NULL);
	buf_add_u64(&buf, UINT64_MAX);
	buf_add_byte(&buf, ' ');
	buf_add_i64(&buf, INT64_MIN);
	buf_add_byte(&buf, ' ');
	buf_add_i64(&buf, INT64_MAX);
	buf_add_byte(&buf, ' ');
	buf_add_i64(&buf, 0);
	buf_printf(&buf, " %s=%d", "x", -1);
	assert_content(&buf, "abcde18446744073709551615 -9223372036854775808 9223372036854775807 0 x=-1");
	assert_false(buf_failed(&buf));
	buf_free(&buf);
	assert_null(buf.p);
	buf_free(&buf);
}

static void grows_byte_by_byte(void **state)
{
	struct buf buf = BUF_EMPTY;
	for (unsigned i = 0; i < 10000; i++)
		buf_add_byte(&buf, (unsigned char)i);
	assert_int_equal(buf.n, 10000);
	for (unsigned i = 0; i < 10000; i++)
		assert_int_equal(buf.p[i], (unsigned char)i);
	buf_free(&buf);
}

/* No byte more than was asked for, and never smaller. */
static void grows_to_a_size(void **state)
{
	struct buf buf = BUF_EMPTY;
	buf_add_str(&buf, "ab");
	assert_true(buf_grow_to(&buf, 1000));
	assert_int_equal(buf.size, 1000);
	assert_true(buf_grow_to(&buf, 10));
	assert_int_equal(buf.size, 1000);
	assert_content(&buf, "ab");
	assert_false(buf_grow_to(&buf, SIZE_MAX));
	assert_true(buf_failed(&buf));
	assert_false(buf_grow_to(&buf, 10));
	assert_content(&buf, "ab");
	buf_free(&buf);
}

/* Each length around the room there is, since vsnprintf wants one byte more than the text has. */
static void formats_at_every_fill(void **state)
{
	for (int n = 0; n < 300; n++) {
		struct buf buf = BUF_EMPTY;
		for (int i = 0; i < n; i++)
			buf_add_byte(&buf, 'x');
		buf_printf(&buf, "%s", "0123456789");
		assert_int_equal(buf.n, n + 10);
		assert_memory_equal(buf.p + n, "0123456789", 10);
		buf_free(&buf);
	}
}

static void failure_sticks(void **state)
{
	struct buf buf = BUF_EMPTY;
	buf_add_str(&buf, "kept");
	assert_false(buf_grow(&buf, SIZE_MAX));
	assert_true(buf_failed(&buf));
	buf_add_str(&buf, "lost");
	buf_add_byte(&buf, 'x');
	buf_printf(&buf, "%d", 1);
	assert_false(buf_room(&buf, 0));
	assert_content(&buf, "kept");
	buf_clear(&buf);
	assert_false(buf_failed(&buf));
	buf_add_str(&buf, "new");
	assert_content(&buf, "new");
	buf_free(&buf);
}

static void keeps_its_memory_when_cleared(void **state)
{
	struct buf buf = BUF_EMPTY;
	assert_true(buf_grow(&buf, 1000));
	unsigned char *p = buf.p;
	buf_add_str(&buf, "a");
	buf_clear(&buf);
	assert_true(buf_grow(&buf, 1000));
	assert_ptr_equal(buf.p, p);
	buf_wipe(&buf);
	assert_null(buf.p);
	buf_wipe(&buf);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(appends),	   cmocka_unit_test(grows_byte_by_byte),
		cmocka_unit_test(grows_to_a_size), cmocka_unit_test(formats_at_every_fill),
		cmocka_unit_test(failure_sticks),  cmocka_unit_test(keeps_its_memory_when_cleared),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
