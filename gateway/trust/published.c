/* published.c - the signature against a key that the provider publishes.
 *
 * The special difficulty: a provider changes its keys without a word. So a signature that no key makes right is not
 * wrong yet, where the document stands at a place of its own: it is fetched anew, which keys/ does once a minute at
 * most, and only when the provider has nothing newer is the sender refused. Where the delivery itself says which
 * document, that one is never another. */
#include "trust/published.h"

#include "trust/lane.h"

bool trust_uses_published(const struct trust_verifier *verifier)
{
	return verifier->secret_count == 0 && verifier->description->verify.published.url.count > 0;
}

struct keys_policy trust_published_policy(const struct trust_published *published, struct slice url, struct slice *host)
{
	struct keys_policy policy = published->policy;
	struct slice rest = slice_from(url, 8);

	if (policy.host_count == 0 && published->fixed) {
		*host = slice_head(rest, slice_index(rest, '/'));
		policy.hosts = host;
		policy.host_count = 1;
	}
	return policy;
}

static int refuse(struct trust_verdict *verdict, enum trust_result result, const char *reason)
{
	verdict->result = result;
	verdict->reason = reason;
	return 0;
}

/* Where the key stands, into verdict->key_url; else the verdict says why not. */
static void find_url(const struct trust_published *published, const struct trust_reading *reading,
		     struct trust_verdict *verdict)
{
	struct trust_reading own = *reading;
	struct slice url = SLICE_NONE;
	enum trust_found found = TRUST_UNREADABLE;

	if (published->url.pointers == 0 || trust_reading_look_up(&own, published->url.pointers) == JSON_OK)
		found = trust_template_join(&published->url, &own, &url);
	if (found == TRUST_ABSENT || (found == TRUST_FOUND && url.n == 0))
		(void)refuse(verdict, TRUST_SIGNATURE_MISSING, "what tells where the key is published is missing");
	else if (found != TRUST_FOUND)
		(void)refuse(verdict, TRUST_MALFORMED_REQUEST,
			     "what tells where the key is published stands there twice, or cannot be read");
	else
		/* It is asked for again when the request's headers may have gone. */
		verdict->key_url = arena_copy(reading->arena, url);
}

static int tell_failure(const struct keys_answer *answer, struct arena *arena, struct trust_verdict *verdict)
{
	struct slice reason = slice_str(answer->reason.text);
	const char *text = arena_cstring(arena, slice_head(reason, slice_index(reason, '\0')));

	if (answer->result == KEYS_PENDING)
		return refuse(verdict, TRUST_KEY_PENDING, "the provider's key has to be fetched first");
	if (answer->result == KEYS_REFUSED)
		return refuse(verdict, TRUST_SIGNATURE_MISMATCH, text ? text : "memory is short");
	return refuse(verdict, TRUST_KEY_FAILED, text ? text : "memory is short");
}

/* One look at the document; *version is its, 0 where the verdict is reached. */
static int try_document(const struct trust_attempt *attempt, uint64_t lacking, struct trust_verdict *verdict,
			uint64_t *version)
{
	const struct trust_verify *verify = &attempt->verifier->description->verify;
	struct trust_verifier bound = *attempt->verifier;
	struct trust_attempt bound_attempt = *attempt;
	struct keys_answer answer;
	const char *reason = "";
	bool match = false;
	struct slice host;
	const struct keys_policy policy = trust_published_policy(&verify->published, verdict->key_url, &host);
	int fault;

	*version = 0;
	keys_get(trust_lane_keys(attempt->lane), verdict->key_url, &policy, lacking, &answer);
	if (answer.result != KEYS_FOUND)
		return tell_failure(&answer, attempt->arena, verdict);
	bound.secrets = NULL;
	bound.secret_count = 1;
	bound_attempt.verifier = &bound;
	fault = trust_lane_published(attempt->lane, attempt->verifier, answer.document, &bound.secrets, &reason);
	*version = answer.document->version;
	keys_release(answer.document);
	if (fault || *version == lacking)
		return fault;
	if (!bound.secrets) {
		*version = 0;
		return refuse(verdict, TRUST_KEY_FAILED, reason);
	}
	fault = verify->scheme->prove(&bound_attempt, 0, &match, &verdict->guard);
	if (match) {
		*version = 0;
		verdict->secret = SLICE("published");
	}
	return fault;
}

int trust_prove_published(const struct trust_attempt *attempt, const struct trust_reading *reading,
			  struct trust_verdict *verdict)
{
	const struct trust_published *published = &attempt->verifier->description->verify.published;
	uint64_t version = 0, lacking;
	int fault;

	find_url(published, reading, verdict);
	if (verdict->result != TRUST_ACCEPTED)
		return 0;
	do {
		lacking = version;
		fault = try_document(attempt, lacking, verdict, &version);
		/* Where the signature was right, and what it says is not, a newer key would not help. */
	} while (fault == 0 && version != 0 && version != lacking && published->fixed && attempt->candidate_count > 0 &&
		 !attempt->note->settled);
	if (fault || version == 0)
		return fault;
	return refuse(verdict, TRUST_SIGNATURE_MISMATCH,
		      "no key that the provider publishes makes the signature right");
}
