/* tries_key.c - keys as the sender may have had them, and schemes as he may have signed by.
 *
 * The special difficulty: these are secrets, so each is opened as the route's own are, and wiped when all is done; and
 * where two changes make the same key it is told once. */
#include "trust/catalogue.h"
#include "trust/key.h"
#include "trust/tries_inner.h"

enum { PREFIXES = 12 };

static bool is_known(const struct trust_tries *t, const struct trust_secret *secret)
{
	const struct trust_verifier *v = t->verifier;

	for (size_t i = 0; i < v->secret_count; i++)
		if (trust_secret_valid(&v->secrets[i], t->now_ms) && slice_eq(secret->key, v->secrets[i].key))
			return true;
	for (size_t i = 1; i < t->key_count; i++)
		if (slice_eq(secret->key, t->keys[i].secret.key))
			return true;
	return false;
}

/* A text as a key by another rule than the description's. */
static void add_key(struct trust_tries *t, const struct trust_key_rule *rule, struct slice text, struct slice words,
		    size_t changes)
{
	struct trust_try_key *to = &t->keys[t->key_count];
	struct trust_verify verify = t->verifier->description->verify;
	struct reason ignored;

	if (t->key_count == TRUST_TRY_KEYS)
		return;
	verify.key = *rule;
	*to = (struct trust_try_key){ .words = words, .changes = changes };
	to->secret.not_before_ms = INT64_MIN;
	to->secret.not_after_ms = INT64_MAX;
	if (trust_secret_open(&verify, text, &to->secret, &ignored))
		return;
	if (is_known(t, &to->secret))
		trust_secret_close(&to->secret);
	else
		t->key_count++;
}

/* What was put around a secret on its way into the configuration. */
static struct slice unquoted(struct slice text)
{
	text = slice_trim(text);
	if (text.n > 2 && (text.p[0] == '"' || text.p[0] == '\'') && text.p[text.n - 1] == text.p[0])
		return slice_head(slice_from(text, 1), text.n - 2);
	return text;
}

/* Beginnings that some provider's secrets have; the static one first. */
static size_t prefixes(const struct trust_tries *t, struct slice out[PREFIXES])
{
	const struct trust_catalogue *catalogue = t->verifier->set->catalogue;
	size_t count = 0;

	out[count++] = SLICE("whsec_");
	for (size_t i = 0; i < trust_catalogue_count(catalogue); i++) {
		const struct trust_key_rule *rule = &trust_catalogue_at(catalogue, i)->description->verify.key;

		for (size_t k = 0; k < rule->prefix_count; k++) {
			bool new = count < PREFIXES;

			for (size_t j = 0; j < count; j++)
				new &= !slice_eq(out[j], rule->prefixes[k]);
			if (new)
				out[count++] = rule->prefixes[k];
		}
	}
	return count;
}

static void add_decoded(struct trust_tries *t, struct slice text, struct slice before, size_t changes)
{
	static const struct {
		enum trust_key_form form;
		const char *words;
	} forms[] = { { TRUST_KEY_TEXT, "with the secret's text as the key, not decoded" },
		      { TRUST_KEY_BASE64, "with the secret decoded from base64" },
		      { TRUST_KEY_BASE64URL, "with the secret decoded from base64url" },
		      { TRUST_KEY_HEX, "with the secret decoded from hex" } };

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct trust_key_rule rule = { .form = forms[i].form };

		add_key(t, &rule, text,
			arena_printf(t->arena, "%.*s%s%s", SLICE_ARGS(before), changes > 0 ? ", and " : "",
				     forms[i].words),
			changes + 1);
	}
}

static void add_stripped(struct trust_tries *t, struct slice text, struct slice before, size_t changes)
{
	struct slice known[PREFIXES];
	size_t count = prefixes(t, known);

	for (size_t i = 0; i < count; i++) {
		struct trust_key_rule rule = { TRUST_KEY_TEXT, { known[i] }, 1 };
		const char *and = changes > 0 ? ", and " : "";

		if (!slice_starts(text, known[i]))
			continue;
		add_key(t, &rule, text,
			arena_printf(t->arena, "%.*s%swith %.*s taken off the secret", SLICE_ARGS(before), and,
				     SLICE_ARGS(known[i])),
			changes + 1);
		rule.form = TRUST_KEY_BASE64;
		add_key(t, &rule, text,
			arena_printf(t->arena, "%.*s%swith %.*s taken off the secret and the rest decoded from base64",
				     SLICE_ARGS(before), and, SLICE_ARGS(known[i])),
			changes + 1);
	}
}

static void add_secret(struct trust_tries *t, size_t index)
{
	const struct trust_secret *secret = &t->verifier->secrets[index];
	const struct trust_key_rule *rule = &t->verifier->description->verify.key;
	struct slice text = t->verifier->route->secrets[index].bytes, clean = unquoted(text), words = SLICE_NONE;
	size_t changes = 0;

	if (!trust_secret_valid(secret, t->now_ms)) {
		words = arena_printf(t->arena, "if the secret \"%.*s\" were valid now", SLICE_ARGS(secret->name));
		add_key(t, rule, text, words, ++changes);
	}
	if (secret->ring)
		return;
	if (clean.n < text.n)
		add_key(t, rule, clean,
			arena_printf(t->arena, "%.*s%swithout the %s around the secret \"%.*s\"", SLICE_ARGS(words),
				     changes > 0 ? ", and " : "",
				     slice_trim(text).n < text.n ? "white space" : "quotes", SLICE_ARGS(secret->name)),
			changes + 1);
	add_decoded(t, text, words, changes);
	add_stripped(t, text, words, changes);
	add_key(t, rule, arena_printf(t->arena, "%.*s\n", SLICE_ARGS(text)),
		arena_printf(t->arena, "%.*s%swith a newline behind the secret \"%.*s\"", SLICE_ARGS(words),
			     changes > 0 ? ", and " : "", SLICE_ARGS(secret->name)),
		changes + 1);
}

static void add_other_routes(struct trust_tries *t)
{
	const struct trust_set *set = t->verifier->set;

	for (size_t i = 0; i < set->count; i++) {
		const struct config_route *route = set->verifiers[i].route;

		for (size_t k = 0; route != t->verifier->route && k < route->secret_count; k++)
			add_key(t, &t->verifier->description->verify.key, route->secrets[k].bytes,
				arena_printf(t->arena, "with the secret \"%.*s\" of the route %.*s",
					     SLICE_ARGS(route->secrets[k].name), SLICE_ARGS(route->name)),
				1);
	}
}

void trust_tries_keys(struct trust_tries *t)
{
	t->keys[t->key_count++] = (struct trust_try_key){ .changes = 0 };
	for (size_t i = 0; i < t->verifier->secret_count; i++)
		add_secret(t, i);
	add_other_routes(t);
}

void trust_tries_drop_keys(struct trust_tries *t)
{
	for (size_t i = 1; i < t->key_count; i++)
		trust_secret_close(&t->keys[i].secret);
}

/* ---- schemes ---- */

static struct trust_description *add_scheme(struct trust_tries *t, struct slice words)
{
	struct trust_description *copy = arena_alloc(t->arena, sizeof(*copy));

	if (!copy || t->scheme_count == TRUST_TRY_SCHEMES)
		return NULL;
	*copy = *t->verifier->description;
	t->schemes[t->scheme_count++] = (struct trust_try_scheme){ words, copy };
	return copy;
}

/* Of the same kind: another digest of a MAC, another digest or padding of the same type of key. */
static bool is_like(const struct trust_scheme *a, const struct trust_scheme *b)
{
	if (a == b)
		return false;
	if (a->is_public && b->is_public)
		return trust_algorithm_type(a->algorithm) == trust_algorithm_type(b->algorithm);
	return (a->digest && b->digest) || (a->hash && b->hash);
}

void trust_tries_schemes(struct trust_tries *t)
{
	const struct trust_verify *verify = &t->verifier->description->verify;
	const struct trust_scheme *scheme;
	struct trust_description *copy;

	t->schemes[t->scheme_count++] = (struct trust_try_scheme){ SLICE_NONE, t->verifier->description };
	for (size_t i = 0; (scheme = trust_scheme_at(i)) != NULL; i++) {
		copy = is_like(verify->scheme, scheme)
			       ? add_scheme(t, arena_printf(t->arena, "with %.*s", SLICE_ARGS(scheme->name)))
			       : NULL;
		if (copy)
			copy->verify.scheme = scheme;
	}
	if (!verify->scheme->is_public || verify->scheme->algorithm == TRUST_ED25519)
		return;
	copy = add_scheme(t, verify->form == TRUST_FORM_RAW ? SLICE("with the signature in DER")
							    : SLICE("with the signature as r and s, not in DER"));
	if (copy)
		copy->verify.form = verify->form == TRUST_FORM_RAW ? TRUST_FORM_DER : TRUST_FORM_RAW;
}
