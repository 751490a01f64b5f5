/* aws-sns.c - Amazon SNS: RSA over some fields of the JSON body, by names and values; the certificate stands at an address
 * that the body names.
 *
 * The special difficulty: every topic of every customer of AWS is signed with the same certificates, so a right signature
 * says "AWS" and nothing more. Who sent it is known by the topic, which must be one of the route's. */
#include "trust/plugin_help.h"

enum { FIELDS_MAX = 7 };

struct state {
	struct plugin_bytes signature; /* decoded */
	struct plugin_bytes url;       /* of the certificate */
	struct plugin_bytes pieces[4 * FIELDS_MAX];
	size_t count;
	enum plugin_algorithm algorithm;
	bool confirmed;
};

/* PLUGIN_MISSING where it is not there or null. */
static enum plugin_result field_of(const struct plugin_host *host, struct plugin_call *call, struct plugin_bytes body,
				   const char *pointer, struct plugin_bytes *text)
{
	struct plugin_json value;
	enum plugin_result result = host->json(call, body, pointer, &value);

	*text = (struct plugin_bytes){ NULL, 0 };
	if (result == PLUGIN_MALFORMED_BODY)
		return plugin_refuse(host, call, result, "the body is no JSON");
	if (result != PLUGIN_OK)
		return result;
	if (value.type == PLUGIN_JSON_NULL)
		return PLUGIN_MISSING;
	if (value.type != PLUGIN_JSON_STRING)
		return plugin_refuse(host, call, PLUGIN_MALFORMED_BODY, "a signed field is no text");
	*text = value.text;
	return PLUGIN_OK;
}

static enum plugin_result field(const struct plugin_host *host, struct plugin_call *call, const char *pointer,
				struct plugin_bytes *text)
{
	return field_of(host, call, host->part(call, PLUGIN_BODY), pointer, text);
}

/* "Name\nvalue\n" of each field in the order of their names (SNS developer guide, verifying signatures). */
static enum plugin_result add_fields(const struct plugin_host *host, struct plugin_call *call, struct plugin_bytes body,
				     struct state *state, bool notification)
{
	static const struct {
		const char *pointer;
		bool notification, confirmation, optional;
	} rows[] = {
		{ "/Message", true, true, false },   { "/MessageId", true, true, false },
		{ "/Subject", true, false, true },   { "/SubscribeURL", false, true, false },
		{ "/Timestamp", true, true, false }, { "/Token", false, true, false },
		{ "/TopicArn", true, true, false },  { "/Type", true, true, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *name = rows[i].pointer + 1;
		struct plugin_bytes value;
		enum plugin_result result;
		size_t n = 0;

		if (!(notification ? rows[i].notification : rows[i].confirmation))
			continue;
		result = field_of(host, call, body, rows[i].pointer, &value);
		if (result == PLUGIN_MISSING && rows[i].optional)
			continue;
		if (result == PLUGIN_MISSING)
			host->reason(call, "a signed field is missing");
		if (result != PLUGIN_OK)
			return result;
		while (name[n] != '\0')
			n++;
		state->pieces[state->count++] = (struct plugin_bytes){ (const unsigned char *)name, n };
		state->pieces[state->count++] = PLUGIN_LITERAL("\n");
		state->pieces[state->count++] = value;
		state->pieces[state->count++] = PLUGIN_LITERAL("\n");
	}
	host->signed_text(call, state->pieces, state->count);
	return PLUGIN_OK;
}

static enum plugin_result read_algorithm(const struct plugin_host *host, struct plugin_call *call, struct state *state)
{
	struct plugin_bytes version = { NULL, 0 };
	enum plugin_result result = field(host, call, "/SignatureVersion", &version);

	if (result != PLUGIN_OK && result != PLUGIN_MISSING)
		return result;
	state->algorithm = plugin_same(version, PLUGIN_LITERAL("2")) ? PLUGIN_RSA_SHA256 : PLUGIN_RSA_SHA1;
	if (state->algorithm == PLUGIN_RSA_SHA1 && !plugin_same(version, PLUGIN_LITERAL("1")))
		return plugin_refuse(host, call, PLUGIN_MISMATCH, "SignatureVersion is neither 1 nor 2");
	return PLUGIN_OK;
}

static enum plugin_result read_type(const struct plugin_host *host, struct plugin_call *call, bool *notification)
{
	struct plugin_bytes type = { NULL, 0 };
	enum plugin_result result = field(host, call, "/Type", &type);

	if (result != PLUGIN_OK)
		return result;
	*notification = plugin_same(type, PLUGIN_LITERAL("Notification"));
	if (!*notification && !plugin_same(type, PLUGIN_LITERAL("SubscriptionConfirmation")) &&
	    !plugin_same(type, PLUGIN_LITERAL("UnsubscribeConfirmation")))
		return plugin_refuse(host, call, PLUGIN_MALFORMED_BODY, "Type is none of SNS'");
	return PLUGIN_OK;
}

static enum plugin_result look_at_topic(const struct plugin_host *host, struct plugin_call *call)
{
	struct plugin_bytes topic = { NULL, 0 }, allowed;
	enum plugin_result result = field(host, call, "/TopicArn", &topic);

	if (result != PLUGIN_OK)
		return result;
	for (size_t i = 0; i < host->option(call, "topics", i, &allowed); i++)
		if (plugin_same(topic, allowed))
			return PLUGIN_OK;
	return plugin_refuse(host, call, PLUGIN_MISMATCH, "TopicArn is none of the route's topics");
}

static bool consists_of(struct plugin_bytes text, const char *others, bool upper)
{
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = text.p[i];
		bool fine = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (upper && c >= 'A' && c <= 'Z');

		for (const char *k = others; *k != '\0'; k++)
			fine |= (unsigned char)*k == c;
		if (!fine)
			return false;
	}
	return true;
}

/* https://sns.REGION.amazonaws.com/NAME.pem, also of China. A file, and nothing that the service makes when it is asked: the
 * address is what makes the certificate Amazon's. */
static bool is_amazons(struct plugin_bytes url)
{
	static const struct plugin_bytes scheme = { (const unsigned char *)"https://sns.", 12 };
	struct plugin_bytes host, path, region, domain;

	if (!plugin_starts(url, scheme) || !plugin_cut(plugin_from(url, scheme.n), '/', &host, &path) ||
	    !plugin_cut(host, '.', &region, &domain))
		return false;
	return region.n >= 3 && consists_of(region, "-", false) && consists_of(path, "/-_.", true) &&
	       (plugin_same(domain, PLUGIN_LITERAL("amazonaws.com")) ||
		plugin_same(domain, PLUGIN_LITERAL("amazonaws.com.cn"))) &&
	       path.n > 4 && plugin_same(plugin_from(path, path.n - 4), PLUGIN_LITERAL(".pem"));
}

static enum plugin_result read_certificate(const struct plugin_host *host, struct plugin_call *call,
					   struct state *state)
{
	enum plugin_result result = field(host, call, "/SigningCertURL", &state->url);

	/* Lambda's way out spells it so. */
	if (result == PLUGIN_MISSING)
		result = field(host, call, "/SigningCertUrl", &state->url);
	if (result != PLUGIN_OK && result != PLUGIN_MISSING)
		return result;
	return is_amazons(state->url)
		       ? PLUGIN_OK
		       : plugin_refuse(host, call, PLUGIN_MISMATCH, "SigningCertURL is none of Amazon's");
}

static enum plugin_result read(const struct plugin_host *host, struct plugin_call *call)
{
	struct state *state = host->state(call, sizeof(*state));
	struct plugin_bytes text;
	bool notification = false;
	enum plugin_result result;

	if (!state)
		return PLUGIN_WRONG;
	result = field(host, call, "/Signature", &text);
	if (result == PLUGIN_MISSING || (result == PLUGIN_OK && text.n == 0))
		return plugin_refuse(host, call, PLUGIN_MISSING, "there is no signature: the body has no Signature");
	if (result == PLUGIN_OK)
		result = read_type(host, call, &notification);
	if (result == PLUGIN_OK)
		result = add_fields(host, call, host->part(call, PLUGIN_BODY), state, notification);
	if (result == PLUGIN_OK)
		result = read_algorithm(host, call, state);
	if (result == PLUGIN_OK)
		result = read_certificate(host, call, state);
	if (result == PLUGIN_OK)
		result = look_at_topic(host, call);
	if (result != PLUGIN_OK)
		return result;
	host->signature(call, text);
	(void)host->decode(call, PLUGIN_BASE64, text, &state->signature);
	return PLUGIN_OK;
}

/* Whom the certificate may be for: most regions' is the first. */
static const char *const names[] = { "sns.amazonaws.com", "sns.*.amazonaws.com", "sns.*.amazonaws.com.cn" };

/* The file holds the certificate alone, not its issuers', who are not among the system's. */
static enum plugin_result verify(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	struct state *state = host->state(call, sizeof(*state));

	return plugin_verify_by_certificate(host, call, secret, state->url, names, sizeof(names) / sizeof(names[0]),
					    PLUGIN_ISSUERS_IF_THERE, state->algorithm, state->pieces, state->count,
					    state->signature);
}

/* What a right confirmation asks for is only done where the route says so; once is enough. */
static void confirm(const struct plugin_host *host, struct plugin_call *call)
{
	struct state *state = host->state(call, sizeof(*state));
	struct plugin_bytes flag = { NULL, 0 }, type = { NULL, 0 }, url = { NULL, 0 };

	if (state->confirmed || host->option(call, "confirm", 0, &flag) == 0 ||
	    !plugin_same(flag, PLUGIN_LITERAL("true")))
		return;
	if (field(host, call, "/Type", &type) == PLUGIN_OK &&
	    plugin_same(type, PLUGIN_LITERAL("SubscriptionConfirmation")) &&
	    field(host, call, "/SubscribeURL", &url) == PLUGIN_OK)
		state->confirmed = host->visit(call, url);
}

static enum plugin_result prove(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	enum plugin_result result = verify(host, call, secret);

	if (result == PLUGIN_OK)
		confirm(host, call);
	return result;
}

/* A body that has the marks of the sample in their places. */
static enum plugin_result sign(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	struct state *state = host->state(call, sizeof(*state));
	struct plugin_bytes body = host->part(call, PLUGIN_BODY), type = { NULL, 0 }, text = { NULL, 0 };
	enum plugin_result result;

	if (!state)
		return PLUGIN_WRONG;
	(void)host->option(call, "topics", 0, &text);
	if (plugin_json_string(host, call, text, &text) != PLUGIN_OK)
		return PLUGIN_WRONG;
	(void)plugin_fill(host, call, &body, PLUGIN_LITERAL("\"<topic>\""), text);
	(void)plugin_fill(host, call, &body, PLUGIN_LITERAL("<timestamp>"),
			  plugin_rfc3339(host, call, host->now_ms(call)));
	result = field_of(host, call, body, "/Type", &type);
	if (result == PLUGIN_OK)
		result = add_fields(host, call, body, state, plugin_same(type, PLUGIN_LITERAL("Notification")));
	if (result == PLUGIN_OK)
		result = plugin_signature_text(host, call, PLUGIN_RSA_SHA256, PLUGIN_DER, PLUGIN_BASE64, secret,
					       state->pieces, state->count, &text);
	if (result == PLUGIN_OK)
		result = plugin_fill(host, call, &body, PLUGIN_LITERAL("<signature>"), text);
	if (result == PLUGIN_MISSING)
		host->reason(call, "the body is no message of SNS with <signature> in its place");
	return result == PLUGIN_OK ? host->set_body(call, body) : result;
}

static const struct plugin_option options[] = {
	{ "confirm", PLUGIN_OPTION_FLAG, false,
	  "true: the gateway confirms the subscription itself, by opening SubscribeURL" },
	{ "topics", PLUGIN_OPTION_LIST, true,
	  "the ARNs of the topics: every customer of AWS signs with the same certificate" },
};

static const char *const hosts[] = { "sns.*.amazonaws.com", "sns.*.amazonaws.com.cn" };

PLUGIN_EXPORT const struct plugin plugin_aws_sns = {
	.abi = PLUGIN_ABI,
	.size = sizeof(struct plugin),
	.name = "aws-sns",
	.scheme = "rsa-sha1 or rsa-sha256 base64 over names and values of fields, certificate by url",
	.flags = PLUGIN_SECRET_OPTIONAL | PLUGIN_SECRET_IS_KEY | PLUGIN_KEY_IS_CERTIFICATE,
	.options = options,
	.option_count = sizeof(options) / sizeof(options[0]),
	.hosts = hosts,
	.host_count = sizeof(hosts) / sizeof(hosts[0]),
	.read = read,
	.prove = prove,
	.sign = sign,
	.key_for = PLUGIN_RSA_SHA256,
};
