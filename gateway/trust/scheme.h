/* scheme.h - how a provider proves that it is the sender: one object per `algorithm` of a description.
 *
 * A scheme knows nothing of headers, timestamps or YAML: verify.c hands it the signed pieces and the decoded
 * candidates. To add one: a scheme_<what>.c with a const struct trust_scheme, and a line in scheme.c. */
#ifndef HOOKGATE_TRUST_SCHEME_H
#define HOOKGATE_TRUST_SCHEME_H

#include "base/reason.h"
#include "trust/set.h"
#include "trust/template.h"

/* What one delivery offers as its proof. */
struct trust_attempt {
	const struct trust_verifier *verifier;
	struct trust_lane *lane;
	const struct trust_parts *parts; /* what is signed */
	const struct slice *candidates;	 /* decoded; those that could not be are not among them */
	size_t candidate_count;
	struct arena *arena;
};

struct trust_scheme {
	struct slice name;
	const char *digest; /* OpenSSL's name of the digest in its MAC; NULL: it has no MAC */
	bool keyed;	    /* needs a secret and a place where the signature stands */
	bool texted;	    /* proves a text: needs `signed` */

	/* May that be a key? Otherwise the reason says what it must be. NULL: any that is not empty. */
	bool (*accepts)(struct slice key, struct reason *reason);

	/* Is one of the candidates right under that secret? All are looked at, in constant time. *guard stands for the
	 * signed text, in the arena; it is left alone where the scheme has nothing better than its SHA-256. 0 or a
	 * fault. */
	int (*prove)(const struct trust_attempt *attempt, size_t secret, bool *match, struct slice *guard);

	/* The signature's bytes, not encoded, in the arena. 0 or a fault. NULL: cannot sign. */
	int (*make)(const struct trust_scheme *scheme, struct slice key, const struct trust_parts *parts,
		    struct arena *arena, struct slice *signature);
};

/* The nth of them; NULL behind the last. */
const struct trust_scheme *trust_scheme_at(size_t n);

extern const struct trust_scheme trust_scheme_hmac_sha1, trust_scheme_hmac_sha256, trust_scheme_hmac_sha384,
	trust_scheme_hmac_sha512, trust_scheme_token, trust_scheme_basic, trust_scheme_none;

#endif
