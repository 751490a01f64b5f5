/* Where slots are, by what nodes answer: maps and errors as Redis 7 gives them, older ones, and such as nobody should. */
#include "store/map.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

static const struct store_address asked = { "10.0.0.9", 7000 };

static bool read_map(const char *text, struct store_map *map, struct reason *reason)
{
	redisReader *reader = redisReaderCreate();
	void *reply = NULL;
	assert_int_equal(redisReaderFeed(reader, text, strlen(text)), REDIS_OK);
	assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
	assert_non_null(reply);
	bool good = store_map_read((const struct store_reply *)reply, &asked, map, reason);
	freeReplyObject(reply);
	redisReaderFree(reader);
	return good;
}

/* "host:port" of a slot's master; "" where it has none. */
static const char *owner(const struct store_map *map, size_t slot)
{
	static char text[300];
	const struct store_address *master = map->owner[slot] > 0 ? &map->masters[map->owner[slot] - 1] : NULL;
	snprintf(text, sizeof text, master ? "%s:%u" : "%.0s", master ? master->host : "", master ? master->port : 0);
	return text;
}

static void test_maps(void **state)
{
	struct store_map map = { .count = 0 };
	struct reason reason;
	/* Two ranges of one master, one of another with a replica; the last slots are nobody's. */
	assert_true(read_map("*3\r\n"
			     "*3\r\n:0\r\n:100\r\n*3\r\n$8\r\n10.0.0.1\r\n:7001\r\n$2\r\nid\r\n"
			     "*4\r\n:101\r\n:101\r\n*3\r\n$9\r\nnode-b.eu\r\n:7002\r\n$2\r\nid\r\n"
			     "*3\r\n$8\r\n10.0.0.3\r\n:7003\r\n$2\r\nid\r\n"
			     "*3\r\n:102\r\n:16382\r\n*3\r\n$8\r\n10.0.0.1\r\n:7001\r\n$2\r\nid\r\n",
			     &map, &reason));
	assert_int_equal(map.count, 2);
	assert_string_equal(owner(&map, 0), "10.0.0.1:7001");
	assert_string_equal(owner(&map, 101), "node-b.eu:7002");
	assert_string_equal(owner(&map, 16382), "10.0.0.1:7001");
	assert_string_equal(owner(&map, 16383), "");
	store_map_clear(&map);
	assert_int_equal(map.count, 0);
}

static void test_hosts(void **state)
{
	static const struct {
		const char *node, *found;
	} rows[] = {
		{ "*2\r\n$0\r\n\r\n:7001\r\n", "10.0.0.9:7001" },
		{ "*2\r\n$-1\r\n:7001\r\n", "10.0.0.9:7001" },
		{ "*2\r\n$3\r\n::1\r\n:7001\r\n", "::1:7001" },
		{ "*4\r\n$1\r\n?\r\n:7001\r\n$2\r\nid\r\n*2\r\n$2\r\nip\r\n$8\r\n10.0.0.7\r\n", "10.0.0.7:7001" },
		{ "*4\r\n$1\r\nh\r\n:65535\r\n$2\r\nid\r\n*2\r\n$2\r\nip\r\n$8\r\n10.0.0.7\r\n", "h:65535" },
		{ "*4\r\n$1\r\n?\r\n:7001\r\n$2\r\nid\r\n*0\r\n", NULL },
		{ "*3\r\n$1\r\n?\r\n:7001\r\n$2\r\nid\r\n", NULL },
		{ "*2\r\n$3\r\na b\r\n:7001\r\n", NULL },
		{ "*2\r\n$3\r\na\nb\r\n:7001\r\n", NULL },
		{ "*2\r\n$1\r\nh\r\n:0\r\n", NULL },
		{ "*2\r\n$1\r\nh\r\n:65536\r\n", NULL },
		{ "*2\r\n$1\r\nh\r\n:-1\r\n", NULL },
		{ "*2\r\n$1\r\nh\r\n$4\r\n7001\r\n", NULL },
		{ "*2\r\n:1\r\n:7001\r\n", NULL },
		{ "*1\r\n$1\r\nh\r\n", NULL },
		{ "$1\r\nh\r\n", NULL },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct store_map map = { .count = 0 };
		struct reason reason;
		char text[200];
		snprintf(text, sizeof text, "*1\r\n*3\r\n:0\r\n:5\r\n%s", rows[i].node);
		bool good = read_map(text, &map, &reason);
		assert_int_equal(good, rows[i].found != NULL);
		if (good)
			assert_string_equal(owner(&map, 5), rows[i].found);
		store_map_clear(&map);
	}
}

/* A bad part makes the whole none, and the map stays as it was. */
static void test_no_maps(void **state)
{
	static const char *const rows[] = {
		"*0\r\n",
		"$1\r\nx\r\n",
		":1\r\n",
		"$-1\r\n",
		"-ERR This instance has cluster support disabled\r\n",
		"*1\r\n:1\r\n",
		"*1\r\n*0\r\n",
		"*1\r\n*2\r\n:0\r\n:5\r\n",
		"*1\r\n*3\r\n$1\r\n0\r\n:5\r\n*2\r\n$1\r\nh\r\n:1\r\n",
		"*1\r\n*3\r\n:0\r\n$1\r\n5\r\n*2\r\n$1\r\nh\r\n:1\r\n",
		"*1\r\n*3\r\n:-1\r\n:5\r\n*2\r\n$1\r\nh\r\n:1\r\n",
		"*1\r\n*3\r\n:6\r\n:5\r\n*2\r\n$1\r\nh\r\n:1\r\n",
		"*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n$1\r\nh\r\n:1\r\n",
		"*1\r\n*3\r\n:0\r\n:9223372036854775807\r\n*2\r\n$1\r\nh\r\n:1\r\n",
		"*2\r\n*3\r\n:0\r\n:5\r\n*2\r\n$1\r\nh\r\n:1\r\n*1\r\n:6\r\n",
	};
	struct store_map map = { .count = 0 };
	struct reason reason;
	assert_true(read_map("*1\r\n*3\r\n:0\r\n:5\r\n*2\r\n$1\r\nh\r\n:1\r\n", &map, &reason));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		reason.text[0] = '\0';
		if (read_map(rows[i], &map, &reason))
			fail_msg("taken for a map: %s", rows[i]);
		assert_true(reason.text[0] != '\0');
		assert_string_equal(owner(&map, 5), "h:1");
	}
	store_map_clear(&map);
}

/* As many slots as there are, however they are cut; and one more, which a node cannot mean. A few bytes for each range would
 * else be 16384 steps each. */
static void test_many_slots(void **state)
{
	static const struct {
		int ranges, last, more;
	} rows[] = { { 1, 16383, 0 }, { 1, 16383, 1 }, { 2, 8191, 0 },
		     { 2, 8191, 1 },  { 3, 8191, 0 },  { 16384, 16383, 0 } };
	struct store_map map = { .count = 0 };
	struct reason reason;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int count = rows[i].ranges + rows[i].more;
		char *text = malloc((size_t)count * 60 + 80), *at = text;
		at += sprintf(at, "*%d\r\n", count);
		for (int n = 0; n < rows[i].ranges; n++)
			at += sprintf(at, "*3\r\n:0\r\n:%d\r\n*2\r\n$1\r\nh\r\n:1\r\n", rows[i].last);
		if (rows[i].more > 0)
			sprintf(at, "*3\r\n:5\r\n:5\r\n*2\r\n$1\r\nh\r\n:1\r\n");
		bool good = (rows[i].last + 1) * rows[i].ranges + rows[i].more <= STORE_SLOTS;
		assert_int_equal(read_map(text, &map, &reason), good);
		if (!good)
			assert_non_null(strstr(reason.text, "more slots than there are"));
		store_map_clear(&map);
		free(text);
	}
}

/* As many masters as there may be, and one more. */
static void test_many_masters(void **state)
{
	for (size_t count = STORE_MASTERS_MAX; count <= STORE_MASTERS_MAX + 1; count++) {
		struct store_map map = { .count = 0 };
		struct reason reason;
		char *text = malloc(count * 80 + 80), *at = text;
		at += sprintf(at, "*%zu\r\n", count);
		for (size_t i = 0; i < count; i++)
			at += sprintf(at, "*3\r\n:%zu\r\n:%zu\r\n*2\r\n$1\r\nh\r\n:%zu\r\n", i, i, i + 1);
		assert_int_equal(read_map(text, &map, &reason), count == STORE_MASTERS_MAX);
		store_map_clear(&map);
		free(text);
	}
}

static void test_redirects(void **state)
{
	static const struct {
		const char *error;
		enum store_redirect_kind kind;
		uint16_t slot;
		const char *host;
		uint16_t port;
	} rows[] = {
		{ "MOVED 3999 127.0.0.1:6381", STORE_REDIRECT_MOVED, 3999, "127.0.0.1", 6381 },
		{ "MOVED 0 node-a.example:1", STORE_REDIRECT_MOVED, 0, "node-a.example", 1 },
		{ "ASK 16383 ::1:65535", STORE_REDIRECT_ASK, 16383, "::1", 65535 },
		{ "MOVED 5 :6381", STORE_REDIRECT_MOVED, 5, "10.0.0.9", 6381 },
		{ "TRYAGAIN Multiple keys request during rehashing of slot", STORE_REDIRECT_AGAIN, 0, "", 0 },
		{ "CLUSTERDOWN The cluster is down", STORE_REDIRECT_DOWN, 0, "", 0 },
		{ "CLUSTERDOWN Hash slot not served", STORE_REDIRECT_DOWN, 0, "", 0 },
		{ "MOVED 16384 127.0.0.1:6381", STORE_REDIRECT_NONE, 0, "", 0 },
		{ "MOVED -1 127.0.0.1:6381", STORE_REDIRECT_NONE, 0, "", 0 },
		{ "MOVED 3999 ?:6381", STORE_REDIRECT_NONE, 0, "", 0 },
		{ "MOVED 3999 127.0.0.1:0", STORE_REDIRECT_NONE, 0, "", 0 },
		{ "MOVED 3999 127.0.0.1:65536", STORE_REDIRECT_NONE, 0, "", 0 },
		{ "MOVED 3999 127.0.0.1:", STORE_REDIRECT_NONE, 0, "", 0 },
		{ "MOVED 3999 127.0.0.1", STORE_REDIRECT_NONE, 0, "", 0 },
		{ "MOVED 3999 a b:6381", STORE_REDIRECT_NONE, 0, "", 0 },
		{ "MOVED 3999", STORE_REDIRECT_NONE, 0, "", 0 },
		{ "MOVED", STORE_REDIRECT_NONE, 0, "", 0 },
		{ "", STORE_REDIRECT_NONE, 0, "", 0 },
		{ "ERR MOVED 3999 127.0.0.1:6381", STORE_REDIRECT_NONE, 0, "", 0 },
		{ "CROSSSLOT Keys in request don't hash to the same slot", STORE_REDIRECT_NONE, 0, "", 0 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct store_redirect found = store_redirect_read(slice_str(rows[i].error), &asked);
		if (found.kind != rows[i].kind)
			fail_msg("%s: read as %d", rows[i].error, (int)found.kind);
		if (found.kind != STORE_REDIRECT_MOVED && found.kind != STORE_REDIRECT_ASK)
			continue;
		assert_int_equal(found.slot, rows[i].slot);
		assert_string_equal(found.to.host, rows[i].host);
		assert_int_equal(found.to.port, rows[i].port);
	}
}

/* A host as long as one may be, and one byte more. */
static void test_long_hosts(void **state)
{
	for (size_t n = STORE_HOST_MAX; n <= STORE_HOST_MAX + 1; n++) {
		char error[STORE_HOST_MAX + 40] = "MOVED 1 ";
		memset(error + 8, 'h', n);
		memcpy(error + 8 + n, ":7001", 6);
		assert_int_equal(store_redirect_read(slice_str(error), &asked).kind,
				 n == STORE_HOST_MAX ? STORE_REDIRECT_MOVED : STORE_REDIRECT_NONE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_maps),	   cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_no_maps),	   cmocka_unit_test(test_many_masters),
		cmocka_unit_test(test_redirects),  cmocka_unit_test(test_long_hosts),
		cmocka_unit_test(test_many_slots),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
