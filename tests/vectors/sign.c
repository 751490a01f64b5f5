/* sign.c - deliveries that we sign ourselves, as `hookgate send` does. The difficulty: where the secret is a public key, nobody has the
 * private one, so a pair is made and the route is told of it. */
#include "vectors.h"

#include <errno.h>
#include <stdlib.h>

/* Everything of what was made, as a vector of its own, so that its bits can be flipped. */
static void make_vector(struct vector *made, const struct vector *v, const struct request *request)
{
	*made = *v;
	made->request = (struct request){ .method = request->method,
					  .target = vector_copy(request->target),
					  .body = vector_copy(request->body),
					  .headers = made->headers };
	if (!message_split_target(made->request.target, &made->request.path, &made->request.query))
		abort();
	for (size_t i = 0; i < request->header_count; i++)
		vector_add_header(made, request->headers[i].name, request->headers[i].value);
}

/* What was made must be accepted, and refused with one bit flipped. */
static void check_made(struct run *run, const struct request *request)
{
	struct vector made;
	struct run own = { .vector = &made, .set = run->set, .lane = run->lane, .arena = run->arena };
	struct trust_verdict verdict;
	struct slice guard;

	make_vector(&made, run->vector, request);
	vectors_total.round_trips++;
	if (vector_check(&own, &verdict) != TRUST_ACCEPTED) {
		vector_fail(run->vector, "what `hookgate send` makes is not accepted", slice_str(verdict.reason));
	} else {
		guard = vector_copy(verdict.guard);
		verdict.guard = guard;
		vector_flip_bits(&own, &verdict);
		vector_drop(guard);
	}
	vector_end(&made);
}

/* Signs a delivery of our own with the vector's first secret, or where nobody has that with the key. -ENOTSUP: it cannot. */
static int sign(struct run *run, struct slice key, struct arena *arena, struct header *headers, struct request *request,
		struct reason *reason)
{
	const struct trust_verifier *verifier = trust_set_verifier(run->set, 0);
	struct trust_draft draft = { .method = SLICE("POST"),
				     .target = SLICE("/hooks/x"),
				     .id = SLICE("round-trip-1"),
				     .type = SLICE("round.trip"),
				     .now_ms = run->vector->now_ms,
				     .key = key };

	draft.content_type = verifier->description->sample_content_type;
	draft.body = trust_sample_body(verifier, draft.id, draft.type, draft.now_ms, arena);
	*request = (struct request){ .method = draft.method, .headers = headers };
	return trust_sign(verifier, &draft, arena, headers, HEADERS_MAX, &request->header_count, &request->target,
			  &request->body, reason);
}

/* As with `hookgate send`: a private key is made, and the route is told of the public one. */
static void round_trip_with_key(struct run *run, const struct trust_catalogue *catalogue)
{
	struct buf private_text = BUF_EMPTY, public_text = BUF_EMPTY;
	struct vector keyed = *run->vector;
	struct run own = { .vector = &keyed, .arena = run->arena };
	struct arena *arena = arena_new(65536, 1 << 24);
	struct header headers[HEADERS_MAX];
	struct request request;
	struct reason reason = { "" };

	if (!arena || trust_key_make(trust_set_verifier(run->set, 0), &private_text, &public_text))
		abort();
	keyed.secrets[0] = (struct config_secret){ .name = SLICE("made"),
						   .bytes = buf_slice(&public_text),
						   .not_before_ms = INT64_MIN,
						   .not_after_ms = INT64_MAX };
	keyed.route.secrets = keyed.secrets;
	keyed.route.secret_count = 1;
	keyed.config.routes = &keyed.route;
	if (vector_bind(&own, &keyed.config, catalogue)) {
		if (sign(&own, buf_slice(&private_text), arena, headers, &request, &reason))
			vector_fail(run->vector, "`hookgate send` cannot make one with its key",
				    slice_str(reason.text));
		else
			check_made(&own, &request);
	}
	vector_unbind(&own);
	buf_wipe(&private_text);
	buf_free(&public_text);
	arena_free(arena);
}

/* One per key is enough. */
void vector_round_trip(struct run *run, const struct trust_catalogue *catalogue)
{
	struct arena *arena = arena_new(65536, 1 << 24);
	struct header headers[HEADERS_MAX];
	struct request request;
	struct reason reason = { "" };

	if (!arena)
		abort();
	if (trust_needs_private_key(trust_set_verifier(run->set, 0))) {
		if (!vectors_total.keyed)
			round_trip_with_key(run, catalogue);
		vectors_total.keyed = true;
	} else {
		int fault = sign(run, SLICE_NONE, arena, headers, &request, &reason);

		/* Not every route's own wishes are met by a sample; those of one vector of the file must be. */
		if (fault == 0)
			check_made(run, &request);
		else if (fault != -ENOTSUP)
			vector_fail(run->vector, "`hookgate send` cannot make one", slice_str(reason.text));
	}
	arena_free(arena);
}
