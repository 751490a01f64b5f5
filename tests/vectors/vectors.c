/* vectors.c - runs the test vectors that stand in every description of plugins/, and turns each accepted one into many that
 * must be refused: one bit flipped in the body, the signature, the timestamp, the signed id.
 *
 * The special difficulty: not every flipped bit makes a difference that counts ("a" and "A" are the same hex digit, a wrong
 * signature beside the right one is no matter), so bits are flipped in exactly the bytes that the engine says it used. Of
 * the body all bits count where the description says that it is covered; the others are named at the end.
 *
 * And what `hookgate send` would send with the vector's secret, or with a key that it makes, must be accepted as well, and
 * refused with a bit flipped: of every description at least one, without exception.
 *
 * vectors FOLDER [FILE]: prints what failed and how many were run; exit 0 when all is well. With FILE the vectors that stand
 * there are run, each of which names its provider, and not those of the descriptions. */
#include "base/encode.h"
#include "base/num.h"
#include "config/node.h"
#include "trust/catalogue.h"
#include "trust/form.h"
#include "trust/verify.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { HEADERS_MAX = 64, SECRETS_MAX = 8, FLIPS = 64, ALL_BITS_UP_TO = 64 };

static struct {
	size_t files, vectors, flips, differ, round_trips, failed;
	bool keyed;	      /* a delivery of this file was signed with a key of our own */
	char uncovered[8192]; /* names of descriptions whose proof does not cover the whole body */
} total;

/* Everything of one vector that can be changed stands in memory of its own. */
struct vector {
	const char *file;
	const struct config_node *node;
	struct slice name, expect;
	struct header headers[HEADERS_MAX];
	struct config_secret secrets[SECRETS_MAX];
	struct config_route route;
	struct config config;
	struct request request;
	int64_t now_ms;
};

struct run {
	struct vector *vector;
	struct trust_set *set;
	struct trust_lane *lane;
	struct arena *arena;
};

static void fail(const struct vector *v, const char *what, struct slice got)
{
	printf("FAILED %s:%u: %.*s: %s: %.*s\n", v->file, v->node->line, SLICE_ARGS(v->name), what, SLICE_ARGS(got));
	total.failed++;
}

static struct slice copy(struct slice s)
{
	unsigned char *p = malloc(s.n + 1);

	if (!p)
		abort();
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return slice_of(p, s.n);
}

static void drop(struct slice s)
{
	free((void *)(uintptr_t)s.p);
}

static struct slice text_of(const struct config_node *node, const char *key)
{
	const struct config_node *child = config_node_get(node, slice_str(key));

	return child ? child->text : SLICE_NONE;
}

/* ---- reading ---- */

static void add_header(struct vector *v, struct slice name, struct slice value)
{
	if (v->request.header_count == HEADERS_MAX)
		abort();
	v->headers[v->request.header_count++] = (struct header){ name, copy(value) };
}

static void read_headers(struct vector *v)
{
	const struct config_node *headers = config_node_get(v->node, SLICE("headers"));

	v->request.headers = v->headers;
	for (const struct config_node *h = headers ? headers->first : NULL; h; h = h->next) {
		if (h->kind == CONFIG_SCALAR)
			add_header(v, h->key, h->text);
		for (const struct config_node *item = h->first; item; item = item->next)
			add_header(v, h->key, item->text);
	}
}

static void read_body(struct vector *v)
{
	const struct config_node *encoded = config_node_get(v->node, SLICE("body_base64"));
	unsigned char *bytes;
	size_t n = 0;

	if (!encoded) {
		v->request.body = copy(text_of(v->node, "body"));
		return;
	}
	bytes = malloc(encode_base64_room(encoded->text.n));
	if (!bytes || !encode_base64_decode(ENCODE_BASE64, encoded->text, bytes, &n))
		fail(v, "body_base64 is not", encoded->text);
	v->request.body = slice_of(bytes, n);
}

static int64_t seconds(const struct config_node *node, const char *key, int64_t otherwise)
{
	uint64_t s;

	return num_parse_u64(text_of(node, key), 1ULL << 40, &s) ? (int64_t)s * 1000 : otherwise;
}

static void add_secret(struct vector *v, struct slice name, struct slice bytes, const struct config_node *node)
{
	v->secrets[v->route.secret_count++] = (struct config_secret){
		.name = name,
		.bytes = bytes,
		.node = node,
		.not_before_ms = seconds(node, "not_before", INT64_MIN),
		.not_after_ms = seconds(node, "not_after", INT64_MAX),
	};
}

static void read_secrets(struct vector *v)
{
	const struct config_node *one = config_node_get(v->node, SLICE("secret"));
	const struct config_node *several = config_node_get(v->node, SLICE("secrets"));

	if (one)
		add_secret(v, SLICE("secret"), one->text, one);
	for (const struct config_node *s = several ? several->first : NULL; s; s = s->next)
		add_secret(v, text_of(s, "name"), text_of(s, "value"), s);
	v->route.secrets = v->secrets;
}

static void read_vector(struct vector *v, const char *file, const struct config_node *node, struct slice provider)
{
	struct slice missing = text_of(node, "missing_id");
	struct slice method = text_of(node, "method"), target = text_of(node, "target");

	*v = (struct vector){
		.file = file, .node = node, .name = text_of(node, "name"), .expect = text_of(node, "expect")
	};
	v->now_ms = seconds(node, "now", 0);
	v->route = (struct config_route){ .name = provider,
					  .path = SLICE("/hooks/x"),
					  .provider = provider,
					  .node = node,
					  .tolerance_ms = -1,
					  .public_url = text_of(node, "public_url"),
					  .options = config_node_get(node, SLICE("options")),
					  .verify = config_node_get(node, SLICE("verify")) };
	if (slice_eq(missing, SLICE("reject")))
		v->route.missing_id = CONFIG_MISSING_REJECT;
	v->request.method = method.n > 0 ? method : SLICE("POST");
	v->request.target = copy(target.n > 0 ? target : SLICE("/hooks/x"));
	if (!message_split_target(v->request.target, &v->request.path, &v->request.query))
		fail(v, "no target", v->request.target);
	read_headers(v);
	read_body(v);
	read_secrets(v);
	v->config = (struct config){ .file = file, .routes = &v->route, .route_count = 1 };
}

static void drop_vector(struct vector *v)
{
	for (size_t i = 0; i < v->request.header_count; i++)
		drop(v->headers[i].value);
	drop(v->request.body);
	drop(v->request.target);
}

/* ---- running ---- */

static const char *const results[] = {
	[TRUST_ACCEPTED] = "accepted",
	[TRUST_CHALLENGE] = "challenge",
	[TRUST_SIGNATURE_MISSING] = "signature_missing",
	[TRUST_SIGNATURE_MISMATCH] = "signature_mismatch",
	[TRUST_TIMESTAMP_OUT_OF_TOLERANCE] = "timestamp_out_of_tolerance",
	[TRUST_MALFORMED_REQUEST] = "malformed_request",
	[TRUST_MALFORMED_BODY] = "malformed_body",
	[TRUST_KEY_PENDING] = "overloaded",
	[TRUST_KEY_FAILED] = "overloaded",
};

static const char *const event_results[] = {
	[TRUST_EVENT_OK] = "accepted",
	[TRUST_EVENT_ID_MISSING] = "event_id_missing",
	[TRUST_EVENT_MALFORMED_BODY] = "malformed_body",
	[TRUST_EVENT_MALFORMED_REQUEST] = "malformed_request",
};

static enum trust_result check(struct run *run, struct trust_verdict *verdict)
{
	arena_reset(run->arena);
	if (trust_check(trust_set_verifier(run->set, 0), run->lane, &run->vector->request, run->vector->now_ms,
			run->arena, verdict))
		abort();
	return verdict->result;
}

static void expect_text(const struct vector *v, const struct config_node *node, const char *key, struct slice got)
{
	const struct config_node *expected = config_node_get(node, slice_str(key));

	if (expected && !slice_eq(expected->text, got))
		fail(v, key, got);
}

static struct slice answer_header(const struct answer *answer, struct slice name)
{
	for (size_t i = 0; i < answer->header_count; i++)
		if (slice_eq_nocase(answer->headers[i].name, name))
			return answer->headers[i].value;
	return SLICE_NONE;
}

/* All headers that it has, and no others. */
static void expect_headers(const struct vector *v, const struct config_node *expected, const struct answer *answer)
{
	const struct config_node *headers = config_node_get(expected, SLICE("headers"));
	struct slice type = answer_header(answer, SLICE("Content-Type"));
	size_t count = type.n > 0;

	if (!slice_eq(type, text_of(expected, "content_type")))
		fail(v, "content_type", type);
	for (const struct config_node *h = headers ? headers->first : NULL; h; h = h->next, count++)
		if (!slice_eq(h->text, answer_header(answer, h->key)))
			fail(v, "a header of the answer", answer_header(answer, h->key));
	if (count != answer->header_count)
		fail(v, "the answer has other headers than these", SLICE_NONE);
}

static void expect_answer(const struct vector *v, const struct answer *answer)
{
	const struct config_node *expected = config_node_get(v->node, SLICE("answer"));
	char status[16];

	(void)snprintf(status, sizeof(status), "%u", answer->status);
	if (!expected) {
		fail(v, "the vector does not say the answer", answer->body);
		return;
	}
	expect_text(v, expected, "status", slice_str(status));
	expect_text(v, expected, "body", answer->body);
	expect_headers(v, expected, answer);
}

/* Flips one bit and expects that the request is refused; or, where `other` is said, that it is only accepted for another
 * signature that is right as well. */
static void flip(struct run *run, struct slice bytes, size_t bit, struct slice other, const char *what)
{
	unsigned char *p = (unsigned char *)(uintptr_t)bytes.p + bit / 8;
	struct trust_verdict verdict;
	unsigned char before = *p;

	*p ^= (unsigned char)(1U << bit % 8);
	total.flips++;
	if (check(run, &verdict) == TRUST_ACCEPTED && (other.n == 0 || slice_eq(verdict.guard, other)))
		fail(run->vector, what, slice_of(p, 1));
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
	accepted = check(run, &verdict) == TRUST_ACCEPTED;
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
		fail(v, "the plugin named no signature", SLICE_NONE);
}

static void flip_bits(struct run *run, const struct trust_verdict *verdict)
{
	struct arena *arena = arena_new(65536, 1 << 24);
	const struct trust_verifier *verifier =
		arena ? trust_pick(trust_set_verifier(run->set, 0), &run->vector->request, arena) : NULL;
	const struct trust_description *d = verifier ? verifier->description : NULL;
	const struct trust_template *id = verifier ? &d->id.alternatives[0] : NULL;
	struct trust_evidence evidence;
	struct slice value, kept = copy(verdict->guard);
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
		fail(run->vector, "no candidate is the right one", SLICE_NONE);
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
	drop(kept);
	arena_free(arena);
}

/* Everything of what was made, as a vector of its own, so that its bits can be flipped. */
static void make_vector(struct vector *made, const struct vector *v, const struct request *request)
{
	*made = *v;
	made->request = (struct request){ .method = request->method,
					  .target = copy(request->target),
					  .body = copy(request->body),
					  .headers = made->headers };
	if (!message_split_target(made->request.target, &made->request.path, &made->request.query))
		abort();
	for (size_t i = 0; i < request->header_count; i++)
		add_header(made, request->headers[i].name, request->headers[i].value);
}

/* What was made must be accepted, and refused with one bit flipped. */
static void check_made(struct run *run, const struct request *request)
{
	struct vector made;
	struct run own = { .vector = &made, .set = run->set, .lane = run->lane, .arena = run->arena };
	struct trust_verdict verdict;
	struct slice guard;

	make_vector(&made, run->vector, request);
	total.round_trips++;
	if (check(&own, &verdict) != TRUST_ACCEPTED) {
		fail(run->vector, "what `hookgate send` makes is not accepted", slice_str(verdict.reason));
	} else {
		guard = copy(verdict.guard);
		verdict.guard = guard;
		flip_bits(&own, &verdict);
		drop(guard);
	}
	drop_vector(&made);
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

static bool bind(struct run *run, const struct config *config, const struct trust_catalogue *catalogue)
{
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	char line[512];
	bool fine = !trust_set_new(config, catalogue, &diag, &run->set) && !trust_lane_new(run->set, &run->lane);

	for (size_t i = 0; !fine && i < diag.count; i++) {
		config_finding_format(&diag.findings[i], line, sizeof(line));
		fail(run->vector, "cannot be bound", slice_str(line));
	}
	config_diag_free(&diag);
	return fine;
}

static void unbind(struct run *run)
{
	trust_lane_free(run->lane);
	trust_set_free(run->set);
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
	if (bind(&own, &keyed.config, catalogue)) {
		if (sign(&own, buf_slice(&private_text), arena, headers, &request, &reason))
			fail(run->vector, "`hookgate send` cannot make one with its key", slice_str(reason.text));
		else
			check_made(&own, &request);
	}
	unbind(&own);
	buf_wipe(&private_text);
	buf_free(&public_text);
	arena_free(arena);
}

/* One per key is enough. */
static void round_trip(struct run *run, const struct trust_catalogue *catalogue)
{
	struct arena *arena = arena_new(65536, 1 << 24);
	struct header headers[HEADERS_MAX];
	struct request request;
	struct reason reason = { "" };

	if (!arena)
		abort();
	if (trust_needs_private_key(trust_set_verifier(run->set, 0))) {
		if (!total.keyed)
			round_trip_with_key(run, catalogue);
		total.keyed = true;
	} else {
		int fault = sign(run, SLICE_NONE, arena, headers, &request, &reason);

		/* Not every route's own wishes are met by a sample; those of one vector of the file must be. */
		if (fault == 0)
			check_made(run, &request);
		else if (fault != -ENOTSUP)
			fail(run->vector, "`hookgate send` cannot make one", slice_str(reason.text));
	}
	arena_free(arena);
}

static void run_accepted(struct run *run, const struct trust_verdict *verdict, const struct trust_catalogue *catalogue)
{
	const struct vector *v = run->vector;
	struct trust_event event;
	enum trust_event_result result;

	if (trust_read_event(trust_set_verifier(run->set, 0), &v->request, run->arena, &event, &result))
		abort();
	if (!slice_eq(v->expect, slice_str(event_results[result])))
		fail(v, event.reason, slice_str(event_results[result]));
	if (result == TRUST_EVENT_OK) {
		expect_text(v, v->node, "id", event.id);
		expect_text(v, v->node, "type", event.type);
		expect_text(v, v->node, "matched", verdict->secret);
	}
	flip_bits(run, verdict);
	round_trip(run, catalogue);
}

static void run_vector(struct vector *v, const struct trust_catalogue *catalogue)
{
	struct run run = { .vector = v, .arena = arena_new(65536, 1 << 24) };
	struct trust_verdict verdict;

	total.vectors++;
	total.differ += config_node_get(v->node, SLICE("differs")) != NULL;
	if (!run.arena)
		abort();
	if (!bind(&run, &v->config, catalogue))
		goto out;
	if (check(&run, &verdict) == TRUST_ACCEPTED)
		run_accepted(&run, &verdict, catalogue);
	else if (slice_eq(v->expect, SLICE("refused")) ? verdict.result == TRUST_CHALLENGE
						       : !slice_eq(v->expect, slice_str(results[verdict.result])))
		fail(v, verdict.reason, slice_str(results[verdict.result]));
	else if (verdict.result == TRUST_CHALLENGE)
		expect_answer(v, &verdict.answer);
out:
	unbind(&run);
	arena_free(run.arena);
}

/* ---- files ---- */

static struct slice read_whole(const char *path)
{
	FILE *f = fopen(path, "rb");
	unsigned char *p = malloc(1 << 20);
	size_t n;

	if (!f || !p)
		abort();
	n = fread(p, 1, 1 << 20, f);
	(void)fclose(f);
	return slice_of(p, n);
}

/* What is built in must say where it comes from. */
static void check_head(const char *path, struct slice name, const struct trust_catalogue *catalogue)
{
	const struct trust_provider *provider = trust_catalogue_find(catalogue, name);
	struct trust_about about;
	size_t at = strlen(total.uncovered);

	if (!provider)
		return;
	trust_about(provider, &about);
	if (about.confidence.n == 0 || about.title.n == 0 ||
	    (about.docs.n == 0 && !slice_eq(about.confidence, SLICE("standard")))) {
		printf("FAILED %s: needs title, docs and confidence\n", path);
		total.failed++;
	}
	if (!slice_eq(about.covered, SLICE("full")))
		(void)snprintf(total.uncovered + at, sizeof(total.uncovered) - at, " %.*s (%.*s)", SLICE_ARGS(name),
			       SLICE_ARGS(about.covered));
}

static void run_file(const char *path, bool is_description, const struct trust_catalogue *catalogue)
{
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	struct config_tree *tree = NULL;
	struct slice text = read_whole(path), name;
	const struct config_node *vectors;
	bool refused = false, accepted = false;
	size_t round_trips = total.round_trips;
	char line[512];

	total.keyed = false;
	if (config_tree_parse(text, path, &diag, &tree)) {
		config_finding_format(&diag.findings[0], line, sizeof(line));
		printf("FAILED %s\n", line);
		total.failed++;
		goto out;
	}
	name = text_of(config_tree_root(tree), "name");
	if (is_description) {
		total.files++;
		check_head(path, name, catalogue);
	}
	vectors = config_node_get(config_tree_root(tree), SLICE("vectors"));
	for (const struct config_node *node = vectors ? vectors->first : NULL; node; node = node->next) {
		struct vector v;

		read_vector(&v, path, node, is_description ? name : text_of(node, "provider"));
		run_vector(&v, catalogue);
		accepted |= slice_eq(v.expect, SLICE("accepted"));
		refused |= !slice_eq(v.expect, SLICE("accepted")) && !slice_eq(v.expect, SLICE("challenge"));
		drop_vector(&v);
	}
	if (!accepted || !refused || (vectors && vectors->next)) {
		printf("FAILED %s: needs at least one vector that is accepted and one that is refused, at its end\n",
		       path);
		total.failed++;
	}
	if (total.round_trips == round_trips) {
		printf("FAILED %s: `hookgate send` has played none\n", path);
		total.failed++;
	}
out:
	config_tree_free(tree);
	config_diag_free(&diag);
	drop(text);
}

static int is_yaml(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return n > 5 && memcmp(entry->d_name + n - 5, ".yaml", 5) == 0;
}

static void run_folder(const char *folder, const struct trust_catalogue *catalogue)
{
	struct dirent **entries;
	int n = scandir(folder, &entries, is_yaml, alphasort);

	for (int i = 0; i < n; i++) {
		char path[1024];

		(void)snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		run_file(path, true, catalogue);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	if (trust_catalogue_count(catalogue) != total.files || total.files != trust_builtin_count) {
		printf("FAILED %zu files, %zu providers, %zu built in\n", total.files, trust_catalogue_count(catalogue),
		       trust_builtin_count);
		total.failed++;
	}
	printf("the body is not covered, or not all of it, by:%s\n", total.uncovered);
}

int main(int argc, char **argv)
{
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	struct trust_catalogue *catalogue;

	if (argc != 2 && argc != 3) {
		(void)fprintf(stderr, "usage: vectors FOLDER [FILE]\n");
		return 2;
	}
	/* The folder's descriptions and not those that were built in: the text may have changed since. */
	if (trust_catalogue_new(argv[1], NULL, &diag, &catalogue)) {
		char line[512];

		for (size_t i = 0; i < diag.count; i++) {
			config_finding_format(&diag.findings[i], line, sizeof(line));
			printf("FAILED %s\n", line);
		}
		config_diag_free(&diag);
		return 1;
	}
	if (argc == 3)
		run_file(argv[2], false, catalogue);
	else
		run_folder(argv[1], catalogue);
	printf("%zu descriptions, %zu vectors (%zu differ from the vendor on purpose), %zu flipped bits, %zu signed by "
	       "us, "
	       "%zu failed\n",
	       total.files, total.vectors, total.differ, total.flips, total.round_trips, total.failed);
	trust_catalogue_free(catalogue);
	config_diag_free(&diag);
	return total.failed > 0;
}
