/* trust_mac.c - HMAC against the published answers, and contexts that are used again. */
#include "base/encode.h"
#include "trust/mac.h"
#include "trust_fixture.h"

#include <errno.h>

static void check_hex(const unsigned char *bytes, size_t n, const char *expected)
{
	char hex[2 * TRUST_MAC_MAX];

	encode_hex(slice_of(bytes, n), hex);
	assert_slice(slice_of(hex, 2 * n), expected);
}

/* RFC 2202 and RFC 4231, test case 2. */
static void test_published(void **state)
{
	static const struct {
		const char *digest, *expected;
	} rows[] = {
		{ "SHA1", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79" },
		{ "SHA256", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
		{ "SHA384",
		  "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649" },
		{ "SHA512",
		  "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fd"
		  "caeab1a34d4a6b4b636e070a38bce737" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct slice pieces[] = { SLICE("what do ya "), SLICE(""), SLICE("want for nothing?") };
		unsigned char out[TRUST_MAC_MAX];
		struct trust_mac *mac;
		size_t n = 0;

		assert_int_equal(trust_mac_new(rows[i].digest, SLICE("Jefe"), &mac), 0);
		/* Twice: the second time with the key that is set. */
		for (int k = 0; k < 2; k++) {
			assert_int_equal(trust_mac_pieces(mac, pieces, 3, out, &n), 0);
			check_hex(out, n, rows[i].expected);
		}
		trust_mac_free(mac);
	}
}

static void test_nothing_is_a_text(void **state)
{
	unsigned char out[TRUST_MAC_MAX];
	struct trust_mac *mac;
	size_t n = 0;

	(void)state;
	assert_int_equal(trust_mac_new("SHA256", SLICE("generic-secret"), &mac), 0);
	assert_int_equal(trust_mac_pieces(mac, NULL, 0, out, &n), 0);
	check_hex(out, n, "d3bbe873905ecd22aeee15db6d0bf683e19b6f15268536b20b5de2a49b5fac51");
	trust_mac_free(mac);
}

static void test_nul_counts(void **state)
{
	struct slice with = SLICE("a\0b"), without = SLICE("a");
	unsigned char one[TRUST_MAC_MAX], other[TRUST_MAC_MAX];
	struct trust_mac *mac;
	size_t n = 0;

	(void)state;
	assert_int_equal(trust_mac_new("SHA256", SLICE("k\0k"), &mac), 0);
	assert_int_equal(trust_mac_pieces(mac, &with, 1, one, &n), 0);
	assert_int_equal(trust_mac_pieces(mac, &without, 1, other, &n), 0);
	assert_memory_not_equal(one, other, n);
	trust_mac_free(mac);
	assert_int_equal(trust_mac_new("SHA256", SLICE("k"), &mac), 0);
	assert_int_equal(trust_mac_pieces(mac, &with, 1, other, &n), 0);
	assert_memory_not_equal(one, other, n);
	trust_mac_free(mac);
}

static void test_refused(void **state)
{
	struct trust_mac *mac = NULL;

	(void)state;
	assert_int_equal(trust_mac_new("SHA256", SLICE_NONE, &mac), -EINVAL);
	assert_int_equal(trust_mac_new("NO-SUCH", SLICE("k"), &mac), -ENOTSUP);
	assert_null(mac);
	trust_mac_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_published), cmocka_unit_test(test_nothing_is_a_text),
					    cmocka_unit_test(test_nul_counts), cmocka_unit_test(test_refused) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
