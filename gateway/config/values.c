/* values.c - addresses, secrets and other texts, with the errors that they share. The one thing to
 * mind: what may hold a password is shown masked, or not at all. */
#include "config/values.h"

#include "base/num.h"
#include "config/address.h"
#include "config/file.h"
#include "config/redis_url.h"

#include <errno.h>
#include <stdlib.h>

enum { NAME_MAX_BYTES = 64 };

bool config_is_name(struct slice s, bool upper, const char *others)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = s.p[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (upper && c >= 'A' && c <= 'Z');
		if (!plain && !(i > 0 && c != '\0' && strchr(others, c)))
			return false;
	}
	return s.n > 0 && s.n <= NAME_MAX_BYTES;
}

void config_read_secret(const struct config_reader *r, const struct config_node *node, struct slice *bytes)
{
	struct slice resolved = SLICE_NONE;
	struct reason reason = { "" };
	int result = config_secret_resolve(node->text, r->folder, &resolved, &reason);
	if (result == -EINVAL)
		config_error(r->diag, r->file, node, "%s; accepted: env:NAME, file:PATH, or the text itself",
			     reason.text);
	else if (result == -ENOMEM)
		r->pool->failed = true;
	else
		*bytes = config_pool_copy(r->pool, resolved);
	config_secret_wipe(&resolved);
}

static bool read_address(const struct config_reader *r, enum config_section section, const struct config_node *node,
			 struct config_address *out)
{
	struct reason reason = { "" };
	if (!config_address_parse(node->text, out, &reason)) {
		config_schema_refuse(r, section, "listen", node, reason.text);
		return false;
	}
	out->node = node;
	return true;
}

static void refuse_clash(const struct config_reader *r, const struct config_address *earlier, size_t count,
			 const struct config_address *address)
{
	char quoted[CONFIG_QUOTE_ROOM];
	for (size_t i = 0; i < count; i++)
		if (config_address_clash(&earlier[i], address)) {
			config_error(r->diag, r->file, address->node, "%s: listened on already (line %u)",
				     config_quote(address->node->text, quoted, sizeof quoted), earlier[i].node->line);
			return;
		}
}

static void read_listen(const struct config_reader *r, struct config_draft *draft)
{
	const struct config_node *node = draft->listen;
	bool is_list = node->kind == CONFIG_LIST;
	struct config_address *addresses = config_pool_array(r->pool, is_list ? node->count : 1, sizeof(*addresses));
	size_t n = 0;
	if (!addresses)
		return;
	for (const struct config_node *item = is_list ? node->first : node; item; item = is_list ? item->next : NULL)
		if (config_is_line(item) && read_address(r, CONFIG_SECTION_TOP, item, &addresses[n])) {
			refuse_clash(r, addresses, n, &addresses[n]);
			n++;
		}
	draft->config.listen = addresses;
	draft->config.listen_count = n;
}

static bool is_local(const struct config_address *a)
{
	static const unsigned char loopback[16] = { [15] = 1 };
	if (a->kind == CONFIG_ADDRESS_IPV4)
		return a->ip[0] == 127;
	return a->kind == CONFIG_ADDRESS_UNIX || memcmp(a->ip, loopback, sizeof loopback) == 0;
}

void config_read_listeners(const struct config_reader *r, struct config_draft *draft)
{
	if (draft->listen)
		read_listen(r, draft);
	if (draft->admin_token)
		config_read_secret(r, draft->admin_token, &draft->config.admin_token);
	if (!draft->admin_listen)
		return;
	struct config_address *admin = config_pool_alloc(r->pool, sizeof(*admin));
	if (!admin || !read_address(r, CONFIG_SECTION_ADMIN, draft->admin_listen, admin))
		return;
	refuse_clash(r, draft->config.listen, draft->config.listen_count, admin);
	draft->config.admin = admin;
	if (!is_local(admin) && config_node_absent(config_node_get(draft->admin, SLICE("token"))))
		config_warn(
			r->diag, r->file, draft->admin_listen,
			"no admin.token is set and the address is not a local one: whoever reaches it is an operator");
}

/* NULL, or what is wrong with it. */
static const char *check_public_url(struct slice text, bool query)
{
	struct slice rest = slice_starts(text, SLICE("https://"))  ? slice_from(text, 8)
			    : slice_starts(text, SLICE("http://")) ? slice_from(text, 7)
								   : SLICE_NONE;
	if (!rest.p)
		return "begins neither with https:// nor with http://";
	if (slice_index(rest, '#') < rest.n || (!query && slice_index(rest, '?') < rest.n))
		return "a query or fragment stands in it";
	struct slice authority = slice_head(rest, slice_index(rest, '/'));
	if (authority.n == 0 || authority.p[0] == ':')
		return "the host is missing";
	if (slice_index(authority, '@') < authority.n)
		return "a user stands in it";
	for (size_t i = 0; i < rest.n; i++)
		if (rest.p[i] <= ' ' || rest.p[i] >= 0x7f)
			return "a space, or what is no ASCII, stands in it";
	return NULL;
}

void config_read_backlog(const struct config_reader *r, enum config_section section, const struct config_node *node,
			 struct config_backlog *out)
{
	struct config_backlog read = { .bytes = false };
	if (!node)
		return;
	bool good = num_parse_u64(node->text, UINT64_MAX, &read.limit);
	if (!good) {
		read.bytes = true;
		good = num_parse_size(node->text, UINT64_MAX, &read.limit);
	}
	if (good && read.limit > 0)
		*out = read;
	else
		config_schema_refuse(r, section, "max_backlog", node, good ? "none at all" : "neither of the two");
}

bool config_read_public_url(const struct config_reader *r, enum config_section section, const struct config_node *node,
			    struct slice *url)
{
	bool whole = section == CONFIG_SECTION_ROUTE;
	const char *why = check_public_url(node->text, whole);
	struct config_node shown = *node;
	if (why) {
		shown.text = config_url_mask(shown.text, r->pool);
		config_schema_refuse(r, section, "public_url", &shown, why);
		return false;
	}
	*url = node->text;
	return true;
}

/* The bare origin has no slash at its end; nor has what stands in front of every route's path. */
static struct slice without_slash(struct slice url)
{
	return url.p[url.n - 1] == '/' ? slice_head(url, url.n - 1) : url;
}

/* Relative to the configuration's folder. */
static const char *read_folder(const struct config_reader *r, const struct config_node *node)
{
	char *joined = config_file_join(r->folder, node->text);
	const char *path = joined ? config_pool_string(r->pool, slice_str(joined)) : NULL;
	r->pool->failed = r->pool->failed || !joined;
	free(joined);
	return path;
}

void config_read_texts(const struct config_reader *r, struct config_draft *draft)
{
	struct slice url;
	if (draft->public_url && config_read_public_url(r, CONFIG_SECTION_TOP, draft->public_url, &url))
		draft->config.public_url = without_slash(url);
	if (draft->provider_dir)
		draft->config.provider_dir = read_folder(r, draft->provider_dir);
	if (draft->plugin_dir)
		draft->config.plugin_dir = read_folder(r, draft->plugin_dir);
	if (draft->journal_dir)
		draft->config.journal.dir = read_folder(r, draft->journal_dir);
}
