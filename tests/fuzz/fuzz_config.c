/* fuzz_config.c - any bytes as a configuration: what is taken holds what config.h promises, and what is said of the
 * rest can be printed. References (env:, file:) are resolved as always; they only read. */
#include "config/config.h"
#include "fuzz.h"

enum { LINE_ROOM = 4096 };

static size_t lines_of(struct slice text)
{
	size_t lines = 1;
	for (size_t i = 0; i < text.n; i++)
		lines += text.p[i] == '\n' || text.p[i] == '\r';
	/* YAML has three more line breaks: U+0085, U+2028, U+2029. */
	for (size_t i = 1; i < text.n; i++)
		lines += text.p[i] == 0x85 || text.p[i] == 0xa8 || text.p[i] == 0xa9;
	return lines;
}

static void check_findings(const struct config_diag *diag, size_t lines)
{
	MUST(!diag->failed);
	for (size_t i = 0; i < diag->count; i++) {
		const struct config_finding *finding = &diag->findings[i], *before = i > 0 ? finding - 1 : finding;
		char line[LINE_ROOM];
		config_finding_format(finding, line, sizeof line);
		for (const char *c = line; *c; c++)
			MUST(*c >= ' ' && *c < 0x7f);
		MUST(finding->message[0]);
		/* One more: what is missing at the end stands behind the last line. */
		MUST(finding->line >= 1 && finding->line <= lines + 1 && finding->column >= 1);
		MUST(before->line < finding->line ||
		     (before->line == finding->line && before->column <= finding->column));
		MUST(i == 0 || before->order != finding->order);
	}
}

static size_t check_node(const struct config_node *node, const struct config_node *parent, size_t level)
{
	size_t count = 0;
	MUST(level <= 65 && node->parent == parent && node->line >= 1 && node->column >= 1);
	MUST(node->kind == CONFIG_SCALAR || node->text.n == 0);
	MUST(node->text.n == 0 || node->broken || !memchr(node->text.p, '\0', node->text.n));
	for (const struct config_node *child = node->first; child; child = child->next) {
		MUST(child->index == count++);
		check_node(child, node, level + 1);
	}
	MUST(count == node->count);
	return count;
}

static void check_secret(const struct config_secret *secret)
{
	MUST(secret->name.n > 0 && secret->name.n <= 64 && !slice_has_control(secret->name));
	MUST(secret->bytes.n > 0 && secret->bytes.n <= 64 * 1024);
	MUST(secret->not_before_ms < secret->not_after_ms);
	MUST(secret->node);
}

static void check_route(const struct config *config, const struct config_route *route)
{
	MUST(!route->wrong && route->index < config->route_count && &config->routes[route->index] == route);
	MUST(route->name.n > 0 && route->name.n <= 64 && !slice_has_control(route->name));
	MUST(config_route_find(config, route->name) == route);
	MUST(slice_starts(route->path, SLICE("/")) && slice_index(route->path, '?') == route->path.n);
	MUST(route->provider.n > 0);
	MUST(route->max_body >= 1 && route->max_body <= config->max_buffered);
	MUST(route->ack_deadline_ms >= 10 && route->ack_deadline_ms <= 60000);
	MUST(route->window_ms >= 0 && route->tolerance_ms >= -1);
	MUST(route->answer_status == 0 || (route->answer_status >= 200 && route->answer_status <= 299));
	MUST(route->answer_body_set || route->answer_body.n == 0);
	for (size_t i = 0; i < route->secret_count; i++)
		check_secret(&route->secrets[i]);
	for (size_t i = 0; i < route->include.count; i++)
		MUST(route->include.items[i].n > 0);
	for (size_t i = 0; i < route->index; i++)
		MUST(!slice_eq(config->routes[i].path, route->path));
}

static void check_config(const struct config *config)
{
	MUST(config->listen_count > 0 && config->route_count > 0);
	MUST(config->workers >= 1 && config->workers <= 256);
	MUST(config->max_head >= 4096 && config->max_connections >= 1);
	MUST(config->redis.url && config->redis.prefix.n > 0);
	MUST((config->redis.kind == CONFIG_REDIS_TCP) == (config->redis.host != NULL));
	bool many = config->redis.kind == CONFIG_REDIS_SENTINEL || config->redis.kind == CONFIG_REDIS_CLUSTER;
	MUST((config->redis.kind == CONFIG_REDIS_TCP || many) == (config->redis.path == NULL));
	MUST(many == (config->redis.host_count > 0) && config->redis.host_count <= CONFIG_REDIS_HOSTS_MAX);
	MUST((config->redis.kind == CONFIG_REDIS_SENTINEL) == (config->redis.master != NULL));
	MUST(config->redis.username.n == 0 || config->redis.password.n > 0);
	for (size_t i = 0; i < config->listen_count; i++)
		MUST((config->listen[i].kind == CONFIG_ADDRESS_UNIX) == (config->listen[i].unix_path != NULL));
	for (size_t i = 0; i < config->route_count; i++)
		check_route(config, &config->routes[i]);
	check_node(config_tree_root(config->tree), NULL, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of(data, size);
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	struct config *config = NULL;
	int result = config_load_text(text, "c.yaml", &diag, &config);
	MUST((result == 0) == (config != NULL) && (result == 0) == (diag.errors == 0));
	check_findings(&diag, lines_of(text));
	if (config)
		check_config(config);
	config_free(config);
	config_diag_free(&diag);
	return 0;
}
