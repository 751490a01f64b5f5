/* websub.c - W3C WebSub (PubSubHubbub): HMAC of the body with the algorithm that the header names.
 *
 * The special difficulty: it is the sender who names the algorithm. Only the specification's four are known, each has a
 * length of its own, and a name that is not known is a signature that is not there.
 * Source: https://www.w3.org/TR/websub/#signature-validation */
#include "trust/plugin_help.h"

static const struct algorithm {
	struct plugin_bytes prefix;
	enum plugin_hash hash;
} algorithms[] = {
	{ { (const unsigned char *)"sha1=", 5 }, PLUGIN_SHA1 },
	{ { (const unsigned char *)"sha256=", 7 }, PLUGIN_SHA256 },
	{ { (const unsigned char *)"sha384=", 7 }, PLUGIN_SHA384 },
	{ { (const unsigned char *)"sha512=", 7 }, PLUGIN_SHA512 },
};

struct state {
	enum plugin_hash hash;
	struct plugin_bytes signature; /* decoded; empty: it is not hex */
};

static enum plugin_result read(const struct plugin_host *host, struct plugin_call *call)
{
	struct state *state = host->state(call, sizeof(*state));
	struct plugin_bytes text;
	enum plugin_result result = state ? plugin_one_header(host, call, "X-Hub-Signature", &text) : PLUGIN_WRONG;

	if (result != PLUGIN_OK)
		return result;
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
		const struct algorithm *algorithm = &algorithms[i];

		/* Lower-case names are what the specification has; upper case is taken as well, as of hex. */
		if (text.n < algorithm->prefix.n ||
		    !plugin_same_nocase((struct plugin_bytes){ text.p, algorithm->prefix.n }, algorithm->prefix))
			continue;
		state->hash = algorithm->hash;
		text = plugin_from(text, algorithm->prefix.n);
		if (text.n == 0)
			return plugin_refuse(host, call, PLUGIN_MISSING, "the signature is empty");
		host->signature(call, text);
		(void)host->decode(call, PLUGIN_HEX, text, &state->signature);
		return PLUGIN_OK;
	}
	return plugin_refuse(host, call, PLUGIN_MISSING, "X-Hub-Signature names none of sha1, sha256, sha384, sha512");
}

static enum plugin_result prove(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	struct state *state = host->state(call, sizeof(*state));
	struct plugin_bytes body = host->part(call, PLUGIN_BODY);

	return plugin_mac_is(host, call, state->hash, secret, &body, 1, state->signature);
}

static enum plugin_result sign(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	struct plugin_bytes body = host->part(call, PLUGIN_BODY), pieces[2] = { PLUGIN_LITERAL("sha256=") }, value;
	enum plugin_result result =
		plugin_mac_text(host, call, PLUGIN_SHA256, PLUGIN_HEX, secret, &body, 1, &pieces[1]);

	if (result == PLUGIN_OK)
		result = host->join(call, pieces, 2, &value);
	return result == PLUGIN_OK ? host->add_header(call, "X-Hub-Signature", value) : result;
}

PLUGIN_EXPORT const struct plugin plugin_websub = {
	.abi = PLUGIN_ABI,
	.size = sizeof(struct plugin),
	.name = "websub",
	.scheme = "hmac-sha1, -sha256, -sha384 or -sha512 hex over {body}, as X-Hub-Signature says",
	.read = read,
	.prove = prove,
	.sign = sign,
};
