/* plugin_option.c - what a route says under `options` for its provider's plugin: read by the plugin's own table, so that
 * kinds, what is missing and what is misspelled are told as they are of every other key. */
#include "base/encode.h"
#include "trust/plugin_load.h"

#include <errno.h>
#include <stdlib.h>

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
			trust_option_text(reader, item, value);
	}
	into->plugin_option_count++;
}

/* The one that every plugin has whose secrets may be either. */
static bool is_kind(const struct plugin *plugin, struct slice name)
{
	return plugin && (plugin->flags & PLUGIN_SECRET_MAY_BE_KEY) && slice_eq(name, SLICE("key"));
}

static void read_kind(struct trust_reader *reader, const struct config_node *node)
{
	static const struct trust_choice kinds[] = { { "shared", TRUST_SECRET_SHARED },
						     { "public", TRUST_SECRET_PUBLIC } };
	int kind = TRUST_SECRET_SEEN;

	trust_node_choice(reader, node, kinds, 2, &kind);
	reader->into->verify.secret_kind = (enum trust_secret_kind)kind;
}

bool trust_plugin_option_read(struct trust_reader *reader, const struct config_node *node)
{
	const struct plugin *plugin = reader->into->verify.plugin;
	const struct plugin_option *option = plugin ? option_of(plugin, node->key) : NULL;

	if (!option && is_kind(plugin, node->key)) {
		read_kind(reader, node);
		return true;
	}
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
	if (is_kind(plugin, SLICE("key")))
		buf_printf(names, "%skey", names->n > 0 ? ", " : "");
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

/* ---- a secret that may be either ---- */

/* 32 bytes in base64, base64url or hex: a shared secret as good as an Ed25519 key. *der: a public key in DER, which is nothing
 * else. */
static int look_at(struct slice text, bool *bare, bool *der)
{
	unsigned char *bytes = malloc(encode_base64_room(text.n) + 1);
	struct trust_key_ring *ring = NULL;
	struct reason ignored;
	size_t n = 0;
	int fault = 0;

	if (!bytes)
		return -ENOMEM;
	if (!encode_hex_decode(text, bytes, &n) && !encode_base64_decode(ENCODE_BASE64_ANY, text, bytes, &n) &&
	    !encode_base64_decode(ENCODE_BASE64URL_ANY, text, bytes, &n))
		n = 0;
	*bare = n == 32;
	if (n > 32 && bytes[0] == 0x30)
		fault = trust_key_ring_der(slice_of(bytes, n), &ring, &ignored);
	*der = ring != NULL;
	trust_key_ring_free(ring);
	explicit_bzero(bytes, n);
	free(bytes);
	return fault == -ENOMEM ? fault : 0;
}

int trust_plugin_wants_ring(const struct trust_verify *verify, struct slice key, bool *wants, struct reason *reason)
{
	unsigned flags = verify->plugin->flags;
	bool bare = false, der = false;
	int fault;

	*wants = (flags & PLUGIN_SECRET_IS_KEY) || verify->secret_kind == TRUST_SECRET_PUBLIC;
	if (*wants || !(flags & PLUGIN_SECRET_MAY_BE_KEY))
		return 0;
	/* Wherever a PEM begins: a public key that was taken for a shared secret would let everybody sign. */
	*wants = memmem(key.p, key.n, "-----BEGIN ", 11) || slice_starts(slice_trim(key), SLICE("{"));
	if (*wants)
		return 0;
	fault = look_at(slice_trim(key), &bare, &der);
	*wants = der;
	if (fault || !bare || verify->secret_kind == TRUST_SECRET_SHARED)
		return fault;
	reason_set(reason,
		   "is 32 bytes, which may be a shared secret or an Ed25519 key that everybody knows; options.key "
		   "says which: shared or public");
	return -EINVAL;
}
