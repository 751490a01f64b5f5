/* describe_event.c - the sections `event`, `answer`, `refusal` and `sign` of a description.
 *
 * The special difficulty: what is said here decides what the world is told of a delivery, so nothing in it may depend on
 * the delivery: answers and refusals are fixed texts. */
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

static void read_detail(struct trust_reader *reader, const struct config_node *node)
{
	trust_source_read(reader, node, &reader->into->detail);
}

void trust_section_event_id_signed(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_bool(reader, node, &reader->into->id_signed);
}

static void read_guard(struct trust_reader *reader, const struct config_node *node)
{
	bool guard = true;

	trust_node_bool(reader, node, &guard);
	reader->into->no_guard = !guard;
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
	static const struct trust_key keys[] = {
		{ "id", trust_section_event_id }, { "type", trust_section_event_type },
		{ "detail", read_detail },	  { "id_signed", trust_section_event_id_signed },
		{ "guard", read_guard },	  { "window", trust_section_event_window }
	};

	trust_node_map(reader, node, keys, sizeof(keys) / sizeof(keys[0]));
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

static void read_answer_headers(struct trust_reader *reader, const struct config_node *node)
{
	struct trust_description *into = reader->into;

	if (node->kind != CONFIG_MAP || node->count > TRUST_ANSWER_HEADERS_MAX) {
		config_error(reader->diag, reader->file, node, "must be a map of at most %d headers",
			     TRUST_ANSWER_HEADERS_MAX);
		return;
	}
	for (const struct config_node *child = node->first; child; child = child->next) {
		struct header *header = &into->answer_headers[into->answer_header_count++];

		*header = (struct header){ .name = child->key };
		trust_node_header_name(reader, child, child->key);
		trust_node_text(reader, child, &header->value);
	}
}

void trust_section_answer(struct trust_reader *reader, const struct config_node *node)
{
	static const struct trust_key keys[] = { { "status", read_answer_status },
						 { "body", read_answer_body },
						 { "content_type", read_answer_type },
						 { "headers", read_answer_headers } };

	reader->into->answer_status = 200;
	trust_node_map(reader, node, keys, 4);
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

static void read_refusal_body(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_any_text(reader, node, &reader->into->refusal_body);
	reader->into->refusal_has_body = true;
}

static void read_refusal_type(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_text(reader, node, &reader->into->refusal_content_type);
}

void trust_section_refusal(struct trust_reader *reader, const struct config_node *node)
{
	static const struct trust_key keys[] = { { "signature_missing", read_missing },
						 { "signature_mismatch", read_mismatch },
						 { "timestamp_out_of_tolerance", read_stale },
						 { "malformed_request", read_malformed },
						 { "body", read_refusal_body },
						 { "content_type", read_refusal_type } };

	trust_node_map(reader, node, keys, 6);
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
