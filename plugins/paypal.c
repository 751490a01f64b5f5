/* paypal.c - PayPal: RSA over the transmission's id and time, the webhook's id, and the CRC-32 of the body; the certificate
 * stands at an address that the request names.
 *
 * The special difficulty: that address comes from a stranger. Only https and hosts of paypal.com are looked at, and
 * what is fetched there must be a certificate for such a name, valid now, of an issuer that is trusted. One in the route's
 * secret is trusted because it stands there, its dates included. And a CRC is no digest: who has seen one signed delivery can make
 * other bodies for its signature, which is why `covered` is not full and replays are guarded against. */
#include "trust/plugin_help.h"

enum { PIECES = 7 };

struct state {
	struct plugin_bytes signature; /* decoded */
	struct plugin_bytes url;       /* of the certificate */
	struct plugin_bytes pieces[PIECES];
	char crc[10];
};

/* ISO-HDLC, as in zlib and Ethernet: polynomial 0xedb88320, bits reflected; four bits at a time. */
static uint32_t crc32_of(struct plugin_bytes bytes)
{
	static const uint32_t four[16] = { 0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
					   0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
					   0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c };
	uint32_t crc = 0xffffffffu;

	for (size_t i = 0; i < bytes.n; i++) {
		crc ^= bytes.p[i];
		crc = crc >> 4 ^ four[crc & 15];
		crc = crc >> 4 ^ four[crc & 15];
	}
	return ~crc;
}

static struct plugin_bytes decimal(uint32_t n, char room[10])
{
	size_t at = 10;

	do {
		room[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	return (struct plugin_bytes){ (const unsigned char *)room + at, 10 - at };
}

/* https://HOST.paypal.com/..., without user, port or anything odd in the host. */
static bool is_paypals(struct plugin_bytes url)
{
	static const struct plugin_bytes scheme = { (const unsigned char *)"https://", 8 };
	static const struct plugin_bytes domain = { (const unsigned char *)".paypal.com", 11 };
	struct plugin_bytes host, path;

	if (!plugin_starts(url, scheme) || !plugin_cut(plugin_from(url, scheme.n), '/', &host, &path))
		return false;
	for (size_t i = 0; i < host.n; i++)
		if (!((host.p[i] >= 'a' && host.p[i] <= 'z') || (host.p[i] >= '0' && host.p[i] <= '9') ||
		      host.p[i] == '-' || host.p[i] == '.'))
			return false;
	return host.n > domain.n && plugin_same(plugin_from(host, host.n - domain.n), domain);
}

static enum plugin_result read_headers(const struct plugin_host *host, struct plugin_call *call, struct state *state,
				       struct plugin_bytes *text, struct plugin_bytes *algorithm)
{
	const struct {
		const char *name;
		struct plugin_bytes *to;
	} rows[] = { { "PAYPAL-TRANSMISSION-SIG", text },
		     { "PAYPAL-TRANSMISSION-ID", &state->pieces[0] },
		     { "PAYPAL-TRANSMISSION-TIME", &state->pieces[2] },
		     { "PAYPAL-AUTH-ALGO", algorithm },
		     { "PAYPAL-CERT-URL", &state->url } };
	enum plugin_result result = PLUGIN_OK;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && result == PLUGIN_OK; i++)
		result = plugin_one_header(host, call, rows[i].name, rows[i].to);
	return result;
}

static enum plugin_result read(const struct plugin_host *host, struct plugin_call *call)
{
	struct state *state = host->state(call, sizeof(*state));
	struct plugin_bytes text = { NULL, 0 }, algorithm = { NULL, 0 };
	enum plugin_result result;

	if (!state)
		return PLUGIN_WRONG;
	result = read_headers(host, call, state, &text, &algorithm);
	if (result != PLUGIN_OK)
		return result;
	host->signature(call, text);
	(void)host->decode(call, PLUGIN_BASE64, text, &state->signature);
	state->pieces[1] = state->pieces[3] = state->pieces[5] = PLUGIN_LITERAL("|");
	(void)host->option(call, "webhook_id", 0, &state->pieces[4]);
	state->pieces[6] = decimal(crc32_of(host->part(call, PLUGIN_BODY)), state->crc);
	host->signed_text(call, state->pieces, PIECES);
	if (!plugin_same(algorithm, PLUGIN_LITERAL("SHA256withRSA")))
		return plugin_refuse(host, call, PLUGIN_MISMATCH, "PAYPAL-AUTH-ALGO is not SHA256withRSA");
	if (!is_paypals(state->url))
		return plugin_refuse(host, call, PLUGIN_MISMATCH, "PAYPAL-CERT-URL is none of paypal.com's");
	return PLUGIN_OK;
}

/* An id of its own for each time and body. */
static enum plugin_result sign(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	struct plugin_bytes pieces[PIECES], text = { NULL, 0 }, parts[3];
	struct plugin_bytes url = PLUGIN_LITERAL("https://test.paypal.com/v1/notifications/certs/CERT-test");
	char crc[10];
	enum plugin_result result;

	pieces[6] = decimal(crc32_of(host->part(call, PLUGIN_BODY)), crc);
	parts[0] = plugin_decimal(host, call, host->now_ms(call));
	parts[1] = PLUGIN_LITERAL("-");
	parts[2] = pieces[6];
	result = host->join(call, parts, 3, &pieces[0]);
	pieces[1] = pieces[3] = pieces[5] = PLUGIN_LITERAL("|");
	pieces[2] = plugin_rfc3339(host, call, host->now_ms(call));
	pieces[4] = (struct plugin_bytes){ NULL, 0 };
	(void)host->option(call, "webhook_id", 0, &pieces[4]);
	if (result == PLUGIN_OK)
		result = plugin_signature_text(host, call, PLUGIN_RSA_SHA256, PLUGIN_DER, PLUGIN_BASE64, secret, pieces,
					       PIECES, &text);
	if (result == PLUGIN_OK)
		result = host->add_header(call, "PAYPAL-TRANSMISSION-ID", pieces[0]);
	if (result == PLUGIN_OK)
		result = host->add_header(call, "PAYPAL-TRANSMISSION-TIME", pieces[2]);
	if (result == PLUGIN_OK)
		result = host->add_header(call, "PAYPAL-AUTH-ALGO", PLUGIN_LITERAL("SHA256withRSA"));
	if (result == PLUGIN_OK)
		result = host->add_header(call, "PAYPAL-CERT-URL", url);
	return result == PLUGIN_OK ? host->add_header(call, "PAYPAL-TRANSMISSION-SIG", text) : result;
}

/* Where the certificate may be, and whom it may be for. */
static const char *const hosts[] = { "*.paypal.com", "*.*.paypal.com" };

static enum plugin_result prove(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	struct state *state = host->state(call, sizeof(*state));

	return plugin_verify_by_certificate(host, call, secret, state->url, hosts, sizeof(hosts) / sizeof(hosts[0]),
					    PLUGIN_ISSUERS_NEEDED, PLUGIN_RSA_SHA256, state->pieces, PIECES,
					    state->signature);
}

static const struct plugin_option options[] = {
	{ "webhook_id", PLUGIN_OPTION_TEXT, true, "the id of the webhook, as PayPal's dashboard shows it" },
};

PLUGIN_EXPORT const struct plugin plugin_paypal = {
	.abi = PLUGIN_ABI,
	.size = sizeof(struct plugin),
	.name = "paypal",
	.scheme = "rsa-sha256 base64 over {id}|{time}|{webhook_id}|{crc32 of the body}, certificate by url",
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
