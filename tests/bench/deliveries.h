/* deliveries.h - requests that are signed before the measuring begins.
 *
 * All deliveries of a set are one request but for three things: the event's id, the signature, and, where deliveries are
 * spread over routes, the end of the path. So only the signatures are kept, and a connection that sends patches its own copy
 * of the request. An id is 24 digits; wherever the template has 24 zeros, the id is written.
 *
 * Stripe's and GitHub's are made and signed here, those of other schemes by tests/bench/schemes.py, in a file. */
#ifndef HOOKGATE_BENCH_DELIVERIES_H
#define HOOKGATE_BENCH_DELIVERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DELIVERIES_ID 24
#define DELIVERIES_SLOTS 8

enum deliveries_kind { DELIVERIES_STRIPE, DELIVERIES_GITHUB };

struct deliveries_setup {
	enum deliveries_kind kind;
	const char *path; /* of the route, or its beginning when spread */
	const char *secret;
	const char *template_file; /* the body */
	uint64_t count;		   /* how many to sign */
	uint32_t spread;	   /* over how many paths: PATH-00000 and on; 0: just PATH */
	bool bad;		   /* with a wrong signature */
};

struct deliveries {
	uint64_t count;
	uint32_t spread;
	char *request; /* the first delivery, as on the wire */
	size_t size;
	size_t ids[DELIVERIES_SLOTS];
	size_t id_count;
	size_t signature, suffix; /* where in the request; suffix only when spread */
	uint64_t series;	  /* begins every id of this set */
	size_t signature_size;
	char *signatures; /* one behind the other */
};

/* Reads the template and signs. False, with a message on standard error, when something is wrong. */
bool deliveries_make(const struct deliveries_setup *setup, struct deliveries *out);
/* Reads what tests/bench/schemes.py has signed; likewise. */
bool deliveries_read(const char *file, struct deliveries *out);
void deliveries_free(struct deliveries *set);

/* Makes `request`, a copy of set->request, the delivery number `i`. */
void deliveries_patch(const struct deliveries *set, char *request, uint64_t i);

#endif
