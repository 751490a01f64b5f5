/* rfc9421.c - HTTP Message Signatures (RFC 9421), and of the body its Content-Digest (RFC 9530).
 *
 * The special difficulty: a signature says itself what it covers, with which key and by which algorithm, and a message may have
 * several. None of that is believed alone: an algorithm only counts with a key of its kind; what must be covered is the
 * route's to say; and one that does not cover Content-Digest says nothing of the body. */
#include "trust/plugin_fields.h"

enum { LABELS_MAX = 4, COMPONENTS_MAX = 24, PIECES = 8 * COMPONENTS_MAX + 4 };

struct label {
	struct plugin_bytes name;
	struct plugin_bytes params; /* the inner list and its parameters, as sent */
	struct plugin_bytes list;   /* what stands in its parentheses */
	struct plugin_bytes signature, key, algorithm;
	struct plugin_bytes base; /* the text that is signed */
	int64_t created, expires; /* seconds; -1: not said */
	bool has_digest, fine;
};

struct state {
	struct label labels[LABELS_MAX];
	size_t count;
	bool digest_right;
	struct plugin_bytes scheme, authority;
	struct plugin_bytes digest; /* in sign(): the header that is only being made */
};

/* ";created=1618884473;keyid=\"test-key\"": what counts of it. False: it cannot be read. */
static bool read_time(struct plugin_bytes value, int64_t *seconds)
{
	return plugin_number(value, seconds) && *seconds <= 253402300799;
}

static bool read_params(struct plugin_bytes text, struct label *label)
{
	while (text.n > 0) {
		struct plugin_bytes one, name, value;

		(void)plugin_cut(plugin_from(text, 1), ';', &one, &value);
		text = plugin_from(text, 1 + one.n);
		(void)plugin_cut(plugin_trim(one), '=', &name, &value);
		if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
			value = (struct plugin_bytes){ value.p + 1, value.n - 2 };
		if (plugin_same(name, PLUGIN_LITERAL("created")) && !read_time(value, &label->created))
			return false;
		if (plugin_same(name, PLUGIN_LITERAL("expires")) && !read_time(value, &label->expires))
			return false;
		if (plugin_same(name, PLUGIN_LITERAL("keyid")))
			label->key = value;
		if (plugin_same(name, PLUGIN_LITERAL("alg")))
			label->algorithm = value;
	}
	return true;
}

/* ---- components (RFC 9421, section 2) ---- */

static void lower(unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = p[i] >= 'A' && p[i] <= 'Z' ? (unsigned char)(p[i] + 32) : p[i];
}

/* Scheme and authority of the public URL; the authority in lower case and without the scheme's own port. */
static enum plugin_result split_url(const struct plugin_host *host, struct plugin_call *call, struct state *state)
{
	struct plugin_bytes url = host->part(call, PLUGIN_URL), rest, port, path;
	unsigned char *copy;
	size_t n;

	(void)plugin_cut(url, ':', &state->scheme, &rest);
	(void)plugin_cut(plugin_from(rest, 2), '/', &rest, &path);
	(void)plugin_cut(rest, '?', &rest, &path);
	port = plugin_same(state->scheme, PLUGIN_LITERAL("https")) ? PLUGIN_LITERAL(":443") : PLUGIN_LITERAL(":80");
	n = rest.n;
	if (n > port.n && plugin_same(plugin_from(rest, n - port.n), port))
		n -= port.n;
	copy = host->alloc(call, n + 1);
	if (!copy)
		return PLUGIN_WRONG;
	for (size_t i = 0; i < n; i++)
		copy[i] = rest.p[i];
	lower(copy, n);
	state->authority = (struct plugin_bytes){ copy, n };
	return PLUGIN_OK;
}

static enum plugin_result derived(const struct plugin_host *host, struct plugin_call *call, const struct state *state,
				  struct plugin_bytes name, struct plugin_bytes *value)
{
	struct plugin_bytes query[2] = { PLUGIN_LITERAL("?"), host->part(call, PLUGIN_QUERY) };

	if (plugin_same(name, PLUGIN_LITERAL("@query")))
		return host->join(call, query, 2, value);
	if (plugin_same(name, PLUGIN_LITERAL("@method")))
		*value = host->part(call, PLUGIN_METHOD);
	else if (plugin_same(name, PLUGIN_LITERAL("@path")))
		*value = host->part(call, PLUGIN_PATH);
	else if (plugin_same(name, PLUGIN_LITERAL("@request-target")))
		*value = host->part(call, PLUGIN_TARGET);
	else if (plugin_same(name, PLUGIN_LITERAL("@target-uri")))
		*value = host->part(call, PLUGIN_URL);
	else if (plugin_same(name, PLUGIN_LITERAL("@authority")))
		*value = state->authority;
	else if (plugin_same(name, PLUGIN_LITERAL("@scheme")))
		*value = state->scheme;
	else
		return plugin_refuse(host, call, PLUGIN_MISMATCH,
				     "a derived component is signed that is not known here");
	return PLUGIN_OK;
}

static enum plugin_result component(const struct plugin_host *host, struct plugin_call *call, const struct state *state,
				    struct plugin_bytes name, struct plugin_bytes *value)
{
	char text[PLUGIN_NAME_ROOM];

	if (name.n > 0 && name.p[0] == '@')
		return derived(host, call, state, name, value);
	if (state->digest.n > 0 && plugin_same(name, PLUGIN_LITERAL("content-digest"))) {
		*value = state->digest;
		return PLUGIN_OK;
	}
	if (!plugin_name(name, text))
		return plugin_refuse(host, call, PLUGIN_MALFORMED_REQUEST, "a component is no header's name");
	return plugin_whole_header(host, call, text, value);
}

/* One `"name"` of an inner list; parameters of it are not known here. */
static bool next_component(struct plugin_bytes *list, struct plugin_bytes *quoted, struct plugin_bytes *name)
{
	(void)plugin_cut(*list, ' ', quoted, list);
	if (quoted->n < 2 || quoted->p[0] != '"' || quoted->p[quoted->n - 1] != '"')
		return false;
	*name = (struct plugin_bytes){ quoted->p + 1, quoted->n - 2 };
	for (size_t i = 0; i < name->n; i++)
		if (name->p[i] == '"' || name->p[i] == '\\')
			return false;
	return true;
}

/* The signature base (section 2.5). */
static enum plugin_result make_base(const struct plugin_host *host, struct plugin_call *call, const struct state *state,
				    struct label *label)
{
	struct plugin_bytes pieces[PIECES], list = label->list, quoted, name, value;
	size_t count = 0, components = 0;

	while (list.n > 0) {
		enum plugin_result result;

		if (components++ == COMPONENTS_MAX || !next_component(&list, &quoted, &name))
			return plugin_refuse(
				host, call, PLUGIN_MISMATCH,
				"the signed components are too many, or have parameters that are not known here");
		result = component(host, call, state, name, &value);
		if (result != PLUGIN_OK)
			return result;
		label->has_digest |= plugin_same(name, PLUGIN_LITERAL("content-digest"));
		pieces[count++] = quoted;
		pieces[count++] = PLUGIN_LITERAL(": ");
		pieces[count++] = value;
		pieces[count++] = PLUGIN_LITERAL("\n");
	}
	pieces[count++] = PLUGIN_LITERAL("\"@signature-params\": ");
	pieces[count++] = label->params;
	return host->join(call, pieces, count, &label->base);
}

/* ---- what the route wants ---- */

static bool covers(struct plugin_bytes list, struct plugin_bytes wanted)
{
	struct plugin_bytes quoted, name;

	while (list.n > 0 && next_component(&list, &quoted, &name))
		if (plugin_same(name, wanted))
			return true;
	return false;
}

static bool covers_all(const struct plugin_host *host, struct plugin_call *call, struct plugin_bytes list)
{
	struct plugin_bytes wanted;

	for (size_t i = 0; i < host->option(call, "components", i, &wanted); i++)
		if (!covers(list, wanted))
			return false;
	return true;
}

/* Every digest of a kind that is known must be right, and there must be one (RFC 9530, section 2). Each stands there once: to
 * hash a body is work, and who sends it has proved nothing yet. */
static enum plugin_result check_digest(const struct plugin_host *host, struct plugin_call *call, bool *right)
{
	struct plugin_bytes rest, name, text, inner, sent, is, body = host->part(call, PLUGIN_BODY);
	enum plugin_result result = plugin_whole_header(host, call, "content-digest", &rest);
	size_t known[2] = { 0, 0 }, wrong = 0;

	while (result == PLUGIN_OK && plugin_next_member(&rest, &name, &text)) {
		bool longer = plugin_same(name, PLUGIN_LITERAL("sha-512"));

		if (!longer && !plugin_same(name, PLUGIN_LITERAL("sha-256")))
			continue;
		if (known[longer]++ > 0)
			return plugin_refuse(host, call, PLUGIN_MALFORMED_REQUEST,
					     "a digest stands in Content-Digest more than once");
		result = host->digest(call, longer ? PLUGIN_SHA512 : PLUGIN_SHA256, &body, 1, &is);
		if (result == PLUGIN_OK &&
		    !(plugin_byte_sequence(host, call, text, &inner, &sent) && host->equal(sent, is)))
			wrong++;
	}
	*right = known[0] + known[1] > 0 && wrong == 0;
	return result == PLUGIN_MISSING ? PLUGIN_OK : result;
}

/* ---- the plugin ---- */

static enum plugin_result read_label(const struct plugin_host *host, struct plugin_call *call, struct state *state,
				     struct plugin_bytes signatures, struct label *label)
{
	struct plugin_bytes name, text, inner, after;
	bool found = false;
	enum plugin_result result;

	while (!found && plugin_next_member(&signatures, &name, &text))
		found = plugin_same(name, label->name);
	if (!found || !plugin_byte_sequence(host, call, text, &inner, &label->signature))
		return plugin_refuse(host, call, PLUGIN_MISMATCH,
				     "Signature has no bytes under a label of Signature-Input");
	host->signature(call, inner);
	if (label->params.n == 0 || label->params.p[0] != '(' ||
	    !plugin_cut(plugin_from(label->params, 1), ')', &label->list, &after) || !read_params(after, label))
		return plugin_refuse(host, call, PLUGIN_MALFORMED_REQUEST, "Signature-Input cannot be read");
	if (label->created < 0)
		return plugin_refuse(host, call, PLUGIN_MISMATCH, "the signature does not say when it was created");
	if (!covers_all(host, call, label->list))
		return plugin_refuse(host, call, PLUGIN_MISMATCH,
				     "the signature does not cover all that the route wants");
	result = make_base(host, call, state, label);
	if (result == PLUGIN_MISSING)
		return plugin_refuse(host, call, PLUGIN_MISMATCH, "a header that is signed is missing");
	if (result == PLUGIN_OK && label->has_digest && !state->digest_right)
		return plugin_refuse(host, call, PLUGIN_MISMATCH, "the body is not the one that Content-Digest is of");
	return result;
}

static enum plugin_result read(const struct plugin_host *host, struct plugin_call *call)
{
	struct state *state = host->state(call, sizeof(*state));
	struct plugin_bytes inputs, signatures, name, params;
	enum plugin_result result, last = PLUGIN_MISSING;
	size_t fine = 0;

	if (!state)
		return PLUGIN_WRONG;
	result = plugin_whole_header(host, call, "Signature-Input", &inputs);
	if (result == PLUGIN_OK)
		result = plugin_whole_header(host, call, "Signature", &signatures);
	if (result != PLUGIN_OK)
		return plugin_refuse(host, call, result,
				     "there is no signature: Signature or Signature-Input is missing");
	result = split_url(host, call, state);
	if (result == PLUGIN_OK)
		result = check_digest(host, call, &state->digest_right);
	while (result == PLUGIN_OK && state->count < LABELS_MAX && plugin_next_member(&inputs, &name, &params)) {
		struct label *label = &state->labels[state->count++];

		*label = (struct label){ .name = name, .params = params, .created = -1, .expires = -1 };
		last = read_label(host, call, state, signatures, label);
		label->fine = last == PLUGIN_OK;
		fine += label->fine;
		if (last == PLUGIN_WRONG)
			result = last;
		if (fine == 1 && label->fine)
			host->signed_text(call, &label->base, 1);
	}
	return result != PLUGIN_OK ? result : fine > 0 ? PLUGIN_OK : last;
}

static const struct plugin_bytes hmac_sha256 = { (const unsigned char *)"hmac-sha256", 11 };

static const struct {
	struct plugin_bytes name;
	enum plugin_algorithm algorithm;
} algorithms[] = {
	{ { (const unsigned char *)"ed25519", 7 }, PLUGIN_ED25519 },
	{ { (const unsigned char *)"ecdsa-p256-sha256", 17 }, PLUGIN_ECDSA_P256_SHA256 },
	{ { (const unsigned char *)"ecdsa-p384-sha384", 17 }, PLUGIN_ECDSA_P384_SHA384 },
	{ { (const unsigned char *)"rsa-pss-sha512", 14 }, PLUGIN_RSA_PSS_SHA512 },
	{ { (const unsigned char *)"rsa-v1_5-sha256", 15 }, PLUGIN_RSA_SHA256 },
};

enum { ALGORITHMS = sizeof(algorithms) / sizeof(algorithms[0]) };

/* By the algorithm that is named, with a key of its kind; where none is named, by each. */
static enum plugin_result prove_label(const struct plugin_host *host, struct plugin_call *call, uint32_t secret,
				      const struct label *label)
{
	struct plugin_bytes any = { NULL, 0 };
	enum plugin_result result = PLUGIN_MISMATCH;

	if (!host->is_key(call, secret))
		return label->algorithm.n > 0 && !plugin_same(label->algorithm, hmac_sha256)
			       ? PLUGIN_MISMATCH
			       : plugin_mac_is(host, call, PLUGIN_SHA256, secret, &label->base, 1, label->signature);
	for (size_t i = 0; i < ALGORITHMS && result == PLUGIN_MISMATCH; i++)
		if (label->algorithm.n == 0 || plugin_same(label->algorithm, algorithms[i].name))
			result = host->verify(call, secret, any, algorithms[i].algorithm, PLUGIN_RAW, &label->base, 1,
					      label->signature);
	return result;
}

static enum plugin_result prove(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	struct state *state = host->state(call, sizeof(*state));
	enum plugin_result result = PLUGIN_MISMATCH;

	for (size_t i = 0; i < state->count; i++) {
		const struct label *label = &state->labels[i];

		if (!label->fine)
			continue;
		result = prove_label(host, call, secret, label);
		if (result == PLUGIN_MISMATCH)
			continue;
		if (result != PLUGIN_OK)
			return result;
		host->signed_at(call, 1000 * label->created);
		host->signed_text(call, &label->base, 1);
		if (!label->has_digest)
			host->covers(call, PLUGIN_COVER_NONE);
		if (label->expires >= 0 && host->now_ms(call) > 1000 * label->expires)
			return plugin_refuse(host, call, PLUGIN_STALE, "the signature has expired");
		return PLUGIN_OK;
	}
	return result;
}

/* ---- signing ---- */

/* What the route wants to be covered; without a wish method, path and body. */
static enum plugin_result wanted_list(const struct plugin_host *host, struct plugin_call *call,
				      struct plugin_bytes *list)
{
	struct plugin_bytes pieces[3 * COMPONENTS_MAX], name;
	size_t n = 0, count = host->option(call, "components", 0, &name);

	if (count == 0)
		*list = PLUGIN_LITERAL("\"@method\" \"@path\" \"content-digest\"");
	if (count == 0 || count > COMPONENTS_MAX)
		return count == 0 ? PLUGIN_OK : PLUGIN_MALFORMED_REQUEST;
	for (size_t i = 0; i < count; i++) {
		(void)host->option(call, "components", i, &name);
		pieces[n++] = i > 0 ? PLUGIN_LITERAL(" \"") : PLUGIN_LITERAL("\"");
		pieces[n++] = name;
		pieces[n++] = PLUGIN_LITERAL("\"");
	}
	return host->join(call, pieces, n, list);
}

/* algorithm: of `algorithms`, or ALGORITHMS for the shared secret. PLUGIN_MISMATCH: the key is of another kind. */
static enum plugin_result sign_label(const struct plugin_host *host, struct plugin_call *call, uint32_t secret,
				     const struct state *state, size_t algorithm, struct label *label)
{
	struct plugin_bytes pieces[] = { PLUGIN_LITERAL("("),
					 label->list,
					 PLUGIN_LITERAL(");created="),
					 plugin_decimal(host, call, label->created),
					 PLUGIN_LITERAL(";keyid=\"hookgate\";alg=\""),
					 algorithm < ALGORITHMS ? algorithms[algorithm].name : hmac_sha256,
					 PLUGIN_LITERAL("\"") };
	enum plugin_result result = host->join(call, pieces, sizeof(pieces) / sizeof(pieces[0]), &label->params);

	if (result == PLUGIN_OK)
		result = make_base(host, call, state, label);
	if (result != PLUGIN_OK)
		return result == PLUGIN_MISSING
			       ? plugin_refuse(host, call, result, "the delivery has no header that is to be signed")
			       : result;
	if (algorithm == ALGORITHMS)
		return host->mac(call, PLUGIN_SHA256, secret, &label->base, 1, &label->signature);
	return host->sign_with(call, secret, algorithms[algorithm].algorithm, PLUGIN_RAW, &label->base, 1,
			       &label->signature);
}

static enum plugin_result sign(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	struct state *state = host->state(call, sizeof(*state));
	struct label label = { .created = host->now_ms(call) / 1000 };
	struct plugin_bytes body = host->part(call, PLUGIN_BODY), hash = { NULL, 0 }, text[2] = { { NULL, 0 } };
	enum plugin_result result = state ? split_url(host, call, state) : PLUGIN_WRONG;
	size_t from = host->is_key(call, secret) ? 0 : ALGORITHMS, to = from == 0 ? ALGORITHMS : ALGORITHMS + 1;

	if (result == PLUGIN_OK)
		result = host->digest(call, PLUGIN_SHA256, &body, 1, &hash);
	if (result == PLUGIN_OK)
		result = plugin_named_bytes(host, call, PLUGIN_LITERAL("sha-256"), hash, &state->digest);
	if (result == PLUGIN_OK)
		result = wanted_list(host, call, &label.list);
	if (result == PLUGIN_OK)
		result = PLUGIN_MISMATCH;
	for (size_t i = from; i < to && result == PLUGIN_MISMATCH; i++)
		result = sign_label(host, call, secret, state, i, &label);
	if (result == PLUGIN_OK)
		result = plugin_named_bytes(host, call, PLUGIN_LITERAL("sig1"), label.signature, &text[1]);
	if (result == PLUGIN_OK)
		result =
			host->join(call, (struct plugin_bytes[]){ PLUGIN_LITERAL("sig1="), label.params }, 2, &text[0]);
	if (result == PLUGIN_OK)
		result = host->add_header(call, "Content-Digest", state->digest);
	if (result == PLUGIN_OK)
		result = host->add_header(call, "Signature-Input", text[0]);
	return result == PLUGIN_OK ? host->add_header(call, "Signature", text[1]) : result;
}

static const struct plugin_option options[] = {
	{ "components", PLUGIN_OPTION_LIST, false, "what a signature must cover, such as content-digest and @method" },
};

PLUGIN_EXPORT const struct plugin plugin_rfc9421 = {
	.abi = PLUGIN_ABI,
	.size = sizeof(struct plugin),
	.name = "rfc9421",
	.scheme = "HTTP message signature, hmac-sha256 or by a public key, over what it names",
	.flags = PLUGIN_SECRET_MAY_BE_KEY | PLUGIN_TELLS_TIME,
	.options = options,
	.option_count = sizeof(options) / sizeof(options[0]),
	.read = read,
	.prove = prove,
	.sign = sign,
};
