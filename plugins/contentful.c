/* contentful.c - Contentful's request verification: HMAC-SHA256 over method, path, some headers and the body, a line each.
 *
 * The special difficulty: which headers are signed stands in one of them. The time's header and the list itself must be among
 * them, as without these anybody could replay or shorten the rest. */
#include "trust/plugin_help.h"

enum { HEADERS_MAX = 32, PIECES = 4 * HEADERS_MAX + 8 };

struct state {
	struct plugin_bytes signature; /* decoded */
	struct plugin_bytes pieces[PIECES];
	size_t count;
};

static void add(struct state *state, struct plugin_bytes piece)
{
	state->pieces[state->count++] = piece;
}

/* "name:value" of each, ";" between them. */
static enum plugin_result add_headers(const struct plugin_host *host, struct plugin_call *call, struct state *state,
				      struct plugin_bytes names)
{
	bool timed = false, listed = false;
	struct plugin_bytes name, value;

	for (size_t n = 0; names.n > 0; n++) {
		enum plugin_result result;

		(void)plugin_cut(names, ',', &name, &names);
		if (n == HEADERS_MAX)
			return plugin_refuse(host, call, PLUGIN_MALFORMED_REQUEST, "more than 32 headers are signed");
		result = plugin_signed_header(host, call, name, &value);
		if (result != PLUGIN_OK)
			return result;
		timed |= plugin_same(name, PLUGIN_LITERAL("x-contentful-timestamp"));
		listed |= plugin_same(name, PLUGIN_LITERAL("x-contentful-signed-headers"));
		if (n > 0)
			add(state, PLUGIN_LITERAL(";"));
		add(state, name);
		add(state, PLUGIN_LITERAL(":"));
		add(state, value);
	}
	if (timed && listed)
		return PLUGIN_OK;
	return plugin_refuse(host, call, PLUGIN_MISMATCH,
			     "x-contentful-timestamp or x-contentful-signed-headers is not among the signed headers");
}

static enum plugin_result gather(const struct plugin_host *host, struct plugin_call *call, struct state *state,
				 struct plugin_bytes names)
{
	enum plugin_result result;

	add(state, host->part(call, PLUGIN_METHOD));
	add(state, PLUGIN_LITERAL("\n"));
	add(state, host->part(call, PLUGIN_TARGET));
	add(state, PLUGIN_LITERAL("\n"));
	result = add_headers(host, call, state, names);
	add(state, PLUGIN_LITERAL("\n"));
	add(state, host->part(call, PLUGIN_BODY));
	return result;
}

static enum plugin_result read(const struct plugin_host *host, struct plugin_call *call)
{
	struct state *state = host->state(call, sizeof(*state));
	struct plugin_bytes text, names = { NULL, 0 };
	enum plugin_result result;

	if (!state)
		return PLUGIN_WRONG;
	result = plugin_one_header(host, call, "x-contentful-signature", &text);
	if (result == PLUGIN_OK)
		result = plugin_one_header(host, call, "x-contentful-signed-headers", &names);
	if (result != PLUGIN_OK)
		return result;
	host->signature(call, text);
	(void)host->decode(call, PLUGIN_HEX, text, &state->signature);
	result = gather(host, call, state, names);
	if (result == PLUGIN_OK)
		host->signed_text(call, state->pieces, state->count);
	return result;
}

static enum plugin_result prove(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	struct state *state = host->state(call, sizeof(*state));

	return plugin_mac_is(host, call, PLUGIN_SHA256, secret, state->pieces, state->count, state->signature);
}

/* No more headers than must be signed. */
static enum plugin_result sign(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	const struct plugin_bytes names = PLUGIN_LITERAL("x-contentful-signed-headers,x-contentful-timestamp");
	struct plugin_bytes time = plugin_decimal(host, call, host->now_ms(call)), hex;
	struct plugin_bytes pieces[] = { host->part(call, PLUGIN_METHOD),
					 PLUGIN_LITERAL("\n"),
					 host->part(call, PLUGIN_TARGET),
					 PLUGIN_LITERAL("\nx-contentful-signed-headers:"),
					 names,
					 PLUGIN_LITERAL(";x-contentful-timestamp:"),
					 time,
					 PLUGIN_LITERAL("\n"),
					 host->part(call, PLUGIN_BODY) };
	enum plugin_result result = plugin_mac_text(host, call, PLUGIN_SHA256, PLUGIN_HEX, secret, pieces,
						    sizeof(pieces) / sizeof(pieces[0]), &hex);

	if (result == PLUGIN_OK)
		result = host->add_header(call, "x-contentful-signed-headers", names);
	if (result == PLUGIN_OK)
		result = host->add_header(call, "x-contentful-timestamp", time);
	return result == PLUGIN_OK ? host->add_header(call, "x-contentful-signature", hex) : result;
}

PLUGIN_EXPORT const struct plugin plugin_contentful = {
	.abi = PLUGIN_ABI,
	.size = sizeof(struct plugin),
	.name = "contentful",
	.scheme = "hmac-sha256 hex over method, target, the headers that it names, and {body}",
	.read = read,
	.prove = prove,
	.sign = sign,
};
