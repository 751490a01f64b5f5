/* scheme.h - how a provider proves that it is the sender: one object per `algorithm` of a description.
 *
 * A scheme knows nothing of headers, timestamps or YAML: verify.c hands it the signed pieces and the decoded
 * candidates. To add one: a scheme_<what>.c with a const struct trust_scheme, and a line in scheme.c. */
#ifndef HOOKGATE_TRUST_SCHEME_H
#define HOOKGATE_TRUST_SCHEME_H

#include "base/reason.h"
#include "trust/public_key.h"
#include "trust/set.h"
#include "trust/template.h"

/* What a scheme whose proofs have a time in them, or reasons of their own, has to say. */
struct trust_note {
	bool stale;	    /* what matched is too old, or not valid yet */
	const char *reason; /* why it did not match, or is stale; NULL: nothing to add */
	bool settled;	    /* that is of a proof whose signature was right: another secret has nothing to add */
};

/* What one delivery offers as its proof. */
struct trust_attempt {
	const struct trust_verifier *verifier;
	struct trust_lane *lane;
	const struct trust_parts *parts; /* what is signed */
	const struct slice *candidates;	 /* decoded; those that could not be are not among them */
	size_t candidate_count;
	struct arena *arena;
	struct trust_reading *reading;
	struct trust_note *note;
	struct plugin_call *call; /* where a plugin verifies; else NULL */
};

struct trust_scheme {
	struct slice name;
	const char *digest;		/* OpenSSL's name of the digest in its MAC; NULL: it has no MAC */
	const char *hash;		/* the same of one that hashes a text with {key} in it; NULL: it does not */
	bool is_public;			/* checks with the provider's public key, */
	enum trust_algorithm algorithm; /* by this */
	bool keyed;			/* needs a secret and a place where the signature stands */
	bool texted;			/* proves a text: needs `signed` */

	/* May that be a key? Otherwise the reason says what it must be. NULL: any that is not empty. */
	bool (*accepts)(struct slice key, struct reason *reason);

	/* What it makes of the secret's key besides, in *secret. 0; -EINVAL with a reason; or a fault. NULL: nothing. */
	int (*bind)(const struct trust_verify *verify, struct trust_secret *secret, struct reason *reason);

	/* Is one of the candidates right under that secret? All are looked at, in constant time. *guard stands for the
	 * signed text, in the arena; it is left alone where the scheme has nothing better than its SHA-256. 0 or a
	 * fault. */
	int (*prove)(const struct trust_attempt *attempt, size_t secret, bool *match, struct slice *guard);

	/* The signature's bytes, not encoded, in the arena. 0; -ENOTSUP where the secret is a public key;
	 * -EDOM where the route lacks what must be in it; or a fault.
	 * NULL: cannot sign. */
	int (*make)(const struct trust_verify *verify, const struct trust_secret *secret,
		    const struct trust_parts *parts, struct trust_reading *reading, struct slice *signature);
};

/* A claim of the token that the request carries, which must have been proved: for places. */
enum trust_found trust_jwt_claim(const struct json_pointer *pointer, struct trust_reading *reading, struct slice *out);

/* The nth of them; NULL behind the last. */
const struct trust_scheme *trust_scheme_at(size_t n);

extern const struct trust_scheme trust_scheme_hmac_sha1, trust_scheme_hmac_sha256, trust_scheme_hmac_sha384,
	trust_scheme_hmac_sha512, trust_scheme_hmac_md5, trust_scheme_md5, trust_scheme_sha1, trust_scheme_sha256,
	trust_scheme_sha384, trust_scheme_sha512, trust_scheme_ed25519, trust_scheme_ecdsa_p256_sha1,
	trust_scheme_ecdsa_p256_sha256, trust_scheme_ecdsa_p384_sha384, trust_scheme_ecdsa_p521_sha512,
	trust_scheme_rsa_sha1, trust_scheme_rsa_sha256, trust_scheme_rsa_sha384, trust_scheme_rsa_sha512,
	trust_scheme_rsa_pss_sha256, trust_scheme_rsa_pss_sha384, trust_scheme_rsa_pss_sha512, trust_scheme_jwt,
	trust_scheme_token, trust_scheme_basic, trust_scheme_none, trust_scheme_plugin;

#endif
