/* diag.c - findings, gathered, sorted and written. The difficulty is what may not happen: memory running short must not
 * lose the fact that there was an error, and a hostile file must not make a list without end. */
#include "config/diag.h"

#include "config/node.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { FINDINGS_MAX = 1000, MESSAGE_ROOM = 1024, QUOTED_MAX = 60 };

struct place {
	const char *file;
	unsigned line, column;
	const char *path;
};

static void finding_free(struct config_finding *finding)
{
	free(finding->file);
	free(finding->path);
	free(finding->message);
}

void config_diag_free(struct config_diag *diag)
{
	if (!diag)
		return;
	for (size_t i = 0; i < diag->count; i++)
		finding_free(&diag->findings[i]);
	free(diag->findings);
	*diag = CONFIG_DIAG_EMPTY;
}

static bool grow(struct config_diag *diag)
{
	if (diag->count < diag->size)
		return true;
	size_t size = diag->size ? diag->size * 2 : 16;
	struct config_finding *findings = reallocarray(diag->findings, size, sizeof(*findings));
	if (!findings)
		return false;
	diag->findings = findings;
	diag->size = size;
	return true;
}

__attribute__((format(printf, 4, 0))) static void add(struct config_diag *diag, enum config_severity severity,
						      struct place place, const char *format, va_list arguments)
{
	if (severity == CONFIG_ERROR)
		diag->errors++;
	if (diag->count >= FINDINGS_MAX)
		return;
	char message[MESSAGE_ROOM];
	vsnprintf(message, sizeof message, format, arguments);
	struct config_finding finding = {
		.severity = severity,
		.line = place.line,
		.column = place.column,
		.order = diag->added++,
		.file = strdup(place.file ? place.file : ""),
		.path = strdup(place.path),
		.message = strdup(message),
	};
	if (!finding.file || !finding.path || !finding.message || !grow(diag)) {
		finding_free(&finding);
		diag->failed = true;
		if (diag->errors == 0)
			diag->errors = 1;
		return;
	}
	diag->findings[diag->count++] = finding;
}

static struct place place_of(const char *file, const struct config_node *node, bool at_key, char path[CONFIG_PATH_ROOM])
{
	config_node_path(node, path, CONFIG_PATH_ROOM);
	struct place place = { .file = file, .path = path };
	if (node) {
		place.line = at_key && node->key_line ? node->key_line : node->line;
		place.column = at_key && node->key_line ? node->key_column : node->column;
	}
	return place;
}

void config_error(struct config_diag *diag, const char *file, const struct config_node *node, const char *format, ...)
{
	char path[CONFIG_PATH_ROOM];
	va_list arguments;
	va_start(arguments, format);
	add(diag, CONFIG_ERROR, place_of(file, node, false, path), format, arguments);
	va_end(arguments);
}

void config_warn(struct config_diag *diag, const char *file, const struct config_node *node, const char *format, ...)
{
	char path[CONFIG_PATH_ROOM];
	va_list arguments;
	va_start(arguments, format);
	add(diag, CONFIG_WARNING, place_of(file, node, false, path), format, arguments);
	va_end(arguments);
}

void config_error_key(struct config_diag *diag, const char *file, const struct config_node *node, const char *format,
		      ...)
{
	char path[CONFIG_PATH_ROOM];
	va_list arguments;
	va_start(arguments, format);
	add(diag, CONFIG_ERROR, place_of(file, node, true, path), format, arguments);
	va_end(arguments);
}

void config_error_missing(struct config_diag *diag, const char *file, const struct config_node *map, const char *key,
			  const char *format, ...)
{
	char above[CONFIG_PATH_ROOM], path[CONFIG_PATH_ROOM * 2];
	struct place place = place_of(file, map, false, above);
	snprintf(path, sizeof path, "%s%s%s", above, above[0] ? "." : "", key);
	place.path = path;
	va_list arguments;
	va_start(arguments, format);
	add(diag, CONFIG_ERROR, place, format, arguments);
	va_end(arguments);
}

void config_error_at(struct config_diag *diag, const char *file, unsigned line, unsigned column, const char *format,
		     ...)
{
	struct place place = { .file = file, .line = line, .column = column, .path = "" };
	va_list arguments;
	va_start(arguments, format);
	add(diag, CONFIG_ERROR, place, format, arguments);
	va_end(arguments);
}

/* Appends what fits, keeps the NUL. */
static size_t put(char *out, size_t size, size_t at, const char *s, size_t n)
{
	if (at + 1 >= size)
		return at;
	if (n > size - 1 - at)
		n = size - 1 - at;
	memcpy(out + at, s, n);
	out[at + n] = '\0';
	return at + n;
}

const char *config_quote(struct slice s, char *out, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	if (size == 0)
		return "";
	out[0] = '\0';
	size_t at = put(out, size, 0, "\"", 1);
	for (size_t i = 0; i < s.n && i < QUOTED_MAX; i++) {
		char c = (char)s.p[i];
		if (c == '"' || c == '\\')
			at = put(out, size, at, (char[]){ '\\', c }, 2);
		else if (s.p[i] >= 0x20 && s.p[i] < 0x7f)
			at = put(out, size, at, &c, 1);
		else if (c == '\n')
			at = put(out, size, at, "\\n", 2);
		else
			at = put(out, size, at, (char[]){ '\\', 'x', digits[s.p[i] >> 4], digits[s.p[i] & 15] }, 4);
	}
	if (s.n > QUOTED_MAX)
		at = put(out, size, at, "...", 3);
	put(out, size, at, "\"", 1);
	return out;
}

static int compare(const void *left, const void *right)
{
	const struct config_finding *a = left, *b = right;
	int by_file = strcmp(a->file, b->file);
	if (by_file != 0)
		return by_file;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	if (a->column != b->column)
		return a->column < b->column ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

static bool same_place(const struct config_finding *a, const struct config_finding *b)
{
	return a->line == b->line && a->column == b->column && strcmp(a->file, b->file) == 0;
}

static bool repeats(const struct config_diag *diag, size_t kept, const struct config_finding *finding)
{
	while (kept-- > 0 && same_place(&diag->findings[kept], finding)) {
		const struct config_finding *earlier = &diag->findings[kept];
		if (earlier->severity == finding->severity && strcmp(earlier->path, finding->path) == 0 &&
		    strcmp(earlier->message, finding->message) == 0)
			return true;
	}
	return false;
}

void config_diag_sort(struct config_diag *diag)
{
	if (diag->count == 0)
		return;
	qsort(diag->findings, diag->count, sizeof(*diag->findings), compare);
	size_t kept = 0;
	for (size_t i = 0; i < diag->count; i++) {
		struct config_finding *finding = &diag->findings[i];
		if (repeats(diag, kept, finding)) {
			diag->errors -= finding->severity == CONFIG_ERROR;
			finding_free(finding);
		} else {
			diag->findings[kept++] = *finding;
		}
	}
	diag->count = kept;
}

void config_finding_format(const struct config_finding *finding, char *out, size_t size)
{
	char place[32] = "";
	if (finding->line > 0)
		snprintf(place, sizeof place, "%u:%u:", finding->line, finding->column);
	snprintf(out, size, "%s:%s %s%s%s%s", finding->file, place,
		 finding->severity == CONFIG_WARNING ? "warning: " : "", finding->path, finding->path[0] ? ": " : "",
		 finding->message);
}
