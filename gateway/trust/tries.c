/* tries.c - what would have matched, see tries.h.
 *
 * The special difficulty: mistakes come in pairs (a decoded key and a newline), so all combinations are tried, and only
 * those with the fewest changes are told. Nothing of a key and no right signature is ever printed: only which change
 * made it match. */
#include "trust/tries.h"

#include "trust/catalogue.h"
#include "trust/key.h"
#include "trust/mac.h"

enum { BODIES_MAX = 8, TOKENS_MAX = 48, HITS_MAX = 8, LARGEST_BODY = 4 * 1024 * 1024 };

struct body_variant {
	const char *words; /* NULL: as received */
	struct slice body;
	struct trust_parts parts;
};

struct tries {
	const struct trust_verifier *verifier;
	const struct trust_evidence *evidence;
	int64_t now_ms;
	struct arena *arena;
	struct body_variant bodies[BODIES_MAX];
	size_t body_count;
	struct slice tokens[TOKENS_MAX];
	size_t token_count;
	struct {
		size_t changes;
		struct slice words;
	} hits[HITS_MAX];
	size_t hit_count, fewest;
};

/* ---- other bodies ---- */

/* Without white space outside of strings. Not a check: what is no JSON comes out as something that will not match. */
static struct slice compact_json(struct slice body, struct arena *arena)
{
	unsigned char *out = arena_alloc(arena, body.n);
	bool quoted = false;
	size_t n = 0;

	for (size_t i = 0; out && i < body.n; i++) {
		unsigned char c = body.p[i];

		if (!quoted && memchr(" \t\r\n", c, 4))
			continue;
		if (quoted && c == '\\' && i + 1 < body.n)
			out[n++] = body.p[i++];
		else if (c == '"')
			quoted = !quoted;
		out[n++] = body.p[i];
	}
	return slice_of(out, out ? n : 0);
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

static struct slice with_end(struct slice body, struct slice end, struct arena *arena)
{
	struct trust_parts parts = { .p = { body, end }, .n = 2 };

	return trust_parts_join(&parts, arena);
}

/* Resolves the signed text as if that had been the body. */
static void add_body(struct tries *t, const char *words, struct slice body)
{
	struct request *request = arena_alloc(t->arena, sizeof(*request));
	struct body_variant *variant = &t->bodies[t->body_count];
	struct trust_evidence evidence;
	const char *ignored;

	if (!request)
		return;
	for (size_t i = 0; i < t->body_count; i++)
		if (slice_eq(body, t->bodies[i].body))
			return;
	*request = *t->evidence->reading.request;
	request->body = body;
	(void)trust_gather(t->verifier, request, t->now_ms, t->arena, &evidence, &ignored);
	if (!evidence.has_parts)
		return;
	variant->words = words;
	variant->body = body;
	variant->parts = evidence.parts;
	t->body_count++;
}

static void add_bodies(struct tries *t)
{
	struct slice body = t->evidence->reading.request->body;
	bool newline = body.n > 0 && body.p[body.n - 1] == '\n';
	bool crlf = newline && body.n > 1 && body.p[body.n - 2] == '\r';

	add_body(t, NULL, body);
	add_body(t, "with a newline added to the body's end", with_end(body, SLICE("\n"), t->arena));
	add_body(t, "with CR LF added to the body's end", with_end(body, SLICE("\r\n"), t->arena));
	if (newline)
		add_body(t, "without the newline at the body's end", slice_head(body, body.n - (crlf ? 2 : 1)));
	add_body(t, "with CR LF for each line end of the body", with_line_ends(body, true, t->arena));
	add_body(t, "with LF for each CR LF of the body", with_line_ends(body, false, t->arena));
	if (trust_claims_json(t->evidence->reading.request))
		add_body(t, "with the JSON body written without white space", compact_json(body, t->arena));
}

/* ---- what could be a signature ---- */

static void add_token(struct tries *t, struct slice token)
{
	if (token.n > 0 && t->token_count < TOKENS_MAX)
		t->tokens[t->token_count++] = token;
}

/* The whole value, each of its items, and what stands behind an item's first "=". */
static void add_tokens(struct tries *t, struct slice value)
{
	struct slice item, before, behind;

	add_token(t, value);
	while (value.n > 0) {
		size_t at = 0;

		while (at < value.n && !memchr(" ,;", value.p[at], 3))
			at++;
		item = slice_head(value, at);
		value = slice_from(value, at + 1);
		add_token(t, item);
		if (slice_cut(item, '=', &before, &behind))
			add_token(t, behind);
	}
}

/* The words say how the matching token was read; NULL where none matches. */
static const char *find_token(struct tries *t, struct slice mac, bool *changed)
{
	static const struct {
		enum trust_encoding encoding;
		const char *words;
	} readings[] = { { TRUST_ENCODING_HEX, "read as hex" },
			 { TRUST_ENCODING_BASE64, "read as base64" },
			 { TRUST_ENCODING_BASE64URL, "read as base64url" } };
	enum trust_encoding right = t->verifier->description->verify.encoding;
	struct slice decoded;

	for (size_t i = 0; i < t->evidence->candidate_count; i++)
		if (trust_decode(right, t->evidence->candidates[i], t->arena, &decoded) && trust_equal(decoded, mac)) {
			*changed = false;
			return "";
		}
	*changed = true;
	for (size_t i = 0; i < t->token_count; i++)
		for (size_t k = 0; k < 3; k++)
			if (trust_decode(readings[k].encoding, t->tokens[i], t->arena, &decoded) &&
			    trust_equal(decoded, mac))
				return readings[k].encoding == right ? "written with another prefix or field name"
								     : readings[k].words;
	return NULL;
}

/* ---- other keys ---- */

static const struct {
	struct trust_key_rule rule;
	const char *words;
} key_variants[] = {
	{ { .form = TRUST_KEY_TEXT }, "with the secret's text as the key, not decoded" },
	{ { TRUST_KEY_TEXT, { SLICE_LIT("whsec_") }, 1 }, "with whsec_ taken off the secret" },
	{ { .form = TRUST_KEY_BASE64 }, "with the secret decoded from base64" },
	{ { TRUST_KEY_BASE64, { SLICE_LIT("whsec_") }, 1 },
	  "with whsec_ taken off the secret and the rest decoded from base64" },
	{ { .form = TRUST_KEY_HEX }, "with the secret decoded from hex" },
};

/* A change in a list of changes. */
static void change(struct tries *t, struct slice *words, size_t *changes, struct slice what)
{
	*words = arena_printf(t->arena, "%.*s%s%.*s", SLICE_ARGS(*words), ++*changes > 1 ? ", and " : "",
			      SLICE_ARGS(what));
}

static void hit(struct tries *t, size_t changes, struct slice words)
{
	if (changes < t->fewest) {
		t->fewest = changes;
		t->hit_count = 0;
	}
	for (size_t i = 0; i < t->hit_count; i++)
		if (slice_eq(t->hits[i].words, words))
			return;
	if (changes > t->fewest || t->hit_count == HITS_MAX)
		return;
	t->hits[t->hit_count].changes = changes;
	t->hits[t->hit_count++].words = words;
}

/* One key, one digest: every body. `words` are the changes so far. */
static void try_key(struct tries *t, const char *digest, struct slice key, struct slice words, size_t changes)
{
	struct trust_mac *mac;
	unsigned char bytes[TRUST_MAC_MAX];
	size_t size;

	if (trust_mac_new(digest, key, &mac))
		return;
	for (size_t i = 0; i < t->body_count; i++) {
		struct body_variant *body = &t->bodies[i];
		struct slice all = words;
		size_t count = changes;
		const char *reading;
		bool changed;

		if (trust_mac_pieces(mac, body->parts.p, body->parts.n, bytes, &size))
			continue;
		reading = find_token(t, slice_of(bytes, size), &changed);
		if (!reading)
			continue;
		if (body->words)
			change(t, &all, &count, slice_str(body->words));
		if (changed)
			change(t, &all, &count, arena_printf(t->arena, "with the signature %s", reading));
		hit(t, count, all);
	}
	trust_mac_free(mac);
}

static void try_digests(struct tries *t, struct slice key, struct slice words, size_t changes)
{
	const char *own = t->verifier->description->verify.scheme->digest;
	const struct trust_scheme *scheme;

	try_key(t, own, key, words, changes);
	for (size_t i = 0; (scheme = trust_scheme_at(i)) != NULL; i++) {
		struct slice with = words;
		size_t count = changes;

		if (!scheme->digest || scheme->digest == own)
			continue;
		change(t, &with, &count, arena_printf(t->arena, "with %.*s", SLICE_ARGS(scheme->name)));
		try_key(t, scheme->digest, key, with, count);
	}
}

static void try_secret(struct tries *t, size_t index)
{
	const struct trust_secret *secret = &t->verifier->secrets[index];
	struct slice words = SLICE_NONE, bytes = t->verifier->route->secrets[index].bytes, key;
	struct reason ignored;
	size_t changes = 0;

	if (!trust_secret_valid(secret, t->now_ms))
		change(t, &words, &changes,
		       arena_printf(t->arena, "if the secret \"%.*s\" were valid now", SLICE_ARGS(secret->name)));
	try_digests(t, secret->key, words, changes);
	for (size_t i = 0; i < sizeof(key_variants) / sizeof(key_variants[0]); i++) {
		struct slice with = words;
		size_t count = changes;

		if (trust_key_new(&key_variants[i].rule, bytes, &key, &ignored))
			continue;
		change(t, &with, &count, slice_str(key_variants[i].words));
		if (!slice_eq(key, secret->key))
			try_digests(t, key, with, count);
		trust_key_free(&key);
	}
}

/* ---- other providers ---- */

static bool matches_as(struct tries *t, const struct trust_description *d)
{
	struct trust_verifier verifier = { .description = d };
	struct trust_evidence evidence;
	bool match = false;
	const char *reason;

	if (trust_gather(&verifier, t->evidence->reading.request, t->now_ms, t->arena, &evidence, &reason) !=
	    TRUST_ACCEPTED)
		return false;
	for (size_t i = 0; i < t->verifier->secret_count; i++) {
		struct trust_secret secret = { .name = SLICE_NONE };
		struct slice mac, decoded;
		struct reason ignored;

		if (trust_key_new(&d->verify.key, t->verifier->route->secrets[i].bytes, &secret.key, &ignored))
			continue;
		if (d->verify.scheme->make(&d->verify, &secret, &evidence.parts, &evidence.reading, &mac) == 0)
			for (size_t k = 0; k < evidence.candidate_count; k++)
				match |= trust_decode(d->verify.encoding, evidence.candidates[k], t->arena, &decoded) &&
					 trust_equal(decoded, mac);
		trust_key_free(&secret.key);
	}
	return match;
}

static void try_providers(struct tries *t)
{
	const struct trust_catalogue *catalogue = t->verifier->set->catalogue;

	for (size_t i = 0; i < trust_catalogue_count(catalogue); i++) {
		const struct trust_description *d = trust_catalogue_at(catalogue, i)->description;

		if (d == t->verifier->provider->description || !d->verify.scheme || !d->verify.scheme->digest)
			continue;
		if (matches_as(t, d))
			hit(t, 1, arena_printf(t->arena, "if the route had `provider: %.*s`", SLICE_ARGS(d->name)));
	}
}

/* ---- schemes without a MAC ---- */

static void try_tokens(struct tries *t)
{
	for (size_t i = 0; i < t->verifier->secret_count; i++) {
		const struct trust_secret *secret = &t->verifier->secrets[i];

		for (size_t k = 0; k < t->evidence->candidate_count; k++) {
			struct slice decoded;

			if (!trust_decode(t->verifier->description->verify.encoding, t->evidence->candidates[k],
					  t->arena, &decoded))
				continue;
			if (trust_equal(decoded, secret->key) && !trust_secret_valid(secret, t->now_ms))
				hit(t, 1,
				    arena_printf(t->arena, "if the secret \"%.*s\" were valid now",
						 SLICE_ARGS(secret->name)));
			else if (secret->key.n > decoded.n && trust_equal(slice_trim(secret->key), decoded))
				hit(t, 1,
				    arena_printf(t->arena, "without the white space around the secret \"%.*s\"",
						 SLICE_ARGS(secret->name)));
		}
	}
}

void trust_tries(const struct trust_verifier *verifier, const struct trust_evidence *evidence, int64_t now_ms,
		 struct buf *out)
{
	const struct trust_verify *verify = &verifier->description->verify;
	struct tries t = { .verifier = verifier, .evidence = evidence, .now_ms = now_ms, .fewest = SIZE_MAX };
	struct trust_reading reading = evidence->reading;

	if (evidence->reading.request->body.n > LARGEST_BODY) {
		buf_add_str(out, "would match:  not tried, the body is larger than 4 MiB\n");
		return;
	}
	t.arena = evidence->reading.arena;
	if (verify->scheme->digest) {
		for (size_t i = 0; i < verify->signature_count; i++) {
			struct slice value;

			if (trust_place_find(&verify->signatures[i], &reading, &value) == TRUST_FOUND)
				add_tokens(&t, value);
		}
		add_bodies(&t);
		for (size_t i = 0; i < verifier->secret_count; i++)
			try_secret(&t, i);
	} else {
		try_tokens(&t);
	}
	try_providers(&t);
	for (size_t i = 0; i < t.hit_count; i++)
		buf_printf(out, "would match:  %.*s\n", SLICE_ARGS(t.hits[i].words));
	if (t.hit_count == 0)
		buf_add_str(out, "would match:  nothing that was tried (other line ends, compact JSON, the secret "
				 "decoded or not, other "
				 "encodings and digests, other secrets, other providers)\n");
}
