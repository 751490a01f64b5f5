/* job.c - one fetch that is queued or running: a copy of all that it needs, since who asked has gone on meanwhile.
 *
 * The special difficulty: passwords and tokens are in it. So it is one allocation of a size that is known, which is wiped as a
 * whole. */
#include "base/buf.h"
#include "keys/inside.h"

#include <stdlib.h>

/* Where the next text goes, behind the job. */
struct room {
	unsigned char *at;
};

static struct slice put(struct room *room, struct slice text)
{
	struct slice copy = slice_of(room->at, text.n);

	if (text.n > 0)
		memcpy(room->at, text.p, text.n);
	room->at += text.n;
	return copy;
}

/* "name: value" as a string; NULL where there is no value. */
static const char *put_header(struct room *room, struct slice name, struct slice value)
{
	const char *line = (const char *)room->at;

	if (value.n == 0)
		return NULL;
	(void)put(room, name);
	(void)put(room, value);
	(void)put(room, slice_of("", 1));
	return line;
}

struct keys_job *keys_job_new(struct keys_settings *settings, const struct keys_ask *ask, struct slice host)
{
	static const struct slice type = SLICE_LIT("Content-Type: "), authorization = SLICE_LIT("Authorization: ");
	size_t size = sizeof(struct keys_job) + ask->url.n + type.n + ask->content_type.n + 1 + ask->body.n +
		      authorization.n + ask->authorization.n + 1 + ask->absent_text.n;
	struct keys_job *job = calloc(1, size);
	struct room room;

	if (!job)
		return NULL;
	room.at = (unsigned char *)(job + 1);
	job->size = size;
	job->settings = settings;
	atomic_fetch_add(&settings->holders, 1);
	job->wanted = put(&room, ask->url);
	job->host = slice_of(job->wanted.p + (host.p - ask->url.p), host.n);
	job->request.content_type = put_header(&room, type, ask->content_type);
	job->request.body = put(&room, ask->body);
	job->request.authorization = put_header(&room, authorization, ask->authorization);
	job->absent_text = put(&room, ask->absent_text);
	job->absent_status = ask->absent_status;
	job->token = ask->token;
	job->request.url = job->url = keys_settings_url(&settings->public, ask->url);
	if (job->url)
		return job;
	keys_job_free(job);
	return NULL;
}

void keys_job_free(struct keys_job *job)
{
	keys_settings_drop(job->settings);
	free(job->url);
	explicit_bzero(job, job->size);
	free(job);
}

bool keys_job_absent(const struct keys_job *job, const struct keys_fetched *fetched)
{
	return job->absent_status != 0 && fetched->ending == KEYS_ENDED_STATUS &&
	       fetched->status == job->absent_status &&
	       (job->absent_text.n == 0 || (fetched->bytes.n > 0 && memmem(fetched->bytes.p, fetched->bytes.n,
									   job->absent_text.p, job->absent_text.n)));
}
