/* tries_signature.c - what could be a signature, and is not written as the description has it.
 *
 * The special difficulty: schemes and plugins read the signature from the request, each in its own way. So what is found
 * is not handed to them but put into the header as the provider would have written it. */
#include "base/encode.h"
#include "trust/sign.h"
#include "trust/tries_inner.h"

/* Shorter ones are no signatures: an MD5 has as many. */
enum { SHORTEST = 16 };

/* Where the provider has its signature; the header's value goes there. */
static bool place_of(const struct trust_tries *t, struct slice *name)
{
	const struct trust_verify *verify = &t->verifier->description->verify;

	if (verify->plugin || verify->signature_count == 0 || verify->signatures[0].kind != TRUST_PLACE_HEADER ||
	    verify->signatures[0].inner != TRUST_INNER_NONE || verify->signature.position > 0 || verify->numbered)
		return false;
	*name = verify->signatures[0].names[t->evidence->reading.family];
	return true;
}

/* What stands in the header besides the signature: the timestamp. */
static struct slice beside(const struct trust_tries *t, struct slice name)
{
	const struct trust_verify *verify = &t->verifier->description->verify;

	if (!verify->has_timestamp || verify->timestamp.kind != TRUST_PLACE_HEADER || !verify->signature.list ||
	    !slice_eq_nocase(verify->timestamp.names[t->evidence->reading.family], name) ||
	    t->evidence->timestamp.n == 0)
		return SLICE_NONE;
	return trust_spell(&verify->timestamp_grammar, t->evidence->timestamp, t->arena);
}

static void add(struct trust_tries *t, struct slice text, struct slice words)
{
	const struct trust_verify *verify = &t->verifier->description->verify;
	struct slice name, value, other;

	if (!place_of(t, &name) || t->signature_count == TRUST_TRY_SIGNATURES)
		return;
	for (size_t i = 0; i < t->evidence->candidate_count; i++)
		if (slice_eq(text, t->evidence->candidates[i]))
			return;
	value = trust_spell(&verify->signature, text, t->arena);
	other = beside(t, name);
	if (other.n > 0)
		value = arena_printf(t->arena, "%.*s%c%.*s", SLICE_ARGS(other), verify->signature.list,
				     SLICE_ARGS(value));
	for (size_t i = 1; i < t->signature_count; i++)
		if (slice_eq(value, t->signatures[i].header.value))
			return;
	t->signatures[t->signature_count++] = (struct trust_try_signature){ words, { name, value } };
}

/* A token in each of the encodings that it could be in, written anew in the right one. */
static void add_token(struct trust_tries *t, struct slice token, struct slice from)
{
	static const struct {
		enum trust_encoding encoding;
		const char *words;
	} readings[] = { { TRUST_ENCODING_HEX, "read as hex" },
			 { TRUST_ENCODING_BASE64, "read as base64" },
			 { TRUST_ENCODING_BASE64URL, "read as base64url" } };
	const struct trust_verify *verify = &t->verifier->description->verify;
	struct slice bytes;

	if (token.n == 0)
		return;
	if (verify->encoding == TRUST_ENCODING_TEXT) {
		add(t, token,
		    from.n > 0 ? from : SLICE("with the signature written with another prefix or field name"));
		return;
	}
	for (size_t i = 0; i < 3; i++) {
		if (!trust_decode(readings[i].encoding, token, t->arena, &bytes) || bytes.n < SHORTEST)
			continue;
		add(t, trust_encode(verify->encoding, bytes, t->arena),
		    from.n > 0 ? from
		    : readings[i].encoding == verify->encoding
			    ? SLICE("with the signature written with another prefix "
				    "or field name")
			    : arena_printf(t->arena, "with the signature %s", readings[i].words));
	}
}

/* The whole value, each of its items, and what stands behind an item's first "=" or ":". */
static void add_tokens(struct trust_tries *t, struct slice value, struct slice from)
{
	struct slice item, before, behind;

	add_token(t, value, from);
	while (value.n > 0) {
		size_t at = 0;

		while (at < value.n && !memchr(" ,;", value.p[at], 3))
			at++;
		item = slice_head(value, at);
		value = slice_from(value, at + 1);
		add_token(t, item, from);
		if (slice_cut(item, '=', &before, &behind) || slice_cut(item, ':', &before, &behind))
			add_token(t, behind, from);
	}
}

static bool sounds_signed(struct slice name)
{
	static const char *const words[] = { "signature", "hmac", "sign", "digest", "hash" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		for (size_t at = 0; at + strlen(words[i]) <= name.n; at++)
			if (slice_eq_nocase(slice_head(slice_from(name, at), strlen(words[i])), slice_str(words[i])))
				return true;
	return false;
}

void trust_tries_signatures(struct trust_tries *t)
{
	struct slice name;

	t->signatures[t->signature_count++] = (struct trust_try_signature){ .words = SLICE_NONE };
	if (!place_of(t, &name))
		return;
	for (size_t i = 0; i < t->request->header_count; i++) {
		const struct header *header = &t->request->headers[i];

		if (slice_eq_nocase(header->name, name))
			add_tokens(t, header->value, SLICE_NONE);
	}
	for (size_t i = 0; i < t->request->header_count; i++) {
		const struct header *header = &t->request->headers[i];

		if (!slice_eq_nocase(header->name, name) && sounds_signed(header->name))
			add_tokens(t, header->value,
				   arena_printf(t->arena, "with the signature of the header %.*s",
						SLICE_ARGS(header->name)));
	}
}
