/* plugin_option.c - what a route says under `options` for its provider's plugin: read by the plugin's own table, so that
 * kinds, what is missing and what is misspelled are told as they are of every other key. */
#include "trust/plugin_load.h"

static const struct plugin_option *option_of(const struct plugin *plugin, struct slice name)
{
	for (size_t i = 0; i < plugin->option_count; i++)
		if (slice_eq(slice_str(plugin->options[i].name), name))
			return &plugin->options[i];
	return NULL;
}

static void read_flag(struct trust_reader *reader, const struct config_node *node, struct slice *value)
{
	bool on = false;

	trust_node_bool(reader, node, &on);
	*value = on ? SLICE("true") : SLICE("false");
}

static void read_option(struct trust_reader *reader, const struct config_node *node, const struct plugin_option *option)
{
	struct trust_description *into = reader->into;
	size_t room = node->kind == CONFIG_LIST ? node->count : 1;
	struct trust_plugin_option *to;
	const struct config_node *item;

	if (into->plugin_option_count == TRUST_PLUGIN_OPTIONS_MAX)
		return;
	if (option->kind != PLUGIN_OPTION_LIST && node->kind != CONFIG_SCALAR) {
		config_error(reader->diag, reader->file, node, "must be one value: %s", option->help);
		return;
	}
	to = &into->plugin_options[into->plugin_option_count];
	*to = (struct trust_plugin_option){ .name = node->key,
					    .values = arena_alloc(into->arena, room * sizeof(to->values[0])) };
	if (!to->values)
		return;
	for (; to->count < room && (item = trust_node_item(node, to->count)) != NULL; to->count++) {
		struct slice *value = &to->values[to->count];

		*value = SLICE_NONE;
		if (option->kind == PLUGIN_OPTION_FLAG)
			read_flag(reader, item, value);
		else
			trust_node_text(reader, item, value);
	}
	into->plugin_option_count++;
}

bool trust_plugin_option_read(struct trust_reader *reader, const struct config_node *node)
{
	const struct plugin *plugin = reader->into->verify.plugin;
	const struct plugin_option *option = plugin ? option_of(plugin, node->key) : NULL;

	if (option && config_node_absent(node))
		config_error_key(reader->diag, reader->file, node, "has no value");
	else if (option)
		read_option(reader, node, option);
	return option != NULL;
}

void trust_plugin_option_names(const struct trust_description *d, struct buf *names)
{
	const struct plugin *plugin = d->verify.plugin;

	for (size_t i = 0; plugin && i < plugin->option_count; i++)
		buf_printf(names, "%s%s", names->n > 0 ? ", " : "", plugin->options[i].name);
}

const struct plugin_option *trust_plugin_option_missing(const struct trust_description *d)
{
	const struct plugin *plugin = d->verify.plugin;

	for (size_t i = 0; plugin && i < plugin->option_count; i++) {
		bool there = false;

		for (size_t k = 0; k < d->plugin_option_count; k++)
			there |= slice_eq(d->plugin_options[k].name, slice_str(plugin->options[i].name)) &&
				 d->plugin_options[k].count > 0;
		if (plugin->options[i].required && !there)
			return &plugin->options[i];
	}
	return NULL;
}

bool trust_plugin_accepts(const struct plugin *plugin, struct slice key, struct reason *reason)
{
	const char *why = "is no key of this provider's";

	if (!plugin->accepts || plugin->accepts((struct plugin_bytes){ key.p, key.n }, &why))
		return true;
	reason_set(reason, "%s", why ? why : "is no key of this provider's");
	return false;
}

bool trust_plugin_wants_ring(const struct plugin *plugin, struct slice key)
{
	if (plugin->flags & PLUGIN_SECRET_IS_KEY)
		return true;
	/* Wherever a PEM begins: a public key that was taken for a shared secret would let everybody sign. */
	return (plugin->flags & PLUGIN_SECRET_MAY_BE_KEY) &&
	       (memmem(key.p, key.n, "-----BEGIN ", 11) || slice_starts(slice_trim(key), SLICE("{")));
}
