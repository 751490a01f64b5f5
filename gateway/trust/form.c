/* form.c - the fields of a form, see form.h.
 *
 * The special difficulty: two encodings, of which one has names and values in escapes and the other in a body of their
 * own. One walk gives the fields of either, so that finding and sorting do not know which it was. */
#include "trust/form.h"

#include "base/buf.h"
#include "base/encode.h"
#include "trust/multipart.h"

#include <stdlib.h>

enum { FIELDS_MAX = 512 };

struct walk {
	bool multipart;
	struct slice rest; /* of a urlencoded body */
	struct trust_multipart parts;
	struct arena *arena;
};

struct field {
	struct slice name, value; /* of a urlencoded body: the name decoded, the value not */
};

struct slice trust_media_type(const struct request *request)
{
	struct slice value = SLICE_NONE, after;

	if (message_header(request, SLICE("Content-Type"), &value) > 1)
		return SLICE_NONE;
	slice_cut(value, ';', &value, &after);
	return slice_trim(value);
}

static enum trust_found begin(struct walk *walk, const struct request *request, struct arena *arena)
{
	struct slice type = trust_media_type(request), header = SLICE_NONE;

	*walk = (struct walk){ .rest = request->body, .arena = arena };
	if (slice_eq_nocase(type, SLICE("application/x-www-form-urlencoded")))
		return TRUST_FOUND;
	if (!slice_eq_nocase(type, SLICE("multipart/form-data")))
		return TRUST_ABSENT;
	walk->multipart = true;
	message_header(request, SLICE("Content-Type"), &header);
	return trust_multipart_open(header, request->body, &walk->parts) ? TRUST_FOUND : TRUST_UNREADABLE;
}

/* Borrowed where there is nothing to decode. */
static bool decode(struct slice encoded, struct arena *arena, struct slice *out)
{
	unsigned char *p;
	size_t n;

	*out = encoded;
	if (slice_index(encoded, '%') == encoded.n && slice_index(encoded, '+') == encoded.n)
		return true;
	p = arena_alloc(arena, encoded.n);
	if (!p || !encode_percent_decode(encoded, true, p, &n))
		return false;
	*out = slice_of(p, n);
	return true;
}

static enum trust_found next_part(struct walk *walk, struct field *field)
{
	struct trust_multipart_part part;

	for (;;)
		switch (trust_multipart_next(&walk->parts, &part)) {
		case TRUST_MULTIPART_BROKEN:
			return TRUST_UNREADABLE;
		case TRUST_MULTIPART_END:
			return TRUST_ABSENT;
		case TRUST_MULTIPART_PART:
			if (part.is_file)
				break;
			*field = (struct field){ part.name, part.value };
			return TRUST_FOUND;
		}
}

/* The next field: FOUND; ABSENT behind the last; UNREADABLE. */
static enum trust_found next(struct walk *walk, struct field *field)
{
	struct slice pair, name;

	if (walk->multipart)
		return next_part(walk, field);
	do {
		if (walk->rest.n == 0)
			return TRUST_ABSENT;
		slice_cut(walk->rest, '&', &pair, &walk->rest);
	} while (pair.n == 0);
	slice_cut(pair, '=', &name, &field->value);
	return decode(name, walk->arena, &field->name) ? TRUST_FOUND : TRUST_UNREADABLE;
}

static bool value_of(const struct walk *walk, struct slice *value)
{
	return walk->multipart || decode(*value, walk->arena, value);
}

enum trust_found trust_form_find(const struct request *request, struct slice name, struct arena *arena,
				 struct slice *out)
{
	struct slice value = SLICE_NONE;
	struct field field;
	struct walk walk;
	size_t count = 0;
	enum trust_found found = begin(&walk, request, arena);

	if (found != TRUST_FOUND)
		return found;
	while ((found = next(&walk, &field)) == TRUST_FOUND)
		if (slice_eq(field.name, name) && count++ == 0)
			value = field.value;
	if (found == TRUST_UNREADABLE || count == 0)
		return found;
	if (count > 1)
		return TRUST_REPEATED;
	if (!value_of(&walk, &value))
		return TRUST_UNREADABLE;
	*out = value;
	return TRUST_FOUND;
}

static int by_name(const void *left, const void *right)
{
	const struct field *a = left, *b = right;
	int order = slice_compare(a->name, b->name);

	return order ? order : slice_compare(a->value, b->value);
}

static struct slice join(const struct field *fields, size_t count, struct arena *arena)
{
	unsigned char *joined, *at;
	size_t size = 0;

	for (size_t i = 0; i < count; i++)
		size += fields[i].name.n + fields[i].value.n;
	at = joined = arena_alloc(arena, size);
	if (!joined)
		return SLICE_NONE;
	for (size_t i = 0; i < count; i++) {
		at = (unsigned char *)memcpy(at, fields[i].name.p ? fields[i].name.p : joined, fields[i].name.n) +
		     fields[i].name.n;
		at = (unsigned char *)memcpy(at, fields[i].value.p ? fields[i].value.p : joined, fields[i].value.n) +
		     fields[i].value.n;
	}
	return slice_of(joined, size);
}

enum trust_found trust_form_sorted(const struct request *request, struct arena *arena, struct slice *out)
{
	struct field *fields;
	struct walk walk;
	size_t count = 0;
	enum trust_found found = begin(&walk, request, arena);

	if (found != TRUST_FOUND)
		return found;
	fields = arena_alloc(arena, FIELDS_MAX * sizeof(fields[0]));
	if (!fields)
		return TRUST_UNREADABLE;
	while (count < FIELDS_MAX && (found = next(&walk, &fields[count])) == TRUST_FOUND)
		if (!value_of(&walk, &fields[count++].value))
			return TRUST_UNREADABLE;
	if (found != TRUST_ABSENT)
		return TRUST_UNREADABLE;
	qsort(fields, count, sizeof(fields[0]), by_name);
	*out = join(fields, count, arena);
	return TRUST_FOUND;
}

enum trust_found trust_query_sorted(struct slice query, struct arena *arena, struct slice *out)
{
	struct field *fields = arena_alloc(arena, FIELDS_MAX * sizeof(fields[0]));
	struct buf joined = BUF_EMPTY;
	size_t count = 0;
	bool ok;

	for (struct slice pair; fields && query.n > 0 && count < FIELDS_MAX; count++) {
		slice_cut(query, '&', &pair, &query);
		slice_cut(pair, '=', &fields[count].name, &fields[count].value);
	}
	if (!fields || query.n > 0)
		return TRUST_UNREADABLE;
	qsort(fields, count, sizeof(fields[0]), by_name);
	for (size_t i = 0; i < count; i++) {
		buf_add(&joined, i > 0 ? SLICE("&") : SLICE_NONE);
		buf_add(&joined, fields[i].name);
		buf_add_byte(&joined, '=');
		buf_add(&joined, fields[i].value);
	}
	*out = arena_copy(arena, buf_slice(&joined));
	ok = !buf_failed(&joined);
	buf_free(&joined);
	return ok ? TRUST_FOUND : TRUST_UNREADABLE;
}
