/* jwk.c - keys written as JSON: JWK and JWK sets (RFC 7517, RFC 7518 section 6, RFC 8037 section 2).
 *
 * The special difficulty: a set may come from the network, and of a set only what is understood counts (RFC 7517,
 * section 5), while a single key that is not understood is an error that its owner must hear of. */
#include "base/arena.h"
#include "base/encode.h"
#include "base/json.h"
#include "trust/public_key_inner.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

enum { MEMBERS = 14, AT_ONCE = 16, ARENA_LIMIT = 1024 * 1024 };

enum member { KTY, CRV, X, Y, N, E, D, P, Q, DP, DQ, QI, KID, USE };

static const char *const names[MEMBERS] = { "/kty", "/crv", "/x",  "/y",  "/n",	 "/e",	 "/d",
					    "/p",   "/q",   "/dp", "/dq", "/qi", "/kid", "/use" };

struct jwk {
	struct slice text[MEMBERS]; /* empty: not there */
	struct slice bytes[MEMBERS];
};

/* Up to 16 members of an object, by pointers. */
static int look_up(struct slice json, const char *const *texts, size_t count, struct json_value *values)
{
	struct json_pointer *pointers[AT_ONCE];
	const struct json_pointer *wanted[AT_ONCE] = { NULL };
	size_t made = 0;
	int fault = -ENOMEM;

	while (made < count && (pointers[made] = json_pointer_parse(slice_str(texts[made]))) != NULL) {
		wanted[made] = pointers[made];
		made++;
	}
	if (made == count)
		fault = json_find(json, wanted, count, values) == JSON_OK ? 0 : -EINVAL;
	while (made > 0)
		json_pointer_free(pointers[--made]);
	return fault;
}

/* Texts of all members; bytes of those that are base64url (RFC 7515, section 2: without padding). */
static bool take(struct jwk *jwk, const struct json_value *values, struct arena *arena)
{
	for (size_t i = 0; i < MEMBERS; i++) {
		unsigned char *bytes;

		if (values[i].type == JSON_NONE)
			continue;
		if (values[i].type != JSON_STRING || !json_text(&values[i], arena, &jwk->text[i]))
			return false;
		if (i < X || i > QI)
			continue;
		bytes = arena_alloc(arena, encode_base64_room(jwk->text[i].n));
		if (!bytes || !encode_base64_decode(ENCODE_BASE64URL_ANY, jwk->text[i], bytes, &jwk->bytes[i].n))
			return false;
		jwk->bytes[i].p = bytes;
	}
	return true;
}

/* ---- OpenSSL's parameters ---- */

struct parameters {
	OSSL_PARAM_BLD *builder;
	BIGNUM *numbers[8];
	size_t count;
	bool failed;
};

/* Short memory, or a number out of reason, sets the flag. */
static void push_number(struct parameters *p, const char *name, struct slice bytes, bool secret)
{
	BIGNUM *number = NULL;

	if (bytes.n > 0 && bytes.n <= TRUST_RSA_BITS_MAX / 8 + 1)
		number = secret ? BN_secure_new() : BN_new();
	if (!number || !BN_bin2bn(bytes.p, (int)bytes.n, number) || !OSSL_PARAM_BLD_push_BN(p->builder, name, number))
		p->failed = true;
	if (number)
		p->numbers[p->count++] = number;
}

static EVP_PKEY *build(struct parameters *p, const char *type, bool is_private)
{
	OSSL_PARAM *params = p->failed ? NULL : OSSL_PARAM_BLD_to_param(p->builder);
	EVP_PKEY_CTX *context = params ? EVP_PKEY_CTX_new_from_name(NULL, type, NULL) : NULL;
	EVP_PKEY *pkey = NULL;

	if (context && EVP_PKEY_fromdata_init(context) == 1)
		(void)EVP_PKEY_fromdata(context, &pkey, is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params);
	EVP_PKEY_CTX_free(context);
	OSSL_PARAM_free(params);
	for (size_t i = 0; i < p->count; i++)
		BN_clear_free(p->numbers[i]);
	OSSL_PARAM_BLD_free(p->builder);
	return pkey;
}

/* ---- one key ---- */

static bool make_rsa(const struct jwk *jwk, EVP_PKEY **out)
{
	static const struct {
		enum member member;
		const char *name;
	} factors[] = { { P, OSSL_PKEY_PARAM_RSA_FACTOR1 },
			{ Q, OSSL_PKEY_PARAM_RSA_FACTOR2 },
			{ DP, OSSL_PKEY_PARAM_RSA_EXPONENT1 },
			{ DQ, OSSL_PKEY_PARAM_RSA_EXPONENT2 },
			{ QI, OSSL_PKEY_PARAM_RSA_COEFFICIENT1 } };
	struct parameters p = { .builder = OSSL_PARAM_BLD_new() };
	bool is_private = jwk->bytes[D].n > 0;

	if (!p.builder)
		return false;
	push_number(&p, OSSL_PKEY_PARAM_RSA_N, jwk->bytes[N], false);
	push_number(&p, OSSL_PKEY_PARAM_RSA_E, jwk->bytes[E], false);
	if (is_private) {
		push_number(&p, OSSL_PKEY_PARAM_RSA_D, jwk->bytes[D], true);
		/* All five or none (RFC 7518, 6.3.2). */
		for (size_t i = 0; jwk->bytes[P].n > 0 && i < sizeof(factors) / sizeof(factors[0]); i++)
			push_number(&p, factors[i].name, jwk->bytes[factors[i].member], true);
	}
	*out = build(&p, "RSA", is_private);
	return *out != NULL;
}

/* Coordinates have the curve's length (RFC 7518, 6.2.1.2); leading zeros that somebody has left out are put back. */
static bool make_ec(const struct jwk *jwk, EVP_PKEY **out)
{
	static const struct {
		struct slice name;
		const char *group;
		size_t size;
	} curves[] = { { SLICE_LIT("P-256"), "prime256v1", 32 },
		       { SLICE_LIT("P-384"), "secp384r1", 48 },
		       { SLICE_LIT("P-521"), "secp521r1", 66 } };
	struct parameters p = { .builder = NULL };
	unsigned char point[1 + 2 * 66] = { 4 };
	size_t i = 0, size;

	while (i < 3 && !slice_eq(curves[i].name, jwk->text[CRV]))
		i++;
	if (i == 3 || jwk->bytes[X].n == 0 || jwk->bytes[Y].n == 0)
		return false;
	size = curves[i].size;
	if (jwk->bytes[X].n > size || jwk->bytes[Y].n > size)
		return false;
	memcpy(point + 1 + size - jwk->bytes[X].n, jwk->bytes[X].p, jwk->bytes[X].n);
	memcpy(point + 1 + 2 * size - jwk->bytes[Y].n, jwk->bytes[Y].p, jwk->bytes[Y].n);
	p.builder = OSSL_PARAM_BLD_new();
	if (!p.builder)
		return false;
	if (!OSSL_PARAM_BLD_push_utf8_string(p.builder, OSSL_PKEY_PARAM_GROUP_NAME, curves[i].group, 0) ||
	    !OSSL_PARAM_BLD_push_octet_string(p.builder, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * size))
		p.failed = true;
	if (jwk->bytes[D].n > 0)
		push_number(&p, OSSL_PKEY_PARAM_PRIV_KEY, jwk->bytes[D], true);
	*out = build(&p, "EC", jwk->bytes[D].n > 0);
	return *out != NULL;
}

/* Do the two halves of a private key belong together? */
static bool sound_pair(EVP_PKEY *pkey)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	bool sound = context && EVP_PKEY_pairwise_check(context) == 1;

	EVP_PKEY_CTX_free(context);
	return sound;
}

static int add_made(struct trust_key_ring *ring, const struct jwk *jwk, bool rsa, struct reason *reason)
{
	bool is_private = jwk->bytes[D].n > 0;
	EVP_PKEY *pkey = NULL;

	if (!(rsa ? make_rsa(jwk, &pkey) : make_ec(jwk, &pkey)) || (is_private && !rsa && !sound_pair(pkey))) {
		EVP_PKEY_free(pkey);
		ERR_clear_error();
		reason_set(reason, "is a JWK whose members make no key");
		return -EINVAL;
	}
	return trust_key_ring_add(ring, pkey, is_private, jwk->text[KID], reason);
}

static int add_by_kind(struct trust_key_ring *ring, const struct jwk *jwk, struct reason *reason)
{
	bool is_private = jwk->bytes[D].n > 0;

	if (jwk->text[USE].n > 0 && !slice_eq(jwk->text[USE], SLICE("sig"))) {
		reason_set(reason, "is a JWK that is not for signatures");
		return -EINVAL;
	}
	if (slice_eq(jwk->text[KTY], SLICE("RSA")))
		return add_made(ring, jwk, true, reason);
	if (slice_eq(jwk->text[KTY], SLICE("EC")))
		return add_made(ring, jwk, false, reason);
	if (slice_eq(jwk->text[KTY], SLICE("OKP")) && slice_eq(jwk->text[CRV], SLICE("Ed25519")))
		return trust_key_ring_add_ed25519(ring, jwk->bytes[is_private ? D : X], is_private, jwk->text[KID],
						  reason);
	reason_set(reason, "is a JWK of a kind that is not taken; OKP with Ed25519, EC and RSA are");
	return -EINVAL;
}

static int add_one(struct trust_key_ring *ring, struct slice json, struct arena *arena, struct reason *reason)
{
	struct json_value values[MEMBERS];
	struct jwk jwk = { .text = { SLICE_NONE } };
	int fault = look_up(json, names, MEMBERS, values);

	if (fault == -ENOMEM)
		return fault;
	if (fault || !take(&jwk, values, arena)) {
		reason_set(reason, "is JSON, but no JWK that can be read");
		return arena_failed(arena) ? -ENOMEM : -EINVAL;
	}
	fault = add_by_kind(ring, &jwk, reason);
	for (size_t i = D; i <= QI; i++)
		if (jwk.bytes[i].n > 0)
			explicit_bzero((void *)(uintptr_t)jwk.bytes[i].p, jwk.bytes[i].n);
	return fault;
}

/* ---- a set ---- */

/* The nth sixteen of them; *more: there may be others behind. */
static int add_some(struct trust_key_ring *ring, struct slice json, size_t from, struct arena *arena, bool *more)
{
	char texts[AT_ONCE][24];
	const char *pointers[AT_ONCE];
	struct json_value values[AT_ONCE];
	struct reason ignored;
	int fault;

	for (size_t i = 0; i < AT_ONCE; i++) {
		struct slice text = arena_printf(arena, "/keys/%zu", from + i);

		if (text.n == 0 || text.n >= sizeof(texts[i]))
			return -ENOMEM;
		memcpy(texts[i], text.p, text.n);
		texts[i][text.n] = '\0';
		pointers[i] = texts[i];
	}
	fault = look_up(json, pointers, AT_ONCE, values);
	for (size_t i = 0; !fault && i < AT_ONCE && values[i].type != JSON_NONE; i++) {
		fault = values[i].type == JSON_OBJECT ? add_one(ring, values[i].raw, arena, &ignored) : -EINVAL;
		if (fault == -EINVAL)
			fault = 0;
	}
	*more = !fault && values[AT_ONCE - 1].type != JSON_NONE;
	return fault;
}

static int add_any(struct trust_key_ring *ring, struct slice json, struct arena *arena, struct reason *reason)
{
	static const char *const keys[] = { "/keys" };
	struct json_value set;
	bool more = true;
	int fault = look_up(json, keys, 1, &set);

	if (fault) {
		reason_set(reason, "begins as JSON does, but is none");
		return fault;
	}
	if (set.type == JSON_NONE)
		return add_one(ring, json, arena, reason);
	if (set.type != JSON_ARRAY) {
		reason_set(reason, "is JSON, but no JWK set");
		return -EINVAL;
	}
	for (size_t from = 0; !fault && more && from < TRUST_RING_MAX; from += AT_ONCE)
		fault = add_some(ring, json, from, arena, &more);
	if (fault == -EINVAL)
		reason_set(reason, "is a JWK set that is broken inside");
	return fault;
}

int trust_key_ring_add_json(struct trust_key_ring *ring, struct slice json, struct reason *reason)
{
	struct arena *arena = arena_new(8192, ARENA_LIMIT);
	int fault = arena ? add_any(ring, json, arena, reason) : -ENOMEM;

	arena_free(arena);
	return fault;
}
