/* describe_signature.c - where signature and timestamp stand, and how several values share one place.
 *
 * The special difficulty: a description is written from a vendor's page by somebody who has not read this code. So every
 * key means one thing whatever else is said, and which of them may stand together is judged in describe_verify.c. */
#include "base/num.h"
#include "trust/place.h"

static struct trust_verify *verify_of(struct trust_reader *reader)
{
	return &reader->into->verify;
}

/* Names of one kind, or with FIXED for `kind` places of any. */
static void add_signature(struct trust_reader *reader, const struct config_node *node, enum trust_place_kind kind)
{
	struct trust_verify *verify = verify_of(reader);
	const struct config_node *item;

	verify->signature_count = 0;
	while ((item = trust_node_item(node, verify->signature_count)) != NULL) {
		struct trust_place *place = &verify->signatures[verify->signature_count];
		struct slice name = SLICE_NONE;

		if (verify->signature_count == TRUST_SIGNATURES_MAX) {
			config_error(reader->diag, reader->file, node, "has more than %d names", TRUST_SIGNATURES_MAX);
			return;
		}
		trust_node_text(reader, item, &name);
		if (name.n == 0)
			return;
		*place = (struct trust_place){ .text = name };
		if (kind != TRUST_PLACE_FIXED)
			trust_place_named(reader, kind, name, place);
		else if (!trust_place_read(reader, item, name, place))
			return;
		verify->signature_count++;
	}
}

void trust_section_signature_place(struct trust_reader *reader, const struct config_node *node)
{
	add_signature(reader, node, TRUST_PLACE_HEADER);
}

static void read_signature_query(struct trust_reader *reader, const struct config_node *node)
{
	add_signature(reader, node, TRUST_PLACE_QUERY);
}

static void read_signature_at(struct trust_reader *reader, const struct config_node *node)
{
	add_signature(reader, node, TRUST_PLACE_FIXED);
}

void trust_section_signature_prefix(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_any_text(reader, node, &verify_of(reader)->signature.prefix);
}

static void read_signature_list(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_byte(reader, node, &verify_of(reader)->signature.list);
}

static void read_signature_field(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_text(reader, node, &verify_of(reader)->signature.field);
}

static void read_signature_assign(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_byte(reader, node, &verify_of(reader)->signature.assign);
}

/* "2" is one item, "2+" is that and all behind it. */
static void read_position(struct trust_reader *reader, const struct config_node *node, struct trust_grammar *grammar)
{
	struct slice text = SLICE_NONE;
	uint64_t position = 0;

	trust_node_text(reader, node, &text);
	grammar->onward = text.n > 0 && text.p[text.n - 1] == '+';
	if (!num_parse_u64(slice_head(text, text.n - grammar->onward), 16, &position) || position == 0)
		config_error(reader->diag, reader->file, node,
			     "must be a place from 1 to 16, or \"2+\" for that and on");
	grammar->position = (size_t)position;
}

static void read_signature_position(struct trust_reader *reader, const struct config_node *node)
{
	read_position(reader, node, &verify_of(reader)->signature);
}

static void read_signature_behind(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_byte(reader, node, &verify_of(reader)->signature.behind);
}

static void read_signature_length(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_number(reader, node, 1, 4096, &verify_of(reader)->signature.length);
}

static void read_signature_groups(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_byte(reader, node, &verify_of(reader)->groups);
}

static void read_signature_numbered(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_number(reader, node, 1, 100, &verify_of(reader)->numbered);
}

static void read_signature_repeated(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_bool(reader, node, &verify_of(reader)->repeated);
}

void trust_section_signature_encoding(struct trust_reader *reader, const struct config_node *node)
{
	static const struct trust_choice choices[] = { { "hex", TRUST_ENCODING_HEX },
						       { "base64", TRUST_ENCODING_BASE64 },
						       { "base64url", TRUST_ENCODING_BASE64URL },
						       { "text", TRUST_ENCODING_TEXT } };
	int value = TRUST_ENCODING_HEX;

	trust_node_choice(reader, node, choices, 4, &value);
	verify_of(reader)->encoding = (enum trust_encoding)value;
}

void trust_section_signature(struct trust_reader *reader, const struct config_node *node)
{
	static const struct trust_key keys[] = { { "header", trust_section_signature_place },
						 { "query", read_signature_query },
						 { "at", read_signature_at },
						 { "numbered", read_signature_numbered },
						 { "repeated", read_signature_repeated },
						 { "groups", read_signature_groups },
						 { "position", read_signature_position },
						 { "behind", read_signature_behind },
						 { "prefix", trust_section_signature_prefix },
						 { "length", read_signature_length },
						 { "list", read_signature_list },
						 { "field", read_signature_field },
						 { "assign", read_signature_assign },
						 { "encoding", trust_section_signature_encoding },
						 { "form", trust_section_signature_form } };

	trust_node_map(reader, node, keys, sizeof(keys) / sizeof(keys[0]));
}

static void read_timestamp_header(struct trust_reader *reader, const struct config_node *node)
{
	struct slice name = SLICE_NONE;

	trust_node_text(reader, node, &name);
	verify_of(reader)->timestamp = (struct trust_place){ .text = name };
	trust_place_named(reader, TRUST_PLACE_HEADER, name, &verify_of(reader)->timestamp);
	verify_of(reader)->has_timestamp = name.n > 0;
}

static void read_timestamp_at(struct trust_reader *reader, const struct config_node *node)
{
	struct slice text = SLICE_NONE;

	trust_node_text(reader, node, &text);
	verify_of(reader)->has_timestamp =
		text.n > 0 && trust_place_read(reader, node, text, &verify_of(reader)->timestamp);
}

static void read_timestamp_list(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_byte(reader, node, &verify_of(reader)->timestamp_grammar.list);
}

static void read_timestamp_field(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_text(reader, node, &verify_of(reader)->timestamp_grammar.field);
}

static void read_timestamp_position(struct trust_reader *reader, const struct config_node *node)
{
	read_position(reader, node, &verify_of(reader)->timestamp_grammar);
}

static void read_timestamp_assign(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_byte(reader, node, &verify_of(reader)->timestamp_grammar.assign);
}

static void read_timestamp_unit(struct trust_reader *reader, const struct config_node *node)
{
	static const struct trust_choice choices[] = { { "seconds", TRUST_UNIT_SECONDS },
						       { "milliseconds", TRUST_UNIT_MILLISECONDS },
						       { "rfc3339", TRUST_UNIT_RFC3339 },
						       { "http-date", TRUST_UNIT_HTTP_DATE } };
	int value = TRUST_UNIT_SECONDS;

	trust_node_choice(reader, node, choices, 4, &value);
	verify_of(reader)->unit = (enum trust_unit)value;
}

static void read_tolerance(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_duration(reader, node, &verify_of(reader)->tolerance_ms);
	verify_of(reader)->future_ms = verify_of(reader)->tolerance_ms;
}

static void read_future(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_duration(reader, node, &verify_of(reader)->future_ms);
}

void trust_section_timestamp(struct trust_reader *reader, const struct config_node *node)
{
	static const struct trust_key keys[] = { { "header", read_timestamp_header },
						 { "at", read_timestamp_at },
						 { "list", read_timestamp_list },
						 { "field", read_timestamp_field },
						 { "assign", read_timestamp_assign },
						 { "position", read_timestamp_position },
						 { "unit", read_timestamp_unit },
						 { "tolerance", read_tolerance },
						 { "future", read_future } };

	trust_node_map(reader, node, keys, sizeof(keys) / sizeof(keys[0]));
}
