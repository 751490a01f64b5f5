/* verify.c - steps 3 and 4 of a delivery: is it a handshake, is it from whom it says, is it fresh? The heart of this
 * room.
 *
 * The special difficulty: nothing that a stranger can measure may depend on how nearly right a signature is. So every
 * candidate is compared with every secret valid now, without early exit, and the clock is looked at only after that: a
 * stale delivery with a wrong signature is a wrong signature.
 *
 * Follows plugins/README.md for what a description can say. Threads: a lane belongs to one, all else is read only. */
#include "trust/verify.h"

#include "trust/digest.h"
#include "trust/filter.h"
#include "trust/plugin_call.h"
#include "trust/published.h"

#include <errno.h>
#include <inttypes.h>

/* ---- proving ---- */

static void refuse(struct trust_verdict *verdict, enum trust_result result, const char *reason)
{
	verdict->result = result;
	verdict->reason = reason;
}

/* Tries every secret that is valid now, all of them whatever the first ones say. */
static int try_secrets(const struct trust_attempt *attempt, int64_t now_ms, struct trust_verdict *verdict,
		       size_t *tried)
{
	const struct trust_verifier *verifier = attempt->verifier;
	const struct trust_scheme *scheme = verifier->description->verify.scheme;

	*tried = 0;
	for (size_t i = 0; i < verifier->secret_count; i++) {
		struct slice guard = SLICE_NONE;
		bool match = false;
		int fault;

		if (!trust_secret_valid(&verifier->secrets[i], now_ms))
			continue;
		++*tried;
		fault = scheme->prove(attempt, i, &match, &guard);
		if (fault)
			return fault;
		if (match && verdict->secret_index == SIZE_MAX) {
			attempt->reading->secret = i;
			verdict->secret_index = verifier->secrets[i].index;
			verdict->secret = verifier->secrets[i].name;
			verdict->guard = guard;
		}
	}
	return 0;
}

/* What matched may be stale; what did not may be signed rightly all the same, and then why it is wrong is known. */
static int take_note(const struct trust_note *note, bool matched, struct trust_verdict *verdict)
{
	if (matched && note->stale)
		refuse(verdict, TRUST_TIMESTAMP_OUT_OF_TOLERANCE, note->reason);
	else if (verdict->result == TRUST_SIGNATURE_MISMATCH && note->settled)
		verdict->reason = note->reason;
	return 0;
}

static int prove(const struct trust_verifier *verifier, struct trust_lane *lane, struct trust_evidence *evidence,
		 int64_t now_ms, struct trust_verdict *verdict)
{
	const struct trust_verify *verify = &verifier->description->verify;
	struct arena *arena = evidence->reading.arena;
	struct slice decoded[TRUST_CANDIDATES_MAX];
	struct trust_note note = { .reason = NULL };
	struct trust_attempt attempt = { .verifier = verifier,
					 .lane = lane,
					 .parts = &evidence->parts,
					 .candidates = decoded,
					 .arena = arena,
					 .reading = &evidence->reading,
					 .note = &note };
	size_t tried;
	int fault;

	if (!verify->scheme->keyed)
		return 0;
	if (verify->plugin)
		return trust_plugin_prove(verifier, lane, evidence, now_ms, verdict);
	for (size_t i = 0; i < evidence->candidate_count; i++)
		if (trust_decode(verify->encoding, evidence->candidates[i], arena, &decoded[attempt.candidate_count]))
			attempt.candidate_count++;
	if (trust_uses_published(verifier)) {
		fault = trust_prove_published(&attempt, &evidence->reading, verdict);
		return fault ? fault : take_note(&note, verdict->result == TRUST_ACCEPTED, verdict);
	}
	fault = try_secrets(&attempt, now_ms, verdict, &tried);
	if (fault || verdict->secret_index != SIZE_MAX)
		return fault ? fault : take_note(&note, true, verdict);
	if (tried == 0)
		refuse(verdict, TRUST_SIGNATURE_MISMATCH, "no secret is valid at this time");
	else if (attempt.candidate_count == 0)
		refuse(verdict, TRUST_SIGNATURE_MISMATCH, "the signature is not encoded as this provider does it");
	else
		refuse(verdict, TRUST_SIGNATURE_MISMATCH,
		       note.reason ? note.reason
				   : trust_say(arena, "no secret matches the signature (%zu tried)", tried));
	return 0;
}

/* What the scheme gave no MAC for is remembered by its SHA-256. */
static int fill_guard(const struct trust_evidence *evidence, struct trust_verdict *verdict)
{
	unsigned char *hash;

	if (verdict->covered == TRUST_COVER_NONE) {
		verdict->guard = SLICE_NONE;
		return 0;
	}
	if (verdict->guard.n > 0)
		return 0;
	hash = arena_alloc(evidence->reading.arena, 32);
	if (!hash)
		return -ENOMEM;
	/* A plugin that told no signed text covers the body. */
	if (evidence->parts.n > 0)
		trust_sha256_pieces(evidence->parts.p, evidence->parts.n, hash);
	else
		trust_sha256(evidence->reading.request->body, hash);
	verdict->guard = slice_of(hash, 32);
	return 0;
}

/* Both ends of the tolerance belong to it. A clock that only says seconds is compared with our seconds. */
static void check_freshness(const struct trust_verifier *verifier, const struct trust_evidence *evidence,
			    int64_t now_ms, struct trust_verdict *verdict)
{
	bool whole = verifier->description->verify.unit == TRUST_UNIT_SECONDS;
	struct arena *arena = evidence->reading.arena;
	int64_t skew;

	if (!evidence->has_timestamp)
		return;
	skew = (whole ? now_ms / 1000 * 1000 : now_ms) - evidence->timestamp_ms;
	verdict->skew_ms = skew;
	verdict->has_skew = true;
	if (verifier->tolerance_ms >= 0 && skew > verifier->tolerance_ms)
		refuse(verdict, TRUST_TIMESTAMP_OUT_OF_TOLERANCE,
		       trust_say(arena, "the signed timestamp is %" PRId64 " s old, %" PRId64 " s are allowed",
				 skew / 1000, verifier->tolerance_ms / 1000));
	else if (verifier->future_ms >= 0 && -skew > verifier->future_ms)
		refuse(verdict, TRUST_TIMESTAMP_OUT_OF_TOLERANCE,
		       trust_say(arena,
				 "the signed timestamp is %" PRId64 " s in the future, %" PRId64 " s are allowed",
				 -skew / 1000, verifier->future_ms / 1000));
}

/* One group of signature and timestamp. */
static int judge(const struct trust_verifier *verifier, struct trust_lane *lane, const struct request *request,
		 int64_t now_ms, struct arena *arena, size_t group, struct trust_verdict *verdict)
{
	struct trust_evidence evidence;
	const char *reason = "";
	enum trust_result result = trust_gather_group(verifier, request, now_ms, arena, group, &evidence, &reason);
	struct slice wrong;
	int fault;

	if (evidence.plugin_failed)
		return -EIO;
	if (result != TRUST_ACCEPTED) {
		refuse(verdict, result, reason);
		return 0;
	}
	verdict->covered = verifier->description->verify.covered;
	fault = prove(verifier, lane, &evidence, now_ms, verdict);
	if (fault || verdict->result != TRUST_ACCEPTED)
		return fault;
	if (verifier->description->gives_macs && trust_filter_was_for_all(&evidence.parts)) {
		refuse(verdict, TRUST_SIGNATURE_MISMATCH,
		       "the signature is right, but a handshake gives it to whoever asks");
		return 0;
	}
	check_freshness(verifier, &evidence, now_ms, verdict);
	if (verdict->result != TRUST_ACCEPTED)
		return 0;
	if (!trust_required(verifier, &evidence.reading, &wrong)) {
		refuse(verdict, TRUST_SIGNATURE_MISMATCH,
		       trust_say(arena, "the signature is right, but %.*s is not what this route wants",
				 SLICE_ARGS(wrong)));
		return 0;
	}
	evidence.reading.lane = lane;
	if (trust_handshake(verifier, &evidence.reading, lane, true, verdict))
		return 0;
	if (!slice_eq(request->method, SLICE("POST"))) {
		refuse(verdict, TRUST_MALFORMED_REQUEST,
		       "the request is neither a delivery nor a handshake of this provider");
		return 0;
	}
	return fill_guard(&evidence, verdict);
}

/* How many groups of signature and timestamp the request has; at least 1. */
static size_t count_groups(const struct trust_verify *verify, const struct request *request)
{
	struct slice value = SLICE_NONE;
	size_t count = 1;

	if (!verify->groups)
		return 1;
	message_header(request, verify->signatures[0].names[trust_family(verify, request)], &value);
	while (count < TRUST_GROUPS_MAX && trust_group(verify->groups, value, count).n > 0)
		count++;
	return count;
}

/* The first group that is right decides, else the first of all. */
static int judge_all(const struct trust_verifier *verifier, struct trust_lane *lane, const struct request *request,
		     int64_t now_ms, struct arena *arena, struct trust_verdict *verdict)
{
	size_t count = count_groups(&verifier->description->verify, request);
	struct trust_verdict fresh;

	/* A verdict is large, and hardly any provider has groups. */
	if (count == 1)
		return judge(verifier, lane, request, now_ms, arena, 0, verdict);
	fresh = *verdict;
	for (size_t group = 0; group < count; group++) {
		struct trust_verdict one = fresh;
		int fault = judge(verifier, lane, request, now_ms, arena, group, &one);

		if (fault)
			return fault;
		if (group == 0 || one.result == TRUST_ACCEPTED || one.result == TRUST_CHALLENGE)
			*verdict = one;
		if (one.result == TRUST_ACCEPTED || one.result == TRUST_CHALLENGE)
			break;
	}
	return 0;
}

/* What the provider reads a meaning into. */
static void dress_refusal(const struct trust_description *d, struct trust_verdict *verdict)
{
	if (verdict->refusal_status == 0)
		verdict->refusal_status = d->refusals[verdict->result];
	if (verdict->refusal_has_body)
		return;
	verdict->refusal_has_body = d->refusal_has_body;
	verdict->refusal_body = d->refusal_body;
	verdict->refusal_content_type = d->refusal_content_type;
}

/* What the route says goes before. A handshake's own status was found by then. */
static void dress_by_route(const struct config_answer *own, struct trust_verdict *verdict)
{
	if (verdict->result != TRUST_SIGNATURE_MISSING && verdict->result != TRUST_SIGNATURE_MISMATCH &&
	    verdict->result != TRUST_TIMESTAMP_OUT_OF_TOLERANCE)
		return;
	if (own->status != 0 && verdict->refusal_status == 0)
		verdict->refusal_status = own->status;
	if (!own->body_set)
		return;
	verdict->refusal_has_body = true;
	verdict->refusal_body = own->body;
	verdict->refusal_content_type =
		own->content_type.n > 0 || own->body.n == 0 ? own->content_type : SLICE("text/plain");
}

static bool is_bearer(const struct trust_verify *verify)
{
	return verify->signature_count > 0 && verify->signatures[0].kind == TRUST_PLACE_HEADER &&
	       slice_eq_nocase(verify->signatures[0].text, SLICE("Authorization")) &&
	       slice_eq_nocase(verify->signature.prefix, SLICE("Bearer "));
}

/* RFC 9110, 15.5.2: who sends passwords may wait to be asked for one (Amazon SNS does). A bearer token is asked for by
 * RFC 6750, section 3; a signature has no name there. */
static void ask_for_credentials(const struct trust_verifier *verifier, struct trust_verdict *verdict)
{
	const struct trust_verify *verify = &verifier->description->verify;

	if ((verdict->result != TRUST_SIGNATURE_MISSING && verdict->result != TRUST_SIGNATURE_MISMATCH) ||
	    (verdict->refusal_status != 0 && verdict->refusal_status != 401))
		return;
	if (verify->scheme == &trust_scheme_basic)
		verdict->refusal_challenge = SLICE("Basic realm=\"hookgate\"");
	else if (is_bearer(verify))
		verdict->refusal_challenge = SLICE("Bearer realm=\"hookgate\"");
}

static void dress(const struct trust_verifier *verifier, struct trust_verdict *verdict)
{
	bool by_handshake = verdict->refusal_status != 0;

	if (verdict->result == TRUST_ACCEPTED || verdict->result == TRUST_CHALLENGE ||
	    verdict->result > TRUST_MALFORMED_BODY)
		return;
	if (!by_handshake && verifier->route)
		dress_by_route(&verifier->route->refusal, verdict);
	dress_refusal(verifier->description, verdict);
	ask_for_credentials(verifier, verdict);
}

int trust_check(const struct trust_verifier *verifier, struct trust_lane *lane, const struct request *sent,
		int64_t now_ms, struct arena *arena, struct trust_verdict *verdict)
{
	struct request plain;
	const struct request *request = trust_plain(verifier, sent, arena, &plain);
	struct trust_reading reading;
	struct trust_verdict v = { .result = TRUST_ACCEPTED, .secret_index = SIZE_MAX };
	int fault = 0;

	trust_reading_begin(&reading, verifier->description, request, arena, verifier);
	reading.now_ms = now_ms;
	v.reason =
		verifier->description->verify.scheme->keyed ? "the signature is right" : "this route verifies nothing";
	if (!trust_handshake(verifier, &reading, lane, false, &v) &&
	    !trust_plugin_handshake(verifier, request, now_ms, arena, &v, &fault))
		fault = judge_all(trust_pick(verifier, request, arena), lane, request, now_ms, arena, &v);
	if (!fault && arena_failed(arena))
		fault = -ENOMEM;
	if (fault)
		return fault;
	dress(verifier, &v);
	*verdict = v;
	return 0;
}
