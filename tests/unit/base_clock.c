/* Unit tests of base/clock. */
#include "base/clock.h"

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#define POISON INT64_C(4711)
#define YEAR_0_MS INT64_C(-62167219200000)
#define YEAR_9999_END_MS INT64_C(253402300799999)

static void formats(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00.000Z" },
		{ 1, "1970-01-01T00:00:00.001Z" },
		{ -1, "1969-12-31T23:59:59.999Z" },
		{ -1000, "1969-12-31T23:59:59.000Z" },
		{ -1001, "1969-12-31T23:59:58.999Z" },
		{ INT64_C(951782400000), "2000-02-29T00:00:00.000Z" },
		{ INT64_C(1795338123004), "2026-11-22T09:02:03.004Z" },
		{ YEAR_0_MS, "0000-01-01T00:00:00.000Z" },
		{ YEAR_0_MS - 1, "0000-01-01T00:00:00.000Z" },
		{ INT64_MIN, "0000-01-01T00:00:00.000Z" },
		{ YEAR_9999_END_MS, "9999-12-31T23:59:59.999Z" },
		{ YEAR_9999_END_MS + 1, "9999-12-31T23:59:59.999Z" },
		{ INT64_MAX, "9999-12-31T23:59:59.999Z" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char out[CLOCK_RFC3339_LENGTH + 1] = { 0 };
		clock_format_rfc3339(cases[i].ms, out);
		assert_string_equal(out, cases[i].text);
		/* Again, now from memory. */
		clock_format_rfc3339(cases[i].ms, out);
		assert_string_equal(out, cases[i].text);
	}
}

/* Against the C library, over ten thousand years in steps that hit every hour, minute and second. */
static void agrees_with_the_c_library(void **state)
{
	for (int64_t second = YEAR_0_MS / 1000; second <= YEAR_9999_END_MS / 1000; second += 1000003) {
		time_t t = (time_t)second;
		struct tm tm;
		char expected[64];
		char out[CLOCK_RFC3339_LENGTH + 1] = { 0 };
		int64_t back = POISON;
		assert_non_null(gmtime_r(&t, &tm));
		snprintf(expected, sizeof expected, "%04d-%02d-%02dT%02d:%02d:%02d.042Z", tm.tm_year + 1900,
			 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
		clock_format_rfc3339(second * 1000 + 42, out);
		assert_string_equal(out, expected);
		assert_true(clock_parse_rfc3339(slice_str(out), false, &back));
		assert_true(back == second * 1000 + 42);
	}
}

struct parse_case {
	const char *text;
	bool good;
	int64_t ms;
};

static void check_parsed(const char *text, bool good, int64_t ms, bool got_good, int64_t got_ms)
{
	if (got_good != good || got_ms != (good ? ms : POISON))
		fail_msg("\"%s\": %d, %lld", text, got_good, (long long)got_ms);
}

static void parses_rfc3339(void **state)
{
	static const struct parse_case cases[] = {
		{ "2026-11-22T09:02:03Z", true, INT64_C(1795338123000) },
		{ "2026-11-22t09:02:03z", true, INT64_C(1795338123000) },
		{ "2026-11-22T09:02:03.004Z", true, INT64_C(1795338123004) },
		{ "2026-11-22T09:02:03.0Z", true, INT64_C(1795338123000) },
		{ "2026-11-22T09:02:03.5Z", true, INT64_C(1795338123500) },
		{ "2026-11-22T09:02:03.00499999999999999999999999Z", true, INT64_C(1795338123004) },
		{ "2026-11-22T10:32:03+01:30", true, INT64_C(1795338123000) },
		{ "2026-11-22T00:02:03.25-09:00", true, INT64_C(1795338123250) },
		{ "2026-11-22T09:02:03-00:00", true, INT64_C(1795338123000) },
		{ "1969-12-31T23:59:59.999Z", true, -1 },
		{ "1970-01-01T00:30:00+01:00", true, -1800000 },
		{ "0000-01-01T00:00:00Z", true, YEAR_0_MS },
		{ "9999-12-31T23:59:59.999Z", true, YEAR_9999_END_MS },
		{ "2024-02-29T00:00:00Z", true, INT64_C(1709164800000) },
		{ "2023-02-29T00:00:00Z", false, 0 },
		{ "1900-02-29T00:00:00Z", false, 0 },
		{ "2000-02-29T00:00:00Z", true, INT64_C(951782400000) },
		{ "2026-04-31T00:00:00Z", false, 0 },
		{ "2026-00-01T00:00:00Z", false, 0 },
		{ "2026-13-01T00:00:00Z", false, 0 },
		{ "2026-01-00T00:00:00Z", false, 0 },
		{ "2026-01-32T00:00:00Z", false, 0 },
		{ "2026-01-01T24:00:00Z", false, 0 },
		{ "2026-01-01T00:60:00Z", false, 0 },
		{ "2026-01-01T00:00:61Z", false, 0 },
		/* RFC 3339 section 5.8: a leap second, in UTC and in Pacific time. */
		{ "1990-12-31T23:59:60Z", true, INT64_C(662688000000) },
		{ "1990-12-31T15:59:60-08:00", true, INT64_C(662688000000) },
		{ "1990-12-31T15:59:60Z", false, 0 },
		{ "2026-01-01T00:00:00.Z", false, 0 },
		{ "2026-01-01T00:00:00,5Z", false, 0 },
		{ "2026-01-01T00:00:00+24:00", false, 0 },
		{ "2026-01-01T00:00:00+01:60", false, 0 },
		{ "2026-01-01T00:00:00+0100", false, 0 },
		{ "2026-01-01T00:00:00+1:00", false, 0 },
		{ "2026-01-01T00:00:00 Z", false, 0 },
		{ "2026-01-01T00:00:00ZZ", false, 0 },
		{ "2026-01-01 00:00:00Z", false, 0 },
		{ "2026-01-01T00:00Z", false, 0 },
		{ "2026-1-01T00:00:00Z", false, 0 },
		{ "+026-01-01T00:00:00Z", false, 0 },
		{ "10000-01-01T00:00:00Z", false, 0 },
		{ " 2026-01-01T00:00:00Z", false, 0 },
		{ "2026-01-01", false, 0 },
		{ "", false, 0 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		for (int zone_optional = 0; zone_optional < 2; zone_optional++) {
			int64_t ms = POISON;
			bool good = clock_parse_rfc3339(slice_str(cases[i].text), zone_optional, &ms);
			check_parsed(cases[i].text, cases[i].good, cases[i].ms, good, ms);
		}
	}
}

static void takes_a_missing_zone_only_where_told(void **state)
{
	int64_t ms = POISON;
	assert_false(clock_parse_rfc3339(SLICE("2026-11-22T09:02:03"), false, &ms));
	assert_true(ms == POISON);
	assert_true(clock_parse_rfc3339(SLICE("2026-11-22T09:02:03"), true, &ms));
	assert_true(ms == INT64_C(1795338123000));
	assert_true(clock_parse_rfc3339(SLICE("2026-11-22T09:02:03.25"), true, &ms));
	assert_true(ms == INT64_C(1795338123250));
}

static void parses_every_prefix_to_nothing(void **state)
{
	static const char text[] = "2026-11-22T09:02:03.004+01:00";
	int64_t ms = POISON;
	for (size_t n = 0; n < sizeof text - 1; n++)
		assert_false(clock_parse_rfc3339(slice_of(text, n), false, &ms));
	assert_true(clock_parse_rfc3339(slice_of(text, sizeof text - 1), false, &ms));
}

static void parses_http_dates(void **state)
{
	static const struct parse_case cases[] = {
		{ "Tue, 14 Apr 2026 03:50:12 GMT", true, INT64_C(1776138612000) },
		{ "Sun, 06 Nov 1994 08:49:37 GMT", true, INT64_C(784111777000) },
		{ "Thu, 01 Jan 1970 00:00:00 GMT", true, 0 },
		{ "Mon, 31 Dec 1990 23:59:60 GMT", true, INT64_C(662688000000) },
		{ "Mon, 31 Dec 1990 22:59:60 GMT", false, 0 },
		{ "Sun, 6 Nov 1994 08:49:37 GMT", false, 0 },
		{ "Sun, 06 nov 1994 08:49:37 GMT", false, 0 },
		{ "Xyz, 06 Nov 1994 08:49:37 GMT", false, 0 },
		{ "Sun, 06 Nov 94 08:49:37 GMT", false, 0 },
		{ "Sun, 31 Nov 1994 08:49:37 GMT", false, 0 },
		{ "Sun, 06 Nov 1994 08:49:37 UTC", false, 0 },
		{ "Sun, 06 Nov 1994 08:49:37 GMT ", false, 0 },
		{ "Sun, 06 Nov 1994 08:49:37", false, 0 },
		{ "Sunday, 06-Nov-94 08:49:37 GMT", false, 0 },
		{ "Sun Nov  6 08:49:37 1994", false, 0 },
		{ "", false, 0 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int64_t ms = POISON;
		bool good = clock_parse_http_date(slice_str(cases[i].text), &ms);
		check_parsed(cases[i].text, cases[i].good, cases[i].ms, good, ms);
	}
}

static void reads_the_clocks(void **state)
{
	int64_t wall = clock_wall_ms();
	assert_true(wall / 1000 >= time(NULL) - 5 && wall / 1000 <= time(NULL) + 5);
	int64_t ms = clock_mono_ms();
	int64_t us = clock_mono_us();
	assert_true(us / 1000 >= ms && us / 1000 - ms < 5000);
	assert_true(clock_mono_ms() >= ms);
	/* Right now, and a while ago. */
	for (int64_t back_us = 0; back_us < 10000000; back_us = back_us * 10 + 1) {
		int64_t before_ms = clock_wall_ms(), mono_us = clock_mono_us(), after_ms = clock_wall_ms();
		int64_t at_ms = clock_wall_at(mono_us - back_us) + back_us / 1000;
		assert_true(at_ms >= before_ms - 2 && at_ms <= after_ms + 2);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(formats),
		cmocka_unit_test(agrees_with_the_c_library),
		cmocka_unit_test(parses_rfc3339),
		cmocka_unit_test(takes_a_missing_zone_only_where_told),
		cmocka_unit_test(parses_every_prefix_to_nothing),
		cmocka_unit_test(parses_http_dates),
		cmocka_unit_test(reads_the_clocks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
