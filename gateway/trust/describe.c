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
		{ "options", trust_section_options },
		{ "verify", trust_section_verify },
		{ "require", trust_section_require },
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
	for (size_t i = 0; i < d->inner_pointer_count; i++)
		json_pointer_free(d->inner_pointers[i]);
	for (size_t i = 0; i < d->own_option_count; i++)
		if (d->own_options[i].value.n > 0)
			explicit_bzero((void *)(uintptr_t)d->own_options[i].value.p, d->own_options[i].value.n);
	config_tree_free(d->tree);
	arena_free(d->arena);
	free(d);
}
