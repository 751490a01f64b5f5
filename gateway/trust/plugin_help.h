/* plugin_help.h - small things that most plugins need, on top of plugin.h; installed with it. All of it is inline, so that it
 * is no part of the ABI. */
#ifndef HOOKGATE_TRUST_PLUGIN_HELP_H
#define HOOKGATE_TRUST_PLUGIN_HELP_H

#include "trust/plugin.h"

static inline enum plugin_result plugin_refuse(const struct plugin_host *host, struct plugin_call *call,
					       enum plugin_result result, const char *why)
{
	host->reason(call, why);
	return result;
}

/* The header that must be there once and not be empty. */
static inline enum plugin_result plugin_one_header(const struct plugin_host *host, struct plugin_call *call,
						   const char *name, struct plugin_bytes *value)
{
	size_t count;

	*value = (struct plugin_bytes){ NULL, 0 };
	count = host->header(call, name, 0, value);
	if (count == 0 || (count == 1 && value->n == 0))
		return plugin_refuse(host, call, PLUGIN_MISSING, "a header of the signature is missing or empty");
	if (count > 1)
		return plugin_refuse(host, call, PLUGIN_MALFORMED_REQUEST,
				     "a header of the signature stands there more than once");
	return PLUGIN_OK;
}

/* The field that may be there once. PLUGIN_MISSING without a reason. */
static inline enum plugin_result plugin_one_field(const struct plugin_field *fields, size_t count,
						  struct plugin_bytes name, struct plugin_bytes *value)
{
	size_t found = 0;

	*value = (struct plugin_bytes){ NULL, 0 };
	for (size_t i = 0; i < count; i++) {
		bool same = fields[i].name.n == name.n;

		for (size_t k = 0; same && k < name.n; k++)
			same = fields[i].name.p[k] == name.p[k];
		if (same && found++ == 0)
			*value = fields[i].value;
	}
	return found == 0 ? PLUGIN_MISSING : found == 1 ? PLUGIN_OK : PLUGIN_MALFORMED_REQUEST;
}

/* A header's name that a stranger says, for header(): of letters, digits and what else RFC 9110 (5.6.2) allows. */
enum { PLUGIN_NAME_ROOM = 128 };

static inline bool plugin_name(struct plugin_bytes name, char out[PLUGIN_NAME_ROOM])
{
	static const char others[] = "!#$%&'*+-.^_`|~";

	for (size_t i = 0; i < name.n && i < PLUGIN_NAME_ROOM - 1; i++) {
		unsigned char c = name.p[i];
		bool fine = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');

		for (size_t k = 0; k < sizeof(others) - 1; k++)
			fine |= c == (unsigned char)others[k];
		if (!fine)
			return false;
		out[i] = (char)c;
	}
	out[name.n < PLUGIN_NAME_ROOM ? name.n : 0] = '\0';
	return name.n > 0 && name.n < PLUGIN_NAME_ROOM;
}

/* The header of such a name, which may be there once; empty where it is not. */
static inline enum plugin_result plugin_signed_header(const struct plugin_host *host, struct plugin_call *call,
						      struct plugin_bytes name, struct plugin_bytes *value)
{
	char text[PLUGIN_NAME_ROOM];

	*value = (struct plugin_bytes){ NULL, 0 };
	if (!plugin_name(name, text))
		return plugin_refuse(host, call, PLUGIN_MALFORMED_REQUEST, "a signed header's name is none");
	return host->header(call, text, 0, value) <= 1 ? PLUGIN_OK
						       : plugin_refuse(host, call, PLUGIN_MALFORMED_REQUEST,
								       "a signed header stands there more than once");
}

/* The public URL, where it is signed. */
static inline enum plugin_result plugin_signed_url(const struct plugin_host *host, struct plugin_call *call,
						   struct plugin_bytes *url)
{
	*url = host->part(call, PLUGIN_URL);
	return url->n > 0 ? PLUGIN_OK
			  : plugin_refuse(host, call, PLUGIN_MISMATCH,
					  "the URL is signed, and not known here: say public_url in the configuration");
}

/* By bytes, shorter first among equals. Not in constant time: never for a secret. */
static inline int plugin_compare(struct plugin_bytes a, struct plugin_bytes b)
{
	for (size_t i = 0; i < a.n && i < b.n; i++)
		if (a.p[i] != b.p[i])
			return a.p[i] < b.p[i] ? -1 : 1;
	return a.n == b.n ? 0 : a.n < b.n ? -1 : 1;
}

static inline bool plugin_same(struct plugin_bytes a, struct plugin_bytes b)
{
	return plugin_compare(a, b) == 0;
}

static inline bool plugin_same_nocase(struct plugin_bytes a, struct plugin_bytes b)
{
	for (size_t i = 0; a.n == b.n && i < a.n; i++) {
		unsigned x = a.p[i], y = b.p[i];

		x += x >= 'A' && x <= 'Z' ? 32u : 0u;
		y += y >= 'A' && y <= 'Z' ? 32u : 0u;
		if (x != y)
			return false;
	}
	return a.n == b.n;
}

static inline bool plugin_starts(struct plugin_bytes text, struct plugin_bytes with)
{
	return text.n >= with.n && plugin_same((struct plugin_bytes){ text.p, with.n }, with);
}

static inline struct plugin_bytes plugin_from(struct plugin_bytes text, size_t at)
{
	return at >= text.n ? (struct plugin_bytes){ NULL, 0 } : (struct plugin_bytes){ text.p + at, text.n - at };
}

/* Splits at the first `c`; without one, *before is all, *after is empty, and the answer is false. */
static inline bool plugin_cut(struct plugin_bytes text, unsigned char c, struct plugin_bytes *before,
			      struct plugin_bytes *after)
{
	size_t at = 0;

	while (at < text.n && text.p[at] != c)
		at++;
	*before = (struct plugin_bytes){ text.p, at };
	*after = plugin_from(text, at + 1);
	return at < text.n;
}

static inline struct plugin_bytes plugin_trim(struct plugin_bytes text)
{
	while (text.n > 0 && (text.p[0] == ' ' || text.p[0] == '\t'))
		text = (struct plugin_bytes){ text.p + 1, text.n - 1 };
	while (text.n > 0 && (text.p[text.n - 1] == ' ' || text.p[text.n - 1] == '\t'))
		text.n--;
	return text;
}

/* Decimal digits, at most 15 of them. */
static inline bool plugin_number(struct plugin_bytes text, int64_t *out)
{
	int64_t n = 0;

	if (text.n == 0 || text.n > 15)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		n = 10 * n + (text.p[i] - '0');
	}
	*out = n;
	return true;
}

/* The other way round, for n that is not negative; memory of alloc(), empty when there is none. */
static inline struct plugin_bytes plugin_decimal(const struct plugin_host *host, struct plugin_call *call, int64_t n)
{
	enum { DIGITS = 19 };
	unsigned char *digits = host->alloc(call, DIGITS);
	size_t at = DIGITS;

	if (!digits)
		return (struct plugin_bytes){ NULL, 0 };
	do {
		digits[--at] = (unsigned char)('0' + n % 10);
		n /= 10;
	} while (n > 0 && at > 0);
	return (struct plugin_bytes){ digits + at, DIGITS - at };
}

/* The signed time, in units of so many milliseconds since 1970, until the year 9999; PLUGIN_MALFORMED_REQUEST where it is
 * none. */
static inline enum plugin_result plugin_signed_time(const struct plugin_host *host, struct plugin_call *call,
						    struct plugin_bytes text, int64_t unit_ms)
{
	int64_t n;

	if (!plugin_number(text, &n) || n > 253402300799999 / unit_ms)
		return plugin_refuse(host, call, PLUGIN_MALFORMED_REQUEST,
				     "the signed timestamp is not a time as this provider writes it");
	host->signed_at(call, n * unit_ms);
	return PLUGIN_OK;
}

static inline enum plugin_result plugin_signed_seconds(const struct plugin_host *host, struct plugin_call *call,
						       struct plugin_bytes text)
{
	return plugin_signed_time(host, call, text, 1000);
}

/* ---- values ---- */

/* A text, number or boolean at a JSON pointer; empty where there is none of that type. PLUGIN_OK or PLUGIN_WRONG. */
static inline enum plugin_result plugin_member(const struct plugin_host *host, struct plugin_call *call,
					       struct plugin_bytes json, const char *pointer,
					       enum plugin_json_type type, struct plugin_bytes *text)
{
	struct plugin_json value;
	enum plugin_result result = host->json(call, json, pointer, &value);

	*text = (struct plugin_bytes){ NULL, 0 };
	if (result == PLUGIN_OK && value.type == type)
		*text = value.text;
	return result == PLUGIN_WRONG ? result : PLUGIN_OK;
}

/* As JavaScript's JSON.stringify() writes a string, to the letter, with its quotes. */
static inline enum plugin_result plugin_json_string(const struct plugin_host *host, struct plugin_call *call,
						    struct plugin_bytes text, struct plugin_bytes *string)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt", digits[] = "0123456789abcdef";
	size_t n = 1, room = 2;
	unsigned char *out;

	for (size_t i = 0; i < text.n; i++)
		room += text.p[i] < 0x20 ? 6 : 2;
	out = host->alloc(call, room);
	if (!out)
		return PLUGIN_WRONG;
	out[0] = '"';
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = text.p[i], as = c < 0x20 ? 'u' : 0;

		for (size_t k = 0; k < sizeof(from) - 1; k++)
			if (c == (unsigned char)from[k])
				as = (unsigned char)to[k];
		if (as)
			out[n++] = '\\';
		out[n++] = as ? as : c;
		if (as == 'u') {
			out[n++] = '0';
			out[n++] = '0';
			out[n++] = (unsigned char)digits[c >> 4];
			out[n++] = (unsigned char)digits[c & 15];
		}
	}
	out[n++] = '"';
	*string = (struct plugin_bytes){ out, n };
	return PLUGIN_OK;
}

/* Puts the value in the place of the first mark in the text. PLUGIN_MISSING where there is none. */
static inline enum plugin_result plugin_fill(const struct plugin_host *host, struct plugin_call *call,
					     struct plugin_bytes *text, struct plugin_bytes mark,
					     struct plugin_bytes value)
{
	struct plugin_bytes pieces[3] = { { NULL, 0 }, value, *text };

	while (pieces[2].n > 0 && !plugin_starts(pieces[2], mark))
		pieces[2] = plugin_from(pieces[2], 1);
	if (pieces[2].n == 0)
		return PLUGIN_MISSING;
	pieces[0] = (struct plugin_bytes){ text->p, text->n - pieces[2].n };
	pieces[2] = plugin_from(pieces[2], mark.n);
	return host->join(call, pieces, 3, text);
}

/* "2025-11-24T16:00:00Z" of a time from 1970 on; memory of alloc(), empty when there is none. The days are counted in years
 * that begin in March, so that the leap day is the last one. */
static inline struct plugin_bytes plugin_rfc3339(const struct plugin_host *host, struct plugin_call *call, int64_t ms)
{
	static const char form[] = "0000-00-00T00:00:00Z";
	unsigned char *p = host->alloc(call, sizeof(form));
	uint32_t of_day = (uint32_t)(ms / 1000 % 86400), days = (uint32_t)(ms / 86400000) + 719468;
	uint32_t era = days / 146097, of_era = days % 146097;
	uint32_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	uint32_t of_year = of_era - (365 * year + year / 4 - year / 100), month = (5 * of_year + 2) / 153;
	const uint32_t numbers[] = { year + era * 400 + (month >= 10),
				     month < 10 ? month + 3 : month - 9,
				     of_year - (153 * month + 2) / 5 + 1,
				     of_day / 3600,
				     of_day / 60 % 60,
				     of_day % 60 };
	static const unsigned char ends[] = { 4, 7, 10, 13, 16, 19 };

	for (size_t i = 0; p && i < sizeof(form); i++)
		p[i] = (unsigned char)form[i];
	for (size_t i = 0; p && i < sizeof(ends); i++) {
		uint32_t n = numbers[i];

		for (size_t at = ends[i]; n > 0; n /= 10)
			p[--at] = (unsigned char)('0' + n % 10);
	}
	return p ? (struct plugin_bytes){ p, sizeof(form) - 1 } : (struct plugin_bytes){ NULL, 0 };
}

/* All but letters and digits, and `keep`, as %XX. */
static inline enum plugin_result plugin_percent(const struct plugin_host *host, struct plugin_call *call,
						struct plugin_bytes text, const char *keep, struct plugin_bytes *out)
{
	static const char digits[] = "0123456789ABCDEF";
	unsigned char *p = host->alloc(call, 3 * text.n + 1);
	size_t n = 0;

	if (!p)
		return PLUGIN_WRONG;
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = text.p[i];
		bool kept = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');

		for (const char *k = keep; *k != '\0'; k++)
			kept |= (unsigned char)*k == c;
		p[n++] = kept ? c : '%';
		if (kept)
			continue;
		p[n++] = (unsigned char)digits[c >> 4];
		p[n++] = (unsigned char)digits[c & 15];
	}
	*out = (struct plugin_bytes){ p, n };
	return PLUGIN_OK;
}

/* AES-256-CBC, of whose padding (each byte says how many there are) at most `block` bytes are taken off. PLUGIN_MISSING where
 * it cannot be what was encrypted; that it can be proves nothing. */
static inline enum plugin_result plugin_decrypt(const struct plugin_host *host, struct plugin_call *call,
						struct plugin_bytes key, struct plugin_bytes iv,
						struct plugin_bytes cipher, size_t block, struct plugin_bytes *plain)
{
	struct plugin_bytes text;
	size_t n;

	if (host->decrypt(call, key, iv, cipher, &text) != PLUGIN_OK)
		return PLUGIN_MISSING;
	n = text.p[text.n - 1];
	if (n < 1 || n > block || n > text.n)
		return PLUGIN_MISSING;
	*plain = (struct plugin_bytes){ text.p, text.n - n };
	return PLUGIN_OK;
}

/* ---- MACs ---- */

/* Is the signature the pieces' HMAC? */
static inline enum plugin_result plugin_mac_is(const struct plugin_host *host, struct plugin_call *call,
					       enum plugin_hash hash, uint32_t secret,
					       const struct plugin_bytes *pieces, size_t count,
					       struct plugin_bytes signature)
{
	struct plugin_bytes mac;
	enum plugin_result result = host->mac(call, hash, secret, pieces, count, &mac);

	if (result != PLUGIN_OK)
		return result;
	return host->equal(mac, signature) ? PLUGIN_OK : PLUGIN_MISMATCH;
}

/* The pieces' HMAC as it is sent. */
static inline enum plugin_result plugin_mac_text(const struct plugin_host *host, struct plugin_call *call,
						 enum plugin_hash hash, enum plugin_encoding encoding, uint32_t secret,
						 const struct plugin_bytes *pieces, size_t count,
						 struct plugin_bytes *text)
{
	struct plugin_bytes mac;
	enum plugin_result result = host->mac(call, hash, secret, pieces, count, &mac);

	return result == PLUGIN_OK ? host->encode(call, encoding, mac, text) : result;
}

/* By the route's key; where it has none by the certificate at that address, which must be for one of the names. */
static inline enum plugin_result
plugin_verify_by_certificate(const struct plugin_host *host, struct plugin_call *call, uint32_t secret,
			     struct plugin_bytes url, const char *const *names, size_t name_count,
			     enum plugin_issuers issuers, enum plugin_algorithm algorithm,
			     const struct plugin_bytes *pieces, size_t count, struct plugin_bytes signature)
{
	struct plugin_bytes any = { NULL, 0 }, pem = { NULL, 0 };
	enum plugin_result result;

	if (secret != PLUGIN_NO_SECRET)
		return host->verify(call, secret, any, algorithm, PLUGIN_DER, pieces, count, signature);
	result = host->fetch(call, url, &pem);
	if (result == PLUGIN_OK)
		result = host->verify_with(call, pem, any, algorithm, PLUGIN_DER, pieces, count, signature);
	return result == PLUGIN_OK ? host->certificate(call, pem, names, name_count, issuers) : result;
}

/* The pieces' signature by the secret's private key as it is sent. */
static inline enum plugin_result plugin_signature_text(const struct plugin_host *host, struct plugin_call *call,
						       enum plugin_algorithm algorithm, enum plugin_form form,
						       enum plugin_encoding encoding, uint32_t secret,
						       const struct plugin_bytes *pieces, size_t count,
						       struct plugin_bytes *text)
{
	struct plugin_bytes signature;
	enum plugin_result result = host->sign_with(call, secret, algorithm, form, pieces, count, &signature);

	if (result == PLUGIN_MISMATCH)
		return plugin_refuse(host, call, result, "the secret is no private key that this provider signs with");
	return result == PLUGIN_OK ? host->encode(call, encoding, signature, text) : result;
}

/* ---- fields ---- */

/* By name, then by value: a copy from alloc(), NULL when there is no memory. Shell's sort, as there are at most 1000. */
static inline struct plugin_field *plugin_sorted(const struct plugin_host *host, struct plugin_call *call,
						 const struct plugin_field *fields, size_t count)
{
	struct plugin_field *sorted = host->alloc(call, (count + 1) * sizeof(*sorted));

	for (size_t i = 0; sorted && i < count; i++)
		sorted[i] = fields[i];
	for (size_t gap = sorted ? count / 2 : 0; gap > 0; gap /= 2)
		for (size_t i = gap; i < count; i++) {
			struct plugin_field one = sorted[i];
			size_t at = i;

			for (; at >= gap; at -= gap) {
				int order = plugin_compare(sorted[at - gap].name, one.name);

				if (order == 0)
					order = plugin_compare(sorted[at - gap].value, one.value);
				if (order <= 0)
					break;
				sorted[at] = sorted[at - gap];
			}
			sorted[at] = one;
		}
	return sorted;
}

#endif
