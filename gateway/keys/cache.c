/* cache.c - see cache.h.
 *
 * The special difficulty: strangers choose the URLs. What they can make us do is held by three limits that do not depend
 * on one another: fetches of one host, fetches in all, and entries; and what they make us keep (failures) goes before
 * what providers made us keep (documents). */
#include "keys/cache.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

struct document {
	struct keys_document public; /* first */
	atomic_size_t holders;
	bool secret;
	unsigned char bytes[];
};

/* Fills at a steady pace up to its size; a fetch takes one out. */
struct bucket {
	int64_t full_ms; /* when it will be full again */
};

struct host {
	char name[256];
	size_t name_n;
	struct bucket bucket;
	int64_t used_ms;
	bool ended; /* something is known of it */
	enum keys_ending ending;
};

struct keys_cache {
	struct keys_entry *entries;
	size_t count, under_way;
	struct host hosts[KEYS_HOSTS_MAX];
	size_t host_count;
	struct bucket all;
};

static _Atomic(uint64_t) versions;

/* ---- documents ---- */

static struct document *document_of(const struct keys_document *document)
{
	return (struct document *)(uintptr_t)document;
}

const struct keys_document *keys_hold(const struct keys_document *document)
{
	atomic_fetch_add_explicit(&document_of(document)->holders, 1, memory_order_relaxed);
	return document;
}

void keys_release(const struct keys_document *document)
{
	if (!document || atomic_fetch_sub_explicit(&document_of(document)->holders, 1, memory_order_acq_rel) != 1)
		return;
	if (document_of(document)->secret)
		explicit_bzero(document_of(document)->bytes, document->bytes.n);
	free(document_of(document));
}

static const struct keys_document *document_new(struct slice bytes, bool secret)
{
	struct document *document = malloc(sizeof *document + bytes.n);

	if (!document)
		return NULL;
	atomic_init(&document->holders, 1);
	document->secret = secret;
	if (bytes.n > 0)
		memcpy(document->bytes, bytes.p, bytes.n);
	document->public.bytes = slice_of(document->bytes, bytes.n);
	document->public.version = atomic_fetch_add(&versions, 1) + 1;
	return &document->public;
}

/* ---- limits ---- */

static bool bucket_has(const struct bucket *bucket, int burst, int refill_ms, int64_t now_ms)
{
	return bucket->full_ms - now_ms <= (int64_t)(burst - 1) * refill_ms;
}

static void bucket_take(struct bucket *bucket, int refill_ms, int64_t now_ms)
{
	bucket->full_ms = (bucket->full_ms > now_ms ? bucket->full_ms : now_ms) + refill_ms;
}

static struct host *find_host(struct keys_cache *cache, struct slice name)
{
	for (size_t i = 0; i < cache->host_count; i++)
		if (slice_eq(slice_of(cache->hosts[i].name, cache->hosts[i].name_n), name))
			return &cache->hosts[i];
	return NULL;
}

/* A place for a host that is not known: a free one, or that of the host that was longest not asked for. That one must
 * have come to rest, else strangers could wash their traces away with ever new names. NULL: none. */
static struct host *make_host(struct keys_cache *cache, struct slice name, int64_t now_ms)
{
	struct host *oldest = &cache->hosts[0];

	if (name.n > sizeof oldest->name)
		return NULL;
	for (size_t i = 1; i < cache->host_count; i++)
		if (cache->hosts[i].used_ms < oldest->used_ms)
			oldest = &cache->hosts[i];
	if (cache->host_count < KEYS_HOSTS_MAX)
		oldest = &cache->hosts[cache->host_count++];
	else if (oldest->bucket.full_ms > now_ms)
		return NULL;
	*oldest = (struct host){ .name_n = name.n, .bucket = { now_ms }, .used_ms = now_ms };
	memcpy(oldest->name, name.p, name.n);
	return oldest;
}

static bool may_begin(struct keys_cache *cache, struct slice name, int64_t now_ms)
{
	struct host *host;

	if (cache->under_way >= KEYS_UNDER_WAY_MAX ||
	    !bucket_has(&cache->all, KEYS_ALL_BURST, KEYS_ALL_REFILL_MS, now_ms))
		return false;
	host = find_host(cache, name);
	if (!host)
		host = make_host(cache, name, now_ms);
	if (!host || !bucket_has(&host->bucket, KEYS_HOST_BURST, KEYS_HOST_REFILL_MS, now_ms))
		return false;
	bucket_take(&cache->all, KEYS_ALL_REFILL_MS, now_ms);
	bucket_take(&host->bucket, KEYS_HOST_REFILL_MS, now_ms);
	host->used_ms = now_ms;
	cache->under_way++;
	return true;
}

bool keys_cache_may_visit(struct keys_cache *cache, struct slice host, int64_t now_ms)
{
	return may_begin(cache, host, now_ms);
}

void keys_cache_ended(struct keys_cache *cache)
{
	cache->under_way--;
}

bool keys_cache_host_turned(struct keys_cache *cache, struct slice name, enum keys_ending ending, int64_t now_ms)
{
	struct host *host = find_host(cache, name);
	bool news;

	if (!host)
		host = make_host(cache, name, now_ms);
	if (!host)
		return false;
	news = !host->ended || host->ending != ending;
	host->ended = true;
	host->ending = ending;
	return news;
}

/* ---- entries ---- */

struct keys_cache *keys_cache_new(void)
{
	return calloc(1, sizeof(struct keys_cache));
}

static void entry_free(struct keys_entry *entry)
{
	keys_release(entry->document);
	free(entry);
}

void keys_cache_free(struct keys_cache *cache)
{
	struct keys_entry *entry = cache ? cache->entries : NULL, *next;

	for (; entry; entry = next) {
		next = entry->next;
		entry_free(entry);
	}
	free(cache);
}

static uint64_t hash(struct slice url)
{
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < url.n; i++)
		h = (h ^ url.p[i]) * 1099511628211u;
	return h;
}

struct keys_entry *keys_cache_find(struct keys_cache *cache, struct slice url)
{
	uint64_t h = hash(url);

	for (struct keys_entry *entry = cache->entries; entry; entry = entry->next)
		if (entry->hash == h && slice_eq(entry->url, url))
			return entry;
	return NULL;
}

static bool goes_before(const struct keys_entry *a, const struct keys_entry *b)
{
	if (!a->document != !b->document)
		return !a->document;
	return a->used_ms < b->used_ms;
}

/* Takes out one entry that nobody is busy with; false when there is none. */
static bool evict(struct keys_cache *cache)
{
	struct keys_entry **victim = NULL, *gone;

	for (struct keys_entry **at = &cache->entries; *at; at = &(*at)->next)
		if (!(*at)->fetching && (!victim || goes_before(*at, *victim)))
			victim = at;
	if (!victim)
		return false;
	gone = *victim;
	*victim = gone->next;
	entry_free(gone);
	cache->count--;
	return true;
}

static struct keys_entry *make_entry(struct keys_cache *cache, struct slice url, struct slice host)
{
	struct keys_entry *entry;

	if (cache->count >= KEYS_ENTRIES_MAX && !evict(cache))
		return NULL;
	entry = calloc(1, sizeof *entry + url.n);
	if (!entry)
		return NULL;
	memcpy(entry + 1, url.p, url.n);
	entry->url = slice_of(entry + 1, url.n);
	entry->host = slice_of(entry->url.p + (host.p - url.p), host.n);
	entry->hash = hash(url);
	entry->begun_ms = entry->retry_ms = INT64_MIN / 2;
	entry->next = cache->entries;
	cache->entries = entry;
	cache->count++;
	return entry;
}

static bool begin(struct keys_cache *cache, struct keys_entry *entry, int64_t now_ms)
{
	if (!may_begin(cache, entry->host, now_ms))
		return false;
	entry->fetching = true;
	entry->begun_ms = now_ms;
	return true;
}

static enum keys_step begin_and_wait(struct keys_cache *cache, struct keys_entry *entry, int64_t now_ms, bool *fetch)
{
	if (entry->fetching)
		return KEYS_STEP_WAIT;
	*fetch = begin(cache, entry, now_ms);
	return *fetch ? KEYS_STEP_WAIT : KEYS_STEP_LIMITED;
}

enum keys_step keys_cache_ask(struct keys_cache *cache, struct slice url, struct slice host, uint64_t lacking,
			      int64_t now_ms, struct keys_entry **out, bool *fetch)
{
	struct keys_entry *entry = keys_cache_find(cache, url);
	bool serves;

	*fetch = false;
	if (!entry)
		entry = make_entry(cache, url, host);
	*out = entry;
	if (!entry)
		return KEYS_STEP_LIMITED;
	entry->used_ms = now_ms;
	serves = entry->document && now_ms < entry->stale_until_ms;
	if (serves && lacking != entry->document->version) {
		if (now_ms >= entry->fresh_until_ms && now_ms >= entry->retry_ms && !entry->fetching)
			*fetch = begin(cache, entry, now_ms);
		return KEYS_STEP_FOUND;
	}
	if (serves && !entry->fetching && now_ms - entry->begun_ms < KEYS_LACKING_MS)
		return entry->failures > 0 ? KEYS_STEP_FAILED : KEYS_STEP_FOUND;
	if (!serves && !entry->fetching && now_ms < entry->retry_ms)
		return KEYS_STEP_FAILED;
	return begin_and_wait(cache, entry, now_ms, fetch);
}

enum keys_step keys_cache_look(struct keys_entry *entry, int64_t now_ms, bool *old)
{
	*old = false;
	if (!entry)
		return KEYS_STEP_LIMITED;
	entry->used_ms = now_ms;
	if (entry->document && now_ms < entry->stale_until_ms) {
		*old = now_ms >= entry->fresh_until_ms && now_ms >= entry->retry_ms && !entry->fetching;
		return KEYS_STEP_FOUND;
	}
	if (entry->fetching)
		return KEYS_STEP_WAIT;
	return now_ms < entry->retry_ms ? KEYS_STEP_FAILED : KEYS_STEP_LIMITED;
}

/* ---- the end of a fetch ---- */

static void over(struct keys_cache *cache, struct keys_entry *entry)
{
	entry->fetching = false;
	cache->under_way--;
}

/* What was fetched under other settings says nothing. */
static bool drop_outdated(struct keys_entry *entry)
{
	if (!entry->outdated)
		return false;
	entry->outdated = false;
	entry->failures = 0;
	entry->begun_ms = entry->retry_ms = INT64_MIN / 2;
	return true;
}

static void fail(struct keys_entry *entry, const char *reason, int64_t now_ms)
{
	int64_t pause = KEYS_RETRY_LEAST_MS;

	for (unsigned i = 0; i < entry->failures && pause < KEYS_RETRY_MOST_MS; i++)
		pause *= 2;
	entry->failures++;
	entry->retry_ms = now_ms + (pause < KEYS_RETRY_MOST_MS ? pause : KEYS_RETRY_MOST_MS);
	reason_set(&entry->reason, "%s", reason);
}

void keys_cache_failed(struct keys_cache *cache, struct keys_entry *entry, const char *reason, int64_t now_ms)
{
	over(cache, entry);
	if (!drop_outdated(entry))
		fail(entry, reason, now_ms);
}

int keys_cache_fetched(struct keys_cache *cache, struct keys_entry *entry, struct slice bytes, int64_t kept_ms,
		       int64_t now_ms)
{
	const struct keys_document *document = entry->document;

	over(cache, entry);
	if (drop_outdated(entry))
		return 0;
	/* The same again is no new version: who has made something of it need not do so again. */
	if (!document || !slice_eq(document->bytes, bytes)) {
		document = document_new(bytes, entry->token);
		if (!document) {
			fail(entry, "memory is short", now_ms);
			return -ENOMEM;
		}
		keys_release(entry->document);
	}
	entry->document = document;
	entry->fresh_until_ms = now_ms + kept_ms;
	entry->stale_until_ms = entry->fresh_until_ms + (entry->token ? 0 : KEYS_STALE_MS);
	entry->failures = 0;
	entry->retry_ms = INT64_MIN / 2;
	return 0;
}

void keys_cache_forget(struct keys_cache *cache)
{
	struct keys_entry **at = &cache->entries;

	while (*at) {
		struct keys_entry *entry = *at;

		if (entry->fetching) {
			entry->outdated = true;
			keys_release(entry->document);
			entry->document = NULL;
			at = &entry->next;
			continue;
		}
		*at = entry->next;
		entry_free(entry);
		cache->count--;
	}
}

void keys_cache_count(const struct keys_cache *cache, struct keys_counts *out)
{
	out->entries = cache->count;
	out->fetching = cache->under_way;
}
