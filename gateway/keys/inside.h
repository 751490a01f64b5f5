/* inside.h - what the files of this room know of each other. Not for other rooms. */
#ifndef HOOKGATE_KEYS_INSIDE_H
#define HOOKGATE_KEYS_INSIDE_H

#include "keys/cache.h"
#include "keys/fetch.h"

#include <pthread.h>
#include <stdatomic.h>

enum { KEYS_WAITING_MAX = 1024 }; /* deliveries, all workers together */

/* A copy of the configuration's section, counted: fetches keep the one they began with. */
struct keys_settings {
	atomic_size_t holders;
	struct config_key_fetch public;
};

/* settings.c. NULL when memory is short. */
struct keys_settings *keys_settings_new(const struct config_key_fetch *from);
void keys_settings_drop(struct keys_settings *settings);
bool keys_settings_same(const struct config_key_fetch *a, const struct config_key_fetch *b);

/* The URL that is really asked for, where the host is replaced: newly allocated; NULL when memory is short. */
char *keys_settings_url(const struct config_key_fetch *settings, struct slice url) __attribute__((warn_unused_result));

/* One fetch that is queued or running. */
struct keys_job {
	struct keys_job *next;
	struct keys_entry *entry; /* NULL: a visit */
	const char *what;	  /* of a visit */
	char *url;		  /* what is really asked for */
	struct slice wanted;	  /* the URL as it was wanted; lives behind the job ... */
	struct slice host;	  /* ... as its host does, ... */
	struct keys_request request;
	bool token;
	unsigned absent_status;
	struct slice absent_text; /* ... and all that the request has */
	size_t size;		  /* of the job and what is behind it: wiped as a whole */
	struct keys_settings *settings;
};

/* job.c. `host` is the ask's URL's. NULL when memory is short. */
struct keys_job *keys_job_new(struct keys_settings *settings, const struct keys_ask *ask, struct slice host);
void keys_job_free(struct keys_job *job);

/* Was that the answer that there is no such thing? */
bool keys_job_absent(const struct keys_job *job, const struct keys_fetched *fetched);

struct keys {
	pthread_mutex_t lock; /* over all that follows */
	pthread_cond_t settled;
	struct keys_cache *cache;
	struct keys_settings *settings;
	struct keys_job *queue, **last;
	pthread_t thread;
	bool running, stopping;
	struct keys_fetcher *fetcher; /* made before the thread, used by it alone */
	size_t waiting;
	uint64_t ended[KEYS_ENDINGS];
};

/* wait.c: hands the entry's waiters to their inboxes. Under the lock. */
void keys_tell(struct keys_entry *entry);

#endif
