/* Unit tests of base/encode. */
#include "base/encode.h"

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

enum { POISON = 4711 };

struct decoded {
	struct slice in;
	bool good;
	struct slice out;
};

/* The output has exactly the room that is promised to be enough, so that AddressSanitizer sees any byte more. */
static void check_decoded(const struct decoded *c, bool good, size_t n, const unsigned char *out)
{
	if (good != c->good || n != (good ? c->out.n : POISON))
		fail_msg("\"%.*s\": %d, %zu bytes", SLICE_ARGS(c->in), good, n);
	if (good)
		assert_true(slice_eq(slice_of(out, n), c->out));
}

static void decodes_hex(void **state)
{
	static const struct decoded cases[] = {
		{ { NULL, 0 }, true, { NULL, 0 } },
		{ SLICE_LIT("00"), true, SLICE_LIT("\0") },
		{ SLICE_LIT("0123456789abcdef"), true, SLICE_LIT("\x01\x23\x45\x67\x89\xab\xcd\xef") },
		{ SLICE_LIT("ABCDEFfe"), true, SLICE_LIT("\xab\xcd\xef\xfe") },
		{ SLICE_LIT("0"), false, { NULL, 0 } },
		{ SLICE_LIT("000"), false, { NULL, 0 } },
		{ SLICE_LIT("0g"), false, { NULL, 0 } },
		{ SLICE_LIT("g0"), false, { NULL, 0 } },
		{ SLICE_LIT("0x"), false, { NULL, 0 } },
		{ SLICE_LIT("00 00"), false, { NULL, 0 } },
		{ SLICE_LIT("00\n0"), false, { NULL, 0 } },
		{ SLICE_LIT("\xb0\xb0"), false, { NULL, 0 } },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		unsigned char *out = malloc(encode_hex_room(cases[i].in.n));
		size_t n = POISON;
		bool good = encode_hex_decode(cases[i].in, out, &n);
		check_decoded(&cases[i], good, n, out);
		free(out);
	}
}

/* Every byte in place of each digit. */
static void refuses_each_wrong_digit(void **state)
{
	for (unsigned c = 0; c < 256; c++)
		for (size_t at = 0; at < 6; at++) {
			unsigned char text[6] = { '0', 'f', 'F', '9', 'a', 'A' }, out[3];
			size_t n = 7;
			text[at] = (unsigned char)c;
			bool right = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
			assert_int_equal(encode_hex_decode(slice_of(text, sizeof text), out, &n), right);
			assert_int_equal(n, right ? 3 : 7);
		}
}

static void encodes_hex(void **state)
{
	char out[8];
	encode_hex(SLICE("\x00\x1f\xa9\xff"), out);
	assert_memory_equal(out, "001fa9ff", 8);
	encode_hex(SLICE_NONE, out);
}

/* One text under each of the alphabets, in the enum's order. */
static void decodes_base64_as_each_alphabet_says(void **state)
{
	enum { PAD = 1 << ENCODE_BASE64, PAD_ANY = 1 << ENCODE_BASE64_ANY };
	enum { URL = 1 << ENCODE_BASE64URL, URL_ANY = 1 << ENCODE_BASE64URL_ANY };
	enum { ALL = PAD | PAD_ANY | URL | URL_ANY };
	static const struct {
		struct slice in;
		unsigned good;
		struct slice out;
	} cases[] = {
		/* RFC 4648 section 10. */
		{ { NULL, 0 }, ALL, { NULL, 0 } },
		{ SLICE_LIT("Zg=="), ALL - URL, SLICE_LIT("f") },
		{ SLICE_LIT("Zm8="), ALL - URL, SLICE_LIT("fo") },
		{ SLICE_LIT("Zm9v"), ALL, SLICE_LIT("foo") },
		{ SLICE_LIT("Zm9vYg"), ALL - PAD, SLICE_LIT("foob") },
		{ SLICE_LIT("Zm9vYmE"), ALL - PAD, SLICE_LIT("fooba") },
		{ SLICE_LIT("Zm9vYmFy"), ALL, SLICE_LIT("foobar") },
		{ SLICE_LIT("+/+/"), PAD | PAD_ANY, SLICE_LIT("\xfb\xff\xbf") },
		{ SLICE_LIT("-_-_"), URL | URL_ANY, SLICE_LIT("\xfb\xff\xbf") },
		{ SLICE_LIT("+_+_"), 0, { NULL, 0 } },
		/* Padding that is neither right nor left out. */
		{ SLICE_LIT("Zg="), 0, { NULL, 0 } },
		{ SLICE_LIT("Zg==="), 0, { NULL, 0 } },
		{ SLICE_LIT("Zm8=="), 0, { NULL, 0 } },
		{ SLICE_LIT("Zm9v="), 0, { NULL, 0 } },
		{ SLICE_LIT("Zm9v===="), 0, { NULL, 0 } },
		{ SLICE_LIT("="), 0, { NULL, 0 } },
		{ SLICE_LIT("=="), 0, { NULL, 0 } },
		{ SLICE_LIT("===="), 0, { NULL, 0 } },
		{ SLICE_LIT("Zg==Zg=="), 0, { NULL, 0 } },
		{ SLICE_LIT("Z"), 0, { NULL, 0 } },
		{ SLICE_LIT("Zm9vY"), 0, { NULL, 0 } },
		/* Trailing bits that are not zero. */
		{ SLICE_LIT("Zh=="), 0, { NULL, 0 } },
		{ SLICE_LIT("Zh"), 0, { NULL, 0 } },
		{ SLICE_LIT("Zm9="), 0, { NULL, 0 } },
		{ SLICE_LIT("Zm9"), 0, { NULL, 0 } },
		{ SLICE_LIT("Zm 9v"), 0, { NULL, 0 } },
		{ SLICE_LIT("Zm9v\n"), 0, { NULL, 0 } },
		{ SLICE_LIT("Zm9\0"), 0, { NULL, 0 } },
		{ SLICE_LIT("Zm9\xff"), 0, { NULL, 0 } },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		for (unsigned a = ENCODE_BASE64; a <= ENCODE_BASE64URL_ANY; a++) {
			struct decoded c = { cases[i].in, (cases[i].good >> a & 1) != 0, cases[i].out };
			unsigned char *out = malloc(encode_base64_room(c.in.n));
			size_t n = POISON;
			bool good = encode_base64_decode((enum encode_alphabet)a, c.in, out, &n);
			check_decoded(&c, good, n, out);
			free(out);
		}
	}
}

static void encodes_base64(void **state)
{
	static const struct {
		struct slice in;
		const char *padded, *url;
	} cases[] = {
		{ { NULL, 0 }, "", "" },
		{ SLICE_LIT("f"), "Zg==", "Zg" },
		{ SLICE_LIT("fo"), "Zm8=", "Zm8" },
		{ SLICE_LIT("foo"), "Zm9v", "Zm9v" },
		{ SLICE_LIT("foob"), "Zm9vYg==", "Zm9vYg" },
		{ SLICE_LIT("\xfb\xff\xbf"), "+/+/", "-_-_" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		for (unsigned a = ENCODE_BASE64; a <= ENCODE_BASE64URL_ANY; a++) {
			bool url = a == ENCODE_BASE64URL || a == ENCODE_BASE64URL_ANY;
			struct buf out = BUF_EMPTY;
			encode_base64((enum encode_alphabet)a, cases[i].in, &out);
			assert_true(slice_eq(buf_slice(&out), slice_str(url ? cases[i].url : cases[i].padded)));
			buf_free(&out);
		}
	}
}

static void decodes_percent(void **state)
{
	static const struct {
		struct decoded as_is, as_form;
	} cases[] = {
#define SAME(in_, good_, out_)                                                                                         \
	{                                                                                                              \
		{ in_, good_, out_ },                                                                                  \
		{                                                                                                      \
			in_, good_, out_                                                                               \
		}                                                                                                      \
	}
#define EMPTY                                                                                                          \
	{                                                                                                              \
		NULL, 0                                                                                                \
	}
		SAME(EMPTY, true, EMPTY),
		SAME(SLICE_LIT("abc"), true, SLICE_LIT("abc")),
		SAME(SLICE_LIT("a%20b%2F%2f"), true, SLICE_LIT("a b//")),
		SAME(SLICE_LIT("%00%ff"), true, SLICE_LIT("\0\xff")),
		SAME(SLICE_LIT("%2B%25"), true, SLICE_LIT("+%")),
		SAME(SLICE_LIT("%"), false, EMPTY),
		SAME(SLICE_LIT("%4"), false, EMPTY),
		SAME(SLICE_LIT("a%4"), false, EMPTY),
		SAME(SLICE_LIT("%4g"), false, EMPTY),
		SAME(SLICE_LIT("%%41"), false, EMPTY),
		SAME(SLICE_LIT("%u0041"), false, EMPTY),
		{ { SLICE_LIT("a+b"), true, SLICE_LIT("a+b") }, { SLICE_LIT("a+b"), true, SLICE_LIT("a b") } },
#undef SAME
#undef EMPTY
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		for (int form = 0; form < 2; form++) {
			const struct decoded *c = form ? &cases[i].as_form : &cases[i].as_is;
			unsigned char *out = malloc(c->in.n > 0 ? c->in.n : 1);
			size_t n = POISON;
			bool good = encode_percent_decode(c->in, form, out, &n);
			check_decoded(c, good, n, out);
			free(out);
		}
	}
}

static void knows_utf8(void **state)
{
	static const struct {
		struct slice in;
		size_t length;
		bool moves;
	} cases[] = {
		{ SLICE_LIT("a"), 1, false },
		{ SLICE_LIT("\0"), 1, false },
		{ SLICE_LIT("\x7f"), 1, false },
		{ SLICE_LIT("\x80"), 0, false },
		{ SLICE_LIT("\xc1\xbf"), 0, false },
		{ SLICE_LIT("\xc2\x80z"), 2, false },
		{ SLICE_LIT("\xc3"), 0, false },
		{ SLICE_LIT("\xc3("), 0, false },
		{ SLICE_LIT("\xe0\x9f\xbf"), 0, false },
		{ SLICE_LIT("\xe0\xa0\x80"), 3, false },
		{ SLICE_LIT("\xed\x9f\xbf"), 3, false },
		{ SLICE_LIT("\xed\xa0\x80"), 0, false },
		{ SLICE_LIT("\xe2\x80"), 0, false },
		{ SLICE_LIT("\xe2\x80\xa7"), 3, false },
		{ SLICE_LIT("\xe2\x80\xa8"), 3, true },
		{ SLICE_LIT("\xe2\x80\xae"), 3, true },
		{ SLICE_LIT("\xe2\x80\xaf"), 3, false },
		{ SLICE_LIT("\xe2\x81\xa5"), 3, false },
		{ SLICE_LIT("\xe2\x81\xa6"), 3, true },
		{ SLICE_LIT("\xe2\x81\xaa"), 3, false },
		{ SLICE_LIT("\xf0\x8f\xbf\xbf"), 0, false },
		{ SLICE_LIT("\xf0\x90\x80\x80"), 4, false },
		{ SLICE_LIT("\xf4\x8f\xbf\xbf"), 4, false },
		{ SLICE_LIT("\xf4\x90\x80\x80"), 0, false },
		{ SLICE_LIT("\xf5\x80\x80\x80"), 0, false },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		if (encode_utf8_length(cases[i].in) != cases[i].length ||
		    encode_utf8_moves(cases[i].in) != cases[i].moves)
			fail_msg("case %zu", i);
	}
}

static void round_trips(void **state)
{
	unsigned char bytes[256];
	for (unsigned i = 0; i < 256; i++)
		bytes[i] = (unsigned char)(i * 167 + 13);
	for (size_t length = 0; length <= 256; length++) {
		struct slice in = slice_of(bytes, length);
		unsigned char back[512];
		size_t n;
		char hex[512];
		encode_hex(in, hex);
		assert_true(encode_hex_decode(slice_of(hex, 2 * length), back, &n));
		assert_true(slice_eq(slice_of(back, n), in));
		for (unsigned a = ENCODE_BASE64; a <= ENCODE_BASE64URL_ANY; a++) {
			struct buf text = BUF_EMPTY;
			encode_base64((enum encode_alphabet)a, in, &text);
			assert_true(encode_base64_decode((enum encode_alphabet)a, buf_slice(&text), back, &n));
			assert_true(slice_eq(slice_of(back, n), in));
			buf_free(&text);
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes_hex),	  cmocka_unit_test(refuses_each_wrong_digit),
		cmocka_unit_test(encodes_hex),	  cmocka_unit_test(decodes_base64_as_each_alphabet_says),
		cmocka_unit_test(encodes_base64), cmocka_unit_test(decodes_percent),
		cmocka_unit_test(knows_utf8),	  cmocka_unit_test(round_trips),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
