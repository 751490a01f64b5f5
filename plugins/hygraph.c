/* hygraph.c - Hygraph: HMAC-SHA256 of a JSON text made of the body as a JSON string, the environment and the time.
 *
 * The special difficulty: the body is signed as JavaScript's JSON.stringify() writes a string, to the letter: which
 * characters it escapes, and how.
 * Source: https://hygraph.com/docs/developer-guides/webhooks/verify-webhooks */
#include "trust/plugin.h"

enum { DIGITS_MAX = 15, PIECES = 7 };

struct state {
	struct plugin_bytes signature; /* decoded; empty: it is not base64 */
	struct plugin_bytes text;
};

static enum plugin_result refuse(const struct plugin_host *host, struct plugin_call *call, enum plugin_result result,
				 const char *why)
{
	host->reason(call, why);
	return result;
}

/* The item of that name in "sign=..., env=..., t=...": one, or none with n 0. False where it stands there twice. */
static bool item(struct plugin_bytes text, struct plugin_bytes name, struct plugin_bytes *value)
{
	bool found = false;

	*value = (struct plugin_bytes){ NULL, 0 };
	while (text.n > 0) {
		size_t n = 0, same = 0;

		while (n < text.n && text.p[n] != ',')
			n++;
		while (same < name.n && same < n && text.p[same] == name.p[same])
			same++;
		if (same == name.n) {
			if (found)
				return false;
			found = true;
			*value = (struct plugin_bytes){ text.p + same, n - same };
		}
		n += n < text.n;
		while (n < text.n && text.p[n] == ' ')
			n++;
		text.p += n;
		text.n -= n;
	}
	return true;
}

/* What JSON.stringify() makes of a character, behind a backslash; 0: itself. */
static unsigned char escaped(unsigned char c)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";

	for (size_t i = 0; i < sizeof(from) - 1; i++)
		if (c == (unsigned char)from[i])
			return (unsigned char)to[i];
	return c < 0x20 ? 'u' : 0;
}

static enum plugin_result json_string(const struct plugin_host *host, struct plugin_call *call,
				      struct plugin_bytes body, struct plugin_bytes *text)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char *out;
	size_t n = 2;

	for (size_t i = 0; i < body.n; i++)
		n += body.p[i] < 0x20 ? 6 : 2;
	out = host->alloc(call, n);
	if (!out)
		return PLUGIN_WRONG;
	n = 0;
	out[n++] = '"';
	for (size_t i = 0; i < body.n; i++) {
		unsigned char c = body.p[i], as = escaped(c);

		if (as)
			out[n++] = '\\';
		out[n++] = as ? as : c;
		if (as == 'u') {
			out[n++] = '0';
			out[n++] = '0';
			out[n++] = (unsigned char)digits[c >> 4];
			out[n++] = (unsigned char)digits[c & 15];
		}
	}
	out[n++] = '"';
	*text = (struct plugin_bytes){ out, n };
	return PLUGIN_OK;
}

static enum plugin_result signed_text(const struct plugin_host *host, struct plugin_call *call,
				      struct plugin_bytes environment, struct plugin_bytes time,
				      struct plugin_bytes *text)
{
	struct plugin_bytes pieces[PIECES] = { PLUGIN_LITERAL("{\"Body\":") };
	enum plugin_result result = json_string(host, call, host->part(call, PLUGIN_BODY), &pieces[1]);

	pieces[2] = PLUGIN_LITERAL(",\"EnvironmentName\":");
	if (result == PLUGIN_OK)
		result = json_string(host, call, environment, &pieces[3]);
	pieces[4] = PLUGIN_LITERAL(",\"TimeStamp\":");
	pieces[5] = time;
	pieces[6] = PLUGIN_LITERAL("}");
	return result == PLUGIN_OK ? host->join(call, pieces, PIECES, text) : result;
}

static enum plugin_result tell_time(const struct plugin_host *host, struct plugin_call *call, struct plugin_bytes text)
{
	int64_t ms = 0;

	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9' || text.n > DIGITS_MAX)
			return refuse(host, call, PLUGIN_MALFORMED_REQUEST, "the timestamp is none");
		ms = 10 * ms + (text.p[i] - '0');
	}
	host->signed_at(call, ms);
	return PLUGIN_OK;
}

static enum plugin_result read(const struct plugin_host *host, struct plugin_call *call)
{
	struct state *state = host->state(call, sizeof(*state));
	struct plugin_bytes header, signature, environment, time;
	size_t count = host->header(call, "gcms-signature", 0, &header);
	enum plugin_result result;

	if (!state)
		return PLUGIN_WRONG;
	if (count == 0)
		return refuse(host, call, PLUGIN_MISSING, "there is no signature: gcms-signature is missing or empty");
	if (count > 1 || !item(header, PLUGIN_LITERAL("sign="), &signature) ||
	    !item(header, PLUGIN_LITERAL("env="), &environment) || !item(header, PLUGIN_LITERAL("t="), &time))
		return refuse(host, call, PLUGIN_MALFORMED_REQUEST, "the signature stands there more than once");
	if (signature.n == 0 || time.n == 0)
		return refuse(host, call, PLUGIN_MISSING, "there is no signature, or no time with it");
	host->signature(call, signature);
	(void)host->decode(call, PLUGIN_BASE64, signature, &state->signature);
	result = tell_time(host, call, time);
	if (result == PLUGIN_OK)
		result = signed_text(host, call, environment, time, &state->text);
	if (result == PLUGIN_OK)
		host->signed_text(call, &state->text, 1);
	return result;
}

static enum plugin_result prove(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	struct state *state = host->state(call, sizeof(*state));
	struct plugin_bytes mac;
	enum plugin_result result;

	if (!state)
		return PLUGIN_WRONG;
	result = host->mac(call, PLUGIN_SHA256, secret, &state->text, 1, &mac);
	if (result != PLUGIN_OK)
		return result;
	return host->equal(state->signature, mac) ? PLUGIN_OK : PLUGIN_MISMATCH;
}

static struct plugin_bytes now(const struct plugin_host *host, struct plugin_call *call)
{
	unsigned char *digits = host->alloc(call, DIGITS_MAX);
	int64_t ms = host->now_ms(call);
	size_t at = DIGITS_MAX;

	if (!digits)
		return (struct plugin_bytes){ NULL, 0 };
	for (; at > 0 && ms > 0; ms /= 10)
		digits[--at] = (unsigned char)('0' + ms % 10);
	return (struct plugin_bytes){ digits + at, DIGITS_MAX - at };
}

static enum plugin_result sign(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	struct plugin_bytes time = now(host, call), text, mac, value;
	struct plugin_bytes pieces[4] = {
		PLUGIN_LITERAL("sign="), { NULL, 0 }, PLUGIN_LITERAL(", env=master, t="), time
	};
	enum plugin_result result = signed_text(host, call, PLUGIN_LITERAL("master"), time, &text);

	if (result == PLUGIN_OK)
		result = host->mac(call, PLUGIN_SHA256, secret, &text, 1, &mac);
	if (result == PLUGIN_OK)
		result = host->encode(call, PLUGIN_BASE64, mac, &pieces[1]);
	if (result == PLUGIN_OK)
		result = host->join(call, pieces, 4, &value);
	return result == PLUGIN_OK ? host->add_header(call, "gcms-signature", value) : result;
}

PLUGIN_EXPORT const struct plugin plugin_hygraph = {
	.abi = PLUGIN_ABI,
	.size = sizeof(struct plugin),
	.name = "hygraph",
	.scheme = "hmac-sha256 base64 over {\"Body\":{body|json},\"EnvironmentName\":...,\"TimeStamp\":...}",
	.flags = PLUGIN_TELLS_TIME,
	.read = read,
	.prove = prove,
	.sign = sign,
};
