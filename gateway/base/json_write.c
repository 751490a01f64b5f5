/* json_write.c - strings as JSON.
 *
 * The special difficulty: the bytes are a stranger's and the result goes into a stream entry or a log line, so it must
 * be valid JSON and valid UTF-8 whatever they are, and must hold nothing that moves what is read: no control character,
 * be it one of ASCII or of C1, no line separator, no change of direction. */
#include "base/json.h"
#include "base/json_scan.h"

#define REPLACEMENT SLICE("\xef\xbf\xbd")

static bool is_tail(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/* The length of the well-formed UTF-8 sequence (Unicode table 3-7) of two to four bytes that s begins with, or 0. */
static size_t utf8_length(struct slice s)
{
	unsigned char first = s.p[0];
	size_t n = first >= 0xc2 && first <= 0xdf   ? 2
		   : (first & 0xf0) == 0xe0	    ? 3
		   : first >= 0xf0 && first <= 0xf4 ? 4
						    : 0;
	if (n == 0 || s.n < n)
		return 0;
	/* The second byte rules out what would be too long a form, a surrogate, or above U+10FFFF. */
	unsigned char low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
	unsigned char high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
	if (s.p[1] < low || s.p[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++) {
		if (!is_tail(s.p[i]))
			return 0;
	}
	return n;
}

/* U+2028, U+2029, and the characters that turn the direction of what stands behind them (U+202A to U+202E, U+2066 to
 * U+2069): some readers end a line at the former, and the latter make a line read as what it is not. */
static bool moves_the_line(const unsigned char *p)
{
	return p[0] == 0xe2 &&
	       ((p[1] == 0x80 && p[2] >= 0xa8 && p[2] <= 0xae) || (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9));
}

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
	size_t n = utf8_length(s);
	if (n == 0) {
		buf_add(out, REPLACEMENT);
		return 1;
	}
	if (c == 0xc2 && s.p[1] < 0xa0)
		write_control(out, 0, s.p[1]);
	else if (n == 3 && moves_the_line(s.p))
		write_control(out, 0x20, (unsigned char)((s.p[1] & 3) << 6 | (s.p[2] & 0x3f)));
	else
		buf_add(out, slice_head(s, n));
	return n;
}

void json_write_string(struct buf *out, struct slice s)
{
	buf_add_byte(out, '"');
	while (s.n > 0) {
		size_t plain = (size_t)(json_scan_plain(s.p, s.p + s.n) - s.p);
		buf_add(out, slice_head(s, plain));
		s = slice_from(s, plain);
		if (s.n > 0)
			s = slice_from(s, write_special(out, s));
	}
	buf_add_byte(out, '"');
}
