/* What reaches a terminal of what a stranger sent. */
#include "cli/options.h"

#include <stdlib.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

static void prints_text(void **state)
{
	static const struct {
		struct slice in;
		bool lines;
		const char *out;
	} rows[] = {
		{ SLICE_LIT("plain\ttext"), false, "plain\ttext" },
		{ SLICE_LIT("a\nb"), false, "a\\x0ab" },
		{ SLICE_LIT("a\nb\rc"), true, "a\nb\\x0dc" },
		{ SLICE_LIT("\x1b[31m\x7f\0"), true, "\\x1b[31m\\x7f\\x00" },
		{ SLICE_LIT("\xc3\xa9 \xc2\xa0 \xf0\x9f\x98\x80"), false, "\xc3\xa9 \xc2\xa0 \xf0\x9f\x98\x80" },
		/* A control character of C1, a surrogate, too long a form, the change of direction. */
		{ SLICE_LIT("\xc2\x9b"), false, "\\xc2\\x9b" },
		{ SLICE_LIT("\xed\xa0\x80"), false, "\\xed\\xa0\\x80" },
		{ SLICE_LIT("\xe0\x80\x8a"), false, "\\xe0\\x80\\x8a" },
		{ SLICE_LIT("a\xe2\x80\xae"
			    "b"),
		  false,
		  "a\\xe2\\x80\\xae"
		  "b" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char *text = NULL;
		size_t n = 0;
		FILE *out = open_memstream(&text, &n);

		assert_non_null(out);
		cli_print_text(out, rows[i].in, rows[i].lines);
		fclose(out);
		assert_string_equal(text, rows[i].out);
		free(text);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(prints_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
