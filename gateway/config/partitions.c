/* partitions.c - how a route is split. The one difficulty: a partition's keys have the tag {ROUTE.N}, and a route may be named
 * like that, too; two of the same tag would share their keys. */
#include "base/json.h"
#include "base/num.h"
#include "config/values.h"

enum { PARTITIONS_MAX = 256 };

static bool is_token(struct slice name)
{
	static const char others[] = "!#$%&'*+-.^_`|~";
	for (size_t i = 0; i < name.n; i++) {
		unsigned char c = name.p[i], lower = c | 0x20;
		if (!(lower >= 'a' && lower <= 'z') && !(c >= '0' && c <= '9') && (c == 0 || !strchr(others, c)))
			return false;
	}
	return name.n > 0;
}

/* What is not written down with an event cannot be asked for when it is put a second time. */
static bool is_left_out(struct slice header)
{
	return slice_eq_nocase(header, SLICE("authorization")) || slice_eq_nocase(header, SLICE("cookie")) ||
	       slice_eq_nocase(header, SLICE("proxy-authorization"));
}

/* In Redis it stands in a line (store/layout.h). */
static bool has_control(struct slice text)
{
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < 0x20 || text.p[i] == 0x7f)
			return true;
	}
	return false;
}

static const char *check_order(struct slice text)
{
	struct json_pointer *pointer;
	if (has_control(text))
		return "a control character stands in it";
	if (slice_starts(text, SLICE("header:"))) {
		struct slice name = slice_from(text, 7);
		if (is_left_out(name))
			return "this header is not kept";
		return is_token(name) ? NULL : "no name of a header";
	}
	if (!slice_starts(text, SLICE("body:")))
		return "neither body: nor header: stands in front";
	pointer = json_pointer_parse(slice_from(text, 5));
	if (!pointer || text.n == 5) {
		json_pointer_free(pointer);
		return "no JSON pointer";
	}
	json_pointer_free(pointer);
	return NULL;
}

void config_read_order(const struct config_reader *r, struct config_route_draft *draft)
{
	const struct config_node *node = draft->order_by;
	const char *why = node ? check_order(node->text) : NULL;
	struct slice text;
	unsigned char *bytes;
	if (!node)
		return;
	if (why || node->text.n > 256) {
		config_schema_refuse(r, CONFIG_SECTION_ROUTE, "order_by", node, why ? why : "longer than 256 bytes");
		return;
	}
	text = config_pool_copy(r->pool, node->text);
	bytes = (unsigned char *)(uintptr_t)text.p;
	/* The name of a header is the same in any case. */
	for (size_t i = 0; slice_starts(text, SLICE("header:")) && i < text.n; i++) {
		if (bytes[i] >= 'A' && bytes[i] <= 'Z')
			bytes[i] |= 0x20;
	}
	draft->route.order_by = text;
	if (draft->route.partitions == 0)
		config_warn(r->diag, r->file, node, "has no effect without `partitions`");
}

/* "stripe.3": the name in front of the number; empty where it is no name of a partition. */
static struct slice base_of(struct slice name)
{
	uint64_t number;
	size_t dot = name.n;
	while (dot > 0 && name.p[dot - 1] != '.')
		dot--;
	if (dot < 2 || !num_parse_u64(slice_from(name, dot), PARTITIONS_MAX - 1, &number))
		return SLICE_NONE;
	return slice_head(name, dot - 1);
}

void config_check_partitions(const struct config_reader *r, const struct config *config)
{
	char quoted[CONFIG_QUOTE_ROOM];
	bool any = false;
	for (size_t i = 0; i < config->route_count; i++)
		any |= config->routes[i].partitions > 0;
	for (size_t i = 0; any && i < config->route_count; i++) {
		struct slice base = base_of(config->routes[i].name);
		if (base.n == 0)
			continue;
		for (size_t k = 0; k < config->route_count; k++) {
			const struct config_route *other = &config->routes[k];
			if (other->partitions > 0 && slice_eq(other->name, base))
				config_error(r->diag, r->file, config_node_get(config->routes[i].node, SLICE("name")),
					     "%s: the route on line %u is split, and its partitions are named like "
					     "this in Redis; accepted: another name",
					     config_quote(config->routes[i].name, quoted, sizeof quoted),
					     other->node->line);
		}
	}
}
