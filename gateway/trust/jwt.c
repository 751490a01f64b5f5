/* jwt.c - signed tokens in the compact form, see jwt.h.
 *
 * The special difficulty: a token says itself how it wants to be checked, which has been the end of many verifiers:
 * "none", an HMAC keyed with a public key, a key that comes along in the header. So its `alg` only chooses among what
 * the description allows, which is either shared secrets or public keys, never both; keys in the header are not looked
 * at; and what is critical to its maker and not known here ends it. */
#include "trust/jwt.h"

#include "base/encode.h"
#include "base/json.h"
#include "trust/digest.h"
#include "trust/mac.h"
#include "trust/public_key.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

enum { ALG, KID, CRIT, B64, ENC, MEMBERS };

static const char *const member_names[MEMBERS] = { "/alg", "/kid", "/crit", "/b64", "/enc" };
static struct json_pointer *members[MEMBERS];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static const struct {
	struct slice name;
	const char *digest;
} shared_algorithms[] = { { SLICE_LIT("HS256"), "SHA256" },
			  { SLICE_LIT("HS384"), "SHA384" },
			  { SLICE_LIT("HS512"), "SHA512" } };

enum { SHARED = sizeof(shared_algorithms) / sizeof(shared_algorithms[0]) };

/* They live as long as the program. */
static void compile(void)
{
	for (size_t i = 0; i < MEMBERS; i++) {
		members[i] = json_pointer_parse(slice_str(member_names[i]));
		if (!members[i])
			abort();
	}
}

bool trust_jwt_algorithm(struct slice name, unsigned *shared, unsigned *algorithms)
{
	enum trust_algorithm algorithm;

	for (size_t i = 0; i < SHARED; i++)
		if (slice_eq(name, shared_algorithms[i].name)) {
			*shared |= 1U << i;
			return true;
		}
	if (!trust_algorithm_jwa(name, &algorithm))
		return false;
	*algorithms |= 1U << algorithm;
	return true;
}

/* ---- taking apart ---- */

static bool decode(struct slice text, struct arena *arena, struct slice *out)
{
	unsigned char *bytes = arena_alloc(arena, encode_base64_room(text.n));
	size_t n;

	if (!bytes || !encode_base64_decode(ENCODE_BASE64URL, text, bytes, &n))
		return false;
	*out = slice_of(bytes, n);
	return true;
}

static bool read_header(struct slice json, struct arena *arena, struct trust_token *out, const char **why)
{
	struct json_value values[MEMBERS];

	(void)pthread_once(&once, compile);
	*why = "the token's header is no JSON with an algorithm in it";
	if (json.n == 0 || json.p[0] != '{' ||
	    json_find(json, (const struct json_pointer *const *)members, MEMBERS, values) != JSON_OK)
		return false;
	if (values[ALG].type != JSON_STRING || !json_text(&values[ALG], arena, &out->alg))
		return false;
	if (values[KID].type != JSON_NONE &&
	    (values[KID].type != JSON_STRING || !json_text(&values[KID], arena, &out->kid)))
		return false;
	*why = "the token's header asks for what is not understood here (crit, b64, encryption)";
	return values[CRIT].type == JSON_NONE && values[ENC].type == JSON_NONE &&
	       (values[B64].type == JSON_NONE || slice_eq(values[B64].raw, SLICE("true")));
}

bool trust_token_read(struct slice token, bool detached, struct arena *arena, struct trust_token *out, const char **why)
{
	struct trust_token t = { .kid = SLICE_NONE };
	struct slice payload, signature, header_json;

	*why = "the token has not the three parts of one, in base64url";
	if (token.n > TRUST_TOKEN_MAX || !slice_cut(token, '.', &t.header, &payload) ||
	    !slice_cut(payload, '.', &payload, &signature) || t.header.n == 0 || t.header.n > TRUST_TOKEN_HEADER_MAX)
		return false;
	if (signature.n == 0) {
		*why = "the token is signed by nobody: it has no signature";
		return false;
	}
	if (signature.n > 2 * TRUST_SIGNATURE_MAX || (payload.n == 0) != detached)
		return false;
	t.signing_input = slice_head(token, t.header.n + 1 + payload.n);
	if (!decode(t.header, arena, &header_json) || !decode(payload, arena, &t.claims) ||
	    !decode(signature, arena, &t.signature) || !read_header(header_json, arena, &t, why))
		return false;
	*out = t;
	return true;
}

/* ---- signatures ---- */

/* "header." and base64url of the payload: what is signed. A detached payload may be as large as a body, so it is not in
 * the arena. */
static int signed_text(struct slice begin, const struct slice *payload, size_t count, struct buf *out)
{
	struct buf joined = BUF_EMPTY;

	buf_add(out, begin);
	for (size_t i = 0; i < count; i++)
		buf_add(&joined, payload[i]);
	encode_base64(ENCODE_BASE64URL, buf_slice(&joined), out);
	if (buf_failed(&joined))
		out->failed = true;
	buf_free(&joined);
	return buf_failed(out) ? -ENOMEM : 0;
}

static int shared_mac(size_t which, struct slice key, struct slice text, unsigned char mac[TRUST_MAC_MAX], size_t *n)
{
	struct trust_mac *context;
	int fault = trust_mac_new(shared_algorithms[which].digest, key, &context);

	if (fault)
		return fault;
	fault = trust_mac_pieces(context, &text, 1, mac, n);
	trust_mac_free(context);
	return fault;
}

static int verify_shared(const struct trust_jwt *jwt, struct slice key, const struct trust_token *token,
			 struct slice text, bool *right)
{
	unsigned char mac[TRUST_MAC_MAX];
	size_t n;

	for (size_t i = 0; i < SHARED; i++) {
		int fault;

		if (!(jwt->shared & 1U << i) || !slice_eq(token->alg, shared_algorithms[i].name))
			continue;
		fault = shared_mac(i, key, text, mac, &n);
		if (fault)
			return fault;
		*right = trust_equal(slice_of(mac, n), token->signature);
	}
	return 0;
}

static int verify_public(const struct trust_jwt *jwt, const struct trust_key_ring *ring,
			 const struct trust_token *token, struct slice text, bool *right)
{
	enum trust_algorithm algorithm;
	struct trust_message message;
	int fault;

	if (!trust_algorithm_jwa(token->alg, &algorithm) || !(jwt->algorithms & 1U << algorithm))
		return 0;
	fault = trust_message_init(&message, algorithm, &text, 1);
	for (size_t i = 0; !fault && i < trust_key_ring_count(ring); i++) {
		const struct trust_public_key *key = trust_key_ring_at(ring, i);
		struct slice kid = trust_public_key_kid(key);

		if (kid.n == 0 || token->kid.n == 0 || slice_eq(kid, token->kid))
			*right |= trust_public_verify(key, &message, TRUST_FORM_RAW, token->signature);
	}
	trust_message_clear(&message);
	return fault;
}

/* NULL: it is one of the description's. */
static const char *wrong_algorithm(const struct trust_jwt *jwt, struct slice alg)
{
	unsigned shared = 0, algorithms = 0;

	if (slice_eq_nocase(alg, SLICE("none")))
		return "the token is signed by nobody (alg none)";
	if (!trust_jwt_algorithm(alg, &shared, &algorithms))
		return "the token's alg is none that is known here";
	if ((shared & jwt->shared) | (algorithms & jwt->algorithms))
		return NULL;
	if (shared && jwt->algorithms)
		return "the token's alg is one of shared secrets, and this provider signs with a private key: whoever "
		       "knows the "
		       "public one can make such a token";
	if (algorithms && jwt->shared)
		return "the token's alg is one of public keys, and this provider signs with the shared secret";
	return "the token's alg is none of those that this provider uses";
}

/* Could one of the ring's keys be meant? */
static bool has_name(const struct trust_key_ring *ring, struct slice kid)
{
	for (size_t i = 0; i < trust_key_ring_count(ring); i++) {
		struct slice name = trust_public_key_kid(trust_key_ring_at(ring, i));

		if (kid.n == 0 || name.n == 0 || slice_eq(name, kid))
			return true;
	}
	return false;
}

int trust_token_verify(const struct trust_jwt *jwt, const struct trust_secret *secret, const struct trust_token *token,
		       const struct slice *payload, size_t count, bool *right, const char **why)
{
	struct slice text = token->signing_input;
	struct buf built = BUF_EMPTY;
	int fault = 0;

	*right = false;
	*why = wrong_algorithm(jwt, token->alg);
	if (*why)
		return 0;
	if (jwt->detached) {
		fault = signed_text(text, payload, count, &built);
		text = buf_slice(&built);
	}
	if (!fault && secret->ring)
		fault = verify_public(jwt, secret->ring, token, text, right);
	else if (!fault)
		fault = verify_shared(jwt, secret->key, token, text, right);
	buf_free(&built);
	if (!*right)
		*why = !secret->ring			    ? "no secret matches the token's signature"
		       : has_name(secret->ring, token->kid) ? "no key makes the token's signature right"
							    : "the token names a key (kid) that is not among the keys";
	return fault;
}

/* ---- making ---- */

static int make_signature(const struct trust_jwt *jwt, const struct trust_secret *secret, size_t which,
			  struct slice text, unsigned char out[TRUST_SIGNATURE_MAX], size_t *n)
{
	struct trust_message message;
	int fault;

	if (jwt->shared)
		return shared_mac(which, secret->key, text, out, n);
	fault = trust_message_init(&message, (enum trust_algorithm)which, &text, 1);
	if (!fault)
		fault = trust_ring_sign(secret->ring, &message, TRUST_FORM_RAW, out, n);
	trust_message_clear(&message);
	return fault;
}

/* The first that is allowed, and that a key of the ring is for. */
static bool choose(const struct trust_jwt *jwt, const struct trust_secret *secret, size_t *which, struct slice *name)
{
	for (size_t i = 0; i < SHARED && jwt->shared; i++)
		if (jwt->shared & 1U << i) {
			*which = i;
			*name = shared_algorithms[i].name;
			return true;
		}
	for (size_t i = 0; i < 32 && !jwt->shared; i++)
		if (jwt->algorithms & 1U << i && trust_key_ring_fits(secret->ring, (enum trust_algorithm)i)) {
			*which = i;
			*name = trust_algorithm_jwa_name((enum trust_algorithm)i);
			return true;
		}
	return false;
}

int trust_token_make(const struct trust_jwt *jwt, const struct trust_secret *secret, const struct slice *payload,
		     size_t count, struct arena *arena, struct slice *token)
{
	unsigned char signature[TRUST_SIGNATURE_MAX];
	struct buf header = BUF_EMPTY, text = BUF_EMPTY;
	struct slice name = SLICE_NONE;
	size_t which = 0, n = 0;
	int fault;

	if (!choose(jwt, secret, &which, &name))
		return -ENOTSUP;
	buf_printf(&header, "{\"alg\":\"%.*s\",\"typ\":\"JWT\"}", SLICE_ARGS(name));
	encode_base64(ENCODE_BASE64URL, buf_slice(&header), &text);
	buf_add_byte(&text, '.');
	n = text.n;
	fault = buf_failed(&header) ? -ENOMEM : signed_text(SLICE_NONE, payload, count, &text);
	if (!fault) {
		size_t head = n;

		fault = make_signature(jwt, secret, which, buf_slice(&text), signature, &n);
		if (!fault && jwt->detached)
			text.n = head;
	}
	buf_add_byte(&text, '.');
	if (!fault)
		encode_base64(ENCODE_BASE64URL, slice_of(signature, n), &text);
	if (!fault)
		*token = arena_copy(arena, buf_slice(&text));
	if (!fault && (buf_failed(&text) || arena_failed(arena)))
		fault = -ENOMEM;
	buf_free(&header);
	buf_free(&text);
	return fault;
}
