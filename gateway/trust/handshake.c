/* handshake.c - step 3: a request that wants an answer of the provider's own instead of being stored.
 *
 * The special difficulty: this is looked for in every delivery, and must not cost a walk through each body. A body can
 * only match when the text that is asked for stands in it somewhere, which memmem() tells much faster. And what is
 * answered without a signature is answered to anybody: it gives nothing away that was made with a secret, but for what
 * filter.h allows. */
#include "trust/digest.h"
#include "trust/verify.h"

static bool in_body(const struct trust_place *place)
{
	return place->kind == TRUST_PLACE_POINTER || place->kind == TRUST_PLACE_FORM;
}

/* Could it be one, by what costs nothing to look at? */
static bool possible(const struct trust_handshake *handshake, const struct trust_verifier *verifier,
		     const struct request *request)
{
	if (!slice_eq(handshake->method, request->method))
		return false;
	if (handshake->learn.count > 0 && verifier->secret_count > 0)
		return false;
	for (size_t i = 0; i < handshake->match_count; i++) {
		const struct trust_match *match = &handshake->matches[i];
		struct slice ignored;

		if (match->place.kind == TRUST_PLACE_HEADER && !match->place.otherwise &&
		    match->kind != TRUST_MATCH_ABSENT &&
		    message_header(request, match->place.names[0], &ignored) == 0 &&
		    verifier->description->verify.family_count == 1)
			return false;
		if (!in_body(&match->place) || match->place.otherwise || match->kind == TRUST_MATCH_ABSENT)
			continue;
		if (request->body.n == 0)
			return false;
		if (match->kind == TRUST_MATCH_TEXT && match->place.inner == TRUST_INNER_NONE &&
		    !memmem(request->body.p, request->body.n, match->text.p, match->text.n))
			return false;
	}
	return true;
}

/* In constant time, whatever the lengths. */
static bool same(struct slice a, struct slice b)
{
	unsigned char hash_a[32], hash_b[32];

	trust_sha256(a, hash_a);
	trust_sha256(b, hash_b);
	return trust_equal(slice_of(hash_a, 32), slice_of(hash_b, 32));
}

static bool is_a_secret(const struct trust_reading *reading, struct slice value)
{
	const struct trust_verifier *verifier = reading->verifier;
	bool match = false;

	for (size_t i = 0; i < verifier->secret_count; i++)
		if (trust_secret_valid(&verifier->secrets[i], reading->now_ms))
			match |= same(verifier->secrets[i].key, value);
	return match;
}

enum fit { NOT_ONE, WRONG_TOKEN, FITS };

static enum fit fits(const struct trust_match *match, struct trust_reading *reading)
{
	struct slice value = SLICE_NONE, wanted;
	enum trust_found found = trust_place_find(&match->place, reading, &value);

	if (match->kind == TRUST_MATCH_ABSENT)
		return found == TRUST_ABSENT ? FITS : NOT_ONE;
	if (found != TRUST_FOUND)
		return NOT_ONE;
	switch (match->kind) {
	case TRUST_MATCH_TEXT:
		return slice_eq(match->text, value) ? FITS : NOT_ONE;
	case TRUST_MATCH_SECRET:
		return is_a_secret(reading, value) ? FITS : WRONG_TOKEN;
	case TRUST_MATCH_TEMPLATE:
		/* An option that the route leaves out is no empty token. */
		if (trust_template_join(&match->template, reading, &wanted) != TRUST_FOUND || wanted.n == 0)
			return NOT_ONE;
		return same(wanted, value) ? FITS : WRONG_TOKEN;
	case TRUST_MATCH_PRESENT:
	case TRUST_MATCH_ABSENT:
		break;
	}
	return FITS;
}

/* A wrong token only counts when all else fits. */
static enum fit matches(const struct trust_handshake *handshake, struct trust_reading *reading)
{
	enum fit all = FITS;

	if (trust_reading_look_up(reading, handshake->pointers) != JSON_OK)
		return NOT_ONE;
	for (size_t i = 0; i < handshake->match_count; i++) {
		enum fit fit = fits(&handshake->matches[i], reading);

		if (fit < all)
			all = fit;
		if (all == NOT_ONE)
			break;
	}
	return all;
}

bool trust_required(const struct trust_verifier *verifier, struct trust_reading *reading, struct slice *place)
{
	const struct trust_description *d = verifier->description;

	*place = SLICE("the body");
	if (d->required_count == 0)
		return true;
	if (trust_reading_look_up(reading, d->required_pointers) != JSON_OK)
		return false;
	for (size_t i = 0; i < d->required_count; i++)
		if (fits(&d->required[i], reading) != FITS) {
			*place = d->required[i].place.text;
			return false;
		}
	return true;
}

/* False when something that it is to be answered with is not there, or cannot stand in a header. */
static bool make_answer(const struct trust_handshake *handshake, struct trust_reading *reading, struct answer *answer)
{
	if (trust_template_join(&handshake->body, reading, &answer->body) != TRUST_FOUND)
		return false;
	if (handshake->content_type.n > 0)
		message_add(answer, SLICE("Content-Type"), handshake->content_type);
	for (size_t i = 0; i < handshake->header_count; i++) {
		struct slice value;

		if (trust_template_join(&handshake->headers[i].value, reading, &value) != TRUST_FOUND ||
		    slice_has_control(value))
			return false;
		if (value.n > 0)
			message_add(answer, handshake->headers[i].name, value);
	}
	return true;
}

static bool learn(const struct trust_handshake *handshake, struct trust_reading *reading, struct slice *secret)
{
	for (size_t i = 0; i < handshake->learn.count; i++)
		if (trust_template_join(&handshake->learn.alternatives[i], reading, secret) == TRUST_FOUND)
			return secret->n > 0 && !slice_has_control(*secret);
	return handshake->learn.count == 0;
}

/* Tries one of them; true when the verdict is in. */
static bool shake(const struct trust_handshake *handshake, struct trust_reading *reading, struct trust_verdict *verdict)
{
	struct answer answer = { .status = handshake->status };
	struct slice learned = SLICE_NONE;
	enum fit fit = matches(handshake, reading);

	if (fit == WRONG_TOKEN && handshake->mismatch) {
		verdict->result = TRUST_SIGNATURE_MISMATCH;
		verdict->reason = "a handshake of the provider with the wrong token";
		verdict->refusal_status = handshake->mismatch;
		return true;
	}
	if (fit != FITS || !make_answer(handshake, reading, &answer) || !learn(handshake, reading, &learned))
		return false;
	verdict->result = TRUST_CHALLENGE;
	verdict->reason = "a handshake of the provider";
	verdict->answer = answer;
	verdict->learned = learned;
	return true;
}

/* The first secret that is valid now is what an unsigned handshake is answered with. */
static void arm(struct trust_reading *reading, struct trust_lane *lane)
{
	const struct trust_verifier *verifier = reading->verifier;

	reading->unproven = true;
	for (size_t i = 0; i < verifier->secret_count && !reading->lane; i++)
		if (trust_secret_valid(&verifier->secrets[i], reading->now_ms)) {
			reading->lane = lane;
			reading->secret = i;
		}
}

bool trust_handshake(const struct trust_verifier *verifier, struct trust_reading *reading, struct trust_lane *lane,
		     bool is_signed, struct trust_verdict *verdict)
{
	const struct trust_description *d = verifier->description;

	for (size_t i = 0; i < d->handshake_count; i++) {
		const struct trust_handshake *handshake = &d->handshakes[i];

		if (handshake->is_signed != is_signed || !possible(handshake, verifier, reading->request))
			continue;
		if (!is_signed)
			arm(reading, lane);
		if (shake(handshake, reading, verdict))
			return true;
	}
	return false;
}
