/* digest.h - hashes over several pieces; the rest of what digest.c does is in trust.h. */
#ifndef HOOKGATE_TRUST_DIGEST_H
#define HOOKGATE_TRUST_DIGEST_H

#include "base/slice.h"

enum { TRUST_DIGEST_MAX = 64 };

/* SHA-256 of the pieces one behind the other. Aborts when OpenSSL cannot do it: nothing here works without. */
void trust_sha256_pieces(const struct slice *pieces, size_t count, unsigned char out[32]);

/* The hash of the pieces one behind the other; `name` is "MD5", "SHA1", "SHA256", "SHA384" or "SHA512". *n is its
 * length. 0, -ENOTSUP (the library does not offer it), or -ENOMEM. */
int trust_digest_pieces(const char *name, const struct slice *pieces, size_t count, unsigned char out[TRUST_DIGEST_MAX],
			size_t *n) __attribute__((warn_unused_result));

#endif
