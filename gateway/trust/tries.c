/* tries.c - what would have matched, see tries.h.
 *
 * The special difficulty: mistakes come in pairs (a decoded key and a newline), and each scheme and plugin has its own way
 * to prove. So what can be changed lies on four axes (request, signature, key, scheme), every combination is put to the
 * engine as if it had come like that, those with the fewest changes first, and only these are told. Nothing of a key and
 * no right signature is ever printed: only which change made it match. */
#include "trust/catalogue.h"
#include "trust/key.h"
#include "trust/lane.h"
#include "trust/tries_inner.h"

#include <time.h>

enum {
	HITS_MAX = 8,
	CHANGES_MAX = 3,
	PROVIDERS_TOLD = 5,
	SCRATCH = 64 * 1024,
	SCRATCH_MAX = 256 * 1024 * 1024,
	LARGEST_BODY = 4 * 1024 * 1024,
	TIME_MS = 3000
};

struct search {
	struct trust_tries tries;
	struct keys *fetched;
	struct arena *scratch;
	struct buf *out;
	int64_t until_ms;
	struct slice hits[HITS_MAX];
	size_t hit_count;
	bool late; /* there was no time for all of them */
};

/* In the processor's time: on a busy machine the search is as long, and finds as much. */
static int64_t spent_ms(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) != 0)
		return 0;
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- one of them ---- */

/* Would the engine say that the signature is right? The clock does not count. */
static bool is_right(struct search *s, const struct trust_verifier *verifier, struct trust_lane *lane,
		     const struct request *request)
{
	struct trust_verdict verdict;

	arena_reset(s->scratch);
	return trust_check(verifier, lane, request, s->tries.now_ms, s->scratch, &verdict) == 0 &&
	       (verdict.result == TRUST_ACCEPTED || verdict.secret_index != SIZE_MAX);
}

/* The route's verifier with another key and scheme. */
static struct trust_verifier verifier_of(const struct trust_tries *t, struct trust_try_key *key,
					 const struct trust_try_scheme *scheme)
{
	struct trust_verifier verifier = *t->verifier;

	verifier.description = scheme->description;
	verifier.variants = NULL;
	verifier.variant_count = 0;
	verifier.slot = 0;
	verifier.tolerance_ms = verifier.future_ms = -1;
	if (key->changes > 0) {
		verifier.secrets = &key->secret;
		verifier.secret_count = 1;
	}
	return verifier;
}

/* The request with the header in the place of those of its name. */
static struct request request_of(const struct trust_try_request *request, const struct trust_try_signature *signature,
				 struct arena *arena)
{
	struct request out = *request->request;
	struct header *headers = arena_alloc(arena, (out.header_count + 1) * sizeof(*headers));
	size_t count = 0;

	if (signature->header.name.n == 0 || !headers)
		return out;
	for (size_t i = 0; i < out.header_count; i++)
		if (!slice_eq_nocase(out.headers[i].name, signature->header.name))
			headers[count++] = out.headers[i];
	headers[count++] = signature->header;
	out.headers = headers;
	out.header_count = count;
	return out;
}

static void change(struct trust_tries *t, struct slice *words, struct slice what)
{
	if (what.n > 0)
		*words = arena_printf(t->arena, "%.*s%s%.*s", SLICE_ARGS(*words), words->n > 0 ? ", and " : "",
				      SLICE_ARGS(what));
}

static void hit(struct search *s, struct slice words)
{
	for (size_t i = 0; i < s->hit_count; i++)
		if (slice_eq(s->hits[i], words))
			return;
	if (s->hit_count < HITS_MAX)
		s->hits[s->hit_count++] = words;
}

/* ---- all of them ---- */

/* Combinations with one key and one scheme, and so many changes more. */
static void search_requests(struct search *s, struct trust_try_key *key, const struct trust_try_scheme *scheme,
			    size_t changes)
{
	struct trust_tries *t = &s->tries;
	struct trust_verifier verifier = verifier_of(t, key, scheme);
	struct trust_set set = *verifier.set;
	struct trust_lane *lane;

	set.slots = verifier.secret_count;
	if (changes > 2 || trust_lane_new(&set, &lane))
		return;
	trust_lane_use_keys(lane, s->fetched);
	for (size_t r = 0; r < t->request_count && !s->late; r++)
		for (size_t i = 0; i < t->signature_count; i++) {
			struct slice words = SLICE_NONE;
			struct request request;

			if ((size_t)(r > 0) + (i > 0) != changes)
				continue;
			s->late |= spent_ms() > s->until_ms;
			request = request_of(&t->requests[r], &t->signatures[i], t->arena);
			verifier.route = t->requests[r].route;
			if (s->late || !is_right(s, &verifier, lane, &request))
				continue;
			change(t, &words, key->words);
			change(t, &words, scheme->words);
			change(t, &words, t->requests[r].words);
			change(t, &words, t->signatures[i].words);
			hit(s, words);
		}
	trust_lane_free(lane);
}

static void search_level(struct search *s, size_t changes)
{
	struct trust_tries *t = &s->tries;

	for (size_t k = 0; k < t->key_count; k++)
		for (size_t i = 0; i < t->scheme_count; i++) {
			size_t made = t->keys[k].changes + (i > 0);

			if (made <= changes && !s->late)
				search_requests(s, &t->keys[k], &t->schemes[i], changes - made);
		}
}

/* ---- other providers ---- */

static bool matches_as(struct search *s, const struct trust_provider *provider)
{
	const struct trust_tries *t = &s->tries;
	const struct trust_description *d = provider->description;
	bool match = false;

	for (size_t i = 0; i < t->verifier->secret_count && !match; i++) {
		struct trust_secret secret = { .not_before_ms = INT64_MIN, .not_after_ms = INT64_MAX };
		struct trust_verifier verifier = { .route = t->verifier->route,
						   .provider = provider,
						   .description = d,
						   .secrets = &secret,
						   .secret_count = 1,
						   .tolerance_ms = -1,
						   .future_ms = -1 };
		struct trust_set set = *t->verifier->set;
		struct trust_lane *lane;
		struct reason ignored;

		if (trust_secret_open(&d->verify, t->verifier->route->secrets[i].bytes, &secret, &ignored))
			continue;
		verifier.set = &set;
		set.slots = 1;
		if (trust_lane_new(&set, &lane) == 0) {
			match = is_right(s, &verifier, lane, t->request);
			trust_lane_free(lane);
		}
		trust_secret_close(&secret);
	}
	return match;
}

/* Many sign in the same way: the first ones are named. */
static void try_providers(struct search *s)
{
	struct trust_tries *t = &s->tries;
	const struct trust_catalogue *catalogue = t->verifier->set->catalogue;
	struct slice words = SLICE_NONE;
	size_t found = 0;

	for (size_t i = 0; i < trust_catalogue_count(catalogue) && !s->late; i++) {
		const struct trust_provider *provider = trust_catalogue_at(catalogue, i);
		const struct trust_description *d = provider->description;

		s->late |= spent_ms() > s->until_ms;
		if (provider == t->verifier->provider || d == t->verifier->description || !d->verify.scheme ||
		    !d->verify.scheme->keyed || !matches_as(s, provider))
			continue;
		if (found == 0)
			words = arena_printf(t->arena,
					     "if the route had `provider: %.*s`: this is signed the way %.*s signs",
					     SLICE_ARGS(d->name), SLICE_ARGS(d->title.n > 0 ? d->title : d->name));
		else if (found < PROVIDERS_TOLD)
			words = arena_printf(t->arena, "%.*s%s%.*s", SLICE_ARGS(words), found == 1 ? ", as do " : ", ",
					     SLICE_ARGS(d->name));
		found++;
	}
	if (found > PROVIDERS_TOLD)
		words = arena_printf(t->arena, "%.*s and %zu more", SLICE_ARGS(words), found - PROVIDERS_TOLD);
	if (found > 0)
		hit(s, words);
}

static void tell(struct search *s)
{
	for (size_t i = 0; i < s->hit_count; i++)
		buf_printf(s->out, "would match:  %.*s\n", SLICE_ARGS(s->hits[i]));
	if (s->hit_count == 0)
		buf_printf(
			s->out,
			"would match:  nothing that was tried (other line ends and ways to write the JSON, the secret "
			"decoded or not, other encodings and digests, URLs, other secrets, other providers)%s\n",
			s->late ? "; not all could be tried within 3 s of the processor's time" : "");
}

void trust_tries(const struct trust_verifier *verifier, struct keys *keys, const struct trust_evidence *evidence,
		 int64_t now_ms, struct buf *out)
{
	struct search s = { .fetched = keys, .out = out, .until_ms = spent_ms() + TIME_MS };
	struct trust_tries *t = &s.tries;

	t->verifier = verifier;
	t->evidence = evidence;
	t->request = evidence->reading.request;
	t->arena = evidence->reading.arena;
	t->now_ms = now_ms;
	if (t->request->body.n > LARGEST_BODY) {
		buf_add_str(out, "would match:  not tried, the body is larger than 4 MiB\n");
		return;
	}
	s.scratch = arena_new(SCRATCH, SCRATCH_MAX);
	if (!s.scratch)
		return;
	trust_tries_keys(t);
	trust_tries_schemes(t);
	trust_tries_signatures(t);
	trust_tries_requests(t);
	try_providers(&s);
	for (size_t changes = 1; changes <= CHANGES_MAX && (s.hit_count == 0 || changes == 1); changes++)
		search_level(&s, changes);
	tell(&s);
	trust_tries_drop_keys(t);
	arena_free(s.scratch);
}
