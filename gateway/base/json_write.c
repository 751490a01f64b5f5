/* json_write.c - strings as JSON.
 *
 * The special difficulty: the bytes are a stranger's and the result goes into a stream entry or a log line, so it must
 * be valid JSON and valid UTF-8 whatever they are, and must hold nothing that moves what is read: no control character,
 * be it one of ASCII or of C1, no line separator, no change of direction. */
#include "base/encode.h"
#include "base/json.h"
#include "base/json_scan.h"

#define REPLACEMENT SLICE("\xef\xbf\xbd")

static void write_control(struct buf *out, unsigned char high, unsigned char low)
{
	static const char digits[] = "0123456789abcdef";
	char text[] = { '\\', 'u', digits[high >> 4], digits[high & 15], digits[low >> 4], digits[low & 15] };
	buf_add(out, slice_of(text, sizeof text));
}

/* Writes the character that s begins with, which is not a plain one; how many bytes of s it was. */
static size_t write_special(struct buf *out, struct slice s)
{
	unsigned char c = s.p[0];
	if (c == '"' || c == '\\') {
		unsigned char text[] = { '\\', c };
		buf_add(out, slice_of(text, sizeof text));
		return 1;
	}
	if (c < 0x80) {
		write_control(out, 0, c);
		return 1;
	}
	size_t n = encode_utf8_length(s);
	if (n == 0) {
		buf_add(out, REPLACEMENT);
		return 1;
	}
	if (c == 0xc2 && s.p[1] < 0xa0)
		write_control(out, 0, s.p[1]);
	else if (encode_utf8_moves(s))
		write_control(out, 0x20, (unsigned char)((s.p[1] & 3) << 6 | (s.p[2] & 0x3f)));
	else
		buf_add(out, slice_head(s, n));
	return n;
}

/* What begins with a byte that is not a plain one. */
static void write_mixed(struct buf *out, struct slice s)
{
	while (s.n > 0) {
		s = slice_from(s, write_special(out, s));
		if (s.n == 0)
			break;
		size_t plain = (size_t)(json_scan_plain(s.p, s.p + s.n) - s.p);
		buf_add(out, slice_head(s, plain));
		s = slice_from(s, plain);
	}
}

void json_write_string(struct buf *out, struct slice s)
{
	size_t plain = s.n > 0 ? (size_t)(json_scan_plain(s.p, s.p + s.n) - s.p) : 0;
	/* Nearly all are plain to the end, and then there is room for the last quote as well. */
	if (!buf_room(out, plain + 2))
		return;
	unsigned char *at = out->p + out->n;
	*at++ = '"';
	if (plain > 0)
		memcpy(at, s.p, plain);
	out->n += 1 + plain;
	if (plain < s.n)
		write_mixed(out, slice_from(s, plain));
	buf_add_byte(out, '"');
}
