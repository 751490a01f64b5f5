/* describe.c - a description as a whole, see describe.h.
 *
 * The special difficulty: the vectors at the end of a file are most of it and nobody needs them at run time. So the
 * text is cut at the line "vectors:" before it is parsed, and that key must be the last of a description. */
#include "trust/describe.h"

#include "trust/scheme.h"

#include <errno.h>
#include <stdlib.h>

static const int64_t WINDOW_MS = 7LL * 24 * 60 * 60 * 1000;

enum { ARENA_LIMIT = 1024 * 1024 };

/* ---- the plain keys ---- */

static void read_name(struct trust_reader *reader, const struct config_node *node)
{
	struct slice name = SLICE_NONE;
	bool fine = true;

	trust_node_text(reader, node, &name);
	for (size_t i = 0; i < name.n; i++)
		fine &= (name.p[i] >= 'a' && name.p[i] <= 'z') || (name.p[i] >= '0' && name.p[i] <= '9') ||
			name.p[i] == '-';
	if (!fine || name.n > 64)
		config_error(reader->diag, reader->file, node,
			     "must be lower-case letters, digits and \"-\", at most 64");
	reader->into->name = name;
}

static void read_title(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_text(reader, node, &reader->into->title);
}

static void read_docs(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_text(reader, node, &reader->into->docs);
}

static void read_confidence(struct trust_reader *reader, const struct config_node *node)
{
	static const struct trust_choice choices[] = {
		{ "official", 0 }, { "documented", 1 }, { "third-party", 2 }, { "memory", 3 }, { "standard", 4 }
	};
	int known = -1;

	trust_node_choice(reader, node, choices, 5, &known);
	if (known >= 0)
		reader->into->confidence = slice_str(choices[known].name);
}

static void read_evidence(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_text(reader, node, &reader->into->evidence);
}

static void read_aliases(struct trust_reader *reader, const struct config_node *node)
{
	struct trust_description *into = reader->into;
	size_t room = node->kind == CONFIG_LIST ? node->count : 1;
	const struct config_node *item;

	into->aliases = arena_alloc(into->arena, room * sizeof(into->aliases[0]));
	if (!into->aliases)
		return;
	for (size_t i = 0; i < room && (item = trust_node_item(node, i)) != NULL; i++) {
		into->aliases[i] = SLICE_NONE;
		trust_node_text(reader, item, &into->aliases[i]);
		into->alias_count++;
	}
}

static void read_options(struct trust_reader *reader, const struct config_node *node)
{
	static const struct trust_choice choices[] = { { "id", TRUST_OPTION_ID },
						       { "type", TRUST_OPTION_TYPE },
						       { "header", TRUST_OPTION_HEADER },
						       { "prefix", TRUST_OPTION_PREFIX },
						       { "encoding", TRUST_OPTION_ENCODING } };
	const struct config_node *item;

	for (size_t i = 0; (item = trust_node_item(node, i)) != NULL; i++) {
		int option = 0;

		trust_node_choice(reader, item, choices, 5, &option);
		reader->into->options |= (unsigned)option;
	}
}

static void read_all(struct trust_reader *reader, const struct config_node *root)
{
	/* In this order, as header names in the later ones need the families of `verify`. */
	static const struct trust_key keys[] = {
		{ "name", read_name },
		{ "title", read_title },
		{ "aliases", read_aliases },
		{ "docs", read_docs },
		{ "confidence", read_confidence },
		{ "evidence", read_evidence },
		{ "options", read_options },
		{ "verify", trust_section_verify },
		{ "variants", trust_section_variants },
		{ "event", trust_section_event },
		{ "handshake", trust_section_handshakes },
		{ "answer", trust_section_answer },
		{ "refusal", trust_section_refusal },
		{ "sign", trust_section_sign },
	};

	trust_node_map(reader, root, keys, sizeof(keys) / sizeof(keys[0]));
	if (reader->into->name.n == 0)
		config_error(reader->diag, reader->file, root, "has no name");
	if (!config_node_get(root, SLICE("verify")))
		config_error(reader->diag, reader->file, root, "has no section `verify`");
}

/* "GET, POST": deliveries are POSTs, the other methods belong to handshakes. */
static struct slice allowed_methods(const struct trust_description *d)
{
	static const char *const methods[] = { "GET", "HEAD", "OPTIONS" };
	struct slice allow = SLICE("POST");

	for (size_t m = 3; m-- > 0;)
		for (size_t i = 0; i < d->handshake_count; i++)
			if (slice_eq(d->handshakes[i].method, slice_str(methods[m]))) {
				allow = arena_printf(d->arena, "%s, %.*s", methods[m], SLICE_ARGS(allow));
				break;
			}
	return allow;
}

struct slice trust_description_cut(struct slice text)
{
	static const struct slice mark = SLICE_LIT("vectors:");

	for (size_t at = 0; at < text.n;) {
		struct slice rest = slice_from(text, at);

		if (slice_starts(rest, mark))
			return slice_head(text, at);
		at += slice_index(rest, '\n') + 1;
	}
	return text;
}

static int read_tree(struct trust_description *d, struct config_diag *diag)
{
	struct trust_reader reader = { .diag = diag, .file = d->file, .into = d };
	const struct config_node *root;
	size_t before = diag->errors;
	int fault = config_tree_parse(d->source, d->file, diag, &d->tree);

	if (fault)
		return fault;
	root = config_tree_root(d->tree);
	if (root)
		read_all(&reader, root);
	else
		config_error_at(diag, d->file, 1, 1, "is empty");
	d->allow = allowed_methods(d);
	if (arena_failed(d->arena))
		return -ENOMEM;
	return diag->errors == before ? 0 : -EINVAL;
}

int trust_description_read(struct slice text, const char *file, struct config_diag *diag,
			   struct trust_description **out)
{
	struct trust_description *d = calloc(1, sizeof(*d));
	int fault = -ENOMEM;

	if (!d)
		return -ENOMEM;
	d->file = file;
	d->window_ms = WINDOW_MS;
	d->sample_content_type = SLICE("application/json");
	d->arena = arena_new(8192, ARENA_LIMIT);
	if (!d->arena)
		goto out;
	d->source = arena_copy(d->arena, trust_description_cut(text));
	if (arena_failed(d->arena))
		goto out;
	fault = read_tree(d, diag);
out:
	if (fault)
		trust_description_free(d);
	else
		*out = d;
	return fault;
}

void trust_description_free(struct trust_description *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->pointer_count; i++)
		json_pointer_free(d->pointers[i]);
	config_tree_free(d->tree);
	arena_free(d->arena);
	free(d);
}

/* ---- what a route may change ---- */

static void not_an_option(struct trust_reader *reader, const struct config_node *node)
{
	config_error_key(reader->diag, reader->file, node, "provider %.*s has no such option",
			 SLICE_ARGS(reader->into->name));
}

static bool has_option(struct trust_reader *reader, const struct config_node *node, enum trust_option option)
{
	if (reader->into->options & option)
		return true;
	not_an_option(reader, node);
	return false;
}

/* Is all of it read from the body, which is signed? Literal text is nobody's to change. */
static bool stands_in_body(const struct trust_source *source)
{
	for (size_t i = 0; i < source->count; i++)
		for (size_t k = 0; k < source->alternatives[i].count; k++) {
			enum trust_place_kind kind = source->alternatives[i].parts[k].place.kind;

			if (kind != TRUST_PLACE_POINTER && kind != TRUST_PLACE_FORM && kind != TRUST_PLACE_FIXED)
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
	if (has_option(reader, node, TRUST_OPTION_TYPE))
		trust_section_event_type(reader, node);
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

int trust_description_override(struct trust_description *d, const struct config_node *verify,
			       const struct config_node *options, const char *file, struct config_diag *diag)
{
	static const struct trust_key keys[] = { { "header", option_header },
						 { "prefix", option_prefix },
						 { "encoding", option_encoding },
						 { "id", option_id },
						 { "type", option_type } };
	struct trust_reader reader = { .diag = diag, .file = file, .into = d };
	size_t before = diag->errors;

	if (verify) {
		if (d->verify.scheme)
			config_error_key(diag, file, verify,
					 "provider %.*s brings its own; provider hmac takes the route's",
					 SLICE_ARGS(d->name));
		else
			trust_section_route_verify(&reader, verify);
	}
	if (options)
		trust_node_map(&reader, options, keys, sizeof(keys) / sizeof(keys[0]));
	if (arena_failed(d->arena))
		return -ENOMEM;
	return diag->errors == before ? 0 : -EINVAL;
}
