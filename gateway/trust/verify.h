/* verify.h - the steps of a verification, for explain.c, which goes through them one by one. */
#ifndef HOOKGATE_TRUST_VERIFY_H
#define HOOKGATE_TRUST_VERIFY_H

#include "trust/scheme.h"

enum { TRUST_CANDIDATES_MAX = 16, TRUST_GROUPS_MAX = 4 };

/* What a request brings along, found but not yet believed. */
struct trust_evidence {
	struct trust_reading reading;
	struct slice candidates[TRUST_CANDIDATES_MAX]; /* as sent, prefix and field name taken off */
	size_t candidate_count;
	size_t group;		/* which of the groups of signature and timestamp this is */
	struct slice timestamp; /* as it was found, whether it is a time or not */
	int64_t timestamp_ms;
	bool has_timestamp;
	struct trust_parts parts;
	bool has_parts;
	struct plugin_call *call; /* where a plugin verifies; else NULL */
	bool plugin_failed;	  /* and did wrong: a fault */
};

/* Gathers signature, timestamp and the signed parts. TRUST_ACCEPTED when all is there; else the
 * result and *reason for the first that is not, and the rest as far as it could be found. */
enum trust_result trust_gather(const struct trust_verifier *verifier, const struct request *request, int64_t now_ms,
			       struct arena *arena, struct trust_evidence *evidence, const char **reason);

/* The same for the nth group of signature and timestamp, where a description has `groups`. */
enum trust_result trust_gather_group(const struct trust_verifier *verifier, const struct request *request,
				     int64_t now_ms, struct arena *arena, size_t group, struct trust_evidence *evidence,
				     const char **reason);

/* A sentence of ours in the arena, cut to fit. */
const char *trust_say(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The first family of header names whose signature is there; the first of all when none is. Everything else is read
 * from the same family, so that a header of another one cannot stand in for a signed one. */
size_t trust_family(const struct trust_verify *verify, const struct request *request);

/* Is there a signature, right or wrong, of the kind that the verifier looks at? */
bool trust_is_signed(const struct trust_verifier *verifier, const struct request *request, struct arena *arena);

/* What is verified and read instead of the request: the request itself, or *plain, which is it with its body inflated,
 * where the description says that this is what was signed. A body that cannot be inflated stays as it is, and matches
 * no signature. */
const struct request *trust_plain(const struct trust_verifier *verifier, const struct request *request,
				  struct arena *arena, struct request *plain);

/* The one whose way of signing the request shows: the verifier itself, or one of its variants. */
const struct trust_verifier *trust_pick(const struct trust_verifier *verifier, const struct request *request,
					struct arena *arena);

/* Decodes a candidate into the arena; false when it is not in that encoding. */
bool trust_decode(enum trust_encoding encoding, struct slice text, struct arena *arena, struct slice *out);

/* Reads a timestamp's text. */
bool trust_parse_timestamp(enum trust_unit unit, struct slice text, int64_t *wall_ms);

/* Is all so that the description requires besides the signature? Else *place is what is not. */
bool trust_required(const struct trust_verifier *verifier, struct trust_reading *reading, struct slice *place);

/* Handshakes: fills the verdict and says true when the request is one. `is_signed`: those that need a signature; then the
 * reading has lane and secret. */
bool trust_handshake(const struct trust_verifier *verifier, struct trust_reading *reading, struct trust_lane *lane,
		     bool is_signed, struct trust_verdict *verdict);

#endif
