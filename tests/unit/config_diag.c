/* Unit tests of config/diag. */
#include "config/diag.h"
#include "config/node.h"

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

static void quotes(void **state)
{
	static const struct {
		struct slice in;
		const char *out;
	} cases[] = {
		{ SLICE_LIT("plain text"), "\"plain text\"" },
		{ { NULL, 0 }, "\"\"" },
		{ SLICE_LIT("a\"b\\c"), "\"a\\\"b\\\\c\"" },
		{ SLICE_LIT("\n\r\x1b\x7f\xc3\xa9\0"), "\"\\n\\x0d\\x1b\\x7f\\xc3\\xa9\\x00\"" },
		{ SLICE_LIT("123456789012345678901234567890123456789012345678901234567890"),
		  "\"123456789012345678901234567890123456789012345678901234567890\"" },
		{ SLICE_LIT("1234567890123456789012345678901234567890123456789012345678901"),
		  "\"123456789012345678901234567890123456789012345678901234567890...\"" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char out[CONFIG_QUOTE_ROOM];
		assert_string_equal(config_quote(cases[i].in, out, sizeof out), cases[i].out);
	}
}

static void quotes_fit_any_room(void **state)
{
	unsigned char worst[100];
	memset(worst, 0xff, sizeof worst);
	for (size_t size = 1; size <= CONFIG_QUOTE_ROOM; size++) {
		char *out = malloc(size);
		config_quote(slice_of(worst, sizeof worst), out, size);
		assert_true(strlen(out) < size);
		free(out);
	}
	char out[CONFIG_QUOTE_ROOM];
	config_quote(slice_of(worst, sizeof worst), out, sizeof out);
	assert_string_equal(out + strlen(out) - 4, "...\"");
}

static void sorts_and_drops_repetitions(void **state)
{
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	config_error_at(&diag, "b.yaml", 1, 1, "h");
	config_error_at(&diag, "a.yaml", 10, 1, "g");
	config_error_at(&diag, "a.yaml", 2, 10, "f");
	config_error_at(&diag, "a.yaml", 2, 9, "d");
	config_error_at(&diag, "a.yaml", 2, 9, "e");
	config_error_at(&diag, "a.yaml", 2, 9, "d");
	config_warn(&diag, "a.yaml", NULL, "a");
	config_error(&diag, "a.yaml", NULL, "b");
	config_error_missing(&diag, "a.yaml", NULL, "key", "c");
	assert_int_equal(diag.errors, 8);
	config_diag_sort(&diag);
	assert_int_equal(diag.errors, 7);
	assert_int_equal(diag.count, 8);
	static const char *const lines[] = {
		"a.yaml: warning: a", "a.yaml: b",	"a.yaml: key: c", "a.yaml:2:9: d",
		"a.yaml:2:9: e",      "a.yaml:2:10: f", "a.yaml:10:1: g", "b.yaml:1:1: h",
	};
	for (size_t i = 0; i < diag.count; i++) {
		char line[256];
		config_finding_format(&diag.findings[i], line, sizeof line);
		assert_string_equal(line, lines[i]);
	}
	/* What comes later stays behind what was there, also after repetitions went. */
	config_error_at(&diag, "b.yaml", 1, 1, "i");
	config_diag_sort(&diag);
	assert_string_equal(diag.findings[8].message, "i");
	config_diag_free(&diag);
	assert_int_equal(diag.count, 0);
	config_diag_free(&diag);
	config_diag_free(NULL);
}

static void keeps_a_thousand_and_counts_all(void **state)
{
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	for (unsigned i = 0; i < 1500; i++)
		config_error_at(&diag, "a", 1500 - i, 1, "x");
	assert_int_equal(diag.count, 1000);
	assert_int_equal(diag.errors, 1500);
	config_diag_sort(&diag);
	assert_int_equal(diag.findings[0].line, 501);
	config_diag_free(&diag);
}

static void cuts_long_messages(void **state)
{
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	config_error_at(&diag, "a", 1, 1, "%5000d", 1);
	char line[64];
	config_finding_format(&diag.findings[0], line, sizeof line);
	assert_int_equal(strlen(line), sizeof line - 1);
	config_diag_free(&diag);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(quotes),
		cmocka_unit_test(quotes_fit_any_room),
		cmocka_unit_test(sorts_and_drops_repetitions),
		cmocka_unit_test(keeps_a_thousand_and_counts_all),
		cmocka_unit_test(cuts_long_messages),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
