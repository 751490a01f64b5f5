/* trust_nfkd.c - Unicode's normalization form KD; what is expected is of UAX #15 and of other programs' tables. */
#include "trust/nfkd.h"
#include "trust_fixture.h"

#include <errno.h>

static void test_forms(void **state)
{
	static const char *const rows[][2] = {
		/* ASCII stays */
		{ "secret", "secret" },
		/* a letter with its mark */
		{ "s\xc3\xa9"
		  "cret",
		  "se\xcc\x81"
		  "cret" },
		/* taken apart already */
		{ "se\xcc\x81"
		  "cret",
		  "se\xcc\x81"
		  "cret" },
		/* more than one step */
		{ "\xe2\x84\xab", "A\xcc\x8a" },
		/* compatibility */
		{ "\xef\xac\x81", "fi" },
		/* wide and circled */
		{ "\xef\xbc\xa1\xe2\x91\xa0", "A1" },
		/* Hangul */
		{ "\xed\x95\x9c\xea\xb0\x80", "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab\xe1\x84\x80\xe1\x85\xa1" },
		/* marks in their order */
		{ "q\xcc\x87\xcc\xa3", "q\xcc\xa3\xcc\x87" },
		/* the same */
		{ "q\xcc\xa3\xcc\x87", "q\xcc\xa3\xcc\x87" },
		/* both */
		{ "\xe1\xba\x9b\xcc\xa3", "s\xcc\xa3\xcc\x87" },
		/* beyond the first plane */
		{ "\xf0\x9d\x90\x80", "A" },
		/* an emoji stays */
		{ "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct slice text = slice_str(rows[i][0]);
		unsigned char out[TRUST_NFKD_ROOM(64)];
		size_t n = 0;

		assert_int_equal(trust_nfkd(text, out, &n), 0);
		assert_slice(slice_of(out, n), rows[i][1]);
	}
}

static void test_the_longest(void **state)
{
	unsigned char out[TRUST_NFKD_ROOM(3)];
	size_t n = 0;

	(void)state;
	assert_int_equal(trust_nfkd(SLICE("\xef\xb7\xba"), out, &n), 0);
	assert_int_equal(n, sizeof(out));
	assert_int_equal(trust_nfkd(SLICE_NONE, out, &n), 0);
	assert_int_equal(n, 0);
}

/* RFC 3629: cut off, a byte too many, too long a form, a surrogate, beyond the last point. */
static void test_what_is_no_utf8(void **state)
{
	static const char *const rows[] = { "\xc3",
					    "a\xe2\x84",
					    "\x80",
					    "\xff",
					    "\xc0\x80",
					    "\xc1\xbf",
					    "\xe0\x9f\xbf",
					    "\xed\xa0\x80",
					    "\xf0\x8f\xbf\xbf",
					    "\xf4\x90\x80\x80",
					    "\xc3(" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unsigned char out[TRUST_NFKD_ROOM(8)];
		size_t n = 77;

		assert_int_equal(trust_nfkd(slice_str(rows[i]), out, &n), -EINVAL);
		assert_int_equal(n, 77);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_the_longest),
		cmocka_unit_test(test_what_is_no_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
