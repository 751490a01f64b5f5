/* node.h - a YAML document as a tree that remembers where everything stood.
 *
 * tree.c is the only unit that names libyaml. Used for the configuration and for provider descriptions alike. Aliases
 * are refused (nothing here needs them, and they are how small files become large ones), as are tags, several
 * documents in one file, duplicate keys, keys that are not plain text, more than 64 levels of nesting, and NUL bytes.
 */
#ifndef HOOKGATE_CONFIG_NODE_H
#define HOOKGATE_CONFIG_NODE_H

#include "base/slice.h"
#include "config/diag.h"

enum config_kind { CONFIG_SCALAR, CONFIG_LIST, CONFIG_MAP };

/* Owned by its config_tree; immutable. */
struct config_node {
	enum config_kind kind;
	unsigned line, column;	       /* of the value, 1-based */
	unsigned key_line, key_column; /* of its key, in a map */
	struct slice key;	       /* in a map: its key */
	size_t index;		       /* in a list: its place */
	struct slice text;	       /* of a scalar, quotes and escapes resolved */
	bool plain;  /* a scalar without quotes: `~`, `null` and empty plain scalars mean "no value" */
	bool broken; /* an alias, or a key's second time: the error is told, say no more about it */
	const struct config_node *parent;
	const struct config_node *first; /* children, in the file's order */
	const struct config_node *next;
	size_t count; /* of children */
};

struct config_tree;

/* Parses text; `file` names it in messages. 0 and a tree, or -EINVAL with the reason added to diag, or -ENOMEM. The
 * text is copied: it may go after the call. */
int config_tree_parse(struct slice text, const char *file, struct config_diag *diag, struct config_tree **out)
	__attribute__((warn_unused_result));

/* As config_tree_parse, but gives the tree even when there are errors in it that leave its shape clear (duplicate
 * keys, of which the first stays, tags, anchors, aliases), so that all findings come at once; -EINVAL then comes with
 * *out set. *out is NULL when there is nothing to go on with. */
int config_tree_parse_partial(struct slice text, const char *file, struct config_diag *diag, struct config_tree **out)
	__attribute__((warn_unused_result));

/* The top node; NULL for an empty document. */
const struct config_node *config_tree_root(const struct config_tree *tree);

/* The name given to config_tree_parse. */
const char *config_tree_file(const struct config_tree *tree);

/* Wipes (there may be secrets in it) and frees; accepts NULL. */
void config_tree_free(struct config_tree *tree);

/* The child of a map with that key; NULL when there is none, or the node is NULL or no map. */
const struct config_node *config_node_get(const struct config_node *map, struct slice key);

/* True for a missing node and for "no value". */
bool config_node_absent(const struct config_node *node);

/* Room for a path that a person may still want to read. */
enum { CONFIG_PATH_ROOM = 512 };

/* Writes "routes[2].secrets[0].value" for a person, cut to fit; keys of other than plain characters are quoted. "" for
 * the top node and for NULL. */
void config_node_path(const struct config_node *node, char *out, size_t size);

#endif
