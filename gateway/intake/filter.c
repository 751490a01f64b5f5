/* filter.c - the route's events by type. The one difficulty: a type is a stranger's text and may hold anything; only a
 * "*" at a pattern's end is more than itself. */
#include "intake/filter.h"

static bool matches(struct slice pattern, struct slice text)
{
	if (pattern.n > 0 && pattern.p[pattern.n - 1] == '*')
		return slice_starts(text, slice_head(pattern, pattern.n - 1));
	return slice_eq(pattern, text);
}

/* Does the pattern go on behind "type."? Then *rest is what stands there. */
static bool goes_on(struct slice pattern, struct slice type, struct slice *rest)
{
	if (type.n == 0 || pattern.n <= type.n + 1 || pattern.p[type.n] != '.' || !slice_starts(pattern, type))
		return false;
	*rest = slice_from(pattern, type.n + 1);
	return true;
}

static bool any_matches(const struct config_patterns *patterns, struct slice type, struct slice detail)
{
	for (size_t i = 0; i < patterns->count; i++) {
		struct slice pattern = patterns->items[i], rest;

		if (matches(pattern, type))
			return true;
		if (goes_on(pattern, type, &rest) &&
		    (slice_eq(rest, SLICE("*")) || (detail.n > 0 && matches(rest, detail))))
			return true;
	}
	return false;
}

bool intake_wanted(const struct config_route *route, struct slice type, struct slice detail)
{
	if (route->include.count > 0 && !any_matches(&route->include, type, detail))
		return false;
	return !any_matches(&route->exclude, type, detail);
}
