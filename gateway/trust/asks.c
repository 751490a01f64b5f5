/* asks.c - what has to be asked for where a provider gives out its keys only to who logs in, or for more than a URL; see
 * published.h.
 *
 * The special difficulty: passwords go into these requests. They are put together only when something is to be fetched or
 * looked up, and wiped right after; and what tells two requests apart is a hash of them, of which nobody is told anything. */
#include "base/encode.h"
#include "trust/digest.h"
#include "trust/published.h"

enum { TAG = 16, POST_MAX = 4096 };

/* ---- may it be fetched? ---- */

static struct slice own_host(struct slice url)
{
	struct slice rest = slice_from(url, 8);

	return slice_head(rest, slice_index(rest, '/'));
}

struct keys_policy trust_published_policy(const struct trust_published *published, struct slice url, struct slice *host)
{
	struct keys_policy policy = published->policy;

	if (policy.host_count == 0) {
		*host = own_host(url);
		policy.hosts = host;
		policy.host_count = 1;
	}
	return policy;
}

struct keys_policy trust_token_policy(const struct trust_published *published, struct slice url, struct slice *host)
{
	struct keys_policy policy = trust_published_policy(published, url, host);

	policy.path = SLICE_NONE;
	return policy;
}

static bool sends(const struct trust_template *template, size_t option)
{
	for (size_t i = 0; i < template->count; i++) {
		const struct trust_place *place = &template->parts[i].place;

		if (place->kind == TRUST_PLACE_OPTION && place->index == option && !place->otherwise)
			return true;
	}
	return false;
}

bool trust_published_sends(const struct trust_description *d, size_t option)
{
	const struct trust_published *published = &d->verify.published;

	return sends(&published->url, option) || sends(&published->post, option) ||
	       sends(&published->token.url, option) || sends(&published->token.client_id, option) ||
	       sends(&published->token.client_secret, option);
}

void trust_published_lacks(const struct trust_description *d, struct buf *names)
{
	for (size_t i = 0; i < d->own_option_count; i++)
		if (d->own_options[i].value.n == 0 && trust_published_sends(d, i))
			buf_printf(names, "%s%.*s", names->n > 0 ? ", " : "", SLICE_ARGS(d->own_options[i].name));
}

bool trust_published_ready(const struct trust_description *d)
{
	bool ready = d->verify.published.url.count > 0;

	for (size_t i = 0; ready && i < d->own_option_count; i++)
		ready = d->own_options[i].value.n > 0 || !trust_published_sends(d, i);
	return ready;
}

/* ---- making ---- */

static struct slice keep(struct arena *arena, struct buf *built)
{
	struct slice kept = arena_copy(arena, buf_slice(built));

	buf_wipe(built);
	return kept;
}

/* application/x-www-form-urlencoded, in which RFC 6749 (2.3.1, 4.4.2) has all of this. */
static void add_form(struct buf *out, struct slice text)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = text.p[i];

		if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		    (c != '\0' && strchr("-._~", c))) {
			buf_add_byte(out, c);
			continue;
		}
		buf_add_byte(out, '%');
		buf_add_byte(out, (unsigned char)digits[c >> 4]);
		buf_add_byte(out, (unsigned char)digits[c & 15]);
	}
}

static struct slice basic(struct arena *arena, struct slice id, struct slice secret)
{
	struct buf pair = BUF_EMPTY, value = BUF_EMPTY;

	/* At their full size at once: no copies are left behind. */
	(void)buf_grow(&pair, 3 * (id.n + secret.n) + 1);
	add_form(&pair, id);
	buf_add_byte(&pair, ':');
	add_form(&pair, secret);
	(void)buf_grow(&value, 4 * pair.n + 16);
	buf_add_str(&value, "Basic ");
	encode_base64(ENCODE_BASE64, buf_slice(&pair), &value);
	buf_wipe(&pair);
	return keep(arena, &value);
}

/* "URL#" and a hash of what else is asked. */
static struct slice name_of(struct arena *arena, const struct keys_ask *ask, struct slice login)
{
	const struct slice pieces[] = { ask->content_type, SLICE("\n"), ask->body, SLICE("\n"), login };
	unsigned char hash[32];
	char tag[2 * TAG];
	struct buf name = BUF_EMPTY;

	trust_sha256_pieces(pieces, sizeof(pieces) / sizeof(pieces[0]), hash);
	buf_add(&name, ask->url);
	buf_add_byte(&name, '#');
	encode_hex(slice_of(hash, TAG), tag);
	buf_add(&name, slice_of(tag, sizeof(tag)));
	return keep(arena, &name);
}

static enum trust_found make_token(const struct trust_published *published, struct trust_reading *reading,
				   struct trust_asks *asks)
{
	const struct trust_oauth *token = &published->token;
	struct keys_ask *ask = &asks->token;
	struct slice id, secret;
	struct buf body = BUF_EMPTY;

	if (trust_template_join(&token->url, reading, &ask->url) != TRUST_FOUND ||
	    trust_template_join(&token->client_id, reading, &id) != TRUST_FOUND ||
	    trust_template_join(&token->client_secret, reading, &secret) != TRUST_FOUND)
		return TRUST_ABSENT;
	buf_add_str(&body, "grant_type=client_credentials");
	if (token->scope.n > 0) {
		buf_add_str(&body, "&scope=");
		add_form(&body, token->scope);
	}
	ask->body = keep(reading->arena, &body);
	ask->content_type = SLICE("application/x-www-form-urlencoded");
	ask->authorization = basic(reading->arena, id, secret);
	ask->token = true;
	ask->name = name_of(reading->arena, ask, ask->authorization);
	asks->token_policy = trust_token_policy(published, ask->url, &asks->token_host);
	ask->policy = &asks->token_policy;
	return TRUST_FOUND;
}

enum trust_found trust_asks_make(const struct trust_published *published, struct slice url,
				 struct trust_reading *reading, struct trust_asks *asks)
{
	struct keys_ask *ask = &asks->key;
	enum trust_found found = TRUST_FOUND;

	*asks = (struct trust_asks){ .key = { .url = url, .name = url } };
	asks->key_policy = trust_published_policy(published, url, &asks->key_host);
	ask->policy = &asks->key_policy;
	ask->absent_status = published->absent_status;
	ask->absent_text = published->absent_text;
	if (published->token.url.count > 0)
		found = make_token(published, reading, asks);
	if (found == TRUST_FOUND && published->post.count > 0) {
		found = trust_template_join(&published->post, reading, &ask->body);
		ask->content_type = published->content_type.n > 0 ? published->content_type : SLICE("application/json");
		/* A single part is not copied, and then not ours. */
		asks->own_body = found == TRUST_FOUND && published->post.count > 1;
		if (found == TRUST_FOUND && ask->body.n > POST_MAX)
			found = TRUST_UNREADABLE;
	}
	if (found != TRUST_FOUND)
		trust_asks_wipe(asks);
	else if (published->post.count > 0 || published->token.url.count > 0)
		ask->name = name_of(reading->arena, ask, asks->token.authorization);
	return found;
}

static void wipe(struct slice *text)
{
	if (text->n > 0)
		explicit_bzero((void *)(uintptr_t)text->p, text->n);
	*text = SLICE_NONE;
}

void trust_asks_wipe(struct trust_asks *asks)
{
	wipe(&asks->token.authorization);
	wipe(&asks->key.authorization);
	if (asks->own_body)
		wipe(&asks->key.body);
}

/* ---- getting ---- */

/* "Bearer ..." of a token's answer; empty where it cannot go into a header. */
static struct slice bearer(struct slice answer, struct arena *arena)
{
	struct json_pointer *pointer = json_pointer_parse(SLICE("/access_token"));
	struct json_value value;
	struct slice text = SLICE_NONE, header = SLICE_NONE;

	if (pointer && json_find(answer, (const struct json_pointer *const *)&pointer, 1, &value) == JSON_OK &&
	    value.type == JSON_STRING && json_text(&value, arena, &text) && text.n > 0 && !slice_has_control(text))
		header = arena_printf(arena, "Bearer %.*s", SLICE_ARGS(text));
	json_pointer_free(pointer);
	return header;
}

/* Into the key's ask; false: there is none, and *answer says why. */
static bool get_token(struct keys *keys, struct trust_asks *asks, struct arena *arena, struct keys_answer *answer)
{
	keys_ask_for(keys, &asks->token, 0, answer);
	if (answer->result != KEYS_FOUND)
		return false;
	asks->key.authorization = bearer(answer->document->bytes, arena);
	keys_release(answer->document);
	if (asks->key.authorization.n > 0)
		return true;
	*answer = (struct keys_answer){ .result = KEYS_FAILED };
	reason_set(&answer->reason, "the provider's token cannot be read");
	return false;
}

/* The provider does not want the token any more: another one is fetched meanwhile. */
static void renew_token(struct keys *keys, const struct trust_asks *asks)
{
	struct keys_answer old, new = { .document = NULL };

	keys_look(keys, asks->token.name, &old);
	if (old.result == KEYS_FOUND)
		keys_ask_for(keys, &asks->token, old.document->version, &new);
	keys_release(old.document);
	keys_release(new.document);
}

void trust_asks_get(struct keys *keys, struct trust_asks *asks, struct arena *arena, struct keys_answer *answer,
		    struct slice *name)
{
	const struct keys_document *old = NULL;

	*name = asks->key.name;
	*answer = (struct keys_answer){ .result = KEYS_PENDING };
	if (!keys)
		return;
	keys_look(keys, asks->key.name, answer);
	if (answer->result == KEYS_FAILED && answer->denied && asks->token.url.n > 0)
		renew_token(keys, asks);
	if (answer->result != KEYS_UNKNOWN && !answer->old)
		return;
	if (answer->result == KEYS_FOUND)
		old = answer->document;
	if (asks->token.url.n == 0 || get_token(keys, asks, arena, answer))
		keys_ask_for(keys, &asks->key, 0, answer);
	else
		*name = asks->token.name;
	/* What is old serves while there is nothing newer. */
	if (old && answer->result != KEYS_FOUND)
		*answer = (struct keys_answer){ .result = KEYS_FOUND, .document = old };
	else
		keys_release(old);
}

/* ---- what comes of it ---- */

bool trust_published_key(const struct trust_published *published, struct slice answer, struct arena *arena,
			 struct slice *key, bool *ended, struct reason *reason)
{
	const struct json_pointer *pointers[2] = { published->at, published->ended };
	struct json_value values[2] = { { .type = JSON_NONE }, { .type = JSON_NONE } };

	*ended = false;
	*key = answer;
	if (!published->at)
		return true;
	if (json_find(answer, pointers, published->ended ? 2 : 1, values) != JSON_OK ||
	    (values[0].type != JSON_STRING && values[0].type != JSON_OBJECT)) {
		reason_set(reason, "holds no key where it should stand");
		return false;
	}
	*key = values[0].raw;
	*ended = values[1].type != JSON_NONE && values[1].type != JSON_NULL;
	return values[0].type == JSON_OBJECT || json_text(&values[0], arena, key);
}
