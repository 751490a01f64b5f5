/* twilio.c - Twilio: HMAC-SHA1 over the public URL and the sorted form fields; of a body that is no form, its SHA-256 stands
 * in the URL.
 *
 * The special difficulty: Twilio signs the URL with or without the port, whatever stands in its console, and the vendor's
 * own library takes both spellings; so both are tried. */
#include "trust/plugin_help.h"

enum { SPELLINGS = 2 };

struct state {
	struct plugin_bytes signature; /* decoded */
	struct plugin_bytes urls[SPELLINGS];
	struct plugin_bytes *pieces; /* the first is the URL's place */
	size_t count;
};

/* Behind "https://host": where the path begins, and where the port's colon is, if there is one. */
static size_t authority_end(struct plugin_bytes url, size_t *colon)
{
	size_t at = 0;

	*colon = 0;
	while (at + 2 < url.n && !(url.p[at] == ':' && url.p[at + 1] == '/' && url.p[at + 2] == '/'))
		at++;
	for (at += 3; at < url.n && url.p[at] != '/' && url.p[at] != '?'; at++)
		if (url.p[at] == ':')
			*colon = at;
		else if (url.p[at] == ']')
			*colon = 0;
	return at < url.n ? at : url.n;
}

static enum plugin_result spell(const struct plugin_host *host, struct plugin_call *call, struct state *state)
{
	struct plugin_bytes url = state->urls[0];
	struct plugin_bytes port =
		plugin_starts(url, PLUGIN_LITERAL("https:")) ? PLUGIN_LITERAL(":443") : PLUGIN_LITERAL(":80");
	size_t colon, end = authority_end(url, &colon);
	struct plugin_bytes pieces[3] = { { url.p, colon ? colon : end }, { NULL, 0 }, plugin_from(url, end) };

	if (colon == 0)
		pieces[1] = port;
	return host->join(call, pieces, 3, &state->urls[1]);
}

/* Of equal fields only the first counts. */
static enum plugin_result add_fields(const struct plugin_host *host, struct plugin_call *call, struct state *state)
{
	const struct plugin_field *fields;
	struct plugin_field *sorted;
	size_t count;
	enum plugin_result result = host->fields(call, PLUGIN_FIELDS_FORM, &fields, &count);

	if (result != PLUGIN_OK)
		return result;
	sorted = plugin_sorted(host, call, fields, count);
	state->pieces = host->alloc(call, (2 * count + 1) * sizeof(state->pieces[0]));
	if (!sorted || !state->pieces)
		return PLUGIN_WRONG;
	state->count = 1;
	for (size_t i = 0; i < count; i++) {
		if (i > 0 && plugin_same(sorted[i].name, sorted[i - 1].name) &&
		    plugin_same(sorted[i].value, sorted[i - 1].value))
			continue;
		state->pieces[state->count++] = sorted[i].name;
		state->pieces[state->count++] = sorted[i].value;
	}
	if (count == 0 && host->part(call, PLUGIN_BODY).n > 0)
		host->covers(call, PLUGIN_COVER_NONE);
	return PLUGIN_OK;
}

/* *hashed: the body's hash stands in the URL, and nothing but the URL is signed. */
static enum plugin_result look_for_hash(const struct plugin_host *host, struct plugin_call *call, bool *hashed)
{
	struct plugin_bytes body = host->part(call, PLUGIN_BODY), text, sent = { NULL, 0 }, hash;
	const struct plugin_field *fields;
	size_t count;
	enum plugin_result result = host->fields(call, PLUGIN_FIELDS_QUERY, &fields, &count);

	if (result == PLUGIN_OK)
		result = plugin_one_field(fields, count, PLUGIN_LITERAL("bodySHA256"), &text);
	*hashed = result == PLUGIN_OK;
	if (result != PLUGIN_OK)
		return result == PLUGIN_MISSING ? PLUGIN_OK : result;
	result = host->digest(call, PLUGIN_SHA256, &body, 1, &hash);
	if (result != PLUGIN_OK)
		return result;
	(void)host->decode(call, PLUGIN_HEX, text, &sent);
	return host->equal(sent, hash)
		       ? PLUGIN_OK
		       : plugin_refuse(host, call, PLUGIN_MISMATCH,
				       "the body is not the one whose SHA-256 is bodySHA256 in the URL");
}

static enum plugin_result gather(const struct plugin_host *host, struct plugin_call *call, struct state *state)
{
	bool hashed;
	enum plugin_result result = plugin_signed_url(host, call, &state->urls[0]);

	if (result == PLUGIN_OK)
		result = spell(host, call, state);
	if (result == PLUGIN_OK)
		result = look_for_hash(host, call, &hashed);
	if (result != PLUGIN_OK)
		return result;
	if (!hashed)
		return add_fields(host, call, state);
	state->pieces = host->alloc(call, sizeof(state->pieces[0]));
	state->count = 1;
	return state->pieces ? PLUGIN_OK : PLUGIN_WRONG;
}

static enum plugin_result read(const struct plugin_host *host, struct plugin_call *call)
{
	struct state *state = host->state(call, sizeof(*state));
	struct plugin_bytes text;
	enum plugin_result result;

	if (!state)
		return PLUGIN_WRONG;
	result = plugin_one_header(host, call, "X-Twilio-Signature", &text);
	if (result == PLUGIN_OK)
		result = gather(host, call, state);
	if (result != PLUGIN_OK)
		return result;
	host->signature(call, text);
	(void)host->decode(call, PLUGIN_BASE64, text, &state->signature);
	state->pieces[0] = state->urls[0];
	host->signed_text(call, state->pieces, state->count);
	return PLUGIN_OK;
}

static enum plugin_result prove(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	struct state *state = host->state(call, sizeof(*state));
	bool right = false;

	for (size_t i = 0; i < SPELLINGS; i++) {
		enum plugin_result result;

		state->pieces[0] = state->urls[i];
		result = plugin_mac_is(host, call, PLUGIN_SHA1, secret, state->pieces, state->count, state->signature);
		if (result == PLUGIN_MISMATCH)
			continue;
		if (result != PLUGIN_OK)
			return result;
		/* The spelling that is signed: what is remembered of a delivery is the same, however it comes. */
		host->signed_text(call, state->pieces, state->count);
		right = true;
	}
	return right ? PLUGIN_OK : PLUGIN_MISMATCH;
}

static enum plugin_result sign(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	struct state *state = host->state(call, sizeof(*state));
	struct plugin_bytes text;
	enum plugin_result result = state ? gather(host, call, state) : PLUGIN_WRONG;

	if (result != PLUGIN_OK)
		return result;
	state->pieces[0] = state->urls[0];
	result = plugin_mac_text(host, call, PLUGIN_SHA1, PLUGIN_BASE64, secret, state->pieces, state->count, &text);
	return result == PLUGIN_OK ? host->add_header(call, "X-Twilio-Signature", text) : result;
}

PLUGIN_EXPORT const struct plugin plugin_twilio = {
	.abi = PLUGIN_ABI,
	.size = sizeof(struct plugin),
	.name = "twilio",
	.scheme = "hmac-sha1 base64 over {url} and the sorted form fields",
	.read = read,
	.prove = prove,
	.sign = sign,
};
