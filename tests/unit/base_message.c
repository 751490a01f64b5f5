/* Unit tests of base/message. */
#include "base/message.h"

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

static void counts_headers(void **state)
{
	static const struct header headers[] = {
		{ SLICE_LIT("Host"), SLICE_LIT("a") },
		{ SLICE_LIT("X-Signature"), SLICE_LIT("one") },
		{ SLICE_LIT("x-signature"), SLICE_LIT("two") },
		{ SLICE_LIT("X-Empty"), { NULL, 0 } },
	};
	struct request request = { .headers = headers, .header_count = 4 };
	static const struct {
		struct slice name;
		size_t count;
		struct slice value;
	} cases[] = {
		{ SLICE_LIT("host"), 1, SLICE_LIT("a") },  { SLICE_LIT("X-SIGNATURE"), 2, SLICE_LIT("one") },
		{ SLICE_LIT("x-empty"), 1, { NULL, 0 } },  { SLICE_LIT("x-sig"), 0, SLICE_LIT("poison") },
		{ SLICE_LIT(""), 0, SLICE_LIT("poison") },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct slice value = SLICE("poison");
		assert_int_equal(message_header(&request, cases[i].name, &value), cases[i].count);
		assert_true(slice_eq(value, cases[i].value));
	}
}

static void counts_query_parameters(void **state)
{
	static const struct {
		struct slice query, name;
		size_t count;
		struct slice value;
	} cases[] = {
		{ SLICE_LIT("a=1&b=2"), SLICE_LIT("a"), 1, SLICE_LIT("1") },
		{ SLICE_LIT("a=1&b=2"), SLICE_LIT("b"), 1, SLICE_LIT("2") },
		{ SLICE_LIT("a=1&a=2&a"), SLICE_LIT("a"), 3, SLICE_LIT("1") },
		{ SLICE_LIT("a"), SLICE_LIT("a"), 1, SLICE_LIT("") },
		{ SLICE_LIT("a="), SLICE_LIT("a"), 1, SLICE_LIT("") },
		{ SLICE_LIT("a==b%20"), SLICE_LIT("a"), 1, SLICE_LIT("=b%20") },
		{ SLICE_LIT("&&a=1&"), SLICE_LIT("a"), 1, SLICE_LIT("1") },
		{ SLICE_LIT("&&"), SLICE_LIT(""), 0, SLICE_LIT("poison") },
		{ SLICE_LIT("=1"), SLICE_LIT(""), 1, SLICE_LIT("1") },
		{ SLICE_LIT("A=1"), SLICE_LIT("a"), 0, SLICE_LIT("poison") },
		{ SLICE_LIT("ab=1"), SLICE_LIT("a"), 0, SLICE_LIT("poison") },
		{ { NULL, 0 }, SLICE_LIT("a"), 0, SLICE_LIT("poison") },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct request request = { .query = cases[i].query };
		struct slice value = SLICE("poison");
		assert_int_equal(message_query(&request, cases[i].name, &value), cases[i].count);
		assert_true(slice_eq(value, cases[i].value));
	}
}

static void splits_targets(void **state)
{
	static const struct {
		struct slice target;
		bool good;
		const char *path, *query;
	} cases[] = {
		{ SLICE_LIT("/"), true, "/", "" },
		{ SLICE_LIT("/a/b?x=1"), true, "/a/b", "x=1" },
		{ SLICE_LIT("/a?"), true, "/a", "" },
		{ SLICE_LIT("/a?b?c"), true, "/a", "b?c" },
		{ SLICE_LIT("//a"), true, "//a", "" },
		{ SLICE_LIT("/a%2Fb"), true, "/a%2Fb", "" },
		{ SLICE_LIT("http://h/p?q"), true, "/p", "q" },
		{ SLICE_LIT("HTTPS://h:1/p"), true, "/p", "" },
		{ SLICE_LIT("http://h?a/b"), false, "", "" },
		{ SLICE_LIT("http://h"), false, "", "" },
		{ SLICE_LIT("http://"), false, "", "" },
		{ SLICE_LIT("http:///p"), true, "/p", "" },
		{ SLICE_LIT("ftp://h/p"), false, "", "" },
		{ SLICE_LIT("h:80"), false, "", "" },
		{ SLICE_LIT("*"), false, "", "" },
		{ SLICE_LIT("a/b"), false, "", "" },
		{ { NULL, 0 }, false, "", "" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct slice path = SLICE("poison");
		struct slice query = SLICE("poison");
		bool good = message_split_target(cases[i].target, &path, &query);
		if (good != cases[i].good)
			fail_msg("\"%.*s\": %d", SLICE_ARGS(cases[i].target), good);
		assert_true(slice_eq(path, slice_str(good ? cases[i].path : "poison")));
		assert_true(slice_eq(query, slice_str(good ? cases[i].query : "poison")));
	}
}

static void adds_headers_up_to_its_room(void **state)
{
	struct answer answer = { .status = 200 };
	for (size_t i = 0; i < ANSWER_HEADERS_MAX; i++)
		message_add(&answer, SLICE("A"), slice_of(&"01234567"[i], 1));
	assert_int_equal(answer.header_count, ANSWER_HEADERS_MAX);
	assert_true(slice_eq(answer.headers[7].value, SLICE("7")));

	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		signal(SIGABRT, SIG_DFL);
		message_add(&answer, SLICE("A"), SLICE("8"));
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_headers),
		cmocka_unit_test(counts_query_parameters),
		cmocka_unit_test(splits_targets),
		cmocka_unit_test(adds_headers_up_to_its_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
