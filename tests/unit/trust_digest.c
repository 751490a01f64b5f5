/* trust_digest.c - hashes, random bytes, comparison. */
#include "base/encode.h"
#include "trust/digest.h"
#include "trust_fixture.h"

#include <errno.h>

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

/* RFC 1321, RFC 3174 and FIPS 180-2: "abc". */
static void test_others(void **state)
{
	static const struct {
		const char *name, *expected;
	} rows[] = {
		{ "MD5", "900150983cd24fb0d6963f7d28e17f72" },
		{ "SHA1", "a9993e364706816aba3e25717850c26c9cd0d89d" },
		{ "SHA256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "SHA384",
		  "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7" },
		{ "SHA512",
		  "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd"
		  "454d4423643ce80e2a9ac94fa54ca49f" },
	};
	struct slice pieces[] = { SLICE("a"), SLICE_NONE, SLICE("bc") };
	unsigned char out[TRUST_DIGEST_MAX];
	char hex[2 * TRUST_DIGEST_MAX];
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(trust_digest_pieces(rows[i].name, pieces, 3, out, &n), 0);
		encode_hex(slice_of(out, n), hex);
		assert_slice(slice_of(hex, 2 * n), rows[i].expected);
	}
	assert_int_equal(trust_digest_pieces("SHA3", pieces, 3, out, &n), -ENOTSUP);
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
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_sha256), cmocka_unit_test(test_others),
					    cmocka_unit_test(test_random), cmocka_unit_test(test_equal) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
