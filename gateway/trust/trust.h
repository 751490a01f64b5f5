/* trust.h - who sent it: what the rest of the gateway knows of providers, schemes and secrets.
 *
 * Three things, from the general to the particular:
 *   catalogue   every provider description we have (built in, and the user's own from provider_dir); immutable
 *   set         one verifier per route of one configuration: the description bound to the route's secrets and options;
 *               immutable
 *   lane        one thread's working state for a set: keyed MAC contexts, made on first use, so that a delivery costs
 *               no key set-up. A lane belongs to one thread; the others may be shared by all.
 *
 * Nothing here does I/O once the catalogue is loaded, and nothing here logs; keys that a provider publishes are fetched
 * by keys/, which a lane is given. */
#ifndef HOOKGATE_TRUST_TRUST_H
#define HOOKGATE_TRUST_TRUST_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/message.h"
#include "config/config.h"
#include "keys/keys.h"

struct trust_catalogue;
struct trust_provider;
struct trust_set;
struct trust_verifier;
struct trust_lane;

/* ---- catalogue ---- */

/* Reads the built-in descriptions and those of `provider_dir` (NULL: none; a file there replaces a built-in one of the
 * same name), and loads the plugins of `plugin_dir` (NULL: none), which live as long as the catalogue. What is wrong is
 * added to diag with file and line. 0, -EINVAL, or a fault. */
int trust_catalogue_new(const char *provider_dir, const char *plugin_dir, struct config_diag *diag,
			struct trust_catalogue **out) __attribute__((warn_unused_result));
void trust_catalogue_free(struct trust_catalogue *catalogue);

/* By name or alias; NULL when there is none. */
const struct trust_provider *trust_catalogue_find(const struct trust_catalogue *catalogue, struct slice name);

/* Up to three names near to a wrong one, the nearest first, for messages: "stripe, square"; "" when there is none. Writes
 * to out, returns it. */
const char *trust_catalogue_near(const struct trust_catalogue *catalogue, struct slice name, char *out, size_t size);

/* All of them in the order of their names. */
size_t trust_catalogue_count(const struct trust_catalogue *catalogue);
const struct trust_provider *trust_catalogue_at(const struct trust_catalogue *catalogue, size_t i);

/* What a route may say under `options`. */
struct trust_about_option {
	struct slice name, about;
	struct slice value; /* where the route says nothing; empty: there is none */
	bool required;
};

/* What a person wants to know of a provider; slices live as long as the catalogue. */
struct trust_about {
	struct slice name, title, docs;
	struct slice confidence;      /* official | documented | third-party | memory | standard; empty: not said */
	struct slice trusted_because; /* the same as a sentence, with the evidence */
	const struct slice *aliases;
	size_t alias_count;
	struct slice scheme;	  /* "hmac-sha256 hex over {timestamp}.{body}" */
	struct slice algorithm;	  /* the same without what is signed: "hmac-sha256 hex", "token" */
	struct slice signature;	  /* "header Stripe-Signature: v1=<hex>, in a list with ,"; empty: none, a plugin's */
	struct slice signed_text; /* "{timestamp}.{body}"; empty: none, a plugin's */
	struct slice timestamp;	  /* "header X-Time: <unix seconds>"; empty: none */
	struct slice secret;	  /* what form it has: "base64, with or without whsec_ in front of it" */
	struct slice keys;	  /* "published at https://..., from HOST"; empty: nowhere */
	struct slice answer;	  /* what it wants to hear; empty: any 2xx */
	const struct trust_about_option *options;
	size_t option_count;
	struct slice id, type;		 /* "body:/id", "header:X-GitHub-Delivery", empty: none */
	struct slice handshake;		 /* "url_verification (signed POST)", empty: none */
	struct slice covered;		 /* full | partial | none */
	int64_t window_ms, tolerance_ms; /* -1: none */
	bool id_signed;
	bool guarded;	      /* the signed text is remembered besides the id */
	struct slice text;    /* the description as it was read, vectors left out */
	struct slice example; /* a route to paste */
};
void trust_about(const struct trust_provider *provider, struct trust_about *out);

/* ---- set ---- */

/* Binds every route of the config. Findings (unknown provider with near names, a secret of the wrong form, an option
 * that the provider does not have ...) are added to diag at the route's nodes. 0, -EINVAL when there were errors, or a
 * fault. Keys are copied into the set; the config and the catalogue must outlive the set. */
int trust_set_new(const struct config *config, const struct trust_catalogue *catalogue, struct config_diag *diag,
		  struct trust_set **out) __attribute__((warn_unused_result));

/* Wipes the keys; accepts NULL. */
void trust_set_free(struct trust_set *set);

/* The verifier of the route with that index. */
const struct trust_verifier *trust_set_verifier(const struct trust_set *set, size_t route_index);

/* ---- lane ---- */

int trust_lane_new(const struct trust_set *set, struct trust_lane **out) __attribute__((warn_unused_result));
void trust_lane_free(struct trust_lane *lane);

/* Where the lane's thread gets keys that are published; they outlive the lane. Without (NULL), such a key is pending
 * for ever. */
void trust_lane_use_keys(struct trust_lane *lane, struct keys *keys);

/* ---- what a route needs to know of its verifier ---- */

/* Is a request with this method worth reading? Otherwise the outcome is method_not_allowed; *allow is then the header's
 * value ("POST", "GET, POST"). */
bool trust_method_allowed(const struct trust_verifier *verifier, struct slice method, struct slice *allow);

/* The verifier with a secret that the provider handed over, named "learned", in place of none: a copy that is used like
 * its original, with the lanes of the same set, one per verifier. It goes to trust_lent_free() before the set goes. 0;
 * -EINVAL with a reason where it can be no secret of this provider, or the route has one already; or -ENOMEM. */
int trust_lend(const struct trust_verifier *verifier, struct slice secret, struct trust_verifier **out,
	       struct reason *reason) __attribute__((warn_unused_result));

/* Wipes the secret; accepts NULL. */
void trust_lent_free(struct trust_verifier *lent);

const struct trust_provider *trust_verifier_provider(const struct trust_verifier *verifier);

/* How long an id is remembered, the route's own setting included. Seconds, at least 1. */
uint32_t trust_window_s(const struct trust_verifier *verifier);

/* Is the signed text remembered beside the id (gateway/README.md, Duplicates)? */
bool trust_replay_guarded(const struct trust_verifier *verifier);

/* The header that carries the route's secret itself (a token's), which no consumer needs to see; empty where there is
 * none. */
struct slice trust_secret_header(const struct trust_verifier *verifier);

/* The answer that the provider demands for a delivery that was taken; status 0 when it has no wish. Without headers but
 * for Content-Type and those of the description. */
void trust_demanded_answer(const struct trust_verifier *verifier, struct answer *answer);

/* ---- a delivery ---- */

enum trust_result {
	TRUST_ACCEPTED,
	TRUST_CHALLENGE, /* a handshake: answer holds what to send */
	TRUST_SIGNATURE_MISSING,
	TRUST_SIGNATURE_MISMATCH,
	TRUST_TIMESTAMP_OUT_OF_TOLERANCE, /* the signature was right */
	TRUST_MALFORMED_REQUEST,	  /* e.g. a signature header sent twice, a control character in an id */
	TRUST_MALFORMED_BODY,
	TRUST_KEY_PENDING, /* the provider's key is being fetched from verdict.key_url: wait, and check again */
	TRUST_KEY_FAILED   /* it could not be fetched: nothing is known of the sender, he may come again */
};

enum trust_cover { TRUST_COVER_NONE, TRUST_COVER_PARTIAL, TRUST_COVER_FULL };

struct trust_verdict {
	enum trust_result result;
	/* For a person, never NULL; of ours, no strangers' bytes, no secret; static or in the arena. */
	const char *reason;
	unsigned refusal_status; /* 0: the outcome's own; else what the provider wants to see */
	struct slice secret;	 /* name of the one that matched */
	size_t secret_index;	 /* in the route's secrets; SIZE_MAX: none */
	enum trust_cover covered;
	/* Stands for the signed bytes: their MAC where the scheme is an HMAC (a keyed digest of exactly these bytes),
	 * else their SHA-256; empty where the proof covers no text. */
	struct slice guard;
	int64_t skew_ms; /* now less the signed timestamp */
	bool has_skew;
	struct answer answer; /* for TRUST_CHALLENGE */
	/* For TRUST_CHALLENGE: the secret that the provider handed over, which the route does not have yet; mostly empty. */
	struct slice learned;
	bool refusal_has_body; /* of a refusal: then these are its body and type, else the outcome's own */
	struct slice refusal_body, refusal_content_type;
	struct slice refusal_challenge; /* for WWW-Authenticate; empty: none */
	struct slice key_url;		/* for TRUST_KEY_PENDING: what is waited for; in the arena */
};

/* The URL in it, for a person. */
static inline struct slice trust_key_address(struct slice key_url)
{
	return slice_head(key_url, slice_index(key_url, '#'));
}

/* Steps 3 and 4 of gateway/README.md: handshake, signature over the exact bytes against every secret valid now, then
 * timestamp. `now_ms` is wall clock. The verdict's slices live in the request or the arena. 0, or a fault (then the
 * delivery's outcome is internal_error). */
int trust_check(const struct trust_verifier *verifier, struct trust_lane *lane, const struct request *request,
		int64_t now_ms, struct arena *arena, struct trust_verdict *verdict) __attribute__((warn_unused_result));

enum trust_event_result {
	TRUST_EVENT_OK,
	TRUST_EVENT_ID_MISSING,	    /* and the route's missing_id says reject */
	TRUST_EVENT_MALFORMED_BODY, /* the body says that it is JSON and is not, or the id in it has control characters
				     */
	TRUST_EVENT_MALFORMED_REQUEST
};

struct trust_event {
	struct slice id;   /* never empty: found, or a digest, or (missing_id: accept) made up here */
	struct slice type; /* may be empty */
	/* What a filter may ask for besides, as in "pull_request.opened"; empty where the provider has nothing of the kind, the
	 * event lacks it, or the route does not filter. Borrowed from the request or the arena. */
	struct slice detail;
	bool id_found;	    /* false: by the missing_id policy */
	bool deduplicate;   /* false: missing_id is accept and there was none */
	const char *reason; /* for the results other than OK */
};

/* Step 5, for a request that trust_check() accepted: id and type. */
int trust_read_event(const struct trust_verifier *verifier, const struct request *request, struct arena *arena,
		     struct trust_event *event, enum trust_event_result *result) __attribute__((warn_unused_result));

/* ---- the other direction ---- */

/* Signs as the provider would. The delivery's headers are written to `headers`, at most `room` of them, Content-Type
 * first (an empty content_type: the one that the provider's bodies have); *target and *body are what to send with them. All
 * slices live in the arena, the draft or the verifier. `id` and `type` are put where the provider has them if that is a header
 * (empty: not). `secret_index` names the route's secret to sign with. 0; -ENOTSUP with a reason where a delivery of this provider cannot be made here; -ENOSPC; or a
 * fault. */
struct trust_draft {
	struct slice method, target, content_type, body;
	/* To whom it goes, as in Host: of the URL that is signed where the configuration says no public_url; empty: not known. */
	struct slice authority;
	struct slice id, type;
	int64_t now_ms;
	size_t secret_index;
	struct slice key; /* a private key's text, to be signed with instead of the secret; empty: none */
};
int trust_sign(const struct trust_verifier *verifier, const struct trust_draft *draft, struct arena *arena,
	       struct header *headers, size_t room, size_t *header_count, struct slice *target, struct slice *body,
	       struct reason *reason) __attribute__((warn_unused_result));

/* Does the provider sign with a private key, of which the route has only the public one (or none)? Then signing takes
 * a key of one's own. */
bool trust_needs_private_key(const struct trust_verifier *verifier);

/* A fresh key pair of the kind that this provider signs with: the private one as PEM, to be wiped with buf_wipe(), the public
 * one as it may stand in the route's secret: where the provider shows its key in a certificate, one of these, of several
 * lines. 0; -ENOTSUP where it is not known of what kind; or a fault. */
int trust_key_make(const struct trust_verifier *verifier, struct buf *private_text, struct buf *public_text)
	__attribute__((warn_unused_result));

/* The way to sign of that name, of a provider that has several: the verifier itself, or one of its variants. NULL: there is
 * none, or none of the route's secrets fits it. */
const struct trust_verifier *trust_verifier_variant(const struct trust_verifier *verifier, struct slice name);

/* A body that the provider could have sent, for `hookgate send` without --data: JSON with the id and type in their
 * places. */
struct slice trust_sample_body(const struct trust_verifier *verifier, struct slice id, struct slice type,
			       int64_t now_ms, struct arena *arena);

/* Its Content-Type; as long as the verifier. */
struct slice trust_sample_content_type(const struct trust_verifier *verifier);

/* Why a request was refused, in detail, for `hookgate verify`: which part was missing; the signed bytes (length,
 * SHA-256, start); each secret by name; clock skew; and what would have matched. Text lines are appended to `out`; no
 * secret, and no signature that would be right, ever stands in it. `keys` as of a lane. */
int trust_explain(const struct trust_verifier *verifier, struct keys *keys, const struct request *request,
		  int64_t now_ms, struct buf *out) __attribute__((warn_unused_result));

/* SHA-256 and random bytes for others (this is the room that names OpenSSL), and comparison in constant time. */
void trust_sha256(struct slice s, unsigned char out[32]);
int trust_random(void *out, size_t n) __attribute__((warn_unused_result));
bool trust_equal(struct slice a, struct slice b);

#endif
