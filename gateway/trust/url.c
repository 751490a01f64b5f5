/* url.c - the public URL of a request, see url.h.
 *
 * The special difficulty: one byte off and no signature matches, so nothing is normalised: path and query are taken as
 * they were sent, the configured part as it was written. */
#include "trust/url.h"

static struct slice joined(struct arena *arena, struct slice before, struct slice path, const char *mark,
			   struct slice query)
{
	return arena_printf(arena, "%.*s%.*s%s%.*s", SLICE_ARGS(before), SLICE_ARGS(path), mark, SLICE_ARGS(query));
}

/* The URL as far as the host, from what came with the request. */
static bool origin(const struct request *request, struct arena *arena, struct slice *out)
{
	struct slice host = request->authority;
	struct slice scheme = request->scheme.n > 0 ? request->scheme : SLICE("http");

	if (host.n == 0 && message_header(request, SLICE("Host"), &host) != 1)
		return false;
	*out = arena_printf(arena, "%.*s://%.*s", SLICE_ARGS(scheme), SLICE_ARGS(host));
	return host.n > 0;
}

bool trust_url(const struct config_route *route, const struct request *request, struct arena *arena, struct slice *out)
{
	struct slice base = route ? route->public_url : SLICE_NONE, path = request->path, query = request->query;

	if (base.n > 0 && route->public_url_whole) {
		path = SLICE_NONE;
		if (slice_index(base, '?') < base.n)
			query = SLICE_NONE;
	}
	if (base.n == 0) {
		if (!origin(request, arena, &base))
			return false;
		base = joined(arena, base, request->prefix, "", SLICE_NONE);
	}
	*out = joined(arena, base, path, query.n > 0 ? "?" : "", query);
	return !arena_failed(arena);
}

bool trust_url_host(const struct config_route *route, const struct request *request, struct arena *arena,
		    struct slice *out)
{
	struct slice base = route ? route->public_url : SLICE_NONE;
	const unsigned char *slashes;

	if (base.n == 0 && !origin(request, arena, &base))
		return false;
	slashes = base.n > 0 ? memmem(base.p, base.n, "//", 2) : NULL;
	if (!slashes)
		return false;
	base = slice_from(base, (size_t)(slashes - base.p) + 2);
	*out = slice_head(base, slice_index(base, '/'));
	return out->n > 0 && !arena_failed(arena);
}
