/* Which partition an event belongs to, which never changes; and layouts as texts. */
#include "store/layout.h"
#include "store/order.h"

#include <errno.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

/* ---- keys ---- */

/* Made by another program, from what order.h says. */
static void test_hash(void **state)
{
	static const struct {
		struct slice key;
		uint32_t hash;
	} rows[] = {
		{ SLICE_LIT(""), 0x4fd0bfc1 },
		{ SLICE_LIT("a"), 0x296230c0 },
		{ SLICE_LIT("b"), 0x29622ee9 },
		{ SLICE_LIT("cus_9s6XKzkNRiz8i3"), 0xa5d41283 },
		{ SLICE_LIT("evt_1NG8Du2eZvKYlo2CUI79vXWy"), 0x12ed1667 },
		{ SLICE_LIT("17"), 0xb34297f6 },
		{ SLICE_LIT("k\303\251y"), 0x947664d9 },
		{ SLICE_LIT("72d3162e-cc78-11e3-81ab-4c9367dc0958"), 0xe680513e },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (store_order_hash(rows[i].key) != rows[i].hash)
			fail_msg("%.*s: %08x", SLICE_ARGS(rows[i].key), store_order_hash(rows[i].key));
	}
}

static void test_keys(void **state)
{
	static const struct {
		const char *order, *data, *headers, *key; /* NULL: none */
	} rows[] = {
		{ "body:/a", "{\"a\":\"x\"}", "{}", "x" },
		{ "body:/a", "{\"a\":17}", "{}", "17" },
		{ "body:/a", "{\"a\":true}", "{}", "true" },
		{ "body:/a/b", "{\"a\":{\"b\":\"\\u0078\"}}", "{}", "x" },
		{ "body:/a", "{\"a\":null}", "{}", NULL },
		{ "body:/a", "{\"a\":\"\"}", "{}", NULL },
		{ "body:/a", "{\"a\":{}}", "{}", NULL },
		{ "body:/a", "{\"b\":1}", "{}", NULL },
		{ "body:/a", "a=x", "{}", NULL },
		{ "body:/a", "", "{}", NULL },
		{ "header:x-key", "{}", "{\"x-key\":\"k\"}", "k" },
		{ "header:X-Key", "{}", "{\"x-key\":\"k\"}", "k" },
		{ "header:x~y", "{}", "{\"x~y\":\"k\"}", "k" },
		{ "header:x-key", "{}", "{\"x-key\":[\"k\",\"l\"]}", NULL },
		{ "header:x-key", "{}", "{\"y\":\"k\"}", NULL },
		{ "header:x-key", "{\"x-key\":\"k\"}", "{}", NULL },
	};
	struct arena *arena = arena_new(4096, 65536);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct store_event event = { .data = slice_str(rows[i].data),
						   .headers = slice_str(rows[i].headers) };
		struct store_order *order = NULL;
		struct slice key = SLICE_NONE;
		assert_int_equal(store_order_new(slice_str(rows[i].order), &order), 0);
		bool found = store_order_find(order, &event, arena, &key);
		if (found != (rows[i].key != NULL) || !slice_eq(key, slice_str(rows[i].key ? rows[i].key : "")))
			fail_msg("%s in %s %s: %.*s", rows[i].order, rows[i].data, rows[i].headers, SLICE_ARGS(key));
		store_order_free(order);
	}
	arena_free(arena);
}

static void test_no_order(void **state)
{
	static const char *const texts[] = { "", "body:", "body:a", "header:", "query:a", "/a" };
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct store_order *order = NULL;
		assert_int_equal(store_order_new(slice_str(texts[i]), &order), -EINVAL);
		assert_null(order);
	}
	store_order_free(NULL);
}

/* ---- layouts ---- */

static void expect(const struct store_layout *layout, const char *text)
{
	struct buf out = BUF_EMPTY;
	struct store_layout read;
	store_layout_write(layout, &out);
	if (!slice_eq(buf_slice(&out), slice_str(text)))
		fail_msg("%.*s", SLICE_ARGS(buf_slice(&out)));
	/* And back. */
	assert_true(store_layout_read(buf_slice(&out), &read));
	buf_clear(&out);
	store_layout_write(&read, &out);
	assert_true(slice_eq(buf_slice(&out), slice_str(text)));
	buf_free(&out);
}

static struct store_layout changed(const struct store_layout *from, unsigned partitions, const char *order,
				   uint64_t generation)
{
	const struct store_split to = store_split_of(partitions, slice_str(order));
	struct store_layout next;
	assert_true(store_layout_change(from, &to, generation, 60, &next));
	return next;
}

static void test_changes(void **state)
{
	struct store_layout layout = changed(&store_layout_first, 4, "body:/a b", 7);
	expect(&layout, "1 closing 7 4 4 body:/a b\n0 0 0 60 \n");
	store_layout_open(&layout, 1000);
	expect(&layout, "1 open 7 4 4 body:/a b\n0 0 1000 60 \n");
	layout = changed(&layout, 2, "", 8);
	expect(&layout, "1 closing 8 2 4 \n0 0 1000 60 \n7 4 0 60 body:/a b\n");
	/* Somebody wants another before it was open: it never was. */
	layout = changed(&layout, 0, "body:/says/nothing", 9);
	expect(&layout, "1 closing 9 0 4 \n0 0 1000 60 \n7 4 0 60 body:/a b\n");
	store_layout_open(&layout, 2000);
	expect(&layout, "1 open 9 0 4 \n0 0 1000 60 \n7 4 2000 60 body:/a b\n");
	/* One that says the same as another is joined with it, by the time of the later one. */
	layout = changed(&layout, 4, "body:/a b", 10);
	store_layout_open(&layout, 3000);
	expect(&layout, "1 open 10 4 4 body:/a b\n0 0 3000 60 \n7 4 2000 60 body:/a b\n");
}

static void test_forgotten(void **state)
{
	struct store_layout layout = changed(&store_layout_first, 4, "", 7);
	store_layout_open(&layout, 1000);
	assert_true(store_former_counts(&layout.formers[0], 1000 + 60000 + 3600000 - 1, 0));
	assert_false(store_former_counts(&layout.formers[0], 1000 + 60000 + 3600000, 0));
	assert_true(store_former_counts(&layout.formers[0], 1000 + 60000 + 3600000, 61));
	layout = changed(&layout, 2, "", 8);
	store_layout_open(&layout, 1000 + 60000 + 3600000);
	expect(&layout, "1 open 8 2 4 \n7 4 3661000 60 \n");
}

static void test_too_many(void **state)
{
	struct store_layout layout = store_layout_first, next;
	const struct store_split more = store_split_of(200, SLICE_NONE);
	for (unsigned i = 1; i <= STORE_FORMERS_MAX; i++) {
		layout = changed(&layout, i, "", i);
		store_layout_open(&layout, 1000);
	}
	assert_int_equal(layout.former_count, STORE_FORMERS_MAX);
	assert_false(store_layout_change(&layout, &more, 99, 60, &next));
	assert_false(store_layout_add_former(&layout, &more, 99, 60));
}

static void test_no_layouts(void **state)
{
	static const char *const texts[] = {
		"1",
		"1 open 7 4 4 ",
		"2 open 7 4 4 \n",
		"1 ajar 7 4 4 \n",
		"1 open -7 4 4 \n",
		"1 open 7 257 4 \n",
		"1 open 7 4 257 \n",
		"1 open 7 4\n",
		"1 open 7 4 4 \n0 0 0\n",
		"1 open 7 4 4 \n0 0 0 60 ",
		"1 open 7 4 4 \n0 999 0 60 \n",
		"\n",
	};
	struct store_layout layout;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		if (store_layout_read(slice_str(texts[i]), &layout))
			fail_msg("%s", texts[i]);
	}
	assert_true(store_layout_read(SLICE_NONE, &layout));
	assert_true(layout.open);
	assert_int_equal(layout.generation, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hash),	   cmocka_unit_test(test_keys),	     cmocka_unit_test(test_no_order),
		cmocka_unit_test(test_changes),	   cmocka_unit_test(test_forgotten), cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_no_layouts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
