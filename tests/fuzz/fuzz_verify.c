/* fuzz_verify.c - requests from anywhere through every built-in provider: what is accepted is really signed.
 *
 * Input: a line "?query" (of what may be a GET "!?query") or none, header lines, an empty line, the body. The seeds are signed with the secrets below, so that the fuzzer begins
 * on the far side of the signature: what it accepts is computed anew here, and is refused with one bit of it
 * flipped. */
#include "base/encode.h"
#include "fuzz.h"
#include "trust/mac.h"
#include "trust/plugin_load.h"
#include "trust/verify.h"

#include <string.h>

static const int64_t NOW = 1764000000000;

/* Public keys: what is accepted with them cannot be made here. */
#define RSA_KEY                                                                                                        \
	"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA0CCNOVTKSCM4MEDAizVpMPXLw8KEllLeiRxiwY5q00Ajvg0mN3Q7UT98"         \
	"xpw0vYsphej2svS13xrFOKJWib8ewgKvU0G3xyVfS2q7XMVeoYLhdZX0GEpKnXXIjR/EgvdV7L7D8VbzYVXhSG4Npf/uNVny8esB"         \
	"KpwQNg4+aWiXWgNEBCCCn9YxfcPbFRd8W93w2O14xGjjD5z5ppaCjKN5FI3jXYCuJVYFUPCH79cjeNSCjvTw7awaeAiP1spP2Zmb"         \
	"oI/x4ql5ICjHKwmThSan8cUjXNQMP+5OfLrMO6XUpetwHkTD5Op16taHkyX2lRXxwc3NWq9B2g5DvhUf1mjGoQIDAQAB"
#define P256_KEY                                                                                                       \
	"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEBsTdO90pbPf4erSIDMJyK1DBEwwiJfEd7XMLu/hxqQTBnuYEQRAQ550h1IOw3zoN"         \
	"kk3knyifg4W4Qdnasw9BsQ=="
#define P521_KEY                                                                                                       \
	"MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQBtDYR4FlDQ1XhDp6PoKlgDO0NtfH1bZKTzFOiLcv5iaZ/5vvWBxZnlo1LNaAqY5e0"         \
	"AIPYkhHowCSbwYSQBcoa73kBxdNuH2OE3IO/Xjznw8UO62h9JHhEjGE7mj1ab0VV0Zjc1eih8LKgebjvaoSaHA4HXiWsID9b2zOn"         \
	"5DHUqr7Raw4="

static const char CONFIG[] =
	"public_url: https://x.example\n"
	"listen: 127.0.0.1:0\nredis: { url: \"redis://127.0.0.1:6379/0\" }\nroutes:\n"
	"  - { name: a, path: /a, provider: stripe, secret: fuzz }\n"
	"  - { name: b, path: /b, provider: github, secret: fuzz }\n"
	"  - { name: c, path: /c, provider: slack, secret: fuzz }\n"
	"  - { name: d, path: /d, provider: shopify, secret: fuzz }\n"
	"  - { name: e, path: /e, provider: zoom, secret: fuzz }\n"
	"  - { name: f, path: /f, provider: standard-webhooks, secret: ZnV6eg== }\n"
	"  - { name: g, path: /g, provider: generic, secret: fuzz, options: { id: \"body:/id\" } }\n"
	"  - { name: h, path: /h, provider: token, secret: fuzz }\n"
	"  - { name: i, path: /i, provider: basic, secret: \"fu:zz\" }\n"
	"  - { name: j, path: /j, provider: none, options: { id: \"form:id\", type: \"body:/type\" } }\n"
	"  - { name: pa, path: /pa, provider: adyen, secret: 66757a7a }\n"
	"  - { name: pb, path: /pb, provider: braintree, secret: fuzz, options: { public_key: pk } }\n"
	"  - { name: pc, path: /pc, provider: coinbase-cdp, secret: fuzz }\n"
	"  - { name: pd, path: /pd, provider: contentful, secret: fuzz }\n"
	"  - { name: pe, path: /pe, provider: mandrill, secret: fuzz }\n"
	"  - { name: pf, path: /pf, provider: moralis, secret: fuzz }\n"
	"  - { name: pg, path: /pg, provider: twilio, secret: fuzz }\n"
	"  - { name: ph, path: /ph, provider: wechat, secret: fuzz }\n"
	"  - { name: pi, path: /pi, provider: atlassian-connect, secret: fuzz }\n"
	"  - { name: pj, path: /pj, provider: rfc9421, secret: fuzz }\n"
	"  - { name: pk, path: /pk, provider: paypal, secret: " RSA_KEY ", options: { webhook_id: w } }\n"
	"  - { name: pl, path: /pl, provider: aws-sns, secret: " RSA_KEY ", options: { topics: [ t ] } }\n"
	"  - { name: pm, path: /pm, provider: ebay, secret: " P256_KEY " }\n"
	"  - { name: pn, path: /pn, provider: truelayer, secret: " P521_KEY " }\n"
	"  - { name: po, path: /po, provider: wecom, secret: fuzz, options: { receive_id: corp, encoding_aes_key: "
	"jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C } }\n"
	"  - { name: pp, path: /pp, provider: feishu-lark, secret: fuzz, options: { verification_token: v } }\n"
	"  - { name: pq, path: /pq, provider: grafana, secret: fuzz, options: { timestamp_header: X-Time } }\n"
	"  - { name: pr, path: /pr, provider: hygraph, secret: fuzz }\n"
	"  - { name: ps, path: /ps, provider: msgraph, secret: fuzz }\n"
	"  - { name: pt, path: /pt, provider: plivo, secret: fuzz }\n"
	"  - { name: pu, path: /pu, provider: websub, secret: fuzz }\n";

enum { ROUTES = 31, PLUGINS = 10, HEADERS_MAX = 24 }; /* from PLUGINS on they are plugins */

static struct trust_set *set;
static struct trust_lane *lane;

/* A new plugin wants a route here, and a seed. */
static void check_plugins(void)
{
	for (size_t i = 0; i < trust_builtin_plugin_count; i++) {
		bool found = false;

		for (size_t k = 0; k < ROUTES; k++)
			found |= trust_set_verifier(set, k)->description->verify.plugin == trust_builtin_plugins[i];
		MUST(found);
	}
}

static void set_up(void)
{
	static struct config_diag diag;
	static struct config *config;
	static struct trust_catalogue *catalogue;

	MUST(config_load_text(slice_str(CONFIG), "fuzz.yaml", &diag, &config) == 0);
	MUST(trust_catalogue_new(NULL, NULL, &diag, &catalogue) == 0);
	MUST(trust_set_new(config, catalogue, &diag, &set) == 0);
	MUST(trust_lane_new(set, &lane) == 0);
	MUST(config->route_count == ROUTES);
	check_plugins();
}

static bool in_headers(const struct request *request, struct slice text)
{
	for (size_t i = 0; i < request->header_count; i++) {
		struct slice value = request->headers[i].value;

		for (size_t at = 0; at + text.n <= value.n; at++)
			if (slice_eq_nocase(slice_of(value.p + at, text.n), text))
				return true;
	}
	return false;
}

/* The MAC of the signed text, computed here, must be the guard, and stand in a header. */
static void judge_mac(const struct trust_verifier *verifier, const struct request *request,
		      const struct trust_verdict *verdict, struct arena *arena)
{
	struct trust_evidence evidence;
	unsigned char bytes[TRUST_MAC_MAX];
	struct buf base64 = BUF_EMPTY;
	struct trust_mac *mac;
	struct slice text;
	const char *reason;
	char hex[64];
	size_t n;

	MUST(trust_gather(verifier, request, NOW, arena, &evidence, &reason) == TRUST_ACCEPTED);
	text = trust_parts_join(&evidence.parts, arena);
	MUST(text.n >= request->body.n &&
	     slice_eq(slice_of(text.p + text.n - request->body.n, request->body.n), request->body));
	MUST(trust_mac_new("SHA256", SLICE("fuzz"), &mac) == 0);
	MUST(trust_mac_pieces(mac, &text, 1, bytes, &n) == 0 && n == 32);
	trust_mac_free(mac);
	MUST(slice_eq(verdict->guard, slice_of(bytes, n)));
	encode_hex(slice_of(bytes, n), hex);
	encode_base64(ENCODE_BASE64, slice_of(bytes, n), &base64);
	MUST(in_headers(request, slice_of(hex, 64)) || in_headers(request, buf_slice(&base64)));
	buf_free(&base64);
}

static void judge_flipped(const struct trust_verifier *verifier, const struct request *request, struct arena *arena)
{
	struct request flipped = *request;
	struct trust_verdict verdict;
	unsigned char *copy;

	if (request->body.n == 0)
		return;
	copy = malloc(request->body.n);
	MUST(copy);
	memcpy(copy, request->body.p, request->body.n);
	copy[request->body.n / 2] ^= 0x10;
	flipped.body = slice_of(copy, request->body.n);
	MUST(trust_check(verifier, lane, &flipped, NOW, arena, &verdict) == 0);
	MUST(verdict.result != TRUST_ACCEPTED);
	free(copy);
}

static void judge_token(const struct request *request, size_t route)
{
	MUST(route != 7 || in_headers(request, SLICE("Bearer fuzz")));
	MUST(route != 8 || in_headers(request, SLICE("Basic ZnU6eno=")));
}

static void run(size_t route, const struct request *request)
{
	const struct trust_verifier *verifier = trust_set_verifier(set, route);
	struct arena *arena = arena_new(16384, 1 << 24);
	enum trust_event_result result;
	struct trust_verdict verdict;
	struct trust_event event;

	MUST(arena && trust_check(verifier, lane, request, NOW, arena, &verdict) == 0);
	MUST(verdict.reason && *verdict.reason);
	if (verdict.result == TRUST_ACCEPTED) {
		if (verdict.covered == TRUST_COVER_FULL) {
			if (route < PLUGINS)
				judge_mac(verifier, request, &verdict, arena);
			judge_flipped(verifier, request, arena);
		} else {
			judge_token(request, route);
		}
		MUST(trust_read_event(verifier, request, arena, &event, &result) == 0);
		if (result == TRUST_EVENT_OK)
			MUST(event.id.n > 0 && event.id.n <= 512 && !slice_has_control(event.id) &&
			     event.type.n <= 512);
	}
	arena_free(arena);
}

static void explain(size_t route, const struct request *request)
{
	struct buf out = BUF_EMPTY;

	MUST(trust_explain(trust_set_verifier(set, route), NULL, request, NOW, &out) == 0 && out.n > 0);
	for (size_t i = 0; i < out.n; i++)
		MUST(out.p[i] == '\n' || (out.p[i] >= 0x20 && out.p[i] < 0x7f));
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const methods[] = { "POST", "POST", "POST", "GET" };
	struct header headers[HEADERS_MAX];
	struct request request = { .method = slice_str(methods[size % 4]),
				   .target = SLICE("/x?ssl_check=1"),
				   .path = SLICE("/x"),
				   .query = SLICE("ssl_check=1"),
				   .headers = headers };
	struct slice rest = slice_of(data, size), line;
	char *target = NULL;

	if (!set)
		set_up();
	/* A delivery is a POST; which seeds are is not left to their length. */
	if (size > 0 && data[0] != '!')
		request.method = SLICE("POST");
	if (slice_starts(rest, SLICE("!?")))
		rest = slice_from(rest, 1);
	if (slice_starts(rest, SLICE("?"))) {
		slice_cut(rest, '\n', &line, &rest);
		target = malloc(line.n + 2);
		MUST(target);
		memcpy(target, "/x", 2);
		memcpy(target + 2, line.p, line.n);
		request.target = slice_of(target, line.n + 2);
		request.query = slice_from(request.target, 3);
	}
	while (slice_cut(rest, '\n', &line, &rest) && line.n > 0 && request.header_count < HEADERS_MAX) {
		struct header *header = &headers[request.header_count++];

		slice_cut(line, ':', &header->name, &header->value);
		header->value = slice_trim(header->value);
	}
	request.body = rest;
	for (size_t i = 0; i < ROUTES; i++)
		run(i, &request);
	/* Hundreds of MACs: only for some. */
	if (size > 0 && data[size - 1] % 16 == 0)
		explain(data[size - 1] / 16 % ROUTES, &request);
	free(target);
	return 0;
}
