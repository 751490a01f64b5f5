/* The parts of an entry that are made here: headers as JSON, the trace; and which types are stored. */
#include "intake/filter.h"
#include "intake/inside.h"

#include <stdio.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

enum { HEADERS = 5 };

static void test_headers(void **state)
{
	static const struct {
		const char *headers[HEADERS][2]; /* NULL ends them */
		const char *token, *wanted;
	} rows[] = {
		{ { { NULL, NULL } }, "", "{}" },
		{ { { "Host", "a" }, { "X-B", "\"\\" } }, "", "{\"host\":\"a\",\"x-b\":\"\\\"\\\\\"}" },
		{ { { "X-A", "1" }, { "Y", "2" }, { "x-a", "3" } }, "", "{\"x-a\":[\"1\",\"3\"],\"y\":\"2\"}" },
		{ { { "Authorization", "s" }, { "COOKIE", "s" }, { "Proxy-Authorization", "s" }, { "A", "" } },
		  "",
		  "{\"a\":\"\"}" },
		{ { { "X-Token", "s" }, { "X-Tokens", "t" } }, "x-token", "{\"x-tokens\":\"t\"}" },
		/* Characters of a token beside the letters, which have no lower case. */
		{ { { "!#$%&'*+-.^_`|~09Z", "1" } }, "", "{\"!#$%&'*+-.^_`|~09z\":\"1\"}" },
		{ { { "@ABCXYZ[`abcxyz{AZ", "1" } }, "", "{\"@abcxyz[`abcxyz{az\":\"1\"}" },
		/* The same length and first letter, and yet not the same. */
		{ { { "X-Ab", "1" }, { "x-cd", "2" } }, "", "{\"x-ab\":\"1\",\"x-cd\":\"2\"}" },
		{ { { "A", "1" }, { "A", "1" }, { "A", "" } }, "", "{\"a\":[\"1\",\"1\",\"\"]}" },
		{ { { "AB", "1" }, { "ABC", "2" }, { "A", "3" } }, "", "{\"ab\":\"1\",\"abc\":\"2\",\"a\":\"3\"}" },
		/* Nothing but credentials; repeated ones; and names that only look like theirs. */
		{ { { "Authorization", "s" } }, "", "{}" },
		{ { { "A", "1" }, { "Cookie", "s" }, { "cookie", "s" } }, "", "{\"a\":\"1\"}" },
		{ { { "Cookies", "1" }, { "X-Authorization", "2" }, { "Set-Cookie", "3" } },
		  "",
		  "{\"cookies\":\"1\",\"x-authorization\":\"2\",\"set-cookie\":\"3\"}" },
		{ { { "x-token", "s" }, { "X-TOKEN", "s" } }, "X-Token", "{}" },
		{ { { "X-Token", "seen" } }, "", "{\"x-token\":\"seen\"}" },
		{ { { "A", "t\tb \x7f" } }, "", "{\"a\":\"t\\u0009b \\u007f\"}" },
		{ { { "A", "caf\xc3\xa9 caf\xe9" } }, "", "{\"a\":\"caf\xc3\xa9 caf\xef\xbf\xbd\"}" },
		{ { { "X-A", "\xff\x01" } }, "", "{\"x-a\":\"\xef\xbf\xbd\\u0001\"}" },
	};
	struct intake_worker worker = { .random = { 1, 2 } };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct header headers[HEADERS];
		struct request request = { .headers = headers };
		struct slice made;

		for (size_t n = 0; n < HEADERS && rows[i].headers[n][0]; n++)
			headers[request.header_count++] =
				(struct header){ slice_str(rows[i].headers[n][0]), slice_str(rows[i].headers[n][1]) };
		made = intake_entry_headers(&worker, &request, slice_str(rows[i].token));
		if (!slice_eq(made, slice_str(rows[i].wanted)))
			fail_msg("row %zu: %.*s", i, SLICE_ARGS(made));
	}
	buf_free(&worker.scratch);
}

/* Names of every length, in capitals; two that may or may not be the same; and none in front of the other. */
static void test_names(void **state)
{
	struct intake_worker worker = { .random = { 1, 2 } };

	(void)state;
	for (size_t n = 1; n < 40; n++)
		for (int same = 0; same < 2; same++) {
			char capitals[40], small[40], wanted[120];
			struct header headers[2];
			struct request request = { .headers = headers, .header_count = 2 };
			struct slice made;

			memset(capitals, 'Q', n);
			memset(small, 'q', n);
			capitals[n / 3] = same ? 'Q' : '-';
			headers[0] = (struct header){ slice_of(capitals, n), SLICE("1") };
			headers[1] = (struct header){ slice_of(small, n), SLICE("2") };
			made = intake_entry_headers(&worker, &request, SLICE_NONE);
			for (size_t i = 0; i < n; i++)
				capitals[i] = capitals[i] == 'Q' ? 'q' : '-';
			if (same)
				(void)snprintf(wanted, sizeof wanted, "{\"%.*s\":[\"1\",\"2\"]}", (int)n, capitals);
			else
				(void)snprintf(wanted, sizeof wanted, "{\"%.*s\":\"1\",\"%.*s\":\"2\"}", (int)n,
					       capitals, (int)n, small);
			if (!slice_eq(made, slice_str(wanted)))
				fail_msg("%zu: %.*s, not %s", n, SLICE_ARGS(made), wanted);
		}
	buf_free(&worker.scratch);
}

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SPAN "b7ad6b7169203331"

static void test_traceparent(void **state)
{
	static const struct {
		const char *received;
		bool kept;
	} rows[] = {
		{ "00-" TRACE "-" SPAN "-01", true },
		{ "00-" TRACE "-" SPAN "-00", true },
		{ "00-00000000000000000000000000000001-" SPAN "-ff", true },
		{ "00-10000000000000000000000000000000-1000000000000000-01", true },
		{ "00-" TRACE "-0000000000000001-01", true },
		{ "01-" TRACE "-" SPAN "-01", false },
		{ "ff-" TRACE "-" SPAN "-01", false },
		{ "00-" TRACE "_" SPAN "-01", false },
		{ "00-" TRACE "-" SPAN "_01", false },
		{ "00-" TRACE "0" SPAN "-01", false },
		{ "00-" TRACE "-" SPAN "-011", false },
		{ "00-" TRACE "-B7ad6b7169203331-01", false },
		{ "00-" TRACE "-" SPAN "-0A", false },
		/* Beside the digits and letters. */
		{ "00-:af7651916cd43dd8448eb211c80319c-" SPAN "-01", false },
		{ "00-/af7651916cd43dd8448eb211c80319c-" SPAN "-01", false },
		{ "00-`af7651916cd43dd8448eb211c80319c-" SPAN "-01", false },
		{ "00-gaf7651916cd43dd8448eb211c80319c-" SPAN "-01", false },
		{ "00-" TRACE "-" SPAN "-01-", false },
		{ "00-" TRACE "-" SPAN "-0", false },
		{ "00-" TRACE "-" SPAN "-0g", false },
		{ "00-0AF7651916cd43dd8448eb211c80319c-" SPAN "-01", false },
		{ "00-00000000000000000000000000000000-" SPAN "-01", false },
		{ "00-" TRACE "-0000000000000000-01", false },
		{ "00_" TRACE "-" SPAN "-01", false },
		{ "", false },
	};
	struct intake_worker worker = { .random = { 1, 2 } };
	char made[55], before[55] = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct header header = { SLICE("Traceparent"), slice_str(rows[i].received) };
		struct request request = { .headers = &header, .header_count = 1 };
		struct slice got = intake_entry_traceparent(&worker, &request, made), again;

		assert_int_equal(got.n, 55);
		assert_int_equal(slice_eq(got, header.value), rows[i].kept);
		if (rows[i].kept)
			continue;
		/* What is made is well formed itself, and another one each time. */
		assert_memory_not_equal(made, before, sizeof made);
		memcpy(before, made, sizeof made);
		header.value = slice_of(before, sizeof before);
		again = intake_entry_traceparent(&worker, &request, made);
		assert_ptr_equal(again.p, before);
	}
}

/* Sent twice, it is nobody's. */
static void test_two_traceparents(void **state)
{
	const struct header headers[] = { { SLICE("traceparent"), SLICE("00-" TRACE "-" SPAN "-01") },
					  { SLICE("traceparent"), SLICE("00-" TRACE "-" SPAN "-01") } };
	struct request request = { .headers = headers, .header_count = 2 };
	struct intake_worker worker = { .random = { 1, 2 } };
	char made[55];

	(void)state;
	assert_ptr_equal(intake_entry_traceparent(&worker, &request, made).p, made);
}

static bool are_hex(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f')))
			return false;
	}
	return true;
}

/* Of its own making: version 00, ids that are not all zeros, not sampled; and no two of them alike. */
static void test_made_traceparents(void **state)
{
	enum { MADE = 2000 };
	static char made[MADE][55];
	struct intake_worker worker = { .random = { 42, 4711 } };

	(void)state;
	for (size_t i = 0; i < MADE; i++) {
		struct request request = { .header_count = 0 };
		struct slice got = intake_entry_traceparent(&worker, &request, made[i]);
		struct slice trace = slice_of(made[i] + 3, 32), span = slice_of(made[i] + 36, 16);

		assert_ptr_equal(got.p, made[i]);
		assert_int_equal(got.n, 55);
		assert_memory_equal(made[i], "00-", 3);
		assert_memory_equal(made[i] + 52, "-00", 3);
		assert_int_equal(made[i][35], '-');
		assert_true(are_hex(trace) && are_hex(span));
		assert_false(slice_eq(trace, SLICE("00000000000000000000000000000000")));
		assert_false(slice_eq(span, SLICE("0000000000000000")));
		for (size_t j = 0; j < i; j++) {
			assert_memory_not_equal(made[j] + 3, trace.p, 32);
			assert_memory_not_equal(made[j] + 36, span.p, 16);
		}
	}
}

static void test_filter(void **state)
{
	static const struct slice push[] = { SLICE_LIT("push"), SLICE_LIT("pull_request.*") };
	static const struct slice all[] = { SLICE_LIT("*") }, labeled[] = { SLICE_LIT("pull_request.labeled") };
	static const struct {
		struct config_patterns include, exclude;
		struct slice type;
		bool wanted;
	} rows[] = {
		{ { NULL, 0 }, { NULL, 0 }, SLICE_LIT(""), true },
		{ { push, 2 }, { NULL, 0 }, SLICE_LIT("push"), true },
		{ { push, 2 }, { NULL, 0 }, SLICE_LIT("pushed"), false },
		{ { push, 2 }, { NULL, 0 }, SLICE_LIT("pull_request.opened"), true },
		{ { push, 2 }, { NULL, 0 }, SLICE_LIT("pull_request"), true },
		{ { push, 2 }, { NULL, 0 }, SLICE_LIT("pull_requests"), false },
		{ { push, 2 }, { NULL, 0 }, SLICE_LIT(""), false },
		{ { push, 2 }, { labeled, 1 }, SLICE_LIT("pull_request.labeled"), false },
		{ { all, 1 }, { NULL, 0 }, SLICE_LIT(""), true },
		{ { NULL, 0 }, { all, 1 }, SLICE_LIT("push"), false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct config_route route = { .include = rows[i].include, .exclude = rows[i].exclude };

		if (intake_wanted(&route, rows[i].type, SLICE_NONE) != rows[i].wanted)
			fail_msg("row %zu", i);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headers),		  cmocka_unit_test(test_names),
		cmocka_unit_test(test_traceparent),	  cmocka_unit_test(test_two_traceparents),
		cmocka_unit_test(test_made_traceparents), cmocka_unit_test(test_filter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
