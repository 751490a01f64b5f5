/* config_networks.c - whose word about the client is believed; and what a route's public_url means. */
#include "config/config.h"

#include <stdio.h>
#include <stdlib.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

static struct config *load(const char *text)
{
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	struct config *config = NULL;

	assert_int_equal(config_load_text(slice_str(text), "c.yaml", &diag, &config), 0);
	config_diag_free(&diag);
	return config;
}

static void test_proxies(void **state)
{
	static const struct {
		const char *address;
		bool is_proxy;
	} rows[] = {
		{ "10.1.2.3", true },
		{ "11.0.0.0", false },
		{ "192.0.2.128", true },
		{ "192.0.2.255", true },
		{ "192.0.2.127", false },
		{ "198.51.100.7", true },
		{ "198.51.100.8", false },
		{ "fd12::1", true },
		{ "fe80::1", false },
		{ "::ffff:10.0.0.1", true },
		{ "::10.0.0.1", false },
		{ "unix", true },
		{ "", false },
		{ "unknown", false },
		{ "10.1.2", false },
		{ "10.1.2.3:80", false },
	};
	struct config *config = load("listen: 127.0.0.1:1\nredis: {url: 'redis://127.0.0.1/0'}\n"
				     "trusted_proxies: [10.0.0.0/8, 192.0.2.128/25, 198.51.100.7, 'fd00::/8', unix]\n"
				     "routes: [{name: a, path: /a, provider: none}]\n");

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (config_is_proxy(config, slice_str(rows[i].address)) != rows[i].is_proxy)
			fail_msg("%s", rows[i].address);
	config_free(config);
	config = load("listen: 127.0.0.1:1\nredis: {url: 'redis://127.0.0.1/0'}\ntrusted_proxies: 0.0.0.0/0\n"
		      "routes: [{name: a, path: /a, provider: none}]\n");
	assert_true(config_is_proxy(config, SLICE("203.0.113.1")));
	assert_false(config_is_proxy(config, SLICE("2001:db8::1")));
	assert_false(config_is_proxy(config, SLICE("unix")));
	config_free(config);
	config = load("listen: 127.0.0.1:1\nredis: {url: 'redis://127.0.0.1/0'}\n"
		      "routes: [{name: a, path: /a, provider: none}]\n");
	assert_false(config_is_proxy(config, SLICE("127.0.0.1")));
	assert_false(config_is_proxy(config, SLICE("unix")));
	config_free(config);
}

static void test_public_url(void **state)
{
	static const struct {
		const char *given, *url;
		bool whole;
	} rows[] = {
		{ "", "https://global.example/base", false },
		{ "https://r.example", "https://r.example", false },
		{ "https://r.example:8443/in", "https://r.example:8443/in", true },
		{ "http://r.example/", "http://r.example/", true },
		{ "https://r.example/in/?k=v", "https://r.example/in/?k=v", true },
	};

	(void)state;
	/* Each of them in the route, and under its options. */
	for (size_t i = 0; i < 2 * (sizeof rows / sizeof rows[0]); i++) {
		bool options = i % 2;
		char text[512], own[128] = "";
		struct config *config;

		if (rows[i / 2].given[0])
			(void)snprintf(own, sizeof own,
				       options ? ", options: {public_url: '%s'}" : ", public_url: '%s'",
				       rows[i / 2].given);
		(void)snprintf(text, sizeof text,
			       "listen: 127.0.0.1:1\nredis: {url: 'redis://127.0.0.1/0'}\n"
			       "public_url: https://global.example/base/\n"
			       "routes: [{name: a, path: /a, provider: none%s}]\n",
			       own);
		config = load(text);
		assert_true(slice_eq(config->routes[0].public_url, slice_str(rows[i / 2].url)));
		assert_int_equal(config->routes[0].public_url_whole, rows[i / 2].whole);
		config_free(config);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_proxies), cmocka_unit_test(test_public_url) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
