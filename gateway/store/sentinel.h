/* sentinel.h - who the master is, as the Sentinels say; of this room only.
 *
 * https://redis.io/docs/latest/develop/reference/sentinel-clients/ and .../operate/oss_and_stack/management/sentinel/
 *
 * All Sentinels of the URL are asked at once, and each is listened to (+switch-master) for as long as it answers, so that
 * the first to know tells; once a second they are asked again, for what is not announced. They need not agree: a Sentinel
 * that was cut off names the old master for a while after it is back. Each name comes with the epoch of the failover that
 * made it one, and the highest counts. */
#ifndef HOOKGATE_STORE_SENTINEL_H
#define HOOKGATE_STORE_SENTINEL_H

#include "base/loop.h"
#include "base/reason.h"
#include "config/config.h"

#include <hiredis/hiredis.h>

enum { STORE_HOST_ROOM = 254 };

struct store_master {
	char host[STORE_HOST_ROOM]; /* a name or an address */
	uint16_t port;
	uint64_t epoch;
};

/* ---- what a Sentinel answers ---- */

/* Why a Sentinel names none; the later in this list, the more a person learns from it. */
enum store_sentinel_trouble { STORE_SENTINEL_UNREACHED, STORE_SENTINEL_REFUSED, STORE_SENTINEL_UNKNOWN };

/* The answer to SENTINEL GET-MASTER-ADDR-BY-NAME: host and port of *out. False with *trouble and the reason. */
bool store_sentinel_address(const struct config_redis *redis, const redisReply *reply, struct store_master *out,
			    enum store_sentinel_trouble *trouble, struct reason *reason);

/* The answer to SENTINEL MASTER; 0 where it does not tell. */
uint64_t store_sentinel_epoch(const redisReply *reply);

/* The answer to AUTH; false with the reason. */
bool store_sentinel_let_in(const redisReply *reply, struct reason *reason);

/* Is it the first word of an array, as of "message" and "subscribe"? */
bool store_sentinel_begins(const redisReply *reply, const char *word);

/* ---- all of them, on a loop ---- */

struct store_sentinels;

/* Who wants to know. `decided` is called from the loop when another master is named than before, and when all were asked
 * in vain; it may neither join, leave nor free. */
struct store_sentinel_listener {
	void (*decided)(void *arg);
	void *arg;
	struct store_sentinel_listener *next;
};

/* Begins with store_sentinels_ask. `redis` must outlive it. 0 or -ENOMEM. */
int store_sentinels_new(struct loop *loop, const struct config_redis *redis, struct store_sentinels **out)
	__attribute__((warn_unused_result));

/* Nobody may be listening any more. Accepts NULL. */
void store_sentinels_free(struct store_sentinels *sentinels);

void store_sentinels_join(struct store_sentinels *sentinels, struct store_sentinel_listener *listener);
void store_sentinels_leave(struct store_sentinels *sentinels, struct store_sentinel_listener *listener);

/* The same places in another configuration: the old one may be freed then. */
void store_sentinels_renew(struct store_sentinels *sentinels, const struct config_redis *redis);

/* Asks now, those that do not answer as well. */
void store_sentinels_ask(struct store_sentinels *sentinels);

/* The master; borrowed until the loop's next turn. NULL where none of them names one now. */
const struct store_master *store_sentinels_master(const struct store_sentinels *sentinels);

/* True when all were asked and none names a master; with the reason. */
bool store_sentinels_in_vain(const struct store_sentinels *sentinels, struct reason *reason);

#endif
