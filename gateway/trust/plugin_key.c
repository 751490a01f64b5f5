/* plugin_key.c - public keys for plugins. See plugin.h, which is the contract.
 *
 * The special difficulty: an algorithm that a plugin took from the request must not decide what a key is used for; the unit
 * below refuses a key of another type or curve, and here a constant that is none. */
#include "trust/certificate.h"
#include "trust/lane.h"
#include "trust/plugin_call.h"
#include "trust/public_key.h"

#include <errno.h>

bool trust_plugin_algorithm(enum plugin_algorithm algorithm, enum trust_algorithm *out)
{
	static const enum trust_algorithm algorithms[] = {
		[PLUGIN_ED25519] = TRUST_ED25519,
		[PLUGIN_ECDSA_P256_SHA1] = TRUST_ECDSA_P256_SHA1,
		[PLUGIN_ECDSA_P256_SHA256] = TRUST_ECDSA_P256_SHA256,
		[PLUGIN_ECDSA_P384_SHA384] = TRUST_ECDSA_P384_SHA384,
		[PLUGIN_ECDSA_P521_SHA512] = TRUST_ECDSA_P521_SHA512,
		[PLUGIN_RSA_SHA1] = TRUST_RSA_SHA1,
		[PLUGIN_RSA_SHA256] = TRUST_RSA_SHA256,
		[PLUGIN_RSA_SHA384] = TRUST_RSA_SHA384,
		[PLUGIN_RSA_SHA512] = TRUST_RSA_SHA512,
		[PLUGIN_RSA_PSS_SHA256] = TRUST_RSA_PSS_SHA256,
		[PLUGIN_RSA_PSS_SHA384] = TRUST_RSA_PSS_SHA384,
		[PLUGIN_RSA_PSS_SHA512] = TRUST_RSA_PSS_SHA512,
	};

	if ((size_t)algorithm >= sizeof(algorithms) / sizeof(algorithms[0]))
		return false;
	*out = algorithms[algorithm];
	return true;
}

static bool any_is_right(const struct trust_key_ring *ring, struct slice kid, const struct trust_message *message,
			 enum plugin_form form, struct slice signature)
{
	bool right = false;

	for (size_t i = 0; i < trust_key_ring_count(ring); i++) {
		const struct trust_public_key *key = trust_key_ring_at(ring, i);
		struct slice name = trust_public_key_kid(key);

		if (kid.n > 0 && name.n > 0 && !slice_eq(kid, name))
			continue;
		right |= trust_public_verify(key, message, form == PLUGIN_RAW ? TRUST_FORM_RAW : TRUST_FORM_DER,
					     signature);
	}
	return right;
}

/* Ready to be signed, or verified. False: it is noted that the question was wrong. */
static bool message_of(struct plugin_call *call, enum plugin_algorithm algorithm, enum plugin_form form,
		       const struct plugin_bytes *pieces, size_t count, struct trust_message *message)
{
	struct slice *parts = arena_alloc(call->arena, (count + 1) * sizeof(*parts));
	enum trust_algorithm wanted;

	for (size_t i = 0; parts && i < count; i++)
		parts[i] = trust_plugin_slice(pieces[i]);
	if (parts && trust_plugin_algorithm(algorithm, &wanted) && (form == PLUGIN_DER || form == PLUGIN_RAW) &&
	    trust_message_init(message, wanted, parts, count) == 0)
		return true;
	(void)trust_plugin_wrong(call);
	return false;
}

static enum plugin_result check(struct plugin_call *call, const struct trust_key_ring *ring, struct slice kid,
				enum plugin_algorithm algorithm, enum plugin_form form,
				const struct plugin_bytes *pieces, size_t count, struct slice signature)
{
	struct trust_message message;
	bool right;

	if (!message_of(call, algorithm, form, pieces, count, &message))
		return PLUGIN_WRONG;
	right = any_is_right(ring, kid, &message, form, signature);
	trust_message_clear(&message);
	return right ? PLUGIN_OK : PLUGIN_MISMATCH;
}

enum plugin_result trust_plugin_verify(struct plugin_call *call, uint32_t secret, struct plugin_bytes kid,
				       enum plugin_algorithm algorithm, enum plugin_form form,
				       const struct plugin_bytes *pieces, size_t count, struct plugin_bytes signature)
{
	struct plugin_bytes both[2] = { kid, signature };
	const struct trust_secret *found;

	if (!trust_plugin_pieces(call, both, 2) || !trust_plugin_pieces(call, pieces, count))
		return PLUGIN_WRONG;
	found = trust_plugin_secret_of(call, secret);
	if (!found || !found->ring)
		return trust_plugin_wrong(call);
	return check(call, found->ring, trust_plugin_slice(kid), algorithm, form, pieces, count,
		     trust_plugin_slice(signature));
}

bool trust_plugin_is_key(struct plugin_call *call, uint32_t secret)
{
	const struct trust_secret *found = trust_plugin_secret_of(call, secret);

	return found && found->ring;
}

enum plugin_result trust_plugin_verify_with(struct plugin_call *call, struct plugin_bytes keys, struct plugin_bytes kid,
					    enum plugin_algorithm algorithm, enum plugin_form form,
					    const struct plugin_bytes *pieces, size_t count,
					    struct plugin_bytes signature)
{
	struct plugin_bytes texts[3] = { keys, kid, signature };
	struct trust_key_ring *ring = NULL;
	struct reason reason = { "" };
	enum plugin_result result;

	if (!trust_plugin_pieces(call, texts, 3) || !trust_plugin_pieces(call, pieces, count))
		return PLUGIN_WRONG;
	if (trust_key_ring_new(trust_plugin_slice(keys), &ring, &reason))
		return PLUGIN_MISMATCH;
	result = check(call, ring, trust_plugin_slice(kid), algorithm, form, pieces, count,
		       trust_plugin_slice(signature));
	trust_key_ring_free(ring);
	return result;
}

/* ---- private keys ---- */

enum plugin_result trust_plugin_sign_with(struct plugin_call *call, uint32_t secret, enum plugin_algorithm algorithm,
					  enum plugin_form form, const struct plugin_bytes *pieces, size_t count,
					  struct plugin_bytes *signature)
{
	const struct trust_secret *found;
	struct trust_message message;
	unsigned char *out;
	size_t n = 0;
	int fault;

	if (!trust_plugin_asked(call, signature) || !trust_plugin_pieces(call, pieces, count))
		return PLUGIN_WRONG;
	found = trust_plugin_secret_of(call, secret);
	out = arena_alloc(call->arena, TRUST_SIGNATURE_MAX);
	if (!call->draft || !found || !found->ring || !out)
		return trust_plugin_wrong(call);
	if (!message_of(call, algorithm, form, pieces, count, &message))
		return PLUGIN_WRONG;
	fault = trust_ring_sign(found->ring, &message, form == PLUGIN_RAW ? TRUST_FORM_RAW : TRUST_FORM_DER, out, &n);
	trust_message_clear(&message);
	if (fault && fault != -ENOTSUP)
		return trust_plugin_wrong(call);
	if (fault)
		return PLUGIN_MISMATCH;
	*signature = (struct plugin_bytes){ out, n };
	return PLUGIN_OK;
}

enum plugin_result trust_plugin_kid(struct plugin_call *call, uint32_t secret, struct plugin_bytes *kid)
{
	const struct trust_secret *found = trust_plugin_secret_of(call, secret);
	struct slice name;

	if (!trust_plugin_asked(call, kid))
		return PLUGIN_WRONG;
	if (!found || !found->ring)
		return trust_plugin_wrong(call);
	name = trust_key_ring_name(found->ring);
	if (name.n == 0)
		return PLUGIN_MISSING;
	*kid = trust_plugin_bytes(name);
	return PLUGIN_OK;
}

/* ---- keys that are published ---- */

/* False where keys cannot be had here. */
static bool may_fetch(struct plugin_call *call, struct slice *hosts, struct keys_policy *policy)
{
	const struct plugin *plugin = call->verifier->description->verify.plugin;

	if (!call->lane || plugin->host_count == 0)
		return false;
	for (size_t i = 0; i < plugin->host_count; i++)
		hosts[i] = slice_str(plugin->hosts[i]);
	*policy = (struct keys_policy){ .hosts = hosts, .host_count = plugin->host_count, .query = true };
	return true;
}

enum plugin_result trust_plugin_fetch(struct plugin_call *call, struct plugin_bytes url, struct plugin_bytes *document)
{
	struct slice hosts[TRUST_PLUGIN_HOSTS_MAX], copy;
	struct keys_policy policy;
	struct keys_answer answer;

	if (!trust_plugin_asked(call, document) || !trust_plugin_pieces(call, &url, 1))
		return PLUGIN_WRONG;
	if (!may_fetch(call, hosts, &policy))
		return trust_plugin_wrong(call);
	keys_get(trust_lane_keys(call->lane), trust_plugin_slice(url), &policy, 0, &answer);
	if (answer.result == KEYS_FOUND) {
		copy = arena_copy(call->arena, answer.document->bytes);
		keys_release(answer.document);
		if (arena_failed(call->arena))
			return trust_plugin_wrong(call);
		*document = trust_plugin_bytes(copy);
		return PLUGIN_OK;
	}
	call->key_url = trust_plugin_slice(url);
	if (answer.result == KEYS_PENDING)
		return PLUGIN_PENDING;
	trust_plugin_reason(call, answer.reason.text);
	return answer.result == KEYS_REFUSED ? PLUGIN_MISMATCH : PLUGIN_UNAVAILABLE;
}

enum plugin_result trust_plugin_certificate(struct plugin_call *call, struct plugin_bytes text,
					    const char *const *names, size_t count, enum plugin_issuers issuers)
{
	struct trust_certificate_rule rule = { .names = names, .name_count = count };
	const char *why;

	if (!trust_plugin_pieces(call, &text, 1))
		return PLUGIN_WRONG;
	if (!names || count == 0 || count > TRUST_PLUGIN_HOSTS_MAX || !call->verifier->set->roots ||
	    (issuers != PLUGIN_ISSUERS_NEEDED && issuers != PLUGIN_ISSUERS_IF_THERE))
		return trust_plugin_wrong(call);
	for (size_t i = 0; i < count; i++)
		if (!trust_plugin_named(call, names[i]))
			return PLUGIN_WRONG;
	rule.may_stand_alone = issuers == PLUGIN_ISSUERS_IF_THERE;
	rule.roots = call->verifier->set->roots;
	rule.now_ms = call->now_ms;
	if (trust_certificate_holds(trust_plugin_slice(text), &rule, &why))
		return PLUGIN_OK;
	trust_plugin_reason(call, why);
	return PLUGIN_MISMATCH;
}

bool trust_plugin_visit(struct plugin_call *call, struct plugin_bytes url)
{
	struct slice hosts[TRUST_PLUGIN_HOSTS_MAX];
	struct keys_policy policy;
	struct reason reason = { "" };
	struct keys *keys;

	if (!trust_plugin_pieces(call, &url, 1) || !may_fetch(call, hosts, &policy)) {
		(void)trust_plugin_wrong(call);
		return false;
	}
	keys = trust_lane_keys(call->lane);
	return keys && keys_visit(keys, trust_plugin_slice(url), &policy, "confirmation", &reason);
}
