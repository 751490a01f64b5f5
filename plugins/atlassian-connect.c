/* atlassian-connect.c - Atlassian Connect apps: a JWT (RFC 7519) with HS256 whose claim `qsh` is a hash of method, path and sorted
 * query.
 *
 * The special difficulty: the hash is of a canonical form: the path relative to the app's own base, the parameters decoded,
 * encoded anew by RFC 3986, sorted, and equal names joined. The body is not covered by anything. */
#include "trust/plugin_help.h"

struct state {
	struct plugin_bytes signature; /* decoded */
	struct plugin_bytes text;      /* header and claims, as sent */
	int64_t not_before, expires;   /* seconds */
};

enum { LEEWAY_S = 30, LIFE_S = 180 };

/* Besides letters and digits (RFC 3986, 2.3). */
#define UNRESERVED "-._~"

/* ---- the canonical request ---- */

/* Encoded, sorted, without the token itself. */
static enum plugin_result canonical_fields(const struct plugin_host *host, struct plugin_call *call,
					   struct plugin_field **out, size_t *count)
{
	const struct plugin_field *fields;
	struct plugin_field *encoded;
	size_t all, n = 0;
	enum plugin_result result = host->fields(call, PLUGIN_FIELDS_QUERY, &fields, &all);

	if (result != PLUGIN_OK)
		return result;
	encoded = host->alloc(call, (all + 1) * sizeof(*encoded));
	if (!encoded)
		return PLUGIN_WRONG;
	for (size_t i = 0; i < all && result == PLUGIN_OK; i++) {
		if (plugin_same(fields[i].name, PLUGIN_LITERAL("jwt")))
			continue;
		result = plugin_percent(host, call, fields[i].name, UNRESERVED, &encoded[n].name);
		if (result == PLUGIN_OK)
			result = plugin_percent(host, call, fields[i].value, UNRESERVED, &encoded[n].value);
		n++;
	}
	*out = plugin_sorted(host, call, encoded, n);
	*count = n;
	return result == PLUGIN_OK && !*out ? PLUGIN_WRONG : result;
}

/* The path behind the option `base_path`, without a slash at its end. */
static struct plugin_bytes relative_path(const struct plugin_host *host, struct plugin_call *call)
{
	struct plugin_bytes path = host->part(call, PLUGIN_PATH), base = { NULL, 0 };

	(void)host->option(call, "base_path", 0, &base);
	while (base.n > 0 && base.p[base.n - 1] == '/')
		base.n--;
	if (plugin_starts(path, base) && (path.n == base.n || path.p[base.n] == '/'))
		path = plugin_from(path, base.n);
	while (path.n > 1 && path.p[path.n - 1] == '/')
		path.n--;
	return path.n > 0 ? path : PLUGIN_LITERAL("/");
}

static enum plugin_result query_hash(const struct plugin_host *host, struct plugin_call *call,
				     struct plugin_bytes *hash)
{
	struct plugin_bytes *pieces;
	struct plugin_field *fields = NULL;
	size_t count = 0, n = 0;
	enum plugin_result result = canonical_fields(host, call, &fields, &count);

	if (result != PLUGIN_OK)
		return result;
	pieces = host->alloc(call, (4 * count + 4) * sizeof(*pieces));
	if (!pieces)
		return PLUGIN_WRONG;
	pieces[n++] = host->part(call, PLUGIN_METHOD);
	pieces[n++] = PLUGIN_LITERAL("&");
	pieces[n++] = relative_path(host, call);
	pieces[n++] = PLUGIN_LITERAL("&");
	for (size_t i = 0; i < count; i++) {
		bool again = i > 0 && plugin_same(fields[i].name, fields[i - 1].name);

		if (i > 0)
			pieces[n++] = again ? PLUGIN_LITERAL(",") : PLUGIN_LITERAL("&");
		if (!again) {
			pieces[n++] = fields[i].name;
			pieces[n++] = PLUGIN_LITERAL("=");
		}
		pieces[n++] = fields[i].value;
	}
	return host->digest(call, PLUGIN_SHA256, pieces, n, hash);
}

/* ---- the token ---- */

/* "Authorization: JWT ..." or the parameter jwt. */
static enum plugin_result find_token(const struct plugin_host *host, struct plugin_call *call,
				     struct plugin_bytes *token)
{
	const struct plugin_field *fields;
	struct plugin_bytes text = { NULL, 0 };
	size_t count = host->header(call, "Authorization", 0, &text), all;
	enum plugin_result result;

	if (count > 1)
		return plugin_refuse(host, call, PLUGIN_MALFORMED_REQUEST, "Authorization stands there more than once");
	if (count == 1 && text.n > 4 &&
	    plugin_same_nocase((struct plugin_bytes){ text.p, 4 }, PLUGIN_LITERAL("JWT "))) {
		*token = plugin_trim(plugin_from(text, 4));
		return PLUGIN_OK;
	}
	result = host->fields(call, PLUGIN_FIELDS_QUERY, &fields, &all);
	if (result == PLUGIN_OK)
		result = plugin_one_field(fields, all, PLUGIN_LITERAL("jwt"), token);
	if (result == PLUGIN_MISSING)
		host->reason(call, "there is no token: neither Authorization: JWT nor the parameter jwt");
	return result;
}

static enum plugin_result read_claims(const struct plugin_host *host, struct plugin_call *call, struct state *state,
				      struct plugin_bytes claims)
{
	struct plugin_bytes issuer = { NULL, 0 }, issued = { NULL, 0 }, expires = { NULL, 0 }, sent = { NULL, 0 },
			    wanted = { NULL, 0 }, hash = { NULL, 0 };
	enum plugin_result result = plugin_member(host, call, claims, "/iss", PLUGIN_JSON_STRING, &issuer);

	if (result == PLUGIN_OK)
		result = plugin_member(host, call, claims, "/iat", PLUGIN_JSON_NUMBER, &issued);
	if (result == PLUGIN_OK)
		result = plugin_member(host, call, claims, "/exp", PLUGIN_JSON_NUMBER, &expires);
	if (result == PLUGIN_OK)
		result = plugin_member(host, call, claims, "/qsh", PLUGIN_JSON_STRING, &sent);
	if (result == PLUGIN_OK)
		result = query_hash(host, call, &hash);
	if (result != PLUGIN_OK)
		return result;
	if (!plugin_number(issued, &state->not_before) || !plugin_number(expires, &state->expires))
		return plugin_refuse(host, call, PLUGIN_MISMATCH,
				     "the token does not say when it was issued and when it expires");
	if (host->option(call, "client_key", 0, &wanted) == 1 && !plugin_same(wanted, issuer))
		return plugin_refuse(host, call, PLUGIN_MISMATCH, "the token's issuer is not the route's client_key");
	if (host->decode(call, PLUGIN_HEX, sent, &sent) != PLUGIN_OK || !host->equal(sent, hash))
		return plugin_refuse(host, call, PLUGIN_MISMATCH,
				     "qsh is not the hash of this method, path and query; is base_path right?");
	return PLUGIN_OK;
}

static enum plugin_result read(const struct plugin_host *host, struct plugin_call *call)
{
	struct state *state = host->state(call, sizeof(*state));
	struct plugin_bytes token = { NULL, 0 }, head, claims, signature, algorithm = { NULL, 0 };
	enum plugin_result result;

	if (!state)
		return PLUGIN_WRONG;
	result = find_token(host, call, &token);
	if (result != PLUGIN_OK)
		return result;
	(void)plugin_cut(token, '.', &head, &signature);
	(void)plugin_cut(signature, '.', &claims, &signature);
	state->text = (struct plugin_bytes){ token.p, head.n + 1 + claims.n };
	host->signature(call, signature);
	if (claims.n == 0 || host->decode(call, PLUGIN_BASE64URL, head, &head) != PLUGIN_OK ||
	    host->decode(call, PLUGIN_BASE64URL, claims, &claims) != PLUGIN_OK ||
	    host->decode(call, PLUGIN_BASE64URL, signature, &state->signature) != PLUGIN_OK)
		return plugin_refuse(host, call, PLUGIN_MISMATCH, "the token is no JWT");
	host->signed_text(call, &state->text, 1);
	result = plugin_member(host, call, head, "/alg", PLUGIN_JSON_STRING, &algorithm);
	if (result == PLUGIN_OK && !plugin_same(algorithm, PLUGIN_LITERAL("HS256")))
		return plugin_refuse(host, call, PLUGIN_MISMATCH, "the token is not one of HS256");
	return result == PLUGIN_OK ? read_claims(host, call, state, claims) : result;
}

static enum plugin_result prove(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	struct state *state = host->state(call, sizeof(*state));
	int64_t now = host->now_ms(call) / 1000;
	enum plugin_result result = plugin_mac_is(host, call, PLUGIN_SHA256, secret, &state->text, 1, state->signature);

	if (result != PLUGIN_OK)
		return result;
	if (now > state->expires + LEEWAY_S || now < state->not_before - LEEWAY_S)
		return plugin_refuse(host, call, PLUGIN_STALE, "the token has expired, or is issued in the future");
	return PLUGIN_OK;
}

static enum plugin_result claims_of(const struct plugin_host *host, struct plugin_call *call,
				    struct plugin_bytes *claims)
{
	int64_t now = host->now_ms(call) / 1000;
	struct plugin_bytes issuer = PLUGIN_LITERAL("hookgate"), hash = { NULL, 0 };
	struct plugin_bytes pieces[] = { PLUGIN_LITERAL("{\"iss\":"),	{ NULL, 0 },
					 PLUGIN_LITERAL(",\"iat\":"),	plugin_decimal(host, call, now),
					 PLUGIN_LITERAL(",\"exp\":"),	plugin_decimal(host, call, now + LIFE_S),
					 PLUGIN_LITERAL(",\"qsh\":\""), { NULL, 0 },
					 PLUGIN_LITERAL("\"}") };
	enum plugin_result result = query_hash(host, call, &hash);

	(void)host->option(call, "client_key", 0, &issuer);
	if (result == PLUGIN_OK)
		result = plugin_json_string(host, call, issuer, &pieces[1]);
	if (result == PLUGIN_OK)
		result = host->encode(call, PLUGIN_HEX, hash, &pieces[7]);
	return result == PLUGIN_OK ? host->join(call, pieces, sizeof(pieces) / sizeof(pieces[0]), claims) : result;
}

static enum plugin_result sign(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	struct plugin_bytes claims = { NULL, 0 }, text = { NULL, 0 };
	/* {"alg":"HS256","typ":"JWT"} */
	struct plugin_bytes pieces[5] = { PLUGIN_LITERAL("JWT "),
					  PLUGIN_LITERAL("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."),
					  { NULL, 0 },
					  PLUGIN_LITERAL("."),
					  { NULL, 0 } };
	enum plugin_result result = claims_of(host, call, &claims);

	if (result == PLUGIN_OK)
		result = host->encode(call, PLUGIN_BASE64URL, claims, &pieces[2]);
	if (result == PLUGIN_OK)
		result =
			plugin_mac_text(host, call, PLUGIN_SHA256, PLUGIN_BASE64URL, secret, &pieces[1], 2, &pieces[4]);
	if (result == PLUGIN_OK)
		result = host->join(call, pieces, 5, &text);
	return result == PLUGIN_OK ? host->add_header(call, "Authorization", text) : result;
}

static const struct plugin_option options[] = {
	{ "base_path", PLUGIN_OPTION_TEXT, false,
	  "the path of the app's base URL, which the signed path is relative to" },
	{ "client_key", PLUGIN_OPTION_TEXT, false, "the tenant's clientKey, which must be the token's issuer" },
};

PLUGIN_EXPORT const struct plugin plugin_atlassian_connect = {
	.abi = PLUGIN_ABI,
	.size = sizeof(struct plugin),
	.name = "atlassian-connect",
	.scheme = "JWT HS256 with a hash of method, path and sorted query",
	.options = options,
	.option_count = sizeof(options) / sizeof(options[0]),
	.read = read,
	.prove = prove,
	.sign = sign,
};
