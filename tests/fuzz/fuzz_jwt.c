/* fuzz_jwt.c - tokens and claims from anywhere: nothing is read beyond its end, and a token is only right when it is one
 * that was signed here.
 *
 * Input: a token; then, where there is a line feed, claims, which are signed here and judged. */
#include "fuzz.h"
#include "trust/claims.h"
#include "trust/jwt.h"
#include "trust/mac.h"
#include "trust/verify.h"

#include <string.h>

static struct trust_jwt jwt = { .shared = 1, .ages = true, .leeway_ms = 1000, .claim_count = 1 };
static const struct trust_secret secret = { .key = SLICE_LIT("fuzz") };

static void set_up(void)
{
	struct json_pointer *sub = json_pointer_parse(SLICE("/sub")), *hash = json_pointer_parse(SLICE("/sha"));

	MUST(sub && hash);
	jwt.claims[0] = (struct trust_claim){ .name = SLICE("sub"), .pointer = sub };
	jwt.hash_pointer = hash;
	jwt.hash_encoding = TRUST_ENCODING_BASE64;
}

/* What is right has the MAC that is computed here, and begins as it says. */
static void judge_token(struct slice text, bool detached, struct arena *arena)
{
	struct trust_token token;
	unsigned char bytes[TRUST_MAC_MAX];
	struct trust_mac *mac;
	const char *why = NULL;
	bool right = false;
	size_t n;

	jwt.detached = detached;
	if (!trust_token_read(text, detached, arena, &token, &why)) {
		MUST(why && *why);
		return;
	}
	MUST(token.signing_input.n < text.n && memcmp(token.signing_input.p, text.p, token.signing_input.n) == 0);
	MUST(trust_token_verify(&jwt, &secret, &token, &text, 1, &right, &why) == 0);
	if (!right || detached) {
		MUST(!right && why && *why);
		return;
	}
	MUST(slice_eq(token.alg, SLICE("HS256")));
	MUST(trust_mac_new("SHA256", secret.key, &mac) == 0);
	MUST(trust_mac_pieces(mac, &token.signing_input, 1, bytes, &n) == 0);
	MUST(slice_eq(token.signature, slice_of(bytes, n)));
	trust_mac_free(mac);
}

static void judge_claims(struct slice claims, struct arena *arena)
{
	struct request request = { .body = SLICE_NONE };
	struct trust_reading reading = { .request = &request, .arena = arena, .now_ms = 1764000000000 };
	const char *why = NULL;
	struct trust_token token;
	struct slice text;
	bool right = false;
	enum trust_claims_result result;

	jwt.detached = false;
	result = trust_claims_check(&jwt, claims, 300000, &reading, &why);
	MUST(result == TRUST_CLAIMS_RIGHT || (why && *why));
	if (claims.n == 0)
		return;
	MUST(trust_token_make(&jwt, &secret, &claims, 1, arena, &text) == 0);
	MUST(trust_token_read(text, false, arena, &token, &why) && slice_eq(token.claims, claims));
	MUST(trust_token_verify(&jwt, &secret, &token, NULL, 0, &right, &why) == 0 && right);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(8192, 1 << 24);
	struct slice token, claims = SLICE_NONE;

	MUST(arena);
	if (!jwt.hash_pointer)
		set_up();
	(void)slice_cut(slice_of(data, size), '\n', &token, &claims);
	judge_token(token, false, arena);
	judge_token(token, true, arena);
	if (claims.n < 100000)
		judge_claims(claims, arena);
	arena_free(arena);
	return 0;
}
