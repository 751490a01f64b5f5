/* scheme_hmac.c - HMAC with SHA-1, SHA-2, and MD5 for who still has it (RFC 2104, FIPS 198-1).
 *
 * The MAC is computed once per secret and compared with every candidate, so that neither the number nor the order of
 * right and wrong ones shows in the time taken. */
#include "trust/lane.h"
#include "trust/scheme.h"

#include <errno.h>

static int prove(const struct trust_attempt *attempt, size_t secret, bool *match, struct slice *guard)
{
	unsigned char *mac = arena_alloc(attempt->arena, TRUST_MAC_MAX);
	size_t size;
	int fault;

	if (!mac)
		return -ENOMEM;
	fault = trust_lane_mac(attempt->lane, attempt->verifier, secret, attempt->parts->p, attempt->parts->n, mac,
			       &size);
	if (fault)
		return fault;
	*match = false;
	for (size_t i = 0; i < attempt->candidate_count; i++)
		*match |= trust_equal(attempt->candidates[i], slice_of(mac, size));
	*guard = slice_of(mac, size);
	return 0;
}

static int make(const struct trust_verify *verify, const struct trust_secret *secret, const struct trust_parts *parts,
		struct trust_reading *reading, struct slice *signature)
{
	unsigned char *bytes = arena_alloc(reading->arena, TRUST_MAC_MAX);
	struct trust_mac *mac;
	size_t size;
	int fault;

	if (!bytes)
		return -ENOMEM;
	fault = trust_mac_new(verify->scheme->digest, secret->key, &mac);
	if (fault)
		return fault;
	fault = trust_mac_pieces(mac, parts->p, parts->n, bytes, &size);
	trust_mac_free(mac);
	if (!fault)
		*signature = slice_of(bytes, size);
	return fault;
}

#define HMAC(called, openssl_name)                                                                                     \
	{                                                                                                              \
		.name = SLICE_LIT(called), .digest = openssl_name, .keyed = true, .texted = true, .prove = prove,      \
		.make = make                                                                                           \
	}

const struct trust_scheme trust_scheme_hmac_sha1 = HMAC("hmac-sha1", "SHA1");
const struct trust_scheme trust_scheme_hmac_sha256 = HMAC("hmac-sha256", "SHA256");
const struct trust_scheme trust_scheme_hmac_sha384 = HMAC("hmac-sha384", "SHA384");
const struct trust_scheme trust_scheme_hmac_sha512 = HMAC("hmac-sha512", "SHA512");
const struct trust_scheme trust_scheme_hmac_md5 = HMAC("hmac-md5", "MD5");
