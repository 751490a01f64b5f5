/* tree.c - libyaml's events -> a tree. The difficulty: libyaml checks less than a person expects (it takes duplicate
 * keys, aliases, several documents), speaks of its own inner life in its messages, and keeps copies of the text in its
 * buffers, which must be wiped, as there may be secrets in it. */
#include "config/node.h"
#include "config/pool.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

enum { DEPTH_MAX = 64 };

struct config_tree {
	struct config_pool pool;
	const char *file;
	const struct config_node *root;
};

/* A node while it may still change. */
struct growing {
	struct config_node node;
	struct growing *next;
};

struct level {
	struct config_node *node;
	struct growing *first, *last; /* children */
	bool has_key;
	struct slice key;
	unsigned key_line, key_column;
};

struct builder {
	struct config_tree *tree;
	struct config_diag *diag;
	struct level levels[DEPTH_MAX];
	size_t depth;
	unsigned documents;
	struct growing **sorted; /* scratch of refuse_duplicates */
	size_t sorted_size;
};

static unsigned place(size_t from_zero)
{
	return from_zero < UINT32_MAX - 1 ? (unsigned)from_zero + 1 : UINT32_MAX;
}

static void tell(struct builder *b, const yaml_mark_t *mark, const char *what)
{
	config_error_at(b->diag, b->tree->file, place(mark->line), place(mark->column), "%s", what);
}

/* What stops the reading: the shape of what follows can't be known. */
static int stop(struct builder *b, const yaml_mark_t *mark, const char *what)
{
	tell(b, mark, what);
	return -EINVAL;
}

static struct config_node *node_add(struct builder *b, enum config_kind kind, const yaml_mark_t *mark)
{
	struct growing *growing = config_pool_alloc(&b->tree->pool, sizeof(*growing));
	if (!growing)
		return NULL;
	struct config_node *node = &growing->node;
	node->kind = kind;
	node->line = place(mark->line);
	node->column = place(mark->column);
	if (b->depth == 0) {
		b->tree->root = node;
		return node;
	}
	struct level *level = &b->levels[b->depth - 1];
	node->parent = level->node;
	node->index = level->node->count++;
	if (level->has_key) {
		node->key = level->key;
		node->key_line = level->key_line;
		node->key_column = level->key_column;
		level->has_key = false;
	}
	if (level->last) {
		level->last->next = growing;
		level->last->node.next = node;
	} else {
		level->first = growing;
		level->node->first = node;
	}
	level->last = growing;
	return node;
}

static bool key_expected(const struct builder *b)
{
	return b->depth > 0 && b->levels[b->depth - 1].node->kind == CONFIG_MAP && !b->levels[b->depth - 1].has_key;
}

static void refuse_extras(struct builder *b, const yaml_mark_t *mark, const yaml_char_t *anchor, const yaml_char_t *tag)
{
	if (anchor)
		tell(b, mark, "anchors (&name) and aliases (*name) are not taken: write the value out");
	if (tag)
		tell(b, mark, "tags (!name) are not taken: leave it out");
}

static int take_key(struct builder *b, const yaml_event_t *event, struct slice text)
{
	struct level *level = &b->levels[b->depth - 1];
	if (text.n > 0 && memchr(text.p, '\0', text.n))
		return stop(b, &event->start_mark, "a NUL byte stands in the key");
	level->key = config_pool_copy(&b->tree->pool, text);
	if (!level->key.p)
		return -ENOMEM;
	level->key_line = place(event->start_mark.line);
	level->key_column = place(event->start_mark.column);
	level->has_key = true;
	return 0;
}

static int take_scalar(struct builder *b, const yaml_event_t *event)
{
	struct slice text = slice_of(event->data.scalar.value, event->data.scalar.length);
	refuse_extras(b, &event->start_mark, event->data.scalar.anchor, event->data.scalar.tag);
	if (key_expected(b))
		return take_key(b, event, text);
	struct config_node *node = node_add(b, CONFIG_SCALAR, &event->start_mark);
	if (!node)
		return -ENOMEM;
	node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	node->text = config_pool_copy(&b->tree->pool, text);
	if (!node->text.p)
		return -ENOMEM;
	if (text.n > 0 && memchr(text.p, '\0', text.n)) {
		config_error(b->diag, b->tree->file, node, "a NUL byte stands in the value");
		node->broken = true;
	}
	return 0;
}

static int take_alias(struct builder *b, const yaml_event_t *event)
{
	if (key_expected(b))
		return stop(b, &event->start_mark, "an alias stands as a key: write the key out");
	tell(b, &event->start_mark, "anchors (&name) and aliases (*name) are not taken: write the value out");
	struct config_node *node = node_add(b, CONFIG_SCALAR, &event->start_mark);
	if (!node)
		return -ENOMEM;
	node->broken = true;
	return 0;
}

static int open_level(struct builder *b, enum config_kind kind, const yaml_event_t *event)
{
	if (key_expected(b))
		return stop(b, &event->start_mark, "a key must be plain text, no list and no map");
	if (b->depth == DEPTH_MAX)
		return stop(b, &event->start_mark, "more than 64 levels stand in each other");
	struct config_node *node = node_add(b, kind, &event->start_mark);
	if (!node)
		return -ENOMEM;
	b->levels[b->depth++] = (struct level){ .node = node };
	return 0;
}

static int by_key(const void *left, const void *right)
{
	const struct config_node *a = &(*(struct growing *const *)left)->node;
	const struct config_node *b = &(*(struct growing *const *)right)->node;
	int order = slice_compare(a->key, b->key);
	if (order != 0)
		return order;
	return a->index < b->index ? -1 : a->index > b->index;
}

static bool sorted_room(struct builder *b, size_t n)
{
	if (n <= b->sorted_size)
		return true;
	struct growing **sorted = reallocarray(b->sorted, n, sizeof(struct growing *));
	if (!sorted)
		return false;
	b->sorted = sorted;
	b->sorted_size = n;
	return true;
}

/* Sorting finds them without the square of the count, should a map be large. */
static int refuse_duplicates(struct builder *b, const struct level *map)
{
	size_t n = 0;
	if (!sorted_room(b, map->node->count))
		return -ENOMEM;
	for (struct growing *child = map->first; child; child = child->next)
		b->sorted[n++] = child;
	if (n < 2)
		return 0;
	qsort(b->sorted, n, sizeof(struct growing *), by_key);
	const struct config_node *first = &b->sorted[0]->node;
	for (size_t i = 1; i < n; i++) {
		struct config_node *node = &b->sorted[i]->node;
		if (!slice_eq(first->key, node->key)) {
			first = node;
			continue;
		}
		config_error_key(b->diag, b->tree->file, node,
				 "the key stands here a second time; it stands on line %u already", first->key_line);
		node->broken = true;
	}
	return 0;
}

static int close_level(struct builder *b)
{
	const struct level *level = &b->levels[--b->depth];
	return level->node->kind == CONFIG_MAP ? refuse_duplicates(b, level) : 0;
}

static int take(struct builder *b, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		return 0;
	case YAML_DOCUMENT_START_EVENT:
		return b->documents++ == 0 ? 0 : stop(b, &event->start_mark, "a second document begins: one is taken");
	case YAML_ALIAS_EVENT:
		return take_alias(b, event);
	case YAML_SCALAR_EVENT:
		return take_scalar(b, event);
	case YAML_SEQUENCE_START_EVENT:
		refuse_extras(b, &event->start_mark, event->data.sequence_start.anchor, event->data.sequence_start.tag);
		return open_level(b, CONFIG_LIST, event);
	case YAML_MAPPING_START_EVENT:
		refuse_extras(b, &event->start_mark, event->data.mapping_start.anchor, event->data.mapping_start.tag);
		return open_level(b, CONFIG_MAP, event);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return close_level(b);
	}
	return 0;
}

static struct slice line_of(struct slice text, size_t line)
{
	struct slice first, rest = text;
	do
		slice_cut(rest, '\n', &first, &rest);
	while (line-- > 0);
	return first;
}

static bool tab_indents(struct slice line)
{
	for (size_t i = 0; i < line.n && (line.p[i] == ' ' || line.p[i] == '\t'); i++)
		if (line.p[i] == '\t')
			return true;
	return false;
}

static bool has(struct slice line, const char *text)
{
	return line.n > 0 && memmem(line.p, line.n, text, strlen(text));
}

/* What a person most likely did, for three slips that YAML's own messages do not explain. */
static const char *hint(struct slice line)
{
	if (tab_indents(line))
		return "; tabs do not indent in YAML: use spaces";
	if (has(line, "]:"))
		return "; an address in brackets needs quotes: \"[::]:8080\"";
	if (has(line, "env: ") || has(line, "file: "))
		return "; env:NAME and file:PATH are written without a space";
	return "";
}

static int syntax_error(struct builder *b, const yaml_parser_t *parser, struct slice text)
{
	if (parser->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	const char *problem = parser->problem ? parser->problem : "it can't be read";
	yaml_mark_t mark = parser->problem_mark;
	if (parser->error == YAML_READER_ERROR) {
		mark = (yaml_mark_t){ 0 };
		for (size_t i = 0; i < parser->problem_offset && i < text.n; i++) {
			mark.line += text.p[i] == '\n';
			mark.column = text.p[i] == '\n' ? 0 : mark.column + 1;
		}
	}
	char context[128] = "";
	if (parser->context && parser->context_mark.line < mark.line)
		snprintf(context, sizeof context, " (%s that began on line %u)", parser->context,
			 place(parser->context_mark.line));
	else if (parser->context)
		snprintf(context, sizeof context, " (%s)", parser->context);
	config_error_at(b->diag, b->tree->file, place(mark.line), place(mark.column), "not valid YAML: %s%s%s", problem,
			context, hint(line_of(text, mark.line)));
	return -EINVAL;
}

static void event_wipe(yaml_event_t *event)
{
	if (event->type == YAML_SCALAR_EVENT && event->data.scalar.value)
		explicit_bzero(event->data.scalar.value, event->data.scalar.length);
	yaml_event_delete(event);
}

/* libyaml's own copies of the text. What its scalars grew through is out of reach: who does not want a secret in freed
 * memory refers to it with env: or file:. */
static void parser_wipe(yaml_parser_t *parser)
{
	if (parser->raw_buffer.start)
		explicit_bzero(parser->raw_buffer.start, (size_t)(parser->raw_buffer.end - parser->raw_buffer.start));
	if (parser->buffer.start)
		explicit_bzero(parser->buffer.start, (size_t)(parser->buffer.end - parser->buffer.start));
	yaml_parser_delete(parser);
}

static int build(struct builder *b, struct slice text)
{
	static const struct slice mark = SLICE_LIT("\xef\xbb\xbf");
	if (slice_starts(text, mark))
		text = slice_from(text, mark.n);
	yaml_parser_t parser;
	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, text.n > 0 ? text.p : (const unsigned char *)"", text.n);
	int result = 0;
	for (bool end = false; !end && result == 0;) {
		yaml_event_t event;
		if (!yaml_parser_parse(&parser, &event)) {
			result = syntax_error(b, &parser, text);
			break;
		}
		end = event.type == YAML_STREAM_END_EVENT;
		result = take(b, &event);
		event_wipe(&event);
	}
	parser_wipe(&parser);
	return result;
}

int config_tree_parse_partial(struct slice text, const char *file, struct config_diag *diag, struct config_tree **out)
{
	*out = NULL;
	size_t errors = diag->errors;
	struct config_tree *tree = calloc(1, sizeof(*tree));
	if (!tree)
		return -ENOMEM;
	struct builder builder = { .tree = tree, .diag = diag };
	int result = -ENOMEM;
	tree->file = config_pool_string(&tree->pool, slice_str(file));
	if (!tree->file)
		goto out;
	result = build(&builder, text);
	if (result < 0)
		goto out;
	*out = tree;
	tree = NULL;
	if (diag->errors > errors)
		result = -EINVAL;
out:
	free(builder.sorted);
	config_tree_free(tree);
	return result;
}

int config_tree_parse(struct slice text, const char *file, struct config_diag *diag, struct config_tree **out)
{
	struct config_tree *tree;
	int result = config_tree_parse_partial(text, file, diag, &tree);
	if (result < 0) {
		config_tree_free(tree);
		return result;
	}
	*out = tree;
	return 0;
}

const struct config_node *config_tree_root(const struct config_tree *tree)
{
	return tree->root;
}

const char *config_tree_file(const struct config_tree *tree)
{
	return tree->file;
}

void config_tree_free(struct config_tree *tree)
{
	if (!tree)
		return;
	config_pool_free(&tree->pool);
	free(tree);
}
