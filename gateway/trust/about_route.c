/* about_route.c - what a route has to say for a provider, in words: its secret, its options, an example to paste.
 *
 * The special difficulty: it is pasted by somebody who has read nothing else. So what must be there stands in it, and
 * each line says what belongs into its place. */
#include "trust/about.h"
#include "trust/plugin.h"
#include "trust/published.h"
#include "trust/scheme.h"

enum { OPTIONS_MAX = TRUST_OPTIONS_MAX + TRUST_PLUGIN_OPTIONS_MAX + 6 };

/* ---- the secret ---- */

static struct slice public_words(enum trust_public_type type)
{
	switch (type) {
	case TRUST_PUBLIC_ED25519:
		return SLICE("an Ed25519 public key: its 32 bytes in base64 or hex, PEM, or JWK");
	case TRUST_PUBLIC_P256:
		return SLICE("a P-256 public key: PEM, JWK, or DER in base64");
	case TRUST_PUBLIC_P384:
		return SLICE("a P-384 public key: PEM, JWK, or DER in base64");
	case TRUST_PUBLIC_P521:
		return SLICE("a P-521 public key: PEM, JWK, or DER in base64");
	case TRUST_PUBLIC_RSA:
		return SLICE("an RSA public key: PEM (also a certificate), JWK, or DER in base64");
	}
	return SLICE_NONE;
}

/* Of a token that is signed with one of several kinds of key: the first, and that there are others. */
static struct slice token_key_words(const struct trust_jwt *jwt)
{
	for (unsigned i = 0; i < 32; i++)
		if (jwt->algorithms & 1U << i)
			return jwt->algorithms == 1U << i ? public_words(trust_algorithm_type((enum trust_algorithm)i))
							  : SLICE("a public key: JWK, JWK set, or PEM");
	return SLICE_NONE;
}

static struct slice form_words(const struct trust_verify *verify)
{
	bool token = !verify->plugin && !verify->scheme->texted && !verify->jwt;

	switch (verify->key.form) {
	case TRUST_KEY_TEXT:
		return token ? SLICE("the token, as it is sent") : SLICE("text, as the provider shows it");
	case TRUST_KEY_BASE64:
		return SLICE("base64");
	case TRUST_KEY_BASE64URL:
		return SLICE("base64url");
	case TRUST_KEY_HEX:
		return SLICE("hex");
	case TRUST_KEY_SHA1:
	case TRUST_KEY_NFKD:
		return SLICE("text, as the provider shows it");
	}
	return SLICE_NONE;
}

struct slice trust_about_secret(const struct trust_description *d)
{
	const struct trust_verify *verify = &d->verify;
	unsigned flags = verify->plugin ? verify->plugin->flags : 0;
	struct slice words;

	if (!verify->scheme)
		return SLICE("text, or as the route's `verify` says");
	if (!verify->scheme->keyed)
		return SLICE_NONE;
	if (verify->scheme->is_public)
		return public_words(trust_algorithm_type(verify->scheme->algorithm));
	if (verify->jwt && verify->jwt->algorithms)
		return token_key_words(verify->jwt);
	if (flags & PLUGIN_SECRET_IS_KEY)
		return SLICE("a public key or certificate: PEM, JWK, or DER in base64");
	if (slice_eq(verify->scheme->name, SLICE("basic")))
		return SLICE("user:password");
	words = form_words(verify);
	for (size_t i = 0; i < verify->key.prefix_count; i++)
		words = arena_printf(d->arena, "%.*s%s%.*s%s", SLICE_ARGS(words), i > 0 ? " or " : ", with or without ",
				     SLICE_ARGS(verify->key.prefixes[i]),
				     i + 1 == verify->key.prefix_count ? " in front of it" : "");
	if (flags & PLUGIN_SECRET_MAY_BE_KEY)
		words = arena_printf(d->arena, "%.*s; or a public key in PEM or JWK", SLICE_ARGS(words));
	return words;
}

/* Can a route be without one? */
static bool needs_no_secret(const struct trust_description *d)
{
	const struct trust_verify *verify = &d->verify;

	return verify->scheme && (!verify->scheme->keyed || verify->published.url.count > 0 ||
				  (verify->plugin && (verify->plugin->flags & PLUGIN_SECRET_OPTIONAL)));
}

/* ---- options ---- */

static void add_option(struct trust_about *about, struct trust_about_option *options, const char *name,
		       const char *help, bool required)
{
	options[about->option_count++] =
		(struct trust_about_option){ .name = slice_str(name), .about = slice_str(help), .required = required };
}

void trust_about_options(const struct trust_description *d, struct trust_about *about)
{
	const struct plugin *plugin = d->verify.plugin;
	struct trust_about_option *options = arena_alloc(d->arena, OPTIONS_MAX * sizeof(*options));

	about->options = options;
	about->option_count = 0;
	if (!options)
		return;
	for (size_t i = 0; i < d->own_option_count; i++)
		options[about->option_count++] =
			(struct trust_about_option){ d->own_options[i].name, d->own_options[i].about,
						     d->own_options[i].value, d->own_options[i].required };
	for (size_t i = 0; plugin && i < plugin->option_count && i < TRUST_PLUGIN_OPTIONS_MAX; i++)
		add_option(about, options, plugin->options[i].name, plugin->options[i].help,
			   plugin->options[i].required);
	if (plugin && (plugin->flags & PLUGIN_SECRET_MAY_BE_KEY))
		add_option(about, options, "key", "shared or public: what a secret is whose text may be either", false);
	if (d->options & TRUST_OPTION_HEADER)
		add_option(about, options, "header", "the header that carries the secret", false);
	if (d->options & TRUST_OPTION_PREFIX)
		add_option(about, options, "prefix", "what stands before the value in the header", false);
	if (d->options & TRUST_OPTION_ENCODING)
		add_option(about, options, "encoding", "of the signature: hex, base64, base64url or text", false);
	if (d->options & TRUST_OPTION_ID)
		add_option(about, options, "id", "where the event's id stands, such as header:X-Id or body:/id", false);
	if (d->options & TRUST_OPTION_TYPE)
		add_option(about, options, "type", "where the event's type stands, likewise", false);
}

/* ---- the example ---- */

/* "YOUR-CLIENT-ID": so that nobody takes it for a value. */
static struct slice stand_in(struct arena *arena, struct slice name)
{
	struct slice text = arena_printf(arena, "YOUR-%.*s", SLICE_ARGS(name));
	unsigned char *out = arena_alloc(arena, text.n);

	for (size_t i = 0; out && i < text.n; i++)
		out[i] = (unsigned char)(text.p[i] == '_'			? '-'
					 : text.p[i] >= 'a' && text.p[i] <= 'z' ? text.p[i] - 32
										: text.p[i]);
	return slice_of(out, out ? text.n : 0);
}

/* One without which its keys cannot be fetched; a description's own come first among the options. */
static bool is_for_keys(const struct trust_description *d, size_t option)
{
	return option < d->own_option_count && d->own_options[option].value.n == 0 && trust_published_sends(d, option);
}

static struct slice option_lines(const struct trust_description *d)
{
	struct trust_about about = { .option_count = 0 };
	struct slice lines = SLICE_NONE;

	trust_about_options(d, &about);
	for (size_t i = 0; i < about.option_count; i++)
		if (about.options[i].required || is_for_keys(d, i))
			lines = arena_printf(d->arena, "%.*s%s      %.*s: \"%.*s\" # %.*s\n", SLICE_ARGS(lines),
					     lines.n == 0 ? "    options:\n" : "", SLICE_ARGS(about.options[i].name),
					     SLICE_ARGS(stand_in(d->arena, about.options[i].name)),
					     SLICE_ARGS(about.options[i].about));
	return lines;
}

static struct slice secret_line(const struct trust_description *d)
{
	struct slice name = arena_copy(d->arena, d->name);
	unsigned char *variable = (unsigned char *)(uintptr_t)name.p;

	if (needs_no_secret(d))
		return d->verify.scheme->keyed ? SLICE("    # no secret: the provider publishes its key, which is "
						       "fetched\n")
					       : SLICE_NONE;
	for (size_t i = 0; i < name.n; i++)
		variable[i] = (unsigned char)(name.p[i] == '-' ? '_' : name.p[i] >= 'a' ? name.p[i] - 32 : name.p[i]);
	return arena_printf(d->arena, "    secret: env:%.*s_WEBHOOK_SECRET # %.*s\n", SLICE_ARGS(name),
			    SLICE_ARGS(trust_about_secret(d)));
}

static bool has_url(const struct trust_template *template)
{
	for (size_t i = 0; i < template->count; i++)
		for (const struct trust_place *place = &template->parts[i].place; place; place = place->otherwise)
			if (place->kind == TRUST_PLACE_URL || place->kind == TRUST_PLACE_HOST)
				return true;
	return false;
}

/* Of a plugin only its words tell it. */
static bool signs_url(const struct trust_verify *verify)
{
	for (size_t i = 0; verify->jwt && i < verify->jwt->claim_count; i++)
		for (size_t k = 0; k < verify->jwt->claims[i].value_count; k++)
			if (has_url(&verify->jwt->claims[i].values[k]))
				return true;
	return has_url(&verify->signed_text) || (verify->plugin && strstr(verify->plugin->scheme, "{url}"));
}

struct slice trust_about_example(const struct trust_description *d)
{
	static const char own_scheme[] = "    verify:\n"
					 "      algorithm: hmac-sha256\n"
					 "      signature: { header: X-Signature, encoding: hex }\n"
					 "      signed: \"{body}\"\n";
	struct slice url = SLICE_NONE;

	if (signs_url(&d->verify))
		url = arena_printf(
			d->arena, "    public_url: https://hooks.example.com # of the URL that the provider was given, "
				  "what stands before the path: it is signed\n");
	return arena_printf(d->arena,
			    "routes:\n  - name: %.*s\n    path: /hooks/%.*s\n    provider: %.*s\n%.*s%.*s%.*s%s",
			    SLICE_ARGS(d->name), SLICE_ARGS(d->name), SLICE_ARGS(d->name), SLICE_ARGS(secret_line(d)),
			    SLICE_ARGS(url), SLICE_ARGS(option_lines(d)), d->verify.scheme ? "" : own_scheme);
}
