/* catalogue.c - every provider description, built in or a user's own, see trust.h.
 *
 * The special difficulty: this runs at every start of every command and will hold some 150 descriptions, so their text
 * comes with the program and without its vectors, and names are searched in sorted arrays. */
#include "trust/catalogue.h"

#include "config/file.h"
#include "config/secret.h"
#include "trust/plugin_load.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { FILE_MAX = 1024 * 1024 };

struct entry {
	struct slice name;
	size_t provider;
};

struct trust_catalogue {
	struct trust_plugins *plugins;
	struct trust_provider *providers; /* sorted by name once all are read */
	size_t count, room;
	struct entry *names; /* names and aliases, sorted */
	size_t name_count;
};

static void provider_clear(struct trust_provider *provider)
{
	trust_description_free(provider->description);
	free(provider->file);
}

void trust_catalogue_free(struct trust_catalogue *catalogue)
{
	if (!catalogue)
		return;
	for (size_t i = 0; i < catalogue->count; i++)
		provider_clear(&catalogue->providers[i]);
	free(catalogue->providers);
	free(catalogue->names);
	/* Last: descriptions point into them. */
	trust_plugins_free(catalogue->plugins);
	free(catalogue);
}

/* ---- reading ---- */

static struct trust_provider *room_for_one(struct trust_catalogue *catalogue)
{
	if (catalogue->count == catalogue->room) {
		size_t room = catalogue->room ? 2 * catalogue->room : trust_builtin_count + 16;
		struct trust_provider *grown = realloc(catalogue->providers, room * sizeof(*grown));

		if (!grown)
			return NULL;
		catalogue->providers = grown;
		catalogue->room = room;
	}
	return &catalogue->providers[catalogue->count];
}

/* Puts it in the place of one of the same name that was read before, or behind the last. */
static void keep(struct trust_catalogue *catalogue, struct trust_provider *added)
{
	struct slice name = added->description->name;

	for (size_t i = 0; i < catalogue->count; i++)
		if (slice_eq(catalogue->providers[i].description->name, name)) {
			provider_clear(&catalogue->providers[i]);
			catalogue->providers[i] = *added;
			return;
		}
	catalogue->providers[catalogue->count++] = *added;
}

static int add(struct trust_catalogue *catalogue, const char *file, struct slice text, struct config_diag *diag)
{
	struct trust_provider added = { .file = strdup(file) };
	int fault;

	if (!added.file || !room_for_one(catalogue)) {
		free(added.file);
		return -ENOMEM;
	}
	fault = trust_description_read(text, added.file, diag, &added.description);
	if (fault) {
		free(added.file);
		/* Its findings are in the diag; the others are still worth reading. */
		return fault == -EINVAL ? 0 : fault;
	}
	trust_plugins_bind(catalogue->plugins, added.description, diag);
	keep(catalogue, &added);
	return 0;
}

static int add_file(struct trust_catalogue *catalogue, const char *dir, const char *name, struct config_diag *diag)
{
	struct slice text = SLICE_NONE;
	struct reason reason;
	char *path = config_file_join(dir, slice_str(name));
	int fault;

	if (!path)
		return -ENOMEM;
	fault = config_file_read(path, FILE_MAX, &text, &reason);
	if (fault == 0) {
		fault = add(catalogue, path, text, diag);
	} else if (fault == -EINVAL) {
		config_error_at(diag, path, 0, 0, "%s", reason.text);
		fault = 0;
	}
	config_secret_wipe(&text);
	free(path);
	return fault;
}

static int is_description(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return entry->d_name[0] != '.' && n > 5 && memcmp(entry->d_name + n - 5, ".yaml", 5) == 0;
}

/* In the order of their names, so that what replaces what does not hang on the file system. */
static int add_folder(struct trust_catalogue *catalogue, const char *dir, struct config_diag *diag)
{
	struct dirent **entries = NULL;
	int n = scandir(dir, &entries, is_description, alphasort);
	int fault = 0;

	if (n < 0) {
		config_error_at(diag, dir, 0, 0, "provider_dir cannot be read: %s", strerror(errno));
		return 0;
	}
	for (int i = 0; i < n; i++) {
		if (!fault)
			fault = add_file(catalogue, dir, entries[i]->d_name, diag);
		free(entries[i]);
	}
	free(entries);
	return fault;
}

/* ---- names ---- */

static int by_provider(const void *a, const void *b)
{
	return slice_compare(((const struct trust_provider *)a)->description->name,
			     ((const struct trust_provider *)b)->description->name);
}

static int by_name(const void *a, const void *b)
{
	return slice_compare(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static void refuse_doubles(const struct trust_catalogue *catalogue, struct config_diag *diag)
{
	for (size_t i = 1; i < catalogue->name_count; i++) {
		const struct entry *one = &catalogue->names[i - 1], *other = &catalogue->names[i];

		if (slice_eq(one->name, other->name))
			config_error_at(diag, catalogue->providers[other->provider].file, 1, 1,
					"the name %.*s is taken by %s", SLICE_ARGS(other->name),
					catalogue->providers[one->provider].file);
	}
}

static int index_names(struct trust_catalogue *catalogue, struct config_diag *diag)
{
	size_t room = 0;

	qsort(catalogue->providers, catalogue->count, sizeof(catalogue->providers[0]), by_provider);
	for (size_t i = 0; i < catalogue->count; i++)
		room += 1 + catalogue->providers[i].description->alias_count;
	catalogue->names = calloc(room + 1, sizeof(catalogue->names[0]));
	if (!catalogue->names)
		return -ENOMEM;
	for (size_t i = 0; i < catalogue->count; i++) {
		const struct trust_description *d = catalogue->providers[i].description;

		catalogue->names[catalogue->name_count++] = (struct entry){ d->name, i };
		for (size_t k = 0; k < d->alias_count; k++)
			catalogue->names[catalogue->name_count++] = (struct entry){ d->aliases[k], i };
	}
	qsort(catalogue->names, catalogue->name_count, sizeof(catalogue->names[0]), by_name);
	refuse_doubles(catalogue, diag);
	return 0;
}

int trust_catalogue_new(const char *provider_dir, const char *plugin_dir, struct config_diag *diag,
			struct trust_catalogue **out)
{
	struct trust_catalogue *catalogue = calloc(1, sizeof(*catalogue));
	size_t before = diag->errors;
	int fault = catalogue ? trust_plugins_new(plugin_dir, diag, &catalogue->plugins) : -ENOMEM;

	for (size_t i = 0; !fault && i < trust_builtin_count; i++)
		fault = add(catalogue, trust_builtins[i].file, trust_builtins[i].text, diag);
	if (!fault && provider_dir)
		fault = add_folder(catalogue, provider_dir, diag);
	if (!fault)
		fault = index_names(catalogue, diag);
	for (size_t i = 0; !fault && i < catalogue->count; i++)
		trust_about_fill(&catalogue->providers[i]);
	if (!fault && diag->errors != before)
		fault = -EINVAL;
	if (fault)
		trust_catalogue_free(catalogue);
	else
		*out = catalogue;
	return fault;
}

const struct trust_provider *trust_catalogue_find(const struct trust_catalogue *catalogue, struct slice name)
{
	struct entry key = { .name = name };
	const struct entry *found = bsearch(&key, catalogue->names, catalogue->name_count, sizeof(key), by_name);

	return found ? &catalogue->providers[found->provider] : NULL;
}

size_t trust_catalogue_count(const struct trust_catalogue *catalogue)
{
	return catalogue->count;
}

const struct trust_provider *trust_catalogue_at(const struct trust_catalogue *catalogue, size_t i)
{
	return &catalogue->providers[i];
}

/* ---- near names ---- */

/* How many letters must change, at most 4 (Levenshtein's distance); names longer than that are never near. */
static size_t distance(struct slice a, struct slice b)
{
	enum { LONGEST = 48, FAR = 5 };
	size_t row[LONGEST + 1];

	if (a.n > LONGEST || b.n > LONGEST)
		return FAR;
	for (size_t j = 0; j <= b.n; j++)
		row[j] = j;
	for (size_t i = 0; i < a.n; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 0; j < b.n; j++) {
			size_t best = diagonal + (a.p[i] != b.p[j]);

			diagonal = row[j + 1];
			if (row[j + 1] + 1 < best)
				best = row[j + 1] + 1;
			row[j + 1] = row[j] + 1 < best ? row[j] + 1 : best;
		}
	}
	return row[b.n];
}

/* How far a name is from what was asked for: letters that differ, or 3 where one begins with the other; more is not
 * near. Two names of three letters that differ in two have nothing in common, so how many may differ grows with the
 * shorter one. */
static size_t away(struct slice known, struct slice name)
{
	size_t shorter = known.n < name.n ? known.n : name.n;
	size_t allowed = shorter < 3 ? 0 : shorter < 5 ? 1 : 2;
	size_t letters = distance(known, name);

	if (letters <= allowed)
		return letters;
	return shorter >= 3 && (slice_starts(known, name) || slice_starts(name, known)) ? 3 : 4;
}

const char *trust_catalogue_near(const struct trust_catalogue *catalogue, struct slice name, char *out, size_t size)
{
	size_t at = 0, found = 0;

	out[0] = '\0';
	for (size_t i = 0; i < 4 * catalogue->name_count && found < 3; i++) {
		struct slice known = catalogue->names[i % catalogue->name_count].name;
		int n;

		/* The nearest first, and those that are equally near in the order of the alphabet. */
		if (away(known, name) != i / catalogue->name_count)
			continue;
		n = snprintf(out + at, size - at, "%s%.*s", found++ > 0 ? ", " : "", SLICE_ARGS(known));
		if (n < 0 || (size_t)n >= size - at) {
			out[at] = '\0';
			break;
		}
		at += (size_t)n;
	}
	return out;
}
