/* place.h - where a value stands in a request, and finding it there.
 *
 * The special difficulty: values come from strangers and decide what is trusted, so a header or parameter that stands
 * twice is told apart from one that is there and one that is not: two programs behind us could each take another
 * one. */
#ifndef HOOKGATE_TRUST_PLACE_H
#define HOOKGATE_TRUST_PLACE_H

#include "trust/describe.h"
#include "trust/grammar.h"

enum trust_found {
	TRUST_FOUND,
	TRUST_ABSENT,
	TRUST_REPEATED,
	TRUST_UNREADABLE /* it is there and broken: a wrong percent escape, a lone surrogate */
};

/* One look at one request; on the stack of whoever looks. */
struct trust_reading {
	const struct trust_description *description;
	const struct request *request;
	struct arena *arena;
	size_t family;
	struct slice timestamp; /* as sent; empty while it is not known */
	struct slice id, type;	/* for TRUST_PLACE_ID and _TYPE */
	int64_t now_ms;
	const struct trust_verifier *verifier; /* for the public URL and the filter hmac; may be NULL */
	struct trust_lane *lane;	       /* with `secret` for the filter hmac, else NULL */
	size_t secret;
	bool unproven;				      /* the filter hmac may only see what cannot be a delivery */
	uint32_t looked_up;			      /* pointers whose values are known */
	struct json_value values[TRUST_POINTERS_MAX]; /* only those that were looked up are anything */
};

/* All of it empty but for these; the values are left alone, for they are many and a delivery is read several times. */
static inline void trust_reading_begin(struct trust_reading *reading, const struct trust_description *description,
				       const struct request *request, struct arena *arena,
				       const struct trust_verifier *verifier)
{
	memset(reading, 0, offsetof(struct trust_reading, values));
	reading->description = description;
	reading->request = request;
	reading->arena = arena;
	reading->verifier = verifier;
}

/* What the place `key` resolves to: not the secret, but the text "{key}" at this one address, so that the signed text
 * can be shown. A scheme that hashes the secret puts it in its place (scheme_hash.c). */
extern const struct slice trust_key_mark;

/* Reads a place as plugins/README.md lists them, with "||" between alternatives. False with a finding at the node. */
bool trust_place_read(struct trust_reader *reader, const struct config_node *node, struct slice text,
		      struct trust_place *place) __attribute__((warn_unused_result));

/* A header, parameter or field of that name; "*" at its beginning stands for the family. */
void trust_place_named(struct trust_reader *reader, enum trust_place_kind kind, struct slice name,
		       struct trust_place *place);

/* Which of the description's pointers it needs. */
uint32_t trust_place_pointers(const struct trust_place *place);

/* Is it, or one of its alternatives, of that kind? */
bool trust_place_is(const struct trust_place *place, enum trust_place_kind kind);

/* The value, in the request or the arena. Pointers must have been looked up before. *out is written when FOUND. */
enum trust_found trust_place_find(const struct trust_place *place, struct trust_reading *reading, struct slice *out);

/* Looks up those of the description's pointers that are not known yet, in one walk. A body that does not claim to be
 * JSON has none of them. JSON_OK, or what json_find() said; then none of the new ones is known. */
enum json_result trust_reading_look_up(struct trust_reading *reading, uint32_t pointers);

/* Does the body claim to be JSON: by its Content-Type, or by beginning with "{" or "["? */
bool trust_claims_json(const struct request *request);

/* What of a value `grammar` looks at: all, or the items that its position says. */
struct slice trust_grammar_begin(const struct trust_grammar *grammar, struct slice value);

/* The nth (from 0) of the groups in a value, empty ones left out; empty when there are no more. `between` 0: the value
 * is one group. */
struct slice trust_group(unsigned char between, struct slice value, size_t n);

/* The next value of `grammar` in *rest, which is shortened by it; false when there are no more. Begin with
 * trust_grammar_begin(). */
bool trust_grammar_next(const struct trust_grammar *grammar, struct slice *rest, struct slice *value);

#endif
