/* digest.c - SHA-256, random bytes, and comparison in constant time, with OpenSSL 3.
 *
 * The special difficulty: fetching an algorithm costs more than hashing a small body, so it is fetched once for the
 * process. It is never given back: it lives as long as the program. Any thread may call these. */
#include "trust/digest.h"

#include "trust/trust.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_MD *sha256;

static void fetch(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

void trust_sha256_pieces(const struct slice *pieces, size_t count, unsigned char out[32])
{
	EVP_MD_CTX *context;
	bool ok;

	(void)pthread_once(&once, fetch);
	context = EVP_MD_CTX_new();
	ok = context && sha256 && EVP_DigestInit_ex2(context, sha256, NULL);
	for (size_t i = 0; ok && i < count; i++)
		ok = pieces[i].n == 0 || EVP_DigestUpdate(context, pieces[i].p, pieces[i].n);
	ok = ok && EVP_DigestFinal_ex(context, out, NULL);
	EVP_MD_CTX_free(context);
	/* Carrying on with bytes that are no digest would merge events that are not the same. */
	if (!ok)
		abort();
}

void trust_sha256(struct slice s, unsigned char out[32])
{
	trust_sha256_pieces(&s, 1, out);
}

int trust_random(void *out, size_t n)
{
	unsigned char *p = out;

	while (n > 0) {
		int chunk = n > 4096 ? 4096 : (int)n;

		if (RAND_bytes(p, chunk) != 1)
			return -EIO;
		p += chunk;
		n -= (size_t)chunk;
	}
	return 0;
}

bool trust_equal(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || CRYPTO_memcmp(a.p, b.p, a.n) == 0);
}
