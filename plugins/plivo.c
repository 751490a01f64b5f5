/* plivo.c - Plivo: version 3 signs URL, query, form fields and a nonce; version 2 (messages) URL and nonce alone.
 *
 * The special difficulty: what stands between the parts hangs on which of them are empty, as the vendor's libraries build
 * it: base["?"][query]["."][fields]"."nonce, with the "?" where there are parameters or fields, and the first "." only
 * where there are both. */
#include "trust/plugin_help.h"

enum { SIGNATURES_MAX = 16 };

struct state {
	size_t count;
	struct plugin_bytes signatures[SIGNATURES_MAX]; /* decoded; empty: not base64 */
	struct plugin_bytes text;
};

struct pieces {
	struct plugin_bytes *p;
	size_t n;
};

static enum plugin_result sorted(const struct plugin_host *host, struct plugin_call *call, enum plugin_fields which,
				 struct plugin_field **fields, size_t *count)
{
	const struct plugin_field *given;
	enum plugin_result result = host->fields(call, which, &given, count);

	if (result != PLUGIN_OK)
		return result;
	*fields = plugin_sorted(host, call, given, *count);
	return *fields ? PLUGIN_OK : PLUGIN_WRONG;
}

static void add(struct pieces *pieces, struct plugin_bytes piece)
{
	pieces->p[pieces->n++] = piece;
}

static void add_query(struct pieces *pieces, const struct plugin_field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			add(pieces, PLUGIN_LITERAL("&"));
		add(pieces, fields[i].name);
		add(pieces, PLUGIN_LITERAL("="));
		add(pieces, fields[i].value);
	}
}

static struct plugin_bytes without_query(struct plugin_bytes url)
{
	struct plugin_bytes base, query;

	plugin_cut(url, '?', &base, &query);
	return base;
}

static enum plugin_result text_of_version_3(const struct plugin_host *host, struct plugin_call *call,
					    struct plugin_bytes nonce, struct plugin_bytes *text)
{
	struct plugin_field *query, *form;
	struct pieces pieces = { NULL, 0 };
	size_t queries, forms;
	enum plugin_result result = sorted(host, call, PLUGIN_FIELDS_QUERY, &query, &queries);

	if (result == PLUGIN_OK)
		result = sorted(host, call, PLUGIN_FIELDS_FORM, &form, &forms);
	if (result != PLUGIN_OK)
		return result;
	pieces.p = host->alloc(call, (4 * queries + 2 * forms + 5) * sizeof(pieces.p[0]));
	if (!pieces.p)
		return PLUGIN_WRONG;
	add(&pieces, without_query(host->part(call, PLUGIN_URL)));
	if (queries + forms > 0)
		add(&pieces, PLUGIN_LITERAL("?"));
	add_query(&pieces, query, queries);
	if (queries > 0 && forms > 0)
		add(&pieces, PLUGIN_LITERAL("."));
	for (size_t i = 0; i < forms; i++) {
		add(&pieces, form[i].name);
		add(&pieces, form[i].value);
	}
	add(&pieces, PLUGIN_LITERAL("."));
	add(&pieces, nonce);
	/* A body that is no form is not signed. */
	if (forms == 0)
		host->covers(call, PLUGIN_COVER_PARTIAL);
	return host->join(call, pieces.p, pieces.n, text);
}

static enum plugin_result text_of_version_2(const struct plugin_host *host, struct plugin_call *call,
					    struct plugin_bytes nonce, struct plugin_bytes *text)
{
	struct plugin_bytes pieces[2] = { without_query(host->part(call, PLUGIN_URL)), nonce };

	host->covers(call, PLUGIN_COVER_PARTIAL);
	return host->join(call, pieces, 2, text);
}

/* "aa,bb": several while a token is being replaced. */
static enum plugin_result split(const struct plugin_host *host, struct plugin_call *call, struct plugin_bytes list,
				struct state *state)
{
	while (list.n > 0) {
		struct plugin_bytes item;

		plugin_cut(list, ',', &item, &list);
		item = plugin_trim(item);
		if (item.n == 0)
			continue;
		if (state->count == SIGNATURES_MAX)
			return plugin_refuse(host, call, PLUGIN_MALFORMED_REQUEST, "there are more than 16 signatures");
		host->signature(call, item);
		(void)host->decode(call, PLUGIN_BASE64, item, &state->signatures[state->count++]);
	}
	if (state->count == 0)
		return plugin_refuse(host, call, PLUGIN_MISSING, "the signature header has no signature");
	return PLUGIN_OK;
}

static enum plugin_result read(const struct plugin_host *host, struct plugin_call *call)
{
	struct state *state = host->state(call, sizeof(*state));
	struct plugin_bytes url, list, nonce;
	bool third = host->header(call, "X-Plivo-Signature-V3", 0, &list) > 0;
	enum plugin_result result = state ? plugin_signed_url(host, call, &url) : PLUGIN_WRONG;

	if (result != PLUGIN_OK)
		return result;
	/* Where there is the newer one, the older one is not looked at. */
	result = plugin_one_header(host, call, third ? "X-Plivo-Signature-V3" : "X-Plivo-Signature-V2", &list);
	if (result == PLUGIN_OK)
		result = plugin_one_header(host, call,
					   third ? "X-Plivo-Signature-V3-Nonce" : "X-Plivo-Signature-V2-Nonce", &nonce);
	if (result == PLUGIN_OK)
		result = split(host, call, list, state);
	if (result == PLUGIN_OK)
		result = third ? text_of_version_3(host, call, nonce, &state->text)
			       : text_of_version_2(host, call, nonce, &state->text);
	if (result == PLUGIN_OK)
		host->signed_text(call, &state->text, 1);
	return result;
}

static enum plugin_result prove(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	struct state *state = host->state(call, sizeof(*state));
	struct plugin_bytes mac;
	bool match = false;
	enum plugin_result result = host->mac(call, PLUGIN_SHA256, secret, &state->text, 1, &mac);

	if (result != PLUGIN_OK)
		return result;
	for (size_t i = 0; i < state->count; i++)
		match |= host->equal(mac, state->signatures[i]);
	return match ? PLUGIN_OK : PLUGIN_MISMATCH;
}

static enum plugin_result sign(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	const struct plugin_bytes nonce = PLUGIN_LITERAL("05429567804466091622");
	struct plugin_bytes text, value;
	enum plugin_result result = text_of_version_3(host, call, nonce, &text);

	if (result == PLUGIN_OK)
		result = plugin_mac_text(host, call, PLUGIN_SHA256, PLUGIN_BASE64, secret, &text, 1, &value);
	if (result == PLUGIN_OK)
		result = host->add_header(call, "X-Plivo-Signature-V3-Nonce", nonce);
	return result == PLUGIN_OK ? host->add_header(call, "X-Plivo-Signature-V3", value) : result;
}

PLUGIN_EXPORT const struct plugin plugin_plivo = {
	.abi = PLUGIN_ABI,
	.size = sizeof(struct plugin),
	.name = "plivo",
	.scheme = "hmac-sha256 base64 over {url} without its query, the sorted query, the sorted fields and a nonce",
	.read = read,
	.prove = prove,
	.sign = sign,
};
