/* key.c - what a secret's text stands for, see key.h.
 *
 * The special difficulty: the same prefix means different things (Stripe's whsec_ belongs to the key, Standard
 * Webhooks' whsec_ is taken off and the rest is base64), so nothing here is guessed from the secret: the description
 * says it. */
#include "trust/key.h"

#include "base/encode.h"

#include <errno.h>
#include <stdlib.h>

static bool decode(enum trust_key_form form, struct slice text, unsigned char *out, size_t *n, struct reason *reason)
{
	switch (form) {
	case TRUST_KEY_TEXT:
		memcpy(out, text.p, text.n);
		*n = text.n;
		return true;
	case TRUST_KEY_BASE64:
		if (encode_base64_decode(ENCODE_BASE64_ANY, text, out, n))
			return true;
		reason_set(reason, "is not base64, which this provider's secrets are");
		return false;
	case TRUST_KEY_HEX:
		if (encode_hex_decode(text, out, n))
			return true;
		reason_set(reason, "is not hex, which this provider's secrets are");
		return false;
	}
	return false;
}

int trust_key_new(enum trust_key_form form, struct slice prefix, struct slice secret, struct slice *key,
		  struct reason *reason)
{
	struct slice text = prefix.n > 0 && slice_starts(secret, prefix) ? slice_from(secret, prefix.n) : secret;
	unsigned char *bytes;
	size_t n = 0;

	if (text.n == 0) {
		reason_set(reason, "is empty: everybody could sign with it");
		return -EINVAL;
	}
	/* Room for the longest of the three forms: text as it is, base64 with its slack. */
	bytes = malloc(text.n + 8);
	if (!bytes)
		return -ENOMEM;
	if (!decode(form, text, bytes, &n, reason)) {
		explicit_bzero(bytes, text.n + 8);
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
