/* scheme_hash.c - a plain hash of a text that the secret is a part of: what HubSpot's first versions, Cloudinary or
 * Feishu have instead of a MAC.
 *
 * The special difficulty: the signed text is put together, and may be shown, before a secret is tried. So {key} stands
 * in its parts as a mark, the one slice at that address, which is exchanged for the secret only on the way into the
 * hash. */
#include "trust/digest.h"
#include "trust/scheme.h"

#include <errno.h>

static int hash(const struct trust_scheme *scheme, struct slice key, const struct trust_parts *parts,
		struct arena *arena, struct slice *out)
{
	unsigned char *bytes = arena_alloc(arena, TRUST_DIGEST_MAX);
	struct trust_parts with = *parts;
	size_t n;
	int fault;

	if (!bytes)
		return -ENOMEM;
	for (size_t i = 0; i < with.n; i++)
		if (with.p[i].p == trust_key_mark.p)
			with.p[i] = key;
	fault = trust_digest_pieces(scheme->hash, with.p, with.n, bytes, &n);
	if (!fault)
		*out = slice_of(bytes, n);
	return fault;
}

static int prove(const struct trust_attempt *attempt, size_t secret, bool *match, struct slice *guard)
{
	struct slice right;
	int fault = hash(attempt->verifier->description->verify.scheme, attempt->verifier->secrets[secret].key,
			 attempt->parts, attempt->arena, &right);

	if (fault)
		return fault;
	*match = false;
	for (size_t i = 0; i < attempt->candidate_count; i++)
		*match |= trust_equal(attempt->candidates[i], right);
	*guard = right;
	return 0;
}

static int make(const struct trust_verify *verify, const struct trust_secret *secret, const struct trust_parts *parts,
		struct trust_reading *reading, struct slice *signature)
{
	return hash(verify->scheme, secret->key, parts, reading->arena, signature);
}

#define HASH(called, openssl_name)                                                                                     \
	{                                                                                                              \
		.name = SLICE_LIT(called), .hash = openssl_name, .keyed = true, .texted = true, .prove = prove,        \
		.make = make                                                                                           \
	}

const struct trust_scheme trust_scheme_md5 = HASH("md5", "MD5");
const struct trust_scheme trust_scheme_sha1 = HASH("sha1", "SHA1");
const struct trust_scheme trust_scheme_sha256 = HASH("sha256", "SHA256");
const struct trust_scheme trust_scheme_sha384 = HASH("sha384", "SHA384");
const struct trust_scheme trust_scheme_sha512 = HASH("sha512", "SHA512");
