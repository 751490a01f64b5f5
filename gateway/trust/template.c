/* template.c - text put together from values, see template.h.
 *
 * The special difficulty: a body of megabytes is one of the parts. So a resolved template is an array of slices, and
 * only what a filter made is new memory. */
#include "trust/template.h"

#include "base/encode.h"
#include "trust/digest.h"
#include "trust/lane.h"

static const struct trust_choice filter_names[] = {
	{ "json", TRUST_FILTER_JSON }, { "hex", TRUST_FILTER_HEX },	  { "base64", TRUST_FILTER_BASE64 },
	{ "hmac", TRUST_FILTER_HMAC }, { "sha256", TRUST_FILTER_SHA256 },
};

/* ---- compiling ---- */

struct compiler {
	struct trust_reader *reader;
	const struct config_node *node;
	struct trust_part parts[TRUST_PARTS_MAX];
	size_t count;
	uint32_t pointers;
};

static bool fail(struct compiler *c, const char *what)
{
	config_error(c->reader->diag, c->reader->file, c->node,
		     "%s; a template is text with parts such as {timestamp}, {body}, "
		     "{header:NAME}, and {{ for a brace",
		     what);
	return false;
}

static bool add_part(struct compiler *c, struct trust_part part)
{
	if (c->count == TRUST_PARTS_MAX)
		return fail(c, "has too many parts");
	c->parts[c->count++] = part;
	return true;
}

/* Literal text; the two halves around a doubled brace stay two parts. */
static bool add_literal(struct compiler *c, struct slice text)
{
	if (text.n == 0)
		return true;
	return add_part(c, (struct trust_part){ .place = { .kind = TRUST_PLACE_FIXED, .text = text } });
}

static bool read_filter(struct compiler *c, struct slice name, struct trust_part *part)
{
	for (size_t i = 0; i < sizeof(filter_names) / sizeof(filter_names[0]); i++)
		if (slice_eq(name, slice_str(filter_names[i].name)) && part->filter_count < TRUST_FILTERS_MAX) {
			part->filters[part->filter_count++] = (enum trust_filter)filter_names[i].value;
			return true;
		}
	return fail(c, "has an unknown filter, or more than three; filters are json, hex, base64, hmac, sha256");
}

static bool add_value(struct compiler *c, struct slice inside)
{
	struct trust_part part = { .filter_count = 0 };
	struct slice place, filters, filter;
	bool more = slice_cut(inside, '|', &place, &filters);

	if (!trust_place_read(c->reader, c->node, place, &part.place))
		return false;
	while (more) {
		more = slice_cut(filters, '|', &filter, &filters);
		if (!read_filter(c, filter, &part))
			return false;
	}
	if (part.place.kind == TRUST_PLACE_POINTER)
		c->pointers |= 1U << part.place.pointer;
	return add_part(c, part);
}

static bool compile(struct compiler *c, struct slice text)
{
	size_t from = 0, i = 0;

	while (i < text.n) {
		size_t end;

		if (text.p[i] != '{' && text.p[i] != '}') {
			i++;
			continue;
		}
		if (i + 1 < text.n && text.p[i + 1] == text.p[i]) {
			if (!add_literal(c, slice_of(text.p + from, i + 1 - from)))
				return false;
			from = i += 2;
			continue;
		}
		end = slice_index(slice_from(text, i), '}');
		if (text.p[i] == '}' || end == text.n - i)
			return fail(c, "has a brace without its partner");
		if (!add_literal(c, slice_of(text.p + from, i - from)) ||
		    !add_value(c, slice_of(text.p + i + 1, end - 1)))
			return false;
		from = i += end + 1;
	}
	return add_literal(c, slice_from(text, from));
}

/* Short memory leaves the arena's flag, which who reads the whole looks at. */
static void keep(struct compiler *c, struct slice text, struct trust_template *out)
{
	size_t size = c->count * sizeof(c->parts[0]);
	struct trust_part *parts = arena_alloc(c->reader->into->arena, size);

	if (!parts)
		return;
	if (c->count > 0)
		memcpy(parts, c->parts, size);
	*out = (struct trust_template){ .text = text, .parts = parts, .count = c->count, .pointers = c->pointers };
}

void trust_template_read(struct trust_reader *reader, const struct config_node *node, struct slice text,
			 struct trust_template *out)
{
	struct compiler c = { .reader = reader, .node = node };

	if (compile(&c, text))
		keep(&c, text, out);
}

/* One alternative: a template when there is a brace in it, else the name of a place. */
static bool add_alternative(struct trust_reader *reader, const struct config_node *node, struct trust_source *source)
{
	struct compiler c = { .reader = reader, .node = node };
	struct slice text = SLICE_NONE;

	trust_node_text(reader, node, &text);
	if (text.n == 0)
		return false;
	if (slice_index(text, '{') < text.n ? !compile(&c, text) : !add_value(&c, text))
		return false;
	keep(&c, text, &source->alternatives[source->count++]);
	source->pointers |= c.pointers;
	return true;
}

void trust_source_read(struct trust_reader *reader, const struct config_node *node, struct trust_source *out)
{
	struct trust_source source = { .count = 0 };
	const struct config_node *item;

	if (node->kind == CONFIG_SCALAR && slice_eq(node->text, SLICE("none"))) {
		*out = source;
		return;
	}
	while ((item = trust_node_item(node, source.count)) != NULL) {
		if (source.count == TRUST_ALTERNATIVES_MAX) {
			config_error(reader->diag, reader->file, node, "has more than %d alternatives",
				     TRUST_ALTERNATIVES_MAX);
			return;
		}
		if (!add_alternative(reader, item, &source))
			return;
	}
	*out = source;
}

/* ---- resolving ---- */

static bool encode(struct arena *arena, enum trust_filter filter, struct slice in, struct slice *out)
{
	struct buf buf = BUF_EMPTY;
	bool ok;

	if (filter == TRUST_FILTER_HEX) {
		char *hex = arena_alloc(arena, 2 * in.n);

		if (hex) {
			encode_hex(in, hex);
			*out = slice_of(hex, 2 * in.n);
		}
		return hex != NULL;
	}
	if (filter == TRUST_FILTER_JSON)
		json_write_string(&buf, in);
	else
		encode_base64(ENCODE_BASE64, in, &buf);
	*out = arena_copy(arena, buf_slice(&buf));
	ok = !buf_failed(&buf) && !arena_failed(arena);
	buf_free(&buf);
	return ok;
}

static bool digest(struct trust_reading *reading, enum trust_filter filter, struct slice in, struct slice *out)
{
	unsigned char *bytes = arena_alloc(reading->arena, TRUST_MAC_MAX);
	size_t size = 32;

	if (!bytes)
		return false;
	if (filter == TRUST_FILTER_SHA256)
		trust_sha256(in, bytes);
	else if (!reading->lane ||
		 trust_lane_mac(reading->lane, reading->verifier, reading->secret, &in, 1, bytes, &size) != 0)
		return false;
	*out = slice_of(bytes, size);
	return true;
}

static bool apply(const struct trust_part *part, struct trust_reading *reading, struct slice *value)
{
	for (size_t i = 0; i < part->filter_count; i++) {
		enum trust_filter filter = part->filters[i];
		bool ok = filter == TRUST_FILTER_HMAC || filter == TRUST_FILTER_SHA256
				  ? digest(reading, filter, *value, value)
				  : encode(reading->arena, filter, *value, value);

		if (!ok)
			return false;
	}
	return true;
}

enum trust_found trust_template_resolve(const struct trust_template *template, struct trust_reading *reading,
					struct trust_parts *out, const struct trust_place **culprit)
{
	out->n = template->count;
	for (size_t i = 0; i < template->count; i++) {
		enum trust_found found = trust_place_find(&template->parts[i].place, reading, &out->p[i]);

		if (found == TRUST_FOUND && !apply(&template->parts[i], reading, &out->p[i]))
			found = TRUST_UNREADABLE;
		if (found != TRUST_FOUND) {
			*culprit = &template->parts[i].place;
			return found;
		}
	}
	return TRUST_FOUND;
}

size_t trust_parts_length(const struct trust_parts *parts)
{
	size_t length = 0;

	for (size_t i = 0; i < parts->n; i++)
		length += parts->p[i].n;
	return length;
}

struct slice trust_parts_join(const struct trust_parts *parts, struct arena *arena)
{
	unsigned char *joined, *at;

	if (parts->n == 0)
		return SLICE_NONE;
	if (parts->n == 1)
		return parts->p[0];
	at = joined = arena_alloc(arena, trust_parts_length(parts));
	if (!joined)
		return SLICE_NONE;
	for (size_t i = 0; i < parts->n; i++)
		if (parts->p[i].n > 0) {
			memcpy(at, parts->p[i].p, parts->p[i].n);
			at += parts->p[i].n;
		}
	return slice_of(joined, (size_t)(at - joined));
}

enum trust_found trust_template_join(const struct trust_template *template, struct trust_reading *reading,
				     struct slice *out)
{
	const struct trust_place *culprit;
	struct trust_parts parts;
	enum trust_found found = trust_template_resolve(template, reading, &parts, &culprit);

	if (found == TRUST_FOUND)
		*out = trust_parts_join(&parts, reading->arena);
	return found;
}

bool trust_template_has(const struct trust_template *template, enum trust_place_kind kind)
{
	for (size_t i = 0; i < template->count; i++)
		if (template->parts[i].place.kind == kind && template->parts[i].filter_count == 0)
			return true;
	return false;
}
