/* client_inner.h - the inside of a client, for client.c, client_seek.c and nodes.c; for fence.c, and for resplit.c, which wants to
 * know whether it is of a Cluster. */
#ifndef HOOKGATE_STORE_CLIENT_INNER_H
#define HOOKGATE_STORE_CLIENT_INNER_H

#include "base/buf.h"
#include "store/client.h"
#include "store/nodes.h"
#include "store/sentinel.h"
#include "tls/tls.h"

#include <hiredis/hiredis.h>

struct store_client {
	const struct config_redis *redis;
	const char *socket;
	int64_t timeout_ms;
	int fd;			 /* -1: not connected */
	int interrupt;		 /* eventfd */
	struct tls_session *tls; /* NULL: in plain */
	redisReader *reader;
	struct buf out;
	uint64_t connects;
	struct store_client *front; /* of a node of a Cluster: whose it is, and who is interrupted for it; else NULL */
	struct store_nodes *nodes;  /* of a Cluster: its nodes' clients, which do all the work; else NULL */
	size_t sentinel;	    /* the one that answered last is asked first */
	/* For fence.c: which fences are being set, and whether a connection that set some is gone; of a connection, which it set
	 * last, and how often it had connected by then. */
	uint64_t fencing, fenced_in, fenced_connects;
	bool fences_lost;
};

/* All of these: 0, or as store_client_call, with the reason; by end_ms of the monotonic clock. */

/* Connects to a host: to each of its addresses until one takes the connection. */
int store_client_open(struct store_client *client, const char *host, uint16_t port, int64_t end_ms,
		      struct reason *reason) __attribute__((warn_unused_result));

/* AUTH where there is a password. And that with what the configuration says of Redis, and SELECT. */
int store_client_login(struct store_client *client, struct slice user, struct slice password, int64_t end_ms,
		       struct reason *reason) __attribute__((warn_unused_result));
int store_client_greet(struct store_client *client, int64_t end_ms, struct reason *reason)
	__attribute__((warn_unused_result));

/* A command and its reply, to be freed by freeReplyObject. */
int store_client_exchange(struct store_client *client, const struct slice *words, size_t count, int64_t end_ms,
			  redisReply **reply, struct reason *reason) __attribute__((warn_unused_result));

/* As store_client_call, but an error that Redis answers is -EPROTO, or -EBUSY where it may pass by itself. */
int store_client_ask(struct store_client *client, const struct slice *words, size_t count, int64_t extra_ms,
		     struct store_reply **reply, struct reason *reason) __attribute__((warn_unused_result));

/* Has the Sentinels name the master, connects to it, greets it and looks whether it is one. In client_seek.c. */
int store_client_seek(struct store_client *client, int64_t end_ms, struct reason *reason)
	__attribute__((warn_unused_result));

/* Asks one Sentinel and closes the connection to it. -EIO also where it names none; *trouble says why then. */
int store_client_ask_sentinel(struct store_client *client, size_t number, int64_t end_ms, struct store_master *out,
			      enum store_sentinel_trouble *trouble, struct reason *reason)
	__attribute__((warn_unused_result));

/* What of the Sentinels endangers the promise, as store_client_inspect; the connection to Redis is closed by it. In
 * inspect_sentinel.c. */
int store_client_inspect_sentinels(struct store_client *client, void (*found)(void *arg, bool danger, const char *text),
				   void *arg, struct reason *reason) __attribute__((warn_unused_result));

/* As store_client_inspect, of each master of a Cluster, and of it as a whole. In inspect_cluster.c. */
int store_client_inspect_cluster(struct store_client *client, void (*found)(void *arg, bool danger, const char *text),
				 void *arg, struct reason *reason) __attribute__((warn_unused_result));

/* Waits, unless it is interrupted. */
int store_client_pause(struct store_client *client, int64_t ms, struct reason *reason)
	__attribute__((warn_unused_result));

void store_client_close(struct store_client *client);

#endif
