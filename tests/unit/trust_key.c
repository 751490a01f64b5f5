/* trust_key.c - what a secret's text stands for. */
#include "trust/key.h"
#include "trust_fixture.h"

#include <errno.h>

static void test_forms(void **state)
{
	static const struct {
		enum trust_key_form form;
		const char *prefix, *secret, *key;
	} rows[] = {
		{ TRUST_KEY_TEXT, "", "whsec_c2VjcmV0", "whsec_c2VjcmV0" },
		{ TRUST_KEY_TEXT, "whsec_", "whsec_c2VjcmV0", "c2VjcmV0" },
		{ TRUST_KEY_BASE64, "whsec_", "whsec_c2VjcmV0", "secret" },
		{ TRUST_KEY_BASE64, "whsec_", "c2VjcmV0", "secret" },
		{ TRUST_KEY_BASE64, "", "c2VjcmV0cw==", "secrets" },
		{ TRUST_KEY_BASE64, "", "c2VjcmV0cw", "secrets" },
		{ TRUST_KEY_HEX, "", "736563526574", "secRet" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct reason reason = { "" };
		struct slice key;

		assert_int_equal(trust_key_new(rows[i].form, slice_str(rows[i].prefix), slice_str(rows[i].secret), &key,
					       &reason),
				 0);
		assert_slice(key, rows[i].key);
		trust_key_free(&key);
		assert_null(key.p);
	}
	(void)state;
}

static void test_refused(void **state)
{
	static const struct {
		enum trust_key_form form;
		const char *prefix, *secret, *reason;
	} rows[] = {
		{ TRUST_KEY_TEXT, "", "", "is empty" },
		{ TRUST_KEY_TEXT, "whsec_", "whsec_", "is empty" },
		{ TRUST_KEY_BASE64, "whsec_", "whsec_!!", "is not base64" },
		{ TRUST_KEY_BASE64, "", "whsec_c2VjcmV0", "is not base64" },
		{ TRUST_KEY_HEX, "", "abc", "is not hex" },
		{ TRUST_KEY_HEX, "", "zz", "is not hex" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct slice key = SLICE("poison");
		struct reason reason = { "" };

		assert_int_equal(trust_key_new(rows[i].form, slice_str(rows[i].prefix), slice_str(rows[i].secret), &key,
					       &reason),
				 -EINVAL);
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
	assert_int_equal(trust_key_new(TRUST_KEY_TEXT, SLICE_NONE, SLICE("a\0b"), &key, &reason), 0);
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
