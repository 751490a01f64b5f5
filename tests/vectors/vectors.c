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
#include "vectors.h"

#include "trust/catalogue.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct vectors_total vectors_total;

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

enum trust_result vector_check(struct run *run, struct trust_verdict *verdict)
{
	arena_reset(run->arena);
	if (trust_check(trust_set_verifier(run->set, 0), run->lane, &run->vector->request, run->vector->now_ms,
			run->arena, verdict))
		abort();
	return verdict->result;
}

bool vector_bind(struct run *run, const struct config *config, const struct trust_catalogue *catalogue)
{
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	char line[512];
	bool fine = !trust_set_new(config, catalogue, &diag, &run->set) && !trust_lane_new(run->set, &run->lane);

	for (size_t i = 0; !fine && i < diag.count; i++) {
		config_finding_format(&diag.findings[i], line, sizeof(line));
		vector_fail(run->vector, "cannot be bound", slice_str(line));
	}
	config_diag_free(&diag);
	return fine;
}

void vector_unbind(struct run *run)
{
	trust_lane_free(run->lane);
	trust_set_free(run->set);
}

static void expect_text(const struct vector *v, const struct config_node *node, const char *key, struct slice got)
{
	const struct config_node *expected = config_node_get(node, slice_str(key));

	if (expected && !slice_eq(expected->text, got))
		vector_fail(v, key, got);
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

	if (!slice_eq(type, vector_text(expected, "content_type")))
		vector_fail(v, "content_type", type);
	for (const struct config_node *h = headers ? headers->first : NULL; h; h = h->next, count++)
		if (!slice_eq(h->text, answer_header(answer, h->key)))
			vector_fail(v, "a header of the answer", answer_header(answer, h->key));
	if (count != answer->header_count)
		vector_fail(v, "the answer has other headers than these", SLICE_NONE);
}

static void expect_answer(const struct vector *v, const struct answer *answer)
{
	const struct config_node *expected = config_node_get(v->node, SLICE("answer"));
	char status[16];

	(void)snprintf(status, sizeof(status), "%u", answer->status);
	if (!expected) {
		vector_fail(v, "the vector does not say the answer", answer->body);
		return;
	}
	expect_text(v, expected, "status", slice_str(status));
	expect_text(v, expected, "body", answer->body);
	expect_headers(v, expected, answer);
}

static void run_accepted(struct run *run, const struct trust_verdict *verdict, const struct trust_catalogue *catalogue)
{
	const struct vector *v = run->vector;
	struct trust_event event;
	enum trust_event_result result;

	if (trust_read_event(trust_set_verifier(run->set, 0), &v->request, run->arena, &event, &result))
		abort();
	if (!slice_eq(v->expect, slice_str(event_results[result])))
		vector_fail(v, event.reason, slice_str(event_results[result]));
	if (result == TRUST_EVENT_OK) {
		expect_text(v, v->node, "id", event.id);
		expect_text(v, v->node, "type", event.type);
		expect_text(v, v->node, "matched", verdict->secret);
	}
	vector_flip_bits(run, verdict);
	vector_round_trip(run, catalogue);
}

static void run_vector(struct vector *v, const struct trust_catalogue *catalogue)
{
	struct run run = { .vector = v, .arena = arena_new(65536, 1 << 24) };
	struct trust_verdict verdict;

	vectors_total.vectors++;
	vectors_total.differ += config_node_get(v->node, SLICE("differs")) != NULL;
	if (!run.arena)
		abort();
	if (!vector_bind(&run, &v->config, catalogue))
		goto out;
	if (vector_check(&run, &verdict) == TRUST_ACCEPTED)
		run_accepted(&run, &verdict, catalogue);
	else if (slice_eq(v->expect, SLICE("refused")) ? verdict.result == TRUST_CHALLENGE
						       : !slice_eq(v->expect, slice_str(results[verdict.result])))
		vector_fail(v, verdict.reason, slice_str(results[verdict.result]));
	else if (verdict.result == TRUST_CHALLENGE)
		expect_answer(v, &verdict.answer);
out:
	vector_unbind(&run);
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
	size_t at = strlen(vectors_total.uncovered);

	if (!provider)
		return;
	trust_about(provider, &about);
	if (about.confidence.n == 0 || about.title.n == 0 ||
	    (about.docs.n == 0 && !slice_eq(about.confidence, SLICE("standard")))) {
		printf("FAILED %s: needs title, docs and confidence\n", path);
		vectors_total.failed++;
	}
	if (!slice_eq(about.covered, SLICE("full")))
		(void)snprintf(vectors_total.uncovered + at, sizeof(vectors_total.uncovered) - at, " %.*s (%.*s)",
			       SLICE_ARGS(name), SLICE_ARGS(about.covered));
}

static void run_file(const char *path, bool is_description, const struct trust_catalogue *catalogue)
{
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	struct config_tree *tree = NULL;
	struct slice text = read_whole(path), name;
	const struct config_node *vectors;
	bool refused = false, accepted = false;
	size_t round_trips = vectors_total.round_trips;
	char line[512];

	vectors_total.keyed = false;
	if (config_tree_parse(text, path, &diag, &tree)) {
		config_finding_format(&diag.findings[0], line, sizeof(line));
		printf("FAILED %s\n", line);
		vectors_total.failed++;
		goto out;
	}
	name = vector_text(config_tree_root(tree), "name");
	if (is_description) {
		vectors_total.files++;
		check_head(path, name, catalogue);
	}
	vectors = config_node_get(config_tree_root(tree), SLICE("vectors"));
	for (const struct config_node *node = vectors ? vectors->first : NULL; node; node = node->next) {
		struct vector v;

		vector_read(&v, path, node, is_description ? name : vector_text(node, "provider"));
		run_vector(&v, catalogue);
		accepted |= slice_eq(v.expect, SLICE("accepted"));
		refused |= !slice_eq(v.expect, SLICE("accepted")) && !slice_eq(v.expect, SLICE("challenge"));
		vector_end(&v);
	}
	if (!accepted || !refused || (vectors && vectors->next)) {
		printf("FAILED %s: needs at least one vector that is accepted and one that is refused, at its end\n",
		       path);
		vectors_total.failed++;
	}
	if (vectors_total.round_trips == round_trips) {
		printf("FAILED %s: `hookgate send` has played none\n", path);
		vectors_total.failed++;
	}
out:
	config_tree_free(tree);
	config_diag_free(&diag);
	vector_drop(text);
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
	if (trust_catalogue_count(catalogue) != vectors_total.files || vectors_total.files != trust_builtin_count) {
		printf("FAILED %zu files, %zu providers, %zu built in\n", vectors_total.files,
		       trust_catalogue_count(catalogue), trust_builtin_count);
		vectors_total.failed++;
	}
	printf("the body is not covered, or not all of it, by:%s\n", vectors_total.uncovered);
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
	       vectors_total.files, vectors_total.vectors, vectors_total.differ, vectors_total.flips,
	       vectors_total.round_trips, vectors_total.failed);
	trust_catalogue_free(catalogue);
	config_diag_free(&diag);
	return vectors_total.failed > 0;
}
