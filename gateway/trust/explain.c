/* explain.c - why a request was refused, in detail, for `hookgate verify`.
 *
 * The special difficulty: this is read by who is in trouble and pasted into tickets. So no secret, no part of one and
 * no right signature may stand in it, and what a stranger sent is escaped. Lines have the form "what:  text". */
#include "trust/explain.h"

#include "base/clock.h"
#include "base/encode.h"
#include "trust/digest.h"
#include "trust/plugin.h"
#include "trust/published.h"
#include "trust/tries.h"

#include <errno.h>
#include <inttypes.h>

enum { SHOWN = 60, ARENA_LIMIT = 512 * 1024 * 1024 };

static const char *const outcomes[] = {
	[TRUST_ACCEPTED] = "accepted",
	[TRUST_CHALLENGE] = "challenge",
	[TRUST_SIGNATURE_MISSING] = "signature_missing",
	[TRUST_SIGNATURE_MISMATCH] = "signature_mismatch",
	[TRUST_TIMESTAMP_OUT_OF_TOLERANCE] = "timestamp_out_of_tolerance",
	[TRUST_MALFORMED_REQUEST] = "malformed_request",
	[TRUST_MALFORMED_BODY] = "malformed_body",
	[TRUST_KEY_PENDING] = "overloaded",
	[TRUST_KEY_FAILED] = "overloaded",
};

void trust_explain_escaped(struct buf *out, struct slice s)
{
	for (size_t i = 0; i < s.n && i < SHOWN; i++) {
		unsigned char c = s.p[i];

		if (c == '\n')
			buf_add_str(out, "\\n");
		else if (c == '\r')
			buf_add_str(out, "\\r");
		else if (c == '\\' || c < 0x20 || c >= 0x7f)
			buf_printf(out, "\\x%02x", (unsigned)c);
		else
			buf_add_byte(out, c);
	}
	if (s.n > SHOWN)
		buf_add_str(out, "...");
}

static void tell_request(const struct trust_verify *verify, const struct trust_evidence *evidence, struct buf *out)
{
	if (!verify->scheme->keyed)
		return;
	for (size_t i = 0; i < verify->signature_count; i++) {
		const struct trust_place *place = &verify->signatures[i];
		bool named = place->kind == TRUST_PLACE_HEADER || place->kind == TRUST_PLACE_QUERY;
		struct slice value = SLICE_NONE;
		struct trust_reading reading = evidence->reading;
		enum trust_found found;

		/* Of several headers, how many there are is not a fault: the line below says how many signatures. */
		if (verify->numbered || verify->repeated)
			continue;
		found = trust_place_find(place, &reading, &value);
		buf_printf(out, "signature:    %s%.*s stands there %s%s\n",
			   !named			       ? ""
			   : place->kind == TRUST_PLACE_HEADER ? "header "
							       : "parameter ",
			   SLICE_ARGS(named ? place->names[reading.family] : place->text),
			   found == TRUST_ABSENT     ? "not at all"
			   : found == TRUST_FOUND    ? "once"
			   : found == TRUST_REPEATED ? "more than once"
						     : "and cannot be read",
			   found == TRUST_FOUND && value.n == 0 ? " and is empty" : "");
	}
	buf_printf(out, "signature:    %zu of the kind that this provider makes\n", evidence->candidate_count);
}

static void tell_signed(const struct trust_evidence *evidence, struct arena *arena, struct buf *out)
{
	struct slice joined;
	unsigned char hash[32];
	char hex[64];

	if (!evidence->has_parts) {
		buf_add_str(out, "signed bytes: cannot be told, a part is missing\n");
		return;
	}
	if (evidence->parts.n == 0)
		return;
	joined = trust_parts_join(&evidence->parts, arena);
	trust_sha256(joined, hash);
	encode_hex(slice_of(hash, sizeof(hash)), hex);
	buf_printf(out, "signed bytes: %zu, SHA-256 %.*s\n", joined.n, 64, hex);
	buf_add_str(out, "signed bytes: ");
	trust_explain_escaped(out, joined);
	buf_add_byte(out, '\n');
}

static void add_time(struct buf *out, int64_t ms)
{
	char text[CLOCK_RFC3339_LENGTH];

	clock_format_rfc3339(ms, text);
	buf_add(out, slice_of(text, sizeof(text)));
}

static void tell_secrets(const struct trust_verifier *verifier, const struct trust_verdict *verdict, int64_t now_ms,
			 struct buf *out)
{
	if (trust_uses_published(verifier) && verdict->key_url.n > 0)
		buf_printf(out, "key:          published at %.*s\n", SLICE_ARGS(trust_key_address(verdict->key_url)));
	for (size_t i = 0; i < verifier->secret_count; i++) {
		const struct trust_secret *secret = &verifier->secrets[i];

		buf_printf(out, "secret:       \"%.*s\" ", SLICE_ARGS(secret->name));
		if (now_ms < secret->not_before_ms) {
			buf_add_str(out, "is not valid before ");
			add_time(out, secret->not_before_ms);
		} else if (now_ms > secret->not_after_ms) {
			buf_add_str(out, "was not valid after ");
			add_time(out, secret->not_after_ms);
		} else {
			buf_add_str(out, secret->index == verdict->secret_index ? "is valid now and matches"
										: "is valid now");
		}
		buf_add_byte(out, '\n');
	}
}

/* Seconds that are far off and would be now as milliseconds, or the other way round. */
static void tell_unit(const struct trust_verify *verify, struct slice timestamp, int64_t now_ms, struct buf *out)
{
	const int64_t year = 365LL * 24 * 3600 * 1000;
	bool seconds = verify->unit == TRUST_UNIT_SECONDS;
	int64_t other;

	if (!seconds && verify->unit != TRUST_UNIT_MILLISECONDS)
		return;
	if (!trust_parse_timestamp(seconds ? TRUST_UNIT_MILLISECONDS : TRUST_UNIT_SECONDS, timestamp, &other))
		return;
	if (other > now_ms - year && other < now_ms + year)
		buf_printf(out, "timestamp:    it looks like %s, this provider sends %s\n",
			   seconds ? "milliseconds" : "seconds", seconds ? "seconds" : "milliseconds");
}

static void tell_clock(const struct trust_verifier *verifier, const struct trust_evidence *evidence, int64_t now_ms,
		       struct buf *out)
{
	const struct trust_verify *verify = &verifier->description->verify;
	struct slice timestamp = evidence->timestamp;
	int64_t skew;

	if (verify->plugin && !verify->has_timestamp && evidence->has_timestamp)
		timestamp = SLICE("told by the plugin");
	else if (!verify->has_timestamp)
		return;
	if (timestamp.n == 0) {
		buf_add_str(out, "timestamp:    missing\n");
		return;
	}
	buf_add_str(out, "timestamp:    ");
	trust_explain_escaped(out, timestamp);
	if (!evidence->has_timestamp) {
		buf_add_str(out, " cannot be read\n");
	} else {
		skew = now_ms - evidence->timestamp_ms;
		buf_add_str(out, " is ");
		add_time(out, evidence->timestamp_ms);
		buf_printf(out, ", %" PRId64 " s %s; %" PRId64 " s are allowed\n", (skew < 0 ? -skew : skew) / 1000,
			   skew < 0 ? "in the future" : "old",
			   (skew < 0 ? verifier->future_ms : verifier->tolerance_ms) / 1000);
	}
	tell_unit(verify, timestamp, now_ms, out);
}

static int explain(const struct trust_verifier *route_verifier, struct trust_lane *lane, struct keys *keys,
		   const struct request *sent, int64_t now_ms, struct arena *arena, struct buf *out)
{
	struct request plain;
	const struct request *request = trust_plain(route_verifier, sent, arena, &plain);
	const struct trust_verifier *verifier = trust_pick(route_verifier, request, arena);
	const struct trust_verify *verify = &verifier->description->verify;
	struct trust_evidence evidence;
	struct trust_verdict verdict;
	const char *ignored;
	int fault = trust_check(route_verifier, lane, sent, now_ms, arena, &verdict);

	if (fault)
		return fault;
	buf_printf(out, "outcome:      %s: %s\n", outcomes[verdict.result], verdict.reason);
	if (verify->plugin) {
		buf_printf(out, "provider:     %.*s, plugin %s: %s\n", SLICE_ARGS(verifier->description->name),
			   verify->plugin->name, verify->plugin->scheme);
	} else {
		buf_printf(out, "provider:     %.*s, %.*s%s", SLICE_ARGS(verifier->description->name),
			   SLICE_ARGS(verify->scheme->name), verify->signed_text.count > 0 ? " over " : "");
		trust_explain_escaped(out, verify->signed_text.text);
		buf_add_byte(out, '\n');
	}
	if (verdict.result == TRUST_CHALLENGE)
		return 0;
	(void)trust_gather(verifier, request, now_ms, arena, &evidence, &ignored);
	tell_request(verify, &evidence, out);
	tell_signed(&evidence, arena, out);
	trust_explain_token(verifier, &evidence, now_ms, out);
	tell_clock(verifier, &evidence, now_ms, out);
	tell_secrets(verifier, &verdict, now_ms, out);
	if (verdict.result != TRUST_ACCEPTED && verdict.secret_index == SIZE_MAX && verify->scheme->keyed)
		trust_tries(verifier, keys, &evidence, now_ms, out);
	return 0;
}

int trust_explain(const struct trust_verifier *verifier, struct keys *keys, const struct request *request,
		  int64_t now_ms, struct buf *out)
{
	struct arena *arena = arena_new(65536, ARENA_LIMIT);
	struct trust_lane *lane = NULL;
	int fault = arena ? trust_lane_new(verifier->set, &lane) : -ENOMEM;

	if (!fault) {
		trust_lane_use_keys(lane, keys);
		fault = explain(verifier, lane, keys, request, now_ms, arena, out);
	}
	if (!fault && (arena_failed(arena) || buf_failed(out)))
		fault = -ENOMEM;
	trust_lane_free(lane);
	arena_free(arena);
	return fault;
}
