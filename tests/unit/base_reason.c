/* Unit tests of base/reason. */
#include "base/reason.h"

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

static void takes_a_text(void **state)
{
	struct reason reason;
	reason_set(&reason, "%s has %d", "it", 3);
	assert_string_equal(reason.text, "it has 3");
	reason_set(&reason, "again");
	assert_string_equal(reason.text, "again");
}

static void needs_nobody_to_listen(void **state)
{
	reason_set(NULL, "%d", 1);
}

static void shows_where_it_was_cut(void **state)
{
	struct reason reason;
	reason_set(&reason, "%0255d", 1);
	assert_int_equal(strlen(reason.text), 255);
	assert_string_equal(reason.text + 250, "00001");
	reason_set(&reason, "%0256d", 1);
	assert_int_equal(strlen(reason.text), 255);
	assert_string_equal(reason.text + 250, "00...");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_a_text),
		cmocka_unit_test(needs_nobody_to_listen),
		cmocka_unit_test(shows_where_it_was_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
