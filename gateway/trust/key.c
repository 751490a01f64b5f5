/* key.c - what a secret's text stands for, see key.h.
 *
 * The special difficulty: the same prefix means different things (Stripe's whsec_ belongs to the key, Standard
 * Webhooks' whsec_ is taken off and the rest is base64), so nothing here is guessed from the secret: the description
 * says it. */
#include "trust/key.h"

#include "base/encode.h"
#include "trust/digest.h"
#include "trust/nfkd.h"
#include "trust/public_key.h"
#include "trust/scheme.h"

#include <errno.h>
#include <stdlib.h>

static bool copy(struct slice text, unsigned char *out, size_t *n)
{
	memcpy(out, text.p, text.n);
	*n = text.n;
	return true;
}

static bool decode(enum trust_key_form form, struct slice text, unsigned char *out, size_t *n, struct reason *reason)
{
	switch (form) {
	case TRUST_KEY_TEXT:
		return copy(text, out, n);
	case TRUST_KEY_NFKD:
		if (trust_nfkd(text, out, n) == 0)
			return true;
		reason_set(reason, "is not UTF-8, as this provider's secrets are");
		return false;
	case TRUST_KEY_BASE64:
	case TRUST_KEY_BASE64URL:
		if (encode_base64_decode(form == TRUST_KEY_BASE64 ? ENCODE_BASE64_ANY : ENCODE_BASE64URL_ANY, text, out,
					 n))
			return true;
		reason_set(reason, "is not %s, which this provider's secrets are",
			   form == TRUST_KEY_BASE64 ? "base64" : "base64url");
		return false;
	case TRUST_KEY_HEX:
		if (encode_hex_decode(text, out, n))
			return true;
		reason_set(reason, "is not hex, which this provider's secrets are");
		return false;
	case TRUST_KEY_SHA1:
		if (trust_digest_pieces("SHA1", &text, 1, out, n) == 0)
			return true;
		reason_set(reason, "needs SHA-1, which this machine's OpenSSL does not offer");
		return false;
	}
	return false;
}

static struct slice without_prefix(const struct trust_key_rule *rule, struct slice secret)
{
	for (size_t i = 0; i < rule->prefix_count; i++)
		if (slice_starts(secret, rule->prefixes[i]))
			return slice_from(secret, rule->prefixes[i].n);
	return secret;
}

int trust_key_new(const struct trust_key_rule *rule, struct slice secret, struct slice *key, struct reason *reason)
{
	struct slice text = without_prefix(rule, secret);
	/* Room for the longest form: text as it is, base64 with its slack, a hash, letters taken apart. */
	size_t n = 0, room = TRUST_NFKD_ROOM(text.n) + TRUST_DIGEST_MAX;
	unsigned char *bytes;

	if (text.n == 0) {
		reason_set(reason, "is empty: everybody could sign with it");
		return -EINVAL;
	}
	bytes = malloc(room);
	if (!bytes)
		return -ENOMEM;
	if (!decode(rule->form, text, bytes, &n, reason)) {
		explicit_bzero(bytes, room);
		free(bytes);
		return -EINVAL;
	}
	*key = slice_of(bytes, n);
	return 0;
}

void trust_key_free(struct slice *key)
{
	unsigned char *bytes = (unsigned char *)(uintptr_t)key->p;

	if (!bytes)
		return;
	explicit_bzero(bytes, key->n);
	free(bytes);
	*key = SLICE_NONE;
}

int trust_secret_open(const struct trust_verify *verify, struct slice text, struct trust_secret *secret,
		      struct reason *reason)
{
	const struct trust_scheme *scheme = verify->scheme;
	int fault = trust_key_new(&verify->key, text, &secret->key, reason);

	if (fault)
		return fault;
	if (scheme->accepts && !scheme->accepts(secret->key, reason))
		fault = -EINVAL;
	else if (scheme->bind)
		fault = scheme->bind(verify, secret, reason);
	if (fault)
		trust_key_free(&secret->key);
	else
		trust_sha256(secret->key, secret->hash);
	return fault;
}

bool trust_takes_public(const struct trust_verify *verify)
{
	return verify->scheme->is_public || (verify->jwt && verify->jwt->algorithms);
}

void trust_secret_close(struct trust_secret *secret)
{
	trust_key_ring_free(secret->ring);
	secret->ring = NULL;
	trust_key_free(&secret->key);
	/* The hash of a short token tells it to who tries them all. */
	explicit_bzero(secret->hash, sizeof(secret->hash));
}
