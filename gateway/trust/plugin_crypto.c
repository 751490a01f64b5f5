/* plugin_crypto.c - MACs, hashes and keys for plugins. See plugin.h, which is the contract.
 *
 * The special difficulty: a plugin names a secret by its number, and must not be able to reach one that is not the
 * route's, or not valid now. */
#include "trust/cipher.h"
#include "trust/digest.h"
#include "trust/mac.h"
#include "trust/plugin_call.h"

static const char *hash_name(enum plugin_hash hash)
{
	static const char *const names[] = { [PLUGIN_MD5] = "MD5",
					     [PLUGIN_SHA1] = "SHA1",
					     [PLUGIN_SHA256] = "SHA256",
					     [PLUGIN_SHA384] = "SHA384",
					     [PLUGIN_SHA512] = "SHA512" };

	return (size_t)hash < sizeof(names) / sizeof(names[0]) ? names[hash] : NULL;
}

const struct trust_secret *trust_plugin_secret_of(struct plugin_call *call, uint32_t secret)
{
	if (trust_plugin_fine(call) && secret < call->verifier->secret_count &&
	    trust_secret_valid(&call->verifier->secrets[secret], call->now_ms))
		return &call->verifier->secrets[secret];
	(void)trust_plugin_wrong(call);
	return NULL;
}

uint32_t trust_plugin_secrets(struct plugin_call *call)
{
	return trust_plugin_asked(call, call) ? (uint32_t)call->verifier->secret_count : 0;
}

enum plugin_result trust_plugin_secret(struct plugin_call *call, uint32_t secret, struct plugin_bytes *key)
{
	const struct trust_secret *found;

	if (!trust_plugin_asked(call, key))
		return PLUGIN_WRONG;
	if (secret >= call->verifier->secret_count)
		return trust_plugin_wrong(call);
	found = &call->verifier->secrets[secret];
	if (!trust_secret_valid(found, call->now_ms))
		return PLUGIN_MISSING;
	*key = trust_plugin_bytes(found->key);
	return PLUGIN_OK;
}

/* struct plugin_bytes and struct slice have the same members, but are two types. */
static const struct slice *slices(struct plugin_call *call, const struct plugin_bytes *pieces, size_t count)
{
	struct slice *out = arena_alloc(call->arena, (count + 1) * sizeof(*out));

	for (size_t i = 0; out && i < count; i++)
		out[i] = trust_plugin_slice(pieces[i]);
	return out;
}

enum plugin_result trust_plugin_mac_with(struct plugin_call *call, enum plugin_hash hash, struct plugin_bytes key,
					 const struct plugin_bytes *pieces, size_t count, struct plugin_bytes *mac)
{
	const char *name = hash_name(hash);
	const struct slice *parts;
	struct trust_mac *context;
	unsigned char *out;
	size_t size = 0;
	int fault;

	if (!trust_plugin_asked(call, mac) || !trust_plugin_pieces(call, &key, 1) ||
	    !trust_plugin_pieces(call, pieces, count))
		return PLUGIN_WRONG;
	parts = slices(call, pieces, count);
	out = arena_alloc(call->arena, TRUST_MAC_MAX);
	if (!name || key.n == 0 || !parts || !out || trust_mac_new(name, trust_plugin_slice(key), &context))
		return trust_plugin_wrong(call);
	fault = trust_mac_pieces(context, parts, count, out, &size);
	trust_mac_free(context);
	if (fault)
		return trust_plugin_wrong(call);
	*mac = (struct plugin_bytes){ out, size };
	return PLUGIN_OK;
}

enum plugin_result trust_plugin_mac(struct plugin_call *call, enum plugin_hash hash, uint32_t secret,
				    const struct plugin_bytes *pieces, size_t count, struct plugin_bytes *mac)
{
	const struct trust_secret *found = trust_plugin_secret_of(call, secret);

	if (!found)
		return PLUGIN_WRONG;
	return trust_plugin_mac_with(call, hash, trust_plugin_bytes(found->key), pieces, count, mac);
}

enum plugin_result trust_plugin_digest(struct plugin_call *call, enum plugin_hash hash,
				       const struct plugin_bytes *pieces, size_t count, struct plugin_bytes *digest)
{
	const char *name = hash_name(hash);
	const struct slice *parts;
	unsigned char *out;
	size_t size = 0;

	if (!trust_plugin_asked(call, digest) || !trust_plugin_pieces(call, pieces, count))
		return PLUGIN_WRONG;
	parts = slices(call, pieces, count);
	out = arena_alloc(call->arena, TRUST_DIGEST_MAX);
	if (!name || !parts || !out || trust_digest_pieces(name, parts, count, out, &size))
		return trust_plugin_wrong(call);
	*digest = (struct plugin_bytes){ out, size };
	return PLUGIN_OK;
}

typedef bool cipher_direction(struct slice key, struct slice iv, struct slice text, unsigned char *out);

static enum plugin_result cipher(struct plugin_call *call, cipher_direction *direction,
				 const struct plugin_bytes all[3], struct plugin_bytes *result)
{
	unsigned char *out;

	if (!trust_plugin_asked(call, result) || !trust_plugin_pieces(call, all, 3))
		return PLUGIN_WRONG;
	out = arena_alloc(call->arena, all[2].n + 1);
	if (!out)
		return trust_plugin_wrong(call);
	if (!direction(trust_plugin_slice(all[0]), trust_plugin_slice(all[1]), trust_plugin_slice(all[2]), out))
		return PLUGIN_MISMATCH;
	*result = (struct plugin_bytes){ out, all[2].n };
	return PLUGIN_OK;
}

enum plugin_result trust_plugin_decrypt(struct plugin_call *call, struct plugin_bytes key, struct plugin_bytes iv,
					struct plugin_bytes text, struct plugin_bytes *plain)
{
	return cipher(call, trust_cipher_decrypt, (struct plugin_bytes[]){ key, iv, text }, plain);
}

enum plugin_result trust_plugin_encrypt(struct plugin_call *call, struct plugin_bytes key, struct plugin_bytes iv,
					struct plugin_bytes text, struct plugin_bytes *encrypted)
{
	return cipher(call, trust_cipher_encrypt, (struct plugin_bytes[]){ key, iv, text }, encrypted);
}
