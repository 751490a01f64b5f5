/* Unit tests of config/address. */
#include "config/address.h"

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#define SOCKET_PATH(end)                                                                                               \
	"/123456789"                                                                                                   \
	"/123456789"                                                                                                   \
	"/123456789"                                                                                                   \
	"/123456789"                                                                                                   \
	"/123456789"                                                                                                   \
	"/123456789"                                                                                                   \
	"/123456789"                                                                                                   \
	"/123456789"                                                                                                   \
	"/123456789"                                                                                                   \
	"/123456789" end

static void parses(void **state)
{
	static const struct {
		const char *text;
		enum config_address_kind kind;
		unsigned char ip[16];
		uint16_t port;
		bool dual_stack;
		const char *unix_path;
	} cases[] = {
		{ "0.0.0.0:8080", CONFIG_ADDRESS_IPV4, { 0 }, 8080, false, NULL },
		{ "127.0.0.1:0", CONFIG_ADDRESS_IPV4, { 127, 0, 0, 1 }, 0, false, NULL },
		{ "255.255.255.255:65535", CONFIG_ADDRESS_IPV4, { 255, 255, 255, 255 }, 65535, false, NULL },
		{ "[::]:8080", CONFIG_ADDRESS_IPV6, { 0 }, 8080, false, NULL },
		{ "[::1]:1", CONFIG_ADDRESS_IPV6, { [15] = 1 }, 1, false, NULL },
		{ "[fe80:0000:0000:0000:0000:0000:192.168.100.100]:1",
		  CONFIG_ADDRESS_IPV6,
		  { [0] = 0xfe, 0x80, [12] = 192, 168, 100, 100 },
		  1,
		  false,
		  NULL },
		{ ":8080", CONFIG_ADDRESS_IPV6, { 0 }, 8080, true, NULL },
		{ "unix:/run/x y.sock", CONFIG_ADDRESS_UNIX, { 0 }, 0, false, "/run/x y.sock" },
		{ "unix:" SOCKET_PATH("1234567"), CONFIG_ADDRESS_UNIX, { 0 }, 0, false, SOCKET_PATH("1234567") },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct config_address address;
		struct reason reason = { "untouched" };
		assert_true(config_address_parse(slice_str(cases[i].text), &address, &reason));
		assert_string_equal(reason.text, "untouched");
		assert_int_equal(address.kind, cases[i].kind);
		assert_memory_equal(address.ip, cases[i].ip, 16);
		assert_int_equal(address.port, cases[i].port);
		assert_int_equal(address.dual_stack, cases[i].dual_stack);
		assert_string_equal(address.text, cases[i].text);
		assert_null(address.node);
		if (cases[i].unix_path)
			assert_string_equal(address.unix_path, cases[i].unix_path);
		else
			assert_null(address.unix_path);
	}
}

static void refuses(void **state)
{
	static const struct slice texts[] = {
		SLICE_LIT(""),
		SLICE_LIT(":"),
		SLICE_LIT("[]:80"),
		SLICE_LIT("[:80"),
		SLICE_LIT("]:80"),
		SLICE_LIT("[::1:80"),
		SLICE_LIT("::1]:80"),
		SLICE_LIT("[::1]80"),
		SLICE_LIT("[::1%lo]:80"),
		SLICE_LIT("[127.0.0.1]:80"),
		SLICE_LIT("127.0.0.1"),
		SLICE_LIT("127.0.0.1:"),
		SLICE_LIT("127.0.0.1:+1"),
		SLICE_LIT("127.0.0.1: 1"),
		SLICE_LIT("127.0.0.1:65536"),
		SLICE_LIT("127.0.0.01:1"),
		SLICE_LIT("127.1:1"),
		SLICE_LIT("0x7f000001:1"),
		SLICE_LIT(" 127.0.0.1:1"),
		SLICE_LIT("127.0.0.1:1 "),
		SLICE_LIT("localhost:1"),
		SLICE_LIT("*:1"),
		SLICE_LIT("http://127.0.0.1:1"),
		SLICE_LIT("unix:"),
		SLICE_LIT("unix:x"),
		SLICE_LIT("unix:@x"),
		SLICE_LIT("unix:/a\nb"),
		SLICE_LIT("unix:" SOCKET_PATH("12345678")),
		SLICE_LIT("[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:1"),
	};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct config_address address = { .port = 4711 };
		struct reason reason = { "" };
		if (config_address_parse(texts[i], &address, &reason))
			fail_msg("\"%.*s\" is taken", SLICE_ARGS(texts[i]));
		assert_int_equal(address.port, 4711);
		assert_string_not_equal(reason.text, "");
	}
}

static void clashes(void **state)
{
	static const struct {
		const char *a, *b;
		bool clash;
	} cases[] = {
		{ "1.2.3.4:80", "1.2.3.4:80", true },  { "1.2.3.4:80", "1.2.3.4:81", false },
		{ "1.2.3.4:80", "1.2.3.5:80", false }, { "1.2.3.4:0", "1.2.3.4:0", false },
		{ "0.0.0.0:80", "[::]:80", false },    { ":80", "[::]:80", true },
		{ ":80", "0.0.0.0:80", true },	       { ":80", ":80", true },
		{ ":80", "127.0.0.1:80", false },      { ":0", ":0", false },
		{ "[::1]:80", "[0:0::1]:80", true },   { "unix:/a", "unix:/a", true },
		{ "unix:/a", "unix:/b", false },       { "unix:/a", ":80", false },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct config_address a, b;
		assert_true(config_address_parse(slice_str(cases[i].a), &a, NULL));
		assert_true(config_address_parse(slice_str(cases[i].b), &b, NULL));
		assert_int_equal(config_address_clash(&a, &b), cases[i].clash);
		assert_int_equal(config_address_clash(&b, &a), cases[i].clash);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses),
		cmocka_unit_test(refuses),
		cmocka_unit_test(clashes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
