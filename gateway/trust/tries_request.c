/* tries_request.c - requests as they may have been when they were signed: other bodies, URLs and methods.
 *
 * The special difficulty: a request that differs in nothing that is signed would only cost time, and two changes that come
 * to the same body would be told twice. So only what the signature covers is changed, and equal bodies are one. */
#include "base/encode.h"
#include "trust/inflate.h"
#include "trust/plugin.h"
#include "trust/restyle.h"
#include "trust/tries_inner.h"
#include "trust/url.h"

static struct request *add(struct trust_tries *t, struct slice words)
{
	struct request *request = arena_alloc(t->arena, sizeof(*request));

	if (!request || t->request_count == TRUST_TRY_REQUESTS)
		return NULL;
	*request = *t->request;
	t->requests[t->request_count++] = (struct trust_try_request){ words, request, t->verifier->route };
	return request;
}

/* ---- bodies ---- */

static void add_body(struct trust_tries *t, const char *words, struct slice body)
{
	struct request *request;

	for (size_t i = 0; i < t->request_count; i++)
		if (slice_eq(body, t->requests[i].request->body))
			return;
	request = add(t, slice_str(words));
	if (request)
		request->body = body;
}

static struct slice with_line_ends(struct slice body, bool crlf, struct arena *arena)
{
	unsigned char *out = arena_alloc(arena, 2 * body.n);
	size_t n = 0;

	for (size_t i = 0; out && i < body.n; i++) {
		if (body.p[i] == '\r' && i + 1 < body.n && body.p[i + 1] == '\n')
			continue;
		if (body.p[i] == '\n' && crlf)
			out[n++] = '\r';
		out[n++] = body.p[i];
	}
	return slice_of(out, out ? n : 0);
}

static struct slice with_end(struct slice body, const char *end, struct arena *arena)
{
	struct trust_parts parts = { .p = { body, slice_str(end) }, .n = 2 };

	return trust_parts_join(&parts, arena);
}

/* Latin-1 to UTF-8, or back; what cannot be one comes out unlike any body. */
static struct slice recoded(struct slice body, bool to_utf8, struct arena *arena)
{
	unsigned char *out = arena_alloc(arena, 2 * body.n);
	size_t n = 0;

	for (size_t i = 0; out && i < body.n; i++) {
		unsigned char c = body.p[i];
		bool pair = (c & 0xfe) == 0xc2 && i + 1 < body.n && (body.p[i + 1] & 0xc0) == 0x80;

		if (c >= 0x80 && to_utf8) {
			out[n++] = (unsigned char)(0xc0 | c >> 6);
			out[n++] = (unsigned char)(0x80 | (c & 0x3f));
		} else if (pair) {
			out[n++] = (unsigned char)(c << 6 | (body.p[++i] & 0x3f));
		} else {
			out[n++] = c;
		}
	}
	return slice_of(out, out ? n : 0);
}

static bool is_utf8(struct slice body)
{
	while (body.n > 0) {
		size_t n = encode_utf8_length(body);

		if (n == 0)
			return false;
		body = slice_from(body, n);
	}
	return true;
}

static void add_line_ends(struct trust_tries *t, struct slice body)
{
	bool newline = body.n > 0 && body.p[body.n - 1] == '\n';
	bool crlf = newline && body.n > 1 && body.p[body.n - 2] == '\r';

	add_body(t, "with a newline added to the body's end", with_end(body, "\n", t->arena));
	add_body(t, "with CR LF added to the body's end", with_end(body, "\r\n", t->arena));
	if (newline)
		add_body(t, "without the newline at the body's end", slice_head(body, body.n - (crlf ? 2 : 1)));
	add_body(t, "without the white space around the body", slice_trim(body));
	add_body(t, "with CR LF for each line end of the body", with_line_ends(body, true, t->arena));
	add_body(t, "with LF for each CR LF of the body", with_line_ends(body, false, t->arena));
	if (slice_starts(body, SLICE("\xef\xbb\xbf")))
		add_body(t, "without the byte order mark at the body's beginning", slice_from(body, 3));
}

static void add_bodies(struct trust_tries *t)
{
	struct slice body = t->request->body, text;
	const char *words;

	add_line_ends(t, body);
	add_body(t, "with an empty body", SLICE_NONE);
	if (is_utf8(body))
		add_body(t, "with the body in Latin-1 instead of UTF-8", recoded(body, false, t->arena));
	else
		add_body(t, "with the body in UTF-8 instead of Latin-1", recoded(body, true, t->arena));
	if (slice_starts(body, SLICE("\x1f\x8b")) && trust_inflate(body, t->arena, &text) == TRUST_INFLATED)
		add_body(t, "with the body decompressed", text);
	for (size_t i = 0; trust_claims_json(t->request) && (words = trust_restyle_words(i)) != NULL; i++) {
		text = trust_restyle(i, body, t->arena);
		if (text.n > 0)
			add_body(
				t,
				arena_cstring(t->arena, arena_printf(t->arena, "with the JSON body written %s", words)),
				text);
	}
}

/* ---- methods, paths, URLs ---- */

static void add_methods(struct trust_tries *t)
{
	static const char *const methods[] = { "POST", "GET", "PUT" };

	for (size_t i = 0; i < 3; i++) {
		struct request *request = slice_eq(t->request->method, slice_str(methods[i]))
						  ? NULL
						  : add(t, arena_printf(t->arena, "with the method %s", methods[i]));

		if (request)
			request->method = slice_str(methods[i]);
	}
}

static struct slice joined(struct arena *arena, struct slice a, const char *between, struct slice b)
{
	return arena_printf(arena, "%.*s%s%.*s", SLICE_ARGS(a), between, SLICE_ARGS(b));
}

/* The path, as the gateway was asked for it. */
static void add_path(struct trust_tries *t, const char *words, struct slice path, bool query)
{
	struct request *request = add(t, slice_str(words));

	if (!request)
		return;
	request->path = path;
	if (!query)
		request->query = SLICE_NONE;
	request->target = joined(t->arena, path, request->query.n > 0 ? "?" : "", request->query);
}

static void add_paths(struct trust_tries *t)
{
	struct slice path = t->request->path;

	if (path.n > 1 && path.p[path.n - 1] == '/')
		add_path(t, "without the slash at the path's end", slice_head(path, path.n - 1), true);
	else
		add_path(t, "with a slash at the path's end", joined(t->arena, path, "/", SLICE_NONE), true);
	if (t->request->query.n > 0)
		add_path(t, "without the query", path, false);
	if (!slice_eq(path, t->verifier->route->path))
		add_path(t, "with the route's own path", t->verifier->route->path, true);
}

/* The whole URL, as if the configuration said so. Words name it: it is what is to be written there. */
static void add_url(struct trust_tries *t, const char *what, struct slice url)
{
	struct config_route *route = arena_alloc(t->arena, sizeof(*route));
	struct slice words = arena_printf(t->arena, "%s: with the public URL %.*s", what, SLICE_ARGS(url));

	if (!route || !add(t, words))
		return;
	*route = *t->verifier->route;
	route->public_url = url;
	route->public_url_whole = true;
	t->requests[t->request_count - 1].route = route;
}

/* "https://host:port/path?query" */
struct url {
	struct slice scheme, host, port, path, query; /* the query with its "?" */
};

static bool split(struct slice text, struct url *out)
{
	struct slice rest, authority;

	if (!slice_cut(text, ':', &out->scheme, &rest) || !slice_starts(rest, SLICE("//")))
		return false;
	rest = slice_from(rest, 2);
	authority = slice_head(rest, slice_index(rest, '/'));
	rest = slice_from(rest, authority.n);
	out->path = slice_head(rest, slice_index(rest, '?'));
	out->query = slice_from(rest, out->path.n);
	out->host = slice_head(authority,
			       authority.n > 0 && authority.p[0] == '[' ? authority.n : slice_index(authority, ':'));
	out->port = slice_from(authority, out->host.n);
	return out->host.n > 0;
}

static struct slice whole(struct trust_tries *t, const struct url *url)
{
	return arena_printf(t->arena, "%.*s://%.*s%.*s%.*s%.*s", SLICE_ARGS(url->scheme), SLICE_ARGS(url->host),
			    SLICE_ARGS(url->port), SLICE_ARGS(url->path), SLICE_ARGS(url->query));
}

static void add_ports(struct trust_tries *t, struct url url, const char *what)
{
	bool secure = slice_eq(url.scheme, SLICE("https"));

	if (url.port.n > 0) {
		url.port = SLICE_NONE;
		add_url(t, *what ? what : "without the port", whole(t, &url));
	} else {
		url.port = secure ? SLICE(":443") : SLICE(":80");
		add_url(t, *what ? what : "with the port", whole(t, &url));
	}
}

static void add_urls(struct trust_tries *t)
{
	struct url url, changed;
	struct slice text;
	struct config_route *bare = arena_alloc(t->arena, sizeof(*bare));

	if (!bare || !trust_url(t->verifier->route, t->request, t->arena, &text) || !split(text, &url))
		return;
	changed = url;
	changed.scheme = slice_eq(url.scheme, SLICE("https")) ? SLICE("http") : SLICE("https");
	add_url(t, "with another URL scheme", whole(t, &changed));
	add_ports(t, url, "");
	add_ports(t, changed, "with another URL scheme and port");
	changed = url;
	if (url.path.n > 0 && url.path.p[url.path.n - 1] == '/')
		changed.path = slice_head(url.path, url.path.n - 1);
	else
		changed.path = joined(t->arena, url.path, "/", SLICE_NONE);
	add_url(t, changed.path.n < url.path.n ? "without the slash at the URL's end" : "with a slash at the URL's end",
		whole(t, &changed));
	/* What the request itself says, where the configuration says otherwise. */
	*bare = *t->verifier->route;
	if (bare->public_url.n == 0)
		return;
	bare->public_url = SLICE_NONE;
	if (!trust_url(bare, t->request, t->arena, &text) || !split(text, &changed))
		return;
	add_url(t, "with the URL of the request itself", text);
	changed.scheme = SLICE("https");
	add_url(t, "with the URL of the request itself, by https", whole(t, &changed));
}

/* ---- which of them ---- */

static bool has(const struct trust_template *template, enum trust_place_kind from, enum trust_place_kind to)
{
	for (size_t i = 0; i < template->count; i++)
		if (template->parts[i].place.kind >= from && template->parts[i].place.kind <= to)
			return true;
	return false;
}

void trust_tries_requests(struct trust_tries *t)
{
	const struct trust_verify *verify = &t->verifier->description->verify;
	/* Only a description says what is covered. */
	bool any = verify->plugin || verify->jwt, url = any;

	(void)add(t, SLICE_NONE);
	if (!verify->scheme->texted && !any)
		return;
	for (size_t i = 0; i < verify->signed_text.count; i++)
		url |= verify->signed_text.parts[i].place.kind == TRUST_PLACE_URL ||
		       verify->signed_text.parts[i].place.kind == TRUST_PLACE_HOST;
	add_bodies(t);
	if (url)
		add_urls(t);
	if (any || has(&verify->signed_text, TRUST_PLACE_METHOD, TRUST_PLACE_METHOD))
		add_methods(t);
	if (any || has(&verify->signed_text, TRUST_PLACE_PATH, TRUST_PLACE_URL))
		add_paths(t);
}
