/* filter.c - the route's events by type. The one difficulty: a type is a stranger's text and may hold anything; only a
 * "*" at a pattern's end is more than itself. */
#include "intake/filter.h"

static bool matches(struct slice pattern, struct slice type)
{
	if (pattern.n > 0 && pattern.p[pattern.n - 1] == '*')
		return slice_starts(type, slice_head(pattern, pattern.n - 1));
	return slice_eq(pattern, type);
}

static bool any_matches(const struct config_patterns *patterns, struct slice type)
{
	for (size_t i = 0; i < patterns->count; i++) {
		if (matches(patterns->items[i], type))
			return true;
	}
	return false;
}

bool intake_wanted(const struct config_route *route, struct slice type)
{
	if (route->include.count > 0 && !any_matches(&route->include, type))
		return false;
	return !any_matches(&route->exclude, type);
}
