/* settings.c - the configuration's section, copied: fetches outlive the configuration that they began under. The one
 * difficulty is to compare and free what has many small parts, so all of them stand in plain allocations. */
#include "keys/inside.h"
#include "keys/url.h"

#include <stdlib.h>

static bool copy_text(struct slice from, struct slice *out)
{
	unsigned char *p = malloc(from.n + 1);

	if (p && from.n > 0)
		memcpy(p, from.p, from.n);
	*out = slice_of(p, from.n);
	return p != NULL;
}

static bool copy(const struct config_key_fetch *from, struct config_key_fetch *to)
{
	struct config_key_replace *replace = calloc(from->replace_count + 1, sizeof *replace);
	struct config_range *allowed = calloc(from->allow_private_count + 1, sizeof *allowed);

	to->replace = replace;
	to->allow_private = allowed;
	if (!replace || !allowed)
		return false;
	to->replace_count = from->replace_count;
	for (size_t i = 0; i < from->replace_count; i++)
		if (!copy_text(from->replace[i].host, &replace[i].host) ||
		    !copy_text(from->replace[i].with, &replace[i].with))
			return false;
	for (size_t i = 0; i < from->allow_private_count; i++)
		allowed[i] = from->allow_private[i];
	to->allow_private_count = from->allow_private_count;
	to->ca_file = from->ca_file ? strdup(from->ca_file) : NULL;
	return !from->ca_file || to->ca_file;
}

struct keys_settings *keys_settings_new(const struct config_key_fetch *from)
{
	static const struct config_key_fetch none = { .ca_file = NULL };
	struct keys_settings *settings = calloc(1, sizeof *settings);

	if (!settings)
		return NULL;
	atomic_init(&settings->holders, 1);
	if (copy(from ? from : &none, &settings->public))
		return settings;
	keys_settings_drop(settings);
	return NULL;
}

void keys_settings_drop(struct keys_settings *settings)
{
	const struct config_key_fetch *public;

	if (!settings || atomic_fetch_sub(&settings->holders, 1) != 1)
		return;
	public = &settings->public;
	for (size_t i = 0; public->replace && i < public->replace_count; i++) {
		free((void *)(uintptr_t) public->replace[i].host.p);
		free((void *)(uintptr_t) public->replace[i].with.p);
	}
	free((void *)(uintptr_t) public->replace);
	free((void *)(uintptr_t) public->allow_private);
	free((void *)(uintptr_t) public->ca_file);
	free(settings);
}

static bool same_network(const struct config_range *a, const struct config_range *b)
{
	return a->bits == b->bits && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

bool keys_settings_same(const struct config_key_fetch *a, const struct config_key_fetch *b)
{
	if (!slice_eq(slice_str(a->ca_file), slice_str(b->ca_file)) || a->replace_count != b->replace_count ||
	    a->allow_private_count != b->allow_private_count)
		return false;
	for (size_t i = 0; i < a->replace_count; i++)
		if (!slice_eq(a->replace[i].host, b->replace[i].host) ||
		    !slice_eq(a->replace[i].with, b->replace[i].with))
			return false;
	for (size_t i = 0; i < a->allow_private_count; i++)
		if (!same_network(&a->allow_private[i], &b->allow_private[i]))
			return false;
	return true;
}

char *keys_settings_url(const struct config_key_fetch *settings, struct slice text)
{
	struct slice before = text, rest = SLICE_NONE;
	struct keys_url url;
	char *out;

	if (keys_url_parse(text, &url, NULL))
		for (size_t i = 0; i < settings->replace_count; i++)
			if (slice_eq(settings->replace[i].host, url.host)) {
				before = settings->replace[i].with;
				rest = url.rest;
				break;
			}
	out = malloc(before.n + rest.n + 1);
	if (!out)
		return NULL;
	memcpy(out, before.p, before.n);
	if (rest.n > 0)
		memcpy(out + before.n, rest.p, rest.n);
	out[before.n + rest.n] = '\0';
	return out;
}
