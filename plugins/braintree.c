/* braintree.c - Braintree: a form of a payload and its signatures, one per public key; HMAC-SHA1 with the SHA-1 of the private
 * key.
 *
 * The special difficulty: what is signed is the decoded field, and Braintree's own library also takes it with a line feed
 * behind it. The payload is XML in base64 that was cut into lines; only the kind of the event is looked for in it. */
#include "trust/plugin_help.h"

struct state {
	struct plugin_bytes signature; /* decoded; of our public key */
	struct plugin_bytes payload;
};

static enum plugin_result form_field(const struct plugin_host *host, struct plugin_call *call, struct plugin_bytes name,
				     struct plugin_bytes *value)
{
	const struct plugin_field *fields;
	size_t count;
	enum plugin_result result = host->fields(call, PLUGIN_FIELDS_FORM, &fields, &count);

	return result == PLUGIN_OK ? plugin_one_field(fields, count, name, value) : result;
}

/* "integration_public_key|hex&another|hex": the one that is ours. */
static enum plugin_result choose(const struct plugin_host *host, struct plugin_call *call, struct plugin_bytes pairs,
				 struct state *state)
{
	struct plugin_bytes ours = { NULL, 0 }, pair, key, hex;

	(void)host->option(call, "public_key", 0, &ours);
	while (pairs.n > 0) {
		(void)plugin_cut(pairs, '&', &pair, &pairs);
		(void)plugin_cut(pair, '|', &key, &hex);
		if (!plugin_same(key, ours))
			continue;
		host->signature(call, hex);
		(void)host->decode(call, PLUGIN_HEX, hex, &state->signature);
		return PLUGIN_OK;
	}
	return plugin_refuse(host, call, PLUGIN_MISMATCH, "no signature is of the route's public_key");
}

static enum plugin_result read(const struct plugin_host *host, struct plugin_call *call)
{
	struct state *state = host->state(call, sizeof(*state));
	struct plugin_bytes pairs = { NULL, 0 };
	enum plugin_result result;

	if (!state)
		return PLUGIN_WRONG;
	result = form_field(host, call, PLUGIN_LITERAL("bt_signature"), &pairs);
	if (result == PLUGIN_OK)
		result = form_field(host, call, PLUGIN_LITERAL("bt_payload"), &state->payload);
	if (result != PLUGIN_OK)
		return plugin_refuse(host, call, result,
				     "bt_signature or bt_payload is missing, or stands there twice");
	host->signed_text(call, &state->payload, 1);
	return choose(host, call, pairs, state);
}

static enum plugin_result mac(const struct plugin_host *host, struct plugin_call *call, uint32_t secret,
			      const struct plugin_bytes *pieces, size_t count, struct plugin_bytes *out)
{
	struct plugin_bytes key;
	enum plugin_result result = host->secret(call, secret, &key);

	if (result == PLUGIN_OK)
		result = host->digest(call, PLUGIN_SHA1, &key, 1, &key);
	return result == PLUGIN_OK ? host->mac_with(call, PLUGIN_SHA1, key, pieces, count, out) : result;
}

static enum plugin_result prove(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	struct state *state = host->state(call, sizeof(*state));
	struct plugin_bytes pieces[2] = { state->payload, PLUGIN_LITERAL("\n") }, expected;
	bool right = false;

	for (size_t count = 1; count <= 2; count++) {
		enum plugin_result result = mac(host, call, secret, pieces, count, &expected);

		if (result != PLUGIN_OK)
			return result;
		right |= host->equal(expected, state->signature);
	}
	return right ? PLUGIN_OK : PLUGIN_MISMATCH;
}

/* ---- the kind ---- */

/* The payload without its line breaks. */
static enum plugin_result unfold(const struct plugin_host *host, struct plugin_call *call, struct plugin_bytes *text)
{
	unsigned char *p = host->alloc(call, text->n);
	size_t n = 0;

	if (!p)
		return PLUGIN_WRONG;
	for (size_t i = 0; i < text->n; i++)
		if (text->p[i] != '\n' && text->p[i] != '\r')
			p[n++] = text->p[i];
	*text = (struct plugin_bytes){ p, n };
	return PLUGIN_OK;
}

static enum plugin_result event(const struct plugin_host *host, struct plugin_call *call, struct plugin_bytes *id,
				struct plugin_bytes *type)
{
	static const struct plugin_bytes mark = { (const unsigned char *)"<kind>", 6 };
	struct plugin_bytes xml, after;
	enum plugin_result result = form_field(host, call, PLUGIN_LITERAL("bt_payload"), &xml);

	(void)id;
	if (result == PLUGIN_OK)
		result = unfold(host, call, &xml);
	if (result == PLUGIN_WRONG)
		return result;
	if (result != PLUGIN_OK || host->decode(call, PLUGIN_BASE64_ANY, xml, &xml) != PLUGIN_OK)
		return PLUGIN_MALFORMED_BODY;
	while (xml.n > 0 && !plugin_starts(xml, mark))
		xml = plugin_from(xml, 1);
	(void)plugin_cut(plugin_from(xml, mark.n), '<', type, &after);
	return PLUGIN_OK;
}

/* ---- signing ---- */

/* The draft's body is the notification's XML; what is sent is the form. */
static enum plugin_result sign(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	struct plugin_bytes payload,
		pieces[] = { PLUGIN_LITERAL("bt_signature="), { NULL, 0 }, PLUGIN_LITERAL("%7C"), { NULL, 0 },
			     PLUGIN_LITERAL("&bt_payload="),  { NULL, 0 } };
	enum plugin_result result = host->encode(call, PLUGIN_BASE64, host->part(call, PLUGIN_BODY), &payload);

	(void)host->option(call, "public_key", 0, &pieces[1]);
	pieces[5] = payload;
	if (result == PLUGIN_OK)
		result = mac(host, call, secret, &payload, 1, &pieces[3]);
	if (result == PLUGIN_OK)
		result = host->encode(call, PLUGIN_HEX, pieces[3], &pieces[3]);
	if (result == PLUGIN_OK)
		result = plugin_percent(host, call, pieces[1], "", &pieces[1]);
	if (result == PLUGIN_OK)
		result = plugin_percent(host, call, pieces[5], "", &pieces[5]);
	if (result == PLUGIN_OK)
		result = host->join(call, pieces, sizeof(pieces) / sizeof(pieces[0]), &payload);
	return result == PLUGIN_OK ? host->set_body(call, payload) : result;
}

/* ---- the challenge ---- */

/* Nobody gets another text signed by asking here. */
static bool is_challenge(struct plugin_bytes text)
{
	for (size_t i = 0; i < text.n; i++)
		if (!((text.p[i] >= '0' && text.p[i] <= '9') || (text.p[i] >= 'a' && text.p[i] <= 'f')))
			return false;
	return text.n >= 20 && text.n <= 32;
}

/* Answered with the first secret that is valid now. */
static enum plugin_result handshake(const struct plugin_host *host, struct plugin_call *call)
{
	const struct plugin_field *fields;
	struct plugin_bytes challenge, pieces[3] = { { NULL, 0 }, PLUGIN_LITERAL("|") }, body;
	enum plugin_result result = PLUGIN_MISSING;
	size_t count;

	if (!plugin_same(host->part(call, PLUGIN_METHOD), PLUGIN_LITERAL("GET")) ||
	    host->fields(call, PLUGIN_FIELDS_QUERY, &fields, &count) != PLUGIN_OK ||
	    plugin_one_field(fields, count, PLUGIN_LITERAL("bt_challenge"), &challenge) != PLUGIN_OK)
		return PLUGIN_MISSING;
	if (!is_challenge(challenge))
		return plugin_refuse(host, call, PLUGIN_MALFORMED_REQUEST, "bt_challenge is not 20 to 32 hex digits");
	(void)host->option(call, "public_key", 0, &pieces[0]);
	for (uint32_t i = 0; i < host->secrets(call) && result == PLUGIN_MISSING; i++)
		result = mac(host, call, i, &challenge, 1, &body);
	if (result == PLUGIN_OK)
		result = host->encode(call, PLUGIN_HEX, body, &pieces[2]);
	if (result == PLUGIN_OK)
		result = host->join(call, pieces, 3, &body);
	return result == PLUGIN_OK ? host->answer(call, 200, PLUGIN_LITERAL("text/plain"), body) : result;
}

static const struct plugin_option options[] = {
	{ "public_key", PLUGIN_OPTION_TEXT, true,
	  "the public key that belongs to the private key, which is the secret" },
};

PLUGIN_EXPORT const struct plugin plugin_braintree = {
	.abi = PLUGIN_ABI,
	.size = sizeof(struct plugin),
	.name = "braintree",
	.scheme = "hmac-sha1 hex over the field bt_payload, key sha1(secret)",
	.flags = PLUGIN_ANSWERS_GET,
	.options = options,
	.option_count = sizeof(options) / sizeof(options[0]),
	.read = read,
	.prove = prove,
	.event = event,
	.handshake = handshake,
	.sign = sign,
};
