/* scheme.c - the table of schemes, see scheme.h. */
#include "trust/scheme.h"

static const struct trust_scheme *const schemes[] = {
	&trust_scheme_hmac_sha1,
	&trust_scheme_hmac_sha256,
	&trust_scheme_hmac_sha384,
	&trust_scheme_hmac_sha512,
	&trust_scheme_hmac_md5,
	&trust_scheme_ed25519,
	&trust_scheme_ecdsa_p256_sha256,
	&trust_scheme_ecdsa_p384_sha384,
	&trust_scheme_ecdsa_p521_sha512,
	&trust_scheme_ecdsa_p256_sha1,
	&trust_scheme_rsa_sha256,
	&trust_scheme_rsa_sha384,
	&trust_scheme_rsa_sha512,
	&trust_scheme_rsa_sha1,
	&trust_scheme_rsa_pss_sha256,
	&trust_scheme_rsa_pss_sha384,
	&trust_scheme_rsa_pss_sha512,
	&trust_scheme_jwt,
	&trust_scheme_sha256,
	&trust_scheme_sha384,
	&trust_scheme_sha512,
	&trust_scheme_sha1,
	&trust_scheme_md5,
	&trust_scheme_token,
	&trust_scheme_basic,
	&trust_scheme_none,
	&trust_scheme_plugin,
};

const struct trust_scheme *trust_scheme_at(size_t n)
{
	return n < sizeof(schemes) / sizeof(schemes[0]) ? schemes[n] : NULL;
}
