/* hygraph.c - Hygraph: HMAC-SHA256 of a JSON text made of the body as a JSON string, the environment and the time.
 *
 * The special difficulty: the body is signed as JavaScript's JSON.stringify() writes a string, to the letter: which
 * characters it escapes, and how.
 * Source: https://hygraph.com/docs/developer-guides/webhooks/verify-webhooks */
#include "trust/plugin_help.h"

enum { PIECES = 7 };

struct state {
	struct plugin_bytes signature; /* decoded; empty: it is not base64 */
	struct plugin_bytes text;
};

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

static enum plugin_result signed_text(const struct plugin_host *host, struct plugin_call *call,
				      struct plugin_bytes environment, struct plugin_bytes time,
				      struct plugin_bytes *text)
{
	struct plugin_bytes pieces[PIECES] = { PLUGIN_LITERAL("{\"Body\":") };
	enum plugin_result result = plugin_json_string(host, call, host->part(call, PLUGIN_BODY), &pieces[1]);

	pieces[2] = PLUGIN_LITERAL(",\"EnvironmentName\":");
	if (result == PLUGIN_OK)
		result = plugin_json_string(host, call, environment, &pieces[3]);
	pieces[4] = PLUGIN_LITERAL(",\"TimeStamp\":");
	pieces[5] = time;
	pieces[6] = PLUGIN_LITERAL("}");
	return result == PLUGIN_OK ? host->join(call, pieces, PIECES, text) : result;
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
		return plugin_refuse(host, call, PLUGIN_MISSING,
				     "there is no signature: gcms-signature is missing or empty");
	if (count > 1 || !item(header, PLUGIN_LITERAL("sign="), &signature) ||
	    !item(header, PLUGIN_LITERAL("env="), &environment) || !item(header, PLUGIN_LITERAL("t="), &time))
		return plugin_refuse(host, call, PLUGIN_MALFORMED_REQUEST, "the signature stands there more than once");
	if (signature.n == 0 || time.n == 0)
		return plugin_refuse(host, call, PLUGIN_MISSING, "there is no signature, or no time with it");
	host->signature(call, signature);
	(void)host->decode(call, PLUGIN_BASE64, signature, &state->signature);
	result = plugin_signed_time(host, call, time, 1);
	if (result == PLUGIN_OK)
		result = signed_text(host, call, environment, time, &state->text);
	if (result == PLUGIN_OK)
		host->signed_text(call, &state->text, 1);
	return result;
}

static enum plugin_result prove(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	struct state *state = host->state(call, sizeof(*state));

	return plugin_mac_is(host, call, PLUGIN_SHA256, secret, &state->text, 1, state->signature);
}

static enum plugin_result sign(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	struct plugin_bytes time = plugin_decimal(host, call, host->now_ms(call)), text, value;
	struct plugin_bytes pieces[4] = {
		PLUGIN_LITERAL("sign="), { NULL, 0 }, PLUGIN_LITERAL(", env=master, t="), time
	};
	enum plugin_result result = signed_text(host, call, PLUGIN_LITERAL("master"), time, &text);

	if (result == PLUGIN_OK)
		result = plugin_mac_text(host, call, PLUGIN_SHA256, PLUGIN_BASE64, secret, &text, 1, &pieces[1]);
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
