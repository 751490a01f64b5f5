/* secret.c - a reference -> its bytes. The difficulty: a reference that is written wrong is a valid text too, and
 * would be taken as the secret itself, which then matches nothing, or stands in the open. So what looks like a slip is
 * refused. */
#include "config/secret.h"

#include "config/diag.h"
#include "config/file.h"

#include <errno.h>
#include <stdlib.h>

enum { SECRET_MAX = 64 * 1024 };

/* Editors, `echo` and YAML's block texts put one newline behind a secret; more than one is content. */
static struct slice without_newline(struct slice text)
{
	if (text.n > 0 && text.p[text.n - 1] == '\n') {
		text.n--;
		if (text.n > 0 && text.p[text.n - 1] == '\r')
			text.n--;
	}
	return text;
}

/* The bytes, if they may be a secret; else -EINVAL and *why set to what is wrong with them. */
static int take(struct slice text, struct slice *bytes, const char **why)
{
	text = without_newline(text);
	if (text.n == 0 || text.n > SECRET_MAX) {
		*why = text.n == 0 ? "is empty: an empty secret would let everybody in" : "has more than 64 KiB";
		return -EINVAL;
	}
	unsigned char *p = malloc(text.n);
	if (!p)
		return -ENOMEM;
	memcpy(p, text.p, text.n);
	*bytes = slice_of(p, text.n);
	return 0;
}

static bool is_variable_name(struct slice name)
{
	for (size_t i = 0; i < name.n; i++) {
		unsigned char c = name.p[i];
		bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
		if (!letter && !(i > 0 && c >= '0' && c <= '9'))
			return false;
	}
	return name.n > 0;
}

static int from_environment(struct slice name, struct slice *bytes, struct reason *reason)
{
	char variable[128];
	if (!is_variable_name(name) || name.n >= sizeof variable) {
		reason_set(reason, "env: is followed by what is no name of a variable (letters, digits and _)");
		return -EINVAL;
	}
	memcpy(variable, name.p, name.n);
	variable[name.n] = '\0';
	const char *value = getenv(variable), *why = "is not set";
	int result = value ? take(slice_str(value), bytes, &why) : -EINVAL;
	if (result == -EINVAL)
		reason_set(reason, "the environment variable %s %s", variable, why);
	return result;
}

static int from_file(struct slice path, const char *folder, struct slice *bytes, struct reason *reason)
{
	char quoted[CONFIG_QUOTE_ROOM];
	if (path.n == 0) {
		reason_set(reason, "file: is not followed by a path");
		return -EINVAL;
	}
	char *joined = config_file_join(folder, path);
	if (!joined)
		return -ENOMEM;
	config_quote(slice_str(joined), quoted, sizeof quoted);
	struct slice content = SLICE_NONE;
	struct reason why = { "" };
	/* 2: for the newline that does not count. */
	int result = config_file_read(joined, SECRET_MAX + 2, &content, &why);
	free(joined);
	const char *what = why.text;
	if (result == 0) {
		result = take(content, bytes, &what);
		config_secret_wipe(&content);
	}
	if (result == -EINVAL)
		reason_set(reason, "the file %s %s", quoted, what);
	return result;
}

/* What is wrong with a text that would be taken as the secret itself; NULL: nothing. It may be one: do not quote it. */
static const char *slip(struct slice text)
{
	if (slice_eq_nocase(slice_head(text, 4), SLICE("env:")) || slice_eq_nocase(slice_head(text, 5), SLICE("file:")))
		return "env: and file: are written in lower case";
	if (slice_starts(text, SLICE("${")) ||
	    (slice_starts(text, SLICE("$")) && is_variable_name(slice_from(text, 1))))
		return "variables are not filled in here: write env:NAME (or file:PATH, if the secret does begin with "
		       "$)";
	struct slice trimmed = slice_trim(text);
	if (trimmed.n != text.n)
		return "has spaces at its ends: write it without, or file:PATH if they belong to it";
	return NULL;
}

int config_secret_resolve(struct slice reference, const char *folder, struct slice *bytes, struct reason *reason)
{
	if (slice_starts(reference, SLICE("env:")))
		return from_environment(slice_from(reference, 4), bytes, reason);
	if (slice_starts(reference, SLICE("file:")))
		return from_file(slice_from(reference, 5), folder, bytes, reason);
	const char *why = slip(reference);
	int result = why ? -EINVAL : take(reference, bytes, &why);
	if (result == -EINVAL)
		reason_set(reason, "%s", why);
	return result;
}

void config_secret_wipe(struct slice *bytes)
{
	if (bytes->n > 0)
		explicit_bzero((void *)(uintptr_t)bytes->p, bytes->n);
	free((void *)(uintptr_t)bytes->p);
	*bytes = SLICE_NONE;
}
