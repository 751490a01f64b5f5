/* Unit tests of intake/filter: which events a route keeps, by type. */
#include "intake/filter.h"

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

enum { PATTERNS = 4 };

/* Patterns up to the first that has none; an empty text is a pattern, too. */
static struct config_patterns patterns_of(const struct slice *items)
{
	size_t n = 0;

	while (n < PATTERNS && items[n].p)
		n++;
	return (struct config_patterns){ items, n };
}

#define P(s) SLICE_LIT(s)

static void keeps_by_type(void **state)
{
	static const struct {
		struct slice include[PATTERNS], exclude[PATTERNS];
		struct slice type;
		bool wanted;
	} cases[] = {
		/* Neither list. */
		{ { { NULL, 0 } }, { { NULL, 0 } }, P("push"), true },
		{ { { NULL, 0 } }, { { NULL, 0 } }, P(""), true },
		/* Only what is included. */
		{ { P("push") }, { { NULL, 0 } }, P("push"), true },
		{ { P("push") }, { { NULL, 0 } }, P("pus"), false },
		{ { P("push") }, { { NULL, 0 } }, P("pushed"), false },
		{ { P("push") }, { { NULL, 0 } }, P("Push"), false },
		{ { P("push") }, { { NULL, 0 } }, P("push\0"), false },
		{ { P("push") }, { { NULL, 0 } }, P(""), false },
		{ { P("a"), P("b"), P("c") }, { { NULL, 0 } }, P("a"), true },
		{ { P("a"), P("b"), P("c") }, { { NULL, 0 } }, P("c"), true },
		{ { P("a"), P("b"), P("c") }, { { NULL, 0 } }, P("d"), false },
		/* All but what is excluded. */
		{ { { NULL, 0 } }, { P("ping") }, P("ping"), false },
		{ { { NULL, 0 } }, { P("ping") }, P("pong"), true },
		{ { { NULL, 0 } }, { P("a"), P("b") }, P("b"), false },
		/* What is in both lists stays out. */
		{ { P("invoice.*") }, { P("invoice.draft") }, P("invoice.paid"), true },
		{ { P("invoice.*") }, { P("invoice.draft") }, P("invoice.draft"), false },
		{ { P("invoice.paid") }, { P("invoice.*") }, P("invoice.paid"), false },
		{ { P("*") }, { P("*") }, P("push"), false },
		/* A star at the end: any type with that beginning, also nothing behind it. */
		{ { P("pull_request.*") }, { { NULL, 0 } }, P("pull_request.opened"), true },
		{ { P("pull_request.*") }, { { NULL, 0 } }, P("pull_request."), true },
		{ { P("pull_request.*") }, { { NULL, 0 } }, P("pull_request"), true },
		{ { P("pull_request.*") }, { { NULL, 0 } }, P("pull_reques"), false },
		{ { P("pull_request.*") }, { { NULL, 0 } }, P("pull_request_review"), false },
		{ { { NULL, 0 } }, { P("pull_request.*") }, P("pull_request"), false },
		{ { P(".*") }, { { NULL, 0 } }, P(""), false },
		{ { P("pull_request.*") }, { { NULL, 0 } }, P("xpull_request.opened"), false },
		{ { P("push*") }, { { NULL, 0 } }, P("push"), true },
		{ { P("*") }, { { NULL, 0 } }, P("push"), true },
		{ { P("*") }, { { NULL, 0 } }, P(""), true },
		{ { P("*") }, { { NULL, 0 } }, P("\xff\0\n"), true },
		{ { { NULL, 0 } }, { P("*") }, P(""), false },
		/* A star anywhere else, and one in a type, is itself. */
		{ { P("*.paid") }, { { NULL, 0 } }, P("invoice.paid"), false },
		{ { P("*.paid") }, { { NULL, 0 } }, P("*.paid"), true },
		{ { P("a*b") }, { { NULL, 0 } }, P("axb"), false },
		{ { P("a*b") }, { { NULL, 0 } }, P("a*b"), true },
		{ { P("**") }, { { NULL, 0 } }, P("push"), false },
		{ { P("**") }, { { NULL, 0 } }, P("*push"), true },
		{ { P("push") }, { { NULL, 0 } }, P("*"), false },
		{ { P("?ush") }, { { NULL, 0 } }, P("push"), false },
		/* The empty type alone. */
		{ { P("") }, { { NULL, 0 } }, P(""), true },
		{ { P("") }, { { NULL, 0 } }, P("push"), false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct config_route route = { .include = patterns_of(cases[i].include),
					      .exclude = patterns_of(cases[i].exclude) };

		if (intake_wanted(&route, cases[i].type, SLICE_NONE) != cases[i].wanted)
			fail_msg("row %zu: \"%.*s\" is %s", i, SLICE_ARGS(cases[i].type),
				 cases[i].wanted ? "left out" : "kept");
	}
}

/* What the provider tells beside the type. */
static void keeps_by_detail(void **state)
{
	(void)state;
	static const struct {
		struct slice include[PATTERNS], exclude[PATTERNS];
		struct slice type, detail;
		bool wanted;
	} cases[] = {
		{ { P("a.opened") }, { { NULL, 0 } }, P("a"), P("opened"), true },
		{ { P("a.opened") }, { { NULL, 0 } }, P("a"), P("closed"), false },
		{ { P("a.opened") }, { { NULL, 0 } }, P("a"), P(""), false },
		{ { P("a.open*") }, { { NULL, 0 } }, P("a"), P("opened"), true },
		{ { P("a.*") }, { { NULL, 0 } }, P("a"), P("opened"), true },
		{ { P("a") }, { { NULL, 0 } }, P("a"), P("opened"), true },
		{ { P("a.") }, { { NULL, 0 } }, P("a"), P("opened"), false },
		{ { P("b.opened") }, { { NULL, 0 } }, P("a"), P("opened"), false },
		{ { P("aopened") }, { { NULL, 0 } }, P("a"), P("opened"), false },
		{ { P("a.opened") }, { { NULL, 0 } }, P("a.opened"), P("x"), true },
		{ { P(".opened") }, { { NULL, 0 } }, P(""), P("opened"), false },
		{ { P("a.*") }, { P("a.labeled") }, P("a"), P("labeled"), false },
		{ { P("a.*") }, { P("a.labeled") }, P("a"), P("opened"), true },
		{ { { NULL, 0 } }, { P("a.lab*") }, P("a"), P("labeled"), false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct config_route route = { .include = patterns_of(cases[i].include),
					      .exclude = patterns_of(cases[i].exclude) };

		if (intake_wanted(&route, cases[i].type, cases[i].detail) != cases[i].wanted)
			fail_msg("row %zu is %s", i, cases[i].wanted ? "left out" : "kept");
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_by_type),
		cmocka_unit_test(keeps_by_detail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
