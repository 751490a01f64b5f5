/* template.c - text put together from values, see template.h.
 *
 * The special difficulty: a body of megabytes is one of the parts. So a resolved template is an array of slices, and
 * only what a filter made is new memory. */
#include "trust/template.h"

#include "trust/filter.h"

/* ---- compiling ---- */

struct compiler {
	struct trust_reader *reader;
	const struct config_node *node;
	struct trust_part parts[TRUST_PARTS_MAX];
	size_t count;
	uint32_t pointers;
	unsigned groups;  /* of optional parts, so far */
	unsigned group;	  /* the one that is open; 0: none */
	bool group_value; /* it has a place */
};

static bool fail(struct compiler *c, const char *what)
{
	config_error(c->reader->diag, c->reader->file, c->node,
		     "%s; a template is text with parts such as {timestamp}, {body}, "
		     "{header:NAME}, {?id:{header:NAME};} for what may be left out, and {{ for a brace",
		     what);
	return false;
}

static bool add_part(struct compiler *c, struct trust_part part)
{
	if (c->count == TRUST_PARTS_MAX)
		return fail(c, "has too many parts");
	part.optional = c->group;
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
	if (part->filter_count < TRUST_FILTERS_MAX && trust_filter_named(name, &part->filters[part->filter_count])) {
		part->filter_count++;
		return true;
	}
	return fail(c, "has an unknown filter, or more than four; filters are " TRUST_FILTER_NAMES);
}

/* Where the first filter begins: at a bar that is not one of two. */
static size_t first_bar(struct slice inside)
{
	size_t i = 0;

	for (; i < inside.n; i++)
		if (inside.p[i] == '|') {
			if (i + 1 == inside.n || inside.p[i + 1] != '|')
				break;
			i++;
		}
	return i;
}

static bool add_value(struct compiler *c, struct slice inside)
{
	struct trust_part part = { .filter_count = 0 };
	size_t bar = first_bar(inside);
	struct slice place = slice_head(inside, bar), filters = slice_from(inside, bar + 1), filter;
	bool more = bar < inside.n;

	if (!trust_place_read(c->reader, c->node, place, &part.place))
		return false;
	while (more) {
		more = slice_cut(filters, '|', &filter, &filters);
		if (!read_filter(c, filter, &part))
			return false;
	}
	c->pointers |= trust_place_pointers(&part.place);
	c->group_value = true;
	return add_part(c, part);
}

static bool open_group(struct compiler *c)
{
	c->group = ++c->groups;
	c->group_value = false;
	return true;
}

static bool close_group(struct compiler *c)
{
	if (!c->group_value)
		return fail(c, "has a part in {? } without a place");
	c->group = 0;
	return true;
}

/* What the brace at the front of *text begins, or ends; it is taken off. */
static bool compile_brace(struct compiler *c, struct slice *text)
{
	unsigned char brace = text->p[0];
	size_t end = slice_index(*text, '}');
	struct slice inside;

	if (text->n > 1 && text->p[1] == brace && !(brace == '}' && c->group)) {
		inside = slice_head(*text, 1);
		*text = slice_from(*text, 2);
		return add_literal(c, inside);
	}
	if (brace == '}') {
		*text = slice_from(*text, 1);
		return c->group ? close_group(c) : fail(c, "has a brace without its partner");
	}
	if (!c->group && slice_starts(*text, SLICE("{?"))) {
		*text = slice_from(*text, 2);
		return open_group(c);
	}
	if (end == text->n)
		return fail(c, "has a brace without its partner");
	inside = slice_of(text->p + 1, end - 1);
	*text = slice_from(*text, end + 1);
	return add_value(c, inside);
}

static bool compile(struct compiler *c, struct slice text)
{
	while (text.n > 0) {
		size_t open = slice_index(text, '{'), close = slice_index(text, '}');
		size_t brace = open < close ? open : close;

		if (!add_literal(c, slice_head(text, brace)))
			return false;
		text = slice_from(text, brace);
		if (text.n > 0 && !compile_brace(c, &text))
			return false;
	}
	return c->group == 0 || fail(c, "has a brace without its partner");
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
	*out = (struct trust_template){
		.text = text, .parts = parts, .count = c->count, .has_optional = c->groups > 0, .pointers = c->pointers
	};
}

void trust_template_read(struct trust_reader *reader, const struct config_node *node, struct slice text,
			 struct trust_template *out)
{
	struct compiler c = { .reader = reader, .node = node };

	if (compile(&c, text))
		keep(&c, text, out);
}

/* One alternative: a template when there is a brace in it, else the name of a place with its filters. */
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

/* Empties the parts of that group, those before `i` as well. */
static void leave_out(const struct trust_template *template, unsigned group, struct trust_parts *out)
{
	for (size_t i = 0; i < template->count; i++)
		if (template->parts[i].optional == group)
			out->p[i] = SLICE_NONE;
}

static enum trust_found resolve_part(const struct trust_part *part, struct trust_reading *reading, struct slice *out)
{
	enum trust_found found = trust_place_find(&part->place, reading, out);

	for (size_t i = 0; found == TRUST_FOUND && i < part->filter_count; i++)
		if (!trust_filter_apply(part->filters[i], reading, *out, out))
			found = TRUST_UNREADABLE;
	return found;
}

enum trust_found trust_template_resolve(const struct trust_template *template, struct trust_reading *reading,
					struct trust_parts *out, const struct trust_place **culprit)
{
	unsigned left_out = 0; /* the group that is being left out: its parts stand behind each other */

	out->n = template->count;
	for (size_t i = 0; i < template->count; i++) {
		const struct trust_part *part = &template->parts[i];
		enum trust_found found;

		if (part->optional && part->optional == left_out) {
			out->p[i] = SLICE_NONE;
			continue;
		}
		found = resolve_part(part, reading, &out->p[i]);
		if (found == TRUST_ABSENT && part->optional) {
			left_out = part->optional;
			leave_out(template, left_out, out);
		} else if (found != TRUST_FOUND) {
			*culprit = &part->place;
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
		if (trust_place_is(&template->parts[i].place, kind) && template->parts[i].filter_count == 0 &&
		    !template->parts[i].optional)
			return true;
	return false;
}

bool trust_template_covers(const struct trust_template *template, enum trust_place_kind kind)
{
	for (size_t i = 0; i < template->count; i++) {
		const struct trust_part *part = &template->parts[i];
		bool whole = part->place.kind == kind && !part->optional;

		for (size_t k = 0; k < part->filter_count; k++)
			whole &= part->filters[k] != TRUST_FILTER_CRC32;
		if (whole)
			return true;
	}
	return false;
}
