/* Runs golden/config_errors.txt: what is said of wrong configurations, word for word. */
#include "base/buf.h"
#include "config/config.h"

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

enum { CASES_MAX = 256, LINE_ROOM = 2048 };

struct golden {
	char *name;
	struct slice yaml, says;
};

static struct buf file;
static struct golden cases[CASES_MAX];
static size_t case_count;

static bool read_file(const char *path)
{
	FILE *in = fopen(path, "r");
	if (!in)
		return false;
	char chunk[4096];
	size_t n;
	while ((n = fread(chunk, 1, sizeof chunk, in)) > 0)
		buf_add(&file, slice_of(chunk, n));
	fclose(in);
	return !buf_failed(&file);
}

/* Ends the part that is being read at `end`. */
static void close_part(struct slice *part, const unsigned char *end)
{
	if (part)
		part->n = (size_t)(end - part->p);
}

static void split_cases(void)
{
	struct slice line, rest = buf_slice(&file), *part = NULL;
	while (rest.n > 0) {
		slice_cut(rest, '\n', &line, &rest);
		const unsigned char *behind = line.p + line.n + 1;
		if (slice_starts(line, SLICE("=== ")) && case_count < CASES_MAX) {
			close_part(part, line.p);
			struct golden *golden = &cases[case_count++];
			golden->name = strndup((const char *)line.p + 4, line.n - 4);
			golden->yaml.p = behind;
			part = &golden->yaml;
		} else if (slice_eq(line, SLICE("--- says")) && part) {
			close_part(part, line.p);
			part = &cases[case_count - 1].says;
			part->p = behind;
		}
	}
	close_part(part, file.p + file.n);
}

/* "listen, workers ...": the keys that begin with `prefix` and have no more parts behind it, in the table's order. */
static void add_keys(struct buf *out, struct slice prefix)
{
	size_t count, before = out->n;
	const struct config_key *keys = config_keys(&count);
	for (size_t i = 0; i < count; i++) {
		struct slice path = slice_str(keys[i].path), rest = slice_from(path, prefix.n);
		if (slice_starts(path, prefix) && slice_index(rest, '.') == rest.n)
			buf_printf(out, "%s%.*s", out->n > before ? ", " : "", SLICE_ARGS(rest));
	}
}

/* The file would have to be changed in many places for each new key: it names the two long lists instead. */
static void expand(struct slice says, struct buf *out)
{
	static const struct slice of_file = SLICE_LIT("{keys of the file}"), of_route = SLICE_LIT("{keys of a route}");
	while (says.n > 0) {
		size_t brace = slice_index(says, '{');
		buf_add(out, slice_head(says, brace));
		says = slice_from(says, brace);
		if (slice_starts(says, of_file)) {
			add_keys(out, SLICE(""));
			says = slice_from(says, of_file.n);
		} else if (slice_starts(says, of_route)) {
			add_keys(out, SLICE("routes[]."));
			says = slice_from(says, of_route.n);
		} else if (says.n > 0) {
			buf_add_byte(out, '{');
			says = slice_from(says, 1);
		}
	}
}

static void says_what_it_must(void **state)
{
	const struct golden *golden = *state;
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	struct config *config = NULL;
	struct buf said = BUF_EMPTY, must = BUF_EMPTY;
	int result = config_load_text(golden->yaml, "c.yaml", &diag, &config);
	for (size_t i = 0; i < diag.count; i++) {
		char line[LINE_ROOM];
		config_finding_format(&diag.findings[i], line, sizeof line);
		buf_printf(&said, "%s\n", line);
	}
	bool consistent = (result == 0) == (diag.errors == 0) && (result == 0) == (config != NULL);
	expand(golden->says, &must);
	bool same = slice_eq(buf_slice(&said), buf_slice(&must));
	bool leaks = said.p && (memmem(said.p, said.n, "do_not", 6) || memmem(said.p, said.n, "s3cret", 6));
	if (!same)
		fprintf(stderr, "=== %s\n--- says\n%.*s", golden->name, SLICE_ARGS(buf_slice(&said)));
	config_free(config);
	config_diag_free(&diag);
	buf_free(&said);
	buf_free(&must);
	assert_true(same);
	assert_true(consistent);
	assert_false(leaks);
}

int main(void)
{
	static struct CMUnitTest tests[CASES_MAX];
	if (!read_file(PROJECT_ROOT "/tests/unit/golden/config_errors.txt"))
		return 1;
	split_cases();
	setenv("HG_SET", "s3cret", 1);
	setenv("HG_EMPTY", "", 1);
	unsetenv("HG_UNSET");
	for (size_t i = 0; i < case_count; i++)
		tests[i] = (struct CMUnitTest){ .name = cases[i].name,
						.test_func = says_what_it_must,
						.initial_state = &cases[i] };
	/* A file that came out empty would pass. */
	int result = case_count < 50 ? 1 : _cmocka_run_group_tests("config_golden", tests, case_count, NULL, NULL);
	for (size_t i = 0; i < case_count; i++)
		free(cases[i].name);
	buf_free(&file);
	return result;
}
