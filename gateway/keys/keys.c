/* keys.c - the cache behind its lock, and the thread that fetches. Read keys.h first.
 *
 * The special difficulty: the lock is every worker's, so nothing slow is done under it; and the thread's own state
 * (libcurl's) is touched by no one else. A fetch goes from one to the other as a job: made under the lock where it was
 * decided, settled under the lock when it is over. */
#include "base/clock.h"
#include "base/log.h"
#include "keys/age.h"
#include "keys/inside.h"
#include "keys/url.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

enum { RUNNING_MAX = 8, IDLE_MS = 10000 };

static const char *const endings[KEYS_ENDINGS] = {
	[KEYS_ENDED_WELL] = "fetched",	      [KEYS_ENDED_STATUS] = "status",	[KEYS_ENDED_TIMEOUT] = "timeout",
	[KEYS_ENDED_CONNECT] = "connect",     [KEYS_ENDED_ADDRESS] = "address", [KEYS_ENDED_TLS] = "tls",
	[KEYS_ENDED_TOO_LARGE] = "too_large", [KEYS_ENDED_ABSENT] = "absent",	[KEYS_ENDED_LIMITED] = "limited",
};

const char *keys_ending_name(enum keys_ending ending)
{
	return endings[ending];
}

/* ---- life ---- */

int keys_new(const struct config_key_fetch *settings, struct keys **out)
{
	struct keys *keys = calloc(1, sizeof *keys);
	pthread_condattr_t attributes;

	if (!keys)
		return -ENOMEM;
	keys->last = &keys->queue;
	pthread_mutex_init(&keys->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&keys->settled, &attributes);
	pthread_condattr_destroy(&attributes);
	keys->cache = keys_cache_new();
	keys->settings = keys_settings_new(settings);
	if (!keys->cache || !keys->settings) {
		keys_free(keys);
		return -ENOMEM;
	}
	*out = keys;
	return 0;
}

static void drop_job(void *arg, void *job)
{
	(void)arg;
	keys_job_free(job);
}

int keys_configure(struct keys *keys, const struct config_key_fetch *settings)
{
	struct keys_settings *copy = keys_settings_new(settings);

	if (!copy)
		return -ENOMEM;
	pthread_mutex_lock(&keys->lock);
	if (!keys_settings_same(&keys->settings->public, &copy->public)) {
		struct keys_settings *old = keys->settings;

		keys->settings = copy;
		copy = old;
		keys_cache_forget(keys->cache);
	}
	keys_settings_drop(copy);
	pthread_mutex_unlock(&keys->lock);
	return 0;
}

void keys_free(struct keys *keys)
{
	struct keys_job *job, *next;

	if (!keys)
		return;
	pthread_mutex_lock(&keys->lock);
	keys->stopping = true;
	pthread_mutex_unlock(&keys->lock);
	if (keys->running) {
		keys_fetcher_wake(keys->fetcher);
		pthread_join(keys->thread, NULL);
		keys_fetcher_free(keys->fetcher, drop_job, keys);
	}
	for (job = keys->queue; job; job = next) {
		next = job->next;
		keys_job_free(job);
	}
	keys_settings_drop(keys->settings);
	keys_cache_free(keys->cache);
	pthread_cond_destroy(&keys->settled);
	pthread_mutex_destroy(&keys->lock);
	free(keys);
}

/* ---- the thread ---- */

/* Says how it ended where that is news of its host: a provider whose keys cannot be had fails once per delivery. */
static void log_ending(const struct keys_job *job, const struct keys_fetched *fetched, bool news)
{
	bool well = fetched->ending == KEYS_ENDED_WELL;

	if (job->what)
		log_line(well ? LOG_INFO : LOG_WARNING, well ? "visited" : "visit failed", LOG_C("what", job->what),
			 LOG_S("host", job->host), LOG_C("reason", fetched->reason));
	else if (news && well)
		log_line(LOG_INFO, "key fetched", LOG_S("url", job->wanted), LOG_U("bytes", fetched->bytes.n),
			 LOG_I("kept_s", fetched->kept_ms / 1000));
	else if (news)
		log_line(LOG_WARNING, "key fetch failed", LOG_S("url", job->wanted), LOG_C("reason", fetched->reason),
			 LOG_C("effect", "deliveries that need it are answered 503 until it can be fetched"));
}

/* What the answer means to this job. */
static void judge(const struct keys_job *job, struct keys_fetched *fetched)
{
	if (keys_job_absent(job, fetched)) {
		fetched->ending = KEYS_ENDED_ABSENT;
		fetched->reason = "the provider has no such key";
	} else if (job->token && fetched->ending == KEYS_ENDED_WELL &&
		   !keys_age_of_token(fetched->bytes, &fetched->kept_ms)) {
		fetched->ending = KEYS_ENDED_STATUS;
		fetched->reason = "the answer holds no access_token";
	}
}

/* A stranger may ask for what there is not: that says nothing of the host. */
static enum keys_ending ending_of_host(const struct keys_fetched *fetched)
{
	return fetched->ending == KEYS_ENDED_ABSENT ? KEYS_ENDED_WELL : fetched->ending;
}

static void settle_entry(struct keys *keys, struct keys_entry *entry, const struct keys_fetched *fetched,
			 int64_t now_ms)
{
	entry->status = fetched->status;
	entry->absent = fetched->ending == KEYS_ENDED_ABSENT;
	if (fetched->ending != KEYS_ENDED_WELL)
		keys_cache_failed(keys->cache, entry, fetched->reason, now_ms);
	else
		/* Memory being short is then the entry's reason. */
		(void)keys_cache_fetched(keys->cache, entry, fetched->bytes, fetched->kept_ms, now_ms);
	keys_tell(entry);
}

static void settle(struct keys *keys, struct keys_job *job, const struct keys_fetched *how)
{
	struct keys_fetched fetched = *how;
	int64_t now_ms = clock_mono_ms();
	bool news;

	judge(job, &fetched);
	pthread_mutex_lock(&keys->lock);
	keys->ended[fetched.ending]++;
	news = keys_cache_host_turned(keys->cache, job->host, ending_of_host(&fetched), now_ms);
	if (job->entry)
		settle_entry(keys, job->entry, &fetched, now_ms);
	else
		keys_cache_ended(keys->cache);
	pthread_cond_broadcast(&keys->settled);
	pthread_mutex_unlock(&keys->lock);
	if (fetched.ending != KEYS_ENDED_ABSENT)
		log_ending(job, &fetched, news);
	keys_job_free(job);
}

static void fetched(void *arg, void *job, const struct keys_fetched *how)
{
	settle(arg, job, how);
}

static void start_job(struct keys *keys, struct keys_job *job)
{
	const struct keys_fetched short_of_memory = { .ending = KEYS_ENDED_LIMITED, .reason = "memory is short" };

	if (keys_fetcher_start(keys->fetcher, &job->request, &job->settings->public, job) < 0)
		settle(keys, job, &short_of_memory);
}

/* The next job that may begin; NULL: none. */
static struct keys_job *next_job(struct keys *keys)
{
	struct keys_job *job = NULL;

	pthread_mutex_lock(&keys->lock);
	if (!keys->stopping && keys_fetcher_running(keys->fetcher) < RUNNING_MAX && (job = keys->queue)) {
		keys->queue = job->next;
		if (!keys->queue)
			keys->last = &keys->queue;
	}
	pthread_mutex_unlock(&keys->lock);
	return job;
}

static bool is_stopping(struct keys *keys)
{
	bool stopping;

	pthread_mutex_lock(&keys->lock);
	stopping = keys->stopping;
	pthread_mutex_unlock(&keys->lock);
	return stopping;
}

static void *thread(void *arg)
{
	struct keys *keys = arg;
	struct keys_job *job;

	while (!is_stopping(keys)) {
		while ((job = next_job(keys)))
			start_job(keys, job);
		keys_fetcher_run(keys->fetcher, IDLE_MS);
		log_flush();
	}
	return NULL;
}

/* Under the lock. */
static bool runs(struct keys *keys)
{
	sigset_t all, before;

	if (keys->running)
		return true;
	if (keys_fetcher_new(fetched, keys, &keys->fetcher) < 0)
		return false;
	/* Signals are the main thread's; and a peer that hangs up must not end the program with SIGPIPE. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	keys->running = pthread_create(&keys->thread, NULL, thread, keys) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (keys->running)
		pthread_setname_np(keys->thread, "keys");
	else
		keys_fetcher_free(keys->fetcher, drop_job, keys);
	return keys->running;
}

/* ---- wishes ---- */

/* Queues a fetch that the cache has allowed. Under the lock. */
static bool enqueue(struct keys *keys, const struct keys_ask *ask, struct slice host, struct keys_entry *entry,
		    const char *what)
{
	struct keys_job *job = keys_job_new(keys->settings, ask, host);

	if (!job)
		return false;
	job->entry = entry;
	job->what = what;
	if (!runs(keys)) {
		keys_job_free(job);
		return false;
	}
	*keys->last = job;
	keys->last = &job->next;
	keys_fetcher_wake(keys->fetcher);
	return true;
}

static void limited(struct keys *keys, struct keys_answer *answer)
{
	keys->ended[KEYS_ENDED_LIMITED]++;
	answer->result = KEYS_FAILED;
	reason_set(&answer->reason, "too many keys are being fetched, of this host or in all");
}

static void failed(const struct keys_entry *entry, struct keys_answer *answer)
{
	answer->result = entry->absent ? KEYS_ABSENT : KEYS_FAILED;
	answer->denied = entry->status == 401 || entry->status == 403;
	answer->reason = entry->reason;
}

/* What stands in the cache; of LIMITED the caller knows what it means to who asks. */
static void tell(enum keys_step step, const struct keys_entry *entry, struct keys_answer *answer)
{
	switch (step) {
	case KEYS_STEP_FOUND:
		answer->result = KEYS_FOUND;
		answer->document = keys_hold(entry->document);
		break;
	case KEYS_STEP_WAIT:
		answer->result = KEYS_PENDING;
		break;
	case KEYS_STEP_FAILED:
		failed(entry, answer);
		break;
	case KEYS_STEP_LIMITED:
		break;
	}
}

static void look_up(struct keys *keys, const struct keys_ask *ask, struct slice host, uint64_t lacking,
		    struct keys_answer *answer)
{
	/* The name begins with the URL, and so the host stands in it as well. */
	struct slice named = slice_of(ask->name.p + (host.p - ask->url.p), host.n);
	int64_t now_ms = clock_mono_ms();
	struct keys_entry *entry;
	enum keys_step step;
	bool fetch;

	step = keys_cache_ask(keys->cache, ask->name, named, lacking, now_ms, &entry, &fetch);
	tell(step, entry, answer);
	if (step == KEYS_STEP_LIMITED)
		limited(keys, answer);
	if (fetch)
		entry->token = ask->token;
	if (fetch && !enqueue(keys, ask, host, entry, NULL)) {
		keys_cache_failed(keys->cache, entry, "memory is short", now_ms);
		if (answer->result == KEYS_PENDING)
			limited(keys, answer);
	}
}

void keys_ask_for(struct keys *keys, const struct keys_ask *ask, uint64_t lacking, struct keys_answer *answer)
{
	struct keys_url parsed;

	*answer = (struct keys_answer){ .result = KEYS_REFUSED };
	if (!keys_allowed(ask->url, ask->policy, &answer->reason) ||
	    !keys_url_parse(ask->url, &parsed, &answer->reason))
		return;
	answer->result = KEYS_PENDING;
	if (!keys)
		return;
	pthread_mutex_lock(&keys->lock);
	look_up(keys, ask, parsed.host, lacking, answer);
	pthread_mutex_unlock(&keys->lock);
}

void keys_get(struct keys *keys, struct slice url, const struct keys_policy *policy, uint64_t lacking,
	      struct keys_answer *answer)
{
	const struct keys_ask ask = { .url = url, .name = url, .policy = policy };

	keys_ask_for(keys, &ask, lacking, answer);
}

void keys_look(struct keys *keys, struct slice name, struct keys_answer *answer)
{
	struct keys_entry *entry;

	*answer = (struct keys_answer){ .result = KEYS_UNKNOWN };
	pthread_mutex_lock(&keys->lock);
	entry = keys_cache_find(keys->cache, name);
	tell(keys_cache_look(entry, clock_mono_ms(), &answer->old), entry, answer);
	pthread_mutex_unlock(&keys->lock);
}

bool keys_visit(struct keys *keys, struct slice url, const struct keys_policy *policy, const char *what,
		struct reason *reason)
{
	const struct keys_ask ask = { .url = url, .name = url, .policy = policy };
	struct keys_url parsed;
	bool begun = false;

	if (!keys_allowed(url, policy, reason) || !keys_url_parse(url, &parsed, reason))
		return false;
	pthread_mutex_lock(&keys->lock);
	if (keys_cache_may_visit(keys->cache, parsed.host, clock_mono_ms())) {
		begun = enqueue(keys, &ask, parsed.host, NULL, what);
		if (!begun)
			keys_cache_ended(keys->cache);
	}
	if (!begun) {
		keys->ended[KEYS_ENDED_LIMITED]++;
		reason_set(reason, "too much is being fetched, of this host or in all");
	}
	pthread_mutex_unlock(&keys->lock);
	return begun;
}

void keys_count(struct keys *keys, struct keys_counts *out)
{
	struct keys_counts counts = { .entries = 0 };

	pthread_mutex_lock(&keys->lock);
	keys_cache_count(keys->cache, &counts);
	counts.waiting = keys->waiting;
	memcpy(counts.ended, keys->ended, sizeof counts.ended);
	pthread_mutex_unlock(&keys->lock);
	*out = counts;
}
