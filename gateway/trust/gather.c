/* gather.c - what a request brings along: signatures, timestamp, and the text that is said to be signed.
 *
 * The special difficulty: each of the three may be missing, doubled or broken, and a person wants to hear of the first,
 * while `hookgate verify` looks at the rest. So all three are gathered, whatever became of the others. */
#include "base/clock.h"
#include "base/encode.h"
#include "base/num.h"
#include "trust/plugin_call.h"

#include <stdarg.h>
#include <stdio.h>

/* Timestamps up to the year 9999: their milliseconds fit, whatever is added or taken off. */
static const uint64_t SECONDS_MAX = 253402300799;

const char *trust_say(struct arena *arena, const char *format, ...)
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

	value = trust_grammar_begin(&verify->signature, value);
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

/* "1" to the description's highest, as it is written behind a header's name. */
static bool is_number(struct slice text, unsigned highest)
{
	uint64_t number;

	return text.n > 0 && text.p[0] != '0' && num_parse_u64(text, highest, &number);
}

/* Headers that are sent several times, or have a number behind their name. */
static enum trust_result split_headers(const struct trust_verify *verify, struct trust_evidence *evidence, bool *there,
				       const char **reason)
{
	const struct request *request = evidence->reading.request;
	struct slice name = verify->signatures[0].names[evidence->reading.family];

	for (size_t i = 0; i < request->header_count; i++) {
		const struct header *header = &request->headers[i];
		enum trust_result result;
		struct slice ignored;

		if (!slice_eq_nocase(slice_head(header->name, name.n), name) ||
		    (verify->repeated ? header->name.n != name.n
				      : !is_number(slice_from(header->name, name.n), verify->numbered)))
			continue;
		if (!verify->repeated && message_header(request, header->name, &ignored) > 1) {
			*reason = "a signature stands there more than once";
			return TRUST_MALFORMED_REQUEST;
		}
		*there |= header->value.n > 0;
		result = split_signature(verify, header->value, evidence, reason);
		if (result != TRUST_ACCEPTED)
			return result;
	}
	return TRUST_ACCEPTED;
}

/* Candidates from one place. */
static enum trust_result split_place(const struct trust_verify *verify, const struct trust_place *place,
				     struct trust_evidence *evidence, bool *there, const char **reason)
{
	struct trust_reading *reading = &evidence->reading;
	struct slice value = SLICE_NONE;
	uint32_t pointers = trust_place_pointers(place);
	enum trust_found found;

	if (pointers && trust_reading_look_up(reading, pointers) != JSON_OK) {
		*reason = "the body, in which the signature stands, is broken JSON";
		return TRUST_MALFORMED_BODY;
	}
	found = trust_place_find(place, reading, &value);
	if (found == TRUST_REPEATED || found == TRUST_UNREADABLE) {
		*reason = found == TRUST_REPEATED ? "the signature stands there more than once"
						  : "the signature cannot be read where it stands";
		return TRUST_MALFORMED_REQUEST;
	}
	*there |= found == TRUST_FOUND && value.n > 0;
	return split_signature(verify, trust_group(verify->groups, value, evidence->group), evidence, reason);
}

/* As a person knows it: with the beginning of the family, not with the "*" that stands for it. */
static struct slice name_of(const struct trust_place *place, const struct trust_evidence *evidence)
{
	return slice_starts(place->text, SLICE("*")) ? place->names[evidence->reading.family] : place->text;
}

static enum trust_result gather_signatures(const struct trust_verify *verify, struct trust_evidence *evidence,
					   const char **reason)
{
	struct arena *arena = evidence->reading.arena;
	enum trust_result result = TRUST_ACCEPTED;
	bool there = false;

	if (verify->numbered || verify->repeated)
		result = split_headers(verify, evidence, &there, reason);
	else
		for (size_t i = 0; result == TRUST_ACCEPTED && i < verify->signature_count; i++)
			result = split_place(verify, &verify->signatures[i], evidence, &there, reason);
	if (result != TRUST_ACCEPTED || verify->signature_count == 0 || evidence->candidate_count > 0)
		return result;
	*reason = there ? "what stands there is no signature of the kind that this provider makes"
			: trust_say(arena, "there is no signature: %.*s is missing or empty",
				    SLICE_ARGS(name_of(&verify->signatures[0], evidence)));
	return TRUST_SIGNATURE_MISSING;
}

/* The timestamp's text; *result says why there is none. */
static bool find_timestamp(const struct trust_verify *verify, struct trust_evidence *evidence, struct slice *text,
			   enum trust_result *result, const char **reason)
{
	struct slice value = SLICE_NONE, another;
	uint32_t pointers = trust_place_pointers(&verify->timestamp);
	enum trust_found found;

	if (pointers && trust_reading_look_up(&evidence->reading, pointers) != JSON_OK)
		found = TRUST_UNREADABLE;
	else
		found = trust_place_find(&verify->timestamp, &evidence->reading, &value);
	if (verify->groups && slice_eq(verify->timestamp.text, verify->signatures[0].text))
		value = trust_group(verify->groups, value, evidence->group);
	value = trust_grammar_begin(&verify->timestamp_grammar, value);
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

bool trust_is_signed(const struct trust_verifier *verifier, const struct request *request, struct arena *arena)
{
	const struct trust_verify *verify = &verifier->description->verify;
	struct trust_evidence evidence;
	const char *ignored;

	evidence.reading = (struct trust_reading){ .description = verifier->description,
						   .request = request,
						   .arena = arena,
						   .family = trust_family(verify, request),
						   .verifier = verifier };
	evidence.group = 0;
	evidence.candidate_count = 0;
	return gather_signatures(verify, &evidence, &ignored) == TRUST_MALFORMED_REQUEST ||
	       evidence.candidate_count > 0;
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
	*reason = trust_say(evidence->reading.arena, "%.*s, which is signed, %s", SLICE_ARGS(culprit->text),
			    found == TRUST_ABSENT     ? "is missing"
			    : found == TRUST_REPEATED ? "stands there more than once"
						      : "cannot be read");
	return found == TRUST_ABSENT ? TRUST_SIGNATURE_MISSING : TRUST_MALFORMED_REQUEST;
}

enum trust_result trust_gather_group(const struct trust_verifier *verifier, const struct request *request,
				     int64_t now_ms, struct arena *arena, size_t group, struct trust_evidence *evidence,
				     const char **reason)
{
	const struct trust_verify *verify = &verifier->description->verify;
	const char *reasons[3] = { "", "", "" };
	enum trust_result results[3];

	trust_reading_begin(&evidence->reading, verifier->description, request, arena, verifier);
	evidence->reading.family = trust_family(verify, request);
	evidence->reading.now_ms = now_ms;
	evidence->group = group;
	evidence->candidate_count = 0;
	evidence->timestamp = SLICE_NONE;
	evidence->has_timestamp = evidence->has_parts = false;
	evidence->call = NULL;
	evidence->plugin_failed = false;
	results[0] = gather_signatures(verify, evidence, &reasons[0]);
	results[1] = gather_timestamp(verify, evidence, &reasons[1]);
	if (verify->plugin) {
		evidence->parts.n = 0;
		results[2] = trust_plugin_read(verifier, evidence, &reasons[2]);
	} else {
		results[2] = gather_parts(verify, evidence, &reasons[2]);
		evidence->has_parts = results[2] == TRUST_ACCEPTED;
	}
	for (size_t i = 0; i < 3; i++)
		if (results[i] != TRUST_ACCEPTED) {
			*reason = reasons[i];
			return results[i];
		}
	return TRUST_ACCEPTED;
}

enum trust_result trust_gather(const struct trust_verifier *verifier, const struct request *request, int64_t now_ms,
			       struct arena *arena, struct trust_evidence *evidence, const char **reason)
{
	return trust_gather_group(verifier, request, now_ms, arena, 0, evidence, reason);
}
