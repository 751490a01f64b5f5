/* Unit tests of config/config, routes, values and schema: what a right file comes to. What is said of wrong ones is in
 * golden/config_errors.txt. */
#include "base/buf.h"
#include "config/config.h"

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

static const char hidden[] = "a-secret-that-must-go";

/* Stands in for libc's, so that a test sees what is wiped. */
static size_t wiped_with_secret;

void explicit_bzero(void *p, size_t n);
void explicit_bzero(void *p, size_t n)
{
	/* Its declaration says that it only writes: the compiler must not know what is read. */
	const void *volatile bytes = p;
	wiped_with_secret += n > 0 && memmem(bytes, n, hidden, sizeof hidden - 1);
	memset(p, 0, n);
	__asm__ volatile("" : : "r"(p) : "memory");
}

void __explicit_bzero_chk(void *p, size_t n, size_t room);
void __explicit_bzero_chk(void *p, size_t n, size_t room)
{
	explicit_bzero(p, n);
}

static struct config *load(struct slice text)
{
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	struct config *config = NULL;
	int result = config_load_text(text, "/etc/hookgate/hookgate.yaml", &diag, &config);
	for (size_t i = 0; i < diag.count; i++) {
		char line[512];
		config_finding_format(&diag.findings[i], line, sizeof line);
		print_error("%s\n", line);
	}
	config_diag_free(&diag);
	assert_int_equal(result, 0);
	assert_non_null(config);
	return config;
}

#define assert_text(slice_, text_) assert_true(slice_eq((slice_), SLICE(text_)))

static void has_the_defaults(void **state)
{
	struct config *config = load(SLICE("listen: 127.0.0.1:80\nroutes: [{name: a, path: /a, provider: none}]\n"));
	assert_string_equal(config->file, "/etc/hookgate/hookgate.yaml");
	assert_string_equal(config->folder, "/etc/hookgate");
	assert_int_equal(config->listen_count, 1);
	assert_int_equal(config->listen[0].port, 80);
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	assert_int_equal(config->workers, cores > 256 ? 256 : cores);
	assert_null(config->admin);
	assert_int_equal(config->admin_token.n, 0);
	assert_int_equal(config->redis.kind, CONFIG_REDIS_TCP);
	assert_string_equal(config->redis.host, "127.0.0.1");
	assert_int_equal(config->redis.port, 6379);
	assert_int_equal(config->redis.database, 0);
	assert_int_equal(config->redis.username.n, 0);
	assert_int_equal(config->redis.password.n, 0);
	assert_text(config->redis.prefix, "hookgate");
	assert_false(config->redis.require_durable);
	assert_int_equal(config->log_level, LOG_INFO);
	assert_int_equal(config->log_format, LOG_TEXT);
	assert_int_equal(config->max_head, 8 << 10);
	assert_int_equal(config->max_body, 1 << 20);
	assert_int_equal(config->max_buffered, 256 << 20);
	assert_int_equal(config->max_connections, 16384);
	assert_int_equal(config->connections_per_address, 0);
	assert_int_equal(config->idle_timeout_ms, 60000);
	assert_int_equal(config->request_timeout_ms, 30000);
	assert_int_equal(config->ack_deadline_ms, 2000);
	assert_int_equal(config->drain_timeout_ms, 10000);
	assert_null(config->journal.dir);
	assert_int_equal(config->journal.max_size, 1 << 30);
	assert_int_equal(config->replay_window_ms, 10000);
	assert_int_equal(config->replay_window_size, 64 << 20);
	assert_null(config->provider_dir);
	assert_null(config->key_fetch.ca_file);
	assert_int_equal(config->key_fetch.replace_count + config->key_fetch.allow_private_count, 0);
	assert_null(config->plugin_dir);
	assert_int_equal(config->public_url.n, 0);
	assert_int_equal(config->route_count, 1);
	const struct config_route *route = &config->routes[0];
	assert_int_equal(route->index, 0);
	assert_false(route->wrong);
	assert_text(route->name, "a");
	assert_text(route->path, "/a");
	assert_text(route->provider, "none");
	assert_int_equal(route->secret_count, 0);
	assert_null(route->options);
	assert_null(route->verify);
	assert_int_equal(route->include.count + route->exclude.count, 0);
	assert_int_equal(route->ack, CONFIG_ACK_STORED);
	assert_int_equal(route->ordered, CONFIG_SWITCH_DEFAULT);
	assert_int_equal(route->partitions, 0);
	assert_int_equal(route->order_by.n, 0);
	assert_int_equal(route->keep_learned, CONFIG_SWITCH_DEFAULT);
	assert_int_equal(route->missing_id, CONFIG_MISSING_DIGEST);
	assert_int_equal(route->replay_guard, CONFIG_SWITCH_DEFAULT);
	assert_int_equal(route->window_ms, 0);
	assert_int_equal(route->tolerance_ms, -1);
	assert_int_equal(route->retention_ms, 7LL * 86400000);
	assert_int_equal(route->max_backlog.limit, 0);
	assert_int_equal(route->max_body, 1 << 20);
	assert_int_equal(route->ack_deadline_ms, 2000);
	assert_int_equal(route->answer_status, 0);
	assert_false(route->answer_body_set);
	assert_int_equal(route->answer_content_type.n, 0);
	assert_int_equal(route->refusal.status, 0);
	assert_false(route->refusal.body_set);
	config_free(config);
	config_free(NULL);
}

static const struct slice full = SLICE_LIT(
	"listen: [0.0.0.0:80, 'unix:/run/x']\n"
	"workers: 3\n"
	"public_url: https://hooks.example.com/base/\n"
	"admin: {listen: 127.0.0.1:90, token: admin-token}\n"
	"redis: {url: 'redis://me:p%2Fw@r:1/2', prefix: p-1, require: durable}\n"
	"log: {level: warning, format: json}\n"
	"max_head: 4KiB\n"
	"max_body: 2KB\n"
	"max_buffered: 1MiB\n"
	"max_connections: 1\n"
	"connections_per_address: 7\n"
	"idle_timeout: 10ms\n"
	"request_timeout: 1h\n"
	"ack_deadline: 500ms\n"
	"drain_timeout: 0s\n"
	"missing_id: reject\n"
	"replay_guard: Yes\n"
	"window: 1h30m\n"
	"tolerance: 0s\n"
	"retention: 0s\n"
	"max_backlog: 12\n"
	"provider_dir: providers\n"
	"key_fetch: {ca_file: /dev/null, replace: [{host: api.paypal.com, with: 'https://[::1]:8443/mirror/'}], "
	"allow_private: [10.0.0.0/8, '::1']}\n"
	"plugin_dir: plugins\n"
	"journal: {dir: j, max_size: 2MiB, sync: batch}\n"
	"replay_window: {time: 0s, size: 1MiB}\n"
	"ack: journaled\n"
	"routes:\n"
	"  - {name: a, path: /a, provider: stripe, secret: one}\n"
	"  - name: b.1_x-y\n"
	"    path: /b/%20!\n"
	"    secrets:\n"
	"      - {name: Current, value: two, not_before: 2026-12-01T00:00:00Z, not_after: 2026-12-01T02:00:00+01:00}\n"
	"      - three\n"
	"      - {value: four}\n"
	"    verify: {algorithm: hmac-sha256}\n"
	"    options: {x: [1]}\n"
	"    events: {include: [push, pull_request.*], exclude: '*'}\n"
	"    max_body: 1B\n"
	"    ack_deadline: 60s\n"
	"    ack: synced\n"
	"    ack_replicas: 2\n"
	"    ack_timeout: 59s\n"
	"    ordered: on\n"
	"    partitions: 256\n"
	"    order_by: header:X-Order_Of-Things\n"
	"    keep_learned: on\n"
	"    missing_id: accept\n"
	"    replay_guard: 'off'\n"
	"    window: 366d\n"
	"    tolerance: 7d\n"
	"    retention: 3660d\n"
	"    max_backlog: 2KiB\n"
	"    answer: {status: 202, body: '', content_type: text/plain}\n"
	"    refusal: {status: 403, body: 'no', content_type: text/x-no}\n");

static void has_what_the_file_says(void **state)
{
	struct config *config = load(full);
	assert_int_equal(config->listen_count, 2);
	assert_string_equal(config->listen[0].text, "0.0.0.0:80");
	assert_int_equal(config->listen[1].node->line, 1);
	assert_string_equal(config->listen[1].unix_path, "/run/x");
	assert_int_equal(config->workers, 3);
	assert_text(config->public_url, "https://hooks.example.com/base");
	assert_int_equal(config->admin->port, 90);
	assert_text(config->admin_token, "admin-token");
	assert_text(config->redis.username, "me");
	assert_text(config->redis.password, "p/w");
	assert_string_equal(config->redis.url, "redis://***@r:1/2");
	assert_int_equal(config->redis.database, 2);
	assert_text(config->redis.prefix, "p-1");
	assert_true(config->redis.require_durable);
	assert_int_equal(config->log_level, LOG_WARNING);
	assert_int_equal(config->log_format, LOG_JSON);
	assert_int_equal(config->max_head, 4096);
	assert_int_equal(config->max_body, 2000);
	assert_int_equal(config->max_buffered, 1 << 20);
	assert_int_equal(config->max_connections, 1);
	assert_int_equal(config->connections_per_address, 7);
	assert_int_equal(config->idle_timeout_ms, 10);
	assert_int_equal(config->request_timeout_ms, 3600000);
	assert_int_equal(config->ack_deadline_ms, 500);
	assert_int_equal(config->drain_timeout_ms, 0);
	assert_int_equal(config->missing_id, CONFIG_MISSING_REJECT);
	assert_int_equal(config->replay_guard, CONFIG_SWITCH_ON);
	assert_int_equal(config->window_ms, 5400000);
	assert_int_equal(config->tolerance_ms, 0);
	assert_string_equal(config->provider_dir, "/etc/hookgate/providers");
	assert_string_equal(config->key_fetch.ca_file, "/dev/null");
	assert_int_equal(config->key_fetch.replace_count, 1);
	assert_text(config->key_fetch.replace[0].host, "api.paypal.com");
	assert_text(config->key_fetch.replace[0].with, "https://[::1]:8443/mirror");
	assert_int_equal(config->key_fetch.allow_private_count, 2);
	assert_int_equal(config->key_fetch.allow_private[0].bits, 104);
	assert_int_equal(config->key_fetch.allow_private[1].bits, 128);
	assert_string_equal(config->plugin_dir, "/etc/hookgate/plugins");
	assert_string_equal(config->journal.dir, "/etc/hookgate/j");
	assert_int_equal(config->journal.max_size, 2 << 20);
	assert_int_equal(config->journal.sync, CONFIG_JOURNAL_BATCH);
	assert_int_equal(config->replay_window_ms, 0);
	assert_int_equal(config->replay_window_size, 1 << 20);
	config_free(config);
}

static void routes_inherit_and_override(void **state)
{
	struct config *config = load(full);
	assert_int_equal(config->route_count, 2);
	const struct config_route *a = config_route_find(config, SLICE("a")),
				  *b = config_route_find(config, SLICE("b.1_x-y"));
	assert_null(config_route_find(config, SLICE("b")));
	assert_ptr_equal(a, &config->routes[0]);
	assert_ptr_equal(b, &config->routes[1]);
	assert_text(a->provider, "stripe");
	assert_text(a->provider_node->text, "stripe");
	assert_int_equal(a->secret_count, 1);
	assert_text(a->secrets[0].name, "secret");
	assert_text(a->secrets[0].bytes, "one");
	assert_true(a->secrets[0].not_before_ms == INT64_MIN && a->secrets[0].not_after_ms == INT64_MAX);
	assert_int_equal(a->secrets[0].node->line, 29);
	assert_int_equal(a->max_body, 2000);
	assert_int_equal(a->ack_deadline_ms, 500);
	assert_int_equal(a->ack, CONFIG_ACK_JOURNALED);
	assert_int_equal(a->ack_replicas, 0);
	assert_int_equal(a->ordered, CONFIG_SWITCH_DEFAULT);
	assert_int_equal(a->missing_id, CONFIG_MISSING_REJECT);
	assert_int_equal(a->replay_guard, CONFIG_SWITCH_ON);
	assert_int_equal(a->window_ms, 5400000);
	assert_int_equal(a->tolerance_ms, 0);
	assert_int_equal(a->retention_ms, 0);
	assert_int_equal(a->max_backlog.limit, 12);
	assert_false(a->max_backlog.bytes);

	assert_int_equal(b->index, 1);
	assert_text(b->path, "/b/%20!");
	assert_text(b->provider, "hmac");
	assert_null(b->provider_node);
	assert_int_equal(b->secret_count, 3);
	assert_text(b->secrets[0].name, "Current");
	assert_text(b->secrets[0].bytes, "two");
	assert_int_equal(b->secrets[0].not_before_ms, 1796083200000);
	assert_int_equal(b->secrets[0].not_after_ms, 1796083200000 + 3600000);
	assert_text(b->secrets[1].name, "2");
	assert_text(b->secrets[1].bytes, "three");
	assert_text(b->secrets[2].name, "3");
	assert_text(b->secrets[2].bytes, "four");
	assert_int_equal(b->verify->kind, CONFIG_MAP);
	assert_int_equal(config_node_get(b->options, SLICE("x"))->count, 1);
	assert_int_equal(b->include.count, 2);
	assert_text(b->include.items[0], "push");
	assert_text(b->include.items[1], "pull_request.*");
	assert_int_equal(b->exclude.count, 1);
	assert_text(b->exclude.items[0], "*");
	assert_int_equal(b->max_body, 1);
	assert_int_equal(b->ack_deadline_ms, 60000);
	assert_int_equal(b->ack, CONFIG_ACK_SYNCED);
	assert_int_equal(b->ack_replicas, 2);
	assert_int_equal(b->ack_timeout_ms, 59000);
	assert_int_equal(b->ordered, CONFIG_SWITCH_ON);
	assert_int_equal(b->partitions, 256);
	assert_text(b->order_by, "header:x-order_of-things");
	assert_int_equal(b->keep_learned, CONFIG_SWITCH_ON);
	assert_int_equal(b->missing_id, CONFIG_MISSING_ACCEPT);
	assert_int_equal(b->replay_guard, CONFIG_SWITCH_OFF);
	assert_int_equal(b->window_ms, 366LL * 86400000);
	assert_int_equal(b->tolerance_ms, 7LL * 86400000);
	assert_int_equal(b->retention_ms, 3660LL * 86400000);
	assert_int_equal(b->max_backlog.limit, 2048);
	assert_true(b->max_backlog.bytes);
	assert_int_equal(b->answer_status, 202);
	assert_true(b->answer_body_set);
	assert_int_equal(b->answer_body.n, 0);
	assert_text(b->answer_content_type, "text/plain");
	assert_int_equal(b->refusal.status, 403);
	assert_true(b->refusal.body_set);
	assert_text(b->refusal.body, "no");
	assert_text(b->refusal.content_type, "text/x-no");
	config_free(config);
}

static void reads_every_spelling_of_a_switch(void **state)
{
	static const char *const spellings[][2] = {
		{ "on", "off" }, { "true", "false" }, { "yes", "no" }, { "ON", "False" }
	};
	for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++)
		for (size_t off = 0; off < 2; off++) {
			struct buf text = BUF_EMPTY;
			buf_printf(&text,
				   "listen: :1\nreplay_guard: %s\nroutes: [{name: a, path: /a, provider: none}]\n",
				   spellings[i][off]);
			struct config *config = load(buf_slice(&text));
			assert_int_equal(config->replay_guard, off ? CONFIG_SWITCH_OFF : CONFIG_SWITCH_ON);
			config_free(config);
			buf_free(&text);
		}
}

/* What is not said of a wait depends on the rest. */
static void waits_have_defaults(void **state)
{
	static const struct {
		const char *file, *route;
		uint32_t replicas;
		int64_t timeout_ms;
	} cases[] = {
		{ "ack: replicated\n", "ack_deadline: 2s", 1, 1000 },
		{ "", "ack: replicated, ack_deadline: 500ms", 1, 250 },
		{ "", "ack: synced", 0, 1500 },
		{ "", "ack: synced, ack_deadline: 100ms", 0, 75 },
		{ "ack_replicas: 2\n", "ack: synced, ack_deadline: 60s", 2, 1500 },
		{ "ack_replicas: 2\nack_timeout: 30ms\n", "ack: replicated, ack_replicas: 15", 15, 30 },
		{ "ack: replicated\nack_replicas: 3\n", "ack_timeout: 1999ms", 3, 1999 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf text = BUF_EMPTY;
		buf_printf(&text, "listen: :1\n%sroutes: [{name: a, path: /a, provider: none, %s}]\n", cases[i].file,
			   cases[i].route);
		struct config *config = load(buf_slice(&text));
		assert_int_equal(config->routes[0].ack_replicas, cases[i].replicas);
		assert_int_equal(config->routes[0].ack_timeout_ms, cases[i].timeout_ms);
		config_free(config);
		buf_free(&text);
	}
}

static void credentials_apart_from_the_url(void **state)
{
	struct config *config =
		load(SLICE("listen: :1\nredis: {url: 'unix:///run/r?db=3', username: me, password: pw}\n"
			   "routes: [{name: a, path: /a, provider: none}]\n"));
	assert_int_equal(config->redis.kind, CONFIG_REDIS_UNIX);
	assert_string_equal(config->redis.path, "/run/r");
	assert_int_equal(config->redis.database, 3);
	assert_text(config->redis.username, "me");
	assert_text(config->redis.password, "pw");
	assert_false(config->redis.tls.on);
	config_free(config);
}

static void sentinels_with_tls(void **state)
{
	struct config *config =
		load(SLICE("listen: :1\nredis:\n"
			   "  url: sentinel://:pw@a,b:1/mymaster?db=2\n"
			   "  sentinel_username: watcher\n  sentinel_password: other\n"
			   "  tls: {ca: ca.crt, cert: /x/our.crt, key: our.key, server_name: redis.example.com}\n"
			   "routes: [{name: a, path: /a, provider: none}]\n"));
	const struct config_redis *redis = &config->redis;
	assert_int_equal(redis->kind, CONFIG_REDIS_SENTINEL);
	assert_string_equal(redis->master, "mymaster");
	assert_int_equal(redis->host_count, 2);
	assert_string_equal(redis->hosts[1].host, "b");
	assert_int_equal(redis->hosts[1].port, 1);
	assert_int_equal(redis->database, 2);
	assert_text(redis->password, "pw");
	assert_text(redis->sentinel_username, "watcher");
	assert_text(redis->sentinel_password, "other");
	assert_true(redis->tls.on);
	assert_string_equal(redis->tls.ca, "/etc/hookgate/ca.crt");
	assert_string_equal(redis->tls.cert, "/x/our.crt");
	assert_string_equal(redis->tls.key, "/etc/hookgate/our.key");
	assert_string_equal(redis->tls.server_name, "redis.example.com");
	config_free(config);
}

/* An empty map is enough; a URL with two s needs none. */
static void tls_is_turned_on(void **state)
{
	static const struct {
		const char *redis;
		bool on;
	} cases[] = { { "{url: 'cluster://a'}", false },
		      { "{url: 'cluster://a', tls: {}}", true },
		      { "{url: 'rediss://a'}", true } };
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf text = BUF_EMPTY;
		buf_printf(&text, "listen: :1\nredis: %s\nroutes: [{name: a, path: /a, provider: none}]\n",
			   cases[i].redis);
		struct config *config = load(buf_slice(&text));
		assert_int_equal(config->redis.tls.on, cases[i].on);
		assert_null(config->redis.tls.ca);
		assert_null(config->redis.tls.server_name);
		config_free(config);
		buf_free(&text);
	}
}

static void ten_thousand_routes(void **state)
{
	enum { ROUTES = 10000 };
	struct buf text = BUF_EMPTY;
	buf_add_str(&text, "listen: 127.0.0.1:0\nroutes:\n");
	for (unsigned i = 0; i < ROUTES; i++)
		buf_printf(&text, "  - {name: route-%u, path: /hooks/%u, provider: github, secret: secret-%u}\n", i, i,
			   i);
	struct config *config = load(buf_slice(&text));
	assert_int_equal(config->route_count, ROUTES);
	for (unsigned i = 0; i < ROUTES; i++) {
		const struct config_route *route = &config->routes[i];
		char expected[32];
		snprintf(expected, sizeof expected, "route-%u", i);
		assert_int_equal(route->index, i);
		assert_true(slice_eq(route->name, slice_str(expected)));
		snprintf(expected, sizeof expected, "/hooks/%u", i);
		assert_true(slice_eq(route->path, slice_str(expected)));
		snprintf(expected, sizeof expected, "secret-%u", i);
		assert_true(slice_eq(route->secrets[0].bytes, slice_str(expected)));
	}
	config_free(config);
	/* The first and the last share a path. */
	buf_add_str(&text, "  - {name: last, path: /hooks/0, provider: github}\n");
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	assert_int_equal(config_load_text(buf_slice(&text), "x", &diag, &config), -EINVAL);
	assert_int_equal(diag.count, 1);
	assert_string_equal(diag.findings[0].message, "\"/hooks/0\": the route on line 3 has this path already");
	config_diag_free(&diag);
	buf_free(&text);
}

static void gives_nothing_of_a_wrong_file(void **state)
{
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	struct config *poison = (struct config *)&diag, *config = poison;
	assert_int_equal(config_load_text(SLICE("listen: x"), "x", &diag, &config), -EINVAL);
	assert_ptr_equal(config, poison);
	assert_int_equal(diag.errors, 2);
	/* Findings of before are kept, and do not make the next file a wrong one. */
	assert_int_equal(config_load_text(SLICE("listen: :1\nroutes: [{name: a, path: /a, provider: none}]"), "y",
					  &diag, &config),
			 0);
	config_free(config);
	config = poison;
	assert_int_equal(config_load("/nonexistent/x.yaml", &diag, &config), -EINVAL);
	assert_ptr_equal(config, poison);
	config_diag_sort(&diag);
	char line[256];
	config_finding_format(&diag.findings[0], line, sizeof line);
	assert_string_equal(line, "/nonexistent/x.yaml: cannot be read: No such file or directory");
	config_diag_free(&diag);
}

/* A folder with a file in it, loaded by its path. */
static int load_file(struct slice text, const char *folder, struct config_diag *diag, struct config **out)
{
	char path[128];
	snprintf(path, sizeof path, "%s/c.yaml", folder);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(text.p, 1, text.n, file), text.n);
	fclose(file);
	snprintf(path, sizeof path, "%s/secret", folder);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("from a file\n", file);
	fclose(file);
	snprintf(path, sizeof path, "%s/c.yaml", folder);
	int result = config_load_partial(path, diag, out);
	unlink(path);
	snprintf(path, sizeof path, "%s/secret", folder);
	unlink(path);
	rmdir(folder);
	return result;
}

static void finds_files_from_its_folder(void **state)
{
	char folder[] = "/tmp/hookgate-load-XXXXXX";
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	struct config *config;
	assert_non_null(mkdtemp(folder));
	assert_int_equal(load_file(SLICE("listen: :1\nredis: {url: 'embedded:data'}\n"
					 "routes: [{name: a, path: /a, provider: stripe, secret: 'file:secret'}]\n"),
				   folder, &diag, &config),
			 0);
	assert_string_equal(config->folder, folder);
	assert_text(config->routes[0].secrets[0].bytes, "from a file");
	assert_int_equal(strncmp(config->redis.path, folder, strlen(folder)), 0);
	assert_string_equal(config->redis.path + strlen(folder), "/data");
	config_free(config);
	config_diag_free(&diag);
}

static void partial_config_marks_what_is_wrong(void **state)
{
	char folder[] = "/tmp/hookgate-load-XXXXXX";
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	struct config *config;
	assert_non_null(mkdtemp(folder));
	assert_int_equal(load_file(SLICE("listen: :1\nroutes:\n- {name: a, path: /a, provider: stripe}\n- x\n- {name: "
					 "B, path: b}\n"
					 "- {name: c, path: /c, provider: none, window: 1x}\n- *x\n"),
				   folder, &diag, &config),
			 -EINVAL);
	assert_non_null(config);
	assert_int_equal(config->route_count, 5);
	static const bool wrong[] = { false, true, true, true, true };
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(config->routes[i].wrong, wrong[i]);
	assert_int_equal(config->routes[1].name.n, 0);
	assert_int_equal(config->routes[2].path.n, 0);
	assert_text(config->routes[3].name, "c");
	assert_int_equal(diag.errors, 6);
	config_free(config);
	config_diag_free(&diag);
	assert_int_equal(config_load_partial("/", &diag, &config), -EINVAL);
	assert_null(config);
	config_diag_free(&diag);
}

/* The file's text, the node's text, what the reference came to, and the config's copy of it. */
static void wipes_secrets(void **state)
{
	char folder[] = "/tmp/hookgate-load-XXXXXX";
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	struct config *config;
	struct buf text = BUF_EMPTY;
	assert_non_null(mkdtemp(folder));
	buf_printf(&text, "listen: :1\nroutes: [{name: a, path: /a, provider: stripe, secret: %s}]\n", hidden);
	wiped_with_secret = 0;
	assert_int_equal(load_file(buf_slice(&text), folder, &diag, &config), 0);
	/* libyaml's two buffers, its scalar, the resolved bytes, and the text that was read. */
	assert_int_equal(wiped_with_secret, 5);
	config_free(config);
	/* The tree's memory and the config's. */
	assert_int_equal(wiped_with_secret, 7);
	config_diag_free(&diag);
	buf_free(&text);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_the_defaults),
		cmocka_unit_test(has_what_the_file_says),
		cmocka_unit_test(routes_inherit_and_override),
		cmocka_unit_test(reads_every_spelling_of_a_switch),
		cmocka_unit_test(waits_have_defaults),
		cmocka_unit_test(credentials_apart_from_the_url),
		cmocka_unit_test(sentinels_with_tls),
		cmocka_unit_test(tls_is_turned_on),
		cmocka_unit_test(ten_thousand_routes),
		cmocka_unit_test(gives_nothing_of_a_wrong_file),
		cmocka_unit_test(finds_files_from_its_folder),
		cmocka_unit_test(partial_config_marks_what_is_wrong),
		cmocka_unit_test(wipes_secrets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
