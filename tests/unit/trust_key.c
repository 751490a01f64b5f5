/* trust_key.c - what a secret's text stands for. */
#include "trust/key.h"
#include "trust_fixture.h"

#include <errno.h>

static void test_forms(void **state)
{
	static const struct {
		struct trust_key_rule rule;
		const char *secret, *key;
	} rows[] = {
		{ { .form = TRUST_KEY_TEXT }, "whsec_c2VjcmV0", "whsec_c2VjcmV0" },
		{ { TRUST_KEY_TEXT, { SLICE_LIT("whsec_") }, 1 }, "whsec_c2VjcmV0", "c2VjcmV0" },
		{ { TRUST_KEY_BASE64, { SLICE_LIT("whsec_") }, 1 }, "whsec_c2VjcmV0", "secret" },
		{ { TRUST_KEY_BASE64, { SLICE_LIT("whsec_") }, 1 }, "c2VjcmV0", "secret" },
		{ { .form = TRUST_KEY_BASE64 }, "c2VjcmV0cw==", "secrets" },
		{ { .form = TRUST_KEY_BASE64 }, "c2VjcmV0cw", "secrets" },
		{ { .form = TRUST_KEY_HEX }, "736563526574", "secRet" },
		{ { .form = TRUST_KEY_BASE64URL }, "c2VjcmV0cw", "secrets" },
		{ { .form = TRUST_KEY_BASE64URL }, "-_-_", "\xfb\xff\xbf" },
		{ { .form = TRUST_KEY_NFKD },
		  "s\xc3\xa9"
		  "cret",
		  "se\xcc\x81"
		  "cret" },
		{ { .form = TRUST_KEY_SHA1 },
		  "abc",
		  "\xa9\x99\x3e\x36\x47\x06\x81\x6a\xba\x3e\x25\x71\x78\x50\xc2\x6c\x9c\xd0\xd8\x9d" },
		/* The first prefix that is there, and only that. */
		{ { TRUST_KEY_BASE64, { SLICE_LIT("v1,whsec_"), SLICE_LIT("whsec_") }, 2 },
		  "v1,whsec_c2VjcmV0",
		  "secret" },
		{ { TRUST_KEY_BASE64, { SLICE_LIT("v1,whsec_"), SLICE_LIT("whsec_") }, 2 },
		  "whsec_c2VjcmV0",
		  "secret" },
		{ { TRUST_KEY_TEXT, { SLICE_LIT("a"), SLICE_LIT("b") }, 2 }, "ab1", "b1" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct reason reason = { "" };
		struct slice key;

		assert_int_equal(trust_key_new(&rows[i].rule, slice_str(rows[i].secret), &key, &reason), 0);
		assert_slice(key, rows[i].key);
		trust_key_free(&key);
		assert_null(key.p);
	}
	(void)state;
}

static void test_refused(void **state)
{
	static const struct {
		struct trust_key_rule rule;
		const char *secret, *reason;
	} rows[] = {
		{ { .form = TRUST_KEY_TEXT }, "", "is empty" },
		{ { TRUST_KEY_TEXT, { SLICE_LIT("whsec_") }, 1 }, "whsec_", "is empty" },
		{ { TRUST_KEY_BASE64, { SLICE_LIT("whsec_") }, 1 }, "whsec_!!", "is not base64" },
		{ { .form = TRUST_KEY_BASE64 }, "whsec_c2VjcmV0", "is not base64" },
		{ { .form = TRUST_KEY_HEX }, "abc", "is not hex" },
		{ { .form = TRUST_KEY_BASE64URL }, "+/+/", "is not base64url" },
		{ { .form = TRUST_KEY_NFKD }, "gr\xfc\xdf", "UTF-8" },
		{ { .form = TRUST_KEY_SHA1 }, "", "is empty" },
		{ { .form = TRUST_KEY_HEX }, "zz", "is not hex" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct slice key = SLICE("poison");
		struct reason reason = { "" };

		assert_int_equal(trust_key_new(&rows[i].rule, slice_str(rows[i].secret), &key, &reason), -EINVAL);
		assert_non_null(strstr(reason.text, rows[i].reason));
		assert_slice(key, "poison");
		/* The secret is not told. */
		assert_true(rows[i].secret[0] == '\0' || !strstr(reason.text, rows[i].secret));
	}
}

static void test_nul(void **state)
{
	struct reason reason;
	struct slice key;

	(void)state;
	assert_int_equal(
		trust_key_new(&(struct trust_key_rule){ .form = TRUST_KEY_TEXT }, SLICE("a\0b"), &key, &reason), 0);
	assert_int_equal(key.n, 3);
	trust_key_free(&key);
	trust_key_free(&key);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_forms), cmocka_unit_test(test_refused),
					    cmocka_unit_test(test_nul) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
