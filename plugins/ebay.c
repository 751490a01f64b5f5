/* ebay.c - eBay notifications: ECDSA with SHA-1 over the body; which key it was, and the signature, stand in a header of JSON
 * in base64.
 *
 * The special difficulty: eBay gives out its keys only to applications that log in. So here a key is what the host has by its kid, got
 * as the description says, or from the route's secret. */
#include "trust/plugin_help.h"

struct state {
	struct plugin_bytes signature; /* decoded, DER */
	struct plugin_bytes kid;
};

static enum plugin_result read(const struct plugin_host *host, struct plugin_call *call)
{
	struct state *state = host->state(call, sizeof(*state));
	struct plugin_bytes text, json, body = host->part(call, PLUGIN_BODY), signature = { NULL, 0 };
	enum plugin_result result;

	if (!state)
		return PLUGIN_WRONG;
	result = plugin_one_header(host, call, "x-ebay-signature", &text);
	if (result != PLUGIN_OK)
		return result;
	host->signed_text(call, &body, 1);
	if (host->decode(call, PLUGIN_BASE64_ANY, text, &json) != PLUGIN_OK)
		return plugin_refuse(host, call, PLUGIN_MISMATCH, "x-ebay-signature is not base64");
	result = plugin_member(host, call, json, "/signature", PLUGIN_JSON_STRING, &signature);
	if (result == PLUGIN_OK)
		result = plugin_member(host, call, json, "/kid", PLUGIN_JSON_STRING, &state->kid);
	if (result != PLUGIN_OK)
		return result;
	host->signature(call, signature);
	if (signature.n == 0 || host->decode(call, PLUGIN_BASE64_ANY, signature, &state->signature) != PLUGIN_OK)
		return plugin_refuse(host, call, PLUGIN_MISMATCH, "x-ebay-signature holds no signature");
	return PLUGIN_OK;
}

static enum plugin_result prove(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	struct state *state = host->state(call, sizeof(*state));
	struct plugin_bytes body = host->part(call, PLUGIN_BODY);

	return host->verify(call, secret, state->kid, PLUGIN_ECDSA_P256_SHA1, PLUGIN_DER, &body, 1, state->signature);
}

/* The endpoint is the URL as eBay was given it. */
static enum plugin_result handshake(const struct plugin_host *host, struct plugin_call *call)
{
	struct plugin_bytes pieces[3] = { { NULL, 0 } }, query, hash, hex = { NULL, 0 };
	const struct plugin_field *fields;
	size_t count;
	enum plugin_result result;

	if (!plugin_same(host->part(call, PLUGIN_METHOD), PLUGIN_LITERAL("GET")) ||
	    host->fields(call, PLUGIN_FIELDS_QUERY, &fields, &count) != PLUGIN_OK ||
	    plugin_one_field(fields, count, PLUGIN_LITERAL("challenge_code"), &pieces[0]) != PLUGIN_OK)
		return PLUGIN_MISSING;
	if (host->option(call, "verification_token", 0, &pieces[1]) == 0)
		return plugin_refuse(host, call, PLUGIN_MALFORMED_REQUEST,
				     "a challenge came, and the route has no option verification_token");
	if (host->option(call, "endpoint", 0, &pieces[2]) == 0)
		(void)plugin_cut(host->part(call, PLUGIN_URL), '?', &pieces[2], &query);
	result = host->digest(call, PLUGIN_SHA256, pieces, 3, &hash);
	if (result == PLUGIN_OK)
		result = host->encode(call, PLUGIN_HEX, hash, &hex);
	pieces[0] = PLUGIN_LITERAL("{\"challengeResponse\":\"");
	pieces[1] = hex;
	pieces[2] = PLUGIN_LITERAL("\"}");
	if (result == PLUGIN_OK)
		result = host->join(call, pieces, 3, &hex);
	return result == PLUGIN_OK ? host->answer(call, 200, PLUGIN_LITERAL("application/json"), hex) : result;
}

/* A key that has no name goes by any. */
static enum plugin_result sign(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	struct plugin_bytes body = host->part(call, PLUGIN_BODY), kid = PLUGIN_LITERAL("hookgate"), text;
	struct plugin_bytes pieces[5] = { PLUGIN_LITERAL("{\"alg\":\"ecdsa\",\"kid\":\""),
					  { NULL, 0 },
					  PLUGIN_LITERAL("\",\"signature\":\""),
					  { NULL, 0 },
					  PLUGIN_LITERAL("\",\"digest\":\"SHA1\"}") };
	enum plugin_result result = plugin_signature_text(host, call, PLUGIN_ECDSA_P256_SHA1, PLUGIN_DER, PLUGIN_BASE64,
							  secret, &body, 1, &pieces[3]);

	if (result == PLUGIN_OK && host->kid(call, secret, &kid) == PLUGIN_WRONG)
		return PLUGIN_WRONG;
	pieces[1] = kid;
	if (result == PLUGIN_OK)
		result = host->join(call, pieces, 5, &text);
	if (result == PLUGIN_OK)
		result = host->encode(call, PLUGIN_BASE64, text, &text);
	return result == PLUGIN_OK ? host->add_header(call, "x-ebay-signature", text) : result;
}

static const struct plugin_option options[] = {
	{ "verification_token", PLUGIN_OPTION_TEXT, false,
	  "the token of 32 to 80 characters that eBay was given; for its challenge" },
	{ "endpoint", PLUGIN_OPTION_TEXT, false, "the URL that eBay was given, where public_url does not say it" },
};

PLUGIN_EXPORT const struct plugin plugin_ebay = {
	.abi = PLUGIN_ABI,
	.size = sizeof(struct plugin),
	.name = "ebay",
	.scheme = "ecdsa-p256-sha1 in base64 of JSON over {body}, key by kid",
	.flags = PLUGIN_SECRET_IS_KEY | PLUGIN_ANSWERS_GET,
	.options = options,
	.option_count = sizeof(options) / sizeof(options[0]),
	.read = read,
	.prove = prove,
	.handshake = handshake,
	.sign = sign,
	.key_for = PLUGIN_ECDSA_P256_SHA1,
};
