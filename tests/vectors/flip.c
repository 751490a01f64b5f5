/* flip.c - single bits of what an accepted request has signed, flipped. The difficulty is which: not every bit makes a difference that
 * counts, so they are those of just the bytes that the engine says it used. */
#include "trust/form.h"
#include "vectors.h"

#include <stdlib.h>

enum { FLIPS = 64, ALL_BITS_UP_TO = 64 };

/* Flips one bit and expects that the request is refused; or, where `other` is said, that it is only accepted for another
 * signature that is right as well. */
static void flip(struct run *run, struct slice bytes, size_t bit, struct slice other, const char *what)
{
	unsigned char *p = (unsigned char *)(uintptr_t)bytes.p + bit / 8;
	struct trust_verdict verdict;
	unsigned char before = *p;

	*p ^= (unsigned char)(1U << bit % 8);
	vectors_total.flips++;
	if (vector_check(run, &verdict) == TRUST_ACCEPTED && (other.n == 0 || slice_eq(verdict.guard, other)))
		vector_fail(run->vector, what, slice_of(p, 1));
	*p = before;
}

/* The case of a percent escape's letter is no difference in a form. */
static bool is_escape(const struct run *run, struct slice bytes, size_t at)
{
	return slice_eq_nocase(trust_media_type(&run->vector->request), SLICE("application/x-www-form-urlencoded")) &&
	       bytes.p[at] >= 'A' && ((at >= 1 && bytes.p[at - 1] == '%') || (at >= 2 && bytes.p[at - 2] == '%'));
}

static void flip_all(struct run *run, struct slice bytes, bool hex, struct slice other, const char *what)
{
	size_t bits = bytes.n * 8;
	size_t step = bytes.n <= ALL_BITS_UP_TO ? 1 : bits / FLIPS | 1;

	for (size_t bit = 0; bit < bits; bit += step) {
		/* The case of a hex letter is no difference. */
		if (bit % 8 == 5 && ((hex && bytes.p[bit / 8] >= 'A') || is_escape(run, bytes, bit / 8)))
			continue;
		flip(run, bytes, bit, other, what);
	}
}

/* Does it stand in what was sent, and not in a decoded copy of it? */
static bool is_of(struct slice part, struct slice whole)
{
	return part.n > 0 && whole.n > 0 && part.p >= whole.p && part.p + part.n <= whole.p + whole.n;
}

static bool was_sent(const struct vector *v, struct slice part)
{
	if (is_of(part, v->request.body) || is_of(part, v->request.query))
		return true;
	for (size_t i = 0; i < v->request.header_count; i++)
		if (is_of(part, v->headers[i].value))
			return true;
	return false;
}

/* The candidate that is right: of several, the one that the guard is made of, which only a MAC or a hash is. */
static struct slice right_candidate(const struct trust_verifier *verifier, const struct trust_evidence *evidence,
				    struct slice guard, struct arena *arena)
{
	for (size_t i = 0; i < evidence->candidate_count; i++) {
		struct slice decoded;

		if (guard.n == 0 || evidence->candidate_count == 1 ||
		    (trust_decode(verifier->description->verify.encoding, evidence->candidates[i], arena, &decoded) &&
		     slice_eq(decoded, guard)))
			return evidence->candidates[i];
	}
	return SLICE_NONE;
}

/* Gathers the group of signature and timestamp (there is mostly but one) in which the right one stands. */
static struct slice right_group(struct run *run, const struct trust_verifier *verifier, struct slice guard,
				struct arena *arena, struct trust_evidence *evidence)
{
	struct slice value = SLICE_NONE;
	const char *reason;

	for (size_t group = TRUST_GROUPS_MAX; group-- > 0 && value.n == 0;)
		if (trust_gather_group(verifier, &run->vector->request, run->vector->now_ms, arena, group, evidence,
				       &reason) == TRUST_ACCEPTED)
			value = right_candidate(verifier, evidence, guard, arena);
	return value;
}

/* Is the request refused without it? */
static bool is_needed(struct run *run, struct slice candidate)
{
	unsigned char *first = (unsigned char *)(uintptr_t)candidate.p;
	struct trust_verdict verdict;
	bool accepted;

	*first ^= 1;
	accepted = vector_check(run, &verdict) == TRUST_ACCEPTED;
	*first ^= 1;
	return !accepted;
}

/* What is signed with a private key is no MAC that we could compare with: the right candidate is the one that is needed.
 * Where two are right there is none. */
static struct slice needed_candidate(struct run *run, const struct trust_evidence *evidence)
{
	for (size_t i = 0; i < evidence->candidate_count; i++)
		if (was_sent(run->vector, evidence->candidates[i]) && is_needed(run, evidence->candidates[i]))
			return evidence->candidates[i];
	return SLICE_NONE;
}

static bool within(struct slice part, struct slice whole)
{
	return part.p >= whole.p && part.p + part.n <= whole.p + whole.n;
}

static bool is_hex(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!strchr("0123456789abcdefABCDEF", s.p[i]))
			return false;
	return s.n > 0;
}

/* Of a plugin: the signatures that it named, where they stand in the request as they were sent. */
static void flip_plugin(struct run *run, const struct trust_evidence *evidence, struct slice guard)
{
	const struct vector *v = run->vector;

	for (size_t i = 0; i < evidence->candidate_count; i++) {
		struct slice candidate = evidence->candidates[i];
		bool in_request = within(candidate, v->request.body);

		for (size_t k = 0; k < v->request.header_count; k++)
			in_request |= within(candidate, v->headers[k].value);
		if (in_request && (evidence->candidate_count == 1 || is_needed(run, candidate)))
			flip_all(run, candidate, is_hex(candidate), guard,
				 "a bit of the signature flipped, and still accepted");
	}
	if (evidence->candidate_count == 0)
		vector_fail(v, "the plugin named no signature", SLICE_NONE);
}

void vector_flip_bits(struct run *run, const struct trust_verdict *verdict)
{
	struct arena *arena = arena_new(65536, 1 << 24);
	const struct trust_verifier *verifier =
		arena ? trust_pick(trust_set_verifier(run->set, 0), &run->vector->request, arena) : NULL;
	const struct trust_description *d = verifier ? verifier->description : NULL;
	const struct trust_template *id = verifier ? &d->id.alternatives[0] : NULL;
	struct trust_evidence evidence;
	struct slice value, kept = vector_copy(verdict->guard);
	bool full = verdict->covered == TRUST_COVER_FULL;

	if (!verifier)
		abort();
	/* Of a compressed body not each bit makes another text. */
	if (full &&
	    !(d->verify.inflate && message_header(&run->vector->request, SLICE("Content-Encoding"), &value) > 0))
		flip_all(run, run->vector->request.body, false, SLICE_NONE,
			 "a bit of the body flipped, and still accepted");
	value = right_group(run, verifier, kept, arena, &evidence);
	if (value.n == 0 && !d->verify.plugin)
		value = needed_candidate(run, &evidence);
	if (d->verify.plugin) {
		flip_plugin(run, &evidence, kept);
		value = SLICE_NONE;
	} else if (d->verify.scheme->keyed && value.n == 0 && evidence.candidate_count < 2) {
		vector_fail(run->vector, "no candidate is the right one", SLICE_NONE);
	}
	if (was_sent(run->vector, value))
		flip_all(run, value, d->verify.encoding == TRUST_ENCODING_HEX, kept,
			 "a bit of the signature flipped, and still accepted");
	if (d->verify.has_timestamp && was_sent(run->vector, evidence.reading.timestamp))
		flip_all(run, evidence.reading.timestamp, false, SLICE_NONE,
			 "a bit of the timestamp flipped, and still accepted");
	if (d->id_signed && id->count == 1 &&
	    trust_place_find(&id->parts[0].place, &evidence.reading, &value) == TRUST_FOUND &&
	    was_sent(run->vector, value))
		flip_all(run, value, false, SLICE_NONE, "a bit of the signed id flipped, and still accepted");
	vector_drop(kept);
	arena_free(arena);
}
