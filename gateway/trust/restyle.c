/* restyle.c - a JSON text as other programs would have written it, see restyle.h.
 *
 * The special difficulty: the result is compared byte for byte by a MAC, so what the style does not speak of must stay as
 * it is: numbers, escapes, members of equal names. So no tree is built; raw pieces of the text are put in another order
 * and other white space between them. */
#include "trust/restyle.h"

#include "base/buf.h"
#include "base/encode.h"

#include <stdlib.h>
#include <string.h>

enum { DEEPEST = 64 };

enum letters {
	LETTERS_KEPT,
	LETTERS_ASCII, /* \u00fc for what is not ASCII */
	LETTERS_UTF8   /* the other way round */
};

struct style {
	const char *words, *comma, *colon;
	bool sorted;
	unsigned indent; /* spaces per level; 0: all on one line */
	enum letters letters;
	bool slashes; /* "\/" */
};

static const struct style styles[] = {
	{ .words = "without white space", .comma = ",", .colon = ":" },
	{ .words = "with a space behind each comma and colon (as Python does)", .comma = ", ", .colon = ": " },
	{ .words = "with a space behind each comma and colon, and \\u for what is not ASCII (as Python does)",
	  .comma = ", ",
	  .colon = ": ",
	  .letters = LETTERS_ASCII },
	{ .words = "without white space, and \\u for what is not ASCII",
	  .comma = ",",
	  .colon = ":",
	  .letters = LETTERS_ASCII },
	{ .words = "without white space, \\u for what is not ASCII, and \\/ for / (as PHP does)",
	  .comma = ",",
	  .colon = ":",
	  .letters = LETTERS_ASCII,
	  .slashes = true },
	{ .words = "without white space, and letters for \\u", .comma = ",", .colon = ":", .letters = LETTERS_UTF8 },
	{ .words = "without white space, its members sorted", .comma = ",", .colon = ":", .sorted = true },
	{ .words = "with a space behind each comma and colon, its members sorted",
	  .comma = ", ",
	  .colon = ": ",
	  .sorted = true },
	{ .words = "indented by two", .comma = ",", .colon = ": ", .indent = 2 },
	{ .words = "indented by four", .comma = ",", .colon = ": ", .indent = 4 },
};

struct restyling {
	const struct style *style;
	struct arena *arena;
	struct buf out;
	bool bad;
};

struct member {
	struct slice name, value; /* raw; the name empty in an array */
};

/* ---- reading ---- */

static struct slice skip_blanks(struct slice s)
{
	while (s.n > 0 && memchr(" \t\r\n", s.p[0], 4))
		s = slice_from(s, 1);
	return s;
}

/* The string that s begins with, quotes included; 0 where there is none. */
static size_t string_length(struct slice s)
{
	if (s.n == 0 || s.p[0] != '"')
		return 0;
	for (size_t i = 1; i < s.n; i++) {
		if (s.p[i] == '"')
			return i + 1;
		if (s.p[i] == '\\')
			i++;
	}
	return 0;
}

/* The value that s begins with; 0 where there is none. Braces are only counted: what is within is looked at later. */
static size_t value_length(struct slice s)
{
	size_t open = 0, at = 0;

	while (at < s.n) {
		unsigned char c = s.p[at];
		size_t string = c == '"' ? string_length(slice_from(s, at)) : 0;

		if (c == '"' && string == 0)
			return 0;
		if (open == 0 && memchr(" \t\r\n,:]}", c, 8))
			return at;
		open += c == '{' || c == '[';
		if (c == '}' || c == ']')
			open--;
		at += string > 0 ? string : 1;
		if (open == 0 && (c == '}' || c == ']' || c == '"'))
			return at;
	}
	return open == 0 ? at : 0;
}

/* The next member or item of what stands between braces; false at the end, or where it is broken. */
static bool next_member(struct restyling *r, struct slice *rest, bool object, struct member *out)
{
	size_t n;

	*rest = skip_blanks(*rest);
	if (rest->n == 0)
		return false;
	out->name = SLICE_NONE;
	if (object) {
		n = string_length(*rest);
		out->name = slice_head(*rest, n);
		*rest = skip_blanks(slice_from(*rest, n));
		r->bad |= n == 0 || rest->n == 0 || rest->p[0] != ':';
		*rest = r->bad ? SLICE_NONE : skip_blanks(slice_from(*rest, 1));
	}
	n = value_length(*rest);
	out->value = slice_head(*rest, n);
	*rest = skip_blanks(slice_from(*rest, n));
	r->bad |= n == 0 || (rest->n > 0 && (rest->p[0] != ',' || rest->n == 1));
	if (r->bad)
		return false;
	*rest = slice_from(*rest, 1);
	return true;
}

static size_t read_members(struct restyling *r, struct slice inside, bool object, struct member **out)
{
	struct member one;
	struct slice rest = inside;
	size_t count = 0;

	while (next_member(r, &rest, object, &one))
		count++;
	*out = arena_alloc(r->arena, (count + 1) * sizeof(**out));
	r->bad |= *out == NULL;
	rest = inside;
	for (size_t i = 0; !r->bad && i < count; i++)
		(void)next_member(r, &rest, object, &(*out)[i]);
	return r->bad ? 0 : count;
}

/* ---- writing ---- */

static uint32_t code_of(struct slice letter)
{
	static const unsigned char first[5] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t code = letter.p[0] & first[letter.n];

	for (size_t i = 1; i < letter.n; i++)
		code = code << 6 | (letter.p[i] & 0x3f);
	return code;
}

static void add_escaped(struct buf *out, uint32_t code)
{
	if (code >= 0x10000)
		buf_printf(out, "\\u%04x\\u%04x", (unsigned)(0xd800 + ((code - 0x10000) >> 10)),
			   (unsigned)(0xdc00 + ((code - 0x10000) & 0x3ff)));
	else
		buf_printf(out, "\\u%04x", (unsigned)code);
}

static bool hex4(struct slice s, uint32_t *out)
{
	unsigned char bytes[2];
	size_t n;

	if (s.n < 6 || s.p[0] != '\\' || s.p[1] != 'u' ||
	    !encode_hex_decode(slice_head(slice_from(s, 2), 4), bytes, &n) || n != 2)
		return false;
	*out = (uint32_t)bytes[0] << 8 | bytes[1];
	return true;
}

static void add_letter(struct buf *out, uint32_t code)
{
	if (code < 0x800) {
		buf_add_byte(out, (unsigned char)(0xc0 | code >> 6));
	} else if (code < 0x10000) {
		buf_add_byte(out, (unsigned char)(0xe0 | code >> 12));
		buf_add_byte(out, (unsigned char)(0x80 | (code >> 6 & 0x3f)));
	} else {
		buf_add_byte(out, (unsigned char)(0xf0 | code >> 18));
		buf_add_byte(out, (unsigned char)(0x80 | (code >> 12 & 0x3f)));
		buf_add_byte(out, (unsigned char)(0x80 | (code >> 6 & 0x3f)));
	}
	buf_add_byte(out, (unsigned char)(0x80 | (code & 0x3f)));
}

/* An escape; how long it is. */
static size_t add_escape(struct restyling *r, struct slice s)
{
	uint32_t code, low;
	bool decode = r->style->letters == LETTERS_UTF8 && hex4(s, &code) && code >= 0x80;
	bool pair = decode && code >= 0xd800 && code < 0xdc00 && hex4(slice_from(s, 6), &low) && low >= 0xdc00 &&
		    low < 0xe000;

	if (pair) {
		add_letter(&r->out, 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00));
		return 12;
	}
	if (decode && (code < 0xd800 || code >= 0xe000)) {
		add_letter(&r->out, code);
		return 6;
	}
	buf_add(&r->out, slice_head(s, 2));
	return 2;
}

static void add_string(struct restyling *r, struct slice s)
{
	for (size_t i = 0; i < s.n;) {
		struct slice rest = slice_from(s, i);
		size_t n = rest.p[0] >= 0x80 ? encode_utf8_length(rest) : 1;

		if (rest.p[0] == '\\' && rest.n > 1) {
			i += add_escape(r, rest);
			continue;
		}
		if (n > 1 && r->style->letters == LETTERS_ASCII)
			add_escaped(&r->out, code_of(slice_head(rest, n)));
		else if (rest.p[0] == '/' && r->style->slashes)
			buf_add(&r->out, SLICE("\\/"));
		else
			buf_add(&r->out, slice_head(rest, n > 0 ? n : 1));
		i += n > 0 ? n : 1;
	}
}

static void new_line(struct restyling *r, size_t depth)
{
	if (r->style->indent == 0)
		return;
	buf_add_byte(&r->out, '\n');
	for (size_t i = 0; i < depth * r->style->indent; i++)
		buf_add_byte(&r->out, ' ');
}

static int by_name(const void *a, const void *b)
{
	const struct slice *x = &((const struct member *)a)->name, *y = &((const struct member *)b)->name;
	int order = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);

	return order != 0 ? order : (x->n > y->n) - (x->n < y->n);
}

static void add_value(struct restyling *r, struct slice value, size_t depth);

static void add_members(struct restyling *r, struct slice value, size_t depth)
{
	bool object = value.p[0] == '{';
	struct member *members;
	size_t count = read_members(r, slice_head(slice_from(value, 1), value.n - 2), object, &members);

	if (object && r->style->sorted && count > 1)
		qsort(members, count, sizeof(*members), by_name);
	buf_add_byte(&r->out, value.p[0]);
	for (size_t i = 0; i < count; i++) {
		buf_add_str(&r->out, i > 0 ? r->style->comma : "");
		new_line(r, depth + 1);
		if (object) {
			add_string(r, members[i].name);
			buf_add_str(&r->out, r->style->colon);
		}
		add_value(r, members[i].value, depth + 1);
	}
	if (count > 0)
		new_line(r, depth);
	buf_add_byte(&r->out, object ? '}' : ']');
}

static void add_value(struct restyling *r, struct slice value, size_t depth)
{
	bool members = value.n >= 2 && (value.p[0] == '{' || value.p[0] == '[');

	r->bad |= depth > DEEPEST || (members && value.p[value.n - 1] != (value.p[0] == '{' ? '}' : ']'));
	if (r->bad)
		return;
	if (members)
		add_members(r, value, depth);
	else
		add_string(r, value);
}

const char *trust_restyle_words(size_t n)
{
	return n < sizeof(styles) / sizeof(styles[0]) ? styles[n].words : NULL;
}

struct slice trust_restyle(size_t n, struct slice text, struct arena *arena)
{
	struct restyling r = { .style = &styles[n], .arena = arena, .out = BUF_EMPTY };
	struct slice value = skip_blanks(text), out = SLICE_NONE;
	size_t length = value_length(value);

	r.bad = length == 0 || skip_blanks(slice_from(value, length)).n > 0;
	add_value(&r, slice_head(value, length), 0);
	if (!r.bad && !buf_failed(&r.out))
		out = arena_copy(arena, buf_slice(&r.out));
	buf_free(&r.out);
	return out;
}
