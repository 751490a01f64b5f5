/* place.c - where a value stands, and finding it there; see place.h. */
#include "trust/place.h"

#include "base/encode.h"

static const struct {
	struct slice word;
	enum trust_place_kind kind;
	bool named;
} words[] = {
	{ SLICE_LIT("header:"), TRUST_PLACE_HEADER, true },	  { SLICE_LIT("query:"), TRUST_PLACE_QUERY, true },
	{ SLICE_LIT("form:"), TRUST_PLACE_FORM, true },		  { SLICE_LIT("body:"), TRUST_PLACE_POINTER, true },
	{ SLICE_LIT("fixed:"), TRUST_PLACE_FIXED, true },	  { SLICE_LIT("body"), TRUST_PLACE_BODY, false },
	{ SLICE_LIT("method"), TRUST_PLACE_METHOD, false },	  { SLICE_LIT("path"), TRUST_PLACE_PATH, false },
	{ SLICE_LIT("timestamp"), TRUST_PLACE_TIMESTAMP, false }, { SLICE_LIT("id"), TRUST_PLACE_ID, false },
	{ SLICE_LIT("type"), TRUST_PLACE_TYPE, false },		  { SLICE_LIT("now"), TRUST_PLACE_NOW, false },
};

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

static bool read_named(struct trust_reader *reader, const struct config_node *node, enum trust_place_kind kind,
		       struct slice name, struct trust_place *place)
{
	char quoted[80];

	if (kind != TRUST_PLACE_FIXED && (name.n == 0 || slice_has_control(name))) {
		config_error(reader->diag, reader->file, node, "%s names nothing",
			     config_quote(place->text, quoted, sizeof(quoted)));
		return false;
	}
	if (kind == TRUST_PLACE_POINTER) {
		place->kind = kind;
		if (name.p[0] == '/' && pointer_index(reader->into, name, &place->pointer))
			return true;
		config_error(reader->diag, reader->file, node,
			     "%s is no JSON pointer such as body:/data/id, or there are "
			     "more than %d of them",
			     config_quote(place->text, quoted, sizeof(quoted)), TRUST_POINTERS_MAX);
		return false;
	}
	if (kind == TRUST_PLACE_FIXED) {
		place->kind = kind;
		place->text = name;
		return true;
	}
	trust_place_named(reader, kind, name, place);
	return true;
}

bool trust_place_read(struct trust_reader *reader, const struct config_node *node, struct slice text,
		      struct trust_place *place)
{
	char quoted[80];

	*place = (struct trust_place){ .text = text };
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (words[i].named && slice_starts(text, words[i].word))
			return read_named(reader, node, words[i].kind, slice_from(text, words[i].word.n), place);
		if (!words[i].named && slice_eq(text, words[i].word)) {
			place->kind = words[i].kind;
			return true;
		}
	}
	config_error(reader->diag, reader->file, node,
		     "%s is no place; accepted are header:NAME, query:NAME, form:NAME, "
		     "body:/pointer, fixed:TEXT, body, method, path, timestamp, id, type, now",
		     config_quote(text, quoted, sizeof(quoted)));
	return false;
}

/* ---- finding ---- */

static enum trust_found decode(struct trust_reading *reading, struct slice encoded, struct slice *out)
{
	unsigned char *p;
	size_t n;

	if (encoded.n == 0) {
		*out = SLICE_NONE;
		return TRUST_FOUND;
	}
	p = arena_alloc(reading->arena, encoded.n);
	if (!p || !encode_percent_decode(encoded, true, p, &n))
		return TRUST_UNREADABLE;
	*out = slice_of(p, n);
	return TRUST_FOUND;
}

static enum trust_found counted(size_t count)
{
	return count == 0 ? TRUST_ABSENT : count == 1 ? TRUST_FOUND : TRUST_REPEATED;
}

/* The media type without its parameters. */
static struct slice media_type(const struct request *request)
{
	struct slice value = SLICE_NONE, after;

	message_header(request, SLICE("Content-Type"), &value);
	slice_cut(value, ';', &value, &after);
	return slice_trim(value);
}

static enum trust_found find_form(struct trust_reading *reading, struct slice name, struct slice *out)
{
	struct slice rest = reading->request->body, field, key, value = SLICE_NONE;
	size_t count = 0;

	if (!slice_eq_nocase(media_type(reading->request), SLICE("application/x-www-form-urlencoded")))
		return TRUST_ABSENT;
	while (rest.n > 0) {
		struct slice v;

		slice_cut(rest, '&', &field, &rest);
		slice_cut(field, '=', &key, &v);
		if (slice_eq(key, name) && count++ == 0)
			value = v;
	}
	return count == 1 ? decode(reading, value, out) : counted(count);
}

static enum trust_found find_pointer(const struct trust_place *place, struct trust_reading *reading, struct slice *out)
{
	const struct json_value *value = &reading->values[place->pointer];

	if (!(reading->looked_up & (1U << place->pointer)))
		return TRUST_ABSENT;
	if (value->type != JSON_STRING && value->type != JSON_NUMBER && value->type != JSON_BOOL)
		return TRUST_ABSENT;
	return json_text(value, reading->arena, out) ? TRUST_FOUND : TRUST_UNREADABLE;
}

enum trust_found trust_place_find(const struct trust_place *place, struct trust_reading *reading, struct slice *out)
{
	const struct request *request = reading->request;
	struct slice value = SLICE_NONE;
	enum trust_found found;

	switch (place->kind) {
	case TRUST_PLACE_FIXED:
		*out = place->text;
		return TRUST_FOUND;
	case TRUST_PLACE_HEADER:
		return counted(message_header(request, place->names[reading->family], out));
	case TRUST_PLACE_QUERY:
		found = counted(message_query(request, place->names[reading->family], &value));
		return found == TRUST_FOUND ? decode(reading, value, out) : found;
	case TRUST_PLACE_FORM:
		return find_form(reading, place->names[reading->family], out);
	case TRUST_PLACE_POINTER:
		return find_pointer(place, reading, out);
	case TRUST_PLACE_BODY:
		*out = request->body;
		return TRUST_FOUND;
	case TRUST_PLACE_METHOD:
		*out = request->method;
		return TRUST_FOUND;
	case TRUST_PLACE_PATH:
		*out = request->path;
		return TRUST_FOUND;
	case TRUST_PLACE_TIMESTAMP:
		*out = reading->timestamp;
		return reading->timestamp.n > 0 ? TRUST_FOUND : TRUST_ABSENT;
	case TRUST_PLACE_ID:
		*out = reading->id;
		return TRUST_FOUND;
	case TRUST_PLACE_TYPE:
		*out = reading->type;
		return TRUST_FOUND;
	case TRUST_PLACE_NOW:
		*out = arena_printf(reading->arena, "%lld", (long long)(reading->now_ms / 1000));
		return TRUST_FOUND;
	}
	return TRUST_ABSENT;
}

/* ---- JSON ---- */

static bool ends_nocase(struct slice s, struct slice end)
{
	return s.n >= end.n && slice_eq_nocase(slice_from(s, s.n - end.n), end);
}

bool trust_claims_json(const struct request *request)
{
	struct slice type = media_type(request);
	size_t i = 0;

	if (ends_nocase(type, SLICE("/json")) || ends_nocase(type, SLICE("+json")))
		return true;
	while (i < request->body.n && memchr(" \t\r\n", request->body.p[i], 4))
		i++;
	return i < request->body.n && (request->body.p[i] == '{' || request->body.p[i] == '[');
}

enum json_result trust_reading_look_up(struct trust_reading *reading, uint32_t pointers)
{
	const struct trust_description *description = reading->description;
	const struct json_pointer *wanted[TRUST_POINTERS_MAX];
	struct json_value values[TRUST_POINTERS_MAX];
	size_t index[TRUST_POINTERS_MAX], count = 0;
	enum json_result result;

	pointers &= ~reading->looked_up;
	for (size_t i = 0; i < description->pointer_count; i++)
		if (pointers & (1U << i)) {
			index[count] = i;
			wanted[count++] = description->pointers[i];
		}
	if (count == 0 || !trust_claims_json(reading->request))
		return JSON_OK;
	result = json_find(reading->request->body, wanted, count, values);
	if (result != JSON_OK)
		return result;
	for (size_t i = 0; i < count; i++)
		reading->values[index[i]] = values[i];
	reading->looked_up |= pointers;
	return JSON_OK;
}

/* ---- several values in one ---- */

bool trust_grammar_next(const struct trust_grammar *grammar, struct slice *rest, struct slice *value)
{
	while (rest->n > 0) {
		struct slice item = *rest, name, behind;

		if (grammar->list)
			slice_cut(*rest, grammar->list, &item, rest);
		else
			*rest = SLICE_NONE;
		item = slice_trim(item);
		if (grammar->field.n > 0) {
			if (!slice_cut(item, grammar->assign, &name, &behind) || !slice_eq(name, grammar->field))
				continue;
			item = behind;
		}
		if (!slice_eq_nocase(slice_head(item, grammar->prefix.n), grammar->prefix))
			continue;
		*value = slice_from(item, grammar->prefix.n);
		return true;
	}
	return false;
}
