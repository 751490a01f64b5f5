/* routes.c - the list of routes. The difficulty is its length: with ten thousand routes, "is this path taken already?"
 * must not look at ten thousand paths. */
#include "base/num.h"
#include "config/values.h"

#include <stdlib.h>

/* The texts that stood in earlier items of a list, and which item had them. */
struct seen {
	const struct config_node **slots; /* NULL: free */
	size_t mask;
};

static bool seen_init(struct seen *seen, const struct config_reader *r, size_t items)
{
	size_t size = 16;
	while (size < items * 2)
		size *= 2;
	seen->mask = size - 1;
	seen->slots = calloc(size, sizeof(struct config_node *));
	if (!seen->slots)
		r->pool->failed = true;
	return seen->slots;
}

static size_t hash(struct slice s)
{
	uint64_t h = 0xcbf29ce484222325; /* FNV-1a: the file is ours, nobody chooses texts that collide */
	for (size_t i = 0; i < s.n; i++)
		h = (h ^ s.p[i]) * 0x100000001b3;
	return (size_t)(h ^ h >> 32);
}

/* The earlier node with the same text; without one, this one is kept for later and the answer is NULL. */
static const struct config_node *seen_before(struct seen *seen, const struct config_node *node)
{
	size_t i = hash(node->text) & seen->mask;
	for (; seen->slots[i]; i = (i + 1) & seen->mask)
		if (slice_eq(seen->slots[i]->text, node->text))
			return seen->slots[i];
	seen->slots[i] = node;
	return NULL;
}

static void refuse_second(const struct config_reader *r, struct seen *seen, const struct config_node *node,
			  const char *owner, const char *what)
{
	char quoted[CONFIG_QUOTE_ROOM];
	const struct config_node *first = seen_before(seen, node);
	if (first)
		config_error(r->diag, r->file, node, "%s: the %s on line %u has this %s already",
			     config_quote(node->text, quoted, sizeof quoted), owner, first->line, what);
}

static void read_name(const struct config_reader *r, struct config_route_draft *draft, struct seen *names)
{
	if (!draft->name)
		return;
	if (!config_is_name(draft->name->text, false, "_.-")) {
		config_schema_refuse(r, CONFIG_SECTION_ROUTE, "name", draft->name,
				     draft->name->text.n > 64
					     ? "too long"
					     : "not of these characters, or not begun with a letter or digit");
		return;
	}
	refuse_second(r, names, draft->name, "route", "name");
	draft->route.name = draft->name->text;
}

static const char *check_path(struct slice path)
{
	if (path.p[0] != '/')
		return "does not begin with \"/\"";
	if (path.n > 1024)
		return "longer than 1024 bytes";
	for (size_t i = 0; i < path.n; i++) {
		if (path.p[i] == '?' || path.p[i] == '#')
			return "a query or fragment stands in it";
		if (path.p[i] <= ' ' || path.p[i] >= 0x7f)
			return "a space, or what is no ASCII, stands in it: write it as %20 and the like, as it is "
			       "requested";
	}
	return NULL;
}

static void read_path(const struct config_reader *r, struct config_route_draft *draft, struct seen *paths)
{
	if (!draft->path)
		return;
	const char *why = check_path(draft->path->text);
	if (why) {
		config_schema_refuse(r, CONFIG_SECTION_ROUTE, "path", draft->path, why);
		return;
	}
	refuse_second(r, paths, draft->path, "route", "path");
	draft->route.path = draft->path->text;
}

static void read_provider(const struct config_reader *r, struct config_route_draft *draft)
{
	struct config_route *route = &draft->route;
	route->provider_node = draft->provider;
	if (draft->provider)
		route->provider = draft->provider->text;
	else if (!config_node_absent(config_node_get(route->node, SLICE("provider"))))
		return;
	else if (!config_node_absent(config_node_get(route->node, SLICE("verify"))))
		route->provider = SLICE("hmac");
	else if (!config_key_is_meant(route->node, "routes[].", "provider"))
		config_error_missing(
			r->diag, r->file, route->node, "provider",
			"missing; accepted: the name of a provider, or `provider: none` outright for a route "
			"without verification");
}

/* The name of a secret that has none is its place: 1, 2 ... As a node, so that it counts among the names. */
static const struct config_node *place_as_name(const struct config_reader *r, const struct config_node *item)
{
	char digits[20];
	struct config_node *name = config_pool_alloc(r->pool, sizeof(*name));
	if (!name)
		return NULL;
	*name = *item;
	name->text = config_pool_copy(r->pool, slice_of(digits, num_format_u64(item->index + 1, digits)));
	return name;
}

static void read_secret_name(const struct config_reader *r, const struct config_node *name, struct seen *names,
			     struct config_secret *out)
{
	if (!name)
		return;
	out->name = name->text;
	if (config_is_name(name->text, true, "_.-"))
		refuse_second(r, names, name, "secret", "name");
	else
		config_schema_refuse(r, CONFIG_SECTION_ROUTE_SECRET, "name", name,
				     "not of these characters, or not begun with a letter or digit");
}

/* An item of `secrets`: a reference, or a map. */
static void read_secret_item(const struct config_reader *r, const struct config_node *item, struct seen *names,
			     struct config_secret *out)
{
	struct config_secret_draft draft = { .secret = *out, .value = item };
	if (item->kind == CONFIG_LIST || config_node_absent(item)) {
		config_error(r->diag, r->file, item,
			     "%s; accepted: env:NAME, file:PATH, the text itself, or a map with name and value",
			     item->kind == CONFIG_LIST ? "a list stands here" : "has no value");
		return;
	}
	if (item->kind == CONFIG_MAP) {
		draft.value = NULL;
		config_schema_read(r, CONFIG_SECTION_ROUTE_SECRET, item, &draft);
	}
	draft.secret.node = draft.value;
	if (draft.value)
		config_read_secret(r, draft.value, &draft.secret.bytes);
	read_secret_name(r, draft.name ? draft.name : place_as_name(r, item), names, &draft.secret);
	if (draft.secret.not_after_ms <= draft.secret.not_before_ms)
		config_error(r->diag, r->file, config_node_get(item, SLICE("not_after")), "is not after not_before");
	*out = draft.secret;
}

static void read_secrets(const struct config_reader *r, struct config_route_draft *draft)
{
	const struct config_node *one = draft->secret, *several = draft->secrets;
	size_t count = (one ? 1 : 0) + (several ? several->count : 0), n = 0;
	struct seen names = { 0 };
	if (one && several)
		config_error_key(r->diag, r->file, several,
				 "`secret` stands here too (line %u); accepted: one of the two", one->line);
	struct config_secret *secrets = config_pool_array(r->pool, count, sizeof(*secrets));
	if (!secrets || !seen_init(&names, r, count))
		return;
	for (size_t i = 0; i < count; i++)
		secrets[i] = (struct config_secret){ .not_before_ms = INT64_MIN, .not_after_ms = INT64_MAX };
	if (one) {
		secrets[n].name = SLICE("secret");
		secrets[n].node = one;
		config_read_secret(r, one, &secrets[n++].bytes);
	}
	for (const struct config_node *item = several ? several->first : NULL; item; item = item->next)
		if (!item->broken)
			read_secret_item(r, item, &names, &secrets[n++]);
	draft->route.secrets = secrets;
	draft->route.secret_count = n;
	free(names.slots);
}

static void read_patterns(const struct config_reader *r, const char *key, const struct config_node *node,
			  struct config_patterns *out)
{
	if (!node)
		return;
	bool is_list = node->kind == CONFIG_LIST;
	size_t count = is_list ? node->count : 1, n = 0;
	struct slice *items = config_pool_array(r->pool, count, sizeof(*items));
	if (!items)
		return;
	for (const struct config_node *item = is_list ? node->first : node; item; item = is_list ? item->next : NULL) {
		if (!config_is_line(item))
			continue;
		if (slice_index(item->text, '*') + 1 < item->text.n)
			config_schema_refuse(r, CONFIG_SECTION_ROUTE_EVENTS, key, item,
					     "a star stands elsewhere than at the end");
		items[n++] = item->text;
	}
	*out = (struct config_patterns){ items, n };
}

static void read_events(const struct config_reader *r, struct config_route_draft *draft)
{
	config_schema_read(r, CONFIG_SECTION_ROUTE_EVENTS, draft->events, draft);
	read_patterns(r, "include", draft->include, &draft->route.include);
	read_patterns(r, "exclude", draft->exclude, &draft->route.exclude);
}

/* The type that a body has, where both are right. */
static void read_body(const struct config_reader *r, enum config_section section, const struct config_node *map,
		      const struct config_node *body, const struct config_node *type, struct config_answer *out)
{
	bool ill_typed = false;

	if (type) {
		size_t slash = slice_index(type->text, '/');

		out->content_type = type->text;
		ill_typed = slash == 0 || slash + 1 >= type->text.n;
		if (ill_typed)
			config_schema_refuse(r, section, "content_type", type, "no media type");
	}
	if (!body) {
		if (type && !config_node_get(map, SLICE("body")) && !ill_typed)
			config_error(r->diag, r->file, type, "a type without a body; accepted: beside %s.body",
				     section == CONFIG_SECTION_ROUTE_ANSWER ? "answer" : "refusal");
		return;
	}
	out->body = body->text;
	out->body_set = true;
}

static void read_answer(const struct config_reader *r, struct config_route_draft *draft)
{
	struct config_route *route = &draft->route;
	struct config_answer answer = { .status = 0 };

	config_schema_read(r, CONFIG_SECTION_ROUTE_ANSWER, draft->answer, draft);
	read_body(r, CONFIG_SECTION_ROUTE_ANSWER, draft->answer, draft->answer_body, draft->answer_content_type,
		  &answer);
	route->answer_body = answer.body;
	route->answer_body_set = answer.body_set;
	route->answer_content_type = answer.content_type;
	if (route->answer_body.n > 0 && (route->answer_status == 204 || route->answer_status == 205))
		config_error(r->diag, r->file, draft->answer_body, "an answer of status %u has no body",
			     route->answer_status);
}

static void read_refusal(const struct config_reader *r, struct config_route_draft *draft)
{
	config_schema_read(r, CONFIG_SECTION_ROUTE_REFUSAL, draft->refusal, draft);
	read_body(r, CONFIG_SECTION_ROUTE_REFUSAL, draft->refusal, draft->refusal_body, draft->refusal_content_type,
		  &draft->route.refusal);
}

/* It may stand under the route's `options` as well, beside what else a provider needs. */
static void find_public_url(const struct config_reader *r, struct config_route_draft *draft)
{
	const struct config_node *other = config_node_get(draft->route.options, SLICE("public_url"));
	if (!other)
		return;
	if (draft->public_url)
		config_error_key(r->diag, r->file, other, "stands in the route as well; accepted: one of the two");
	else if (config_is_line(other))
		draft->public_url = other;
	else if (!other->broken)
		config_error(r->diag, r->file, other,
			     "is no line of text; accepted: the URL that the provider was given");
}

/* A URL with a path is the whole of it, a bare origin stands in front of the path as the file's does. */
static void read_public_url(const struct config_reader *r, struct config_route_draft *draft)
{
	struct config_route *route = &draft->route;
	struct slice url, after;
	find_public_url(r, draft);
	if (!draft->public_url || !config_read_public_url(r, CONFIG_SECTION_ROUTE, draft->public_url, &url))
		return;
	after = slice_from(url, slice_starts(url, SLICE("https://")) ? 8 : 7);
	route->public_url = url;
	route->public_url_whole = slice_index(after, '/') < after.n || slice_index(after, '?') < after.n;
}

/* What each route has for all of the file. */
static struct config_route inherited(const struct config *config, const struct config_node *node)
{
	return (struct config_route){
		.index = node->index,
		.node = node,
		.max_body = config->max_body,
		.ack_deadline_ms = config->ack_deadline_ms,
		.ack = config->ack,
		.ack_replicas = config->ack_replicas,
		.ack_timeout_ms = config->ack_timeout_ms,
		.missing_id = config->missing_id,
		.replay_guard = config->replay_guard,
		.window_ms = config->window_ms,
		.tolerance_ms = config->tolerance_ms,
		.public_url = config->public_url,
		.retention_ms = config->retention_ms,
		.max_backlog = config->max_backlog,
	};
}

static void read_route(const struct config_reader *r, const struct config *config, const struct config_node *node,
		       struct seen *names, struct seen *paths, struct config_route *out)
{
	struct config_route_draft draft = { .route = inherited(config, node) };
	char quoted[CONFIG_QUOTE_ROOM];
	size_t errors = r->diag->errors;
	if (node->kind == CONFIG_MAP) {
		config_schema_read(r, CONFIG_SECTION_ROUTE, node, &draft);
		read_name(r, &draft, names);
		read_path(r, &draft, paths);
		read_provider(r, &draft);
		read_secrets(r, &draft);
		read_events(r, &draft);
		read_public_url(r, &draft);
		read_answer(r, &draft);
		if (draft.refusal)
			read_refusal(r, &draft);
		config_read_backlog(r, CONFIG_SECTION_ROUTE, draft.max_backlog, &draft.route.max_backlog);
		config_read_route_ack(r, config, &draft.route);
		config_read_order(r, &draft);
	} else if (!node->broken) {
		config_error(r->diag, r->file, node, "%s stands here; accepted: a map with name, path and provider",
			     node->kind == CONFIG_LIST ? "a list" : config_quote(node->text, quoted, sizeof quoted));
	}
	const struct config_node *max_body = config_node_get(node, SLICE("max_body"));
	if (max_body && draft.route.max_body > config->max_buffered)
		config_error(r->diag, r->file, max_body, "%s: larger than max_buffered, so it could never be held",
			     config_quote(max_body->text, quoted, sizeof quoted));
	draft.route.wrong = node->broken || r->diag->errors > errors;
	*out = draft.route;
}

void config_read_routes(const struct config_reader *r, struct config_draft *draft)
{
	const struct config_node *list = draft->routes;
	struct seen names = { 0 }, paths = { 0 };
	struct config_route *routes = list ? config_pool_array(r->pool, list->count, sizeof(*routes)) : NULL;
	if (!routes || !seen_init(&names, r, list->count) || !seen_init(&paths, r, list->count))
		goto out;
	for (const struct config_node *node = list->first; node; node = node->next)
		read_route(r, &draft->config, node, &names, &paths, &routes[node->index]);
	draft->config.routes = routes;
	draft->config.route_count = list->count;
	config_check_partitions(r, &draft->config);
out:
	free(names.slots);
	free(paths.slots);
}
