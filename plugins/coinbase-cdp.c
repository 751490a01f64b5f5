/* coinbase-cdp.c - Coinbase CDP (and others behind Hook0): HMAC-SHA256 over time, the names of some headers, their values, and
 * the body.
 *
 * The special difficulty: which headers are signed stands in the signature itself, so whoever made it chose them. The body and
 * the time always are; what else must be among them is the route's to say. */
#include "trust/plugin_help.h"

enum { HEADERS_MAX = 32, PIECES = 2 * HEADERS_MAX + 6 };

struct state {
	struct plugin_bytes signature; /* decoded */
	struct plugin_bytes pieces[PIECES];
	size_t count;
};

static void add(struct state *state, struct plugin_bytes piece)
{
	state->pieces[state->count++] = piece;
}

static enum plugin_result add_values(const struct plugin_host *host, struct plugin_call *call, struct state *state,
				     struct plugin_bytes names)
{
	struct plugin_bytes name, value;
	size_t count = 0;

	while (names.n > 0) {
		enum plugin_result result;

		(void)plugin_cut(names, ' ', &name, &names);
		if (++count > HEADERS_MAX)
			return plugin_refuse(host, call, PLUGIN_MALFORMED_REQUEST, "more than 32 headers are signed");
		result = plugin_signed_header(host, call, name, &value);
		if (result != PLUGIN_OK)
			return result;
		if (count > 1)
			add(state, PLUGIN_LITERAL("."));
		add(state, value);
	}
	return PLUGIN_OK;
}

static bool has(struct plugin_bytes names, struct plugin_bytes wanted)
{
	struct plugin_bytes name;

	while (names.n > 0) {
		(void)plugin_cut(names, ' ', &name, &names);
		if (plugin_same_nocase(name, wanted))
			return true;
	}
	return false;
}

static enum plugin_result look_at_names(const struct plugin_host *host, struct plugin_call *call,
					struct plugin_bytes names)
{
	struct plugin_bytes wanted;

	for (size_t i = 0; i < host->option(call, "signed_headers", i, &wanted); i++)
		if (!has(names, wanted))
			return plugin_refuse(host, call, PLUGIN_MISMATCH, "a header that must be signed is not");
	return PLUGIN_OK;
}

/* "t=1764000000,h=content-type x-hook0-id,v1=4ea9..." */
static enum plugin_result split(const struct plugin_host *host, struct plugin_call *call, struct plugin_bytes text,
				struct plugin_bytes *time, struct plugin_bytes *names, struct plugin_bytes *hex)
{
	struct plugin_bytes *const places[3] = { time, names, hex };
	static const struct plugin_bytes marks[3] = { { (const unsigned char *)"t=", 2 },
						      { (const unsigned char *)"h=", 2 },
						      { (const unsigned char *)"v1=", 3 } };
	unsigned seen = 0;

	while (text.n > 0) {
		struct plugin_bytes item;

		(void)plugin_cut(text, ',', &item, &text);
		for (unsigned i = 0; i < 3; i++) {
			if (!plugin_starts(item, marks[i]))
				continue;
			if (seen & 1u << i)
				return plugin_refuse(host, call, PLUGIN_MALFORMED_REQUEST,
						     "a part of the signature stands there more than once");
			seen |= 1u << i;
			*places[i] = plugin_from(item, marks[i].n);
		}
	}
	if ((seen & 5u) != 5u)
		return plugin_refuse(host, call, PLUGIN_MISSING, "the signature lacks its time (t) or its value (v1)");
	return PLUGIN_OK;
}

static enum plugin_result read(const struct plugin_host *host, struct plugin_call *call)
{
	struct state *state = host->state(call, sizeof(*state));
	struct plugin_bytes text, time, names = { NULL, 0 }, hex;
	enum plugin_result result;

	if (!state)
		return PLUGIN_WRONG;
	result = plugin_one_header(host, call, "X-Hook0-Signature", &text);
	if (result == PLUGIN_OK)
		result = split(host, call, text, &time, &names, &hex);
	if (result == PLUGIN_OK)
		result = plugin_signed_seconds(host, call, time);
	if (result != PLUGIN_OK)
		return result;
	host->signature(call, hex);
	(void)host->decode(call, PLUGIN_HEX, hex, &state->signature);
	add(state, time);
	add(state, PLUGIN_LITERAL("."));
	add(state, names);
	add(state, PLUGIN_LITERAL("."));
	result = add_values(host, call, state, names);
	add(state, PLUGIN_LITERAL("."));
	add(state, host->part(call, PLUGIN_BODY));
	if (result == PLUGIN_OK)
		host->signed_text(call, state->pieces, state->count);
	return result == PLUGIN_OK ? look_at_names(host, call, names) : result;
}

static enum plugin_result prove(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	struct state *state = host->state(call, sizeof(*state));

	return plugin_mac_is(host, call, PLUGIN_SHA256, secret, state->pieces, state->count, state->signature);
}

/* ---- signing ---- */

/* The content type is signed, and the id where there is one. */
static enum plugin_result sign(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	struct plugin_bytes values[2] = { { NULL, 0 }, { NULL, 0 } }, hex = { NULL, 0 }, text = { NULL, 0 };
	bool id = host->header(call, "x-hook0-id", 0, &values[1]) == 1;
	struct plugin_bytes names = id ? PLUGIN_LITERAL("content-type x-hook0-id") : PLUGIN_LITERAL("content-type");
	struct plugin_bytes time = plugin_decimal(host, call, host->now_ms(call) / 1000);
	struct plugin_bytes head[] = { PLUGIN_LITERAL("t="), time, PLUGIN_LITERAL(",h="), names,
				       PLUGIN_LITERAL(",v1=") };
	struct plugin_bytes pieces[9] = { time, PLUGIN_LITERAL("."), names, PLUGIN_LITERAL(".") };
	size_t count = 5;
	enum plugin_result result;

	(void)host->header(call, "content-type", 0, &values[0]);
	pieces[4] = values[0];
	if (id) {
		pieces[count++] = PLUGIN_LITERAL(".");
		pieces[count++] = values[1];
	}
	pieces[count++] = PLUGIN_LITERAL(".");
	pieces[count++] = host->part(call, PLUGIN_BODY);
	result = plugin_mac_text(host, call, PLUGIN_SHA256, PLUGIN_HEX, secret, pieces, count, &hex);
	if (result == PLUGIN_OK)
		result = host->join(call, head, sizeof(head) / sizeof(head[0]), &text);
	pieces[0] = text;
	pieces[1] = hex;
	if (result == PLUGIN_OK)
		result = host->join(call, pieces, 2, &text);
	return result == PLUGIN_OK ? host->add_header(call, "X-Hook0-Signature", text) : result;
}

static const struct plugin_option options[] = {
	{ "signed_headers", PLUGIN_OPTION_LIST, false, "names of headers that must be among the signed ones" },
};

PLUGIN_EXPORT const struct plugin plugin_coinbase_cdp = {
	.abi = PLUGIN_ABI,
	.size = sizeof(struct plugin),
	.name = "coinbase-cdp",
	.scheme = "hmac-sha256 hex over {time}.{names}.{values of these headers}.{body}",
	.flags = PLUGIN_TELLS_TIME,
	.options = options,
	.option_count = sizeof(options) / sizeof(options[0]),
	.read = read,
	.prove = prove,
	.sign = sign,
};
