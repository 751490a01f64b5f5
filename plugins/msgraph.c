/* msgraph.c - Microsoft Graph: the secret stands as clientState in every notification of the body.
 *
 * The special difficulty: all of them must have it, and there may be hundreds. To look up the nth by a pointer each time
 * is a walk through the whole for each; so a copy is walked through once, in which the element that comes next is made the
 * first one of an array.
 * Source: https://learn.microsoft.com/en-us/graph/change-notifications-delivery-webhooks */
#include "trust/plugin_help.h"

enum { ITEMS_MAX = 10000 };

struct state {
	struct plugin_bytes client_state;
	bool differs; /* two notifications have different ones, so one of them is wrong */
};

/* The first one, as it stands in the body and not in our copy. One with escapes in it is in neither. */
static void tell(const struct plugin_host *host, struct plugin_call *call, struct plugin_bytes text,
		 struct plugin_bytes array, const unsigned char *copy)
{
	if (text.p >= copy && text.p < copy + array.n)
		text.p = array.p + (text.p - copy);
	host->signature(call, text);
}

static enum plugin_result read_item(const struct plugin_host *host, struct plugin_call *call, struct state *state,
				    struct plugin_bytes item)
{
	struct plugin_json value;
	enum plugin_result result = host->json(call, item, "/clientState", &value);

	if (result == PLUGIN_MISSING ||
	    (result == PLUGIN_OK && (value.type != PLUGIN_JSON_STRING || value.text.n == 0)))
		return plugin_refuse(host, call, PLUGIN_MISSING, "a notification has no clientState");
	if (result != PLUGIN_OK)
		return result;
	if (!state->client_state.p)
		state->client_state = value.text;
	else if (!host->equal(state->client_state, value.text))
		state->differs = true;
	return PLUGIN_OK;
}

/* Makes what stands behind an element an array of its own; empty when nothing does. `rest` is ours to write to. */
static void next(unsigned char *copy, struct plugin_bytes item, struct plugin_bytes *rest)
{
	size_t at = (size_t)(item.p - copy) + item.n;
	size_t end = (size_t)(rest->p - copy) + rest->n;

	while (at < end && copy[at] != ',' && copy[at] != ']')
		at++;
	if (at < end && copy[at] == ',')
		copy[at] = '[';
	else
		at = end;
	*rest = (struct plugin_bytes){ copy + at, end - at };
}

static enum plugin_result read_items(const struct plugin_host *host, struct plugin_call *call, struct state *state,
				     struct plugin_bytes array)
{
	unsigned char *copy = host->alloc(call, array.n);
	struct plugin_bytes rest = { copy, array.n };
	struct plugin_json item;

	if (!copy)
		return PLUGIN_WRONG;
	for (size_t i = 0; i < array.n; i++)
		copy[i] = array.p[i];
	for (size_t i = 0; rest.n > 0; i++) {
		enum plugin_result result = host->json(call, rest, "/0", &item);

		if (result == PLUGIN_MISSING && i == 0)
			return plugin_refuse(host, call, PLUGIN_MISSING, "there are no notifications");
		if (result == PLUGIN_OK)
			result = read_item(host, call, state, item.raw);
		if (result != PLUGIN_OK)
			return result;
		if (i == ITEMS_MAX)
			return plugin_refuse(host, call, PLUGIN_MALFORMED_BODY,
					     "there are more than 10000 notifications");
		next(copy, item.raw, &rest);
	}
	tell(host, call, state->client_state, array, copy);
	return PLUGIN_OK;
}

static enum plugin_result read(const struct plugin_host *host, struct plugin_call *call)
{
	struct state *state = host->state(call, sizeof(*state));
	struct plugin_json array;
	enum plugin_result result = host->json(call, host->part(call, PLUGIN_BODY), "/value", &array);

	if (!state)
		return PLUGIN_WRONG;
	if (result == PLUGIN_MISSING || (result == PLUGIN_OK && array.type != PLUGIN_JSON_ARRAY))
		return plugin_refuse(host, call, PLUGIN_MISSING, "there are no notifications");
	return result == PLUGIN_OK ? read_items(host, call, state, array.raw) : result;
}

static enum plugin_result prove(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	struct state *state = host->state(call, sizeof(*state));
	struct plugin_bytes key;
	enum plugin_result result = host->secret(call, secret, &key);

	if (!state)
		return PLUGIN_WRONG;
	if (result != PLUGIN_OK)
		return result;
	return host->equal(state->client_state, key) && !state->differs ? PLUGIN_OK : PLUGIN_MISMATCH;
}

/* Into the place that the sample has for it. */
static enum plugin_result sign(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	struct plugin_bytes body = host->part(call, PLUGIN_BODY), key;
	enum plugin_result result = host->secret(call, secret, &key);

	if (result == PLUGIN_OK)
		result = plugin_json_string(host, call, key, &key);
	if (result == PLUGIN_OK)
		result = plugin_fill(host, call, &body, PLUGIN_LITERAL("\"<signature>\""), key);
	if (result == PLUGIN_MISSING)
		host->reason(call, "the body does not have \"<signature>\" where clientState stands");
	return result == PLUGIN_OK ? host->set_body(call, body) : result;
}

PLUGIN_EXPORT const struct plugin plugin_msgraph = {
	.abi = PLUGIN_ABI,
	.size = sizeof(struct plugin),
	.name = "msgraph",
	.scheme = "token in clientState of every notification",
	.read = read,
	.prove = prove,
	.sign = sign,
};
