/* The keys of a route, and its fixed fields as they are sent. */
#include "store/store.h"
#include "store/target.h"

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

static void expect(struct slice found, const char *text)
{
	if (!slice_eq(found, slice_str(text)))
		fail_msg("%.*s, not %s", SLICE_ARGS(found), text);
}

static void test_keys(void **state)
{
	struct store_target *target = NULL;
	assert_int_equal(
		store_target_new(SLICE("hookgate"), SLICE("stripe"), SLICE("/hooks/stripe"), SLICE("stripe"), &target),
		0);
	expect(store_target_stream(target), "hookgate:{stripe}:events");
	expect(target->xadd, "*29\r\n$4\r\nXADD\r\n$24\r\nhookgate:{stripe}:events\r\n$1\r\n*\r\n"
			     "$11\r\nspecversion\r\n$3\r\n1.0\r\n$2\r\nid\r\n");
	expect(slice_head(slice_from(target->xadd, target->stream_at), target->stream_n),
	       "$24\r\nhookgate:{stripe}:events\r\n");
	assert_true(slice_starts(slice_from(target->xadd, target->fields_at), SLICE("$11\r\nspecversion\r\n")));
	expect(target->seen, "hookgate:{stripe}:seen:");
	expect(target->guard, "hookgate:{stripe}:guard:");
	expect(target->source, "$6\r\nsource\r\n$13\r\n/hooks/stripe\r\n$4\r\ntype\r\n");
	expect(target->names, "$5\r\nroute\r\n$6\r\nstripe\r\n$8\r\nprovider\r\n$6\r\nstripe\r\n$7\r\nheaders\r\n");
	store_target_free(target);
}

static void test_empty_parts(void **state)
{
	struct store_target *target = NULL;
	assert_int_equal(store_target_new(SLICE_NONE, SLICE("a"), SLICE_NONE, SLICE_NONE, &target), 0);
	expect(store_target_stream(target), ":{a}:events");
	expect(target->source, "$6\r\nsource\r\n$0\r\n\r\n$4\r\ntype\r\n");
	expect(target->names, "$5\r\nroute\r\n$1\r\na\r\n$8\r\nprovider\r\n$0\r\n\r\n$7\r\nheaders\r\n");
	store_target_free(target);
}

/* Whatever the id, its key is never a guard's: nothing says what an id may look like. */
static void test_no_id_spells_a_guard(void **state)
{
	struct store_target *target = NULL;
	assert_int_equal(store_target_new(SLICE("p"), SLICE("r"), SLICE("/r"), SLICE("x"), &target), 0);
	assert_false(slice_starts(target->guard, target->seen));
	assert_false(slice_starts(target->seen, target->guard));
	store_target_free(target);
}

static void test_free_of_nothing(void **state)
{
	store_target_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_empty_parts),
		cmocka_unit_test(test_no_id_spells_a_guard),
		cmocka_unit_test(test_free_of_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
