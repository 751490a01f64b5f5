/* describe_handshake.c - the section `handshake` of a description.
 *
 * The special difficulty: an answer to a handshake may hold what a stranger sent. Where it goes into JSON it must go
 * through the filter json, which the description has to say; plugins/README.md tells so, and the vectors of each
 * provider show it. */
#include "trust/template.h"

/* The one that is being read stands behind the last. */
static struct trust_handshake *newest(struct trust_reader *reader)
{
	return &reader->into->handshakes[reader->into->handshake_count];
}

static void read_name(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_text(reader, node, &newest(reader)->name);
}

static void read_method(struct trust_reader *reader, const struct config_node *node)
{
	static const char *const methods[] = { "GET", "HEAD", "OPTIONS", "POST" };
	static const struct trust_choice choices[] = { { "GET", 0 }, { "HEAD", 1 }, { "OPTIONS", 2 }, { "POST", 3 } };
	int value = 3;

	trust_node_choice(reader, node, choices, 4, &value);
	newest(reader)->method = slice_str(methods[value]);
}

static void read_signed(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_bool(reader, node, &newest(reader)->is_signed);
}

/* "*": is there; "!": is not; "{...}": what comes of it; else the text itself. */
static bool read_match(struct trust_reader *reader, const struct config_node *node, struct trust_match *match)
{
	bool templated;

	trust_node_text(reader, node, &match->text);
	if (!trust_place_read(reader, node, node->key, &match->place))
		return false;
	templated = slice_starts(match->text, SLICE("{")) && !slice_starts(match->text, SLICE("{{"));
	match->kind = slice_eq(match->text, SLICE("*"))		 ? TRUST_MATCH_PRESENT
		      : slice_eq(match->text, SLICE("!"))	 ? TRUST_MATCH_ABSENT
		      : slice_eq(match->text, SLICE("{secret}")) ? TRUST_MATCH_SECRET
		      : templated				 ? TRUST_MATCH_TEMPLATE
								 : TRUST_MATCH_TEXT;
	if (match->kind == TRUST_MATCH_TEMPLATE)
		trust_template_read(reader, node, match->text, &match->template);
	return true;
}

static void read_matches(struct trust_reader *reader, const struct config_node *node, struct trust_match *matches,
			 size_t *count, uint32_t *pointers)
{
	if (node->kind != CONFIG_MAP) {
		config_error(reader->diag, reader->file, node,
			     "must be a map of places and texts, such as "
			     "{ \"body:/type\": url_verification }");
		return;
	}
	for (const struct config_node *child = node->first; child; child = child->next) {
		struct trust_match *match = &matches[*count];

		if (*count == TRUST_MATCHES_MAX) {
			config_error(reader->diag, reader->file, child, "is one place too many");
			return;
		}
		*match = (struct trust_match){ .text = SLICE_NONE };
		if (!read_match(reader, child, match))
			return;
		*pointers |= trust_place_pointers(&match->place) | match->template.pointers;
		++*count;
	}
}

static void read_when(struct trust_reader *reader, const struct config_node *node)
{
	struct trust_handshake *handshake = newest(reader);

	read_matches(reader, node, handshake->matches, &handshake->match_count, &handshake->pointers);
}

void trust_section_require(struct trust_reader *reader, const struct config_node *node)
{
	struct trust_description *into = reader->into;

	read_matches(reader, node, into->required, &into->required_count, &into->required_pointers);
}

static void read_mismatch(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_status(reader, node, 400, 499, &newest(reader)->mismatch);
}

static void read_learn(struct trust_reader *reader, const struct config_node *node)
{
	trust_source_read(reader, node, &newest(reader)->learn);
	newest(reader)->pointers |= newest(reader)->learn.pointers;
}

static void read_handshake_status(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_status(reader, node, 200, 299, &newest(reader)->status);
}

static void read_handshake_type(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_text(reader, node, &newest(reader)->content_type);
}

static void read_handshake_body(struct trust_reader *reader, const struct config_node *node)
{
	struct slice text = SLICE_NONE;

	trust_node_any_text(reader, node, &text);
	trust_template_read(reader, node, text, &newest(reader)->body);
	newest(reader)->pointers |= newest(reader)->body.pointers;
}

static void read_handshake_headers(struct trust_reader *reader, const struct config_node *node)
{
	struct trust_handshake *handshake = newest(reader);

	if (node->kind != CONFIG_MAP || node->count > TRUST_ANSWER_HEADERS_MAX) {
		config_error(reader->diag, reader->file, node,
			     "must be a map of at most %d headers and their templates", TRUST_ANSWER_HEADERS_MAX);
		return;
	}
	for (const struct config_node *child = node->first; child; child = child->next) {
		struct trust_answer_header *header = &handshake->headers[handshake->header_count++];
		struct slice text = SLICE_NONE;

		*header = (struct trust_answer_header){ .name = child->key };
		trust_node_header_name(reader, child, child->key);
		trust_node_text(reader, child, &text);
		trust_template_read(reader, child, text, &header->value);
		handshake->pointers |= header->value.pointers;
	}
}

static void read_handshake_answer(struct trust_reader *reader, const struct config_node *node)
{
	static const struct trust_key keys[] = { { "status", read_handshake_status },
						 { "content_type", read_handshake_type },
						 { "body", read_handshake_body },
						 { "headers", read_handshake_headers } };

	trust_node_map(reader, node, keys, 4);
}

static bool has_mac(const struct trust_template *template)
{
	bool has = false;

	for (size_t i = 0; i < template->count; i++)
		for (size_t k = 0; k < template->parts[i].filter_count; k++)
			has |= template->parts[i].filters[k] == TRUST_FILTER_HMAC;
	return has;
}

static bool gives_mac(const struct trust_handshake *handshake)
{
	bool gives = has_mac(&handshake->body);

	for (size_t i = 0; i < handshake->header_count; i++)
		gives |= has_mac(&handshake->headers[i].value);
	return gives && !handshake->is_signed;
}

void trust_section_handshakes(struct trust_reader *reader, const struct config_node *node)
{
	static const struct trust_key keys[] = { { "name", read_name },
						 { "method", read_method },
						 { "signed", read_signed },
						 { "when", read_when },
						 { "mismatch", read_mismatch },
						 { "learn", read_learn },
						 { "answer", read_handshake_answer } };

	if (node->kind != CONFIG_LIST || node->count > TRUST_HANDSHAKES_MAX) {
		config_error(reader->diag, reader->file, node, "must be a list of at most %d", TRUST_HANDSHAKES_MAX);
		return;
	}
	reader->into->handshakes = arena_alloc(reader->into->arena, node->count * sizeof(reader->into->handshakes[0]));
	if (!reader->into->handshakes)
		return;
	for (const struct config_node *item = node->first; item; item = item->next) {
		*newest(reader) = (struct trust_handshake){ .method = SLICE("POST"), .is_signed = true, .status = 200 };
		trust_node_map(reader, item, keys, sizeof(keys) / sizeof(keys[0]));
		if (newest(reader)->name.n == 0)
			config_error(reader->diag, reader->file, item, "has no name");
		/* Anything else would swallow every delivery. */
		if (newest(reader)->match_count == 0 && slice_eq(newest(reader)->method, SLICE("POST")))
			config_error(reader->diag, reader->file, item,
				     "says nothing about when it is a handshake: `when` is missing");
		if (newest(reader)->learn.count > 0 && newest(reader)->is_signed)
			config_error(reader->diag, reader->file, item,
				     "learns a secret that it is signed with: say signed: false");
		reader->into->gives_macs |= gives_mac(newest(reader));
		reader->into->handshake_count++;
	}
}
