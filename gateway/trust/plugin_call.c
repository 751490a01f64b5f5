/* plugin_call.c - the steps of a verification that are a plugin's, see plugin_call.h.
 *
 * The special difficulty: a plugin is not trusted to be careful. Whatever the first secret's answer is, the others are
 * asked; an answer that is none, or one given after a wrong question, is a fault and never an acceptance; and what it
 * says of coverage can only lower what the description says. */
#include "trust/plugin_call.h"

#include "trust/plugin_load.h"
#include "trust/published.h"

#include <errno.h>

static struct plugin_call call_of(const struct trust_verifier *verifier, const struct request *request, int64_t now_ms,
				  struct arena *arena)
{
	return (struct plugin_call){ .magic = PLUGIN_CALL_MAGIC,
				     .verifier = verifier,
				     .request = request,
				     .arena = arena,
				     .now_ms = now_ms,
				     .covered = verifier->description->verify.covered };
}

/* TRUST_ACCEPTED for PLUGIN_OK; the caller has taken the faults out. */
static enum trust_result result_of(enum plugin_result result, const char **reason)
{
	switch (result) {
	case PLUGIN_OK:
		return TRUST_ACCEPTED;
	case PLUGIN_MISSING:
		*reason = "there is no signature, or a part of what is signed is missing";
		return TRUST_SIGNATURE_MISSING;
	case PLUGIN_MISMATCH:
		*reason = "the signature is wrong";
		return TRUST_SIGNATURE_MISMATCH;
	case PLUGIN_MALFORMED_REQUEST:
		*reason = "the request is not as this provider sends it";
		return TRUST_MALFORMED_REQUEST;
	case PLUGIN_MALFORMED_BODY:
		*reason = "the body is not as this provider sends it";
		return TRUST_MALFORMED_BODY;
	case PLUGIN_STALE:
		*reason = "the signature is right, and its time of validity is over or has not begun";
		return TRUST_TIMESTAMP_OUT_OF_TOLERANCE;
	case PLUGIN_PENDING:
		*reason = "the provider's key is being fetched";
		return TRUST_KEY_PENDING;
	case PLUGIN_UNAVAILABLE:
		*reason = "the provider's key could not be fetched";
		return TRUST_KEY_FAILED;
	case PLUGIN_WRONG:
		break;
	}
	*reason = "the plugin has failed";
	return TRUST_SIGNATURE_MISMATCH;
}

static bool is_fault(const struct plugin_call *call, enum plugin_result result)
{
	return call->wrong || result < PLUGIN_OK || result >= PLUGIN_WRONG;
}

/* ---- verifying ---- */

enum trust_result trust_plugin_read(const struct trust_verifier *verifier, struct trust_evidence *evidence,
				    const char **reason)
{
	struct trust_reading *reading = &evidence->reading;
	struct plugin_call *call = arena_alloc(reading->arena, sizeof(*call));
	enum plugin_result result;
	enum trust_result r;

	evidence->call = call;
	if (!call) {
		*reason = "memory is short";
		return TRUST_SIGNATURE_MISMATCH;
	}
	*call = call_of(verifier, reading->request, reading->now_ms, reading->arena);
	call->evidence = evidence;
	result = verifier->description->verify.plugin->read(&trust_plugin_host, call);
	/* Keys are only fetched to prove with. */
	evidence->plugin_failed = is_fault(call, result) || result == PLUGIN_PENDING || result == PLUGIN_UNAVAILABLE;
	r = result_of(result, reason);
	evidence->has_parts = evidence->parts.n > 0;
	if (call->reason)
		*reason = call->reason;
	return evidence->plugin_failed ? TRUST_SIGNATURE_MISMATCH : r;
}

static void match(const struct trust_verifier *verifier, size_t secret, struct trust_verdict *verdict, bool *matched)
{
	if (*matched)
		return;
	*matched = true;
	if (secret == SIZE_MAX)
		return;
	verdict->secret_index = verifier->secrets[secret].index;
	verdict->secret = verifier->secrets[secret].name;
}

/* Asks for one secret; *result keeps the first answer that is neither yes nor a plain no. */
static bool ask(struct plugin_call *call, uint32_t secret, enum plugin_result *result)
{
	enum plugin_result r = call->verifier->description->verify.plugin->prove(&trust_plugin_host, call, secret);

	if (is_fault(call, r)) {
		*result = PLUGIN_WRONG;
		return false;
	}
	if (r != PLUGIN_OK && *result == PLUGIN_MISMATCH)
		*result = r;
	return r == PLUGIN_OK;
}

int trust_plugin_prove_with(const struct trust_attempt *attempt, bool *match, struct trust_verdict *verdict)
{
	struct plugin_call *call = attempt->call;
	const struct trust_verifier *own = call->verifier;
	enum plugin_result result = PLUGIN_MISMATCH;

	call->verifier = attempt->verifier;
	*match = ask(call, 0, &result);
	call->verifier = own;
	if (result == PLUGIN_WRONG)
		return -EIO;
	if (!*match && result != PLUGIN_MISMATCH)
		verdict->result = result_of(result, &verdict->reason);
	return 0;
}

/* The provider's own key in the place of a secret. */
static int prove_published(struct plugin_call *call, struct trust_evidence *evidence, struct trust_verdict *verdict)
{
	struct trust_note note = { .reason = NULL };
	const struct trust_attempt attempt = { .verifier = call->verifier,
					       .lane = call->lane,
					       .parts = &evidence->parts,
					       .candidates = evidence->candidates,
					       .candidate_count = evidence->candidate_count,
					       .arena = call->arena,
					       .reading = &evidence->reading,
					       .note = &note,
					       .call = call };
	int fault = trust_prove_published(&attempt, &evidence->reading, verdict);

	if (!fault && call->covered < verdict->covered)
		verdict->covered = call->covered;
	return fault;
}

int trust_plugin_prove(const struct trust_verifier *verifier, struct trust_lane *lane, struct trust_evidence *evidence,
		       int64_t now_ms, struct trust_verdict *verdict)
{
	struct plugin_call *call = evidence->call;
	enum plugin_result result = PLUGIN_MISMATCH;
	bool matched = false;
	size_t tried = 0;

	call->evidence = evidence;
	call->lane = lane;
	if (trust_uses_published(verifier))
		return prove_published(call, evidence, verdict);
	for (size_t i = 0; i < verifier->secret_count; i++) {
		if (!trust_secret_valid(&verifier->secrets[i], now_ms))
			continue;
		tried++;
		if (ask(call, (uint32_t)i, &result))
			match(verifier, i, verdict, &matched);
	}
	if (verifier->secret_count == 0 && ask(call, PLUGIN_NO_SECRET, &result))
		match(verifier, SIZE_MAX, verdict, &matched);
	if (result == PLUGIN_WRONG)
		return -EIO;
	if (call->covered < verdict->covered)
		verdict->covered = call->covered;
	if (matched)
		return 0;
	verdict->result = result_of(result, &verdict->reason);
	verdict->key_url = call->key_url;
	if (call->reason)
		verdict->reason = call->reason;
	if (verifier->secret_count > 0 && tried == 0)
		verdict->reason = "no secret is valid at this time";
	return 0;
}

/* ---- handshakes and events ---- */

bool trust_plugin_handshake(const struct trust_verifier *verifier, const struct request *request, int64_t now_ms,
			    struct arena *arena, struct trust_verdict *verdict, int *fault)
{
	const struct plugin *plugin = verifier->description->verify.plugin;
	struct plugin_call call = call_of(verifier, request, now_ms, arena);
	struct answer answer = { .status = 0 };
	enum plugin_result result;

	if (!plugin || !plugin->handshake)
		return false;
	call.answer = &answer;
	result = plugin->handshake(&trust_plugin_host, &call);
	if (result == PLUGIN_MISSING && !call.wrong)
		return false;
	if (is_fault(&call, result) || result >= PLUGIN_PENDING || (result == PLUGIN_OK && answer.status == 0)) {
		*fault = -EIO;
		return true;
	}
	verdict->result = result_of(result, &verdict->reason);
	if (result == PLUGIN_OK) {
		verdict->result = TRUST_CHALLENGE;
		verdict->reason = "a handshake of the provider";
		verdict->answer = answer;
	} else if (call.reason) {
		verdict->reason = call.reason;
	}
	return true;
}

int trust_plugin_event(const struct trust_verifier *verifier, const struct request *request, struct arena *arena,
		       struct slice *id, struct slice *type, enum trust_event_result *result)
{
	const struct plugin *plugin = verifier->description->verify.plugin;
	struct plugin_call call = call_of(verifier, request, request->received_ms, arena);
	struct plugin_bytes found[2] = { { NULL, 0 }, { NULL, 0 } };
	enum plugin_result r;

	*id = *type = SLICE_NONE;
	if (!plugin || !plugin->event)
		return 0;
	r = plugin->event(&trust_plugin_host, &call, &found[0], &found[1]);
	if (is_fault(&call, r))
		return -EIO;
	if (r == PLUGIN_MALFORMED_BODY || r == PLUGIN_MALFORMED_REQUEST)
		*result = r == PLUGIN_MALFORMED_BODY ? TRUST_EVENT_MALFORMED_BODY : TRUST_EVENT_MALFORMED_REQUEST;
	if (r != PLUGIN_OK)
		return 0;
	*id = trust_plugin_slice(found[0]);
	*type = trust_plugin_slice(found[1]);
	return 0;
}

/* ---- the other direction ---- */

int trust_plugin_sign(const struct trust_verifier *verifier, const struct request *request, int64_t now_ms,
		      size_t secret, struct arena *arena, struct trust_plugin_draft *draft, struct reason *reason)
{
	const struct plugin *plugin = verifier->description->verify.plugin;
	struct plugin_call call = call_of(verifier, request, now_ms, arena);
	enum plugin_result result;

	if (!plugin->sign || secret >= verifier->secret_count) {
		reason_set(reason, plugin->sign ? "the route has no such secret" : "this scheme can only be verified");
		return -ENOTSUP;
	}
	call.draft = draft;
	result = plugin->sign(&trust_plugin_host, &call, (uint32_t)secret);
	if (is_fault(&call, result))
		return -EIO;
	if (result == PLUGIN_OK)
		return 0;
	reason_set(reason, "%s", call.reason ? call.reason : "the plugin cannot sign this delivery");
	return -ENOTSUP;
}

/* The ring goes with the secret. */
static int bind(const struct trust_verify *verify, struct trust_secret *secret, struct reason *reason)
{
	bool is_key;
	int fault;

	if (!trust_plugin_accepts(verify->plugin, secret->key, reason))
		return -EINVAL;
	fault = trust_plugin_wants_ring(verify, secret->key, &is_key, reason);
	return fault || !is_key ? fault : trust_key_ring_new(secret->key, &secret->ring, reason);
}

/* Not in the way of the others: verify.c asks the plugin instead of these. */
const struct trust_scheme trust_scheme_plugin = { .name = SLICE_LIT("plugin"), .keyed = true, .bind = bind };
