/* describe_verify.c - the section `verify` of a description, which may also stand in a route.
 *
 * The special difficulty: what makes a scheme unsafe is a combination of keys, not one of them: a timestamp that is
 * checked but not signed, a signed text without the body that claims to cover it. judge_whole() looks at them
 * together. */
#include "trust/scheme.h"

static struct trust_verify *verify_of(struct trust_reader *reader)
{
	return &reader->into->verify;
}

static void read_plugin(struct trust_reader *reader, const struct config_node *node)
{
	struct trust_verify *verify = verify_of(reader);

	trust_node_text(reader, node, &verify->plugin_name);
	verify->plugin_line = node->line;
	verify->plugin_column = node->column;
}

static void read_families(struct trust_reader *reader, const struct config_node *node)
{
	struct trust_verify *verify = verify_of(reader);
	const struct config_node *item;
	size_t n = 0;

	while ((item = trust_node_item(node, n)) != NULL && n < TRUST_FAMILIES_MAX)
		trust_node_any_text(reader, item, &verify->families[n++]);
	if (item || n == 0)
		config_error(reader->diag, reader->file, node, "must have 1 to %d beginnings of header names",
			     TRUST_FAMILIES_MAX);
	else
		verify->family_count = n;
}

/* ---- the rest ---- */

static void read_signed(struct trust_reader *reader, const struct config_node *node)
{
	struct trust_template *text = &verify_of(reader)->signed_text;
	struct slice written = SLICE_NONE;

	trust_node_any_text(reader, node, &written);
	reader->key_allowed = true;
	trust_template_read(reader, node, written, text);
	reader->key_allowed = false;
	if (trust_template_has(text, TRUST_PLACE_ID) || trust_template_has(text, TRUST_PLACE_TYPE) ||
	    trust_template_has(text, TRUST_PLACE_NOW))
		config_error(reader->diag, reader->file, node,
			     "id, type and now are for samples; say where it stands, such as {header:X-Id}");
}

static void read_inflate(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_bool(reader, node, &verify_of(reader)->inflate);
}

static void read_covered(struct trust_reader *reader, const struct config_node *node)
{
	static const struct trust_choice choices[] = { { "full", TRUST_COVER_FULL },
						       { "partial", TRUST_COVER_PARTIAL },
						       { "none", TRUST_COVER_NONE } };
	int value = TRUST_COVER_NONE;

	trust_node_choice(reader, node, choices, 3, &value);
	verify_of(reader)->covered = (enum trust_cover)value;
}

static void set_defaults(struct trust_verify *verify)
{
	*verify = (struct trust_verify){ .families = { SLICE_LIT("") },
					 .family_count = 1,
					 .signature = { .assign = '=' },
					 .timestamp_grammar = { .assign = '=' },
					 .tolerance_ms = 5 * 60 * 1000,
					 .future_ms = 5 * 60 * 1000 };
}

/* All but the last four stand in descriptions, all of them in a route, which has no section `event`. */
static const struct trust_key section_keys[] = {
	{ "algorithm", trust_section_algorithm },
	{ "key", trust_section_key },
	{ "keys", trust_section_keys },
	{ "key_prefix", trust_section_key_prefix },
	{ "families", read_families },
	{ "signature", trust_section_signature },
	{ "timestamp", trust_section_timestamp },
	{ "signed", read_signed },
	{ "jwt", trust_section_jwt },
	{ "covered", read_covered },
	{ "inflate", read_inflate },
	{ "plugin", read_plugin },
	{ "id", trust_section_event_id },
	{ "type", trust_section_event_type },
	{ "id_signed", trust_section_event_id_signed },
	{ "window", trust_section_event_window },
};

enum { ROUTE_KEYS = sizeof(section_keys) / sizeof(section_keys[0]), VERIFY_KEYS = ROUTE_KEYS - 4 };

static enum trust_cover cover_of(const struct trust_template *signed_text)
{
	if (signed_text->count == 0)
		return TRUST_COVER_NONE;
	return trust_template_covers(signed_text, TRUST_PLACE_BODY) ? TRUST_COVER_FULL : TRUST_COVER_PARTIAL;
}

static bool timestamp_is_signed(const struct trust_verify *verify)
{
	bool in_body = verify->timestamp.kind == TRUST_PLACE_POINTER || verify->timestamp.kind == TRUST_PLACE_FORM;
	bool in_url = verify->timestamp.kind == TRUST_PLACE_QUERY;

	return trust_template_has(&verify->signed_text, TRUST_PLACE_TIMESTAMP) ||
	       (in_body && trust_template_covers(&verify->signed_text, TRUST_PLACE_BODY)) ||
	       (in_url && (trust_template_covers(&verify->signed_text, TRUST_PLACE_URL) ||
			   trust_template_covers(&verify->signed_text, TRUST_PLACE_TARGET) ||
			   trust_template_covers(&verify->signed_text, TRUST_PLACE_QUERIES)));
}

/* What a plugin proves, it finds by itself. */
static const char *judge_plugin(const struct trust_verify *verify, const struct config_node *node)
{
	if (verify->scheme != &trust_scheme_plugin)
		return "names a plugin, but its algorithm is another";
	if (verify->plugin_name.n == 0)
		return "does not name its plugin";
	if (verify->signature_count > 0 || verify->signed_text.count > 0)
		return "says where the signature stands or what is signed, which its plugin knows";
	if (!config_node_get(node, SLICE("covered")))
		return "does not say how much of the body is covered: full, partial or none";
	return NULL;
}

static void judge_whole(struct trust_reader *reader, const struct config_node *node)
{
	const struct trust_verify *verify = verify_of(reader);
	const char *wrong = NULL;

	if (!verify->scheme)
		wrong = "has no (known) algorithm";
	else if (verify->scheme == &trust_scheme_plugin || verify->plugin_name.n > 0)
		wrong = judge_plugin(verify, node);
	else if (verify->jwt || verify->scheme == &trust_scheme_jwt)
		wrong = trust_judge_jwt(verify);
	else if (verify->scheme->keyed && verify->signature_count == 0)
		wrong = "does not say where the signature stands: signature.header, .query or .at";
	else if (!verify->scheme->keyed && verify->signature_count > 0)
		wrong = "has a signature, but its algorithm looks at none";
	else if (verify->scheme->texted && verify->signed_text.count == 0)
		wrong = "does not say what is signed, such as signed: \"{timestamp}.{body}\"";
	else if (!verify->scheme->texted && (verify->signed_text.count > 0 || verify->covered != TRUST_COVER_NONE))
		wrong = "says that a text is signed, but its algorithm signs none";
	else if (verify->has_timestamp && !timestamp_is_signed(verify))
		wrong = "has a timestamp that is not part of the signed text: anybody could change it";
	else if (!verify->has_timestamp && trust_template_has(&verify->signed_text, TRUST_PLACE_TIMESTAMP))
		wrong = "signs {timestamp}, but does not say where it stands";
	else if ((verify->numbered || verify->repeated || verify->groups) &&
		 (verify->signature_count != 1 || verify->signatures[0].kind != TRUST_PLACE_HEADER))
		wrong = "has several signatures in another place than one header";
	else if ((verify->numbered > 0) + verify->repeated + (verify->groups > 0) > 1)
		wrong = "has several signatures in more than one way: one of numbered, repeated and groups";
	else if (verify->published.url.count > 0 && !verify->scheme->is_public)
		wrong = "has keys that anybody can read, but its algorithm checks with a secret";
	else
		wrong = trust_judge_key(verify);
	if (wrong)
		config_error(reader->diag, reader->file, node, "%s", wrong);
}

static void read_section(struct trust_reader *reader, const struct config_node *node, size_t keys)
{
	struct trust_verify *verify = verify_of(reader);

	set_defaults(verify);
	trust_node_map(reader, node, section_keys, keys);
	if (!config_node_get(node, SLICE("covered")))
		verify->covered = verify->jwt ? trust_jwt_cover(verify) : cover_of(&verify->signed_text);
	judge_whole(reader, node);
}

void trust_section_verify(struct trust_reader *reader, const struct config_node *node)
{
	if (node->kind == CONFIG_SCALAR && slice_eq(node->text, SLICE("route")))
		set_defaults(verify_of(reader));
	else
		read_section(reader, node, VERIFY_KEYS);
}

void trust_section_route_verify(struct trust_reader *reader, const struct config_node *node)
{
	read_section(reader, node, ROUTE_KEYS);
}
