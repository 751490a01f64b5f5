/* unknown.c - what to say of a key that does not exist: the one that was meant. The difficulty is to guess seldom
 * enough: a wrong guess sends a person the wrong way, so two slips are the most, and one in short names. */
#include "config/schema.h"

#include <stdio.h>

enum { NAME_MAX_BYTES = 32, NAMES_ROOM = 512 };

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* How many bytes must be put in, left out, changed, or swapped with their neighbour to make one of the other. */
static size_t distance(struct slice a, struct slice b)
{
	size_t table[NAME_MAX_BYTES + 1][NAME_MAX_BYTES + 1];
	for (size_t i = 0; i <= a.n; i++)
		for (size_t j = 0; j <= b.n; j++) {
			if (i == 0 || j == 0) {
				table[i][j] = i + j;
				continue;
			}
			size_t change = a.p[i - 1] != b.p[j - 1];
			size_t d = least(table[i - 1][j] + 1, table[i][j - 1] + 1);
			d = least(d, table[i - 1][j - 1] + change);
			if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1])
				d = least(d, table[i - 2][j - 2] + 1);
			table[i][j] = d;
		}
	return table[a.n][b.n];
}

/* The slips between two names; SIZE_MAX when they are too many for one to be meant by the other. */
static size_t slips(struct slice a, struct slice b)
{
	if (a.n == 0 || a.n > NAME_MAX_BYTES || b.n > NAME_MAX_BYTES)
		return SIZE_MAX;
	if (slice_eq_nocase(a, b))
		return 0;
	size_t d = distance(a, b);
	return d <= (least(a.n, b.n) <= 4 ? 1 : 2) ? d : SIZE_MAX;
}

/* The key's own name, if it stands right under `prefix`. */
static bool name_under(const struct config_key *key, struct slice prefix, struct slice *name)
{
	struct slice path = slice_str(key->path);
	if (!slice_starts(path, prefix))
		return false;
	*name = slice_from(path, prefix.n);
	return slice_index(*name, '.') == name->n;
}

static struct slice last_part(struct slice path)
{
	struct slice rest;
	while (slice_cut(path, '.', &(struct slice){ 0 }, &rest))
		path = rest;
	return path;
}

static const char *nearest(struct slice prefix, struct slice wrong)
{
	size_t count, fewest = SIZE_MAX;
	const struct config_key *keys = config_keys(&count);
	const char *found = NULL;
	for (size_t i = 0; i < count; i++) {
		struct slice name;
		size_t d = name_under(&keys[i], prefix, &name) ? slips(name, wrong) : SIZE_MAX;
		if (d < fewest) {
			fewest = d;
			found = keys[i].path + prefix.n;
		}
	}
	return found;
}

/* The same name in another place of the file. */
static const char *elsewhere(struct slice name)
{
	size_t count;
	const struct config_key *keys = config_keys(&count);
	for (size_t i = 0; i < count; i++)
		if (slice_eq(last_part(slice_str(keys[i].path)), name))
			return keys[i].path;
	return NULL;
}

static void list_names(struct slice prefix, char out[NAMES_ROOM])
{
	size_t count, at = 0;
	const struct config_key *keys = config_keys(&count);
	out[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		struct slice name;
		if (!name_under(&keys[i], prefix, &name) || at >= NAMES_ROOM)
			continue;
		int n = snprintf(out + at, NAMES_ROOM - at, "%s%.*s", at ? ", " : "", SLICE_ARGS(name));
		at += n > 0 ? (size_t)n : 0;
	}
}

bool config_key_is_meant(const struct config_node *map, const char *prefix, const char *key)
{
	for (const struct config_node *child = map ? map->first : NULL; child; child = child->next) {
		const char *meant = nearest(slice_str(prefix), child->key);
		if (meant && strcmp(meant, key) == 0 && !slice_eq(child->key, slice_str(key)))
			return true;
	}
	return false;
}

void config_unknown_key(const struct config_reader *r, const char *section, const struct config_node *node)
{
	struct slice prefix = slice_str(section);
	const char *meant = nearest(prefix, node->key);
	if (!meant)
		meant = elsewhere(node->key);
	char names[NAMES_ROOM];
	if (meant)
		config_error_key(r->diag, r->file, node, "unknown key; did you mean %s?", meant);
	else {
		list_names(prefix, names);
		config_error_key(r->diag, r->file, node, "unknown key; accepted: %s", names);
	}
}
