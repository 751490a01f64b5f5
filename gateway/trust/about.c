/* about.c - a description in words for a person: `hookgate providers`.
 *
 * Everything here is drawn from what the engine works with, so that it cannot say anything else than what is done. */
#include "trust/about.h"

#include "trust/plugin.h"
#include "trust/published.h"
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
	if (d->verify.plugin && d->verify.plugin->handshake)
		words = arena_printf(d->arena, "%.*s%sanswered by the plugin%s", SLICE_ARGS(words),
				     words.n > 0 ? ", " : "",
				     d->verify.plugin->flags & PLUGIN_ANSWERS_GET ? " (POST and GET)" : "");
	return words;
}

/* ---- how a delivery is signed, piece by piece ---- */

/* "header X-Signature", "query parameter sig", else as the description has it. */
static struct slice place_words(const struct trust_description *d, const struct trust_place *place)
{
	bool header = place->kind == TRUST_PLACE_HEADER && place->inner == TRUST_INNER_NONE && !place->otherwise;
	bool query = place->kind == TRUST_PLACE_QUERY && place->inner == TRUST_INNER_NONE && !place->otherwise;

	if (!header && !query)
		return place->text;
	return arena_printf(d->arena, "%s %.*s", header ? "header" : "query parameter", SLICE_ARGS(place->names[0]));
}

/* ": v1=HEX, in a list with ,": one value as the grammar has it. */
static struct slice value_words(const struct trust_description *d, const struct trust_grammar *grammar,
				struct slice value)
{
	struct slice words = value;

	if (grammar->behind)
		words = arena_printf(d->arena, "...%c%.*s", grammar->behind, SLICE_ARGS(words));
	words = arena_printf(d->arena, "%.*s%.*s", SLICE_ARGS(grammar->prefix), SLICE_ARGS(words));
	if (grammar->field.n > 0)
		words = arena_printf(d->arena, "%.*s%c%.*s", SLICE_ARGS(grammar->field), grammar->assign,
				     SLICE_ARGS(words));
	if (grammar->position > 0)
		words = arena_printf(d->arena, "%.*s, item %zu%s", SLICE_ARGS(words), grammar->position,
				     grammar->onward ? " and those behind it" : "");
	if (grammar->list)
		words = arena_printf(d->arena, "%.*s%s a list with \"%c\"", SLICE_ARGS(words),
				     grammar->position > 0 ? " of" : ", in", grammar->list);
	return words;
}

static struct slice signature_words(const struct trust_description *d)
{
	const struct trust_verify *verify = &d->verify;
	const struct trust_scheme *scheme = verify->scheme;
	struct slice words = SLICE_NONE, value;

	if (!scheme || !scheme->keyed || verify->plugin || verify->signature_count == 0)
		return SLICE_NONE;
	for (size_t i = 0; i < verify->signature_count; i++)
		words = arena_printf(d->arena, "%.*s%s%.*s", SLICE_ARGS(words), i > 0 ? " or " : "",
				     SLICE_ARGS(place_words(d, &verify->signatures[i])));
	value = verify->jwt && !verify->jwt->detached	  ? SLICE("token")
		: scheme->texted || verify->jwt		  ? encoding_word(verify->encoding)
		: slice_eq(scheme->name, SLICE("basic"))  ? SLICE("base64 of user:password")
		: verify->encoding != TRUST_ENCODING_TEXT ? encoding_word(verify->encoding)
							  : SLICE("the secret itself");
	value = arena_printf(d->arena, "<%.*s>", SLICE_ARGS(value));
	return arena_printf(d->arena, "%.*s%s: %.*s", SLICE_ARGS(words),
			    verify->numbered   ? "1, 2, 3 ..."
			    : verify->repeated ? ", several times"
					       : "",
			    SLICE_ARGS(value_words(d, &verify->signature, value)));
}

static struct slice timestamp_words(const struct trust_description *d)
{
	static const char *const units[] = { [TRUST_UNIT_SECONDS] = "<unix seconds>",
					     [TRUST_UNIT_MILLISECONDS] = "<unix milliseconds>",
					     [TRUST_UNIT_RFC3339] = "<2026-01-02T03:04:05Z>",
					     [TRUST_UNIT_HTTP_DATE] = "<Fri, 02 Jan 2026 03:04:05 GMT>" };
	const struct trust_verify *verify = &d->verify;

	if (!verify->has_timestamp)
		return verify->plugin && (verify->plugin->flags & PLUGIN_TELLS_TIME) ? SLICE("read by the plugin")
										     : SLICE_NONE;
	return arena_printf(d->arena, "%.*s: %.*s", SLICE_ARGS(place_words(d, &verify->timestamp)),
			    SLICE_ARGS(value_words(d, &verify->timestamp_grammar, slice_str(units[verify->unit]))));
}

/* "jwt HS256", "jwt ecdsa-p256-sha256 or rsa-sha256" */
static struct slice token_words(const struct trust_description *d)
{
	static const char *const shared[] = { "HS256", "HS384", "HS512" };
	const struct trust_jwt *jwt = d->verify.jwt;
	struct slice words = SLICE("jwt");
	const char *before = " ";

	for (unsigned i = 0; i < 3; i++)
		if (jwt->shared & 1U << i) {
			words = arena_printf(d->arena, "%.*s%s%s", SLICE_ARGS(words), before, shared[i]);
			before = " or ";
		}
	for (unsigned i = 0; i < 32; i++)
		if (jwt->algorithms & 1U << i) {
			words = arena_printf(d->arena, "%.*s%s%.*s", SLICE_ARGS(words), before,
					     SLICE_ARGS(trust_algorithm_name((enum trust_algorithm)i)));
			before = " or ";
		}
	return words;
}

/* The scheme without what is signed: of a plugin's, the words before that. */
static struct slice algorithm_words(const struct trust_description *d)
{
	const struct trust_verify *verify = &d->verify;
	const char *over = verify->plugin ? strstr(verify->plugin->scheme, " over ") : NULL;

	if (!verify->scheme)
		return SLICE("the route's own");
	if (over)
		return slice_of((const unsigned char *)verify->plugin->scheme, (size_t)(over - verify->plugin->scheme));
	if (verify->plugin)
		return slice_str(verify->plugin->scheme);
	if (verify->jwt)
		return token_words(d);
	if (!verify->scheme->texted)
		return verify->scheme->name;
	return arena_printf(d->arena, "%.*s %.*s", SLICE_ARGS(verify->scheme->name),
			    SLICE_ARGS(encoding_word(verify->encoding)));
}

/* What a delivery that was taken must be answered with, and what is read into refusals. */
static struct slice answer_words(const struct trust_description *d)
{
	struct slice words = SLICE_NONE;

	if (d->answer_status > 0)
		words = arena_printf(d->arena, "%u %s%.*s", d->answer_status, d->answer_body.n > 0 ? "" : "and empty",
				     SLICE_ARGS(d->answer_body));
	if (d->refusals[TRUST_SIGNATURE_MISMATCH] > 0)
		words = arena_printf(d->arena, "%.*s%s%u for a wrong signature", SLICE_ARGS(words),
				     words.n > 0 ? "; " : "any 2xx; ", d->refusals[TRUST_SIGNATURE_MISMATCH]);
	return words;
}

/* Where keys come from that no route has to bring. */
static struct slice keys_words(const struct trust_description *d)
{
	const struct trust_published *published = &d->verify.published;
	struct buf options = BUF_EMPTY;
	struct slice words = SLICE_NONE;

	if (published->url.count == 0)
		return words;
	for (size_t i = 0; i < TRUST_KEY_HOSTS_MAX && published->hosts[i].n > 0; i++)
		words = arena_printf(d->arena, "%.*s%s%.*s", SLICE_ARGS(words), i > 0 ? ", " : ", from ",
				     SLICE_ARGS(published->hosts[i]));
	words = arena_printf(d->arena, "published at %.*s%.*s", SLICE_ARGS(published->url.text), SLICE_ARGS(words));
	trust_published_lacks(d, &options);
	if (options.n > 0)
		words = arena_printf(d->arena, "%.*s; fetched with the options %.*s", SLICE_ARGS(words),
				     SLICE_ARGS(buf_slice(&options)));
	buf_free(&options);
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
		.algorithm = algorithm_words(d),
		.signature = signature_words(d),
		.signed_text = d->verify.plugin ? SLICE_NONE : one_line(d, spelt_out(d, d->verify.signed_text.text)),
		.timestamp = timestamp_words(d),
		.secret = trust_about_secret(d),
		.keys = keys_words(d),
		.answer = answer_words(d),
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
		.guarded = trust_wants_guard(d),
		.text = d->source,
		.example = trust_about_example(d),
	};
	trust_about_options(d, &provider->about);
}

void trust_about(const struct trust_provider *provider, struct trust_about *out)
{
	*out = provider->about;
}
