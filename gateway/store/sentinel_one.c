/* sentinel_one.c - one Sentinel's connection: asked, and listened to.
 *
 *     RESTING -> RESOLVING -> CONNECTING -> ASKED <-> WATCHED
 *        ^___________|____________|__________|__________|
 *
 * Its difficulty: a connection that listens takes no other command, so to ask again it leaves the channel, asks and
 * comes back, all in one write; and what was announced may come between any two answers. */
#include "store/command.h"
#include "store/sentinel_inner.h"

#include <string.h>

/* What must be answered within PATIENCE_MS: a switch is to be followed within a second. */
enum { PATIENCE_MS = 700, REST_MS = 500, POLL_MS = 1000, POLL_ALONE_MS = 250, WORDS_ROOM = 512 };

static void on_timer(void *arg);

static void start_timer(struct store_sentinel_one *one, int64_t ms)
{
	/* It runs from the beginning on, so this needs no memory. */
	(void)loop_timer_start(one->all->loop, &one->timer, ms, on_timer, one);
}

int store_sentinel_one_begin(struct store_sentinel_one *one)
{
	return loop_timer_start(one->all->loop, &one->timer, REST_MS, on_timer, one);
}

void store_sentinel_one_close(struct store_sentinel_one *one)
{
	struct store_list none = { .first = NULL };
	store_resolve_cancel(one->resolve);
	one->resolve = NULL;
	store_wire_close(&one->wire);
	store_trips_clear(&one->trips, &none);
	one->phase = STORE_SENTINEL_RESTING;
	one->named = one->subscribed = false;
}

static void rest(struct store_sentinel_one *one, enum store_sentinel_trouble trouble, const char *why)
{
	const struct config_redis_host *host = &one->all->redis->hosts[one->number];
	struct reason said;
	reason_set(&said, "Sentinel %.80s:%u: %.150s", host->host, (unsigned)host->port, why);
	store_sentinel_one_close(one);
	one->reason = said;
	one->trouble = trouble;
	one->tried = true;
	one->attempts++;
	start_timer(one, REST_MS);
	store_sentinels_heard(one->all);
}

/* ---- asking ---- */

static void add_words(struct store_trip *trip, const struct slice *words, size_t count)
{
	store_command_add_words(&trip->bytes, words, count);
	trip->due++;
}

static void add_login(struct store_sentinel_one *one, struct store_trip *trip)
{
	struct slice user = one->all->redis->sentinel_username, password = one->all->redis->sentinel_password;
	if (user.n > 0)
		add_words(trip, (struct slice[]){ SLICE("AUTH"), user, password }, 3);
	else if (password.n > 0)
		add_words(trip, (struct slice[]){ SLICE("AUTH"), password }, 2);
}

/* The last three are the same each time; what comes before, once it is connected, is the login or nothing, and later
 * the channel is left. */
static bool ask(struct store_sentinel_one *one, bool again)
{
	static const struct slice channel = SLICE_LIT("+switch-master");
	const struct config_redis *redis = one->all->redis;
	struct slice name = slice_str(redis->master);
	struct store_trip *trip = store_trips_take(&one->trips, STORE_TRIP_GREETING);
	if (!trip)
		return false;
	if (buf_room(&trip->bytes, redis->sentinel_username.n + redis->sentinel_password.n + 2 * name.n + WORDS_ROOM)) {
		if (again)
			add_words(trip, (struct slice[]){ SLICE("UNSUBSCRIBE"), channel }, 2);
		else
			add_login(one, trip);
		add_words(trip, (struct slice[]){ SLICE("SENTINEL"), SLICE("GET-MASTER-ADDR-BY-NAME"), name }, 3);
		add_words(trip, (struct slice[]){ SLICE("SENTINEL"), SLICE("MASTER"), name }, 3);
		add_words(trip, (struct slice[]){ SLICE("SUBSCRIBE"), channel }, 2);
	}
	if (buf_failed(&trip->bytes) || !store_trip_add(trip, buf_slice(&trip->bytes))) {
		store_trips_give(&one->trips, trip);
		return false;
	}
	one->phase = STORE_SENTINEL_ASKED;
	one->greeted = !again;
	start_timer(one, PATIENCE_MS);
	store_trips_queue(&one->trips, trip, loop_now_ms(one->all->loop));
	store_wire_flush(&one->wire, &one->trips);
	return true;
}

static void ask_or_rest(struct store_sentinel_one *one, bool again)
{
	if (!ask(one, again))
		rest(one, STORE_SENTINEL_UNREACHED, "memory is short");
}

/* ---- what it says ---- */

static void take_address(struct store_sentinel_one *one, const redisReply *reply)
{
	enum store_sentinel_trouble trouble;
	struct reason reason;
	bool named = store_sentinel_address(one->all->redis, reply, &one->heard, &trouble, &reason);
	if (!named && trouble == STORE_SENTINEL_REFUSED) {
		rest(one, trouble, reason.text);
		return;
	}
	if (named)
		return;
	const struct config_redis_host *host = &one->all->redis->hosts[one->number];
	reason_set(&one->reason, "Sentinel %.80s:%u: %.150s", host->host, (unsigned)host->port, reason.text);
	one->trouble = trouble;
	one->heard.port = 0;
}

/* With the epoch the answer is complete. */
static void take_epoch(struct store_sentinel_one *one, const redisReply *reply)
{
	one->named = one->heard.port != 0;
	one->master = one->heard;
	one->master.epoch = store_sentinel_epoch(reply);
	one->tried = true;
	one->attempts = 0;
	store_sentinels_heard(one->all);
}

static void take_subscription(struct store_sentinel_one *one, const redisReply *reply)
{
	one->subscribed = store_sentinel_begins(reply, "subscribe");
	one->phase = STORE_SENTINEL_WATCHED;
	start_timer(one, one->subscribed ? POLL_MS : POLL_ALONE_MS);
}

static void take_answer(struct store_sentinel_one *one, size_t due, const redisReply *reply)
{
	struct reason reason;
	if (due == 2)
		take_address(one, reply);
	else if (due == 1)
		take_epoch(one, reply);
	else if (due == 0)
		take_subscription(one, reply);
	else if (one->greeted && !store_sentinel_let_in(reply, &reason))
		rest(one, STORE_SENTINEL_REFUSED, reason.text);
}

static void on_reply(void *arg, const redisReply *reply)
{
	struct store_sentinel_one *one = arg;
	/* Of any master; what it is now is asked. While it is asked already, this was said before it answers. */
	if (store_sentinel_begins(reply, "message")) {
		if (one->phase == STORE_SENTINEL_WATCHED)
			ask_or_rest(one, true);
		return;
	}
	struct store_trip *trip = store_trips_answered(&one->trips);
	if (!trip) {
		rest(one, STORE_SENTINEL_REFUSED, "it said what nobody asked for");
		return;
	}
	size_t due = trip->due;
	take_answer(one, due, reply);
	/* Else it went with the connection. */
	if (due == 0)
		store_trips_give(&one->trips, trip);
}

/* ---- connecting ---- */

static void on_opened(void *arg)
{
	ask_or_rest(arg, false);
}

static void on_replied(void *arg)
{
}

static void on_broken(void *arg, const char *why)
{
	rest(arg, STORE_SENTINEL_UNREACHED, why);
}

static const struct store_wire_calls wire_calls = { on_opened, on_reply, on_replied, on_broken };

/* One address per attempt, in turn. */
static void on_resolved(void *arg, struct addrinfo *addresses, const char *why)
{
	struct store_sentinel_one *one = arg;
	one->resolve = NULL;
	if (why) {
		rest(one, STORE_SENTINEL_UNREACHED, why);
		return;
	}
	const struct addrinfo *chosen = store_resolve_turn(addresses, one->attempts);
	one->phase = STORE_SENTINEL_CONNECTING;
	const struct config_redis *redis = one->all->redis;
	struct reason reason = { "" };
	int fault = store_wire_open(&one->wire, one->all->loop, chosen->ai_addr, chosen->ai_addrlen, &wire_calls, one);
	freeaddrinfo(addresses);
	if (fault != 0)
		reason_set(&reason, "cannot connect: %s", strerror(-fault));
	else if (redis->tls.on)
		fault = store_wire_secure(&one->wire, &redis->tls, redis->hosts[one->number].host, &reason);
	if (fault != 0)
		rest(one, STORE_SENTINEL_UNREACHED, reason.text);
}

static void connect_to(struct store_sentinel_one *one)
{
	const struct config_redis_host *host = &one->all->redis->hosts[one->number];
	one->phase = STORE_SENTINEL_RESOLVING;
	start_timer(one, PATIENCE_MS);
	if (store_resolve_start(one->all->loop, host->host, host->port, on_resolved, one, &one->resolve) != 0)
		rest(one, STORE_SENTINEL_UNREACHED, "memory or descriptors are short");
}

void store_sentinel_one_ask(struct store_sentinel_one *one)
{
	if (one->phase == STORE_SENTINEL_RESTING)
		connect_to(one);
	else if (one->phase == STORE_SENTINEL_WATCHED)
		ask_or_rest(one, true);
}

static void on_timer(void *arg)
{
	struct store_sentinel_one *one = arg;
	if (one->phase == STORE_SENTINEL_RESTING || one->phase == STORE_SENTINEL_WATCHED)
		store_sentinel_one_ask(one);
	else
		rest(one, STORE_SENTINEL_UNREACHED, "it did not answer in time");
}
