/* trust_inflate.c - undoing gzip: whole, cut, longer than it says, more than one. */
#include "base/encode.h"
#include "trust/inflate.h"
#include "trust_fixture.h"

/* gzip -n of "hello, hello, hello" and of nothing. */
static const char hello[] = "H4sIAAAAAAACA8tIzcnJ11HIQKIAn6HKCRMAAAA=";
static const char nothing[] = "H4sIAAAAAAACAwMAAAAAAAAAAAA=";

static struct slice bytes_of(const char *base64, unsigned char out[256])
{
	size_t n = 0;

	assert_true(encode_base64_decode(ENCODE_BASE64, slice_str(base64), out, &n));
	return slice_of(out, n);
}

static void test_right(void **state)
{
	struct arena *arena = arena_new(256, 1 << 20);
	unsigned char out[256];
	struct slice text = SLICE_NONE;

	(void)state;
	assert_int_equal(trust_inflate(bytes_of(hello, out), arena, &text), TRUST_INFLATED);
	assert_slice(text, "hello, hello, hello");
	assert_int_equal(trust_inflate(bytes_of(nothing, out), arena, &text), TRUST_INFLATED);
	assert_int_equal(text.n, 0);
	arena_free(arena);
}

static void test_wrong(void **state)
{
	struct arena *arena = arena_new(256, 256 << 20);
	unsigned char out[256], twice[512];
	struct slice whole = bytes_of(hello, out), text = SLICE("kept");

	(void)state;
	for (size_t n = 0; n < whole.n; n++)
		assert_int_equal(trust_inflate(slice_head(whole, n), arena, &text), TRUST_INFLATE_WRONG);
	memcpy(twice, whole.p, whole.n);
	memcpy(twice + whole.n, whole.p, whole.n);
	assert_int_equal(trust_inflate(slice_of(twice, 2 * whole.n), arena, &text), TRUST_INFLATE_WRONG);
	assert_int_equal(trust_inflate(SLICE("{\"a\":\"no gzip at all\"}"), arena, &text), TRUST_INFLATE_WRONG);
	/* A byte of the text, of the checksum, of the length. */
	for (size_t at = 12; at < whole.n; at++) {
		out[at] ^= 1;
		assert_int_not_equal(trust_inflate(whole, arena, &text), TRUST_INFLATED);
		out[at] ^= 1;
	}
	assert_slice(text, "kept");
	arena_free(arena);
}

/* It says that it is larger than may be; nothing is even tried. */
static void test_too_large(void **state)
{
	struct arena *arena = arena_new(256, 64 << 20);
	unsigned char out[256];
	struct slice whole = bytes_of(hello, out), text;

	(void)state;
	out[whole.n - 1] = 0x01;
	assert_int_equal(trust_inflate(whole, arena, &text), TRUST_INFLATE_WRONG);
	assert_int_equal(arena_used(arena), 0);
	arena_free(arena);
}

static void test_short(void **state)
{
	struct arena *arena = arena_new(16, 16);
	unsigned char out[256];
	struct slice text;

	(void)state;
	assert_int_equal(trust_inflate(bytes_of(hello, out), arena, &text), TRUST_INFLATE_SHORT);
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_right), cmocka_unit_test(test_wrong),
					    cmocka_unit_test(test_too_large), cmocka_unit_test(test_short) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
