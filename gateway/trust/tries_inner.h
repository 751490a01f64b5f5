/* tries_inner.h - what tries.c looks through, and what tries_*.c fill it with. */
#ifndef HOOKGATE_TRUST_TRIES_INNER_H
#define HOOKGATE_TRUST_TRIES_INNER_H

#include "trust/tries.h"

enum { TRUST_TRY_REQUESTS = 48, TRUST_TRY_SIGNATURES = 24, TRUST_TRY_KEYS = 64, TRUST_TRY_SCHEMES = 16 };

/* The first of each axis is what came, without words. */
struct trust_try_request {
	struct slice words;
	const struct request *request;
	const struct config_route *route;
};

/* A signature header with another value. */
struct trust_try_signature {
	struct slice words;
	struct header header;
};

struct trust_try_key {
	struct slice words;
	size_t changes;
	struct trust_secret secret; /* owned, but for the first */
};

struct trust_try_scheme {
	struct slice words;
	const struct trust_description *description;
};

struct trust_tries {
	const struct trust_verifier *verifier;
	const struct trust_evidence *evidence;
	const struct request *request;
	struct arena *arena;
	int64_t now_ms;
	struct trust_try_request requests[TRUST_TRY_REQUESTS];
	struct trust_try_signature signatures[TRUST_TRY_SIGNATURES];
	struct trust_try_key keys[TRUST_TRY_KEYS];
	struct trust_try_scheme schemes[TRUST_TRY_SCHEMES];
	size_t request_count, signature_count, key_count, scheme_count;
};

/* Other bodies, URLs, methods; only what the signature covers. */
void trust_tries_requests(struct trust_tries *t);

/* Other ways to read what could be a signature. */
void trust_tries_signatures(struct trust_tries *t);

/* Other keys. trust_tries_drop_keys() when all is done. */
void trust_tries_keys(struct trust_tries *t);
void trust_tries_drop_keys(struct trust_tries *t);

/* Other digests, other forms of signatures. */
void trust_tries_schemes(struct trust_tries *t);

#endif
