/* Unit tests of keys/age: how long an answer is kept. */
#include "keys/age.h"

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

/* Tue, 14 Apr 2026 03:50:12 GMT */
#define NOW_MS 1776138612000

static void keeps_within_bounds(void **state)
{
	static const struct {
		struct slice cache_control, age, expires, date;
		int64_t seconds;
	} cases[] = {
		{ SLICE_LIT(""), SLICE_LIT(""), SLICE_LIT(""), SLICE_LIT(""), 3600 },
		{ SLICE_LIT("public, max-age=21579, must-revalidate"), SLICE_LIT(""), SLICE_LIT(""), SLICE_LIT(""),
		  21579 },
		{ SLICE_LIT("max-age=21579"), SLICE_LIT("579"), SLICE_LIT(""), SLICE_LIT(""), 21000 },
		{ SLICE_LIT("max-age=21579"), SLICE_LIT("old"), SLICE_LIT(""), SLICE_LIT(""), 21579 },
		{ SLICE_LIT("Max-Age=\"120\""), SLICE_LIT(""), SLICE_LIT(""), SLICE_LIT(""), 120 },
		{ SLICE_LIT("max-age=59"), SLICE_LIT(""), SLICE_LIT(""), SLICE_LIT(""), 60 },
		{ SLICE_LIT("max-age=0"), SLICE_LIT(""), SLICE_LIT(""), SLICE_LIT(""), 60 },
		{ SLICE_LIT("max-age=-5"), SLICE_LIT(""), SLICE_LIT(""), SLICE_LIT(""), 60 },
		{ SLICE_LIT("max-age=99999999999999999999"), SLICE_LIT(""), SLICE_LIT(""), SLICE_LIT(""), 60 },
		{ SLICE_LIT("max-age=18446744073709551615"), SLICE_LIT(""), SLICE_LIT(""), SLICE_LIT(""), 86400 },
		{ SLICE_LIT("max-age=86401"), SLICE_LIT(""), SLICE_LIT(""), SLICE_LIT(""), 86400 },
		{ SLICE_LIT("max-age=600"), SLICE_LIT("18446744073709551615"), SLICE_LIT(""), SLICE_LIT(""), 60 },
		{ SLICE_LIT("no-store"), SLICE_LIT(""), SLICE_LIT(""), SLICE_LIT(""), 60 },
		{ SLICE_LIT("max-age=600, no-cache"), SLICE_LIT(""), SLICE_LIT(""), SLICE_LIT(""), 60 },
		{ SLICE_LIT("private"), SLICE_LIT(""), SLICE_LIT(""), SLICE_LIT(""), 3600 },
		{ SLICE_LIT(""), SLICE_LIT(""), SLICE_LIT("Tue, 14 Apr 2026 05:50:12 GMT"), SLICE_LIT(""), 7200 },
		{ SLICE_LIT(""), SLICE_LIT(""), SLICE_LIT("Tue, 14 Apr 2026 05:50:12 GMT"),
		  SLICE_LIT("Tue, 14 Apr 2026 05:40:12 GMT"), 600 },
		{ SLICE_LIT(""), SLICE_LIT(""), SLICE_LIT("Tue, 14 Apr 2026 03:00:00 GMT"), SLICE_LIT(""), 60 },
		{ SLICE_LIT(""), SLICE_LIT(""), SLICE_LIT("Fri, 31 Dec 9999 23:59:59 GMT"), SLICE_LIT(""), 86400 },
		{ SLICE_LIT(""), SLICE_LIT(""), SLICE_LIT("0"), SLICE_LIT(""), 60 },
		{ SLICE_LIT("max-age=600"), SLICE_LIT(""), SLICE_LIT("0"), SLICE_LIT(""), 600 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int64_t ms =
			keys_age_kept_ms(cases[i].cache_control, cases[i].age, cases[i].expires, cases[i].date, NOW_MS);
		if (ms != cases[i].seconds * 1000)
			fail_msg("%zu: %lld ms", i, (long long)ms);
	}
}

static void token_serves_as_long_as_it_says(void **state)
{
	static const struct {
		const char *answer;
		int64_t seconds; /* 0: no token */
	} cases[] = {
		{ "{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"expires_in\":7200}", 7140 },
		{ "{\"access_token\":\"a\",\"expires_in\":100}", 90 },
		{ "{\"access_token\":\"a\",\"expires_in\":1}", 5 },
		{ "{\"access_token\":\"a\",\"expires_in\":0}", 5 },
		{ "{\"access_token\":\"a\",\"expires_in\":-1}", 270 },
		{ "{\"access_token\":\"a\",\"expires_in\":99999999999}", 86400 },
		{ "{\"access_token\":\"a\"}", 270 },
		{ "{\"access_token\":\"a\",\"expires_in\":\"7200\"}", 270 },
		{ "{\"access_token\":5}", 0 },
		{ "{\"error\":\"invalid_client\"}", 0 },
		{ "<html>", 0 },
		{ "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int64_t kept_ms = 0;
		bool is_token = keys_age_of_token(slice_str(cases[i].answer), &kept_ms);

		if (is_token != (cases[i].seconds > 0) || kept_ms != cases[i].seconds * 1000)
			fail_msg("%s: %lld", cases[i].answer, (long long)kept_ms);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_within_bounds),
		cmocka_unit_test(token_serves_as_long_as_it_says),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
