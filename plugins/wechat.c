/* wechat.c - WeChat official accounts: SHA-1 of token, time and nonce, in the order that sorting them gives; in safe mode the
 * same with the encrypted text of the body among them. WeCom knows the latter only, for its echo as well.
 *
 * The special difficulty: the secret is one of the texts that are sorted, so where it stands depends on it. And in plain mode
 * nothing of the body is proved: whoever has seen one address can send with it what he likes, as long as it is fresh. */
#include "trust/plugin_help.h"

enum { KEY = 32, KEY_TEXT = 43, BLOCK = 16, PADDING_MAX = 32, RANDOM = 16, LENGTH = 4 };

struct state {
	struct plugin_bytes signature;		 /* decoded */
	struct plugin_bytes time, nonce, cipher; /* cipher is empty in plain mode */
};

/* What stands behind the first such tag, CDATA or not; empty where there is none. */
static struct plugin_bytes element(struct plugin_bytes xml, struct plugin_bytes tag)
{
	static const struct plugin_bytes cdata = { (const unsigned char *)"<![CDATA[", 9 };
	struct plugin_bytes text, after;

	while (xml.n > 0 && !plugin_starts(xml, tag))
		xml = plugin_from(xml, 1);
	xml = plugin_from(xml, tag.n);
	if (plugin_starts(xml, cdata)) {
		(void)plugin_cut(plugin_from(xml, cdata.n), ']', &text, &after);
		return text;
	}
	(void)plugin_cut(xml, '<', &text, &after);
	return text;
}

/* What is signed of a body: the text of an element that stands there once, with nothing besides, so that other readers find
 * the same. False where it is not so. */
static bool encrypted_text(struct plugin_bytes xml, struct plugin_bytes *text)
{
	static const struct plugin_bytes begin = { (const unsigned char *)"<Encrypt", 8 };
	struct plugin_bytes after = { NULL, 0 };
	size_t count = 0;

	*text = element(xml, PLUGIN_LITERAL("<Encrypt>"));
	if (text->n > 0)
		after = plugin_from(xml, (size_t)(text->p - xml.p) + text->n);
	for (; xml.n > 0; xml = plugin_from(xml, 1))
		count += plugin_starts(xml, begin) || plugin_starts(xml, PLUGIN_LITERAL("<!DOCTYPE"));
	if (count != 1)
		return false;
	if (plugin_starts(after, PLUGIN_LITERAL("]]>")))
		after = plugin_from(after, 3);
	return plugin_starts(after, PLUGIN_LITERAL("</Encrypt>"));
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

static bool has_key(const struct plugin_host *host, struct plugin_call *call)
{
	struct plugin_bytes text;

	return host->option(call, "encoding_aes_key", 0, &text) > 0;
}

/* 43 characters of base64 carry two bits more than the 32 bytes: the vendor's keys have any there, and no decoder that is
 * strict takes them. PLUGIN_MISSING where it is no such key. */
static enum plugin_result read_key(const struct plugin_host *host, struct plugin_call *call, struct plugin_bytes *key)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	struct plugin_bytes text, pieces[2] = { { NULL, 0 }, { NULL, 0 } };
	char end[2] = { 0, '=' };

	if (host->option(call, "encoding_aes_key", 0, &text) == 0 || text.n != KEY_TEXT)
		return PLUGIN_MISSING;
	for (size_t i = 0; letters[i] != '\0'; i++)
		if ((unsigned char)letters[i] == text.p[text.n - 1])
			end[0] = letters[i & ~(size_t)3];
	pieces[0] = (struct plugin_bytes){ text.p, text.n - 1 };
	pieces[1] = (struct plugin_bytes){ (const unsigned char *)end, sizeof(end) };
	if (host->join(call, pieces, 2, &text) != PLUGIN_OK ||
	    host->decode(call, PLUGIN_BASE64, text, key) != PLUGIN_OK || key->n != KEY)
		return PLUGIN_MISSING;
	return PLUGIN_OK;
}

/* What is encrypted: 16 random bytes, the length (most significant byte first), the text, and whom it is for, who must be
 * the route's receive_id where that is said. PLUGIN_MISSING where it cannot be read. */
static enum plugin_result decrypted(const struct plugin_host *host, struct plugin_call *call,
				    struct plugin_bytes cipher, struct plugin_bytes *message)
{
	struct plugin_bytes key, plain, receiver;
	const unsigned char *length;
	size_t n;

	if (read_key(host, call, &key) != PLUGIN_OK ||
	    host->decode(call, PLUGIN_BASE64, cipher, &cipher) != PLUGIN_OK ||
	    plugin_decrypt(host, call, key, (struct plugin_bytes){ key.p, BLOCK }, cipher, PADDING_MAX, &plain) !=
		    PLUGIN_OK ||
	    plain.n < RANDOM + LENGTH)
		return PLUGIN_MISSING;
	length = plain.p + RANDOM;
	n = (size_t)length[0] << 24 | (size_t)length[1] << 16 | (size_t)length[2] << 8 | length[3];
	plain = plugin_from(plain, RANDOM + LENGTH);
	if (n > plain.n)
		return PLUGIN_MISSING;
	receiver = plugin_from(plain, n);
	if (host->option(call, "receive_id", 0, &key) > 0 && !plugin_same(receiver, key))
		return PLUGIN_MISSING;
	*message = (struct plugin_bytes){ plain.p, n };
	return PLUGIN_OK;
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
	if (!safe && has_key(host, call))
		return plugin_refuse(host, call, PLUGIN_MISSING,
				     "there is no msg_signature, and the route has an encoding_aes_key");
	/* Of a question only: else a question that was seen would prove any body. */
	if (safe && plugin_same(host->part(call, PLUGIN_METHOD), PLUGIN_LITERAL("GET")))
		(void)parameter(host, call, PLUGIN_LITERAL("echostr"), &state->cipher);
	else if (safe && !encrypted_text(host->part(call, PLUGIN_BODY), &state->cipher))
		return plugin_refuse(host, call, PLUGIN_MALFORMED_BODY,
				     "msg_signature is there, and not just one encrypted text");
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

static enum plugin_result hash_of(const struct plugin_host *host, struct plugin_call *call, uint32_t secret,
				  const struct state *state, struct plugin_bytes *hash)
{
	struct plugin_bytes texts[4] = { { NULL, 0 }, state->time, state->nonce, state->cipher };
	size_t count = state->cipher.n > 0 ? 4 : 3;
	enum plugin_result result = host->secret(call, secret, &texts[0]);

	if (result != PLUGIN_OK)
		return result;
	sort(texts, count);
	return host->digest(call, PLUGIN_SHA1, texts, count, hash);
}

static enum plugin_result prove_state(const struct plugin_host *host, struct plugin_call *call, uint32_t secret,
				      const struct state *state)
{
	struct plugin_bytes hash;
	enum plugin_result result = hash_of(host, call, secret, state, &hash);

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
	if (result == PLUGIN_OK && state.cipher.n > 0 && decrypted(host, call, state.cipher, &echo) != PLUGIN_OK)
		return plugin_refuse(host, call, PLUGIN_MISMATCH,
				     "the echo cannot be decrypted with encoding_aes_key for receive_id");
	return result == PLUGIN_OK ? host->answer(call, 200, PLUGIN_LITERAL("text/plain"), echo) : result;
}

/* A message has an id, an event is known by who sent it when (the vendor's advice for both). */
static enum plugin_result event(const struct plugin_host *host, struct plugin_call *call, struct plugin_bytes *id,
				struct plugin_bytes *type)
{
	struct plugin_bytes xml, event, pieces[5];

	if (!has_key(host, call) ||
	    decrypted(host, call, element(host->part(call, PLUGIN_BODY), PLUGIN_LITERAL("<Encrypt>")), &xml) !=
		    PLUGIN_OK)
		return PLUGIN_OK;
	*id = element(xml, PLUGIN_LITERAL("<MsgId>"));
	*type = element(xml, PLUGIN_LITERAL("<MsgType>"));
	event = element(xml, PLUGIN_LITERAL("<Event>"));
	if (event.n > 0)
		*type = event;
	if (id->n > 0)
		return PLUGIN_OK;
	pieces[0] = element(xml, PLUGIN_LITERAL("<FromUserName>"));
	pieces[2] = element(xml, PLUGIN_LITERAL("<CreateTime>"));
	pieces[1] = pieces[3] = PLUGIN_LITERAL(".");
	pieces[4] = *type;
	return pieces[0].n > 0 && pieces[2].n > 0 ? host->join(call, pieces, 5, id) : PLUGIN_OK;
}

/* ---- signing ---- */

/* The message as decrypted() reads it. The bytes that should be at random are a hash: nobody has a secret in a test. */
static enum plugin_result encrypted(const struct plugin_host *host, struct plugin_call *call,
				    struct plugin_bytes message, struct plugin_bytes *text)
{
	unsigned char length[LENGTH] = { (unsigned char)(message.n >> 24), (unsigned char)(message.n >> 16),
					 (unsigned char)(message.n >> 8), (unsigned char)message.n };
	unsigned char padding[PADDING_MAX];
	struct plugin_bytes pieces[5] = { { NULL, 0 }, { length, LENGTH }, message, { NULL, 0 }, { padding, 0 } };
	struct plugin_bytes key = { NULL, 0 }, all;
	enum plugin_result result = read_key(host, call, &key);

	if (result == PLUGIN_MISSING)
		return plugin_refuse(host, call, result, "encoding_aes_key is none");
	if (result == PLUGIN_OK)
		result = host->digest(call, PLUGIN_MD5, &message, 1, &pieces[0]);
	(void)host->option(call, "receive_id", 0, &pieces[3]);
	pieces[4].n = PADDING_MAX - (RANDOM + LENGTH + message.n + pieces[3].n) % PADDING_MAX;
	for (size_t i = 0; i < pieces[4].n; i++)
		padding[i] = (unsigned char)pieces[4].n;
	if (result == PLUGIN_OK)
		result = host->join(call, pieces, 5, &all);
	if (result == PLUGIN_OK)
		result = host->encrypt(call, key, (struct plugin_bytes){ key.p, BLOCK }, all, &all);
	return result == PLUGIN_OK ? host->encode(call, PLUGIN_BASE64, all, text) : result;
}

/* What is signed of the body: with a key it is encrypted first; without one it may be already. */
static enum plugin_result sign_body(const struct plugin_host *host, struct plugin_call *call, struct state *state)
{
	struct plugin_bytes body = host->part(call, PLUGIN_BODY);
	struct plugin_bytes pieces[3] = { PLUGIN_LITERAL("<xml><Encrypt><![CDATA["),
					  { NULL, 0 },
					  PLUGIN_LITERAL("]]></Encrypt></xml>") };
	enum plugin_result result;

	state->cipher = element(body, PLUGIN_LITERAL("<Encrypt>"));
	if (state->cipher.n > 0 || !has_key(host, call))
		return PLUGIN_OK;
	result = encrypted(host, call, body, &state->cipher);
	pieces[1] = state->cipher;
	if (result == PLUGIN_OK)
		result = host->join(call, pieces, 3, &body);
	return result == PLUGIN_OK ? host->set_body(call, body) : result;
}

/* Behind the draft's target. The nonce is of the body, so that no two within a second are the same. */
static enum plugin_result sign(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	struct state state = { .time = plugin_decimal(host, call, host->now_ms(call) / 1000) };
	struct plugin_bytes body = host->part(call, PLUGIN_BODY), text = { NULL, 0 }, hash = { NULL, 0 };
	bool more = host->part(call, PLUGIN_QUERY).n > 0;
	enum plugin_result result = host->digest(call, PLUGIN_MD5, &body, 1, &hash);

	if (result == PLUGIN_OK)
		result = host->encode(call, PLUGIN_HEX, hash, &state.nonce);
	if (result == PLUGIN_OK)
		result = sign_body(host, call, &state);
	if (result == PLUGIN_OK)
		result = hash_of(host, call, secret, &state, &hash);
	if (result == PLUGIN_OK)
		result = host->encode(call, PLUGIN_HEX, hash, &text);
	if (result == PLUGIN_OK) {
		struct plugin_bytes pieces[] = {
			host->part(call, PLUGIN_TARGET),
			more ? PLUGIN_LITERAL("&") : PLUGIN_LITERAL("?"),
			state.cipher.n > 0 ? PLUGIN_LITERAL("msg_signature=") : PLUGIN_LITERAL("signature="),
			text,
			PLUGIN_LITERAL("&timestamp="),
			state.time,
			PLUGIN_LITERAL("&nonce="),
			state.nonce,
		};

		result = host->join(call, pieces, sizeof(pieces) / sizeof(pieces[0]), &text);
	}
	return result == PLUGIN_OK ? host->set_target(call, text) : result;
}

static const struct plugin_option options[] = {
	{ "encoding_aes_key", PLUGIN_OPTION_TEXT, false,
	  "the EncodingAESKey of the console, 43 characters: what is encrypted can be read, and nothing else is "
	  "taken" },
	{ "receive_id", PLUGIN_OPTION_TEXT, false, "whom messages are for: the CorpID, SuiteID or AppID" },
};

PLUGIN_EXPORT const struct plugin plugin_wechat = {
	.abi = PLUGIN_ABI,
	.size = sizeof(struct plugin),
	.name = "wechat",
	.scheme = "sha1 hex over secret, time, nonce (and the encrypted text) as sorted",
	.flags = PLUGIN_TELLS_TIME | PLUGIN_ANSWERS_GET,
	.options = options,
	.option_count = sizeof(options) / sizeof(options[0]),
	.read = read,
	.prove = prove,
	.event = event,
	.handshake = handshake,
	.sign = sign,
};
