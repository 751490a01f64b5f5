/* Holds conf/hookgate.yaml to the table of keys: every key stands there with its default and its line of why, and both
 * sample files are right. A key without a default stands there behind a "#" with no space. */
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

static struct buf live, whole; /* the file as it is; and with the keys behind "#" */

static bool read_file(const char *path, struct buf *out)
{
	FILE *in = fopen(path, "r");
	if (!in)
		return false;
	char chunk[4096];
	size_t n;
	while ((n = fread(chunk, 1, sizeof chunk, in)) > 0)
		buf_add(out, slice_of(chunk, n));
	fclose(in);
	return !buf_failed(out);
}

/* Where the "#" stands of a line that is a key behind one: "  #key: ...", "  #- key: ..."; else line.n. */
static size_t key_behind_hash(struct slice line)
{
	size_t hash = 0;
	while (hash < line.n && line.p[hash] == ' ')
		hash++;
	struct slice rest = slice_from(line, hash);
	if (!slice_starts(rest, SLICE("#")) || slice_starts(rest, SLICE("# ")) || rest.n < 2)
		return line.n;
	return hash;
}

/* Most of what stands under `redis` goes with other URLs than the default. */
static const struct slice one = SLICE_LIT("redis://127.0.0.1:6379/0"),
			  many = SLICE_LIT("sentinel://127.0.0.1/mymaster");

static int prepare(void **state)
{
	if (!read_file(PROJECT_ROOT "/conf/hookgate.yaml", &live))
		return -1;
	struct slice line, rest = buf_slice(&live);
	while (rest.n > 0) {
		slice_cut(rest, '\n', &line, &rest);
		const unsigned char *url = memmem(line.p, line.n, one.p, one.n);
		if (url) {
			buf_add(&whole, slice_of(line.p, (size_t)(url - line.p)));
			buf_add(&whole, many);
			line = slice_from(line, (size_t)(url - line.p) + one.n);
		}
		size_t hash = key_behind_hash(line);
		buf_add(&whole, slice_head(line, hash));
		buf_add(&whole, slice_from(line, hash + 1));
		buf_add_byte(&whole, '\n');
	}
	static const char *const variables[] = { "HOOKGATE_ADMIN_TOKEN",  "REDIS_PASSWORD",	   "SENTINEL_PASSWORD",
						 "STRIPE_WEBHOOK_SECRET", "GITHUB_WEBHOOK_SECRET", "GITHUB_NEXT_SECRET",
						 "OWN_WEBHOOK_SECRET" };
	for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
		setenv(variables[i], "x", 1);
	return 0;
}

static int clean(void **state)
{
	buf_free(&live);
	buf_free(&whole);
	return 0;
}

static void is_right(struct slice text)
{
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	struct config *config = NULL;
	int result = config_load_text(text, "hookgate.yaml", &diag, &config);
	for (size_t i = 0; i < diag.count; i++) {
		char line[512];
		config_finding_format(&diag.findings[i], line, sizeof line);
		print_error("%s\n", line);
	}
	assert_int_equal(diag.count, 0);
	assert_int_equal(result, 0);
	config_diag_free(&diag);
	config_free(config);
}

static void samples_are_right(void **state)
{
	struct buf least = BUF_EMPTY;
	assert_true(read_file(PROJECT_ROOT "/conf/hookgate.min.yaml", &least));
	is_right(buf_slice(&least));
	is_right(buf_slice(&live));
	is_right(buf_slice(&whole));
	buf_free(&least);
}

/* The node that a key's path leads to ("routes[].secrets[].name"), in whichever item of a list has it. */
static const struct config_node *find(const struct config_node *node, struct slice path)
{
	struct slice name, rest;
	slice_cut(path, '.', &name, &rest);
	size_t bracket = slice_index(name, '[');
	node = config_node_get(node, slice_head(name, bracket));
	if (!node || rest.n == 0)
		return node;
	if (bracket == name.n)
		return find(node, rest);
	for (const struct config_node *item = node->first; item; item = item->next) {
		const struct config_node *found = find(item, rest);
		if (found)
			return found;
	}
	return NULL;
}

static struct config_tree *parse(const struct buf *text)
{
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	struct config_tree *tree = NULL;
	assert_int_equal(config_tree_parse(buf_slice(text), "hookgate.yaml", &diag, &tree), 0);
	config_diag_free(&diag);
	return tree;
}

static void every_key_stands_in_the_sample(void **state)
{
	struct config_tree *tree = parse(&whole);
	size_t count, missing = 0;
	const struct config_key *keys = config_keys(&count);
	assert_true(count > 50);
	for (size_t i = 0; i < count; i++)
		if (!find(config_tree_root(tree), slice_str(keys[i].path))) {
			print_error("conf/hookgate.yaml lacks %s\n", keys[i].path);
			missing++;
		}
	config_tree_free(tree);
	assert_int_equal(missing, 0);
}

static void defaults_stand_in_the_sample(void **state)
{
	struct config_tree *tree = parse(&live);
	size_t count, wrong = 0, defaults = 0;
	const struct config_key *keys = config_keys(&count);
	for (size_t i = 0; i < count; i++) {
		struct slice fallback = slice_str(keys[i].fallback);
		const struct config_node *node = find(config_tree_root(tree), slice_str(keys[i].path));
		defaults += fallback.n > 0;
		if (fallback.n > 0 && (!node || !slice_eq(node->text, fallback))) {
			print_error("conf/hookgate.yaml: the default of %s is %s\n", keys[i].path, keys[i].fallback);
			wrong++;
		}
	}
	config_tree_free(tree);
	assert_int_equal(wrong, 0);
	assert_true(defaults > 15);
}

static void every_key_has_its_line_of_why(void **state)
{
	size_t count, missing = 0;
	const struct config_key *keys = config_keys(&count);
	for (size_t i = 0; i < count; i++) {
		struct buf comment = BUF_EMPTY;
		buf_printf(&comment, "# %s\n", keys[i].help);
		if (!memmem(live.p, live.n, comment.p, comment.n)) {
			print_error("conf/hookgate.yaml lacks %.*s", SLICE_ARGS(buf_slice(&comment)));
			missing++;
		}
		buf_free(&comment);
	}
	assert_int_equal(missing, 0);
}

static void every_path_stands_once(void **state)
{
	size_t count;
	const struct config_key *keys = config_keys(&count);
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(keys[i].path, keys[j].path);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples_are_right),
		cmocka_unit_test(every_key_stands_in_the_sample),
		cmocka_unit_test(defaults_stand_in_the_sample),
		cmocka_unit_test(every_key_has_its_line_of_why),
		cmocka_unit_test(every_path_stands_once),
	};
	return cmocka_run_group_tests(tests, prepare, clean);
}
