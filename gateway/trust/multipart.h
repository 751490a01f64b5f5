/* multipart.h - the parts of a multipart/form-data body (RFC 7578, RFC 2046 section 5.1), strictly.
 *
 * Strict, as another program behind us must not see other parts than we do: no text before the first boundary, none
 * behind the last but a line's end, lines end in CRLF, a line that begins with the boundary and goes on is an error. At
 * most 64 parts with 8 KiB of head each. Values are borrowed from the body. */
#ifndef HOOKGATE_TRUST_MULTIPART_H
#define HOOKGATE_TRUST_MULTIPART_H

#include "base/slice.h"

enum { TRUST_BOUNDARY_MAX = 70, TRUST_MULTIPART_PARTS_MAX = 64 };

struct trust_multipart {
	unsigned char delimiter[TRUST_BOUNDARY_MAX + 4]; /* CRLF, two dashes, the boundary */
	size_t delimiter_n;
	struct slice rest; /* behind the delimiter of the next part */
	size_t parts;
};

struct trust_multipart_part {
	struct slice name;
	bool is_file; /* it has a file name */
	struct slice value;
};

enum trust_multipart_step { TRUST_MULTIPART_PART, TRUST_MULTIPART_END, TRUST_MULTIPART_BROKEN };

/* Begins at the body; false when the Content-Type has no boundary that may be one, or the body does not begin with it. */
bool trust_multipart_open(struct slice content_type, struct slice body, struct trust_multipart *out)
	__attribute__((warn_unused_result));

/* The next part, or the end, which is only said when the body is whole. */
enum trust_multipart_step trust_multipart_next(struct trust_multipart *multipart, struct trust_multipart_part *part)
	__attribute__((warn_unused_result));

#endif
