/* fetch.h - getting URLs, several at once, with libcurl. For this room only.
 *
 * A fetcher belongs to one thread, but for keys_fetcher_wake. */
#ifndef HOOKGATE_KEYS_FETCH_H
#define HOOKGATE_KEYS_FETCH_H

#include "keys/keys.h"

enum { KEYS_DOCUMENT_MAX = 256 * 1024, KEYS_CONNECT_MS = 2000, KEYS_FETCH_MS = 5000 };

/* What is asked for; outlives the fetch. */
struct keys_request {
	const char *url;
	const char *content_type; /* a header's line; NULL: a GET */
	struct slice body;
	const char *authorization; /* a header's line; NULL: none */
};

/* Borrowed for the call. */
struct keys_fetched {
	enum keys_ending ending;
	const char *reason; /* for a person, where it did not end well */
	unsigned status;    /* 0: there was no answer */
	struct slice bytes; /* also of an answer that was no good */
	int64_t kept_ms;
};

typedef void keys_fetched_fn(void *arg, void *job, const struct keys_fetched *fetched);

struct keys_fetcher;

/* `done` is called from within keys_fetcher_run, once per fetch that was started. 0, or -errno. */
int keys_fetcher_new(keys_fetched_fn *done, void *arg, struct keys_fetcher **out) __attribute__((warn_unused_result));

/* Begins to ask. `settings` (which certificates, which private addresses) outlive the fetch. 0 or -ENOMEM; then
 * `done` is not called. */
int keys_fetcher_start(struct keys_fetcher *fetcher, const struct keys_request *request,
		       const struct config_key_fetch *settings, void *job) __attribute__((warn_unused_result));

size_t keys_fetcher_running(const struct keys_fetcher *fetcher);

/* Does what there is to do, after waiting for it at most that long. */
void keys_fetcher_run(struct keys_fetcher *fetcher, int timeout_ms);

/* Ends a wait in keys_fetcher_run, or the next one. From any thread. */
void keys_fetcher_wake(struct keys_fetcher *fetcher);

/* What is still running is dropped: `done` is not called for its jobs, `dropped` is. */
void keys_fetcher_free(struct keys_fetcher *fetcher, void (*dropped)(void *arg, void *job), void *arg);

#endif
