/* sign_key.c - what a delivery of a provider with a private key is signed with here, and in which of several ways; see trust.h.
 *
 * Nobody has the provider's own key. One of the same kind will do where the route is told of it. */
#include "trust/plugin_call.h"
#include "trust/public_key.h"
#include "trust/scheme.h"

#include <errno.h>

/* Of the kind of a public key that the route has: for schemes that take several. */
static enum trust_algorithm algorithm_like(const struct trust_key_ring *ring)
{
	static const enum trust_algorithm algorithms[] = {
		[TRUST_PUBLIC_ED25519] = TRUST_ED25519,	       [TRUST_PUBLIC_P256] = TRUST_ECDSA_P256_SHA256,
		[TRUST_PUBLIC_P384] = TRUST_ECDSA_P384_SHA384, [TRUST_PUBLIC_P521] = TRUST_ECDSA_P521_SHA512,
		[TRUST_PUBLIC_RSA] = TRUST_RSA_SHA256,
	};

	return algorithms[trust_public_key_type(trust_key_ring_at(ring, 0))];
}

/* Of a plugin whose secrets may be public keys, only where all of the route's are. */
static bool algorithm_of_plugin(const struct trust_verifier *verifier, enum trust_algorithm *out)
{
	const struct plugin *plugin = verifier->description->verify.plugin;

	if (!plugin->sign)
		return false;
	if (plugin->flags & PLUGIN_SECRET_IS_KEY)
		return trust_plugin_algorithm(plugin->key_for, out);
	for (size_t i = 0; i < verifier->secret_count; i++)
		if (!verifier->secrets[i].ring)
			return false;
	if (verifier->secret_count > 0)
		*out = algorithm_like(verifier->secrets[0].ring);
	return verifier->secret_count > 0;
}

/* The first that the scheme takes; false where it takes no public key. */
static bool algorithm_of(const struct trust_verifier *verifier, enum trust_algorithm *out)
{
	const struct trust_verify *verify = &verifier->description->verify;

	if (verify->plugin)
		return algorithm_of_plugin(verifier, out);
	if (verify->scheme->is_public) {
		*out = verify->scheme->algorithm;
		return true;
	}
	for (unsigned i = 0; verify->jwt && i < 32; i++)
		if (verify->jwt->algorithms & 1U << i) {
			*out = (enum trust_algorithm)i;
			return true;
		}
	return false;
}

bool trust_needs_private_key(const struct trust_verifier *verifier)
{
	enum trust_algorithm ignored;

	if (!algorithm_of(verifier, &ignored))
		return false;
	for (size_t i = 0; i < verifier->secret_count; i++)
		if (verifier->secrets[i].ring && trust_key_ring_private(verifier->secrets[i].ring))
			return false;
	return true;
}

/* A name that the plugin's first host fits: "sns.test.amazonaws.com" of "sns.*.amazonaws.com". */
static void certificate_name(const struct plugin *plugin, struct buf *out)
{
	for (const char *c = plugin->host_count > 0 ? plugin->hosts[0] : "test"; *c != '\0'; c++) {
		if (*c == '*')
			buf_add_str(out, "test");
		else
			buf_add_byte(out, (unsigned char)*c);
	}
}

static int make_certificate(const struct plugin *plugin, struct slice private_text, struct buf *out)
{
	struct buf name = BUF_EMPTY;
	int fault;

	certificate_name(plugin, &name);
	fault = buf_failed(&name) ? -ENOMEM : trust_certificate_new(private_text, buf_slice(&name), out);
	buf_free(&name);
	return fault;
}

int trust_key_make(const struct trust_verifier *verifier, struct buf *private_text, struct buf *public_text)
{
	const struct plugin *plugin = verifier->description->verify.plugin;
	enum trust_algorithm algorithm;
	int fault;

	if (!algorithm_of(verifier, &algorithm))
		return -ENOTSUP;
	fault = trust_keypair_new(algorithm, private_text, public_text);
	if (fault || !plugin || !(plugin->flags & (PLUGIN_KEY_IS_CERTIFICATE | PLUGIN_SECRET_MAY_BE_KEY)))
		return fault;
	buf_clear(public_text);
	/* What is no PEM would be a shared secret. */
	return plugin->flags & PLUGIN_KEY_IS_CERTIFICATE
		       ? make_certificate(plugin, buf_slice(private_text), public_text)
		       : trust_public_pem(buf_slice(private_text), public_text);
}

const struct trust_verifier *trust_verifier_variant(const struct trust_verifier *verifier, struct slice name)
{
	if (slice_eq(verifier->description->name, name))
		return verifier;
	for (size_t i = 0; i < verifier->variant_count; i++)
		if (slice_eq(verifier->variants[i].description->name, name) && verifier->variants[i].secret_count > 0)
			return &verifier->variants[i];
	return NULL;
}
