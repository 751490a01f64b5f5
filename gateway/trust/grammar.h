/* grammar.h - reading the nodes of a description: maps with known keys, texts, choices, durations. For describe*.c
 * only.
 *
 * Every reader adds a finding and leaves its output alone when the node is not what it must be; whether all went well
 * is asked once, at the end, of the diag. */
#ifndef HOOKGATE_TRUST_GRAMMAR_H
#define HOOKGATE_TRUST_GRAMMAR_H

#include "trust/describe.h"

struct trust_reader {
	struct config_diag *diag;
	const char *file;
	const char *folder; /* where relative paths of references start; NULL: there are none */
	struct trust_description *into;
	bool key_allowed; /* {key} may stand in the template that is read now */
};

struct trust_key {
	const char *name;
	void (*read)(struct trust_reader *reader, const struct config_node *node);
};

struct trust_choice {
	const char *name;
	int value;
};

/* Calls the reader of each key that is there, in the order of the table; a key that is not in the table, or has no
 * value, is an error. */
void trust_node_map(struct trust_reader *reader, const struct config_node *node, const struct trust_key *keys,
		    size_t count);

/* Text that is not empty, without control characters. */
void trust_node_text(struct trust_reader *reader, const struct config_node *node, struct slice *out);

/* Text that may be anything. */
void trust_node_any_text(struct trust_reader *reader, const struct config_node *node, struct slice *out);

/* The name of a header that an answer may have: not one that the transport sets. */
void trust_node_header_name(struct trust_reader *reader, const struct config_node *node, struct slice name);

/* One byte of text. */
void trust_node_byte(struct trust_reader *reader, const struct config_node *node, unsigned char *out);

/* One of the names; *out is its value. */
void trust_node_choice(struct trust_reader *reader, const struct config_node *node, const struct trust_choice *choices,
		       size_t count, int *out);

void trust_node_bool(struct trust_reader *reader, const struct config_node *node, bool *out);

/* Up to 366 days; "none" gives -1. */
void trust_node_duration(struct trust_reader *reader, const struct config_node *node, int64_t *out_ms);

/* A whole number within [low, high]. */
void trust_node_number(struct trust_reader *reader, const struct config_node *node, unsigned low, unsigned high,
		       unsigned *out);

/* An HTTP status within [low, high]. */
void trust_node_status(struct trust_reader *reader, const struct config_node *node, unsigned low, unsigned high,
		       unsigned *out);

/* The nth item when node is a list, node itself when it is a scalar and n is 0, else NULL. */
const struct config_node *trust_node_item(const struct config_node *node, size_t n);

/* What of algorithm, key and {key} does not go together; NULL: nothing. The scheme is known. */
const char *trust_judge_key(const struct trust_verify *verify);

/* The same of tokens, and how much of the body they cover where nothing is said. */
const char *trust_judge_jwt(const struct trust_verify *verify);
enum trust_cover trust_jwt_cover(const struct trust_verify *verify);

/* The sections, one per describe_*.c. */
void trust_section_verify(struct trust_reader *reader, const struct config_node *node);
void trust_section_algorithm(struct trust_reader *reader, const struct config_node *node);
void trust_section_key(struct trust_reader *reader, const struct config_node *node);
void trust_section_key_prefix(struct trust_reader *reader, const struct config_node *node);
void trust_section_jwt(struct trust_reader *reader, const struct config_node *node);
void trust_section_signature_form(struct trust_reader *reader, const struct config_node *node);
void trust_section_route_verify(struct trust_reader *reader, const struct config_node *node);
void trust_section_options(struct trust_reader *reader, const struct config_node *node);
void trust_section_signature(struct trust_reader *reader, const struct config_node *node);
void trust_section_timestamp(struct trust_reader *reader, const struct config_node *node);
void trust_section_keys(struct trust_reader *reader, const struct config_node *node);
void trust_section_signature_place(struct trust_reader *reader, const struct config_node *node);
void trust_section_signature_prefix(struct trust_reader *reader, const struct config_node *node);
void trust_section_signature_encoding(struct trust_reader *reader, const struct config_node *node);
void trust_section_require(struct trust_reader *reader, const struct config_node *node);
void trust_section_variants(struct trust_reader *reader, const struct config_node *node);
void trust_section_event(struct trust_reader *reader, const struct config_node *node);
void trust_section_event_id(struct trust_reader *reader, const struct config_node *node);
void trust_section_event_type(struct trust_reader *reader, const struct config_node *node);
void trust_section_event_id_signed(struct trust_reader *reader, const struct config_node *node);
void trust_section_event_window(struct trust_reader *reader, const struct config_node *node);
void trust_section_handshakes(struct trust_reader *reader, const struct config_node *node);
void trust_section_answer(struct trust_reader *reader, const struct config_node *node);
void trust_section_refusal(struct trust_reader *reader, const struct config_node *node);
void trust_section_sign(struct trust_reader *reader, const struct config_node *node);

#endif
