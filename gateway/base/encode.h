/* encode.h - hex and base64, both ways, strictly; percent-decoding; the shape of UTF-8.
 *
 * Decoders write to `out`, which must have room for the *_room() of the input; they return false and leave *n untouched
 * on any byte, length or padding that is not exactly right (then `out` may have been scribbled on). Not constant time:
 * what they decode is what the stranger sent, or a key at load. */
#ifndef HOOKGATE_BASE_ENCODE_H
#define HOOKGATE_BASE_ENCODE_H

#include "base/buf.h"
#include "base/slice.h"

enum encode_alphabet {
	ENCODE_BASE64,	     /* + and /, padding required (RFC 4648 section 4) */
	ENCODE_BASE64_ANY,   /* + and /, padding right or left out */
	ENCODE_BASE64URL,    /* - and _, no padding (RFC 7515) */
	ENCODE_BASE64URL_ANY /* - and _, padding right or left out */
};

static inline size_t encode_hex_room(size_t digits)
{
	return digits / 2 + 1;
}
static inline size_t encode_base64_room(size_t chars)
{
	return chars / 4 * 3 + 3;
}

/* Hex in either case, an even number of digits; the empty slice decodes to nothing. */
bool encode_hex_decode(struct slice s, unsigned char *out, size_t *n) __attribute__((warn_unused_result));

/* Lower case; out has 2 * s.n bytes, no NUL. */
void encode_hex(struct slice s, char *out);

/* Non-zero trailing bits are refused (RFC 4648 section 3.5), so that each value has one spelling. */
bool encode_base64_decode(enum encode_alphabet a, struct slice s, unsigned char *out, size_t *n)
	__attribute__((warn_unused_result));

/* Appends; the *_ANY alphabets encode as their strict twins do. */
void encode_base64(enum encode_alphabet a, struct slice s, struct buf *out);

/* Percent-decoding (RFC 3986), and "+" as a space when `form`. out has s.n bytes. A "%" without two hex digits:
 * false. */
bool encode_percent_decode(struct slice s, bool form, unsigned char *out, size_t *n)
	__attribute__((warn_unused_result));

/* The length of the well-formed UTF-8 sequence (Unicode table 3-7) of one to four bytes that s, which is not empty, begins
 * with; 0 where there is none. */
size_t encode_utf8_length(struct slice s);

/* Is the sequence that s begins with one that moves what stands behind it: a line or paragraph separator, a change of
 * direction (U+2028 to U+202E, U+2066 to U+2069)? Some readers end a line at the former, and the latter make a line read
 * as what it is not. */
bool encode_utf8_moves(struct slice s);

#endif
