/* digest.c - hashes, random bytes, and comparison in constant time, with OpenSSL 3.
 *
 * The special difficulty: fetching an algorithm costs more than hashing a small body, so each is fetched once for the
 * process. They are never given back: they live as long as the program. Any thread may call these. */
#include "trust/digest.h"

#include "trust/trust.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct {
	const char *name;
	EVP_MD *md; /* NULL: the library does not offer it */
} digests[] = { { "SHA256", NULL }, { "SHA1", NULL }, { "SHA512", NULL }, { "SHA384", NULL }, { "MD5", NULL } };

enum { DIGESTS = sizeof(digests) / sizeof(digests[0]) };

static void fetch(void)
{
	for (size_t i = 0; i < DIGESTS; i++)
		digests[i].md = EVP_MD_fetch(NULL, digests[i].name, NULL);
}

static bool hash(const EVP_MD *md, const struct slice *pieces, size_t count, unsigned char *out, size_t *n)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool ok = context && EVP_DigestInit_ex2(context, md, NULL);
	unsigned size = 0;

	for (size_t i = 0; ok && i < count; i++)
		ok = pieces[i].n == 0 || EVP_DigestUpdate(context, pieces[i].p, pieces[i].n);
	ok = ok && EVP_DigestFinal_ex(context, out, &size);
	EVP_MD_CTX_free(context);
	*n = size;
	return ok;
}

void trust_sha256_pieces(const struct slice *pieces, size_t count, unsigned char out[32])
{
	size_t n;

	(void)pthread_once(&once, fetch);
	/* Carrying on with bytes that are no digest would merge events that are not the same. */
	if (!digests[0].md || !hash(digests[0].md, pieces, count, out, &n))
		abort();
}

int trust_digest_pieces(const char *name, const struct slice *pieces, size_t count, unsigned char out[TRUST_DIGEST_MAX],
			size_t *n)
{
	(void)pthread_once(&once, fetch);
	for (size_t i = 0; i < DIGESTS; i++)
		if (strcmp(name, digests[i].name) == 0 && digests[i].md)
			return hash(digests[i].md, pieces, count, out, n) ? 0 : -ENOMEM;
	return -ENOTSUP;
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
