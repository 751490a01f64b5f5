/* published.c - the signature against a key that the provider publishes.
 *
 * The special difficulty: a provider changes its keys without a word. So a signature that no key makes right is not
 * wrong yet, where the document stands at a place of its own: it is fetched anew, which keys/ does once a minute at
 * most, and only when the provider has nothing newer is the sender refused. Where the delivery itself says which
 * document, that one is never another. */
#include "trust/published.h"

#include "trust/lane.h"
#include "trust/plugin_call.h"

bool trust_uses_published(const struct trust_verifier *verifier)
{
	return verifier->secret_count == 0 && trust_published_ready(verifier->description);
}

static int refuse(struct trust_verdict *verdict, enum trust_result result, const char *reason)
{
	verdict->result = result;
	verdict->reason = reason;
	return 0;
}

/* Says what the delivery does not, or says in a way that nobody understands. */
static void tell_found(enum trust_found found, struct trust_verdict *verdict)
{
	if (found == TRUST_ABSENT)
		(void)refuse(verdict, TRUST_SIGNATURE_MISSING, "what tells where the key is published is missing");
	else if (found != TRUST_FOUND)
		(void)refuse(verdict, TRUST_MALFORMED_REQUEST,
			     "what tells where the key is published stands there twice, or cannot be read");
}

/* Where the key stands, into verdict->key_url, and how it is asked for; else the verdict says why not. */
static void find_asks(const struct trust_published *published, const struct trust_reading *reading,
		      struct trust_verdict *verdict, struct trust_asks *asks)
{
	uint32_t pointers = published->url.pointers | published->post.pointers;
	struct trust_reading own = *reading;
	struct slice url = SLICE_NONE;
	enum trust_found found = TRUST_UNREADABLE;

	if (pointers == 0 || trust_reading_look_up(&own, pointers) == JSON_OK)
		found = trust_template_join(&published->url, &own, &url);
	if (found == TRUST_FOUND && url.n == 0)
		found = TRUST_ABSENT;
	if (found == TRUST_FOUND) {
		/* It is asked for again when the request's headers may have gone. */
		verdict->key_url = arena_copy(reading->arena, url);
		found = trust_asks_make(published, verdict->key_url, &own, asks);
	}
	tell_found(found, verdict);
}

static int tell_failure(const struct keys_answer *answer, struct arena *arena, struct trust_verdict *verdict)
{
	struct slice reason = slice_str(answer->reason.text);
	const char *text = arena_cstring(arena, slice_head(reason, slice_index(reason, '\0')));

	if (answer->result == KEYS_PENDING)
		return refuse(verdict, TRUST_KEY_PENDING, "the provider's key has to be fetched first");
	if (answer->result == KEYS_REFUSED || answer->result == KEYS_ABSENT)
		return refuse(verdict, TRUST_SIGNATURE_MISMATCH, text ? text : "memory is short");
	return refuse(verdict, TRUST_KEY_FAILED, text ? text : "memory is short");
}

/* Asks the scheme, or the plugin, with the published key for its only secret. */
static int prove(const struct trust_attempt *attempt, const struct trust_verifier *bound, bool *match,
		 struct trust_verdict *verdict)
{
	struct trust_attempt own = *attempt;

	own.verifier = bound;
	return attempt->call ? trust_plugin_prove_with(&own, match, verdict)
			     : bound->description->verify.scheme->prove(&own, 0, match, &verdict->guard);
}

/* The document that the answer holds; *version is its, 0 where the verdict is reached. */
static int try_document(const struct trust_attempt *attempt, uint64_t lacking, struct keys_answer *answer,
			struct trust_verdict *verdict, uint64_t *version)
{
	struct trust_verifier bound = *attempt->verifier;
	const char *reason = "";
	bool match = false, ended = false;
	int fault;

	*version = 0;
	if (answer->result != KEYS_FOUND)
		return tell_failure(answer, attempt->arena, verdict);
	bound.secrets = NULL;
	bound.secret_count = 1;
	fault = trust_lane_published(attempt->lane, attempt->verifier, answer->document, &bound.secrets, &ended,
				     &reason);
	*version = answer->document->version;
	keys_release(answer->document);
	if (fault || *version == lacking)
		return fault;
	if (!bound.secrets || ended) {
		*version = 0;
		return refuse(verdict, ended ? TRUST_SIGNATURE_MISMATCH : TRUST_KEY_FAILED,
			      ended ? "the provider says that it uses this key no longer" : reason);
	}
	fault = prove(attempt, &bound, &match, verdict);
	/* A plugin that says more than no has said it in the verdict. */
	if (match || verdict->result != TRUST_ACCEPTED)
		*version = 0;
	if (match)
		verdict->secret = SLICE("published");
	return fault;
}

/* What the URL alone leads to; also looked for anew where it lacks the key. */
static int prove_by_url(const struct trust_attempt *attempt, const struct trust_asks *asks,
			struct trust_verdict *verdict, uint64_t *version)
{
	const struct trust_published *published = &attempt->verifier->description->verify.published;
	uint64_t lacking;
	int fault;

	do {
		struct keys_answer answer;

		lacking = *version;
		keys_ask_for(trust_lane_keys(attempt->lane), &asks->key, lacking, &answer);
		fault = try_document(attempt, lacking, &answer, verdict, version);
		/* Where the signature was right, and what it says is not, a newer key would not help. */
	} while (fault == 0 && *version != 0 && *version != lacking && published->fixed &&
		 attempt->candidate_count > 0 && !attempt->note->settled);
	return fault;
}

int trust_prove_published(const struct trust_attempt *attempt, const struct trust_reading *reading,
			  struct trust_verdict *verdict)
{
	const struct trust_published *published = &attempt->verifier->description->verify.published;
	struct trust_asks asks = { .own_body = false };
	struct keys_answer answer;
	uint64_t version = 0;
	int fault;

	find_asks(published, reading, verdict, &asks);
	if (verdict->result != TRUST_ACCEPTED)
		return 0;
	if (published->post.count == 0 && published->token.url.count == 0) {
		fault = prove_by_url(attempt, &asks, verdict, &version);
	} else {
		trust_asks_get(trust_lane_keys(attempt->lane), &asks, attempt->arena, &answer, &verdict->key_url);
		trust_asks_wipe(&asks);
		fault = try_document(attempt, 0, &answer, verdict, &version);
	}
	if (fault || version == 0)
		return fault;
	return refuse(verdict, TRUST_SIGNATURE_MISMATCH,
		      attempt->note->reason ? attempt->note->reason
					    : "no key that the provider publishes makes the signature right");
}
