/* keys.h - keys that a provider publishes at a URL: fetched over https, off the event loops, kept as long as the
 * provider says, and shared by all workers. The only room that names libcurl.
 *
 * The special difficulty: the URL comes from strangers (PayPal-Cert-Url, SigningCertURL, a token's kid), before anything
 * proves who they are. So what may be fetched at all is pinned by a policy of the description's; how much is fetched is
 * limited here, per host and in all; and where a name leads to is looked at when the connection is made.
 *
 * A look-up never waits: it says what is there. Who wants to wait says so with keys_wait, and is told in its own loop's
 * thread. All functions may be called from any thread unless they say otherwise. */
#ifndef HOOKGATE_KEYS_KEYS_H
#define HOOKGATE_KEYS_KEYS_H

#include "base/loop.h"
#include "base/reason.h"
#include "config/config.h"

struct keys;

/* What a description allows to be fetched. Borrowed for the call. */
struct keys_policy {
	const struct slice *hosts; /* names, see keys_host_pattern */
	size_t host_count;
	struct slice path; /* what the URL's path must begin with; empty: "/" */
	bool query;	   /* may it have a query? */
};

/* Is the text such a pattern: a host's name in lower case, of whose labels all but the last two may be "*", which stands
 * for any one label ("www.googleapis.com", "*.example.com", "sns.*.amazonaws.com")? Otherwise the reason says why. */
bool keys_host_pattern(struct slice pattern, struct reason *reason);

/* May the URL be fetched under the policy: https, port 443, a name that a pattern has, the path's beginning, no user,
 * no fragment, no way around through dots? Otherwise the reason says why not (of ours, without the URL). */
bool keys_allowed(struct slice url, const struct keys_policy *policy, struct reason *reason);

/* ---- the cache as a whole ---- */

/* One per process. `settings` may be NULL: the defaults. Its thread runs when the first fetch is wanted. 0, or
 * -errno. */
int keys_new(const struct config_key_fetch *settings, struct keys **out) __attribute__((warn_unused_result));

/* For reload. Where settings changed, all that is cached is forgotten. 0, or -ENOMEM: then all stays as it was. */
int keys_configure(struct keys *keys, const struct config_key_fetch *settings) __attribute__((warn_unused_result));

/* Ends what is being fetched and frees. All inboxes must have been freed; documents may be held on. Accepts NULL. */
void keys_free(struct keys *keys);

/* ---- looking up ---- */

/* What was fetched: immutable, counted, may outlive the cache. */
struct keys_document {
	struct slice bytes;
	uint64_t version; /* never 0, never given twice in a process */
};

const struct keys_document *keys_hold(const struct keys_document *document);
void keys_release(const struct keys_document *document); /* accepts NULL */

enum keys_result {
	KEYS_FOUND,
	KEYS_PENDING, /* being fetched: keys_wait */
	KEYS_FAILED,  /* could not be fetched a moment ago, or too much is wanted; ask again later */
	KEYS_ABSENT,  /* it was asked for a moment ago, and the answer was that there is no such thing */
	KEYS_REFUSED, /* the policy does not allow the URL */
	KEYS_UNKNOWN  /* of keys_look: nothing is known of it */
};

struct keys_answer {
	enum keys_result result;
	const struct keys_document *document; /* FOUND: to be released by the caller */
	bool old;			      /* FOUND: a newer one may be fetched now */
	bool denied;			      /* FAILED: by status 401 or 403 */
	struct reason reason;		      /* FAILED, ABSENT, REFUSED */
};

/* A request that is more than a URL. Borrowed for the call. */
struct keys_ask {
	struct slice url;
	const struct keys_policy *policy;
	/* Under which the answer is kept and waited for: the URL, or it and "#" and what is another text whenever any of the
	 * following is another. It is never told to anybody. */
	struct slice name;
	struct slice content_type, body; /* content_type not empty: a POST */
	struct slice authorization;	 /* the header's value; empty: none is sent */
	bool token;			 /* the answer is a token (RFC 6749, 5.1): kept as long as it says, and wiped */
	unsigned absent_status;		 /* what is answered where there is no such thing; 0: nothing in particular */
	struct slice absent_text;	 /* and what stands in that answer */
};

/* Looks the URL up, and begins to fetch it where it is not there. `lacking`: the version of a document that the caller
 * has looked into in vain (for a kid), 0 for none: it is fetched anew then, at most once a minute; FOUND with that very
 * version says that the provider has nothing newer. `keys` may be NULL: PENDING for ever, for who only wants to know
 * what would be fetched. */
void keys_get(struct keys *keys, struct slice url, const struct keys_policy *policy, uint64_t lacking,
	      struct keys_answer *answer);

/* The same for a request that is more than a URL. What is in it is copied, and wiped when it was sent. */
void keys_ask_for(struct keys *keys, const struct keys_ask *ask, uint64_t lacking, struct keys_answer *answer);

/* What is there under that name, without fetching anything. */
void keys_look(struct keys *keys, struct slice name, struct keys_answer *answer);

/* ---- waiting ---- */

/* Where one loop is told: one per worker. From the loop's thread. */
struct keys_inbox;
int keys_inbox_new(struct keys *keys, struct loop *loop, struct keys_inbox **out) __attribute__((warn_unused_result));

/* Nobody may wait in it any more. Accepts NULL. */
void keys_inbox_free(struct keys_inbox *inbox);

/* Embedded in its owner, zeroed before first use. */
struct keys_waiter {
	void (*told)(void *arg); /* the fetch is over, either way: ask again */
	void *arg;
	struct keys_inbox *inbox; /* NULL: does not wait */
	struct keys_waiter *next, **link;
};

/* Has `told` called once, from a later turn of the inbox's loop, when the fetch of the URL (the name of an ask) is over. 0;
 * -EALREADY when nothing is being fetched there (any more): ask again; -EBUSY when too many wait already. From the loop's
 * thread. */
int keys_wait(struct keys_inbox *inbox, struct slice url, struct keys_waiter *waiter)
	__attribute__((warn_unused_result));

/* Does not wait any longer; a no-op where it does not. From the loop's thread. */
void keys_unwait(struct keys_waiter *waiter);

/* For commands: waits in this very thread, at most that long. False when the time is over. */
bool keys_await(struct keys *keys, struct slice url, int64_t timeout_ms);

/* ---- visiting ---- */

/* Fetches the URL once, under the same policy and limits, and throws away what comes: a subscription's confirmation.
 * Whether it went well is logged under `what`, a text of ours that stays. False with a reason when it is not even
 * tried. */
bool keys_visit(struct keys *keys, struct slice url, const struct keys_policy *policy, const char *what,
		struct reason *reason);

/* ---- numbers ---- */

/* How a fetch may end; see keys_ending_name. */
enum keys_ending {
	KEYS_ENDED_WELL,
	KEYS_ENDED_STATUS,    /* an answer other than 200, a redirection among them */
	KEYS_ENDED_TIMEOUT,   /* too slow */
	KEYS_ENDED_CONNECT,   /* no such name, nobody there, or the connection broke */
	KEYS_ENDED_ADDRESS,   /* the name leads to an address that is not public */
	KEYS_ENDED_TLS,	      /* certificate, name or protocol */
	KEYS_ENDED_TOO_LARGE, /* over 256 KiB */
	KEYS_ENDED_ABSENT,    /* there is no such key */
	KEYS_ENDED_LIMITED,   /* never begun: too many at once, or of that host */
	KEYS_ENDINGS
};

/* "fetched", "status", "timeout" ...: metric labels. */
const char *keys_ending_name(enum keys_ending ending);

struct keys_counts {
	uint64_t ended[KEYS_ENDINGS];
	uint64_t entries, fetching, waiting; /* now */
};
void keys_count(struct keys *keys, struct keys_counts *out);

#endif
