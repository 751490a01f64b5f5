/* describe_event.c - the sections `event`, `handshake`, `answer`, `refusal` and `sign` of a description.
 *
 * The special difficulty: an answer to a handshake may hold what a stranger sent. Where it goes into JSON it must go
 * through the filter json, which the description has to say; plugins/README.md tells so, and the vectors of each
 * provider show it. */
#include "trust/template.h"

/* ---- event ---- */

void trust_section_event_id(struct trust_reader *reader, const struct config_node *node)
{
	trust_source_read(reader, node, &reader->into->id);
}

void trust_section_event_type(struct trust_reader *reader, const struct config_node *node)
{
	trust_source_read(reader, node, &reader->into->type);
}

void trust_section_event_id_signed(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_bool(reader, node, &reader->into->id_signed);
}

void trust_section_event_window(struct trust_reader *reader, const struct config_node *node)
{
	int64_t window_ms = 0;

	trust_node_duration(reader, node, &window_ms);
	if (window_ms < 1000)
		config_error(reader->diag, reader->file, node, "must be at least 1s");
	else
		reader->into->window_ms = window_ms;
}

void trust_section_event(struct trust_reader *reader, const struct config_node *node)
{
	static const struct trust_key keys[] = { { "id", trust_section_event_id },
						 { "type", trust_section_event_type },
						 { "id_signed", trust_section_event_id_signed },
						 { "window", trust_section_event_window } };

	trust_node_map(reader, node, keys, sizeof(keys) / sizeof(keys[0]));
}

/* ---- handshake ---- */

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

static void read_when(struct trust_reader *reader, const struct config_node *node)
{
	struct trust_handshake *handshake = newest(reader);

	if (node->kind != CONFIG_MAP) {
		config_error(reader->diag, reader->file, node,
			     "must be a map of places and texts, such as "
			     "{ \"body:/type\": url_verification }");
		return;
	}
	for (const struct config_node *child = node->first; child; child = child->next) {
		struct trust_match *match = &handshake->matches[handshake->match_count];

		if (handshake->match_count == TRUST_MATCHES_MAX) {
			config_error(reader->diag, reader->file, child, "is one place too many");
			return;
		}
		*match = (struct trust_match){ .text = SLICE_NONE };
		trust_node_text(reader, child, &match->text);
		if (!trust_place_read(reader, child, child->key, &match->place))
			return;
		if (match->place.kind == TRUST_PLACE_POINTER)
			handshake->pointers |= 1U << match->place.pointer;
		handshake->match_count++;
	}
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
}

static void read_handshake_answer(struct trust_reader *reader, const struct config_node *node)
{
	static const struct trust_key keys[] = { { "status", read_handshake_status },
						 { "content_type", read_handshake_type },
						 { "body", read_handshake_body } };

	trust_node_map(reader, node, keys, 3);
}

void trust_section_handshakes(struct trust_reader *reader, const struct config_node *node)
{
	static const struct trust_key keys[] = { { "name", read_name },
						 { "method", read_method },
						 { "signed", read_signed },
						 { "when", read_when },
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
		reader->into->handshake_count++;
	}
}

/* ---- answer and refusal ---- */

static void read_answer_status(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_status(reader, node, 200, 299, &reader->into->answer_status);
}

static void read_answer_body(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_any_text(reader, node, &reader->into->answer_body);
}

static void read_answer_type(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_text(reader, node, &reader->into->answer_content_type);
}

void trust_section_answer(struct trust_reader *reader, const struct config_node *node)
{
	static const struct trust_key keys[] = { { "status", read_answer_status },
						 { "body", read_answer_body },
						 { "content_type", read_answer_type } };

	reader->into->answer_status = 200;
	trust_node_map(reader, node, keys, 3);
}

static void refuse(struct trust_reader *reader, const struct config_node *node, enum trust_result result)
{
	trust_node_status(reader, node, 400, 599, &reader->into->refusals[result]);
}

static void read_missing(struct trust_reader *reader, const struct config_node *node)
{
	refuse(reader, node, TRUST_SIGNATURE_MISSING);
}

static void read_mismatch(struct trust_reader *reader, const struct config_node *node)
{
	refuse(reader, node, TRUST_SIGNATURE_MISMATCH);
}

static void read_stale(struct trust_reader *reader, const struct config_node *node)
{
	refuse(reader, node, TRUST_TIMESTAMP_OUT_OF_TOLERANCE);
}

static void read_malformed(struct trust_reader *reader, const struct config_node *node)
{
	refuse(reader, node, TRUST_MALFORMED_REQUEST);
}

void trust_section_refusal(struct trust_reader *reader, const struct config_node *node)
{
	static const struct trust_key keys[] = { { "signature_missing", read_missing },
						 { "signature_mismatch", read_mismatch },
						 { "timestamp_out_of_tolerance", read_stale },
						 { "malformed_request", read_malformed } };

	trust_node_map(reader, node, keys, 4);
}

/* ---- sign ---- */

static void read_sample(struct trust_reader *reader, const struct config_node *node)
{
	struct slice text = SLICE_NONE;

	trust_node_any_text(reader, node, &text);
	trust_template_read(reader, node, text, &reader->into->sample);
	if (reader->into->sample.pointers || trust_template_has(&reader->into->sample, TRUST_PLACE_BODY))
		config_error(reader->diag, reader->file, node,
			     "cannot read a body: it makes one; accepted are {id}, {type}, {now}");
}

static void read_sample_type(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_text(reader, node, &reader->into->sample_content_type);
}

void trust_section_sign(struct trust_reader *reader, const struct config_node *node)
{
	static const struct trust_key keys[] = { { "sample", read_sample }, { "content_type", read_sample_type } };

	trust_node_map(reader, node, keys, 2);
}
