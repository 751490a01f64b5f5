/* node.c - questions to a tree. The one thing to mind: paths are made of keys from the file, which may be any text. */
#include "config/node.h"

#include <stdio.h>

enum { DEPTH_MAX = 65 }; /* tree.c takes 64 levels; the scalar in the last is one more */

const struct config_node *config_node_get(const struct config_node *map, struct slice key)
{
	if (!map || map->kind != CONFIG_MAP)
		return NULL;
	for (const struct config_node *child = map->first; child; child = child->next)
		if (slice_eq(child->key, key))
			return child;
	return NULL;
}

bool config_node_absent(const struct config_node *node)
{
	if (!node)
		return true;
	if (node->kind != CONFIG_SCALAR || !node->plain)
		return false;
	return node->text.n == 0 || slice_eq(node->text, SLICE("~")) || slice_eq_nocase(node->text, SLICE("null"));
}

/* Keys come from the file: those that could not be told from the path's own signs stand in quotes. */
static bool key_is_simple(struct slice key)
{
	static const char simple[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-/";
	for (size_t i = 0; i < key.n; i++)
		if (!memchr(simple, key.p[i], sizeof simple - 1))
			return false;
	return key.n > 0 && key.n <= 60;
}

void config_node_path(const struct config_node *node, char *out, size_t size)
{
	const struct config_node *way[DEPTH_MAX];
	size_t depth = 0, at = 0;
	for (; node && node->parent && depth < DEPTH_MAX; node = node->parent)
		way[depth++] = node;
	if (size > 0)
		out[0] = '\0';
	while (depth-- > 0 && at < size) {
		char quoted[CONFIG_QUOTE_ROOM];
		int n;
		if (way[depth]->parent->kind == CONFIG_LIST)
			n = snprintf(out + at, size - at, "[%zu]", way[depth]->index);
		else if (key_is_simple(way[depth]->key))
			n = snprintf(out + at, size - at, "%s%.*s", at ? "." : "", SLICE_ARGS(way[depth]->key));
		else
			n = snprintf(out + at, size - at, "%s%s", at ? "." : "",
				     config_quote(way[depth]->key, quoted, sizeof quoted));
		at += n > 0 ? (size_t)n : 0;
	}
}
