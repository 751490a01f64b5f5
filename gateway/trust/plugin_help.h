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

/* Signed seconds since 1970; PLUGIN_MALFORMED_REQUEST where they are none. */
static inline enum plugin_result plugin_signed_seconds(const struct plugin_host *host, struct plugin_call *call,
						       struct plugin_bytes text)
{
	int64_t seconds;

	if (!plugin_number(text, &seconds) || seconds > 253402300799)
		return plugin_refuse(host, call, PLUGIN_MALFORMED_REQUEST,
				     "the signed timestamp is not a time as this provider writes it");
	host->signed_at(call, 1000 * seconds);
	return PLUGIN_OK;
}

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
