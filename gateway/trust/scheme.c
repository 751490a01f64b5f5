/* scheme.c - the table of schemes, see scheme.h. */
#include "trust/scheme.h"

static const struct trust_scheme *const schemes[] = {
	&trust_scheme_hmac_sha1, &trust_scheme_hmac_sha256, &trust_scheme_hmac_sha384, &trust_scheme_hmac_sha512,
	&trust_scheme_token,	 &trust_scheme_basic,	    &trust_scheme_none,
};

const struct trust_scheme *trust_scheme_at(size_t n)
{
	return n < sizeof(schemes) / sizeof(schemes[0]) ? schemes[n] : NULL;
}
