/* Slots as redis-server itself tells them (CLUSTER KEYSLOT). */
#include "store/slot.h"

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

static void test_slots(void **state)
{
	static const struct {
		const char *key;
		uint16_t slot;
	} rows[] = {
		{ "", 0 },
		{ "123456789", 12739 },
		{ "foo", 12182 },
		{ "bar", 5061 },
		{ "hello", 866 },
		{ "{user1000}.following", 3443 },
		{ "foo{}{bar}", 8363 },
		{ "foo{{bar}}zap", 4015 },
		{ "foo{bar}{zap}", 5061 },
		{ "hookgate:{stripe}:events", 321 },
		{ "hookgate:{stripe}:seen:evt_1", 321 },
		{ "hookgate:{stripe.0}:events", 9206 },
		{ "}{x}", 16287 },
		{ "a{b", 13340 },
		{ "{}", 15257 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (store_slot(slice_str(rows[i].key)) != rows[i].slot)
			fail_msg("%s: %u, not %u", rows[i].key, store_slot(slice_str(rows[i].key)), rows[i].slot);
	}
	/* Any byte may be in a key. */
	assert_int_equal(store_slot(slice_of("a\0{b\xff}", 6)), store_slot(slice_of("b\xff", 2)));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_slots) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
