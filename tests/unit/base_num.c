/* Unit tests of base/num. */
#include "base/num.h"

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

/* What the output holds before, and after a failure. */
enum { POISON = 4711 };

struct unsigned_case {
	struct slice in;
	uint64_t max;
	bool good;
	uint64_t out;
};

static void check_unsigned(bool (*parse)(struct slice, uint64_t, uint64_t *), const struct unsigned_case *cases,
			   size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t out = POISON;
		bool good = parse(cases[i].in, cases[i].max, &out);
		if (good != cases[i].good || out != (good ? cases[i].out : POISON))
			fail_msg("\"%.*s\": %d, %llu", SLICE_ARGS(cases[i].in), good, (unsigned long long)out);
	}
}

static void parses_unsigned(void **state)
{
	static const struct unsigned_case cases[] = {
		{ SLICE_LIT("0"), 0, true, 0 },
		{ SLICE_LIT("00000000000000000007"), 7, true, 7 },
		{ SLICE_LIT("000000000000000000007"), 7, false, 0 },
		{ SLICE_LIT("18446744073709551615"), UINT64_MAX, true, UINT64_MAX },
		{ SLICE_LIT("18446744073709551616"), UINT64_MAX, false, 0 },
		{ SLICE_LIT("99999999999999999999"), UINT64_MAX, false, 0 },
		{ SLICE_LIT("65535"), 65535, true, 65535 },
		{ SLICE_LIT("65536"), 65535, false, 0 },
		/* A digit above the limit itself. */
		{ SLICE_LIT("7"), 5, false, 0 },
		{ SLICE_LIT("1"), 0, false, 0 },
		{ { NULL, 0 }, 9, false, 0 },
		{ SLICE_LIT("+1"), 9, false, 0 },
		{ SLICE_LIT("-1"), 9, false, 0 },
		{ SLICE_LIT(" 1"), 9, false, 0 },
		{ SLICE_LIT("1 "), 9, false, 0 },
		{ SLICE_LIT("1\0"), 9, false, 0 },
		{ SLICE_LIT("0x1"), 9, false, 0 },
		{ SLICE_LIT("1.0"), 9, false, 0 },
		{ SLICE_LIT("1e1"), 99, false, 0 },
		{ SLICE_LIT("\xd9\xa1"), 9, false, 0 },
	};
	check_unsigned(num_parse_u64, cases, sizeof cases / sizeof cases[0]);
}

static void parses_sizes(void **state)
{
	static const struct unsigned_case cases[] = {
		{ SLICE_LIT("0"), 0, true, 0 },
		{ SLICE_LIT("123"), 123, true, 123 },
		{ SLICE_LIT("123B"), 123, true, 123 },
		{ SLICE_LIT("1KiB"), 1024, true, 1024 },
		{ SLICE_LIT("1KiB"), 1023, false, 0 },
		{ SLICE_LIT("1KB"), 1000, true, 1000 },
		{ SLICE_LIT("3MiB"), UINT64_MAX, true, 3 << 20 },
		{ SLICE_LIT("3MB"), UINT64_MAX, true, 3000000 },
		{ SLICE_LIT("2GiB"), UINT64_MAX, true, UINT64_C(2) << 30 },
		{ SLICE_LIT("2GB"), UINT64_MAX, true, 2000000000 },
		{ SLICE_LIT("17179869183GiB"), UINT64_MAX, true, UINT64_C(17179869183) << 30 },
		{ SLICE_LIT("17179869184GiB"), UINT64_MAX, false, 0 },
		{ SLICE_LIT("1kB"), UINT64_MAX, false, 0 },
		{ SLICE_LIT("1K"), UINT64_MAX, false, 0 },
		{ SLICE_LIT("1kib"), UINT64_MAX, false, 0 },
		{ SLICE_LIT("1 KiB"), UINT64_MAX, false, 0 },
		{ SLICE_LIT("1.5KiB"), UINT64_MAX, false, 0 },
		{ SLICE_LIT("KiB"), UINT64_MAX, false, 0 },
		{ SLICE_LIT("-1B"), UINT64_MAX, false, 0 },
		{ SLICE_LIT("1KiB1"), UINT64_MAX, false, 0 },
		{ SLICE_LIT(""), UINT64_MAX, false, 0 },
	};
	check_unsigned(num_parse_size, cases, sizeof cases / sizeof cases[0]);
}

static void parses_signed(void **state)
{
	static const struct {
		struct slice in;
		int64_t min, max;
		bool good;
		int64_t out;
	} cases[] = {
		{ SLICE_LIT("-1"), -1, 1, true, -1 },
		{ SLICE_LIT("-0"), 0, 0, true, 0 },
		{ SLICE_LIT("1"), -1, 1, true, 1 },
		{ SLICE_LIT("-2"), -1, 1, false, 0 },
		{ SLICE_LIT("2"), -1, 1, false, 0 },
		{ SLICE_LIT("5"), 10, 20, false, 0 },
		{ SLICE_LIT("-9223372036854775808"), INT64_MIN, INT64_MAX, true, INT64_MIN },
		{ SLICE_LIT("-9223372036854775809"), INT64_MIN, INT64_MAX, false, 0 },
		{ SLICE_LIT("9223372036854775807"), INT64_MIN, INT64_MAX, true, INT64_MAX },
		{ SLICE_LIT("9223372036854775808"), INT64_MIN, INT64_MAX, false, 0 },
		{ SLICE_LIT("-"), INT64_MIN, INT64_MAX, false, 0 },
		{ SLICE_LIT("--1"), INT64_MIN, INT64_MAX, false, 0 },
		{ SLICE_LIT("+1"), INT64_MIN, INT64_MAX, false, 0 },
		{ SLICE_LIT(""), INT64_MIN, INT64_MAX, false, 0 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int64_t out = POISON;
		bool good = num_parse_i64(cases[i].in, cases[i].min, cases[i].max, &out);
		if (good != cases[i].good || out != (good ? cases[i].out : POISON))
			fail_msg("\"%.*s\": %d, %lld", SLICE_ARGS(cases[i].in), good, (long long)out);
	}
}

static void parses_durations(void **state)
{
	static const struct {
		struct slice in;
		int64_t max;
		bool good;
		int64_t out;
	} cases[] = {
		{ SLICE_LIT("250ms"), 250, true, 250 },
		{ SLICE_LIT("250ms"), 249, false, 0 },
		{ SLICE_LIT("0s"), 0, true, 0 },
		{ SLICE_LIT("5m"), INT64_MAX, true, 300000 },
		{ SLICE_LIT("1h30m"), INT64_MAX, true, 5400000 },
		{ SLICE_LIT("3d"), INT64_MAX, true, 259200000 },
		{ SLICE_LIT("1d1h1m1s1ms"), INT64_MAX, true, 90061001 },
		{ SLICE_LIT("1d1ms"), 86400001, true, 86400001 },
		{ SLICE_LIT("1d1ms"), 86400000, false, 0 },
		{ SLICE_LIT("9223372036854775807ms"), INT64_MAX, true, INT64_MAX },
		{ SLICE_LIT("9223372036854775808ms"), INT64_MAX, false, 0 },
		{ SLICE_LIT("106751991168d"), INT64_MAX, false, 0 },
		{ SLICE_LIT("106751991167d9999999h"), INT64_MAX, false, 0 },
		{ SLICE_LIT("5"), INT64_MAX, false, 0 },
		{ SLICE_LIT("1m1h"), INT64_MAX, false, 0 },
		{ SLICE_LIT("1s1s"), INT64_MAX, false, 0 },
		{ SLICE_LIT("1ms1s"), INT64_MAX, false, 0 },
		{ SLICE_LIT("1h30"), INT64_MAX, false, 0 },
		{ SLICE_LIT("h"), INT64_MAX, false, 0 },
		{ SLICE_LIT("1H"), INT64_MAX, false, 0 },
		{ SLICE_LIT("1 s"), INT64_MAX, false, 0 },
		{ SLICE_LIT("1.5s"), INT64_MAX, false, 0 },
		{ SLICE_LIT("-1s"), INT64_MAX, false, 0 },
		{ SLICE_LIT(""), INT64_MAX, false, 0 },
		{ SLICE_LIT("1s"), -1, false, 0 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int64_t out = POISON;
		bool good = num_parse_duration(cases[i].in, cases[i].max, &out);
		if (good != cases[i].good || out != (good ? cases[i].out : POISON))
			fail_msg("\"%.*s\": %d, %lld", SLICE_ARGS(cases[i].in), good, (long long)out);
	}
}

static void formats_digits(void **state)
{
	static const struct {
		uint64_t in;
		const char *out;
	} cases[] = {
		{ 0, "0" },
		{ 9, "9" },
		{ 10, "10" },
		{ 1234567890, "1234567890" },
		{ UINT64_MAX, "18446744073709551615" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char out[20];
		size_t n = num_format_u64(cases[i].in, out);
		assert_true(slice_eq(slice_of(out, n), slice_str(cases[i].out)));
	}
}

/* There and back: all small ones, and those around each power of ten. */
static void formats_what_it_parses(void **state)
{
	uint64_t power = 1;
	for (uint64_t value = 0; value < 20000; value++) {
		char out[20];
		uint64_t back;
		size_t n = num_format_u64(value, out);
		assert_true(num_parse_u64(slice_of(out, n), value, &back) && back == value);
		assert_true(value == 0 || !num_parse_u64(slice_of(out, n), value - 1, &back));
		assert_int_equal(n, value < 10 ? 1 : value < 100 ? 2 : value < 1000 ? 3 : value < 10000 ? 4 : 5);
	}
	for (int digits = 1; digits < 20; digits++, power *= 10)
		for (uint64_t value = power - 1; value <= power + 1; value++) {
			char out[20];
			uint64_t back;
			size_t n = num_format_u64(value, out);
			assert_true(num_parse_u64(slice_of(out, n), UINT64_MAX, &back) && back == value);
		}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_unsigned), cmocka_unit_test(parses_sizes),
		cmocka_unit_test(parses_signed),   cmocka_unit_test(parses_durations),
		cmocka_unit_test(formats_digits),  cmocka_unit_test(formats_what_it_parses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
