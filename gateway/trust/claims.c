/* claims.c - what the claims of a token must say, see claims.h.
 *
 * The special difficulty: an absent claim and a claim of the wrong type must never pass for a right one. So whatever is
 * named must be there as a text, number or boolean (or a list with one among them), a time must be a number, and the
 * one thing that may be left out, a claim whose value would be an option that the route has not got, is left out by the
 * operator and not by the sender. */
#include "trust/claims.h"

#include "base/encode.h"
#include "base/num.h"
#include "trust/digest.h"
#include "trust/trust.h"
#include "trust/verify.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

enum { EXP, NBF, IAT, TIMES, ITEMS = 16, LIFETIME_S = 300 };

static const uint64_t SECONDS_MAX = 253402300799;
static struct json_pointer *times[TIMES], *items[ITEMS];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static struct json_pointer *pointer(const char *text)
{
	struct json_pointer *made = json_pointer_parse(slice_str(text));

	if (!made)
		abort();
	return made;
}

/* They live as long as the program. */
static void compile(void)
{
	static const char *const names[ITEMS] = { "/0", "/1", "/2",  "/3",  "/4",  "/5",  "/6",	 "/7",
						  "/8", "/9", "/10", "/11", "/12", "/13", "/14", "/15" };

	times[EXP] = pointer("/exp");
	times[NBF] = pointer("/nbf");
	times[IAT] = pointer("/iat");
	for (size_t i = 0; i < ITEMS; i++)
		items[i] = pointer(names[i]);
}

/* ---- times ---- */

/* A NumericDate (RFC 7519, 2): seconds, perhaps with a fraction, which is left out. */
static bool read_time(const struct json_value *value, int64_t *seconds)
{
	struct slice whole, fraction;
	uint64_t n, ignored;

	if (value->type != JSON_NUMBER)
		return false;
	if (slice_cut(value->raw, '.', &whole, &fraction) &&
	    !num_parse_u64(slice_head(fraction, 18), UINT64_MAX, &ignored))
		return false;
	if (!num_parse_u64(whole, SECONDS_MAX, &n))
		return false;
	*seconds = (int64_t)n;
	return true;
}

static enum trust_claims_result stale(const char **why, const char *reason)
{
	*why = reason;
	return TRUST_CLAIMS_STALE;
}

static enum trust_claims_result check_times(const struct trust_jwt *jwt, const struct json_value *values,
					    int64_t tolerance_ms, struct trust_reading *reading, const char **why)
{
	static const char *const not_a_time[TIMES] = { [EXP] = "the token's claim exp is no time in seconds",
						       [NBF] = "the token's claim nbf is no time in seconds",
						       [IAT] = "the token's claim iat is no time in seconds" };
	int64_t at[TIMES], now = reading->now_ms / 1000, leeway = jwt->leeway_ms / 1000;

	for (size_t i = 0; i < TIMES; i++)
		if (values[i].type != JSON_NONE && !read_time(&values[i], &at[i])) {
			*why = not_a_time[i];
			return TRUST_CLAIMS_WRONG;
		}
	if (jwt->ages && values[IAT].type == JSON_NONE) {
		*why = "the token does not say when it was made (iat)";
		return TRUST_CLAIMS_WRONG;
	}
	if (values[EXP].type != JSON_NONE && now > at[EXP] + leeway)
		return stale(why,
			     trust_say(reading->arena, "the token expired %" PRId64 " s ago (exp)", now - at[EXP]));
	if (values[NBF].type != JSON_NONE && now < at[NBF] - leeway)
		return stale(why, trust_say(reading->arena, "the token is only valid in %" PRId64 " s (nbf)",
					    at[NBF] - now));
	if (!jwt->ages)
		return TRUST_CLAIMS_RIGHT;
	if (tolerance_ms >= 0 && now - at[IAT] > tolerance_ms / 1000)
		return stale(why, trust_say(reading->arena,
					    "the token is %" PRId64 " s old (iat), %" PRId64 " s are allowed",
					    now - at[IAT], tolerance_ms / 1000));
	if (at[IAT] - now > leeway)
		return stale(why, trust_say(reading->arena, "the token was made %" PRId64 " s in the future (iat)",
					    at[IAT] - now));
	return TRUST_CLAIMS_RIGHT;
}

/* ---- values ---- */

/* What the claim must be; false with *left_out where that is an option that the route has not got. */
static bool expected(const struct trust_template *template, struct trust_reading *reading, struct slice *out,
		     bool *left_out)
{
	*left_out = false;
	if (template->pointers && trust_reading_look_up(reading, template->pointers) != JSON_OK)
		return false;
	if (trust_template_join(template, reading, out) == TRUST_FOUND)
		return true;
	*left_out = template->count == 1 && template->parts[0].place.kind == TRUST_PLACE_OPTION;
	return false;
}

static bool is_value(const struct json_value *value, struct slice wanted, struct arena *arena)
{
	struct slice text;

	return json_text(value, arena, &text) && trust_equal(text, wanted);
}

/* The value itself, or one in a list of up to 16. */
static bool has_value(const struct json_value *value, struct slice wanted, struct arena *arena)
{
	struct json_value in[ITEMS];
	bool found = false;

	if (value->type != JSON_ARRAY)
		return is_value(value, wanted, arena);
	if (json_find(value->raw, (const struct json_pointer *const *)items, ITEMS, in) != JSON_OK)
		return false;
	for (size_t i = 0; i < ITEMS; i++)
		found |= in[i].type != JSON_NONE && is_value(&in[i], wanted, arena);
	return found;
}

static bool check_claim(const struct trust_claim *claim, const struct json_value *value, struct trust_reading *reading)
{
	bool match = claim->value_count == 0 && value->type != JSON_NONE && value->type != JSON_NULL;
	size_t left_out = 0;

	for (size_t i = 0; i < claim->value_count; i++) {
		struct slice wanted;
		bool absent;

		if (expected(&claim->values[i], reading, &wanted, &absent))
			match |= has_value(value, wanted, reading->arena);
		else
			left_out += absent;
	}
	return match || (claim->value_count > 0 && left_out == claim->value_count);
}

/* Without the claim, there may be no body either. */
static bool check_hash(const struct trust_jwt *jwt, const struct json_value *value, struct trust_reading *reading)
{
	struct slice body = reading->request->body, text, bytes;
	unsigned char hash[32];

	if (value->type == JSON_NONE)
		return body.n == 0;
	if (value->type != JSON_STRING || !json_text(value, reading->arena, &text) || text.n > 128)
		return false;
	/* Padding stands there or not, whoever made it. */
	if (jwt->hash_encoding != TRUST_ENCODING_HEX)
		while (text.n > 0 && text.p[text.n - 1] == '=')
			text.n--;
	if (jwt->hash_encoding == TRUST_ENCODING_BASE64) {
		unsigned char decoded[128];
		size_t n;

		if (!encode_base64_decode(ENCODE_BASE64_ANY, text, decoded, &n))
			return false;
		bytes = arena_copy(reading->arena, slice_of(decoded, n));
	} else if (!trust_decode(jwt->hash_encoding, text, reading->arena, &bytes)) {
		return false;
	}
	trust_sha256(body, hash);
	return trust_equal(bytes, slice_of(hash, 32));
}

/* ---- all of them ---- */

enum trust_claims_result trust_claims_check(const struct trust_jwt *jwt, struct slice claims, int64_t tolerance_ms,
					    struct trust_reading *reading, const char **why)
{
	const struct json_pointer *pointers[TIMES + TRUST_CLAIMS_MAX + 1];
	struct json_value values[TIMES + TRUST_CLAIMS_MAX + 1];
	size_t count = TIMES;

	(void)pthread_once(&once, compile);
	for (size_t i = 0; i < TIMES; i++)
		pointers[i] = times[i];
	for (size_t i = 0; i < jwt->claim_count; i++)
		pointers[count++] = jwt->claims[i].pointer;
	if (jwt->hash_pointer)
		pointers[count++] = jwt->hash_pointer;
	if (claims.n == 0 || claims.p[0] != '{' || json_find(claims, pointers, count, values) != JSON_OK) {
		*why = "the token's claims are no JSON object";
		return TRUST_CLAIMS_WRONG;
	}
	for (size_t i = 0; i < jwt->claim_count; i++)
		if (!check_claim(&jwt->claims[i], &values[TIMES + i], reading)) {
			*why = trust_say(reading->arena, "the token's claim %.*s is %s",
					 SLICE_ARGS(jwt->claims[i].name),
					 values[TIMES + i].type == JSON_NONE ? "missing" : "another than it must be");
			return TRUST_CLAIMS_WRONG;
		}
	if (jwt->hash_pointer && !check_hash(jwt, &values[count - 1], reading)) {
		*why = "the token was made for another body";
		return TRUST_CLAIMS_WRONG;
	}
	return check_times(jwt, values, tolerance_ms, reading, why);
}

/* ---- making ---- */

/* Is it there in any case? */
static bool is_made(struct slice name)
{
	return slice_eq(name, SLICE("iat")) || slice_eq(name, SLICE("exp")) || slice_eq(name, SLICE("nbf")) ||
	       slice_eq(name, SLICE("jti"));
}

/* Of one that must only be there it is the event's id: where there is one, that is what it mostly is. */
static bool add_claim(const struct trust_claim *claim, struct trust_reading *reading, struct buf *out)
{
	struct slice value = SLICE_NONE;
	bool left_out = false;

	if (claim->value_count == 0) {
		if (!is_made(claim->name) && reading->id.n > 0) {
			buf_add_str(out, ",");
			json_write_string(out, claim->name);
			buf_add_str(out, ":");
			json_write_string(out, reading->id);
		}
		return true;
	}
	if (!expected(&claim->values[0], reading, &value, &left_out))
		return left_out;
	buf_add_str(out, ",");
	json_write_string(out, claim->name);
	buf_add_str(out, ":");
	/* What other programs look for as a boolean. */
	if (slice_eq(value, SLICE("true")) || slice_eq(value, SLICE("false")))
		buf_add(out, value);
	else
		json_write_string(out, value);
	return true;
}

static void add_hash(const struct trust_jwt *jwt, struct slice body, struct buf *out)
{
	unsigned char hash[32];
	char hex[64];

	trust_sha256(body, hash);
	buf_add_str(out, ",");
	json_write_string(out, jwt->hash_name);
	buf_add_str(out, ":\"");
	encode_hex(slice_of(hash, 32), hex);
	if (jwt->hash_encoding == TRUST_ENCODING_HEX)
		buf_add(out, slice_of(hex, 64));
	else
		encode_base64(jwt->hash_encoding == TRUST_ENCODING_BASE64 ? ENCODE_BASE64 : ENCODE_BASE64URL,
			      slice_of(hash, 32), out);
	buf_add_str(out, "\"");
}

static bool add_jti(struct buf *out)
{
	unsigned char random[16];
	char hex[32];

	if (trust_random(random, sizeof(random)) != 0)
		return false;
	encode_hex(slice_of(random, sizeof(random)), hex);
	buf_printf(out, ",\"jti\":\"%.*s\"", 32, hex);
	return true;
}

struct slice trust_claims_make(const struct trust_jwt *jwt, struct trust_reading *reading, const char **why)
{
	int64_t now = reading->now_ms / 1000;
	struct buf text = BUF_EMPTY;
	struct slice made = SLICE_NONE;
	bool ok = true;

	*why = "a claim of the token is not known";
	buf_printf(&text, "{\"iat\":%" PRId64 ",\"exp\":%" PRId64, now, now + LIFETIME_S);
	for (size_t i = 0; i < jwt->claim_count; i++)
		ok = ok && add_claim(&jwt->claims[i], reading, &text);
	if (jwt->hash_pointer && reading->request->body.n > 0)
		add_hash(jwt, reading->request->body, &text);
	ok = ok && add_jti(&text);
	buf_add_str(&text, "}");
	if (ok && !buf_failed(&text))
		made = arena_copy(reading->arena, buf_slice(&text));
	buf_free(&text);
	return made;
}
