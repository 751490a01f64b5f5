/* about.c - a description in words for a person: `hookgate providers`.
 *
 * Everything here is drawn from what the engine works with, so that it cannot say anything else than what is done. */
#include "trust/catalogue.h"
#include "trust/plugin.h"
#include "trust/scheme.h"

static struct slice encoding_word(enum trust_encoding encoding)
{
	switch (encoding) {
	case TRUST_ENCODING_TEXT:
		return SLICE("text");
	case TRUST_ENCODING_HEX:
		return SLICE("hex");
	case TRUST_ENCODING_BASE64:
		return SLICE("base64");
	case TRUST_ENCODING_BASE64URL:
		return SLICE("base64url");
	}
	return SLICE_NONE;
}

static struct slice cover_word(enum trust_cover covered)
{
	return covered == TRUST_COVER_FULL	? SLICE("full")
	       : covered == TRUST_COVER_PARTIAL ? SLICE("partial")
						: SLICE("none");
}

/* Newlines as "\n": a template may have them. */
static struct slice one_line(const struct trust_description *d, struct slice text)
{
	size_t at;

	while ((at = slice_index(text, '\n')) < text.n)
		text = arena_printf(d->arena, "%.*s\\n%.*s", SLICE_ARGS(slice_head(text, at)),
				    SLICE_ARGS(slice_from(text, at + 1)));
	return text;
}

/* "header:*id" as it is in the first family of names: "header:webhook-id". */
static struct slice spelt_out(const struct trust_description *d, struct slice text)
{
	struct slice family = d->verify.families[0];
	const unsigned char *star = text.n > 0 ? memmem(text.p, text.n, "header:*", 8) : NULL;
	size_t at = star ? (size_t)(star - text.p) + 7 : 0;

	if (!star || d->verify.family_count == 0)
		return text;
	return arena_printf(d->arena, "%.*s%.*s%.*s", SLICE_ARGS(slice_head(text, at)), SLICE_ARGS(family),
			    SLICE_ARGS(slice_from(text, at + 1)));
}

static struct slice way_words(const struct trust_description *d)
{
	const struct trust_verify *verify = &d->verify;

	if (!verify->scheme)
		return SLICE("as the route's section `verify` says");
	if (verify->plugin)
		return arena_printf(d->arena, "plugin %s: %s", verify->plugin->name, verify->plugin->scheme);
	if (!verify->scheme->keyed)
		return SLICE("none");
	if (!verify->scheme->texted)
		return arena_printf(d->arena, "%.*s in %.*s%s%.*s", SLICE_ARGS(verify->scheme->name),
				    SLICE_ARGS(verify->signatures[0].names[0].n > 0 ? verify->signatures[0].names[0]
										    : verify->signatures[0].text),
				    verify->signature.prefix.n > 0 ? ": " : "",
				    SLICE_ARGS(slice_trim(verify->signature.prefix)));
	return arena_printf(d->arena, "%.*s %.*s over %.*s", SLICE_ARGS(verify->scheme->name),
			    SLICE_ARGS(encoding_word(verify->encoding)),
			    SLICE_ARGS(one_line(d, spelt_out(d, verify->signed_text.text))));
}

static struct slice scheme_words(const struct trust_description *d)
{
	struct slice words = way_words(d);

	for (size_t i = 0; i < d->variant_count; i++)
		words = arena_printf(d->arena, "%.*s; or as %.*s", SLICE_ARGS(words),
				     SLICE_ARGS(d->variants[i].provider));
	return words;
}

static struct slice source_words(const struct trust_description *d, const struct trust_source *source)
{
	struct slice words = SLICE_NONE;

	for (size_t i = 0; i < source->count; i++)
		words = i == 0 ? spelt_out(d, source->alternatives[0].text)
			       : arena_printf(d->arena, "%.*s, else %.*s", SLICE_ARGS(words),
					      SLICE_ARGS(spelt_out(d, source->alternatives[i].text)));
	return words;
}

static struct slice handshake_words(const struct trust_description *d)
{
	struct slice words = SLICE_NONE;

	for (size_t i = 0; i < d->handshake_count; i++)
		words = arena_printf(d->arena, "%.*s%s%.*s (%s %.*s)", SLICE_ARGS(words), i > 0 ? ", " : "",
				     SLICE_ARGS(d->handshakes[i].name),
				     d->handshakes[i].is_signed ? "signed" : "unsigned",
				     SLICE_ARGS(d->handshakes[i].method));
	return words;
}

/* Whoever reads it must know what to do with it. */
static struct slice confidence_words(const struct trust_description *d)
{
	static const struct {
		const char *word, *means;
	} known[] = {
		{ "official", "the vendor's own code was run and agrees" },
		{ "documented", "from the vendor's documentation or source" },
		{ "third-party", "from other people's code or documentation" },
		{ "memory", "from memory: check it with a real delivery before you rely on it" },
		{ "standard", "a published standard, or a convention" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (slice_eq(d->confidence, slice_str(known[i].word)))
			return arena_printf(d->arena, "%s: %s%s%.*s%s", known[i].word, known[i].means,
					    d->evidence.n > 0 ? " (" : "", SLICE_ARGS(d->evidence),
					    d->evidence.n > 0 ? ")" : "");
	return d->evidence;
}

static struct slice option_line(const struct trust_description *d, struct slice lines, struct slice name,
				struct slice about)
{
	return arena_printf(d->arena, "%.*s%s      %.*s: \"...\" # %.*s\n", SLICE_ARGS(lines),
			    lines.n == 0 ? "    options:\n" : "", SLICE_ARGS(name), SLICE_ARGS(about));
}

/* What a route must say besides the secret. */
static struct slice option_lines(const struct trust_description *d)
{
	const struct plugin *plugin = d->verify.plugin;
	struct slice lines = SLICE_NONE;

	for (size_t i = 0; i < d->own_option_count; i++)
		if (d->own_options[i].required)
			lines = option_line(d, lines, d->own_options[i].name, d->own_options[i].about);
	for (size_t i = 0; plugin && i < plugin->option_count; i++)
		if (plugin->options[i].required)
			lines = option_line(d, lines, slice_str(plugin->options[i].name),
					    slice_str(plugin->options[i].help));
	return lines;
}

static struct slice example(const struct trust_description *d)
{
	const struct trust_scheme *scheme = d->verify.scheme;
	struct slice head =
		arena_printf(d->arena, "routes:\n  - name: %.*s\n    path: /hooks/%.*s\n    provider: %.*s\n",
			     SLICE_ARGS(d->name), SLICE_ARGS(d->name), SLICE_ARGS(d->name));
	struct slice verify = SLICE_NONE;
	char variable[80];
	size_t n = 0;

	if (!scheme)
		verify = SLICE("    verify:\n      algorithm: hmac-sha256\n      signature: { header: X-Signature, "
			       "encoding: hex }\n"
			       "      signed: \"{body}\"\n");
	for (; n < d->name.n && n < sizeof(variable); n++)
		variable[n] = (char)(d->name.p[n] == '-'   ? '_'
				     : d->name.p[n] >= 'a' ? d->name.p[n] - 32
							   : d->name.p[n]);
	verify = scheme ? option_lines(d) : verify;
	if (scheme && (!scheme->keyed || d->verify.published.url.count > 0 ||
		       (d->verify.plugin && (d->verify.plugin->flags & PLUGIN_SECRET_OPTIONAL))))
		return arena_printf(d->arena, "%.*s%.*s", SLICE_ARGS(head), SLICE_ARGS(verify));
	return arena_printf(d->arena, "%.*s    secret: env:%.*s_WEBHOOK_SECRET\n%.*s", SLICE_ARGS(head), (int)n,
			    variable, SLICE_ARGS(verify));
}

void trust_about_fill(struct trust_provider *provider)
{
	const struct trust_description *d = provider->description;

	provider->text = d->source;
	provider->about = (struct trust_about){
		.name = d->name,
		.title = d->title.n > 0 ? d->title : d->name,
		.docs = d->docs,
		.confidence = d->confidence,
		.trusted_because = confidence_words(d),
		.aliases = d->aliases,
		.alias_count = d->alias_count,
		.scheme = scheme_words(d),
		.id = source_words(d, &d->id),
		.type = source_words(d, &d->type),
		.handshake = handshake_words(d),
		.covered = cover_word(d->verify.covered),
		.window_ms = d->window_ms,
		.tolerance_ms =
			d->verify.has_timestamp || (d->verify.plugin && (d->verify.plugin->flags & PLUGIN_TELLS_TIME))
				? d->verify.tolerance_ms
				: -1,
		.id_signed = d->id_signed,
		.text = d->source,
		.example = example(d),
	};
}

void trust_about(const struct trust_provider *provider, struct trust_about *out)
{
	*out = provider->about;
}
