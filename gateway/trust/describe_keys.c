/* describe_keys.c - the part `keys` of a description's section `verify`: where the provider publishes its keys.
 *
 * The special difficulty: what stands here is all that keeps strangers from having us fetch what they like. So where the
 * URL comes from the delivery, the hosts must be named. */
#include "trust/published.h"

static struct trust_published *published_of(struct trust_reader *reader)
{
	return &reader->into->verify.published;
}

static void read_url(struct trust_reader *reader, const struct config_node *node)
{
	struct slice text = SLICE_NONE;

	trust_node_text(reader, node, &text);
	if (text.n > 0)
		trust_template_read(reader, node, text, &published_of(reader)->url);
}

static void read_hosts(struct trust_reader *reader, const struct config_node *node)
{
	struct trust_published *published = published_of(reader);
	const struct config_node *item;
	struct reason reason = { "" };
	size_t n = 0;

	for (; (item = trust_node_item(node, n)) != NULL && n < TRUST_KEY_HOSTS_MAX; n++) {
		trust_node_text(reader, item, &published->hosts[n]);
		if (published->hosts[n].n > 0 && !keys_host_pattern(published->hosts[n], &reason))
			config_error(reader->diag, reader->file, item, "must be %s", reason.text);
	}
	if (item || n == 0)
		config_error(reader->diag, reader->file, node, "must have 1 to %d names of hosts", TRUST_KEY_HOSTS_MAX);
	published->policy.hosts = published->hosts;
	published->policy.host_count = n;
}

static void read_path(struct trust_reader *reader, const struct config_node *node)
{
	struct slice *path = &published_of(reader)->policy.path;

	trust_node_text(reader, node, path);
	if (path->n > 0 && path->p[0] != '/')
		config_error(reader->diag, reader->file, node, "must begin with \"/\"");
}

/* Whether nothing of it comes with the delivery; *written: nor from the route's options. */
static bool is_fixed(const struct trust_template *url, bool *written)
{
	*written = true;
	for (size_t i = 0; i < url->count; i++) {
		enum trust_place_kind kind = url->parts[i].place.kind;

		*written &= kind == TRUST_PLACE_FIXED;
		if (kind != TRUST_PLACE_FIXED && kind != TRUST_PLACE_OPTION)
			return false;
	}
	return true;
}

static void judge(struct trust_reader *reader, const struct config_node *node)
{
	struct trust_published *published = published_of(reader);
	struct reason reason = { "" };
	struct slice host;
	struct keys_policy policy;
	bool written = false;

	if (published->url.count == 0) {
		config_error(reader->diag, reader->file, node, "does not say where the keys stand: url");
		return;
	}
	published->fixed = is_fixed(&published->url, &written);
	if (!published->fixed && published->policy.host_count == 0)
		config_error(reader->diag, reader->file, node,
			     "takes the URL from the delivery, and does not say which hosts are the provider's: hosts");
	policy = trust_published_policy(published, published->url.text, &host);
	if (written && !keys_allowed(published->url.text, &policy, &reason))
		config_error(reader->diag, reader->file, node, "has a URL that would not be fetched: %s", reason.text);
}

void trust_section_keys(struct trust_reader *reader, const struct config_node *node)
{
	static const struct trust_key keys[] = { { "url", read_url }, { "hosts", read_hosts }, { "path", read_path } };

	trust_node_map(reader, node, keys, sizeof(keys) / sizeof(keys[0]));
	judge(reader, node);
}
