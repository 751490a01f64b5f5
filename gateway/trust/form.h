/* form.h - the fields of a body that is a form: application/x-www-form-urlencoded (WHATWG URL, section 5) or
 * multipart/form-data (RFC 7578).
 *
 * A body of another type has no fields. Nothing here keeps state; values are borrowed from the body where they stand in
 * it as they are, else they are in the arena. Any thread. */
#ifndef HOOKGATE_TRUST_FORM_H
#define HOOKGATE_TRUST_FORM_H

#include "trust/place.h"

/* The media type without its parameters; empty where there is none, or more than one. */
struct slice trust_media_type(const struct request *request);

/* The field of that name, decoded. Files are no fields. A multipart body that is not whole is UNREADABLE. */
enum trust_found trust_form_find(const struct request *request, struct slice name, struct arena *arena,
				 struct slice *out) __attribute__((warn_unused_result));

/* Name and value of each field, one behind the other, sorted by name and then by value, bytewise. ABSENT where the body
 * is no form; UNREADABLE with more than 512 fields. */
enum trust_found trust_form_sorted(const struct request *request, struct arena *arena, struct slice *out)
	__attribute__((warn_unused_result));

/* The parameters of a query as they are, "a=1&b=2", sorted by name and then by value. UNREADABLE with more than 512. */
enum trust_found trust_query_sorted(struct slice query, struct arena *arena, struct slice *out)
	__attribute__((warn_unused_result));

#endif
