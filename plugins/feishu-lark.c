/* feishu-lark.c - Feishu and Lark: SHA-256 of time, nonce, key and body; the body mostly is encrypted with the same key.
 *
 * The special difficulty: what the provider asks before the first event (url_verification) can only be seen once the body
 * is decrypted, and may come without a signature. CBC proves nothing: so what comes out is echoed where it is such a
 * question, and believed for nothing else. */
#include "trust/plugin_help.h"

enum { BLOCK = 16 };

struct state {
	struct plugin_bytes signature; /* decoded */
	struct plugin_bytes time, nonce;
};

/* What is encrypted with one of the secrets; the body itself where nothing is. PLUGIN_MISSING: with none of them. */
static enum plugin_result open_with(const struct plugin_host *host, struct plugin_call *call, uint32_t secret,
				    struct plugin_bytes cipher, struct plugin_bytes *plain)
{
	struct plugin_bytes text, key, iv;
	enum plugin_result result = host->secret(call, secret, &text);

	if (result == PLUGIN_OK)
		result = host->digest(call, PLUGIN_SHA256, &text, 1, &key);
	if (result != PLUGIN_OK)
		return result;
	if (cipher.n < 2 * BLOCK)
		return PLUGIN_MISSING;
	iv = (struct plugin_bytes){ cipher.p, BLOCK };
	return plugin_decrypt(host, call, key, iv, plugin_from(cipher, BLOCK), BLOCK, plain);
}

static bool is_text(const struct plugin_host *host, struct plugin_call *call, struct plugin_bytes json,
		    const char *pointer, struct plugin_json *value)
{
	return host->json(call, json, pointer, value) == PLUGIN_OK && value->type == PLUGIN_JSON_STRING;
}

/* PLUGIN_MISSING where no secret makes JSON of it. */
static enum plugin_result opened(const struct plugin_host *host, struct plugin_call *call, struct plugin_bytes *plain)
{
	struct plugin_bytes body = host->part(call, PLUGIN_BODY), cipher;
	struct plugin_json encrypted, any;

	if (!is_text(host, call, body, "/encrypt", &encrypted)) {
		*plain = body;
		return PLUGIN_OK;
	}
	if (host->decode(call, PLUGIN_BASE64, encrypted.text, &cipher) != PLUGIN_OK)
		return PLUGIN_MISSING;
	for (uint32_t i = 0; i < host->secrets(call); i++)
		if (open_with(host, call, i, cipher, plain) == PLUGIN_OK &&
		    host->json(call, *plain, "", &any) == PLUGIN_OK && any.type == PLUGIN_JSON_OBJECT)
			return PLUGIN_OK;
	return PLUGIN_MISSING;
}

static enum plugin_result gather(const struct plugin_host *host, struct plugin_call *call, struct state *state)
{
	struct plugin_bytes text = { NULL, 0 };
	enum plugin_result result = plugin_one_header(host, call, "X-Lark-Signature", &text);

	if (result == PLUGIN_OK)
		result = plugin_one_header(host, call, "X-Lark-Request-Timestamp", &state->time);
	if (result == PLUGIN_OK)
		result = plugin_one_header(host, call, "X-Lark-Request-Nonce", &state->nonce);
	if (result != PLUGIN_OK)
		return result;
	host->signature(call, text);
	(void)host->decode(call, PLUGIN_HEX, text, &state->signature);
	return PLUGIN_OK;
}

static enum plugin_result read(const struct plugin_host *host, struct plugin_call *call)
{
	struct state *state = host->state(call, sizeof(*state));
	struct plugin_bytes pieces[3];
	enum plugin_result result = state ? gather(host, call, state) : PLUGIN_WRONG;

	if (result != PLUGIN_OK)
		return result;
	pieces[0] = state->time;
	pieces[1] = state->nonce;
	pieces[2] = host->part(call, PLUGIN_BODY);
	host->signed_text(call, pieces, 3);
	return plugin_signed_seconds(host, call, state->time);
}

static enum plugin_result hash(const struct plugin_host *host, struct plugin_call *call, uint32_t secret,
			       const struct state *state, struct plugin_bytes *out)
{
	struct plugin_bytes pieces[4] = { state->time, state->nonce, { NULL, 0 }, host->part(call, PLUGIN_BODY) };
	enum plugin_result result = host->secret(call, secret, &pieces[2]);

	return result == PLUGIN_OK ? host->digest(call, PLUGIN_SHA256, pieces, 4, out) : result;
}

static enum plugin_result prove_state(const struct plugin_host *host, struct plugin_call *call, uint32_t secret,
				      const struct state *state)
{
	struct plugin_bytes right;
	enum plugin_result result = hash(host, call, secret, state, &right);

	if (result != PLUGIN_OK)
		return result;
	return host->equal(right, state->signature) ? PLUGIN_OK : PLUGIN_MISMATCH;
}

static enum plugin_result prove(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	return prove_state(host, call, secret, host->state(call, sizeof(struct state)));
}

static enum plugin_result event(const struct plugin_host *host, struct plugin_call *call, struct plugin_bytes *id,
				struct plugin_bytes *type)
{
	static const struct {
		const char *id, *type; /* version 2.0, then 1.0 */
	} rows[] = { { "/header/event_id", "/header/event_type" }, { "/uuid", "/event/type" } };
	struct plugin_json value;
	struct plugin_bytes plain;

	if (opened(host, call, &plain) != PLUGIN_OK)
		return PLUGIN_OK;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (id->n == 0 && is_text(host, call, plain, rows[i].id, &value))
			*id = value.text;
		if (type->n == 0 && is_text(host, call, plain, rows[i].type, &value))
			*type = value.text;
	}
	return PLUGIN_OK;
}

/* Nobody proves with CBC that its blocks belong together: what is not of a question's kind is not told. */
static bool is_challenge(struct plugin_bytes text)
{
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = text.p[i];

		if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
		      c == '_' || c == '.' || c == '='))
			return false;
	}
	return text.n >= 1 && text.n <= 128;
}

/* Where it is signed, the signature must be right. */
static enum plugin_result signed_rightly(const struct plugin_host *host, struct plugin_call *call)
{
	struct state state = { .time = { NULL, 0 } };
	struct plugin_bytes text;
	enum plugin_result result;

	if (host->header(call, "X-Lark-Signature", 0, &text) == 0)
		return PLUGIN_OK;
	result = gather(host, call, &state);
	if (result != PLUGIN_OK)
		return result;
	for (uint32_t i = 0; i < host->secrets(call); i++)
		if (prove_state(host, call, i, &state) == PLUGIN_OK)
			return PLUGIN_OK;
	return plugin_refuse(host, call, PLUGIN_MISMATCH, "the signature of a url_verification is wrong");
}

static enum plugin_result handshake(const struct plugin_host *host, struct plugin_call *call)
{
	struct plugin_json type, challenge, token;
	struct plugin_bytes plain, wanted = { NULL, 0 }, pieces[3];
	enum plugin_result result;

	if (!plugin_same(host->part(call, PLUGIN_METHOD), PLUGIN_LITERAL("POST")) ||
	    opened(host, call, &plain) != PLUGIN_OK || !is_text(host, call, plain, "/type", &type) ||
	    !plugin_same(type.text, PLUGIN_LITERAL("url_verification")) ||
	    !is_text(host, call, plain, "/challenge", &challenge))
		return PLUGIN_MISSING;
	if (!is_challenge(challenge.text))
		return plugin_refuse(host, call, PLUGIN_MALFORMED_BODY, "the challenge is none of the provider's");
	result = signed_rightly(host, call);
	if (result != PLUGIN_OK)
		return result;
	if (host->option(call, "verification_token", 0, &wanted) > 0 &&
	    (!is_text(host, call, plain, "/token", &token) || !host->equal(token.text, wanted)))
		return plugin_refuse(host, call, PLUGIN_MISMATCH, "the verification token is another");
	pieces[0] = PLUGIN_LITERAL("{\"challenge\":");
	pieces[1] = challenge.raw;
	pieces[2] = PLUGIN_LITERAL("}");
	result = host->join(call, pieces, 3, &plain);
	return result == PLUGIN_OK ? host->answer(call, 200, PLUGIN_LITERAL("application/json"), plain) : result;
}

static enum plugin_result sign(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	struct state state = { .time = plugin_decimal(host, call, host->now_ms(call) / 1000),
			       .nonce = PLUGIN_LITERAL("hookgate") };
	struct plugin_bytes text;
	enum plugin_result result = hash(host, call, secret, &state, &text);

	if (result == PLUGIN_OK)
		result = host->encode(call, PLUGIN_HEX, text, &text);
	if (result == PLUGIN_OK)
		result = host->add_header(call, "X-Lark-Request-Timestamp", state.time);
	if (result == PLUGIN_OK)
		result = host->add_header(call, "X-Lark-Request-Nonce", state.nonce);
	return result == PLUGIN_OK ? host->add_header(call, "X-Lark-Signature", text) : result;
}

static const struct plugin_option options[] = {
	{ "verification_token", PLUGIN_OPTION_TEXT, false,
	  "the Verification Token of the console: url_verification must bring it" },
};

PLUGIN_EXPORT const struct plugin plugin_feishu_lark = {
	.abi = PLUGIN_ABI,
	.size = sizeof(struct plugin),
	.name = "feishu-lark",
	.scheme = "sha256 hex over {time}{nonce}{key}{body}; url_verification decrypted with AES-256-CBC",
	.flags = PLUGIN_TELLS_TIME,
	.options = options,
	.option_count = sizeof(options) / sizeof(options[0]),
	.read = read,
	.prove = prove,
	.event = event,
	.handshake = handshake,
	.sign = sign,
};
