/* diag.h - all that is wrong with a file, gathered: a person mends everything in one go.
 *
 * A message has the form   FILE:LINE:COLUMN: KEY.PATH: what is wrong, with the value; what is accepted
 * A value that is a secret is never quoted. */
#ifndef HOOKGATE_CONFIG_DIAG_H
#define HOOKGATE_CONFIG_DIAG_H

#include "base/slice.h"

struct config_node;

enum config_severity { CONFIG_WARNING, CONFIG_ERROR };

struct config_finding {
	enum config_severity severity;
	unsigned line, column; /* 0: no place in the file */
	size_t order;	       /* of adding: what equal places are sorted by */
	char *file;
	char *path; /* "" when there is none */
	char *message;
};

struct config_diag {
	struct config_finding *findings;
	size_t count, size;
	size_t added; /* ever */
	size_t errors;
	bool failed; /* memory was short: findings are missing, and errors is not zero */
};

#define CONFIG_DIAG_EMPTY ((struct config_diag){ NULL, 0, 0, 0, 0, false })

void config_diag_free(struct config_diag *diag);

/* Adds an error at the node's value. `file` as given to config_tree_parse. At most 1000 findings are kept, all are
 * counted. Bytes of the value that are not printable are escaped by whoever formats them (config_quote). */
void config_error(struct config_diag *diag, const char *file, const struct config_node *node, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void config_warn(struct config_diag *diag, const char *file, const struct config_node *node, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* The same at the node's key instead of its value (unknown keys). */
void config_error_key(struct config_diag *diag, const char *file, const struct config_node *node, const char *format,
		      ...) __attribute__((format(printf, 4, 5)));

/* The same at a map that lacks `key`, with the path that the key would have. `map` may be NULL: the top of the file. */
void config_error_missing(struct config_diag *diag, const char *file, const struct config_node *map, const char *key,
			  const char *format, ...) __attribute__((format(printf, 5, 6)));

/* The same at a place that is no node. */
void config_error_at(struct config_diag *diag, const char *file, unsigned line, unsigned column, const char *format,
		     ...) __attribute__((format(printf, 5, 6)));

/* Room for any config_quote. */
enum { CONFIG_QUOTE_ROOM = 256 };

/* Writes s in double quotes, bytes outside printable ASCII escaped, cut at 60 bytes with "...", for use in a message;
 * returns out. */
const char *config_quote(struct slice s, char *out, size_t size);

/* Puts the findings in the order file, line, column; equal places keep the order they were added in, and what says the
 * same of the same place a second time goes (and is not counted any more). */
void config_diag_sort(struct config_diag *diag);

/* One finding as its line of text without newline, cut to fit; a warning has "warning: " before its path. */
void config_finding_format(const struct config_finding *finding, char *out, size_t size);

#endif
