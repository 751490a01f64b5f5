/* cipher.c - see cipher.h. The one difficulty: what comes out of a wrong key must look like what comes out of a right one,
 * so padding, which tells them apart, is not this unit's business. */
#include "trust/cipher.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>

static bool run(int encrypt, struct slice key, struct slice iv, struct slice text, unsigned char *out)
{
	EVP_CIPHER_CTX *context;
	int n = 0, end = 0;
	bool done;

	if (key.n != TRUST_CIPHER_KEY || iv.n != TRUST_CIPHER_BLOCK || text.n == 0 || text.n > INT_MAX ||
	    text.n % TRUST_CIPHER_BLOCK != 0)
		return false;
	context = EVP_CIPHER_CTX_new();
	done = context && EVP_CipherInit_ex2(context, EVP_aes_256_cbc(), key.p, iv.p, encrypt, NULL) == 1 &&
	       EVP_CIPHER_CTX_set_padding(context, 0) == 1 &&
	       EVP_CipherUpdate(context, out, &n, text.p, (int)text.n) == 1 &&
	       EVP_CipherFinal_ex(context, out + n, &end) == 1 && (size_t)n + (size_t)end == text.n;
	EVP_CIPHER_CTX_free(context);
	ERR_clear_error();
	return done;
}

bool trust_cipher_decrypt(struct slice key, struct slice iv, struct slice text, unsigned char *out)
{
	return run(0, key, iv, text, out);
}

bool trust_cipher_encrypt(struct slice key, struct slice iv, struct slice text, unsigned char *out)
{
	return run(1, key, iv, text, out);
}
