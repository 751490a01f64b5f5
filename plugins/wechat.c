/* wechat.c - WeChat official accounts: SHA-1 of token, time and nonce, in the order that sorting them gives; in safe mode the
 * same with the encrypted text of the body among them.
 *
 * The special difficulty: the secret is one of the texts that are sorted, so where it stands depends on it. And in plain mode
 * nothing of the body is proved: whoever has seen one address can send with it what he likes, as long as it is fresh. */
#include "trust/plugin_help.h"

struct state {
	struct plugin_bytes signature;		 /* decoded */
	struct plugin_bytes time, nonce, cipher; /* cipher is empty in plain mode */
};

/* What stands between <Encrypt> and </Encrypt>, CDATA or not; empty where there is none. */
static struct plugin_bytes encrypted(struct plugin_bytes xml)
{
	static const struct plugin_bytes mark = { (const unsigned char *)"<Encrypt>", 9 };
	static const struct plugin_bytes cdata = { (const unsigned char *)"<![CDATA[", 9 };
	struct plugin_bytes text, after;

	while (xml.n > 0 && !plugin_starts(xml, mark))
		xml = plugin_from(xml, 1);
	xml = plugin_from(xml, mark.n);
	if (plugin_starts(xml, cdata)) {
		(void)plugin_cut(plugin_from(xml, cdata.n), ']', &text, &after);
		return text;
	}
	(void)plugin_cut(xml, '<', &text, &after);
	return text;
}

static enum plugin_result parameter(const struct plugin_host *host, struct plugin_call *call, struct plugin_bytes name,
				    struct plugin_bytes *value)
{
	const struct plugin_field *fields;
	size_t count;
	enum plugin_result result = host->fields(call, PLUGIN_FIELDS_QUERY, &fields, &count);

	if (result == PLUGIN_OK)
		result = plugin_one_field(fields, count, name, value);
	if (result == PLUGIN_MALFORMED_REQUEST)
		host->reason(call, "a parameter cannot be read, or stands there more than once");
	return result;
}

static enum plugin_result gather(const struct plugin_host *host, struct plugin_call *call, struct state *state)
{
	struct plugin_bytes text = { NULL, 0 };
	enum plugin_result result = parameter(host, call, PLUGIN_LITERAL("msg_signature"), &text);
	bool safe = result == PLUGIN_OK;

	if (result == PLUGIN_MISSING)
		result = parameter(host, call, PLUGIN_LITERAL("signature"), &text);
	if (result == PLUGIN_OK)
		result = parameter(host, call, PLUGIN_LITERAL("timestamp"), &state->time);
	if (result == PLUGIN_OK)
		result = parameter(host, call, PLUGIN_LITERAL("nonce"), &state->nonce);
	if (result == PLUGIN_MISSING)
		host->reason(call, "signature, timestamp or nonce is missing");
	if (result != PLUGIN_OK)
		return result;
	if (safe)
		state->cipher = encrypted(host->part(call, PLUGIN_BODY));
	if (safe && state->cipher.n == 0)
		return plugin_refuse(host, call, PLUGIN_MALFORMED_BODY,
				     "msg_signature is there, and nothing encrypted");
	host->covers(call, safe ? PLUGIN_COVER_PARTIAL : PLUGIN_COVER_NONE);
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
	pieces[2] = state->cipher;
	host->signed_text(call, pieces, 3);
	return plugin_signed_seconds(host, call, state->time);
}

/* Moves each, by exchanges, to where it belongs: there are four at most. */
static void sort(struct plugin_bytes *texts, size_t count)
{
	for (size_t i = 1; i < count; i++)
		for (size_t k = i; k > 0 && plugin_compare(texts[k - 1], texts[k]) > 0; k--) {
			struct plugin_bytes other = texts[k];

			texts[k] = texts[k - 1];
			texts[k - 1] = other;
		}
}

static enum plugin_result prove_state(const struct plugin_host *host, struct plugin_call *call, uint32_t secret,
				      const struct state *state)
{
	struct plugin_bytes texts[4] = { { NULL, 0 }, state->time, state->nonce, state->cipher }, hash;
	size_t count = state->cipher.n > 0 ? 4 : 3;
	enum plugin_result result = host->secret(call, secret, &texts[0]);

	if (result != PLUGIN_OK)
		return result;
	sort(texts, count);
	result = host->digest(call, PLUGIN_SHA1, texts, count, &hash);
	if (result != PLUGIN_OK)
		return result;
	return host->equal(hash, state->signature) ? PLUGIN_OK : PLUGIN_MISMATCH;
}

static enum plugin_result prove(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	return prove_state(host, call, secret, host->state(call, sizeof(struct state)));
}

/* A GET with an echo, signed as a message is. Old ones are answered, too: nothing comes of it. */
static enum plugin_result handshake(const struct plugin_host *host, struct plugin_call *call)
{
	struct state state = { .time = { NULL, 0 } };
	struct plugin_bytes echo;
	enum plugin_result result;

	if (!plugin_same(host->part(call, PLUGIN_METHOD), PLUGIN_LITERAL("GET")) ||
	    parameter(host, call, PLUGIN_LITERAL("echostr"), &echo) != PLUGIN_OK)
		return PLUGIN_MISSING;
	result = gather(host, call, &state);
	if (result == PLUGIN_OK)
		result = PLUGIN_MISMATCH;
	for (uint32_t i = 0; i < host->secrets(call) && result == PLUGIN_MISMATCH; i++)
		if (prove_state(host, call, i, &state) == PLUGIN_OK)
			result = PLUGIN_OK;
	return result == PLUGIN_OK ? host->answer(call, 200, PLUGIN_LITERAL("text/plain"), echo) : result;
}

PLUGIN_EXPORT const struct plugin plugin_wechat = {
	.abi = PLUGIN_ABI,
	.size = sizeof(struct plugin),
	.name = "wechat",
	.scheme = "sha1 hex over secret, time, nonce (and the encrypted text) as sorted",
	.flags = PLUGIN_TELLS_TIME | PLUGIN_ANSWERS_GET,
	.read = read,
	.prove = prove,
	.handshake = handshake,
};
