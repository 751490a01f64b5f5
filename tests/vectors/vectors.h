/* vectors.h - the parts of the program that runs the vectors: read.c, flip.c, sign.c and vectors.c, which says what it is. */
#ifndef HOOKGATE_TESTS_VECTORS_H
#define HOOKGATE_TESTS_VECTORS_H

#include "config/node.h"
#include "trust/verify.h"

enum { HEADERS_MAX = 64, SECRETS_MAX = 8 };

struct vectors_total {
	size_t files, vectors, flips, differ, round_trips, failed;
	bool keyed;	      /* a delivery of this file was signed with a key of our own */
	char uncovered[8192]; /* names of descriptions whose proof does not cover the whole body */
};

extern struct vectors_total vectors_total;

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

/* ---- read.c ---- */

/* Reads a vector of that provider from its node, both borrowed. vector_end frees what it holds of its own. */
void vector_read(struct vector *v, const char *file, const struct config_node *node, struct slice provider);
void vector_end(struct vector *v);

/* The value is copied. */
void vector_add_header(struct vector *v, struct slice name, struct slice value);

/* The text that stands under the key; empty: none. */
struct slice vector_text(const struct config_node *node, const char *key);

/* Counts a failure, and says it. */
void vector_fail(const struct vector *v, const char *what, struct slice got);

/* Memory of its own, and its end. */
struct slice vector_copy(struct slice s);
void vector_drop(struct slice s);

/* ---- vectors.c ---- */

/* The request as it is now, by the run's set; the verdict is the run's until the next. */
enum trust_result vector_check(struct run *run, struct trust_verdict *verdict);

/* Makes the run's set and lane of that configuration; false, and said, where it is refused. Unbind in every case. */
bool vector_bind(struct run *run, const struct config *config, const struct trust_catalogue *catalogue);
void vector_unbind(struct run *run);

/* ---- flip.c ---- */

/* Of an accepted request: each bit that counts, flipped, must have it refused. */
void vector_flip_bits(struct run *run, const struct trust_verdict *verdict);

/* ---- sign.c ---- */

/* What `hookgate send` would send must be accepted, and refused with a bit flipped. */
void vector_round_trip(struct run *run, const struct trust_catalogue *catalogue);

#endif
