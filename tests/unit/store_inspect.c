/* What store_client_inspect finds, of Redis as it really is. */
#include "base/buf.h"
#include "redis_fixture.h"
#include "store/client.h"

#include <errno.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

static void note(void *arg, bool danger, const char *text)
{
	struct buf *all = arg;
	buf_add_str(all, danger ? "danger: " : "note: ");
	buf_add_str(all, text);
	buf_add_byte(all, '\n');
}

static struct buf findings(struct redis_fixture *redis, const struct config_redis *place)
{
	struct buf all = BUF_EMPTY;
	struct store_client *client = NULL;
	struct reason reason = { "" };
	assert_int_equal(store_client_new(place, NULL, 5000, &client), 0);
	if (store_client_inspect(client, note, &all, &reason) != 0)
		fail_msg("%s", reason.text);
	store_client_free(client);
	return all;
}

static void test_findings(void **state)
{
	static const char *const plain[] = { NULL };
	static const char *const snapshots[] = { "--save", "3600 1", NULL };
	static const char *const good[] = { "--appendonly", "yes", NULL };
	static const struct {
		const char *const *options;
		const char *line;
		const char *wanted; /* all of it, or with a "*" at its end its beginning */
	} rows[] = {
		{ good, "CONFIG SET appendfsync always", "" },
		{ good, "PING", "note: appendfsync is everysec*" },
		{ good, "CONFIG SET appendfsync no", "danger: appendfsync is no*" },
		{ plain, "PING", "danger: it keeps nothing on disk*" },
		{ snapshots, "PING", "danger: it has no append-only file*" },
		{ plain, "REPLICAOF 127.0.0.1 1", "danger: it is a replica*" },
		{ good, "CONFIG SET maxmemory-policy allkeys-lru", "note: maxmemory-policy is allkeys-lru*" },
		{ good, "CONFIG SET maxmemory-policy allkeys-lru maxmemory 1000000000",
		  "danger: maxmemory-policy is allkeys-lru*" },
		{ good, "CONFIG SET maxmemory-policy volatile-ttl maxmemory 1000000000",
		  "danger: maxmemory-policy is volatile-ttl: when memory is short, seen ids are forgotten*" },
		{ good, "CONFIG SET appendfsync always maxmemory 100000", "danger: its maxmemory is nearly full*" },
		{ good, "CONFIG SET appendfsync always stream-node-max-bytes 0", "note: stream-node-max-bytes is 0*" },
		{ good, "ACL SETUSER default -config",
		  "note: it does not tell its setting appendfsync\n"
		  "note: it does not tell its setting stream-node-max-bytes\n" },
		{ plain, "ACL SETUSER default -info", "note: it cannot be looked at: NOPERM*" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct redis_fixture redis;
		redis_start(&redis, rows[i].options);
		redis_do(&redis, rows[i].line);
		struct buf all = findings(&redis, &redis.by_socket);
		struct slice wanted = slice_str(rows[i].wanted);
		bool beginning = wanted.n > 0 && wanted.p[wanted.n - 1] == '*';
		if (!(beginning ? slice_starts(buf_slice(&all), slice_head(wanted, wanted.n - 1))
				: slice_eq(buf_slice(&all), wanted)))
			fail_msg("%s: %.*s", rows[i].line, SLICE_ARGS(buf_slice(&all)));
		buf_free(&all);
		redis_stop(&redis);
	}
}

static void test_cluster(void **state)
{
	static const char *const options[] = { "--cluster-enabled", "yes", "--appendonly", "yes", NULL };
	struct redis_fixture redis;
	redis_start(&redis, options);
	struct buf all = findings(&redis, &redis.by_socket);
	assert_true(slice_starts(buf_slice(&all), SLICE("danger: it is a node of a Cluster")));
	buf_free(&all);
	redis_stop(&redis);
}

/* What the routes' waits ask for; of a Redis that knows WAITAOF, and of one that does not. */
static void test_waits(void **state)
{
	static const char *const plain[] = { NULL };
	struct config_route routes[3] = { { .name = SLICE("a"), .ack = CONFIG_ACK_STORED },
					  { .name = SLICE("b"), .ack = CONFIG_ACK_REPLICATED, .ack_replicas = 1 },
					  { .name = SLICE("c"), .ack = CONFIG_ACK_SYNCED } };
	struct config config = { .routes = routes, .route_count = 1 };
	struct redis_fixture redis;
	struct store_client *client = NULL;
	struct reason reason = { "" };
	struct buf all = BUF_EMPTY;
	redis_start(&redis, plain);
	assert_int_equal(store_client_new(&redis.by_socket, NULL, 5000, &client), 0);
	assert_int_equal(store_client_inspect_waits(client, &config, note, &all, &reason), 0);
	assert_int_equal(all.n, 0);
	config.route_count = 2;
	assert_int_equal(store_client_inspect_waits(client, &config, note, &all, &reason), 0);
	assert_true(slice_starts(buf_slice(&all), SLICE("danger: it has 0 replicas in step, and route b waits for 1")));
	config.route_count = 3;
	assert_int_equal(store_client_inspect_waits(client, &config, note, &all, &reason), -ENOTSUP);
	assert_true(strstr(reason.text, "does not know") || strstr(reason.text, "set appendonly yes"));
	/* Who may not ask may not wait either. */
	redis_do(&redis, "ACL SETUSER default -wait");
	buf_clear(&all);
	config.route_count = 2;
	assert_int_equal(store_client_inspect_waits(client, &config, note, &all, &reason), 0);
	buf_add_byte(&all, '\0');
	assert_non_null(strstr((const char *)all.p, "danger: it refuses WAIT, for which route b asks: NOPERM"));
	buf_free(&all);
	store_client_free(client);
	redis_stop(&redis);
}

static void test_not_there(void **state)
{
	const struct config_redis place = { .kind = CONFIG_REDIS_UNIX, .path = "/nowhere" };
	struct store_client *client = NULL;
	struct reason reason = { "" };
	struct buf all = BUF_EMPTY;
	assert_int_equal(store_client_new(&place, NULL, 1000, &client), 0);
	assert_int_equal(store_client_inspect(client, note, &all, &reason), -EIO);
	assert_non_null(strstr(reason.text, "cannot connect"));
	assert_int_equal(all.n, 0);
	store_client_free(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_findings),
		cmocka_unit_test(test_cluster),
		cmocka_unit_test(test_waits),
		cmocka_unit_test(test_not_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
