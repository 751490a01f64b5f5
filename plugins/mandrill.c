/* mandrill.c - Mandrill (Mailchimp Transactional): HMAC-SHA1 over the public URL and the sorted form fields, each as name and
 * value.
 *
 * The special difficulty: the events are a JSON list in a form field, so what kind the first of them is has to be read
 * from a decoded field. */
#include "trust/plugin_help.h"

struct state {
	struct plugin_bytes signature; /* decoded */
	struct plugin_bytes *pieces;
	size_t count;
};

static enum plugin_result gather(const struct plugin_host *host, struct plugin_call *call, struct state *state)
{
	struct plugin_bytes url;
	const struct plugin_field *fields;
	struct plugin_field *sorted;
	size_t count;
	enum plugin_result result = host->fields(call, PLUGIN_FIELDS_FORM, &fields, &count);

	if (result == PLUGIN_OK)
		result = plugin_signed_url(host, call, &url);
	if (result != PLUGIN_OK)
		return result;
	if (count == 0)
		return plugin_refuse(host, call, PLUGIN_MALFORMED_BODY, "the body is no form");
	sorted = plugin_sorted(host, call, fields, count);
	state->pieces = host->alloc(call, (2 * count + 1) * sizeof(state->pieces[0]));
	if (!sorted || !state->pieces)
		return PLUGIN_WRONG;
	state->pieces[state->count++] = url;
	for (size_t i = 0; i < count; i++) {
		state->pieces[state->count++] = sorted[i].name;
		state->pieces[state->count++] = sorted[i].value;
	}
	return PLUGIN_OK;
}

static enum plugin_result read(const struct plugin_host *host, struct plugin_call *call)
{
	struct state *state = host->state(call, sizeof(*state));
	struct plugin_bytes text;
	enum plugin_result result;

	if (!state)
		return PLUGIN_WRONG;
	result = plugin_one_header(host, call, "X-Mandrill-Signature", &text);
	if (result == PLUGIN_OK)
		result = gather(host, call, state);
	if (result != PLUGIN_OK)
		return result;
	host->signature(call, text);
	host->signed_text(call, state->pieces, state->count);
	(void)host->decode(call, PLUGIN_BASE64, text, &state->signature);
	return PLUGIN_OK;
}

static enum plugin_result prove(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	struct state *state = host->state(call, sizeof(*state));

	return plugin_mac_is(host, call, PLUGIN_SHA1, secret, state->pieces, state->count, state->signature);
}

/* Of a list, the first event's kind; a list has no id of its own. */
static enum plugin_result event(const struct plugin_host *host, struct plugin_call *call, struct plugin_bytes *id,
				struct plugin_bytes *type)
{
	const struct plugin_field *fields;
	struct plugin_bytes events;
	struct plugin_json kind;
	size_t count;

	(void)id;
	if (host->fields(call, PLUGIN_FIELDS_FORM, &fields, &count) == PLUGIN_OK &&
	    plugin_one_field(fields, count, PLUGIN_LITERAL("mandrill_events"), &events) == PLUGIN_OK &&
	    host->json(call, events, "/0/event", &kind) == PLUGIN_OK && kind.type == PLUGIN_JSON_STRING)
		*type = kind.text;
	return PLUGIN_OK;
}

/* When a webhook is made, an empty list comes, signed with a key that everybody knows. It holds no event. */
static enum plugin_result handshake(const struct plugin_host *host, struct plugin_call *call)
{
	const struct plugin_field *fields;
	struct plugin_bytes events, none = { NULL, 0 };
	size_t count;

	if (host->fields(call, PLUGIN_FIELDS_FORM, &fields, &count) != PLUGIN_OK ||
	    plugin_one_field(fields, count, PLUGIN_LITERAL("mandrill_events"), &events) != PLUGIN_OK ||
	    !plugin_same(events, PLUGIN_LITERAL("[]")))
		return PLUGIN_MISSING;
	return host->answer(call, 200, none, none);
}

static enum plugin_result sign(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	struct state *state = host->state(call, sizeof(*state));
	struct plugin_bytes text;
	enum plugin_result result = state ? gather(host, call, state) : PLUGIN_WRONG;

	if (result == PLUGIN_OK)
		result = plugin_mac_text(host, call, PLUGIN_SHA1, PLUGIN_BASE64, secret, state->pieces, state->count,
					 &text);
	return result == PLUGIN_OK ? host->add_header(call, "X-Mandrill-Signature", text) : result;
}

PLUGIN_EXPORT const struct plugin plugin_mandrill = {
	.abi = PLUGIN_ABI,
	.size = sizeof(struct plugin),
	.name = "mandrill",
	.scheme = "hmac-sha1 base64 over {url} and the sorted form fields",
	.read = read,
	.prove = prove,
	.event = event,
	.handshake = handshake,
	.sign = sign,
};
