/* describe_options.c - what a route may change of a description, and what it has to add: `options`.
 *
 * The special difficulty: an option's value may be a secret (a verify token), so it can be a reference as a secret is, and
 * it is wiped where it was read into. */
#include "config/secret.h"
#include "trust/plugin_load.h"

#include <errno.h>

static const struct trust_choice choices[] = { { "id", TRUST_OPTION_ID },
					       { "type", TRUST_OPTION_TYPE },
					       { "header", TRUST_OPTION_HEADER },
					       { "prefix", TRUST_OPTION_PREFIX },
					       { "encoding", TRUST_OPTION_ENCODING } };

enum { CHOICES = sizeof(choices) / sizeof(choices[0]) };

/* ---- the description's section ---- */

/* The one that is being read stands behind the last. */
static struct trust_own_option *newest(struct trust_reader *reader)
{
	return &reader->into->own_options[reader->into->own_option_count];
}

static void read_name(struct trust_reader *reader, const struct config_node *node)
{
	struct slice name = SLICE_NONE;
	bool fine = true;

	trust_node_text(reader, node, &name);
	for (size_t i = 0; i < name.n; i++)
		fine &= (name.p[i] >= 'a' && name.p[i] <= 'z') || (name.p[i] >= '0' && name.p[i] <= '9') ||
			name.p[i] == '_';
	for (size_t i = 0; i < CHOICES; i++)
		fine &= !slice_eq(name, slice_str(choices[i].name));
	if (!fine || name.n > 64)
		config_error(reader->diag, reader->file, node,
			     "must be lower-case letters, digits and \"_\", at most 64, and none of the engine's own");
	newest(reader)->name = name;
}

static void read_about(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_text(reader, node, &newest(reader)->about);
}

static void read_required(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_bool(reader, node, &newest(reader)->required);
}

static void read_default(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_text(reader, node, &newest(reader)->value);
}

static void read_own(struct trust_reader *reader, const struct config_node *node)
{
	static const struct trust_key keys[] = { { "name", read_name },
						 { "about", read_about },
						 { "required", read_required },
						 { "default", read_default } };

	if (reader->into->own_option_count == TRUST_OPTIONS_MAX) {
		config_error(reader->diag, reader->file, node, "is one too many: at most %d", TRUST_OPTIONS_MAX);
		return;
	}
	*newest(reader) = (struct trust_own_option){ .required = false };
	trust_node_map(reader, node, keys, sizeof(keys) / sizeof(keys[0]));
	if (newest(reader)->name.n == 0)
		config_error(reader->diag, reader->file, node, "has no name");
	else
		reader->into->own_option_count++;
}

void trust_section_options(struct trust_reader *reader, const struct config_node *node)
{
	const struct config_node *item;

	for (size_t i = 0; (item = trust_node_item(node, i)) != NULL; i++) {
		int option = 0;

		if (item->kind == CONFIG_MAP) {
			read_own(reader, item);
			continue;
		}
		trust_node_choice(reader, item, choices, CHOICES, &option);
		reader->into->options |= (unsigned)option;
	}
}

const struct trust_own_option *trust_description_lacks(const struct trust_description *d)
{
	for (size_t i = 0; i < d->own_option_count; i++)
		if (d->own_options[i].required && d->own_options[i].value.n == 0)
			return &d->own_options[i];
	return NULL;
}

/* ---- what a route says ---- */

static void not_an_option(struct trust_reader *reader, const struct config_node *node)
{
	const struct trust_description *d = reader->into;
	struct buf names = BUF_EMPTY;

	for (size_t i = 0; i < CHOICES; i++)
		if (d->options & (unsigned)choices[i].value)
			buf_printf(&names, "%s%s", names.n > 0 ? ", " : "", choices[i].name);
	for (size_t i = 0; i < d->own_option_count; i++)
		buf_printf(&names, "%s%.*s", names.n > 0 ? ", " : "", SLICE_ARGS(d->own_options[i].name));
	trust_plugin_option_names(d, &names);
	config_error_key(reader->diag, reader->file, node, "provider %.*s has no such option; %s%.*s",
			 SLICE_ARGS(d->name), names.n > 0 ? "accepted: " : "it takes none",
			 SLICE_ARGS(buf_slice(&names)));
	buf_free(&names);
}

static bool has_option(struct trust_reader *reader, const struct config_node *node, enum trust_option option)
{
	if (reader->into->options & option)
		return true;
	not_an_option(reader, node);
	return false;
}

/* Is all of it read from the body, which is signed? Literal text is nobody's to change. A form is not meant: it is only
 * read where Content-Type says so, which anybody can change. */
static bool stands_in_body(const struct trust_source *source)
{
	for (size_t i = 0; i < source->count; i++)
		for (size_t k = 0; k < source->alternatives[i].count; k++) {
			const struct trust_place *place = &source->alternatives[i].parts[k].place;

			for (; place; place = place->otherwise)
				if (place->kind != TRUST_PLACE_POINTER && place->kind != TRUST_PLACE_FIXED)
					return false;
		}
	return source->count > 0;
}

static void option_id(struct trust_reader *reader, const struct config_node *node)
{
	if (has_option(reader, node, TRUST_OPTION_ID)) {
		trust_section_event_id(reader, node);
		reader->into->id_signed =
			reader->into->verify.covered == TRUST_COVER_FULL && stands_in_body(&reader->into->id);
	}
}

static void option_type(struct trust_reader *reader, const struct config_node *node)
{
	if (!has_option(reader, node, TRUST_OPTION_TYPE))
		return;
	trust_section_event_type(reader, node);
	reader->into->detail = (struct trust_source){ .count = 0 };
}

/* A header of the route's own choice has no prefix but the one that the route names. */
static void option_header(struct trust_reader *reader, const struct config_node *node)
{
	if (!has_option(reader, node, TRUST_OPTION_HEADER))
		return;
	reader->into->verify.signature.prefix = SLICE_NONE;
	trust_section_signature_place(reader, node);
}

static void option_prefix(struct trust_reader *reader, const struct config_node *node)
{
	if (has_option(reader, node, TRUST_OPTION_PREFIX))
		trust_section_signature_prefix(reader, node);
}

static void option_encoding(struct trust_reader *reader, const struct config_node *node)
{
	if (has_option(reader, node, TRUST_OPTION_ENCODING))
		trust_section_signature_encoding(reader, node);
}

void trust_option_text(struct trust_reader *reader, const struct config_node *node, struct slice *out)
{
	struct slice text = SLICE_NONE, bytes = SLICE_NONE;
	struct reason reason = { "" };
	int fault;

	trust_node_text(reader, node, &text);
	if (text.n == 0)
		return;
	fault = config_secret_resolve(text, reader->folder, &bytes, &reason);
	if (fault == -EINVAL)
		config_error(reader->diag, reader->file, node, "%s", reason.text);
	if (fault)
		return;
	if (slice_has_control(bytes))
		config_error(reader->diag, reader->file, node, "has control characters");
	*out = arena_copy(reader->into->arena, bytes);
	config_secret_wipe(&bytes);
}

static struct trust_own_option *own_option(struct trust_description *d, struct slice name)
{
	for (size_t i = 0; i < d->own_option_count; i++)
		if (slice_eq(d->own_options[i].name, name))
			return &d->own_options[i];
	return NULL;
}

static void read_options(struct trust_reader *reader, const struct config_node *options)
{
	static const struct trust_key keys[] = { { "header", option_header },
						 { "prefix", option_prefix },
						 { "encoding", option_encoding },
						 { "id", option_id },
						 { "type", option_type } };

	if (options->kind != CONFIG_MAP) {
		config_error(reader->diag, reader->file, options, "is not a map of options and their values");
		return;
	}
	for (const struct config_node *child = options->first; child; child = child->next) {
		struct trust_own_option *own = own_option(reader->into, child->key);
		size_t i = 0;

		/* The route's own, wherever it stands; config/ has read it. */
		if (slice_eq(child->key, SLICE("public_url")))
			continue;
		while (i < CHOICES && !slice_eq(child->key, slice_str(keys[i].name)))
			i++;
		if (!own && i == CHOICES && trust_plugin_option_read(reader, child))
			continue;
		if (!own && i == CHOICES)
			not_an_option(reader, child);
		else if (config_node_absent(child))
			config_error_key(reader->diag, reader->file, child, "has no value");
		else if (own)
			trust_option_text(reader, child, &own->value);
	}
	/* In the table's order: a header of the route's own drops the prefix, which comes behind it. */
	for (size_t i = 0; i < CHOICES; i++) {
		const struct config_node *child = config_node_get(options, slice_str(keys[i].name));

		if (!config_node_absent(child))
			keys[i].read(reader, child);
	}
}

int trust_description_override(struct trust_description *d, const struct config_node *verify,
			       const struct config_node *options, const struct config *config, struct config_diag *diag)
{
	struct trust_reader reader = { .diag = diag, .file = config->file, .folder = config->folder, .into = d };
	size_t before = diag->errors;

	if (verify) {
		if (d->verify.scheme)
			config_error_key(diag, config->file, verify,
					 "provider %.*s brings its own; provider hmac takes the route's",
					 SLICE_ARGS(d->name));
		else
			trust_section_route_verify(&reader, verify);
	}
	if (options)
		read_options(&reader, options);
	if (d->verify.plugin_name.n > 0 && !d->verify.plugin)
		config_error_key(diag, config->file, verify, "a plugin is named by a description, not by a route");
	if (arena_failed(d->arena))
		return -ENOMEM;
	return diag->errors == before ? 0 : -EINVAL;
}
