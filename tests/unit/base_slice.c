/* Unit tests of base/slice. */
#include "base/slice.h"

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

static void assert_slice(struct slice s, const char *text)
{
	if (!slice_eq(s, slice_str(text)))
		fail_msg("got \"%.*s\", not \"%s\"", SLICE_ARGS(s), text);
}

static void compares_without_case(void **state)
{
	static const struct {
		struct slice a, b;
		bool equal;
	} cases[] = {
		{ SLICE_LIT(""), SLICE_LIT(""), true },
		{ { NULL, 0 }, SLICE_LIT(""), true },
		{ SLICE_LIT("Content-Type"), SLICE_LIT("content-TYPE"), true },
		{ SLICE_LIT("a"), SLICE_LIT("ab"), false },
		{ SLICE_LIT("@"), SLICE_LIT("`"), false },
		{ SLICE_LIT("["), SLICE_LIT("{"), false },
		{ SLICE_LIT("\xc4"), SLICE_LIT("\xe4"), false },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_int_equal(slice_eq_nocase(cases[i].a, cases[i].b), cases[i].equal);
		assert_int_equal(slice_eq_nocase(cases[i].b, cases[i].a), cases[i].equal);
	}
}

static void knows_prefixes(void **state)
{
	assert_true(slice_starts(SLICE("abc"), SLICE("ab")));
	assert_true(slice_starts(SLICE("abc"), SLICE("abc")));
	assert_true(slice_starts(SLICE("abc"), SLICE_NONE));
	assert_true(slice_starts(SLICE_NONE, SLICE("")));
	assert_false(slice_starts(SLICE("abc"), SLICE("abcd")));
	assert_false(slice_starts(SLICE("abc"), SLICE("b")));
}

static void finds_and_cuts(void **state)
{
	static const struct {
		struct slice in;
		const char *before, *after;
		bool found;
	} cases[] = {
		{ SLICE_LIT("a=b"), "a", "b", true }, { SLICE_LIT("a=b=c"), "a", "b=c", true },
		{ SLICE_LIT("="), "", "", true },     { SLICE_LIT("a="), "a", "", true },
		{ SLICE_LIT("=b"), "", "b", true },   { SLICE_LIT("ab"), "ab", "", false },
		{ { NULL, 0 }, "", "", false },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct slice before, after;
		assert_int_equal(slice_cut(cases[i].in, '=', &before, &after), cases[i].found);
		assert_slice(before, cases[i].before);
		assert_slice(after, cases[i].after);
		assert_int_equal(slice_index(cases[i].in, '='), before.n);
	}
}

static void cuts_into_its_own_input(void **state)
{
	struct slice rest = SLICE("a,b,c");
	struct slice item;
	assert_true(slice_cut(rest, ',', &item, &rest));
	assert_slice(item, "a");
	assert_slice(rest, "b,c");
	assert_true(slice_cut(rest, ',', &rest, &item));
	assert_slice(rest, "b");
	assert_slice(item, "c");
}

static void takes_parts(void **state)
{
	assert_slice(slice_from(SLICE("abc"), 1), "bc");
	assert_slice(slice_from(SLICE("abc"), 3), "");
	assert_slice(slice_from(SLICE("abc"), SIZE_MAX), "");
	assert_slice(slice_head(SLICE("abc"), 2), "ab");
	assert_slice(slice_head(SLICE("abc"), 4), "abc");
	assert_int_equal(slice_str(NULL).n, 0);
}

static void trims_blanks_only(void **state)
{
	static const struct {
		struct slice in;
		const char *out;
	} cases[] = {
		{ SLICE_LIT(" \ta b\t "), "a b" }, { SLICE_LIT("   "), "" }, { { NULL, 0 }, "" },
		{ SLICE_LIT("\na\r"), "\na\r" },   { SLICE_LIT("a"), "a" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_slice(slice_trim(cases[i].in), cases[i].out);
}

static void sees_control_characters(void **state)
{
	for (unsigned c = 0; c < 256; c++) {
		unsigned char text[] = { 'a', (unsigned char)c, 'b' };
		assert_int_equal(slice_has_control(slice_of(text, sizeof text)), c < 0x20 || c == 0x7f);
	}
	assert_false(slice_has_control(SLICE_NONE));
	/* Each byte at each place of each length. */
	for (unsigned c = 0; c < 256; c++)
		for (size_t n = 1; n < 35; n++)
			for (size_t at = 0; at < n; at++) {
				unsigned char long_text[35];
				memset(long_text, c & 1 ? 0x20 : 0xff, sizeof long_text);
				long_text[at] = (unsigned char)c;
				assert_int_equal(slice_has_control(slice_of(long_text, n)), c < 0x20 || c == 0x7f);
			}
}

static void orders_by_bytes(void **state)
{
	static const struct slice sorted[] = {
		{ NULL, 0 },	  SLICE_LIT("\0"), SLICE_LIT("A"), SLICE_LIT("a"),
		SLICE_LIT("a\0"), SLICE_LIT("ab"), SLICE_LIT("b"), SLICE_LIT("\xff"),
	};
	size_t count = sizeof sorted / sizeof sorted[0];
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < count; j++) {
			int order = slice_compare(sorted[i], sorted[j]);
			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
			assert_int_equal(slice_eq(sorted[i], sorted[j]), i == j);
		}
	}
}

/* Every pair of bytes, among the eight that are looked at together and behind them. */
static void test_eq_nocase_every_pair(void **state)
{
	for (unsigned a = 0; a < 256; a++) {
		for (unsigned b = 0; b < 256; b++) {
			bool letters = (a | 0x20) >= 'a' && (a | 0x20) <= 'z' && (b | 0x20) >= 'a' && (b | 0x20) <= 'z';
			bool equal = a == b || (letters && (a | 0x20) == (b | 0x20));
			unsigned char one[10] = "xYzw-vut5", two[10] = "XyzW-vUT5";
			for (size_t at = 0; at < 9; at += 4) {
				unsigned char kept[2] = { one[at], two[at] };
				one[at] = (unsigned char)a;
				two[at] = (unsigned char)b;
				assert_int_equal(slice_eq_nocase(slice_of(one, 9), slice_of(two, 9)), equal);
				one[at] = kept[0];
				two[at] = kept[1];
			}
		}
	}
}

/* At each length, with one byte that is of the other case, or another byte, at each place. */
static void test_eq_nocase_every_length(void **state)
{
	for (size_t n = 0; n < 40; n++)
		for (size_t at = 0; at < (n > 0 ? n : 1); at++) {
			unsigned char one[40], two[40];
			memset(one, 'k', sizeof one);
			memset(two, 'K', sizeof two);
			assert_true(slice_eq_nocase(slice_of(one, n), slice_of(two, n)));
			two[at] = '+';
			assert_int_equal(slice_eq_nocase(slice_of(one, n), slice_of(two, n)), n == 0);
		}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_eq_nocase_every_pair),
		cmocka_unit_test(test_eq_nocase_every_length),
		cmocka_unit_test(compares_without_case),
		cmocka_unit_test(knows_prefixes),
		cmocka_unit_test(finds_and_cuts),
		cmocka_unit_test(cuts_into_its_own_input),
		cmocka_unit_test(takes_parts),
		cmocka_unit_test(trims_blanks_only),
		cmocka_unit_test(sees_control_characters),
		cmocka_unit_test(orders_by_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
