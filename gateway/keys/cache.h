/* cache.h - what was fetched, what is being fetched, and what may be fetched now. For this room only.
 *
 * No threads, no network, no clock of its own: the caller holds the lock and says what time it is (monotonic
 * milliseconds). */
#ifndef HOOKGATE_KEYS_CACHE_H
#define HOOKGATE_KEYS_CACHE_H

#include "keys/keys.h"

enum {
	KEYS_ENTRIES_MAX = 256,
	KEYS_HOSTS_MAX = 64,
	KEYS_UNDER_WAY_MAX = 64,	 /* fetches begun or queued */
	KEYS_STALE_MS = 3600 * 1000,	 /* how long an old document serves while a new one cannot be had */
	KEYS_LACKING_MS = 60 * 1000,	 /* between two fetches because something is missing in a document */
	KEYS_RETRY_LEAST_MS = 30 * 1000, /* after a failure; doubled by each that follows ... */
	KEYS_RETRY_MOST_MS = 300 * 1000, /* ... up to this */
	KEYS_HOST_BURST = 20,		 /* fetches of one host at once, and one more ... */
	KEYS_HOST_REFILL_MS = 3000,	 /* ... each so many milliseconds */
	KEYS_ALL_BURST = 60,
	KEYS_ALL_REFILL_MS = 500
};

struct keys_entry {
	struct keys_entry *next;
	uint64_t hash;
	struct slice url, host;		      /* its name, and in it the host; they stand behind the entry */
	const struct keys_document *document; /* NULL: there is none */
	int64_t fresh_until_ms, stale_until_ms;
	int64_t begun_ms; /* the last fetch */
	int64_t retry_ms; /* no fetch before that */
	int64_t used_ms;
	unsigned failures; /* in a row */
	bool fetching;
	bool outdated;	      /* the settings have changed since its fetch began */
	bool token;	      /* its document is secret, and serves no longer than it is fresh */
	unsigned status;      /* of the last answer; 0: there was none */
	bool absent;	      /* which was that there is no such thing */
	struct reason reason; /* why the last fetch failed */
	struct keys_waiter *waiters;
};

enum keys_step {
	KEYS_STEP_FOUND,  /* entry->document serves */
	KEYS_STEP_WAIT,	  /* it is being fetched */
	KEYS_STEP_FAILED, /* entry->reason */
	KEYS_STEP_LIMITED /* it may not be fetched now; there may be no entry */
};

struct keys_cache;

struct keys_cache *keys_cache_new(void); /* NULL when memory is short */
void keys_cache_free(struct keys_cache *cache);

/* keys_get's look-up of a URL that is allowed. *fetch says that a fetch is to be begun (the entry is marked already,
 * and the limits counted): with WAIT, and with FOUND where the document is old. The entry stays while it is fetched or
 * until the next call. */
enum keys_step keys_cache_ask(struct keys_cache *cache, struct slice url, struct slice host, uint64_t lacking,
			      int64_t now_ms, struct keys_entry **entry, bool *fetch);

/* What there is, of an entry that may be NULL: FOUND, WAIT, FAILED; LIMITED where nothing is known. *old: a newer one may be
 * fetched. */
enum keys_step keys_cache_look(struct keys_entry *entry, int64_t now_ms, bool *old);

/* NULL when there is none. */
struct keys_entry *keys_cache_find(struct keys_cache *cache, struct slice url);

/* A fetch that has no entry: may it begin? It is then counted, until keys_cache_ended. */
bool keys_cache_may_visit(struct keys_cache *cache, struct slice host, int64_t now_ms);
void keys_cache_ended(struct keys_cache *cache);

/* The fetch of an entry is over: with a document of these bytes, to be kept for so long. -ENOMEM: as if it had
 * failed. */
int keys_cache_fetched(struct keys_cache *cache, struct keys_entry *entry, struct slice bytes, int64_t kept_ms,
		       int64_t now_ms);

/* ... or without. */
void keys_cache_failed(struct keys_cache *cache, struct keys_entry *entry, const char *reason, int64_t now_ms);

/* All entries go; those that are being fetched are asked for anew when they are wanted then. */
void keys_cache_forget(struct keys_cache *cache);

/* Remembers how the host's last fetch ended; true where that is news. */
bool keys_cache_host_turned(struct keys_cache *cache, struct slice host, enum keys_ending ending, int64_t now_ms);

void keys_cache_count(const struct keys_cache *cache, struct keys_counts *out);

#endif
