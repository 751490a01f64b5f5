/* Unit tests of config/node and config/tree: YAML -> a tree that remembers places. What is refused, and how it is
 * said, is in golden/config_errors.txt. */
#include "base/buf.h"
#include "config/node.h"

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

static struct config_tree *parse(struct slice text)
{
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	struct config_tree *tree = NULL;
	int result = config_tree_parse(text, "x.yaml", &diag, &tree);
	for (size_t i = 0; i < diag.count; i++)
		print_error("%u:%u %s\n", diag.findings[i].line, diag.findings[i].column, diag.findings[i].message);
	config_diag_free(&diag);
	assert_int_equal(result, 0);
	return tree;
}

/* By a way of keys and places: "a.b[1].c", as config_node_path writes it. */
static const struct config_node *find(const struct config_node *node, const char *path)
{
	char here[CONFIG_PATH_ROOM];
	config_node_path(node, here, sizeof here);
	if (strcmp(here, path) == 0)
		return node;
	for (const struct config_node *child = node->first; child; child = child->next) {
		const struct config_node *found = find(child, path);
		if (found)
			return found;
	}
	return NULL;
}

static const struct slice sample = SLICE_LIT("# a comment\n"
					     "name: text\n"
					     "list:\n"
					     "  - one\n"
					     "  - key: 'two'\n"
					     "    other: \"th\\u00e9 \\\"e\"\n"
					     "  - [3, {four: 4}]\n"
					     "block: |\n"
					     "  first\n"
					     "  second\n"
					     "folded: >-\n"
					     "  a\n"
					     "  b\n"
					     "\"odd key\": ~\n"
					     "empty:\n"
					     "quoted: ''\n");

static void remembers_text_and_place(void **state)
{
	static const struct {
		const char *path;
		enum config_kind kind;
		const char *text;
		unsigned line, column, key_line, key_column;
		size_t count;
		bool plain, absent;
	} cases[] = {
		{ "", CONFIG_MAP, "", 2, 1, 0, 0, 7, false, false },
		{ "name", CONFIG_SCALAR, "text", 2, 7, 2, 1, 0, true, false },
		{ "list", CONFIG_LIST, "", 4, 3, 3, 1, 3, false, false },
		{ "list[0]", CONFIG_SCALAR, "one", 4, 5, 0, 0, 0, true, false },
		{ "list[1]", CONFIG_MAP, "", 5, 5, 0, 0, 2, false, false },
		{ "list[1].key", CONFIG_SCALAR, "two", 5, 10, 5, 5, 0, false, false },
		{ "list[1].other", CONFIG_SCALAR, "th\xc3\xa9 \"e", 6, 12, 6, 5, 0, false, false },
		{ "list[2]", CONFIG_LIST, "", 7, 5, 0, 0, 2, false, false },
		{ "list[2][1].four", CONFIG_SCALAR, "4", 7, 16, 7, 10, 0, true, false },
		{ "block", CONFIG_SCALAR, "first\nsecond\n", 8, 8, 8, 1, 0, false, false },
		{ "folded", CONFIG_SCALAR, "a b", 11, 9, 11, 1, 0, false, false },
		{ "\"odd key\"", CONFIG_SCALAR, "~", 14, 12, 14, 1, 0, true, true },
		{ "empty", CONFIG_SCALAR, "", 15, 7, 15, 1, 0, true, true },
		{ "quoted", CONFIG_SCALAR, "", 16, 9, 16, 1, 0, false, false },
	};
	struct config_tree *tree = parse(sample);
	assert_string_equal(config_tree_file(tree), "x.yaml");
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct config_node *node = find(config_tree_root(tree), cases[i].path);
		assert_non_null(node);
		assert_int_equal(node->kind, cases[i].kind);
		assert_true(slice_eq(node->text, slice_str(cases[i].text)));
		assert_int_equal(node->line, cases[i].line);
		assert_int_equal(node->column, cases[i].column);
		assert_int_equal(node->key_line, cases[i].key_line);
		assert_int_equal(node->key_column, cases[i].key_column);
		assert_int_equal(node->count, cases[i].count);
		assert_int_equal(node->plain, cases[i].plain);
		assert_int_equal(config_node_absent(node), cases[i].absent);
		assert_false(node->broken);
	}
	config_tree_free(tree);
}

static void gets_children(void **state)
{
	struct config_tree *tree = parse(sample);
	const struct config_node *root = config_tree_root(tree);
	assert_true(slice_eq(config_node_get(root, SLICE("name"))->text, SLICE("text")));
	assert_null(config_node_get(root, SLICE("nam")));
	assert_null(config_node_get(root, SLICE("names")));
	assert_null(config_node_get(config_node_get(root, SLICE("list")), SLICE("")));
	assert_null(config_node_get(NULL, SLICE("name")));
	assert_true(config_node_absent(NULL));
	assert_false(config_node_absent(root));
	config_tree_free(tree);
	config_tree_free(NULL);
}

static void takes_what_files_begin_and_end_with(void **state)
{
	static const struct slice texts[] = {
		SLICE_LIT("a: b"),
		SLICE_LIT("a: b\n"),
		SLICE_LIT("\xef\xbb\xbf"
			  "a: b\n"),
		SLICE_LIT("a: b\r\n"),
		SLICE_LIT("---\na: b\n...\n"),
		SLICE_LIT("%YAML 1.1\n---\na: b\n"),
	};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct config_tree *tree = parse(texts[i]);
		const struct config_node *a = config_node_get(config_tree_root(tree), SLICE("a"));
		assert_non_null(a);
		assert_true(slice_eq(a->text, SLICE("b")));
		assert_int_equal(a->column, 4);
		config_tree_free(tree);
	}
	struct config_tree *empty = parse(SLICE_NONE);
	assert_null(config_tree_root(empty));
	config_tree_free(empty);
}

/* The number of errors, and the place and message of the first. */
static size_t refuse(struct slice text, unsigned *line, unsigned *column, char message[256])
{
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	struct config_tree *poison = (struct config_tree *)&diag, *tree = poison;
	assert_int_equal(config_tree_parse(text, "x.yaml", &diag, &tree), -EINVAL);
	assert_ptr_equal(tree, poison);
	assert_true(diag.count > 0);
	config_diag_sort(&diag);
	*line = diag.findings[0].line;
	*column = diag.findings[0].column;
	snprintf(message, 256, "%s", diag.findings[0].message);
	size_t errors = diag.errors;
	config_diag_free(&diag);
	return errors;
}

static void tells_bytes_that_are_no_text(void **state)
{
	static const struct {
		struct slice text;
		unsigned line, column;
	} cases[] = {
		{ SLICE_LIT("a: b\nc: \xff\n"), 2, 4 },
		{ SLICE_LIT("a: b\nc: d\0e\n"), 2, 5 },
		{ SLICE_LIT("a: \x01\n"), 1, 4 },
		{ SLICE_LIT("a: \xc3"), 1, 4 },
		{ SLICE_LIT("\xff\xfe"
			    "a\0:\0"),
		  1, 1 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		unsigned line, column;
		char message[256];
		assert_int_equal(refuse(cases[i].text, &line, &column, message), 1);
		assert_int_equal(line, cases[i].line);
		assert_int_equal(column, cases[i].column);
	}
}

static struct slice nested(struct buf *buf, size_t levels)
{
	buf_clear(buf);
	for (size_t i = 0; i < levels; i++)
		buf_add_byte(buf, '[');
	for (size_t i = 0; i < levels; i++)
		buf_add_byte(buf, ']');
	return buf_slice(buf);
}

static void takes_64_levels(void **state)
{
	struct buf buf = BUF_EMPTY;
	unsigned line, column;
	char message[256];
	struct config_tree *tree = parse(nested(&buf, 64));
	size_t levels = 0;
	for (const struct config_node *node = config_tree_root(tree); node; node = node->first)
		levels++;
	assert_int_equal(levels, 64);
	config_tree_free(tree);
	assert_int_equal(refuse(nested(&buf, 65), &line, &column, message), 1);
	assert_int_equal(column, 65);
	assert_int_equal(refuse(nested(&buf, 5000), &line, &column, message), 1);
	assert_int_equal(column, 65);
	buf_free(&buf);
}

static void partial_tree_keeps_the_first_of_a_key(void **state)
{
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	struct config_tree *tree = NULL;
	assert_int_equal(config_tree_parse_partial(SLICE("a: 1\nb: *x\na: 2\nc: 3\na: 4\n"), "x", &diag, &tree),
			 -EINVAL);
	assert_int_equal(diag.errors, 3);
	const struct config_node *root = config_tree_root(tree);
	assert_true(slice_eq(config_node_get(root, SLICE("a"))->text, SLICE("1")));
	assert_true(config_node_get(root, SLICE("b"))->broken);
	static const bool broken[] = { false, true, true, false, true };
	size_t i = 0;
	for (const struct config_node *child = root->first; child; child = child->next)
		assert_int_equal(child->broken, broken[i++]);
	assert_int_equal(i, 5);
	config_tree_free(tree);
	assert_int_equal(config_tree_parse_partial(SLICE("a: ["), "x", &diag, &tree), -EINVAL);
	assert_null(tree);
	config_diag_free(&diag);
}

static void large_maps_and_lists(void **state)
{
	struct buf buf = BUF_EMPTY;
	buf_add_str(&buf, "list:\n");
	for (unsigned i = 0; i < 20000; i++)
		buf_printf(&buf, "- {n: %u}\n", i);
	buf_add_str(&buf, "map:\n");
	for (unsigned i = 0; i < 20000; i++)
		buf_printf(&buf, "  k%u: %u\n", i, i);
	struct config_tree *tree = parse(buf_slice(&buf));
	const struct config_node *root = config_tree_root(tree);
	const struct config_node *list = config_node_get(root, SLICE("list")),
				 *map = config_node_get(root, SLICE("map"));
	assert_int_equal(list->count, 20000);
	assert_int_equal(map->count, 20000);
	size_t index = 0;
	for (const struct config_node *item = list->first; item; item = item->next) {
		assert_int_equal(item->index, index);
		assert_int_equal(item->line, index + 2);
		index++;
	}
	config_tree_free(tree);
	buf_add_str(&buf, "  k19998: again\n");
	unsigned line, column;
	char message[256];
	assert_int_equal(refuse(buf_slice(&buf), &line, &column, message), 1);
	assert_int_equal(line, 40003);
	assert_string_equal(message, "the key stands here a second time; it stands on line 40001 already");
	buf_free(&buf);
}

static void paths_fit_any_room(void **state)
{
	struct config_tree *tree = parse(SLICE("aaaa:\n- bbbb:\n  - \"c\\n.\": [x]\n"));
	const struct config_node *node = config_tree_root(tree);
	while (node->first)
		node = node->first;
	static const char whole[] = "aaaa[0].bbbb[0].\"c\\n.\"[0]";
	for (size_t size = 1; size <= sizeof whole + 3; size++) {
		char *out = malloc(size);
		config_node_path(node, out, size);
		assert_int_equal(strlen(out), size <= sizeof whole ? size - 1 : sizeof whole - 1);
		assert_memory_equal(out, whole, strlen(out));
		free(out);
	}
	config_tree_free(tree);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(remembers_text_and_place),
		cmocka_unit_test(gets_children),
		cmocka_unit_test(takes_what_files_begin_and_end_with),
		cmocka_unit_test(tells_bytes_that_are_no_text),
		cmocka_unit_test(takes_64_levels),
		cmocka_unit_test(partial_tree_keeps_the_first_of_a_key),
		cmocka_unit_test(large_maps_and_lists),
		cmocka_unit_test(paths_fit_any_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
