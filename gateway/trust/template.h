/* template.h - text put together from values: what is signed, an id of several parts, the body of an answer.
 *
 * "v0:{timestamp}:{body}" is compiled once into parts and, per delivery, resolved into slices: nothing is joined or
 * copied on the way to the MAC. "{{" and "}}" are braces. A part is a place and at most four filters:
 * {body:/challenge|json}, {body:/payload/plainToken|hmac|hex}. "{?id:{header:X-Id};}" is left out as a whole when what
 * it names is not there. */
#ifndef HOOKGATE_TRUST_TEMPLATE_H
#define HOOKGATE_TRUST_TEMPLATE_H

#include "trust/place.h"

struct trust_parts {
	struct slice p[TRUST_PARTS_MAX];
	size_t n;
};

/* Compiles; or adds a finding at the node and leaves *out alone. */
void trust_template_read(struct trust_reader *reader, const struct config_node *node, struct slice text,
			 struct trust_template *out);

/* One template, or a list of alternatives, or `none`; a text without braces is a single place. */
void trust_source_read(struct trust_reader *reader, const struct config_node *node, struct trust_source *out);

/* The parts' bytes, in the request, the description or the arena. What it needs of a JSON body must have been looked
 * up. When it is not FOUND, *culprit is the place where it failed. */
enum trust_found trust_template_resolve(const struct trust_template *template, struct trust_reading *reading,
					struct trust_parts *out, const struct trust_place **culprit)
	__attribute__((warn_unused_result));

/* Resolved and joined in the arena; a single part is not copied. */
enum trust_found trust_template_join(const struct trust_template *template, struct trust_reading *reading,
				     struct slice *out) __attribute__((warn_unused_result));

/* Does a part stand for that place, without filters, and always? */
bool trust_template_has(const struct trust_template *template, enum trust_place_kind kind);

/* Does a change of what stands in that place always change the text: is it a part as it is, or through filters that no
 * two texts go through alike (a hash, not a checksum)? */
bool trust_template_covers(const struct trust_template *template, enum trust_place_kind kind);

/* How many bytes there are in all. */
size_t trust_parts_length(const struct trust_parts *parts);

/* Joined in the arena; a single part is not copied. */
struct slice trust_parts_join(const struct trust_parts *parts, struct arena *arena);

#endif
