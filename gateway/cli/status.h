/* status.h - what `hookgate status` looks at: Redis, a route's stream, a gateway's counters. For status*.c only. */
#ifndef HOOKGATE_CLI_STATUS_H
#define HOOKGATE_CLI_STATUS_H

#include "base/buf.h"
#include "base/reason.h"
#include "config/config.h"
#include "store/client.h"

#include <stdint.h>

/* Texts are cut to fit, "" where Redis does not say. */
struct status_redis {
	char version[32], role[16], memory[32], memory_limit[32], policy[32], persistence[96];
	int64_t ping_us; /* there and back */
	int64_t now_ms;	 /* by its clock, which stream ids are made from */
};

/* 0, or a fault of store_client_call with the reason. */
int status_redis_read(struct store_client *client, struct status_redis *out, struct reason *reason)
	__attribute__((warn_unused_result));

/* A stream and its groups. To be freed. */
struct status_stream {
	int64_t length;
	int64_t newest_ms;   /* when the newest entry was added, by Redis' clock; -1: there is none */
	struct slice newest; /* its id */
	struct store_reply *stream_reply, *groups_reply;
	size_t groups;
};

struct status_group {
	struct slice name;
	int64_t consumers, pending;
	int64_t lag; /* entries not handed out yet; -1: Redis does not know */
};

int status_stream_read(struct store_client *client, struct slice stream, struct status_stream *out,
		       struct reason *reason) __attribute__((warn_unused_result));
bool status_stream_group(const struct status_stream *stream, size_t i, struct status_group *out);
void status_stream_free(struct status_stream *stream);

/* Deliveries as the gateway has counted them since it was started, and how many a second. */
struct status_count {
	struct slice route, provider, outcome;
	double total, rate;
};

/* The journal, as the running gateway counts it; `known` is false where nobody could be asked. */
struct status_journal {
	bool known;
	bool well; /* it takes what is given to it */
	uint64_t records, bytes;
	int64_t oldest_s; /* how long the oldest of the records has waited */
	uint64_t refused; /* set aside, since Redis refuses them for good */
};

/* From a metrics page; `out` is left alone where it says nothing of a journal. */
void status_journal_read(struct slice page, struct status_journal *out);

/* A few lines for a person, or the member of an object with a comma before it. */
void status_journal_add(const struct config *config, const struct status_journal *journal, bool json, struct buf *out);

/* Asks the admin listener twice, `apart_ms` apart. `counted` is called per counter that is not 0; `journal` is set where the
 * gateway has one. 0, or -EIO with the reason. */
int status_gateway_read(const struct config *config, int64_t apart_ms,
			void (*counted)(void *arg, const struct status_count *count), void *arg,
			struct status_journal *journal, struct reason *reason) __attribute__((warn_unused_result));

#endif
