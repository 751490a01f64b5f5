/* place.c - where a value stands: reading it from a description; place_find.c finds it.
 *
 * The special difficulty: a place is a text with several things in it ("form:payload#/type||query:type"), and what a
 * name may hold differs from kind to kind. So the kind is told first, and only then is anything cut. */
#include "trust/place.h"

#include "base/num.h"

enum { SEGMENT_MAX = 16, CHAIN_MAX = 4 };

static const struct {
	struct slice word;
	enum trust_place_kind kind;
	bool named;
} words[] = {
	{ SLICE_LIT("header:"), TRUST_PLACE_HEADER, true },
	{ SLICE_LIT("query:"), TRUST_PLACE_QUERY, true },
	{ SLICE_LIT("form:"), TRUST_PLACE_FORM, true },
	{ SLICE_LIT("body:"), TRUST_PLACE_POINTER, true },
	{ SLICE_LIT("raw:"), TRUST_PLACE_RAW, true },
	{ SLICE_LIT("path:"), TRUST_PLACE_SEGMENT, true },
	{ SLICE_LIT("option:"), TRUST_PLACE_OPTION, true },
	{ SLICE_LIT("claim:"), TRUST_PLACE_CLAIM, true },
	{ SLICE_LIT("fixed:"), TRUST_PLACE_FIXED, true },
	{ SLICE_LIT("body"), TRUST_PLACE_BODY, false },
	{ SLICE_LIT("form-sorted"), TRUST_PLACE_SORTED, false },
	{ SLICE_LIT("method"), TRUST_PLACE_METHOD, false },
	{ SLICE_LIT("path"), TRUST_PLACE_PATH, false },
	{ SLICE_LIT("target"), TRUST_PLACE_TARGET, false },
	{ SLICE_LIT("query"), TRUST_PLACE_QUERIES, false },
	{ SLICE_LIT("query-sorted"), TRUST_PLACE_QUERY_SORTED, false },
	{ SLICE_LIT("url"), TRUST_PLACE_URL, false },
	{ SLICE_LIT("host"), TRUST_PLACE_HOST, false },
	{ SLICE_LIT("key"), TRUST_PLACE_KEY, false },
	{ SLICE_LIT("timestamp"), TRUST_PLACE_TIMESTAMP, false },
	{ SLICE_LIT("id"), TRUST_PLACE_ID, false },
	{ SLICE_LIT("type"), TRUST_PLACE_TYPE, false },
	{ SLICE_LIT("now"), TRUST_PLACE_NOW, false },
};

#define ACCEPTED                                                                                                       \
	"header:NAME, query:NAME, form:NAME, body:/pointer, raw:/pointer, path:NUMBER, option:NAME, claim:/pointer, "  \
	"fixed:TEXT, "                                                                                                 \
	"body, form-sorted, "                                                                                          \
	"method, path, target, query, query-sorted, url, host, key, timestamp, id, type, now"

/* The description's index of that pointer, which is added when it is new. */
static bool pointer_index(struct trust_description *into, struct slice text, size_t *index)
{
	for (size_t i = 0; i < into->pointer_count; i++)
		if (slice_eq(into->pointer_texts[i], text)) {
			*index = i;
			return true;
		}
	if (into->pointer_count == TRUST_POINTERS_MAX)
		return false;
	into->pointers[into->pointer_count] = json_pointer_parse(text);
	if (!into->pointers[into->pointer_count])
		return false;
	into->pointer_texts[into->pointer_count] = text;
	*index = into->pointer_count++;
	return true;
}

void trust_place_named(struct trust_reader *reader, enum trust_place_kind kind, struct slice name,
		       struct trust_place *place)
{
	const struct trust_verify *verify = &reader->into->verify;
	bool starred = name.n > 0 && name.p[0] == '*';

	place->kind = kind;
	for (size_t i = 0; i < verify->family_count; i++)
		place->names[i] =
			!starred ? name
				 : arena_printf(reader->into->arena, "%.*s%.*s", SLICE_ARGS(verify->families[i]),
						SLICE_ARGS(slice_from(name, 1)));
}

static bool wrong(struct trust_reader *reader, const struct config_node *node, struct slice text, const char *what)
{
	char quoted[80];

	config_error(reader->diag, reader->file, node, "%s %s", config_quote(text, quoted, sizeof(quoted)), what);
	return false;
}

/* "NAME#/pointer", "NAME#base64/pointer" and "NAME#jwt/pointer": what stands before the "#" is left in *name. */
static bool read_inner(struct trust_reader *reader, const struct config_node *node, struct slice *name,
		       struct trust_place *place)
{
	static const struct slice marks[] = { SLICE_LIT("#/"), SLICE_LIT("#base64/"), SLICE_LIT("#jwt/") };
	static const enum trust_inner kinds[] = { TRUST_INNER_JSON, TRUST_INNER_BASE64_JSON, TRUST_INNER_TOKEN };
	struct trust_description *into = reader->into;
	struct json_pointer *pointer;

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		const unsigned char *at = name->n > 0 ? memmem(name->p, name->n, marks[i].p, marks[i].n) : NULL;

		if (!at)
			continue;
		if (into->inner_pointer_count == TRUST_INNER_POINTERS_MAX)
			return wrong(reader, node, place->text, "is one pointer behind a # too many");
		pointer = json_pointer_parse(slice_from(*name, (size_t)(at - name->p) + marks[i].n - 1));
		if (!pointer)
			return wrong(reader, node, place->text, "has no JSON pointer behind its #");
		into->inner_pointers[into->inner_pointer_count++] = pointer;
		place->inner = kinds[i];
		place->inner_pointer = pointer;
		*name = slice_head(*name, (size_t)(at - name->p));
		return true;
	}
	return true;
}

static bool read_option(struct trust_reader *reader, const struct config_node *node, struct slice name,
			struct trust_place *place)
{
	for (size_t i = 0; i < reader->into->own_option_count; i++)
		if (slice_eq(reader->into->own_options[i].name, name)) {
			place->index = i;
			return true;
		}
	return wrong(reader, node, place->text, "is no option of this description: name it under `options`");
}

static bool read_claim(struct trust_reader *reader, const struct config_node *node, struct slice name,
		       struct trust_place *place)
{
	struct trust_description *into = reader->into;
	struct json_pointer *pointer = NULL;

	if (name.n > 0 && into->inner_pointer_count < TRUST_INNER_POINTERS_MAX)
		pointer = json_pointer_parse(name);
	if (!pointer)
		return wrong(reader, node, place->text, "is no JSON pointer such as claim:/sub, or one too many");
	into->inner_pointers[into->inner_pointer_count++] = pointer;
	place->inner_pointer = pointer;
	return true;
}

static bool read_segment(struct trust_reader *reader, const struct config_node *node, struct slice name,
			 struct trust_place *place)
{
	uint64_t number = 0;

	if (!num_parse_u64(name, SEGMENT_MAX, &number) || number == 0)
		return wrong(reader, node, place->text, "is no segment of the path; accepted are path:1 to path:16");
	place->index = (size_t)number;
	return true;
}

static bool read_named(struct trust_reader *reader, const struct config_node *node, enum trust_place_kind kind,
		       struct slice name, struct trust_place *place)
{
	place->kind = kind;
	if (kind == TRUST_PLACE_FIXED) {
		place->text = name;
		return true;
	}
	if (kind == TRUST_PLACE_CLAIM)
		return read_claim(reader, node, name, place);
	if (kind == TRUST_PLACE_OPTION)
		return read_option(reader, node, name, place);
	if (kind == TRUST_PLACE_SEGMENT)
		return read_segment(reader, node, name, place);
	if (!read_inner(reader, node, &name, place))
		return false;
	if (name.n == 0 || slice_has_control(name))
		return wrong(reader, node, place->text, "names nothing");
	if (kind == TRUST_PLACE_POINTER || kind == TRUST_PLACE_RAW) {
		if (name.p[0] == '/' && pointer_index(reader->into, name, &place->index))
			return true;
		config_error(reader->diag, reader->file, node,
			     "\"%.*s\" is no JSON pointer such as body:/data/id, or there are "
			     "more than %d of them",
			     SLICE_ARGS(slice_head(place->text, 60)), TRUST_POINTERS_MAX);
		return false;
	}
	trust_place_named(reader, kind, name, place);
	return true;
}

static bool read_one(struct trust_reader *reader, const struct config_node *node, struct slice text,
		     struct trust_place *place)
{
	*place = (struct trust_place){ .text = text };
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (words[i].named && slice_starts(text, words[i].word))
			return read_named(reader, node, words[i].kind, slice_from(text, words[i].word.n), place);
		if (!words[i].named && slice_eq(text, words[i].word)) {
			place->kind = words[i].kind;
			return place->kind != TRUST_PLACE_KEY || reader->key_allowed ||
			       wrong(reader, node, text, "is {key}, which may only stand in what is signed");
		}
	}
	return wrong(reader, node, text, "is no place; accepted are " ACCEPTED);
}

/* Cuts "a||b" into a and b; a fixed text has it all. */
static bool cut_chain(struct slice text, struct slice *first, struct slice *rest)
{
	const unsigned char *bars = text.n > 0 ? memmem(text.p, text.n, "||", 2) : NULL;

	*first = text;
	if (!bars || slice_starts(text, SLICE("fixed:")))
		return false;
	*first = slice_head(text, (size_t)(bars - text.p));
	*rest = slice_from(text, (size_t)(bars - text.p) + 2);
	return true;
}

bool trust_place_read(struct trust_reader *reader, const struct config_node *node, struct slice text,
		      struct trust_place *place)
{
	struct slice first, rest = SLICE_NONE;
	bool more = cut_chain(text, &first, &rest);
	struct trust_place *last = place, *next;

	if (!read_one(reader, node, first, place))
		return false;
	for (size_t n = 1; more; n++, last = next) {
		if (n == CHAIN_MAX)
			return wrong(reader, node, text, "has more than 4 alternatives");
		next = arena_alloc(reader->into->arena, sizeof(*next));
		more = cut_chain(rest, &first, &rest);
		if (!next || !read_one(reader, node, first, next))
			return false;
		last->otherwise = next;
	}
	if (place->otherwise && place->kind != TRUST_PLACE_FIXED)
		place->text = text;
	return true;
}

uint32_t trust_place_pointers(const struct trust_place *place)
{
	uint32_t pointers = 0;

	for (; place; place = place->otherwise)
		if (place->kind == TRUST_PLACE_POINTER || place->kind == TRUST_PLACE_RAW)
			pointers |= 1U << place->index;
	return pointers;
}

bool trust_place_is(const struct trust_place *place, enum trust_place_kind kind)
{
	for (; place; place = place->otherwise)
		if (place->kind == kind)
			return true;
	return false;
}
