/* mac.c - HMAC with a key set once, see mac.h.
 *
 * The special difficulty: EVP_MAC_init() with a NULL key begins anew with the key that is set (OpenSSL 3, EVP_MAC(3));
 * before the first key it would fail, which is why the key is set when the context is made. */
#include "trust/mac.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>

struct trust_mac {
	EVP_MAC_CTX *context;
};

static EVP_MAC_CTX *new_context(void)
{
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *context = hmac ? EVP_MAC_CTX_new(hmac) : NULL;

	EVP_MAC_free(hmac);
	return context;
}

int trust_mac_new(const char *digest, struct slice key, struct trust_mac **out)
{
	char name[16];
	OSSL_PARAM params[2];
	struct trust_mac *mac;

	if (key.n == 0 || strlen(digest) >= sizeof(name))
		return -EINVAL;
	memcpy(name, digest, strlen(digest) + 1);
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0);
	params[1] = OSSL_PARAM_construct_end();
	mac = calloc(1, sizeof(*mac));
	if (!mac)
		return -ENOMEM;
	mac->context = new_context();
	if (!mac->context || !EVP_MAC_init(mac->context, key.p, key.n, params)) {
		int fault = mac->context ? -ENOTSUP : -ENOMEM;

		trust_mac_free(mac);
		return fault;
	}
	*out = mac;
	return 0;
}

void trust_mac_free(struct trust_mac *mac)
{
	if (!mac)
		return;
	EVP_MAC_CTX_free(mac->context);
	free(mac);
}

int trust_mac_pieces(struct trust_mac *mac, const struct slice *pieces, size_t count, unsigned char out[TRUST_MAC_MAX],
		     size_t *size)
{
	size_t n;

	if (!EVP_MAC_init(mac->context, NULL, 0, NULL))
		return -EIO;
	for (size_t i = 0; i < count; i++)
		if (pieces[i].n > 0 && !EVP_MAC_update(mac->context, pieces[i].p, pieces[i].n))
			return -EIO;
	if (!EVP_MAC_final(mac->context, out, &n, TRUST_MAC_MAX))
		return -EIO;
	*size = n;
	return 0;
}
