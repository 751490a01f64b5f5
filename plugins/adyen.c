/* adyen.c - Adyen: a signature in every item of a standard notification, or in a header over the whole body of the others
 * (platform, management, banking).
 *
 * The special difficulty: a standard notification has up to some tens of items, each with its own signature over eight of
 * its fields, and all of them must be right. What else stands in an item is not covered. */
#include "trust/plugin_help.h"

enum { ITEMS_MAX = 32, FIELDS = 8 };

struct item {
	struct plugin_bytes signature; /* decoded; empty: it is not base64 */
	struct plugin_bytes signed_text;
};

struct state {
	size_t count; /* of items; 0: the header is what counts */
	struct item items[ITEMS_MAX];
	struct plugin_bytes header; /* decoded */
};

/* A field that is absent or null counts as empty. */
static enum plugin_result field(const struct plugin_host *host, struct plugin_call *call, struct plugin_bytes item,
				const char *pointer, struct plugin_bytes *text)
{
	struct plugin_json value;
	enum plugin_result result = host->json(call, item, pointer, &value);

	*text = (struct plugin_bytes){ NULL, 0 };
	if (result == PLUGIN_OK && (value.type == PLUGIN_JSON_OBJECT || value.type == PLUGIN_JSON_ARRAY))
		return PLUGIN_MALFORMED_BODY;
	if (result == PLUGIN_OK)
		*text = value.text;
	return result == PLUGIN_MISSING ? PLUGIN_OK : result;
}

static enum plugin_result signed_fields(const struct plugin_host *host, struct plugin_call *call,
					struct plugin_bytes json, struct plugin_bytes *text)
{
	static const char *const pointers[FIELDS] = { "/pspReference",	      "/originalReference",
						      "/merchantAccountCode", "/merchantReference",
						      "/amount/value",	      "/amount/currency",
						      "/eventCode",	      "/success" };
	struct plugin_bytes pieces[2 * FIELDS - 1];

	for (size_t i = 0; i < FIELDS; i++) {
		enum plugin_result result = field(host, call, json, pointers[i], &pieces[2 * i]);

		if (result != PLUGIN_OK)
			return result;
		if (i + 1 < FIELDS)
			pieces[2 * i + 1] = PLUGIN_LITERAL(":");
	}
	return host->join(call, pieces, 2 * FIELDS - 1, text);
}

/* The notifications' array, and a copy of it that is ours to write to. */
struct array {
	struct plugin_bytes sent;
	unsigned char *copy;
	struct plugin_bytes rest; /* of the copy: an array of what was not looked at yet; empty behind the last */
};

/* The signature as it stands in the body and not in our copy. One with escapes in it is in neither. */
static void tell(const struct plugin_host *host, struct plugin_call *call, const struct array *array,
		 struct plugin_bytes text)
{
	if (text.p >= array->copy && text.p < array->copy + array->sent.n)
		text.p = array->sent.p + (text.p - array->copy);
	host->signature(call, text);
}

static enum plugin_result read_item(const struct plugin_host *host, struct plugin_call *call, const struct array *array,
				    struct plugin_bytes json, struct item *item)
{
	struct plugin_bytes signature;
	enum plugin_result result = field(host, call, json, "/additionalData/hmacSignature", &signature);

	if (result != PLUGIN_OK)
		return result;
	if (signature.n == 0)
		return plugin_refuse(host, call, PLUGIN_MISSING, "an item has no additionalData.hmacSignature");
	tell(host, call, array, signature);
	(void)host->decode(call, PLUGIN_BASE64, signature, &item->signature);
	return signed_fields(host, call, json, &item->signed_text);
}

/* The next element, after which what stands behind it is an array of its own: each byte is looked at once however many there
 * are. */
static enum plugin_result next(const struct plugin_host *host, struct plugin_call *call, struct array *array,
			       struct plugin_json *item)
{
	enum plugin_result result = array->rest.n > 0 ? host->json(call, array->rest, "/0", item) : PLUGIN_MISSING;
	unsigned char *at, *end = array->copy + array->sent.n;

	if (result != PLUGIN_OK)
		return result;
	at = array->copy + (item->raw.p - array->copy) + item->raw.n;
	while (at < end && *at != ',' && *at != ']')
		at++;
	if (at < end && *at == ',')
		*at = '[';
	else
		at = end;
	array->rest = (struct plugin_bytes){ at, (size_t)(end - at) };
	return result;
}

static enum plugin_result find_array(const struct plugin_host *host, struct plugin_call *call, struct array *array)
{
	struct plugin_json json;
	enum plugin_result result = host->json(call, host->part(call, PLUGIN_BODY), "/notificationItems", &json);

	if (result == PLUGIN_OK && json.type != PLUGIN_JSON_ARRAY)
		return PLUGIN_MISSING;
	if (result != PLUGIN_OK)
		return result;
	array->sent = json.raw;
	array->copy = host->alloc(call, json.raw.n);
	if (!array->copy)
		return PLUGIN_WRONG;
	for (size_t i = 0; i < json.raw.n; i++)
		array->copy[i] = json.raw.p[i];
	array->rest = (struct plugin_bytes){ array->copy, json.raw.n };
	return PLUGIN_OK;
}

static enum plugin_result read_items(const struct plugin_host *host, struct plugin_call *call, struct state *state)
{
	struct plugin_bytes pieces[ITEMS_MAX];
	struct array array = { .copy = NULL };
	struct plugin_json element, json;
	enum plugin_result result = find_array(host, call, &array);

	while (result == PLUGIN_OK && (result = next(host, call, &array, &element)) == PLUGIN_OK) {
		if (state->count == ITEMS_MAX)
			return plugin_refuse(host, call, PLUGIN_MALFORMED_BODY, "there are more than 32 items");
		result = host->json(call, element.raw, "/NotificationRequestItem", &json);
		if (result == PLUGIN_MISSING)
			return plugin_refuse(host, call, PLUGIN_MALFORMED_BODY,
					     "an item has no NotificationRequestItem");
		if (result == PLUGIN_OK)
			result = read_item(host, call, &array, json.raw, &state->items[state->count]);
		if (result != PLUGIN_OK)
			return result;
		pieces[state->count] = state->items[state->count].signed_text;
		state->count++;
	}
	if (result == PLUGIN_MISSING && state->count == 0)
		return plugin_refuse(host, call, PLUGIN_MISSING,
				     "there is no signature: neither HmacSignature nor items with one of their own");
	if (result != PLUGIN_MISSING)
		return result;
	host->covers(call, PLUGIN_COVER_PARTIAL);
	host->signed_text(call, pieces, state->count);
	return PLUGIN_OK;
}

static enum plugin_result read(const struct plugin_host *host, struct plugin_call *call)
{
	struct state *state = host->state(call, sizeof(*state));
	struct plugin_bytes text, body = host->part(call, PLUGIN_BODY);
	size_t count = host->header(call, "HmacSignature", 0, &text);
	struct plugin_json json;

	if (!state)
		return PLUGIN_WRONG;
	if (count == 0 || text.n == 0)
		return read_items(host, call, state);
	if (count > 1)
		return plugin_refuse(host, call, PLUGIN_MALFORMED_REQUEST, "the signature stands there more than once");
	/* With the same key the items' texts are signed, which are no JSON: one of them is no body. */
	if (host->json(call, body, "", &json) != PLUGIN_OK || json.type != PLUGIN_JSON_OBJECT)
		return plugin_refuse(host, call, PLUGIN_MALFORMED_BODY, "the body is no JSON object");
	host->signature(call, text);
	host->signed_text(call, &body, 1);
	(void)host->decode(call, PLUGIN_BASE64, text, &state->header);
	return PLUGIN_OK;
}

static bool right(const struct plugin_host *host, struct plugin_call *call, uint32_t secret,
		  struct plugin_bytes signature, struct plugin_bytes text)
{
	struct plugin_bytes mac;

	return host->mac(call, PLUGIN_SHA256, secret, &text, 1, &mac) == PLUGIN_OK && host->equal(mac, signature);
}

static enum plugin_result prove(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	struct state *state = host->state(call, sizeof(*state));
	bool all = true;

	if (state->count == 0)
		all = right(host, call, secret, state->header, host->part(call, PLUGIN_BODY));
	for (size_t i = 0; i < state->count; i++)
		all &= right(host, call, secret, state->items[i].signature, state->items[i].signed_text);
	return all ? PLUGIN_OK : PLUGIN_MISMATCH;
}

/* The kind whose signature is a header: the others have it in the middle of their body. */
static enum plugin_result sign(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	struct plugin_bytes body = host->part(call, PLUGIN_BODY), text;
	enum plugin_result result = plugin_mac_text(host, call, PLUGIN_SHA256, PLUGIN_BASE64, secret, &body, 1, &text);

	if (result == PLUGIN_OK)
		result = host->add_header(call, "HmacSignature", text);
	return result == PLUGIN_OK ? host->add_header(call, "Protocol", PLUGIN_LITERAL("HmacSHA256")) : result;
}

PLUGIN_EXPORT const struct plugin plugin_adyen = {
	.abi = PLUGIN_ABI,
	.size = sizeof(struct plugin),
	.name = "adyen",
	.scheme = "hmac-sha256 base64 over eight fields of each item, or over {body}",
	.read = read,
	.prove = prove,
	.sign = sign,
};
