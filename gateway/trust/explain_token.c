/* explain_token.c - a token in words, for `hookgate verify`: who is in trouble with one cannot read it as it is.
 *
 * The special difficulty: what an option says may be a secret, so a claim that must be one is named and not shown; and of the
 * token its signature is not shown, as with it the rest could be used. */
#include "base/clock.h"
#include "trust/explain.h"
#include "trust/jwt.h"

#include <inttypes.h>

static struct json_value claim_of(const struct trust_token *token, const struct json_pointer *pointer)
{
	struct json_value value = { .type = JSON_NONE };

	if (!pointer || json_find(token->claims, &pointer, 1, &value) != JSON_OK)
		value.type = JSON_NONE;
	return value;
}

static void tell_header(const struct trust_token *token, struct buf *out)
{
	buf_add_str(out, "token:        alg ");
	trust_explain_escaped(out, token->alg);
	if (token->kid.n > 0) {
		buf_add_str(out, ", kid ");
		trust_explain_escaped(out, token->kid);
	}
	buf_add_byte(out, '\n');
}

static void tell_time(const struct trust_token *token, const char *name, int64_t now_ms, struct buf *out)
{
	struct buf text = BUF_EMPTY;
	struct json_pointer *pointer;
	struct json_value value;
	int64_t ms;

	buf_printf(&text, "/%s", name);
	pointer = json_pointer_parse(buf_slice(&text));
	buf_free(&text);
	value = claim_of(token, pointer);
	json_pointer_free(pointer);
	if (value.type == JSON_NONE)
		return;
	buf_printf(out, "claim %s:    ", name);
	trust_explain_escaped(out, value.raw);
	if (value.type == JSON_NUMBER && trust_parse_timestamp(TRUST_UNIT_SECONDS, value.raw, &ms)) {
		char at[CLOCK_RFC3339_LENGTH];
		int64_t ago = (now_ms - ms) / 1000;

		clock_format_rfc3339(ms, at);
		buf_printf(out, " is %.*s, %" PRId64 " s %s", (int)sizeof(at), at, ago < 0 ? -ago : ago,
			   ago < 0 ? "from now" : "ago");
	}
	buf_add_byte(out, '\n');
}

/* An option, or with one in it. */
static bool is_options(const struct trust_template *template)
{
	for (size_t i = 0; i < template->count; i++)
		if (trust_place_is(&template->parts[i].place, TRUST_PLACE_OPTION))
			return true;
	return false;
}

static void tell_wanted(const struct trust_claim *claim, struct trust_reading *reading, struct buf *out)
{
	for (size_t i = 0; i < claim->value_count; i++) {
		const struct trust_template *wanted = &claim->values[i];
		struct slice text = SLICE_NONE;

		buf_add_str(out, i == 0 ? "; must be " : " or ");
		if (is_options(wanted) || trust_template_join(wanted, reading, &text) != TRUST_FOUND)
			trust_explain_escaped(out, wanted->text);
		else
			trust_explain_escaped(out, text);
	}
	if (claim->value_count == 0)
		buf_add_str(out, "; must be there");
}

static void tell_claim(const struct trust_claim *claim, const struct trust_token *token, struct trust_reading *reading,
		       struct buf *out)
{
	struct json_value value = claim_of(token, claim->pointer);

	buf_add_str(out, "claim ");
	trust_explain_escaped(out, claim->name);
	buf_add_str(out, ":    ");
	if (value.type == JSON_NONE)
		buf_add_str(out, "is not there");
	else
		trust_explain_escaped(out, value.raw);
	tell_wanted(claim, reading, out);
	buf_add_byte(out, '\n');
}

static bool is_time(struct slice name)
{
	return slice_eq(name, SLICE("exp")) || slice_eq(name, SLICE("nbf")) || slice_eq(name, SLICE("iat"));
}

void trust_explain_token(const struct trust_verifier *verifier, const struct trust_evidence *evidence, int64_t now_ms,
			 struct buf *out)
{
	const struct trust_jwt *jwt = verifier->description->verify.jwt;
	struct trust_reading reading = evidence->reading;
	struct trust_token token;
	const char *why;

	if (!jwt || evidence->candidate_count == 0)
		return;
	if (!trust_token_read(evidence->candidates[0], jwt->detached, reading.arena, &token, &why)) {
		buf_printf(out, "token:        %s\n", why);
		return;
	}
	tell_header(&token, out);
	if (jwt->detached)
		return;
	tell_time(&token, "iat", now_ms, out);
	tell_time(&token, "nbf", now_ms, out);
	tell_time(&token, "exp", now_ms, out);
	for (size_t i = 0; i < jwt->claim_count; i++)
		if (!is_time(jwt->claims[i].name) || claim_of(&token, jwt->claims[i].pointer).type == JSON_NONE)
			tell_claim(&jwt->claims[i], &token, &reading, out);
}
