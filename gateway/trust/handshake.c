/* handshake.c - step 3: a request that wants an answer of the provider's own instead of being stored.
 *
 * The special difficulty: this is looked for in every delivery, and must not cost a walk through each body. A body can
 * only match when the text that is asked for stands in it somewhere, which memmem() tells much faster. */
#include "trust/verify.h"

/* Could it be one, by what costs nothing to look at? */
static bool possible(const struct trust_handshake *handshake, const struct request *request)
{
	if (!slice_eq(handshake->method, request->method))
		return false;
	for (size_t i = 0; i < handshake->match_count; i++) {
		const struct trust_match *match = &handshake->matches[i];

		if (match->place.kind != TRUST_PLACE_POINTER && match->place.kind != TRUST_PLACE_FORM)
			continue;
		if (request->body.n == 0)
			return false;
		if (!slice_eq(match->text, SLICE("*")) &&
		    !memmem(request->body.p, request->body.n, match->text.p, match->text.n))
			return false;
	}
	return true;
}

static bool matches(const struct trust_handshake *handshake, struct trust_reading *reading)
{
	if (trust_reading_look_up(reading, handshake->pointers | handshake->body.pointers) != JSON_OK)
		return false;
	for (size_t i = 0; i < handshake->match_count; i++) {
		const struct trust_match *match = &handshake->matches[i];
		struct slice value;

		if (trust_place_find(&match->place, reading, &value) != TRUST_FOUND)
			return false;
		if (!slice_eq(match->text, SLICE("*")) && !slice_eq(match->text, value))
			return false;
	}
	return true;
}

bool trust_handshake(const struct trust_verifier *verifier, struct trust_reading *reading, bool is_signed,
		     struct trust_verdict *verdict)
{
	const struct trust_description *d = verifier->description;

	for (size_t i = 0; i < d->handshake_count; i++) {
		const struct trust_handshake *handshake = &d->handshakes[i];
		struct answer answer = { .status = handshake->status };

		if (handshake->is_signed != is_signed || !possible(handshake, reading->request) ||
		    !matches(handshake, reading))
			continue;
		/* What it is to be answered with may not be there: then it is none of this provider's handshakes. */
		if (trust_template_join(&handshake->body, reading, &answer.body) != TRUST_FOUND)
			continue;
		if (handshake->content_type.n > 0)
			message_add(&answer, SLICE("Content-Type"), handshake->content_type);
		verdict->result = TRUST_CHALLENGE;
		verdict->reason = "a handshake of the provider";
		verdict->answer = answer;
		return true;
	}
	return false;
}
