/* verify.c - steps 3 and 4 of a delivery: is it a handshake, is it from whom it says, is it fresh? The heart of this
 * room.
 *
 * The special difficulty: nothing that a stranger can measure may depend on how nearly right a signature is. So every
 * candidate is compared with every secret valid now, without early exit, and the clock is looked at only after that: a
 * stale delivery with a wrong signature is a wrong signature.
 *
 * Follows plugins/README.md for what a description can say. Threads: a lane belongs to one, all else is read only. */
#include "trust/verify.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/num.h"
#include "trust/digest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* Timestamps up to the year 9999: their milliseconds fit, whatever is added or taken off. */
static const uint64_t SECONDS_MAX = 253402300799;

/* A sentence of ours in the arena, cut to fit. */
__attribute__((format(printf, 2, 3))) static const char *say(struct arena *arena, const char *format, ...)
{
	enum { ROOM = 192 };
	char *text = arena_alloc(arena, ROOM);
	va_list args;

	if (!text)
		return "memory is short";
	va_start(args, format);
	(void)vsnprintf(text, ROOM, format, args);
	va_end(args);
	return text;
}

bool trust_parse_timestamp(enum trust_unit unit, struct slice text, int64_t *wall_ms)
{
	uint64_t n;

	switch (unit) {
	case TRUST_UNIT_SECONDS:
		if (!num_parse_u64(text, SECONDS_MAX, &n))
			return false;
		*wall_ms = (int64_t)n * 1000;
		return true;
	case TRUST_UNIT_MILLISECONDS:
		if (!num_parse_u64(text, SECONDS_MAX * 1000, &n))
			return false;
		*wall_ms = (int64_t)n;
		return true;
	case TRUST_UNIT_RFC3339:
		return clock_parse_rfc3339(text, true, wall_ms);
	case TRUST_UNIT_HTTP_DATE:
		return clock_parse_http_date(text, wall_ms);
	}
	return false;
}

bool trust_decode(enum trust_encoding encoding, struct slice text, struct arena *arena, struct slice *out)
{
	size_t room = encoding == TRUST_ENCODING_HEX ? encode_hex_room(text.n) : encode_base64_room(text.n);
	unsigned char *bytes;
	size_t n = 0;
	bool ok = false;

	if (encoding == TRUST_ENCODING_TEXT) {
		*out = text;
		return true;
	}
	bytes = arena_alloc(arena, room);
	if (!bytes)
		return false;
	if (encoding == TRUST_ENCODING_HEX)
		ok = encode_hex_decode(text, bytes, &n);
	else if (encoding == TRUST_ENCODING_BASE64)
		ok = encode_base64_decode(ENCODE_BASE64, text, bytes, &n);
	else if (encoding == TRUST_ENCODING_BASE64URL)
		ok = encode_base64_decode(ENCODE_BASE64URL_ANY, text, bytes, &n);
	if (ok)
		*out = slice_of(bytes, n);
	return ok;
}

/* ---- gathering ---- */

size_t trust_family(const struct trust_verify *verify, const struct request *request)
{
	struct slice ignored;

	for (size_t f = 0; f < verify->family_count; f++)
		for (size_t i = 0; i < verify->signature_count; i++)
			if (verify->signatures[i].kind == TRUST_PLACE_HEADER &&
			    message_header(request, verify->signatures[i].names[f], &ignored) > 0)
				return f;
	return 0;
}

static enum trust_result split_signature(const struct trust_verify *verify, struct slice value,
					 struct trust_evidence *evidence, const char **reason)
{
	struct slice candidate;

	while (trust_grammar_next(&verify->signature, &value, &candidate)) {
		if (candidate.n == 0)
			continue;
		if (evidence->candidate_count == TRUST_CANDIDATES_MAX) {
			*reason = "there are more than 16 signatures";
			return TRUST_MALFORMED_REQUEST;
		}
		evidence->candidates[evidence->candidate_count++] = candidate;
	}
	return TRUST_ACCEPTED;
}

static enum trust_result gather_signatures(const struct trust_verify *verify, struct trust_evidence *evidence,
					   const char **reason)
{
	struct arena *arena = evidence->reading.arena;
	bool there = false;

	for (size_t i = 0; i < verify->signature_count; i++) {
		const struct trust_place *place = &verify->signatures[i];
		struct slice value = SLICE_NONE;
		enum trust_found found = trust_place_find(place, &evidence->reading, &value);
		enum trust_result result;

		if (found == TRUST_REPEATED || found == TRUST_UNREADABLE) {
			*reason = found == TRUST_REPEATED ? "the signature stands there more than once"
							  : "the signature is not percent-encoded as it must be";
			return TRUST_MALFORMED_REQUEST;
		}
		there |= found == TRUST_FOUND && value.n > 0;
		result = split_signature(verify, value, evidence, reason);
		if (result != TRUST_ACCEPTED)
			return result;
	}
	if (verify->signature_count == 0 || evidence->candidate_count > 0)
		return TRUST_ACCEPTED;
	*reason = there ? "the signature header has no signature of the kind that this provider makes"
			: say(arena, "there is no signature: %.*s is missing or empty",
			      SLICE_ARGS(verify->signatures[0].names[0]));
	return TRUST_SIGNATURE_MISSING;
}

/* The timestamp's text; *result says why there is none. */
static bool find_timestamp(const struct trust_verify *verify, struct trust_evidence *evidence, struct slice *text,
			   enum trust_result *result, const char **reason)
{
	struct slice value = SLICE_NONE, another;
	enum trust_found found;

	if (verify->timestamp.kind == TRUST_PLACE_POINTER &&
	    trust_reading_look_up(&evidence->reading, 1U << verify->timestamp.pointer) != JSON_OK)
		found = TRUST_UNREADABLE;
	else
		found = trust_place_find(&verify->timestamp, &evidence->reading, &value);
	if (found == TRUST_FOUND && trust_grammar_next(&verify->timestamp_grammar, &value, text)) {
		if (!trust_grammar_next(&verify->timestamp_grammar, &value, &another))
			return true;
		found = TRUST_REPEATED;
	}
	*result = found == TRUST_FOUND || found == TRUST_ABSENT ? TRUST_SIGNATURE_MISSING : TRUST_MALFORMED_REQUEST;
	*reason = found == TRUST_REPEATED     ? "the timestamp stands there more than once"
		  : found == TRUST_UNREADABLE ? "the timestamp cannot be read"
					      : "the signed timestamp is missing";
	return false;
}

static enum trust_result gather_timestamp(const struct trust_verify *verify, struct trust_evidence *evidence,
					  const char **reason)
{
	enum trust_result result;
	struct slice text;

	if (!verify->has_timestamp)
		return TRUST_ACCEPTED;
	if (!find_timestamp(verify, evidence, &text, &result, reason))
		return result;
	evidence->timestamp = text;
	if (!trust_parse_timestamp(verify->unit, text, &evidence->timestamp_ms)) {
		*reason = "the signed timestamp is not a time as this provider writes it";
		return TRUST_MALFORMED_REQUEST;
	}
	evidence->reading.timestamp = text;
	evidence->has_timestamp = true;
	return TRUST_ACCEPTED;
}

static enum trust_result gather_parts(const struct trust_verify *verify, struct trust_evidence *evidence,
				      const char **reason)
{
	const struct trust_place *culprit = NULL;
	enum trust_found found;

	if (verify->signed_text.pointers &&
	    trust_reading_look_up(&evidence->reading, verify->signed_text.pointers) != JSON_OK) {
		*reason = "the body, of which a part is signed, is broken JSON";
		return TRUST_MALFORMED_BODY;
	}
	found = trust_template_resolve(&verify->signed_text, &evidence->reading, &evidence->parts, &culprit);
	if (found == TRUST_FOUND)
		return TRUST_ACCEPTED;
	*reason = say(evidence->reading.arena, "%.*s, which is signed, %s", SLICE_ARGS(culprit->text),
		      found == TRUST_ABSENT	? "is missing"
		      : found == TRUST_REPEATED ? "stands there more than once"
						: "cannot be read");
	return found == TRUST_ABSENT ? TRUST_SIGNATURE_MISSING : TRUST_MALFORMED_REQUEST;
}

enum trust_result trust_gather(const struct trust_verifier *verifier, const struct request *request, int64_t now_ms,
			       struct arena *arena, struct trust_evidence *evidence, const char **reason)
{
	const struct trust_verify *verify = &verifier->description->verify;
	const char *reasons[3] = { "", "", "" };
	enum trust_result results[3];

	evidence->reading = (struct trust_reading){ .description = verifier->description,
						    .request = request,
						    .arena = arena,
						    .family = trust_family(verify, request),
						    .now_ms = now_ms };
	evidence->candidate_count = 0;
	evidence->timestamp = SLICE_NONE;
	evidence->has_timestamp = evidence->has_parts = false;
	results[0] = gather_signatures(verify, evidence, &reasons[0]);
	results[1] = gather_timestamp(verify, evidence, &reasons[1]);
	results[2] = gather_parts(verify, evidence, &reasons[2]);
	evidence->has_parts = results[2] == TRUST_ACCEPTED;
	for (size_t i = 0; i < 3; i++)
		if (results[i] != TRUST_ACCEPTED) {
			*reason = reasons[i];
			return results[i];
		}
	return TRUST_ACCEPTED;
}

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
			verdict->secret_index = i;
			verdict->secret = verifier->secrets[i].name;
			verdict->guard = guard;
		}
	}
	return 0;
}

static int prove(const struct trust_verifier *verifier, struct trust_lane *lane, const struct trust_evidence *evidence,
		 int64_t now_ms, struct trust_verdict *verdict)
{
	const struct trust_verify *verify = &verifier->description->verify;
	struct arena *arena = evidence->reading.arena;
	struct slice decoded[TRUST_CANDIDATES_MAX];
	struct trust_attempt attempt = {
		.verifier = verifier, .lane = lane, .parts = &evidence->parts, .candidates = decoded, .arena = arena
	};
	size_t tried;
	int fault;

	if (!verify->scheme->keyed)
		return 0;
	for (size_t i = 0; i < evidence->candidate_count; i++)
		if (trust_decode(verify->encoding, evidence->candidates[i], arena, &decoded[attempt.candidate_count]))
			attempt.candidate_count++;
	fault = try_secrets(&attempt, now_ms, verdict, &tried);
	if (fault || verdict->secret_index != SIZE_MAX)
		return fault;
	if (tried == 0)
		refuse(verdict, TRUST_SIGNATURE_MISMATCH, "no secret is valid at this time");
	else if (attempt.candidate_count == 0)
		refuse(verdict, TRUST_SIGNATURE_MISMATCH, "the signature is not encoded as this provider does it");
	else
		refuse(verdict, TRUST_SIGNATURE_MISMATCH,
		       say(arena, "no secret matches the signature (%zu tried)", tried));
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
	trust_sha256_pieces(evidence->parts.p, evidence->parts.n, hash);
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
		       say(arena, "the signed timestamp is %" PRId64 " s old, %" PRId64 " s are allowed", skew / 1000,
			   verifier->tolerance_ms / 1000));
	else if (verifier->future_ms >= 0 && -skew > verifier->future_ms)
		refuse(verdict, TRUST_TIMESTAMP_OUT_OF_TOLERANCE,
		       say(arena, "the signed timestamp is %" PRId64 " s in the future, %" PRId64 " s are allowed",
			   -skew / 1000, verifier->future_ms / 1000));
}

static int judge(const struct trust_verifier *verifier, struct trust_lane *lane, const struct request *request,
		 int64_t now_ms, struct arena *arena, struct trust_verdict *verdict)
{
	struct trust_evidence evidence;
	const char *reason = "";
	enum trust_result result = trust_gather(verifier, request, now_ms, arena, &evidence, &reason);
	int fault;

	if (result != TRUST_ACCEPTED) {
		refuse(verdict, result, reason);
		return 0;
	}
	verdict->covered = verifier->description->verify.covered;
	fault = prove(verifier, lane, &evidence, now_ms, verdict);
	if (fault || verdict->result != TRUST_ACCEPTED)
		return fault;
	check_freshness(verifier, &evidence, now_ms, verdict);
	if (verdict->result != TRUST_ACCEPTED)
		return 0;
	evidence.reading.verifier = verifier;
	evidence.reading.lane = lane;
	evidence.reading.secret = verdict->secret_index;
	if (trust_handshake(verifier, &evidence.reading, true, verdict))
		return 0;
	if (!slice_eq(request->method, SLICE("POST"))) {
		refuse(verdict, TRUST_MALFORMED_REQUEST,
		       "the request is neither a delivery nor a handshake of this provider");
		return 0;
	}
	return fill_guard(&evidence, verdict);
}

int trust_check(const struct trust_verifier *verifier, struct trust_lane *lane, const struct request *request,
		int64_t now_ms, struct arena *arena, struct trust_verdict *verdict)
{
	struct trust_reading reading = {
		.description = verifier->description, .request = request, .arena = arena, .now_ms = now_ms
	};
	struct trust_verdict v = { .result = TRUST_ACCEPTED, .secret_index = SIZE_MAX };
	int fault = 0;

	v.reason =
		verifier->description->verify.scheme->keyed ? "the signature is right" : "this route verifies nothing";
	if (!trust_handshake(verifier, &reading, false, &v))
		fault = judge(trust_pick(verifier, request, arena), lane, request, now_ms, arena, &v);
	if (!fault && arena_failed(arena))
		fault = -ENOMEM;
	if (fault)
		return fault;
	if (v.result != TRUST_ACCEPTED && v.result != TRUST_CHALLENGE)
		v.refusal_status = verifier->description->refusals[v.result];
	*verdict = v;
	return 0;
}
