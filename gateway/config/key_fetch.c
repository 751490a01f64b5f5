/* key_fetch.c - how keys are fetched: mirrors, certificates, private addresses. The one thing to mind: an item that is
 * wrong leaves the others in their places. */
#include "base/num.h"
#include "config/file.h"
#include "config/redis_url.h"
#include "config/values.h"

#include <stdlib.h>
#include <unistd.h>

/* NULL, or what is wrong with the URL. The answer in *url has no slash at its end. */
static const char *check_with(struct slice text, struct slice *url)
{
	struct slice rest = slice_from(text, 8), authority, host, port;
	uint64_t number;

	if (!slice_starts(text, SLICE("https://")))
		return "does not begin with https://";
	authority = slice_head(rest, slice_index(rest, '/'));
	for (size_t i = 0; i < rest.n; i++)
		if (rest.p[i] <= ' ' || rest.p[i] >= 0x7f || rest.p[i] == '\\')
			return "a space, a backslash, or what is no ASCII, stands in it";
	if (slice_index(rest, '?') < rest.n || slice_index(rest, '#') < rest.n)
		return "a query or fragment stands in it";
	if (slice_index(authority, '@') < authority.n)
		return "a user stands in it";
	if (authority.n > 0 && authority.p[0] == '[') {
		size_t end = slice_index(authority, ']');

		host = slice_head(authority, end + 1);
		port = slice_from(authority, end + 2);
		if (end + 1 < authority.n && authority.p[end + 1] != ':')
			return "the host is missing";
	} else {
		slice_cut(authority, ':', &host, &port);
	}
	if (host.n == 0)
		return "the host is missing";
	if (host.n < authority.n && (!num_parse_u64(port, UINT16_MAX, &number) || number == 0))
		return "the port is no number from 1 to 65535";
	*url = text.p[text.n - 1] == '/' ? slice_head(text, text.n - 1) : text;
	return NULL;
}

static void read_replace_item(const struct config_reader *r, const struct config_node *item,
			      const struct config_key_replace *earlier, size_t count, struct config_key_replace *out)
{
	struct config_key_replace_draft draft = { .host = NULL };
	char quoted[CONFIG_QUOTE_ROOM];
	const char *why;

	if (item->kind != CONFIG_MAP) {
		if (!item->broken)
			config_error(r->diag, r->file, item, "no map stands here; accepted: a map with host and with");
		return;
	}
	config_schema_read(r, CONFIG_SECTION_KEY_REPLACE, item, &draft);
	if (draft.host) {
		out->host = draft.host->text;
		if (!config_is_name(out->host, false, ".-") || slice_index(out->host, '.') == out->host.n)
			config_schema_refuse(r, CONFIG_SECTION_KEY_REPLACE, "host", draft.host,
					     "no host's name in lower case");
		for (size_t i = 0; i < count; i++)
			if (slice_eq(earlier[i].host, out->host))
				config_error(r->diag, r->file, draft.host, "%s: replaced already",
					     config_quote(out->host, quoted, sizeof quoted));
	}
	why = draft.with ? check_with(draft.with->text, &out->with) : NULL;
	if (why) {
		struct config_node shown = *draft.with;

		shown.text = config_url_mask(shown.text, r->pool);
		config_schema_refuse(r, CONFIG_SECTION_KEY_REPLACE, "with", &shown, why);
	}
}

static void read_replace(const struct config_reader *r, const struct config_node *list, struct config_key_fetch *out)
{
	struct config_key_replace *replace = config_pool_array(r->pool, list->count, sizeof(*replace));
	size_t n = 0;

	if (!replace)
		return;
	for (const struct config_node *item = list->first; item; item = item->next) {
		read_replace_item(r, item, replace, n, &replace[n]);
		n++;
	}
	out->replace = replace;
	out->replace_count = n;
}

static void read_allowed(const struct config_reader *r, const struct config_node *node, struct config_key_fetch *out)
{
	bool is_list = node->kind == CONFIG_LIST;
	struct config_range *networks = config_pool_array(r->pool, is_list ? node->count : 1, sizeof(*networks));
	struct reason reason = { "" };
	size_t n = 0;

	if (!networks)
		return;
	for (const struct config_node *item = is_list ? node->first : node; item; item = is_list ? item->next : NULL) {
		if (!config_is_line(item))
			continue;
		if (config_range_parse(item->text, &networks[n], &reason))
			n++;
		else
			config_schema_refuse(r, CONFIG_SECTION_KEY_FETCH, "allow_private", item, reason.text);
	}
	out->allow_private = networks;
	out->allow_private_count = n;
}

/* A file that cannot be read would show only when the first key is wanted. */
static void read_ca_file(const struct config_reader *r, const struct config_node *node, struct config_key_fetch *out)
{
	char *joined = config_file_join(r->folder, node->text);

	if (!joined) {
		r->pool->failed = true;
		return;
	}
	if (access(joined, R_OK) == 0)
		out->ca_file = config_pool_string(r->pool, slice_str(joined));
	else
		config_schema_refuse(r, CONFIG_SECTION_KEY_FETCH, "ca_file", node, "cannot be read");
	free(joined);
}

void config_read_key_fetch(const struct config_reader *r, struct config_draft *draft)
{
	struct config_key_fetch *out = &draft->config.key_fetch;

	if (draft->key_ca_file)
		read_ca_file(r, draft->key_ca_file, out);
	if (draft->key_replace)
		read_replace(r, draft->key_replace, out);
	if (draft->key_allow_private)
		read_allowed(r, draft->key_allow_private, out);
}
