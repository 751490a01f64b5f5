/* truelayer.c - TrueLayer: a detached JWS (RFC 7515, appendix F) with ES512 over method, path, some headers and the body.
 *
 * The special difficulty: which headers are signed stands in the signature itself, and so does where the keys are. The time's
 * header must be among the former; the latter is only followed to TrueLayer's own two addresses. */
#include "trust/plugin_help.h"

enum { HEADERS_MAX = 16, PIECES = 4 * HEADERS_MAX + 4, SPELLINGS = 2 };

struct state {
	struct plugin_bytes signature; /* decoded, r and s */
	struct plugin_bytes kid, jku;
	struct plugin_bytes head; /* of the JWS, as sent */
	struct plugin_bytes
		payload[SPELLINGS]; /* in base64url; of the path as it is, and with or without a slash at its end */
};

/* "Name: value\n" for each of the names, which stand in the signature. */
static enum plugin_result add_headers(const struct plugin_host *host, struct plugin_call *call,
				      struct plugin_bytes names, struct plugin_bytes *pieces, size_t *count)
{
	struct plugin_bytes name, value;
	bool timed = false;

	for (size_t n = 0; names.n > 0; n++) {
		enum plugin_result result;

		(void)plugin_cut(names, ',', &name, &names);
		name = plugin_trim(name);
		if (n == HEADERS_MAX)
			return plugin_refuse(host, call, PLUGIN_MALFORMED_REQUEST, "more than 16 headers are signed");
		result = plugin_signed_header(host, call, name, &value);
		if (result != PLUGIN_OK)
			return result;
		timed |= value.n > 0 && plugin_same_nocase(name, PLUGIN_LITERAL("X-Tl-Webhook-Timestamp"));
		pieces[(*count)++] = name;
		pieces[(*count)++] = PLUGIN_LITERAL(": ");
		pieces[(*count)++] = value;
		pieces[(*count)++] = PLUGIN_LITERAL("\n");
	}
	return timed ? PLUGIN_OK
		     : plugin_refuse(host, call, PLUGIN_MISMATCH,
				     "X-Tl-Webhook-Timestamp is not among the signed headers");
}

/* The path as it is, and the same with a slash at its end, or without the one that it has. */
static enum plugin_result spell(const struct plugin_host *host, struct plugin_call *call, struct plugin_bytes names,
				struct state *state)
{
	struct plugin_bytes pieces[PIECES], path = host->part(call, PLUGIN_PATH), text;
	bool slash = path.n > 1 && path.p[path.n - 1] == '/';
	size_t count = 4;
	enum plugin_result result;

	pieces[0] = host->part(call, PLUGIN_METHOD);
	pieces[1] = PLUGIN_LITERAL(" ");
	pieces[3] = PLUGIN_LITERAL("\n");
	result = add_headers(host, call, names, pieces, &count);
	pieces[count++] = host->part(call, PLUGIN_BODY);
	for (unsigned i = 0; i < SPELLINGS && result == PLUGIN_OK; i++) {
		pieces[2] = path;
		if (i == 1 && slash)
			pieces[2].n--;
		pieces[3] = i == 1 && !slash ? PLUGIN_LITERAL("/\n") : PLUGIN_LITERAL("\n");
		result = host->join(call, pieces, count, &text);
		if (result == PLUGIN_OK && i == 0)
			host->signed_text(call, &text, 1);
		if (result == PLUGIN_OK)
			result = host->encode(call, PLUGIN_BASE64URL, text, &state->payload[i]);
	}
	return result;
}

static enum plugin_result read_head(const struct plugin_host *host, struct plugin_call *call, struct state *state,
				    struct plugin_bytes *names)
{
	struct plugin_bytes json, algorithm = { NULL, 0 }, version = { NULL, 0 };
	const struct {
		const char *pointer;
		struct plugin_bytes *to;
	} rows[] = { { "/alg", &algorithm },
		     { "/tl_version", &version },
		     { "/tl_headers", names },
		     { "/kid", &state->kid },
		     { "/jku", &state->jku } };
	enum plugin_result result = PLUGIN_OK;

	if (host->decode(call, PLUGIN_BASE64URL, state->head, &json) != PLUGIN_OK)
		return plugin_refuse(host, call, PLUGIN_MISMATCH, "Tl-Signature is no JWS");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && result == PLUGIN_OK; i++)
		result = plugin_member(host, call, json, rows[i].pointer, PLUGIN_JSON_STRING, rows[i].to);
	if (result != PLUGIN_OK)
		return result;
	if (!plugin_same(algorithm, PLUGIN_LITERAL("ES512")) || !plugin_same(version, PLUGIN_LITERAL("2")))
		return plugin_refuse(host, call, PLUGIN_MISMATCH, "the JWS is not one of ES512 and tl_version 2");
	return PLUGIN_OK;
}

static enum plugin_result read(const struct plugin_host *host, struct plugin_call *call)
{
	struct state *state = host->state(call, sizeof(*state));
	struct plugin_bytes text, names = { NULL, 0 }, payload, signature;
	enum plugin_result result;

	if (!state)
		return PLUGIN_WRONG;
	result = plugin_one_header(host, call, "Tl-Signature", &text);
	if (result != PLUGIN_OK)
		return result;
	host->signature(call, text);
	(void)plugin_cut(text, '.', &state->head, &payload);
	(void)plugin_cut(payload, '.', &payload, &signature);
	if (payload.n > 0 || host->decode(call, PLUGIN_BASE64URL, signature, &state->signature) != PLUGIN_OK)
		return plugin_refuse(host, call, PLUGIN_MISMATCH, "Tl-Signature is no detached JWS");
	result = read_head(host, call, state, &names);
	return result == PLUGIN_OK ? spell(host, call, names, state) : result;
}

static bool is_truelayers(struct plugin_bytes url)
{
	return plugin_same(url, PLUGIN_LITERAL("https://webhooks.truelayer.com/.well-known/jwks")) ||
	       plugin_same(url, PLUGIN_LITERAL("https://webhooks.truelayer-sandbox.com/.well-known/jwks"));
}

static enum plugin_result prove(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	struct state *state = host->state(call, sizeof(*state));
	struct plugin_bytes keys = { NULL, 0 };
	enum plugin_result result = PLUGIN_OK;

	if (secret == PLUGIN_NO_SECRET && !is_truelayers(state->jku))
		return plugin_refuse(host, call, PLUGIN_MISMATCH, "the keys' address (jku) is none of TrueLayer's");
	if (secret == PLUGIN_NO_SECRET)
		result = host->fetch(call, state->jku, &keys);
	if (result != PLUGIN_OK)
		return result;
	result = PLUGIN_MISMATCH;
	for (unsigned i = 0; i < SPELLINGS && result == PLUGIN_MISMATCH; i++) {
		struct plugin_bytes pieces[3] = { state->head, PLUGIN_LITERAL("."), state->payload[i] };

		result = secret == PLUGIN_NO_SECRET
				 ? host->verify_with(call, keys, state->kid, PLUGIN_ECDSA_P521_SHA512, PLUGIN_RAW,
						     pieces, 3, state->signature)
				 : host->verify(call, secret, state->kid, PLUGIN_ECDSA_P521_SHA512, PLUGIN_RAW, pieces,
						3, state->signature);
	}
	return result;
}

/* The time is the one header that is signed. A key that has no name goes by any. */
static enum plugin_result sign(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	struct plugin_bytes time = plugin_rfc3339(host, call, host->now_ms(call)), kid = PLUGIN_LITERAL("hookgate");
	struct plugin_bytes head[3] = { PLUGIN_LITERAL("{\"alg\":\"ES512\",\"kid\":\""),
					{ NULL, 0 },
					PLUGIN_LITERAL(
						"\",\"tl_version\":\"2\",\"tl_headers\":\"X-Tl-Webhook-Timestamp\","
						"\"jku\":\"https://webhooks.truelayer.com/.well-known/jwks\"}") };
	struct plugin_bytes payload[] = { host->part(call, PLUGIN_METHOD),
					  PLUGIN_LITERAL(" "),
					  host->part(call, PLUGIN_PATH),
					  PLUGIN_LITERAL("\nX-Tl-Webhook-Timestamp: "),
					  time,
					  PLUGIN_LITERAL("\n"),
					  host->part(call, PLUGIN_BODY) };
	struct plugin_bytes pieces[3] = { { NULL, 0 }, PLUGIN_LITERAL("."), { NULL, 0 } };
	enum plugin_result result;

	if (host->kid(call, secret, &kid) == PLUGIN_WRONG)
		return PLUGIN_WRONG;
	head[1] = kid;
	result = host->join(call, head, 3, &pieces[0]);
	if (result == PLUGIN_OK)
		result = host->encode(call, PLUGIN_BASE64URL, pieces[0], &pieces[0]);
	if (result == PLUGIN_OK)
		result = host->join(call, payload, sizeof(payload) / sizeof(payload[0]), &pieces[2]);
	if (result == PLUGIN_OK)
		result = host->encode(call, PLUGIN_BASE64URL, pieces[2], &pieces[2]);
	if (result == PLUGIN_OK)
		result = plugin_signature_text(host, call, PLUGIN_ECDSA_P521_SHA512, PLUGIN_RAW, PLUGIN_BASE64URL,
					       secret, pieces, 3, &pieces[2]);
	pieces[1] = PLUGIN_LITERAL("..");
	if (result == PLUGIN_OK)
		result = host->join(call, pieces, 3, &pieces[0]);
	if (result == PLUGIN_OK)
		result = host->add_header(call, "X-Tl-Webhook-Timestamp", time);
	return result == PLUGIN_OK ? host->add_header(call, "Tl-Signature", pieces[0]) : result;
}

static const char *const hosts[] = { "webhooks.truelayer.com", "webhooks.truelayer-sandbox.com" };

PLUGIN_EXPORT const struct plugin plugin_truelayer = {
	.abi = PLUGIN_ABI,
	.size = sizeof(struct plugin),
	.name = "truelayer",
	.scheme = "detached JWS ES512 over method, path, the headers that it names, and {body}",
	.flags = PLUGIN_SECRET_OPTIONAL | PLUGIN_SECRET_IS_KEY,
	.hosts = hosts,
	.host_count = sizeof(hosts) / sizeof(hosts[0]),
	.read = read,
	.prove = prove,
	.sign = sign,
	.key_for = PLUGIN_ECDSA_P521_SHA512,
};
