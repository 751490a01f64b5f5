/* Unit tests of config/redis_url. */
#include "config/redis_url.h"

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <errno.h>
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

#define HOSTS_8 "a,a,a,a,a,a,a,a"
#define HOSTS_32 HOSTS_8 "," HOSTS_8 "," HOSTS_8 "," HOSTS_8

static void parses(void **state)
{
	static const struct {
		const char *text;
		enum config_redis_kind kind;
		const char *host;
		unsigned port;
		const char *path, *username, *password;
		unsigned database;
		const char *shown;
	} cases[] = {
		{ "redis://127.0.0.1:6379/0", CONFIG_REDIS_TCP, "127.0.0.1", 6379, NULL, "", "", 0,
		  "redis://127.0.0.1:6379/0" },
		{ "redis://redis.internal", CONFIG_REDIS_TCP, "redis.internal", 6379, NULL, "", "", 0,
		  "redis://redis.internal" },
		{ "redis://a/", CONFIG_REDIS_TCP, "a", 6379, NULL, "", "", 0, "redis://a/" },
		{ "redis://a_b-C.9:1/15", CONFIG_REDIS_TCP, "a_b-C.9", 1, NULL, "", "", 15, "redis://a_b-C.9:1/15" },
		{ "redis://[::1]:65535/3", CONFIG_REDIS_TCP, "::1", 65535, NULL, "", "", 3, "redis://[::1]:65535/3" },
		{ "redis://[fe80::1]", CONFIG_REDIS_TCP, "fe80::1", 6379, NULL, "", "", 0, "redis://[fe80::1]" },
		{ "redis://:pw@a", CONFIG_REDIS_TCP, "a", 6379, NULL, "", "pw", 0, "redis://***@a" },
		{ "redis://me:p%40w%2F%3a%25@a:7/1", CONFIG_REDIS_TCP, "a", 7, NULL, "me", "p@w/:%", 1,
		  "redis://***@a:7/1" },
		/* Not encoded, but clear all the same. */
		{ "redis://me:p:q@r@a", CONFIG_REDIS_TCP, "a", 6379, NULL, "me", "p:q@r", 0, "redis://***@a" },
		{ "rediss://:pw@a/3", CONFIG_REDIS_TCP, "a", 6379, NULL, "", "pw", 3, "rediss://***@a/3" },
		{ "unix:///run/redis.sock", CONFIG_REDIS_UNIX, NULL, 0, "/run/redis.sock", "", "", 0,
		  "unix:///run/redis.sock" },
		{ "unix://:pw@/run/r?db=4", CONFIG_REDIS_UNIX, NULL, 0, "/run/r", "", "pw", 4,
		  "unix://***@/run/r?db=4" },
		{ "unix://" SOCKET_PATH("1234567"), CONFIG_REDIS_UNIX, NULL, 0, SOCKET_PATH("1234567"), "", "", 0,
		  "unix://" SOCKET_PATH("1234567") },
		{ "embedded:data", CONFIG_REDIS_EMBEDDED, NULL, 0, "/etc/hookgate/data", "", "", 0, "embedded:data" },
		{ "embedded:/var/lib/x", CONFIG_REDIS_EMBEDDED, NULL, 0, "/var/lib/x", "", "", 0,
		  "embedded:/var/lib/x" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct config_pool pool = { 0 };
		struct config_redis redis = { .require_durable = true };
		struct reason reason = { "" };
		assert_int_equal(
			config_redis_url_parse(slice_str(cases[i].text), "/etc/hookgate", &pool, &redis, &reason), 0);
		assert_int_equal(redis.kind, cases[i].kind);
		assert_int_equal(redis.port, cases[i].port);
		assert_int_equal(redis.database, cases[i].database);
		assert_true(slice_eq(redis.username, slice_str(cases[i].username)));
		assert_true(slice_eq(redis.password, slice_str(cases[i].password)));
		assert_true(slice_eq(slice_str(redis.host), slice_str(cases[i].host)));
		assert_true(slice_eq(slice_str(redis.path), slice_str(cases[i].path)));
		assert_string_equal(redis.url, cases[i].shown);
		assert_true(redis.require_durable);
		assert_int_equal(redis.tls.on, strncmp(cases[i].text, "rediss", 6) == 0);
		assert_int_equal(redis.host_count, 0);
		config_pool_free(&pool);
	}
}

static void parses_several_hosts(void **state)
{
	static const struct {
		const char *text;
		enum config_redis_kind kind;
		size_t count;
		struct config_redis_host first, last;
		const char *master, *username, *password;
		unsigned database;
		const char *shown;
	} cases[] = {
		{ "sentinel://a/mymaster",
		  CONFIG_REDIS_SENTINEL,
		  1,
		  { "a", 26379 },
		  { "a", 26379 },
		  "mymaster",
		  "",
		  "",
		  0,
		  "sentinel://a/mymaster" },
		{ "sentinel://me:p%2Cw@10.0.0.1:1,[::1]:2,b_c/a.B-9_?db=5",
		  CONFIG_REDIS_SENTINEL,
		  3,
		  { "10.0.0.1", 1 },
		  { "b_c", 26379 },
		  "a.B-9_",
		  "me",
		  "p,w",
		  5,
		  "sentinel://***@10.0.0.1:1,[::1]:2,b_c/a.B-9_?db=5" },
		{ "sentinel://:a,b@c,d:7/m",
		  CONFIG_REDIS_SENTINEL,
		  2,
		  { "c", 26379 },
		  { "d", 7 },
		  "m",
		  "",
		  "a,b",
		  0,
		  "sentinel://***@c,d:7/m" },
		{ "sentinel://" HOSTS_32 "/m",
		  CONFIG_REDIS_SENTINEL,
		  32,
		  { "a", 26379 },
		  { "a", 26379 },
		  "m",
		  "",
		  "",
		  0,
		  "sentinel://" HOSTS_32 "/m" },
		{ "cluster://a",
		  CONFIG_REDIS_CLUSTER,
		  1,
		  { "a", 6379 },
		  { "a", 6379 },
		  NULL,
		  "",
		  "",
		  0,
		  "cluster://a" },
		{ "cluster://:pw@a:7000,[::1],c:7002/",
		  CONFIG_REDIS_CLUSTER,
		  3,
		  { "a", 7000 },
		  { "c", 7002 },
		  NULL,
		  "",
		  "pw",
		  0,
		  "cluster://***@a:7000,[::1],c:7002/" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct config_pool pool = { 0 };
		struct config_redis redis = { .require_durable = true };
		struct reason reason = { "" };
		assert_int_equal(config_redis_url_parse(slice_str(cases[i].text), "/f", &pool, &redis, &reason), 0);
		assert_int_equal(redis.kind, cases[i].kind);
		assert_int_equal(redis.host_count, cases[i].count);
		assert_string_equal(redis.hosts[0].host, cases[i].first.host);
		assert_int_equal(redis.hosts[0].port, cases[i].first.port);
		assert_string_equal(redis.hosts[cases[i].count - 1].host, cases[i].last.host);
		assert_int_equal(redis.hosts[cases[i].count - 1].port, cases[i].last.port);
		assert_true(slice_eq(slice_str(redis.master), slice_str(cases[i].master)));
		assert_true(slice_eq(redis.username, slice_str(cases[i].username)));
		assert_true(slice_eq(redis.password, slice_str(cases[i].password)));
		assert_int_equal(redis.database, cases[i].database);
		assert_string_equal(redis.url, cases[i].shown);
		assert_null(redis.host);
		assert_null(redis.path);
		assert_false(redis.tls.on);
		config_pool_free(&pool);
	}
}

static void refuses_and_tells_no_password(void **state)
{
	static const struct slice texts[] = {
		SLICE_LIT(""),
		SLICE_LIT("redis"),
		SLICE_LIT("redis:"),
		SLICE_LIT("redis:/a"),
		SLICE_LIT("redis://"),
		SLICE_LIT("redis:///0"),
		SLICE_LIT("redis://:6379"),
		SLICE_LIT("redis://a:"),
		SLICE_LIT("redis://a:0"),
		SLICE_LIT("redis://a:65536"),
		SLICE_LIT("redis://a:b"),
		SLICE_LIT("redis://a:1:2"),
		SLICE_LIT("redis://a/x"),
		SLICE_LIT("redis://a/0/"),
		SLICE_LIT("redis://a/-1"),
		SLICE_LIT("redis://a/1000001"),
		SLICE_LIT("redis://a?db=1"),
		SLICE_LIT("redis://a/0#x"),
		SLICE_LIT("redis://a b"),
		SLICE_LIT("redis://\xc3\xa9"),
		SLICE_LIT("redis://[::1"),
		SLICE_LIT("redis://[::1]6379"),
		SLICE_LIT("redis://[a]"),
		SLICE_LIT("redis://[]"),
		SLICE_LIT("redis://@a"),
		SLICE_LIT("redis://hidden@a"),
		SLICE_LIT("redis://me:@a"),
		SLICE_LIT("redis://:hidden%@a"),
		SLICE_LIT("redis://:hidden%4@a"),
		SLICE_LIT("redis://hid%zzden:x@a"),
		SLICE_LIT("redis://:hidden/x@a"),
		SLICE_LIT("redis://:hidden@"),
		SLICE_LIT("redis://:hidden@a:hidden"),
		SLICE_LIT("Redis://:hidden@a"),
		SLICE_LIT("rediss://:hidden@a?db=1"),
		SLICE_LIT("rediss:/a"),
		SLICE_LIT("sentinel://:hidden@a"),
		SLICE_LIT("sentinel://:hidden@a/"),
		SLICE_LIT("sentinel://hidden@a/m"),
		SLICE_LIT("sentinel:///m"),
		SLICE_LIT("sentinel://a,/m"),
		SLICE_LIT("sentinel://,a/m"),
		SLICE_LIT("sentinel://a, b/m"),
		SLICE_LIT("sentinel://a;b/m"),
		SLICE_LIT("sentinel://a:0,b/m"),
		SLICE_LIT("sentinel://a/m m"),
		SLICE_LIT("sentinel://a/m/0"),
		SLICE_LIT("sentinel://a/m?"),
		SLICE_LIT("sentinel://a/m?db="),
		SLICE_LIT("sentinel://a/m?db=-1"),
		SLICE_LIT("sentinel://a/m?name=1"),
		SLICE_LIT("sentinel://a/?db=1"),
		SLICE_LIT("sentinel://a?db=1"),
		SLICE_LIT("sentinel://:hidden@" HOSTS_32 ",a/m"),
		SLICE_LIT("cluster://"),
		SLICE_LIT("cluster://:hidden@"),
		SLICE_LIT("cluster://hidden@a"),
		SLICE_LIT("cluster://a/0"),
		SLICE_LIT("cluster://a/m"),
		SLICE_LIT("cluster://a?db=0"),
		SLICE_LIT("cluster://a,b:x"),
		SLICE_LIT("cluster://[::1,a"),
		SLICE_LIT("http://:hidden@a"),
		SLICE_LIT("hidden@a"),
		SLICE_LIT("me:hidden@a"),
		SLICE_LIT("unix:"),
		SLICE_LIT("unix:/run/x"),
		SLICE_LIT("unix://"),
		SLICE_LIT("unix:///"),
		SLICE_LIT("unix://run/x"),
		SLICE_LIT("unix://:hidden@run/x"),
		SLICE_LIT("unix:///x?"),
		SLICE_LIT("unix:///x?db="),
		SLICE_LIT("unix:///x?db=a"),
		SLICE_LIT("unix:///x?timeout=1"),
		SLICE_LIT("unix://" SOCKET_PATH("12345678")),
		SLICE_LIT("embedded:"),
		SLICE_LIT("embedded"),
	};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct config_pool pool = { 0 };
		struct config_redis redis = { .port = 4711 };
		struct reason reason = { "" };
		if (config_redis_url_parse(texts[i], "/f", &pool, &redis, &reason) != -EINVAL)
			fail_msg("\"%.*s\" is taken", SLICE_ARGS(texts[i]));
		assert_int_equal(redis.port, 4711);
		assert_null(redis.url);
		assert_string_not_equal(reason.text, "");
		assert_null(strstr(reason.text, "hidden"));
		struct slice shown = config_url_mask(texts[i], &pool);
		/* What stands behind the last @ is a host, however it looks. */
		size_t at = slice_index(shown, '@');
		assert_null(memmem(shown.p, at < shown.n ? at : 0, "hidden", 6));
		config_pool_free(&pool);
	}
}

static void masks(void **state)
{
	static const char *const cases[][2] = {
		{ "redis://a", "redis://a" },
		{ "redis://u:p@a/0", "redis://***@a/0" },
		{ "u:p@a", "***@a" },
		{ "redis:u:p@a", "***@a" },
		{ "@", "***@" },
		{ "", "" },
		{ "redis://a@b@c", "redis://***@c" },
		{ "p://@", "p://***@" },
		{ "://x@y", "://***@y" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct config_pool pool = { 0 };
		struct slice shown = config_url_mask(slice_str(cases[i][0]), &pool);
		if (!slice_eq(shown, slice_str(cases[i][1])))
			fail_msg("%s: %.*s", cases[i][0], SLICE_ARGS(shown));
		config_pool_free(&pool);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses),
		cmocka_unit_test(parses_several_hosts),
		cmocka_unit_test(refuses_and_tells_no_password),
		cmocka_unit_test(masks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
