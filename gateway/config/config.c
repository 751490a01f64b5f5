/* config.c - file -> config: parse, read the sections, check what holds between them. The difficulty: to find all that
 * is wrong, reading goes on after each error, so every step must stand a draft in which anything may be missing. */
#include "config/config.h"

#include "config/file.h"
#include "config/values.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { FILE_MAX_BYTES = 16 * 1024 * 1024, WORKERS_MAX = 256 };

/* What it begins with has the values of keys that have no default, and of those that say "the provider's". */
static struct config_draft *draft_new(const char *file)
{
	struct config_draft *draft = calloc(1, sizeof(*draft));
	if (!draft)
		return NULL;
	struct slice name = slice_str(file), folder = SLICE(".");
	for (size_t i = name.n; i > 0; i--)
		if (name.p[i - 1] == '/') {
			folder = slice_head(name, i > 1 ? i - 1 : 1);
			break;
		}
	draft->config.file = config_pool_string(&draft->pool, name);
	draft->config.folder = config_pool_string(&draft->pool, folder);
	draft->config.tolerance_ms = -1;
	if (draft->pool.failed) {
		config_free(&draft->config);
		return NULL;
	}
	return draft;
}

static void read_workers(struct config *config)
{
	if (config->workers > 0)
		return;
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	config->workers = cores < 1 ? 1 : cores > WORKERS_MAX ? WORKERS_MAX : (unsigned)cores;
}

/* Where max_body is not said, it fits: its default is the least that max_buffered may be. */
static void check_sizes(const struct config_reader *r, const struct config *config, const struct config_node *root)
{
	char quoted[CONFIG_QUOTE_ROOM];
	const struct config_node *given = config_node_get(root, SLICE("max_body"));
	if (given && config->max_body > config->max_buffered)
		config_error(r->diag, r->file, given, "%s: larger than max_buffered, so it could never be held",
			     config_quote(given->text, quoted, sizeof quoted));
}

static void build(const struct config_reader *r, struct config_draft *draft, const struct config_node *root)
{
	config_schema_read(r, CONFIG_SECTION_TOP, root, draft);
	config_schema_read(r, CONFIG_SECTION_ADMIN, draft->admin, draft);
	config_schema_read(r, CONFIG_SECTION_REDIS, draft->redis, draft);
	config_schema_read(r, CONFIG_SECTION_JOURNAL, draft->journal, draft);
	config_schema_read(r, CONFIG_SECTION_REPLAY_WINDOW, draft->replay_window, draft);
	config_schema_read(r, CONFIG_SECTION_LOG, draft->log, draft);
	config_schema_read(r, CONFIG_SECTION_KEY_FETCH, draft->key_fetch, draft);
	read_workers(&draft->config);
	config_read_listeners(r, draft);
	config_read_redis(r, draft);
	config_read_texts(r, draft);
	config_read_networks(r, draft);
	config_read_key_fetch(r, draft);
	config_check_ack(r, &draft->config, root);
	check_sizes(r, &draft->config, root);
	config_read_backlog(r, CONFIG_SECTION_TOP, draft->max_backlog, &draft->config.max_backlog);
	config_read_routes(r, draft);
	config_check_ack_used(r, &draft->config, root);
}

/* Parses and builds; -EINVAL leaves a tree where there is something to go on with. */
static int read_text(struct config_draft *draft, struct slice text, struct config_diag *diag)
{
	const char *file = draft->config.file;
	int result = config_tree_parse_partial(text, file, diag, &draft->tree);
	draft->config.tree = draft->tree;
	if (!draft->tree)
		return result;
	const struct config_node *root = config_tree_root(draft->tree);
	if (!root || root->kind != CONFIG_MAP) {
		if (!root)
			config_error_at(diag, file, 1, 1, "the file is empty; accepted: a map with listen and routes");
		else if (!root->broken)
			config_error(diag, file, root, "no map stands here; accepted: a map with listen and routes");
		config_tree_free(draft->tree);
		draft->tree = NULL;
		return -EINVAL;
	}
	struct config_reader reader = { diag, file, draft->config.folder, &draft->pool };
	build(&reader, draft, root);
	return draft->pool.failed ? -ENOMEM : 0;
}

/* 0 or -EINVAL with *out set, or -EINVAL or -ENOMEM with *out NULL. */
static int load_text(struct slice text, const char *file, struct config_diag *diag, struct config **out)
{
	size_t errors = diag->errors;
	*out = NULL;
	struct config_draft *draft = draft_new(file);
	if (!draft)
		return -ENOMEM;
	int result = read_text(draft, text, diag);
	config_diag_sort(diag);
	if (result == -ENOMEM || diag->failed || !draft->tree) {
		config_free(&draft->config);
		return diag->failed ? -ENOMEM : result;
	}
	*out = &draft->config;
	return diag->errors > errors ? -EINVAL : 0;
}

int config_load_partial(const char *file, struct config_diag *diag, struct config **out)
{
	struct slice text = SLICE_NONE;
	struct reason reason = { "" };
	*out = NULL;
	int result = config_file_read(file, FILE_MAX_BYTES, &text, &reason);
	if (result == -EINVAL)
		config_error_at(diag, file, 0, 0, "%s", reason.text);
	if (result == 0)
		result = load_text(text, file, diag, out);
	config_secret_wipe(&text);
	return result;
}

/* A whole config or none. */
static int whole(int result, struct config *config, struct config **out)
{
	if (result < 0)
		config_free(config);
	else
		*out = config;
	return result;
}

int config_load(const char *file, struct config_diag *diag, struct config **out)
{
	struct config *config;
	int result = config_load_partial(file, diag, &config);
	return whole(result, config, out);
}

int config_load_text(struct slice text, const char *file, struct config_diag *diag, struct config **out)
{
	struct config *config;
	int result = load_text(text, file, diag, &config);
	return whole(result, config, out);
}

void config_free(struct config *config)
{
	if (!config)
		return;
	/* It is the draft's first member. */
	struct config_draft *draft = (struct config_draft *)config;
	config_tree_free(draft->tree);
	config_pool_free(&draft->pool);
	free(draft);
}

const struct config_route *config_route_find(const struct config *config, struct slice name)
{
	for (size_t i = 0; i < config->route_count; i++)
		if (slice_eq(config->routes[i].name, name))
			return &config->routes[i];
	return NULL;
}
