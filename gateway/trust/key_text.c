/* key_text.c - what text can be a public key: PEM, JSON, base64, hex, see public_key.h.
 *
 * The special difficulty: keys come as they were pasted: a PEM whose line breaks were lost in an environment variable
 * or turned into \n, base64 of the DER, or the bare 32 bytes in one of three spellings. So PEM is taken apart here,
 * which also keeps OpenSSL from asking a terminal for the password of an encrypted one; what remains is always DER or
 * 32 bytes. */
#include "base/encode.h"
#include "trust/public_key_inner.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdlib.h>

/* ---- a ring ---- */

void trust_key_ring_free(struct trust_key_ring *ring)
{
	if (!ring)
		return;
	for (size_t i = 0; i < ring->count; i++) {
		EVP_PKEY_free(ring->keys[i].pkey);
		free((void *)(uintptr_t)ring->keys[i].kid.p);
	}
	free(ring);
}

static bool curve_of(const EVP_PKEY *pkey, enum trust_public_type *type)
{
	static const struct {
		const char *name;
		enum trust_public_type type;
	} curves[] = { { "prime256v1", TRUST_PUBLIC_P256 },
		       { "secp384r1", TRUST_PUBLIC_P384 },
		       { "secp521r1", TRUST_PUBLIC_P521 } };
	char name[32];

	if (!EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME, name, sizeof(name), NULL))
		return false;
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
		if (strcmp(name, curves[i].name) == 0) {
			*type = curves[i].type;
			return true;
		}
	return false;
}

/* Type and size; the reason says what cannot be taken. */
static bool classify(EVP_PKEY *pkey, bool is_private, enum trust_public_type *type, struct reason *reason)
{
	int bits = EVP_PKEY_get_bits(pkey);

	if (EVP_PKEY_is_a(pkey, "ED25519")) {
		*type = TRUST_PUBLIC_ED25519;
		return true;
	}
	if (EVP_PKEY_is_a(pkey, "RSA")) {
		*type = TRUST_PUBLIC_RSA;
		if (bits >= TRUST_RSA_BITS_MIN && bits <= TRUST_RSA_BITS_MAX)
			return true;
		reason_set(reason, "is an RSA key of %d bits; %d to %d are taken", bits, TRUST_RSA_BITS_MIN,
			   TRUST_RSA_BITS_MAX);
		return false;
	}
	if (!EVP_PKEY_is_a(pkey, "EC") || !curve_of(pkey, type)) {
		reason_set(reason,
			   "is a key of a kind that is not taken; Ed25519, RSA, and EC on P-256, P-384 or P-521 are");
		return false;
	}
	if (!is_private) {
		EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
		bool sound = context && EVP_PKEY_public_check(context) == 1;

		EVP_PKEY_CTX_free(context);
		if (!sound)
			reason_set(reason, "is an EC key whose point is not on its curve");
		return sound;
	}
	return true;
}

int trust_key_ring_add(struct trust_key_ring *ring, EVP_PKEY *pkey, bool is_private, struct slice kid,
		       struct reason *reason)
{
	struct trust_public_key key = { .pkey = pkey, .is_private = is_private };
	unsigned char *copy = NULL;
	int fault = 0;

	if (ring->count == TRUST_RING_MAX) {
		reason_set(reason, "has more than %d keys", TRUST_RING_MAX);
		fault = -EINVAL;
	} else if (!classify(pkey, is_private, &key.type, reason)) {
		fault = -EINVAL;
	} else if (kid.n > 0) {
		copy = malloc(kid.n);
		if (copy)
			memcpy(copy, kid.p, kid.n);
		else
			fault = -ENOMEM;
	}
	ERR_clear_error();
	if (fault) {
		EVP_PKEY_free(pkey);
		return fault;
	}
	key.kid = slice_of(copy, kid.n);
	ring->keys[ring->count++] = key;
	return 0;
}

/* ---- DER ---- */

static EVP_PKEY *certificate_key(const unsigned char **at, long n)
{
	X509 *certificate = d2i_X509(NULL, at, n);
	EVP_PKEY *pkey = certificate ? X509_get_pubkey(certificate) : NULL;

	X509_free(certificate);
	return pkey;
}

enum der_kind { DER_SPKI, DER_PKCS1, DER_PRIVATE, DER_CERTIFICATE, DER_KINDS };

/* NULL when it is not of that kind, or when something stands behind it. */
static EVP_PKEY *read_der(enum der_kind kind, struct slice der)
{
	const unsigned char *at = der.p;
	EVP_PKEY *pkey = NULL;

	switch (kind) {
	case DER_SPKI:
		pkey = d2i_PUBKEY_ex(NULL, &at, (long)der.n, NULL, NULL);
		break;
	case DER_PKCS1:
		pkey = d2i_PublicKey(EVP_PKEY_RSA, NULL, &at, (long)der.n);
		break;
	case DER_PRIVATE:
		pkey = d2i_AutoPrivateKey_ex(NULL, &at, (long)der.n, NULL, NULL);
		break;
	case DER_CERTIFICATE:
		pkey = certificate_key(&at, (long)der.n);
		break;
	case DER_KINDS:
		break;
	}
	if (pkey && at != der.p + der.n) {
		EVP_PKEY_free(pkey);
		pkey = NULL;
	}
	return pkey;
}

int trust_key_ring_add_der(struct trust_key_ring *ring, struct slice der, struct reason *reason)
{
	for (enum der_kind kind = DER_SPKI; kind < DER_KINDS; kind++) {
		EVP_PKEY *pkey = read_der(kind, der);

		ERR_clear_error();
		if (pkey)
			return trust_key_ring_add(ring, pkey, kind == DER_PRIVATE, SLICE_NONE, reason);
	}
	reason_set(reason, "has the form of a key, but cannot be read as one");
	return -EINVAL;
}

int trust_key_ring_add_ed25519(struct trust_key_ring *ring, struct slice bytes, bool is_private, struct slice kid,
			       struct reason *reason)
{
	EVP_PKEY *pkey = NULL;

	if (bytes.n == 32)
		pkey = is_private ? EVP_PKEY_new_raw_private_key_ex(NULL, "ED25519", NULL, bytes.p, 32)
				  : EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, bytes.p, 32);
	if (pkey)
		return trust_key_ring_add(ring, pkey, is_private, kid, reason);
	ERR_clear_error();
	reason_set(reason, "is no Ed25519 key of 32 bytes");
	return -EINVAL;
}

/* ---- base64 and hex ---- */

struct slice trust_pem_squeeze(struct slice text, unsigned char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = text.p[i];

		if (c == '\\' && i + 1 < text.n && (text.p[i + 1] == 'n' || text.p[i + 1] == 'r'))
			i++;
		else if (c != ' ' && c != '\t' && c != '\r' && c != '\n')
			out[n++] = c;
	}
	return slice_of(out, n);
}

/* 32 bytes, 64 bytes, or DER. */
static int add_bytes(struct trust_key_ring *ring, struct slice bytes, struct reason *reason)
{
	unsigned char public[32];
	size_t n = sizeof(public);
	int fault;

	if (bytes.n == 32)
		return trust_key_ring_add_ed25519(ring, bytes, false, SLICE_NONE, reason);
	if (bytes.n != 64)
		return trust_key_ring_add_der(ring, bytes, reason);
	fault = trust_key_ring_add_ed25519(ring, slice_head(bytes, 32), true, SLICE_NONE, reason);
	if (fault)
		return fault;
	if (EVP_PKEY_get_raw_public_key(ring->keys[ring->count - 1].pkey, public, &n) == 1 &&
	    slice_eq(slice_of(public, n), slice_from(bytes, 32)))
		return 0;
	reason_set(reason, "is an Ed25519 key whose two halves do not belong together");
	return -EINVAL;
}

static int add_plain(struct trust_key_ring *ring, struct slice text, unsigned char *scratch, unsigned char *bytes,
		     struct reason *reason)
{
	struct slice tight = trust_pem_squeeze(text, scratch);
	size_t n = 0;

	if ((tight.n == 64 || tight.n == 128) && encode_hex_decode(tight, bytes, &n))
		return add_bytes(ring, slice_of(bytes, n), reason);
	if (encode_base64_decode(ENCODE_BASE64_ANY, tight, bytes, &n) ||
	    encode_base64_decode(ENCODE_BASE64URL_ANY, tight, bytes, &n) || encode_hex_decode(tight, bytes, &n))
		return add_bytes(ring, slice_of(bytes, n), reason);
	reason_set(reason, "is no key: it is neither PEM, nor JSON, nor base64, nor hex");
	return -EINVAL;
}

/* ---- PEM ---- */

static const struct slice BEGIN = SLICE_LIT("-----BEGIN "), END = SLICE_LIT("-----END "), DASHES = SLICE_LIT("-----");

/* Where `what` begins in text; text.n when it does not stand there. */
static size_t find(struct slice text, struct slice what)
{
	const unsigned char *at = text.n > 0 ? memmem(text.p, text.n, what.p, what.n) : NULL;

	return at ? (size_t)(at - text.p) : text.n;
}

static bool known_label(struct slice label)
{
	static const struct slice labels[] = { SLICE_LIT("PUBLIC KEY"),	    SLICE_LIT("RSA PUBLIC KEY"),
					       SLICE_LIT("CERTIFICATE"),    SLICE_LIT("PRIVATE KEY"),
					       SLICE_LIT("EC PRIVATE KEY"), SLICE_LIT("RSA PRIVATE KEY") };

	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
		if (slice_eq(label, labels[i]))
			return true;
	return false;
}

bool trust_pem_begins(struct slice text)
{
	return find(text, BEGIN) < text.n;
}

bool trust_pem_block(struct slice *rest, struct slice *label, struct slice *inside)
{
	struct slice text = slice_from(*rest, find(*rest, BEGIN) + BEGIN.n);
	size_t dashes = find(text, DASHES), end;

	*label = slice_head(text, dashes);
	text = slice_from(text, dashes + DASHES.n);
	end = find(text, END);
	*inside = slice_head(text, end);
	text = slice_from(text, end + END.n);
	if (!slice_starts(text, *label))
		return false;
	text = slice_from(text, label->n);
	if (!slice_starts(text, DASHES))
		return false;
	*rest = slice_from(text, DASHES.n);
	return true;
}

static int add_pem(struct trust_key_ring *ring, struct slice text, unsigned char *scratch, unsigned char *bytes,
		   struct reason *reason)
{
	struct slice label, inside;
	bool certificate = false;
	size_t n;
	int fault;

	while (trust_pem_begins(text)) {
		if (!trust_pem_block(&text, &label, &inside)) {
			reason_set(reason, "is PEM without its end");
			return -EINVAL;
		}
		/* What openssl ecparam writes before a key. */
		if (slice_eq(label, SLICE("EC PARAMETERS")))
			continue;
		if (!known_label(label) || slice_index(inside, ':') < inside.n) {
			reason_set(reason, "is PEM of a kind that is not taken, or encrypted");
			return -EINVAL;
		}
		if (certificate && slice_eq(label, SLICE("CERTIFICATE")))
			continue;
		certificate |= slice_eq(label, SLICE("CERTIFICATE"));
		if (!encode_base64_decode(ENCODE_BASE64_ANY, trust_pem_squeeze(inside, scratch), bytes, &n)) {
			reason_set(reason, "is PEM that is not base64 inside");
			return -EINVAL;
		}
		fault = trust_key_ring_add_der(ring, slice_of(bytes, n), reason);
		if (fault)
			return fault;
	}
	return 0;
}

/* ---- any ---- */

static int add_text(struct trust_key_ring *ring, struct slice text, struct reason *reason)
{
	size_t room = text.n + encode_base64_room(text.n);
	unsigned char *scratch;
	int fault;

	if (text.n == 0 || text.n > TRUST_RING_TEXT_MAX) {
		reason_set(reason, text.n == 0 ? "is empty" : "is longer than a key can be");
		return -EINVAL;
	}
	if (text.p[0] == '{')
		return trust_key_ring_add_json(ring, text, reason);
	scratch = malloc(room);
	if (!scratch)
		return -ENOMEM;
	if (trust_pem_begins(text))
		fault = add_pem(ring, text, scratch, scratch + text.n, reason);
	else
		fault = add_plain(ring, text, scratch, scratch + text.n, reason);
	explicit_bzero(scratch, room);
	free(scratch);
	return fault;
}

static struct slice without_blanks(struct slice text)
{
	while (text.n > 0 && memchr(" \t\r\n", text.p[0], 4))
		text = slice_from(text, 1);
	while (text.n > 0 && memchr(" \t\r\n", text.p[text.n - 1], 4))
		text.n--;
	return text;
}

static int make(struct slice text, bool der, struct trust_key_ring **out, struct reason *reason)
{
	struct trust_key_ring *ring = calloc(1, sizeof(*ring));
	int fault = -ENOMEM;

	if (ring)
		fault = der ? trust_key_ring_add_der(ring, text, reason) : add_text(ring, without_blanks(text), reason);
	if (!fault && ring->count == 0) {
		reason_set(reason, "holds no key that can be used");
		fault = -EINVAL;
	}
	if (fault)
		trust_key_ring_free(ring);
	else
		*out = ring;
	return fault;
}

int trust_key_ring_new(struct slice text, struct trust_key_ring **out, struct reason *reason)
{
	return make(text, false, out, reason);
}

int trust_key_ring_der(struct slice der, struct trust_key_ring **out, struct reason *reason)
{
	return make(der, true, out, reason);
}
