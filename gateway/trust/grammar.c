/* grammar.c - reading the nodes of a description, see grammar.h.
 *
 * The special difficulty: a description may be a stranger's file (provider_dir, a pull request), so nothing here may
 * take a value for granted, and every message must say what would have been accepted. */
#include "trust/grammar.h"

#include "base/num.h"

#include <stdio.h>

static const int64_t DAY_MS = 24LL * 60 * 60 * 1000;

/* "a, b, c" for messages. */
static void list_names(char *out, size_t size, const char *(*name)(const void *, size_t), const void *table,
		       size_t count)
{
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < count && at < size; i++) {
		int n = snprintf(out + at, size - at, "%s%s", i > 0 ? ", " : "", name(table, i));

		if (n < 0)
			return;
		at += (size_t)n;
	}
}

static const char *key_name(const void *table, size_t i)
{
	return ((const struct trust_key *)table)[i].name;
}

static const char *choice_name(const void *table, size_t i)
{
	return ((const struct trust_choice *)table)[i].name;
}

void trust_node_map(struct trust_reader *reader, const struct config_node *node, const struct trust_key *keys,
		    size_t count)
{
	char names[512];

	if (node->kind != CONFIG_MAP) {
		list_names(names, sizeof(names), key_name, keys, count);
		config_error(reader->diag, reader->file, node, "is not a map; accepted are the keys %s", names);
		return;
	}
	for (const struct config_node *child = node->first; child; child = child->next) {
		size_t i = 0;

		while (i < count && !slice_eq(child->key, slice_str(keys[i].name)))
			i++;
		if (i == count) {
			list_names(names, sizeof(names), key_name, keys, count);
			config_error_key(reader->diag, reader->file, child, "unknown key; accepted are %s", names);
		} else if (config_node_absent(child)) {
			config_error_key(reader->diag, reader->file, child, "has no value");
		}
	}
	for (size_t i = 0; i < count; i++) {
		const struct config_node *child = config_node_get(node, slice_str(keys[i].name));

		if (!config_node_absent(child))
			keys[i].read(reader, child);
	}
}

static bool is_scalar(struct trust_reader *reader, const struct config_node *node)
{
	if (node->kind == CONFIG_SCALAR && !config_node_absent(node))
		return true;
	config_error(reader->diag, reader->file, node, "must be a text");
	return false;
}

void trust_node_any_text(struct trust_reader *reader, const struct config_node *node, struct slice *out)
{
	if (is_scalar(reader, node))
		*out = node->text;
}

void trust_node_text(struct trust_reader *reader, const struct config_node *node, struct slice *out)
{
	if (!is_scalar(reader, node))
		return;
	if (node->text.n == 0 || slice_has_control(node->text))
		config_error(reader->diag, reader->file, node, "must be a text without control characters");
	else
		*out = node->text;
}

void trust_node_byte(struct trust_reader *reader, const struct config_node *node, unsigned char *out)
{
	if (!is_scalar(reader, node))
		return;
	if (node->text.n != 1 || node->text.p[0] > 0x7e)
		config_error(reader->diag, reader->file, node, "must be one character, such as \",\"");
	else
		*out = node->text.p[0];
}

void trust_node_choice(struct trust_reader *reader, const struct config_node *node, const struct trust_choice *choices,
		       size_t count, int *out)
{
	char names[512], quoted[80];

	if (!is_scalar(reader, node))
		return;
	for (size_t i = 0; i < count; i++)
		if (slice_eq(node->text, slice_str(choices[i].name))) {
			*out = choices[i].value;
			return;
		}
	list_names(names, sizeof(names), choice_name, choices, count);
	config_error(reader->diag, reader->file, node, "%s is not known; accepted are %s",
		     config_quote(node->text, quoted, sizeof(quoted)), names);
}

void trust_node_bool(struct trust_reader *reader, const struct config_node *node, bool *out)
{
	static const struct trust_choice choices[] = { { "true", 1 }, { "false", 0 } };
	int value = *out;

	trust_node_choice(reader, node, choices, 2, &value);
	*out = value != 0;
}

void trust_node_duration(struct trust_reader *reader, const struct config_node *node, int64_t *out_ms)
{
	char quoted[80];

	if (!is_scalar(reader, node))
		return;
	if (slice_eq(node->text, SLICE("none")))
		*out_ms = -1;
	else if (!num_parse_duration(node->text, 366 * DAY_MS, out_ms))
		config_error(reader->diag, reader->file, node,
			     "%s is no duration; accepted are 300s, 5m, 3d ... and none",
			     config_quote(node->text, quoted, sizeof(quoted)));
}

void trust_node_number(struct trust_reader *reader, const struct config_node *node, unsigned low, unsigned high,
		       unsigned *out)
{
	uint64_t value = 0;

	if (!is_scalar(reader, node))
		return;
	if (!num_parse_u64(node->text, high, &value) || value < low)
		config_error(reader->diag, reader->file, node, "must be a number from %u to %u", low, high);
	else
		*out = (unsigned)value;
}

void trust_node_header_name(struct trust_reader *reader, const struct config_node *node, struct slice name)
{
	static const char *const taken[] = { "Content-Type",	  "Content-Length", "Connection", "Date",
					     "Transfer-Encoding", "Upgrade",	    "Trailer",	  "Keep-Alive" };
	static const struct slice marks = SLICE_LIT("!#$%&'*+-.^_`|~");
	bool fine = name.n > 0 && name.n <= 64;

	for (size_t i = 0; i < name.n; i++) {
		unsigned char c = name.p[i], lower = c | 0x20;

		fine &= (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || slice_index(marks, c) < marks.n;
	}
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		fine &= !slice_eq_nocase(name, slice_str(taken[i]));
	if (!fine)
		config_error(reader->diag, reader->file, node,
			     "is not the name of a header that an answer can be given here (its type is content_type)");
}

void trust_node_status(struct trust_reader *reader, const struct config_node *node, unsigned low, unsigned high,
		       unsigned *out)
{
	uint64_t value = 0;

	if (!is_scalar(reader, node))
		return;
	if (!num_parse_u64(node->text, high, &value) || value < low)
		config_error(reader->diag, reader->file, node, "must be a status from %u to %u", low, high);
	else
		*out = (unsigned)value;
}

const struct config_node *trust_node_item(const struct config_node *node, size_t n)
{
	const struct config_node *item;

	if (node->kind != CONFIG_LIST)
		return n == 0 ? node : NULL;
	for (item = node->first; item && n > 0; item = item->next)
		n--;
	return item;
}
