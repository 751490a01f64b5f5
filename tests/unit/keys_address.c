/* Unit tests of keys/address: which addresses a fetch may connect to; both ends of every range. */
#include "keys/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

static bool allowed(const char *text, const struct config_range *networks, size_t count)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
		return keys_address_allowed((const struct sockaddr *)&v4, networks, count);
	assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
	return keys_address_allowed((const struct sockaddr *)&v6, networks, count);
}

static void knows_public_addresses(void **state)
{
	static const char *const cases[] = {
		"1.0.0.0",	   "9.255.255.255",   "11.0.0.0",	  "100.63.255.255", "100.128.0.0",
		"126.255.255.255", "128.0.0.0",	      "169.253.255.255",  "169.255.0.0",    "172.15.255.255",
		"172.32.0.0",	   "191.255.255.255", "192.0.1.0",	  "192.0.3.0",	    "192.88.98.255",
		"192.88.100.0",	   "192.167.255.255", "192.169.0.0",	  "198.17.255.255", "198.20.0.0",
		"198.51.99.255",   "198.51.101.0",    "203.0.112.255",	  "203.0.114.0",    "223.255.255.255",
		"2001:200::1",	   "2001:4860::8888", "2606:4700::1",	  "3ffe:ffff::1",   "2001:db7:ffff::1",
		"2003::1",	   "::ffff:8.8.8.8",  "64:ff9b::8.8.8.8",
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (!allowed(cases[i], NULL, 0))
			fail_msg("%s", cases[i]);
}

static void knows_what_is_not_public(void **state)
{
	static const char *const cases[] = {
		"0.0.0.0",
		"0.255.255.255",
		"10.0.0.0",
		"10.255.255.255",
		"100.64.0.0",
		"100.127.255.255",
		"127.0.0.1",
		"127.255.255.255",
		"169.254.0.0",
		"169.254.169.254",
		"172.16.0.0",
		"172.31.255.255",
		"192.0.0.0",
		"192.0.0.170",
		"192.0.2.1",
		"192.88.99.1",
		"192.168.0.0",
		"192.168.255.255",
		"198.18.0.0",
		"198.19.255.255",
		"198.51.100.1",
		"203.0.113.1",
		"224.0.0.0",
		"239.255.255.255",
		"240.0.0.0",
		"255.255.255.255",
		"::",
		"::1",
		"::127.0.0.1",
		"::ffff:127.0.0.1",
		"::ffff:10.0.0.1",
		"64:ff9b::10.0.0.1",
		"64:ff9b:1::8.8.8.8",
		"100::1",
		"2001::1",
		"2001:1ff::1",
		"2001:db8::1",
		"2002:808:808::1",
		"3fff::1",
		"4000::1",
		"5f00::1",
		"fc00::1",
		"fdff::1",
		"fe80::1",
		"fec0::1",
		"ff02::1",
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (allowed(cases[i], NULL, 0))
			fail_msg("%s", cases[i]);
}

static void allows_what_is_configured(void **state)
{
	struct config_range networks[2];
	assert_true(config_range_parse(SLICE("10.1.0.0/16"), &networks[0], NULL));
	assert_true(config_range_parse(SLICE("fd00::/8"), &networks[1], NULL));
	assert_true(allowed("10.1.2.3", networks, 2));
	assert_true(allowed("::ffff:10.1.2.3", networks, 2));
	assert_true(allowed("fd12::1", networks, 2));
	assert_true(allowed("8.8.8.8", networks, 2));
	assert_false(allowed("10.2.0.0", networks, 2));
	assert_false(allowed("fc12::1", networks, 2));
}

static void knows_no_other_family(void **state)
{
	const struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct config_range all;
	assert_true(config_range_parse(SLICE("::/0"), &all, NULL));
	assert_false(keys_address_allowed((const struct sockaddr *)&address, &all, 1));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_public_addresses),
		cmocka_unit_test(knows_what_is_not_public),
		cmocka_unit_test(allows_what_is_configured),
		cmocka_unit_test(knows_no_other_family),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
