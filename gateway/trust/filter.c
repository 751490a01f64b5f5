/* filter.c - encodings and hashes for templates, see filter.h.
 *
 * The special difficulty: what is made here is signed, or sent to a stranger. So each filter follows one specification
 * to the byte (JSON as ECMA-262 writes it, RFC 4648, CRC-32 as in zlib), and none of them guesses. */
#include "trust/filter.h"

#include "base/encode.h"
#include "trust/digest.h"
#include "trust/lane.h"

#include <inttypes.h>

enum { UNPROVEN_MAX = 64 };

static const struct {
	struct slice name;
	const char *digest; /* OpenSSL's name of a hash, else NULL */
} filters[] = {
	[TRUST_FILTER_JSON] = { SLICE_LIT("json"), NULL },
	[TRUST_FILTER_JSONSTR] = { SLICE_LIT("jsonstr"), NULL },
	[TRUST_FILTER_HEX] = { SLICE_LIT("hex"), NULL },
	[TRUST_FILTER_BASE64] = { SLICE_LIT("base64"), NULL },
	[TRUST_FILTER_BASE64URL] = { SLICE_LIT("base64url"), NULL },
	[TRUST_FILTER_UNBASE64] = { SLICE_LIT("unbase64"), NULL },
	[TRUST_FILTER_LOWER] = { SLICE_LIT("lower"), NULL },
	[TRUST_FILTER_UPPER] = { SLICE_LIT("upper"), NULL },
	[TRUST_FILTER_CRC32] = { SLICE_LIT("crc32"), NULL },
	[TRUST_FILTER_HMAC] = { SLICE_LIT("hmac"), NULL },
	[TRUST_FILTER_MD5] = { SLICE_LIT("md5"), "MD5" },
	[TRUST_FILTER_SHA1] = { SLICE_LIT("sha1"), "SHA1" },
	[TRUST_FILTER_SHA256] = { SLICE_LIT("sha256"), "SHA256" },
	[TRUST_FILTER_SHA384] = { SLICE_LIT("sha384"), "SHA384" },
	[TRUST_FILTER_SHA512] = { SLICE_LIT("sha512"), "SHA512" },
};

bool trust_filter_named(struct slice name, enum trust_filter *out)
{
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++)
		if (slice_eq(filters[i].name, name)) {
			*out = (enum trust_filter)i;
			return true;
		}
	return false;
}

static bool hex(struct arena *arena, struct slice in, struct slice *out)
{
	char *text = arena_alloc(arena, 2 * in.n);

	if (!text)
		return false;
	encode_hex(in, text);
	*out = slice_of(text, 2 * in.n);
	return true;
}

/* A string literal as ECMA-262's QuoteJSONString makes it, which is what JavaScript's JSON.stringify() sends. */
static void write_jsonstr(struct buf *out, struct slice s)
{
	static const char escapes[] = "btn\0fr"; /* of 0x08 to 0x0d, 0x0b has none */

	buf_add_byte(out, '"');
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = s.p[i];

		if (c == '"' || c == '\\')
			buf_add_byte(out, '\\');
		if (c >= 0x20)
			buf_add_byte(out, c);
		else if (c >= 0x08 && c <= 0x0d && c != 0x0b)
			buf_printf(out, "\\%c", escapes[c - 0x08]);
		else
			buf_printf(out, "\\u%04x", (unsigned)c);
	}
	buf_add_byte(out, '"');
}

/* What is written into a buffer first, as its length is not known before. */
static bool written(struct arena *arena, enum trust_filter filter, struct slice in, struct slice *out)
{
	struct buf buf = BUF_EMPTY;
	bool ok;

	if (filter == TRUST_FILTER_JSON)
		json_write_string(&buf, in);
	else if (filter == TRUST_FILTER_JSONSTR)
		write_jsonstr(&buf, in);
	else
		encode_base64(filter == TRUST_FILTER_BASE64 ? ENCODE_BASE64 : ENCODE_BASE64URL, in, &buf);
	*out = arena_copy(arena, buf_slice(&buf));
	ok = !buf_failed(&buf) && !arena_failed(arena);
	buf_free(&buf);
	return ok;
}

/* ASCII letters only: other bytes are nobody's to change. */
static bool change_case(struct arena *arena, bool upper, struct slice in, struct slice *out)
{
	unsigned char *text = arena_alloc(arena, in.n);

	if (!text)
		return false;
	for (size_t i = 0; i < in.n; i++) {
		unsigned char c = in.p[i];

		if (upper ? c >= 'a' && c <= 'z' : c >= 'A' && c <= 'Z')
			c ^= 0x20;
		text[i] = c;
	}
	*out = slice_of(text, in.n);
	return true;
}

/* Base64 of either alphabet, line ends and padding as they come. */
static bool unbase64(struct arena *arena, struct slice in, struct slice *out)
{
	unsigned char *bytes = arena_alloc(arena, encode_base64_room(in.n));
	size_t n;

	if (!bytes || (!encode_base64_decode(ENCODE_BASE64_ANY, in, bytes, &n) &&
		       !encode_base64_decode(ENCODE_BASE64URL_ANY, in, bytes, &n)))
		return false;
	*out = slice_of(bytes, n);
	return true;
}

/* CRC-32 of ISO 3309 as an unsigned decimal, four bits at a time. */
static bool crc32(struct arena *arena, struct slice in, struct slice *out)
{
	static const uint32_t four[16] = { 0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
					   0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
					   0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c };
	uint32_t crc = 0xffffffffU;

	for (size_t i = 0; i < in.n; i++) {
		crc ^= in.p[i];
		crc = crc >> 4 ^ four[crc & 15];
		crc = crc >> 4 ^ four[crc & 15];
	}
	*out = arena_printf(arena, "%" PRIu32, crc ^ 0xffffffffU);
	return out->n > 0;
}

static bool hash(struct arena *arena, const char *name, struct slice in, struct slice *out)
{
	unsigned char *bytes = arena_alloc(arena, TRUST_DIGEST_MAX);
	size_t n;

	if (!bytes || trust_digest_pieces(name, &in, 1, bytes, &n) != 0)
		return false;
	*out = slice_of(bytes, n);
	return true;
}

static bool is_token_text(struct slice in)
{
	static const struct slice marks = SLICE_LIT("+/=-_");

	for (size_t i = 0; i < in.n; i++) {
		unsigned char c = in.p[i], lower = c | 0x20;

		if (!(lower >= 'a' && lower <= 'z') && !(c >= '0' && c <= '9') && slice_index(marks, c) == marks.n)
			return false;
	}
	return true;
}

static bool may_be_token(struct slice in)
{
	return in.n > 0 && in.n <= UNPROVEN_MAX && is_token_text(in);
}

bool trust_filter_was_for_all(const struct trust_parts *parts)
{
	size_t length = trust_parts_length(parts);

	for (size_t i = 0; length <= UNPROVEN_MAX && i < parts->n; i++)
		if (!is_token_text(parts->p[i]))
			return false;
	return length > 0 && length <= UNPROVEN_MAX;
}

static bool hmac(struct trust_reading *reading, struct slice in, struct slice *out)
{
	unsigned char *bytes = arena_alloc(reading->arena, TRUST_MAC_MAX);
	size_t n;

	if (!bytes || !reading->lane || (reading->unproven && !may_be_token(in)) ||
	    trust_lane_mac(reading->lane, reading->verifier, reading->secret, &in, 1, bytes, &n) != 0)
		return false;
	*out = slice_of(bytes, n);
	return true;
}

bool trust_filter_apply(enum trust_filter filter, struct trust_reading *reading, struct slice in, struct slice *out)
{
	struct arena *arena = reading->arena;

	switch (filter) {
	case TRUST_FILTER_JSON:
	case TRUST_FILTER_JSONSTR:
	case TRUST_FILTER_BASE64:
	case TRUST_FILTER_BASE64URL:
		return written(arena, filter, in, out);
	case TRUST_FILTER_HEX:
		return hex(arena, in, out);
	case TRUST_FILTER_UNBASE64:
		return unbase64(arena, in, out);
	case TRUST_FILTER_LOWER:
	case TRUST_FILTER_UPPER:
		return change_case(arena, filter == TRUST_FILTER_UPPER, in, out);
	case TRUST_FILTER_CRC32:
		return crc32(arena, in, out);
	case TRUST_FILTER_HMAC:
		return hmac(reading, in, out);
	case TRUST_FILTER_MD5:
	case TRUST_FILTER_SHA1:
	case TRUST_FILTER_SHA256:
	case TRUST_FILTER_SHA384:
	case TRUST_FILTER_SHA512:
		return hash(arena, filters[filter].digest, in, out);
	}
	return false;
}
