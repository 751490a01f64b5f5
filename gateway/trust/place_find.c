/* place_find.c - finding what a place means in a request, see place.h.
 *
 * The special difficulty: this is where strangers' bytes come in, several times per delivery. So nothing is copied that
 * can be borrowed, and each look-up says whether a value is there, is not, stands there twice, or is broken. */
#include "base/encode.h"
#include "trust/form.h"
#include "trust/scheme.h"
#include "trust/url.h"

const struct slice trust_key_mark = SLICE_LIT("{key}");

static enum trust_found decode(struct trust_reading *reading, struct slice encoded, bool form, struct slice *out)
{
	unsigned char *p;
	size_t n;

	if (encoded.n == 0) {
		*out = SLICE_NONE;
		return TRUST_FOUND;
	}
	p = arena_alloc(reading->arena, encoded.n);
	if (!p || !encode_percent_decode(encoded, form, p, &n))
		return TRUST_UNREADABLE;
	*out = slice_of(p, n);
	return TRUST_FOUND;
}

static enum trust_found counted(size_t count)
{
	return count == 0 ? TRUST_ABSENT : count == 1 ? TRUST_FOUND : TRUST_REPEATED;
}

static enum trust_found find_pointer(const struct trust_place *place, struct trust_reading *reading, struct slice *out)
{
	const struct json_value *value = &reading->values[place->index];

	if (!(reading->looked_up & (1U << place->index)))
		return TRUST_ABSENT;
	if (value->type != JSON_STRING && value->type != JSON_NUMBER && value->type != JSON_BOOL)
		return TRUST_ABSENT;
	return json_text(value, reading->arena, out) ? TRUST_FOUND : TRUST_UNREADABLE;
}

static enum trust_found find_raw(const struct trust_place *place, const struct trust_reading *reading,
				 struct slice *out)
{
	if (!(reading->looked_up & (1U << place->index)) || reading->values[place->index].type == JSON_NONE)
		return TRUST_ABSENT;
	*out = reading->values[place->index].raw;
	return TRUST_FOUND;
}

/* The nth segment of the path, from 1: "hooks" and "x" of "/hooks/x". */
static enum trust_found find_segment(size_t n, struct trust_reading *reading, struct slice *out)
{
	struct slice rest = slice_from(reading->request->path, 1), segment = SLICE_NONE;

	for (; n > 0; n--) {
		if (rest.n == 0)
			return TRUST_ABSENT;
		slice_cut(rest, '/', &segment, &rest);
	}
	return decode(reading, segment, false, out);
}

static enum trust_found find_option(const struct trust_place *place, const struct trust_reading *reading,
				    struct slice *out)
{
	*out = reading->description->own_options[place->index].value;
	return out->n > 0 ? TRUST_FOUND : TRUST_ABSENT;
}

static enum trust_found find_query(struct trust_reading *reading, struct slice name, struct slice *out)
{
	struct slice value = SLICE_NONE;
	enum trust_found found = counted(message_query(reading->request, name, &value));

	return found == TRUST_FOUND ? decode(reading, value, true, out) : found;
}

/* Path and query as they stand behind each other on the request line. */
static struct slice target_of(const struct request *request)
{
	const unsigned char *end =
		request->query.n > 0 ? request->query.p + request->query.n : request->path.p + request->path.n;

	return slice_of(request->path.p, (size_t)(end - request->path.p));
}

static const struct config_route *route_of(const struct trust_reading *reading)
{
	return reading->verifier ? reading->verifier->route : NULL;
}

static enum trust_found find_here(const struct trust_place *place, struct trust_reading *reading, struct slice *out)
{
	const struct request *request = reading->request;

	switch (place->kind) {
	case TRUST_PLACE_FIXED:
		*out = place->text;
		return TRUST_FOUND;
	case TRUST_PLACE_HEADER:
		return counted(message_header(request, place->names[reading->family], out));
	case TRUST_PLACE_QUERY:
		return find_query(reading, place->names[reading->family], out);
	case TRUST_PLACE_FORM:
		return trust_form_find(request, place->names[reading->family], reading->arena, out);
	case TRUST_PLACE_SORTED:
		return trust_form_sorted(request, reading->arena, out);
	case TRUST_PLACE_QUERY_SORTED:
		return trust_query_sorted(request->query, reading->arena, out);
	case TRUST_PLACE_POINTER:
		return find_pointer(place, reading, out);
	case TRUST_PLACE_RAW:
		return find_raw(place, reading, out);
	case TRUST_PLACE_BODY:
		*out = request->body;
		return TRUST_FOUND;
	case TRUST_PLACE_METHOD:
		*out = request->method;
		return TRUST_FOUND;
	case TRUST_PLACE_PATH:
		*out = request->path;
		return TRUST_FOUND;
	case TRUST_PLACE_SEGMENT:
		return find_segment(place->index, reading, out);
	case TRUST_PLACE_TARGET:
		*out = target_of(request);
		return TRUST_FOUND;
	case TRUST_PLACE_QUERIES:
		*out = request->query;
		return TRUST_FOUND;
	case TRUST_PLACE_URL:
		return trust_url(route_of(reading), request, reading->arena, out) ? TRUST_FOUND : TRUST_ABSENT;
	case TRUST_PLACE_HOST:
		return trust_url_host(route_of(reading), request, reading->arena, out) ? TRUST_FOUND : TRUST_ABSENT;
	case TRUST_PLACE_OPTION:
		return find_option(place, reading, out);
	case TRUST_PLACE_CLAIM:
		return trust_jwt_claim(place->inner_pointer, reading, out);
	case TRUST_PLACE_KEY:
		*out = trust_key_mark;
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

/* What stands in a value that is JSON itself. */
static enum trust_found find_inner(const struct trust_place *place, struct trust_reading *reading, struct slice *value)
{
	struct json_value found;

	if (place->inner == TRUST_INNER_BASE64_JSON || place->inner == TRUST_INNER_TOKEN) {
		bool token = place->inner == TRUST_INNER_TOKEN;
		struct slice text = token ? slice_head(*value, slice_index(*value, '.')) : *value;
		unsigned char *bytes = arena_alloc(reading->arena, encode_base64_room(text.n));
		size_t n;

		if (!bytes || !encode_base64_decode(token ? ENCODE_BASE64URL : ENCODE_BASE64_ANY, text, bytes, &n))
			return TRUST_UNREADABLE;
		*value = slice_of(bytes, n);
	}
	if (json_find_once(*value, &place->inner_pointer, 1, &found) != JSON_OK)
		return TRUST_UNREADABLE;
	if (found.type != JSON_STRING && found.type != JSON_NUMBER && found.type != JSON_BOOL)
		return TRUST_ABSENT;
	return json_text(&found, reading->arena, value) ? TRUST_FOUND : TRUST_UNREADABLE;
}

enum trust_found trust_place_find(const struct trust_place *place, struct trust_reading *reading, struct slice *out)
{
	do {
		struct slice value = SLICE_NONE;
		enum trust_found found = find_here(place, reading, &value);

		if (found == TRUST_FOUND && place->inner != TRUST_INNER_NONE)
			found = find_inner(place, reading, &value);
		if (found == TRUST_FOUND)
			*out = value;
		if (found != TRUST_ABSENT)
			return found;
		place = place->otherwise;
	} while (place);
	return TRUST_ABSENT;
}

/* ---- JSON ---- */

static bool ends_nocase(struct slice s, struct slice end)
{
	return s.n >= end.n && slice_eq_nocase(slice_from(s, s.n - end.n), end);
}

bool trust_claims_json(const struct request *request)
{
	struct slice type = trust_media_type(request);
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
	/* Where single values are signed, all programs must read the same ones. */
	result = description->verify.covered == TRUST_COVER_PARTIAL
			 ? json_find_once(reading->request->body, wanted, count, values)
			 : json_find(reading->request->body, wanted, count, values);
	if (result != JSON_OK)
		return result;
	for (size_t i = 0; i < count; i++)
		reading->values[index[i]] = values[i];
	reading->looked_up |= pointers;
	return JSON_OK;
}

/* ---- several values in one ---- */

struct slice trust_grammar_begin(const struct trust_grammar *grammar, struct slice value)
{
	struct slice item, rest = value;

	if (grammar->position == 0)
		return value;
	for (size_t n = 1; n < grammar->position; n++)
		if (grammar->list)
			slice_cut(rest, grammar->list, &item, &rest);
		else
			rest = SLICE_NONE;
	if (grammar->onward || !grammar->list)
		return rest;
	return slice_head(rest, slice_index(rest, grammar->list));
}

struct slice trust_group(unsigned char between, struct slice value, size_t n)
{
	struct slice group = SLICE_NONE;

	if (!between)
		return n == 0 ? value : SLICE_NONE;
	for (n++; n > 0 && value.n > 0;) {
		slice_cut(value, between, &group, &value);
		n -= group.n > 0;
	}
	return n == 0 ? group : SLICE_NONE;
}

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
		item = slice_from(item, grammar->prefix.n);
		if (grammar->behind) {
			size_t at = item.n;

			while (at > 0 && item.p[at - 1] != grammar->behind)
				at--;
			if (at == 0)
				continue;
			item = slice_from(item, at);
		}
		if (grammar->length > 0 && item.n != grammar->length)
			continue;
		*value = item;
		return true;
	}
	return false;
}
