/* Unit tests of config/secret and config/file. */
#include "config/file.h"
#include "config/secret.h"

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

static char folder[64];

/* Writes a file in the folder. */
static void put(const char *name, struct slice content)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *out = fopen(path, "w");
	assert_non_null(out);
	assert_int_equal(fwrite(content.p ? content.p : (const unsigned char *)"", 1, content.n, out), content.n);
	assert_int_equal(fclose(out), 0);
}

static int make_folder(void **state)
{
	snprintf(folder, sizeof folder, "/tmp/hookgate-secret-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	char command[128];
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	return system(command);
}

static void check(const char *reference, struct slice bytes)
{
	struct slice resolved = SLICE_NONE;
	struct reason reason = { "" };
	int result = config_secret_resolve(slice_str(reference), folder, &resolved, &reason);
	if (result != 0 || !slice_eq(resolved, bytes))
		fail_msg("%s: %d %s", reference, result, reason.text);
	config_secret_wipe(&resolved);
	assert_null(resolved.p);
	assert_int_equal(resolved.n, 0);
	config_secret_wipe(&resolved);
}

static void refuse(const char *reference, const char *says)
{
	struct slice poison = SLICE("poison"), resolved = poison;
	struct reason reason = { "" };
	assert_int_equal(config_secret_resolve(slice_str(reference), folder, &resolved, &reason), -EINVAL);
	assert_ptr_equal(resolved.p, poison.p);
	if (!strstr(reason.text, says))
		fail_msg("%s: %s", reference, reason.text);
}

static void takes_the_text_itself(void **state)
{
	check("whsec_x", SLICE("whsec_x"));
	check("user:password", SLICE("user:password"));
	check("environment:x", SLICE("environment:x"));
	check("a$b", SLICE("a$b"));
	check("$ b", SLICE("$ b"));
	check("\xc3\xa9", SLICE("\xc3\xa9"));
	/* As YAML's block texts end. */
	check("-----BEGIN\n-----END\n", SLICE("-----BEGIN\n-----END"));
	check("x\r\n", SLICE("x"));
	check("x\n\n", SLICE("x\n"));
}

static void takes_variables(void **state)
{
	setenv("HG_SECRET", "from the environment", 1);
	setenv("HG_NEWLINE", "x\n", 1);
	setenv("HG_EMPTY", "", 1);
	setenv("HG_ONLY_NEWLINE", "\n", 1);
	unsetenv("HG_UNSET");
	check("env:HG_SECRET", SLICE("from the environment"));
	check("env:HG_NEWLINE", SLICE("x"));
	refuse("env:HG_UNSET", "the environment variable HG_UNSET is not set");
	refuse("env:HG_EMPTY", "the environment variable HG_EMPTY is empty");
	refuse("env:HG_ONLY_NEWLINE", "is empty");
	refuse("env:", "no name of a variable");
	refuse("env: HG_SECRET", "no name of a variable");
	refuse("env:$HG_SECRET", "no name of a variable");
	refuse("env:1A", "no name of a variable");
	refuse("env:A=B", "no name of a variable");
}

static void takes_files(void **state)
{
	static const struct slice binary = SLICE_LIT("a\0b\xff");
	put("plain", SLICE("content"));
	put("newline", SLICE("content\n"));
	put("crlf", SLICE("content\r\n"));
	put("two", SLICE("content\n\n"));
	put("binary", binary);
	put("empty", SLICE_NONE);
	put("only-newline", SLICE("\n"));
	check("file:plain", SLICE("content"));
	check("file:./newline", SLICE("content"));
	check("file:crlf", SLICE("content"));
	check("file:two", SLICE("content\n"));
	check("file:binary", binary);
	char absolute[128];
	snprintf(absolute, sizeof absolute, "file:%s/plain", folder);
	check(absolute, SLICE("content"));
	refuse("file:", "no");
	refuse("file:empty", "is empty");
	refuse("file:only-newline", "is empty");
	refuse("file:missing", "/missing\" cannot be read: No such file or directory");
	refuse("file:.", "it is a directory");
	refuse("file:plain/x", "Not a directory");
}

static void does_not_wait_for_a_pipe(void **state)
{
	char path[128];
	snprintf(path, sizeof path, "%s/pipe", folder);
	assert_int_equal(mkfifo(path, 0600), 0);
	refuse("file:pipe", "it is no regular file");
	refuse("file:/dev/zero", "it is no regular file");
}

static void has_a_limit(void **state)
{
	enum { MOST = 64 * 1024 };
	char *large = malloc(MOST + 3);
	memset(large, 'x', MOST + 3);
	put("most", slice_of(large, MOST));
	put("over", slice_of(large, MOST + 1));
	put("far-over", slice_of(large, MOST + 3));
	large[MOST] = '\n';
	put("most-and-newline", slice_of(large, MOST + 1));
	check("file:most", slice_of(large, MOST));
	check("file:most-and-newline", slice_of(large, MOST));
	refuse("file:over", "has more than 64 KiB");
	refuse("file:far-over", "has more than");
	large[MOST] = 'x';
	large[MOST + 1] = '\0';
	refuse(large, "has more than 64 KiB");
	setenv("HG_LARGE", large, 1);
	refuse("env:HG_LARGE", "has more than 64 KiB");
	unsetenv("HG_LARGE");
	large[MOST] = '\0';
	check(large, slice_of(large, MOST));
	free(large);
}

static void refuses_what_looks_like_a_slip(void **state)
{
	refuse("", "is empty");
	refuse("\n", "is empty");
	refuse("ENV:X", "lower case");
	refuse("Env:X", "lower case");
	refuse("FILE:/x", "lower case");
	refuse("$SECRET", "env:NAME");
	refuse("${SECRET}", "env:NAME");
	refuse("${SECRET:-x}", "env:NAME");
	refuse(" x", "spaces");
	refuse("x ", "spaces");
	refuse("\tx", "spaces");
}

static void takes_no_reason(void **state)
{
	struct slice resolved;
	assert_int_equal(config_secret_resolve(SLICE("file:missing"), folder, &resolved, NULL), -EINVAL);
	assert_int_equal(config_secret_resolve(SLICE("env:HG_UNSET"), folder, &resolved, NULL), -EINVAL);
	assert_int_equal(config_secret_resolve(SLICE(""), folder, &resolved, NULL), -EINVAL);
}

static void joins_paths(void **state)
{
	static const char *const cases[][3] = {
		{ "/etc", "x", "/etc/x" }, { "/etc", "/x", "/x" }, { ".", "a/b", "./a/b" },
		{ "/", "x", "//x" },	   { "a", "", "a/" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *joined = config_file_join(cases[i][0], slice_str(cases[i][1]));
		assert_string_equal(joined, cases[i][2]);
		free(joined);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_the_text_itself), cmocka_unit_test(takes_variables),
		cmocka_unit_test(takes_files),		 cmocka_unit_test(does_not_wait_for_a_pipe),
		cmocka_unit_test(has_a_limit),		 cmocka_unit_test(refuses_what_looks_like_a_slip),
		cmocka_unit_test(takes_no_reason),	 cmocka_unit_test(joins_paths),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
