/* digest.h - SHA-256 over several pieces; the rest of what digest.c does is in trust.h. */
#ifndef HOOKGATE_TRUST_DIGEST_H
#define HOOKGATE_TRUST_DIGEST_H

#include "base/slice.h"

/* SHA-256 of the pieces one behind the other. Aborts when OpenSSL cannot do it: nothing here works without. */
void trust_sha256_pieces(const struct slice *pieces, size_t count, unsigned char out[32]);

#endif
