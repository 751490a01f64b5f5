/* encode.c - hex, base64, percent-decoding and UTF-8, strictly.
 *
 * The special difficulty: one value, one spelling. A decoder that forgives (stray padding, left-over bits, white space)
 * lets a signature be written in many ways, and what compares equal after decoding was not what was sent. */
#include "base/encode.h"

/* Value plus one of each character; 0 is for all that do not belong. */
#define DIGITS(first)                                                                                                  \
	['0'] = (first), ['1'] = (first) + 1, ['2'] = (first) + 2, ['3'] = (first) + 3, ['4'] = (first) + 4,           \
	['5'] = (first) + 5, ['6'] = (first) + 6, ['7'] = (first) + 7, ['8'] = (first) + 8, ['9'] = (first) + 9

/* clang-format off */
static const unsigned char hex_values[256] = {
	DIGITS(1),
	['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
	['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

#define LETTERS_AND_DIGITS \
	['A'] = 1, ['B'] = 2, ['C'] = 3, ['D'] = 4, ['E'] = 5, ['F'] = 6, ['G'] = 7, ['H'] = 8, ['I'] = 9, \
	['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18, \
	['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26, \
	['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35, \
	['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, \
	['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48, ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, DIGITS(53)

static const unsigned char base64_values[256] = { LETTERS_AND_DIGITS, ['+'] = 63, ['/'] = 64 };
static const unsigned char base64url_values[256] = { LETTERS_AND_DIGITS, ['-'] = 63, ['_'] = 64 };
/* clang-format on */

static const char hex_digits[] = "0123456789abcdef";
static const char base64_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64url_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* The byte that two hex digits stand for, or -1. */
static int hex_pair(const unsigned char *p)
{
	int high = hex_values[p[0]] - 1;
	int low = hex_values[p[1]] - 1;
	/* Minus one has all bits, whatever the other is. */
	return high * 16 | low;
}

bool encode_hex_decode(struct slice s, unsigned char *out, size_t *n)
{
	if (s.n % 2 != 0)
		return false;
	/* A wrong digit makes a negative pair, and is noticed at the end. */
	int all = 0;
	for (size_t i = 0; i < s.n / 2; i++) {
		int byte = hex_pair(s.p + 2 * i);
		all |= byte;
		out[i] = (unsigned char)byte;
	}
	if (all < 0)
		return false;
	*n = s.n / 2;
	return true;
}

void encode_hex(struct slice s, char *out)
{
	for (size_t i = 0; i < s.n; i++) {
		out[2 * i] = hex_digits[s.p[i] >> 4];
		out[2 * i + 1] = hex_digits[s.p[i] & 15];
	}
}

static bool is_url(enum encode_alphabet a)
{
	return a == ENCODE_BASE64URL || a == ENCODE_BASE64URL_ANY;
}

/* Takes the padding off; false where it is not what the alphabet asks for. */
static bool strip_padding(enum encode_alphabet a, struct slice *s)
{
	size_t padding = 0;
	while (padding < 2 && padding < s->n && s->p[s->n - 1 - padding] == '=')
		padding++;
	size_t chars = s->n - padding;
	size_t right = (4 - chars % 4) % 4;
	if (right == 3)
		return false;
	if (padding != right && (padding != 0 || a == ENCODE_BASE64))
		return false;
	if (padding != 0 && a == ENCODE_BASE64URL)
		return false;
	s->n = chars;
	return true;
}

/* Decodes 2 to 4 characters into one byte fewer; false also on trailing bits that are not zero. */
static bool decode_group(const unsigned char *values, const unsigned char *p, size_t chars, unsigned char *out)
{
	unsigned bits = 0;
	for (size_t i = 0; i < 4; i++) {
		unsigned value = i < chars ? values[p[i]] : 1;
		if (value == 0)
			return false;
		bits = bits << 6 | (value - 1);
	}
	for (size_t i = 0; i < chars - 1; i++)
		out[i] = (unsigned char)(bits >> (16 - 8 * i));
	return chars == 4 || (bits & (0xffffffU >> (8 * (chars - 1)))) == 0;
}

bool encode_base64_decode(enum encode_alphabet a, struct slice s, unsigned char *out, size_t *n)
{
	const unsigned char *values = is_url(a) ? base64url_values : base64_values;
	size_t written = 0;
	if (!strip_padding(a, &s))
		return false;
	for (size_t at = 0; at < s.n; at += 4) {
		size_t chars = s.n - at < 4 ? s.n - at : 4;
		if (!decode_group(values, s.p + at, chars, out + written))
			return false;
		written += chars - 1;
	}
	*n = written;
	return true;
}

void encode_base64(enum encode_alphabet a, struct slice s, struct buf *out)
{
	const char *chars = is_url(a) ? base64url_chars : base64_chars;
	for (size_t at = 0; at < s.n; at += 3) {
		size_t bytes = s.n - at < 3 ? s.n - at : 3;
		unsigned bits = 0;
		for (size_t i = 0; i < 3; i++)
			bits = bits << 8 | (i < bytes ? s.p[at + i] : 0U);
		char group[4] = { chars[bits >> 18], chars[bits >> 12 & 63], chars[bits >> 6 & 63], chars[bits & 63] };
		memset(group + bytes + 1, '=', 3 - bytes);
		buf_add(out, slice_of(group, is_url(a) ? bytes + 1 : 4));
	}
}

bool encode_percent_decode(struct slice s, bool form, unsigned char *out, size_t *n)
{
	size_t written = 0;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = s.p[i];
		if (c == '%') {
			int byte = s.n - i > 2 ? hex_pair(s.p + i + 1) : -1;
			if (byte < 0)
				return false;
			c = (unsigned char)byte;
			i += 2;
		} else if (c == '+' && form) {
			c = ' ';
		}
		out[written++] = c;
	}
	*n = written;
	return true;
}

static bool is_tail(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

size_t encode_utf8_length(struct slice s)
{
	unsigned char first = s.p[0];
	if (first < 0x80)
		return 1;
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

bool encode_utf8_moves(struct slice s)
{
	const unsigned char *p = s.p;
	return s.n >= 3 && p[0] == 0xe2 &&
	       ((p[1] == 0x80 && p[2] >= 0xa8 && p[2] <= 0xae) || (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9));
}
