/* Unit tests of config/range. */
#include "config/range.h"

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

static void reads_networks(void **state)
{
	static const struct {
		struct slice in;
		bool good;
		unsigned bits;
	} cases[] = {
		{ SLICE_LIT("10.0.0.0/8"), true, 104 },
		{ SLICE_LIT("10.1.2.3"), true, 128 },
		{ SLICE_LIT("0.0.0.0/0"), true, 96 },
		{ SLICE_LIT("192.168.1.128/25"), true, 121 },
		{ SLICE_LIT("fd00::/8"), true, 8 },
		{ SLICE_LIT("::/0"), true, 0 },
		{ SLICE_LIT("::1"), true, 128 },
		{ SLICE_LIT("::1/128"), true, 128 },
		{ SLICE_LIT(""), false, 0 },
		{ SLICE_LIT("/8"), false, 0 },
		{ SLICE_LIT("10.0.0.0/"), false, 0 },
		{ SLICE_LIT("10.0.0.0/33"), false, 0 },
		{ SLICE_LIT("10.0.0.0/-1"), false, 0 },
		{ SLICE_LIT("10.0.0.0/8/8"), false, 0 },
		{ SLICE_LIT("10.0.0/8"), false, 0 },
		{ SLICE_LIT("10.1.0.0/8"), false, 0 },
		{ SLICE_LIT("192.168.1.1/25"), false, 0 },
		{ SLICE_LIT("fd00::/129"), false, 0 },
		{ SLICE_LIT("fd00::1/8"), false, 0 },
		{ SLICE_LIT("[fd00::]/8"), false, 0 },
		{ SLICE_LIT("localhost"), false, 0 },
		{ SLICE_LIT("1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb"), false, 0 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct config_range network = { .bits = 4711 };
		struct reason reason = { "" };
		bool good = config_range_parse(cases[i].in, &network, &reason);
		if (good != cases[i].good || network.bits != (good ? cases[i].bits : 4711) ||
		    good != (reason.text[0] == '\0'))
			fail_msg("\"%.*s\": %u, %s", SLICE_ARGS(cases[i].in), network.bits, reason.text);
	}
}

static void has_what_is_in_it(void **state)
{
	static const unsigned char inside[16] = { [10] = 0xff, 0xff, 192, 168, 1, 128 },
				   outside[16] = { [10] = 0xff, 0xff, 192, 168, 1, 127 };
	struct config_range network;
	assert_true(config_range_parse(SLICE("192.168.1.128/25"), &network, NULL));
	assert_true(config_range_has(&network, inside));
	assert_false(config_range_has(&network, outside));
	assert_true(config_range_parse(SLICE("192.168.1.127"), &network, NULL));
	assert_false(config_range_has(&network, inside));
	assert_true(config_range_has(&network, outside));
	assert_true(config_range_parse(SLICE("::/0"), &network, NULL));
	assert_true(config_range_has(&network, inside));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_networks),
		cmocka_unit_test(has_what_is_in_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
