/* url.c - which URL may be fetched, by the policy that a description pins.
 *
 * The special difficulty: what is checked here and what libcurl makes of the text must be the same. So everything that
 * two readers could read in two ways is refused instead of understood: upper case, user names, other ports, addresses,
 * percent signs, backslashes, dots as segments, fragments. Providers' key URLs have none of them. */
#include "keys/url.h"

enum { HOST_MAX = 253, LABEL_MAX = 63, QUERY_MAX = KEYS_URL_MAX * 4 };

static bool refuse(struct reason *reason, const char *why)
{
	reason_set(reason, "%s", why);
	return false;
}

static bool is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

static bool is_label(struct slice label)
{
	for (size_t i = 0; i < label.n; i++) {
		unsigned char c = label.p[i];
		bool inner = i > 0 && i + 1 < label.n;

		if (!((c >= 'a' && c <= 'z') || is_digit(c) || (c == '-' && inner)))
			return false;
	}
	return label.n > 0 && label.n <= LABEL_MAX;
}

/* Labels in lower case, at least two; a star only where `stars` and at least two labels follow. The last one begins
 * with a letter: anything else might be an address. */
static bool is_name(struct slice name, bool stars)
{
	size_t count = 0, last_star = 0;
	struct slice label, rest = name;
	bool more = true;

	for (; more; count++) {
		more = slice_cut(rest, '.', &label, &rest);
		if (stars && slice_eq(label, SLICE("*")))
			last_star = count + 1;
		else if (!is_label(label))
			return false;
	}
	return count >= 2 && last_star + 2 <= count && name.n <= HOST_MAX && !is_digit(label.p[0]);
}

bool keys_host_pattern(struct slice pattern, struct reason *reason)
{
	return is_name(pattern, true) ||
	       refuse(reason, "a host's name in lower case, in which * may stand for a label but for the last two");
}

bool keys_host_matches(struct slice pattern, struct slice host)
{
	struct slice wanted, label;
	bool more_wanted = true, more = true;

	while (more_wanted && more) {
		more_wanted = slice_cut(pattern, '.', &wanted, &pattern);
		more = slice_cut(host, '.', &label, &host);
		if (!slice_eq(wanted, label) && !slice_eq(wanted, SLICE("*")))
			return false;
	}
	return more_wanted == more;
}

/* RFC 3986 pchar and "/", without the percent sign. */
static bool is_path_byte(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) ||
	       (c != '\0' && strchr("-._~!$&'()*+,;=:@/", c));
}

static bool path_is_plain(struct slice path, struct reason *reason)
{
	struct slice segment, rest = path;
	bool more = true;

	for (size_t i = 0; i < path.n; i++)
		if (!is_path_byte(path.p[i]))
			return refuse(reason, "a byte stands in the URL's path that has no business there");
	while (more) {
		more = slice_cut(rest, '/', &segment, &rest);
		if (slice_eq(segment, SLICE(".")) || slice_eq(segment, SLICE("..")))
			return refuse(reason, "a dot stands as a segment in the URL's path");
	}
	return true;
}

static bool query_is_plain(struct slice query, struct reason *reason)
{
	for (size_t i = 0; i < query.n; i++)
		if (!is_path_byte(query.p[i]) && query.p[i] != '%' && query.p[i] != '?')
			return refuse(reason, "a byte stands in the URL's query that has no business there");
	return true;
}

bool keys_url_parse(struct slice text, struct keys_url *out, struct reason *reason)
{
	const struct slice https = SLICE_LIT("https://");
	struct slice rest = slice_from(text, https.n), host, query;
	struct keys_url url = { .has_query = false };
	size_t end = 0;

	if (!slice_starts(text, https))
		return refuse(reason, "the URL does not begin with https://");
	if (text.n > QUERY_MAX || slice_index(text, '?') > KEYS_URL_MAX)
		return refuse(reason, "the URL is too long");
	while (end < rest.n && rest.p[end] != '/' && rest.p[end] != '?')
		end++;
	host = slice_head(rest, end);
	url.rest = slice_from(rest, end);
	if (host.n > 4 && slice_eq(slice_from(host, host.n - 4), SLICE(":443")))
		host = slice_head(host, host.n - 4);
	if (!is_name(host, false))
		return refuse(reason, "the URL's host is no plain name, or another port than 443 is said");
	url.host = host;
	url.has_query = slice_cut(url.rest, '?', &url.path, &query);
	if (url.has_query && url.path.n == 0)
		return refuse(reason, "the URL has a query and no path");
	if (!path_is_plain(url.path, reason) || !query_is_plain(query, reason))
		return false;
	*out = url;
	return true;
}

bool keys_allowed(struct slice text, const struct keys_policy *policy, struct reason *reason)
{
	struct keys_url url;
	bool pinned = false;

	if (!keys_url_parse(text, &url, reason))
		return false;
	for (size_t i = 0; i < policy->host_count; i++)
		pinned |= keys_host_matches(policy->hosts[i], url.host);
	if (!pinned)
		return refuse(reason, "the URL's host is none of those that the provider's keys come from");
	if (!slice_starts(url.path, policy->path))
		return refuse(reason, "the URL's path is not where the provider's keys are");
	if (url.has_query && !policy->query)
		return refuse(reason, "the URL has a query");
	return true;
}
