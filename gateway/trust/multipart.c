/* multipart.c - reading multipart/form-data, see multipart.h.
 *
 * The special difficulty: the boundary is the stranger's own, and stands in quotes, with parameters around it, in a
 * header that everybody parses a little differently. So only plain ones are taken: what needs interpretation is
 * refused. */
#include "trust/multipart.h"

enum { HEAD_MAX = 8192, HEADERS_MAX = 16 };

/* Takes "name=value" or name="value" off the front of *rest, which begins with ";" or is empty. In quotes there may be
 * neither a quote nor a backslash. False at the end and where it cannot be read; *broken tells which. */
static bool next_parameter(struct slice *rest, struct slice *name, struct slice *value, bool *broken)
{
	struct slice s = slice_trim(*rest);
	size_t end;

	*broken = true;
	if (s.n == 0) {
		*broken = false;
		return false;
	}
	if (s.p[0] != ';' || !slice_cut(slice_from(s, 1), '=', name, &s))
		return false;
	*name = slice_trim(*name);
	if (s.n > 0 && s.p[0] == '"') {
		s = slice_from(s, 1);
		end = slice_index(s, '"');
		if (end == s.n)
			return false;
		*value = slice_head(s, end);
		*rest = slice_from(s, end + 1);
		if (slice_index(*value, '\\') < value->n)
			return false;
	} else {
		end = slice_index(s, ';');
		*value = slice_trim(slice_head(s, end));
		*rest = slice_from(s, end);
	}
	*broken = name->n == 0 || slice_has_control(*value);
	return !*broken;
}

/* The parameter of that name behind a header's first word; false when there is none, or two, or nothing to read. */
static bool parameter(struct slice header, struct slice wanted, struct slice *out, bool *broken)
{
	struct slice rest = slice_from(header, slice_index(header, ';')), name, value;
	size_t count = 0;

	while (next_parameter(&rest, &name, &value, broken))
		if (slice_eq_nocase(name, wanted) && count++ == 0)
			*out = value;
	*broken |= count > 1;
	return count == 1 && !*broken;
}

static bool may_be_boundary(struct slice s)
{
	static const struct slice marks = SLICE_LIT("'()+_,-./:=? ");

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = s.p[i], lower = c | 0x20;

		if (!(lower >= 'a' && lower <= 'z') && !(c >= '0' && c <= '9') && slice_index(marks, c) == marks.n)
			return false;
	}
	return s.n > 0 && s.n <= TRUST_BOUNDARY_MAX && s.p[s.n - 1] != ' ';
}

bool trust_multipart_open(struct slice content_type, struct slice body, struct trust_multipart *out)
{
	struct slice boundary = SLICE_NONE, first;
	bool broken;

	if (!parameter(content_type, SLICE("boundary"), &boundary, &broken) || !may_be_boundary(boundary))
		return false;
	memcpy(out->delimiter, "\r\n--", 4);
	memcpy(out->delimiter + 4, boundary.p, boundary.n);
	out->delimiter_n = boundary.n + 4;
	/* The first one has no line before it. */
	first = slice_of(out->delimiter + 2, out->delimiter_n - 2);
	if (!slice_starts(body, first))
		return false;
	out->rest = slice_from(body, first.n);
	out->parts = 0;
	return true;
}

/* One header of a part. False: it cannot be read, or says that the value is encoded. */
static bool read_header(struct slice line, struct trust_multipart_part *part, size_t *dispositions)
{
	struct slice name, value, first, ignored;
	bool broken;

	if (!slice_cut(line, ':', &name, &value) || name.n == 0)
		return false;
	value = slice_trim(value);
	if (slice_eq_nocase(name, SLICE("Content-Transfer-Encoding")))
		return slice_eq_nocase(value, SLICE("7bit")) || slice_eq_nocase(value, SLICE("8bit")) ||
		       slice_eq_nocase(value, SLICE("binary"));
	if (!slice_eq_nocase(name, SLICE("Content-Disposition")))
		return true;
	++*dispositions;
	slice_cut(value, ';', &first, &ignored);
	part->is_file = parameter(value, SLICE("filename"), &ignored, &broken) ||
			parameter(value, SLICE("filename*"), &ignored, &broken);
	return slice_eq_nocase(slice_trim(first), SLICE("form-data")) &&
	       parameter(value, SLICE("name"), &part->name, &broken);
}

/* The head's lines as far as the empty one; *rest is then the value. */
static bool read_head(struct slice *rest, struct trust_multipart_part *part)
{
	size_t used = 0, dispositions = 0;

	for (size_t n = 0; n <= HEADERS_MAX; n++) {
		struct slice room = slice_head(*rest, HEAD_MAX - used), line;
		const unsigned char *end = room.n > 1 ? memmem(room.p, room.n, "\r\n", 2) : NULL;

		if (!end)
			return false;
		line = slice_head(*rest, (size_t)(end - rest->p));
		used += line.n + 2;
		*rest = slice_from(*rest, line.n + 2);
		if (line.n == 0)
			return dispositions == 1;
		if (slice_index(line, '\n') < line.n || slice_index(line, '\r') < line.n ||
		    !read_header(line, part, &dispositions))
			return false;
	}
	return false;
}

enum trust_multipart_step trust_multipart_next(struct trust_multipart *m, struct trust_multipart_part *part)
{
	struct trust_multipart_part read = { .is_file = false };
	const unsigned char *end;

	if (slice_eq(m->rest, SLICE("--")) || slice_eq(m->rest, SLICE("--\r\n")))
		return TRUST_MULTIPART_END;
	if (!slice_starts(m->rest, SLICE("\r\n")) || m->parts++ == TRUST_MULTIPART_PARTS_MAX)
		return TRUST_MULTIPART_BROKEN;
	m->rest = slice_from(m->rest, 2);
	if (!read_head(&m->rest, &read))
		return TRUST_MULTIPART_BROKEN;
	end = m->rest.n > 0 ? memmem(m->rest.p, m->rest.n, m->delimiter, m->delimiter_n) : NULL;
	if (!end)
		return TRUST_MULTIPART_BROKEN;
	read.value = slice_head(m->rest, (size_t)(end - m->rest.p));
	m->rest = slice_from(m->rest, read.value.n + m->delimiter_n);
	*part = read;
	return TRUST_MULTIPART_PART;
}
