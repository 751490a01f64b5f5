/* age.c - see age.h. The one thing to mind: the headers are strangers', and whatever they say is held within bounds. */
#include "keys/age.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/num.h"

enum { SECONDS_MAX = 366 * 24 * 3600 };

static int64_t bounded(int64_t ms)
{
	return ms < KEYS_KEPT_LEAST_MS ? KEYS_KEPT_LEAST_MS : ms > KEYS_KEPT_MOST_MS ? KEYS_KEPT_MOST_MS : ms;
}

/* A number of seconds; what is larger than a year is a year. */
static bool seconds(struct slice text, int64_t *out)
{
	uint64_t value;

	if (!num_parse_u64(text, UINT64_MAX, &value))
		return false;
	*out = value > SECONDS_MAX ? SECONDS_MAX : (int64_t)value;
	return true;
}

/* *max_age is -1 where none is said, 0 where it may not be kept. */
static void read_cache_control(struct slice header, int64_t *max_age)
{
	struct slice directive, name, value;

	*max_age = -1;
	while (header.n > 0) {
		slice_cut(header, ',', &directive, &header);
		slice_cut(slice_trim(directive), '=', &name, &value);
		if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
			value = slice_of(value.p + 1, value.n - 2);
		if (slice_eq_nocase(name, SLICE("no-store")) || slice_eq_nocase(name, SLICE("no-cache"))) {
			*max_age = 0;
			return;
		}
		if (slice_eq_nocase(name, SLICE("max-age")) && !seconds(value, max_age))
			*max_age = 0;
	}
}

int64_t keys_age_kept_ms(struct slice cache_control, struct slice age, struct slice expires, struct slice date,
			 int64_t now_ms)
{
	int64_t max_age, old, expires_ms, from_ms;

	read_cache_control(cache_control, &max_age);
	if (max_age >= 0) {
		if (!seconds(slice_trim(age), &old))
			old = 0;
		return bounded((max_age - old) * 1000);
	}
	if (expires.n == 0)
		return KEYS_KEPT_DEFAULT_MS;
	/* RFC 9111, 5.3: a date that is none ("0") lies in the past. */
	if (!clock_parse_http_date(slice_trim(expires), &expires_ms))
		return KEYS_KEPT_LEAST_MS;
	if (!clock_parse_http_date(slice_trim(date), &from_ms))
		from_ms = now_ms;
	return bounded(expires_ms - from_ms);
}

bool keys_age_of_token(struct slice answer, int64_t *kept_ms)
{
	enum { TOKEN_DEFAULT_S = 300, TOKEN_MARGIN_S = 60, TOKEN_LEAST_MS = 5000 };
	struct json_pointer *pointers[2] = { json_pointer_parse(SLICE("/access_token")),
					     json_pointer_parse(SLICE("/expires_in")) };
	struct json_value values[2];
	int64_t s = TOKEN_DEFAULT_S;
	bool is_token = pointers[0] && pointers[1] &&
			json_find(answer, (const struct json_pointer *const *)pointers, 2, values) == JSON_OK &&
			values[0].type == JSON_STRING;

	if (is_token && values[1].type == JSON_NUMBER && !seconds(values[1].raw, &s))
		s = TOKEN_DEFAULT_S;
	json_pointer_free(pointers[0]);
	json_pointer_free(pointers[1]);
	if (!is_token)
		return false;
	s -= s / 10 < TOKEN_MARGIN_S ? s / 10 : TOKEN_MARGIN_S;
	*kept_ms = s * 1000 > KEYS_KEPT_MOST_MS ? KEYS_KEPT_MOST_MS
		   : s * 1000 < TOKEN_LEAST_MS	? TOKEN_LEAST_MS
						: s * 1000;
	return true;
}
