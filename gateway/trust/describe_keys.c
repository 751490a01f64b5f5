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

static void read_template(struct trust_reader *reader, const struct config_node *node, struct trust_template *out)
{
	struct slice text = SLICE_NONE;

	trust_node_text(reader, node, &text);
	if (text.n > 0)
		trust_template_read(reader, node, text, out);
}

static void read_post(struct trust_reader *reader, const struct config_node *node)
{
	read_template(reader, node, &published_of(reader)->post);
}

static void read_content_type(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_text(reader, node, &published_of(reader)->content_type);
	if (slice_has_control(published_of(reader)->content_type))
		config_error(reader->diag, reader->file, node, "has control characters");
}

/* Owned by the description, as those of places are. */
static const struct json_pointer *read_pointer(struct trust_reader *reader, const struct config_node *node)
{
	struct trust_description *into = reader->into;
	struct json_pointer *pointer = NULL;
	struct slice text = SLICE_NONE;

	trust_node_text(reader, node, &text);
	if (text.n > 0 && text.p[0] == '/' && into->inner_pointer_count < TRUST_INNER_POINTERS_MAX)
		pointer = json_pointer_parse(text);
	if (pointer)
		into->inner_pointers[into->inner_pointer_count++] = pointer;
	else
		config_error(reader->diag, reader->file, node, "is no JSON pointer such as /key, or one too many");
	return pointer;
}

static void read_at(struct trust_reader *reader, const struct config_node *node)
{
	published_of(reader)->at = read_pointer(reader, node);
}

static void read_ended(struct trust_reader *reader, const struct config_node *node)
{
	published_of(reader)->ended = read_pointer(reader, node);
}

static void read_absent_status(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_number(reader, node, 400, 499, &published_of(reader)->absent_status);
}

static void read_absent_text(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_text(reader, node, &published_of(reader)->absent_text);
}

static void read_absent(struct trust_reader *reader, const struct config_node *node)
{
	static const struct trust_key keys[] = { { "status", read_absent_status }, { "text", read_absent_text } };

	trust_node_map(reader, node, keys, 2);
	if (published_of(reader)->absent_status == 0)
		config_error(reader->diag, reader->file, node, "does not say its status, from 400 to 499");
}

static void read_token_url(struct trust_reader *reader, const struct config_node *node)
{
	read_template(reader, node, &published_of(reader)->token.url);
}

static void read_client_id(struct trust_reader *reader, const struct config_node *node)
{
	read_template(reader, node, &published_of(reader)->token.client_id);
}

static void read_client_secret(struct trust_reader *reader, const struct config_node *node)
{
	read_template(reader, node, &published_of(reader)->token.client_secret);
}

static void read_scope(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_text(reader, node, &published_of(reader)->token.scope);
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

static void read_token(struct trust_reader *reader, const struct config_node *node)
{
	static const struct trust_key keys[] = { { "url", read_token_url },
						 { "client_id", read_client_id },
						 { "client_secret", read_client_secret },
						 { "scope", read_scope } };
	const struct trust_oauth *token = &published_of(reader)->token;
	bool w;

	trust_node_map(reader, node, keys, sizeof(keys) / sizeof(keys[0]));
	if (token->url.count == 0 || token->client_id.count == 0 || token->client_secret.count == 0)
		config_error(reader->diag, reader->file, node, "must have url, client_id and client_secret");
	else if (!is_fixed(&token->url, &w) || !is_fixed(&token->client_id, &w) || !is_fixed(&token->client_secret, &w))
		config_error(reader->diag, reader->file, node,
			     "takes what a token is asked for with from the delivery; only options may be in it");
}

/* A URL that is written out can be judged now. */
static void judge_url(struct trust_reader *reader, const struct config_node *node, const struct trust_template *url,
		      struct keys_policy policy)
{
	struct reason reason = { "" };

	if (!keys_allowed(url->text, &policy, &reason))
		config_error(reader->diag, reader->file, node, "has a URL that would not be fetched: %s", reason.text);
}

static void judge(struct trust_reader *reader, const struct config_node *node)
{
	struct trust_published *published = published_of(reader);
	struct slice host;
	bool written = false, ignored, url_fixed;

	if (published->url.count == 0) {
		config_error(reader->diag, reader->file, node, "does not say where the keys stand: url");
		return;
	}
	url_fixed = is_fixed(&published->url, &written);
	published->fixed = url_fixed && is_fixed(&published->post, &ignored);
	if (!url_fixed && published->policy.host_count == 0)
		config_error(reader->diag, reader->file, node,
			     "takes the URL from the delivery, and does not say which hosts are the provider's: hosts");
	if (published->content_type.n > 0 && published->post.count == 0)
		config_error(reader->diag, reader->file, node, "has a content_type, and nothing to post");
	if (published->ended && !published->at)
		config_error(reader->diag, reader->file, node, "has ended, and does not say where the key stands: at");
	if (written)
		judge_url(reader, node, &published->url, trust_published_policy(published, published->url.text, &host));
	if (published->token.url.count > 0 && is_fixed(&published->token.url, &written) && written)
		judge_url(reader, node, &published->token.url,
			  trust_token_policy(published, published->token.url.text, &host));
}

void trust_section_keys(struct trust_reader *reader, const struct config_node *node)
{
	static const struct trust_key keys[] = { { "url", read_url },	   { "hosts", read_hosts },
						 { "path", read_path },	   { "post", read_post },
						 { "at", read_at },	   { "content_type", read_content_type },
						 { "ended", read_ended },  { "token", read_token },
						 { "absent", read_absent } };

	trust_node_map(reader, node, keys, sizeof(keys) / sizeof(keys[0]));
	judge(reader, node);
}
