/* trust_digest.c - SHA-256, random bytes, comparison. */
#include "base/encode.h"
#include "trust/digest.h"
#include "trust_fixture.h"

static void check_hex(const unsigned char hash[32], const char *expected)
{
	char hex[64];

	encode_hex(slice_of(hash, 32), hex);
	assert_slice(slice_of(hex, 64), expected);
}

/* FIPS 180-2, appendix B. */
static void test_sha256(void **state)
{
	struct slice pieces[] = { SLICE("a"), SLICE_NONE, SLICE("bc") };
	unsigned char hash[32];

	(void)state;
	trust_sha256(SLICE("abc"), hash);
	check_hex(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	trust_sha256_pieces(pieces, 3, hash);
	check_hex(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	trust_sha256(SLICE_NONE, hash);
	check_hex(hash, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void test_random(void **state)
{
	static unsigned char one[9000], other[9000];

	(void)state;
	assert_int_equal(trust_random(one, sizeof(one)), 0);
	assert_int_equal(trust_random(other, sizeof(other)), 0);
	assert_memory_not_equal(one, other, 32);
	/* The last bytes were filled as well. */
	assert_memory_not_equal(one + sizeof(one) - 32, other + sizeof(other) - 32, 32);
	assert_int_equal(trust_random(one, 0), 0);
}

static void test_equal(void **state)
{
	(void)state;
	assert_true(trust_equal(SLICE_NONE, SLICE("")));
	assert_true(trust_equal(SLICE("a\0b"), SLICE("a\0b")));
	assert_false(trust_equal(SLICE("a\0b"), SLICE("a\0c")));
	assert_false(trust_equal(SLICE("ab"), SLICE("abc")));
	assert_false(trust_equal(SLICE("ab"), SLICE_NONE));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_sha256), cmocka_unit_test(test_random),
					    cmocka_unit_test(test_equal) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
