/* greet.c - the handshake: what is said on a new connection before any event.
 *
 * All of it is sent at once and answered one by one. The difficulty is to know which answers endanger the promise and
 * which do not: a refused name is nothing, a replica would refuse every event. */
#include "base/num.h"
#include "store/command.h"
#include "store/link.h"

#include <stdlib.h>
#include <string.h>

/* What the greeting takes beside the words that may be long. */
enum { WORDS_ROOM = 1024 };

static void add_greeting(struct store_link *link, struct store_trip *trip, enum store_greeting greeting,
			 const struct slice *words, size_t count)
{
	store_command_add_words(&trip->bytes, words, count);
	link->expects[greeting] = true;
	trip->due++;
}

static void add_login(struct store_link *link, struct store_trip *trip)
{
	struct slice user = link->setup.redis->username, password = link->setup.redis->password;
	if (user.n > 0)
		add_greeting(link, trip, STORE_GREETING_AUTH, (struct slice[]){ SLICE("AUTH"), user, password }, 3);
	else if (password.n > 0)
		add_greeting(link, trip, STORE_GREETING_AUTH, (struct slice[]){ SLICE("AUTH"), password }, 2);
}

bool store_greet(struct store_link *link)
{
	const struct config_redis *redis = link->setup.redis;
	char database[20];
	struct slice number = slice_of(database, num_format_u64(redis->database, database));
	struct store_trip *trip = store_trips_take(&link->trips, STORE_TRIP_GREETING);
	if (!trip)
		return false;
	link->transacts = true;
	/* All at once: growing would leave copies of the password behind. */
	if (buf_room(&trip->bytes, redis->username.n + redis->password.n + store_script_text().n + WORDS_ROOM))
		add_login(link, trip);
	if (redis->database != 0)
		add_greeting(link, trip, STORE_GREETING_SELECT, (struct slice[]){ SLICE("SELECT"), number }, 2);
	add_greeting(link, trip, STORE_GREETING_NAME,
		     (struct slice[]){ SLICE("CLIENT"), SLICE("SETNAME"), SLICE("hookgate") }, 3);
	add_greeting(link, trip, STORE_GREETING_ROLE, (struct slice[]){ SLICE("ROLE") }, 1);
	add_greeting(link, trip, STORE_GREETING_SERVER, (struct slice[]){ SLICE("INFO"), SLICE("server") }, 2);
	add_greeting(link, trip, STORE_GREETING_REPLICATION, (struct slice[]){ SLICE("INFO"), SLICE("replication") },
		     2);
	/* Of what a batch needs, the right to end it must be there before it is begun. */
	add_greeting(link, trip, STORE_GREETING_EXEC, (struct slice[]){ SLICE("EXEC") }, 1);
	add_greeting(link, trip, STORE_GREETING_DISCARD, (struct slice[]){ SLICE("DISCARD") }, 1);
	if (link->setup.redirected)
		add_greeting(link, trip, STORE_GREETING_CLUSTER, (struct slice[]){ SLICE("CLUSTER"), SLICE("INFO") },
			     2);
	add_greeting(link, trip, STORE_GREETING_SCRIPT,
		     (struct slice[]){ SLICE("SCRIPT"), SLICE("LOAD"), store_script_text() }, 3);
	if (buf_failed(&trip->bytes) || !store_trip_add(trip, buf_slice(&trip->bytes))) {
		store_trips_give(&link->trips, trip);
		return false;
	}
	store_trips_queue(&link->trips, trip, loop_now_ms(link->setup.loop));
	return true;
}

static const char *greeting_name(enum store_greeting greeting)
{
	switch (greeting) {
	case STORE_GREETING_AUTH:
		return "AUTH";
	case STORE_GREETING_SELECT:
		return "SELECT";
	case STORE_GREETING_NAME:
		return "CLIENT SETNAME";
	case STORE_GREETING_ROLE:
		return "ROLE";
	case STORE_GREETING_SERVER:
	case STORE_GREETING_REPLICATION:
		return "INFO";
	case STORE_GREETING_EXEC:
		return "EXEC";
	case STORE_GREETING_DISCARD:
		return "DISCARD";
	case STORE_GREETING_CLUSTER:
		return "CLUSTER INFO";
	case STORE_GREETING_SCRIPT:
	case STORE_GREETINGS:
		break;
	}
	return "SCRIPT LOAD";
}

/* A user may be without the right to a command, and a command may be renamed. */
static bool is_forbidden(const redisReply *reply)
{
	struct slice text = slice_of(reply->str, reply->len);
	return slice_starts(text, SLICE("NOPERM")) || slice_starts(text, SLICE("ERR unknown"));
}

/* The value of a line "name:value" in INFO's answer, appended to the identity. Without one there is no identity, which is
 * taken for another each time. */
static void note_identity(struct store_link *link, struct slice info, struct slice name)
{
	size_t had = strlen(link->identity);
	struct slice line, value = SLICE_NONE;
	while (value.n == 0 && slice_cut(info, '\n', &line, &info))
		if (slice_starts(line, name))
			value = slice_head(slice_from(line, name.n), 40);
	if (value.n == 40 && had + 41 <= sizeof link->identity) {
		memcpy(link->identity + had, value.p, 40);
		link->identity[had + 40] = had == 0 ? ' ' : '\0';
		link->identity[had == 0 ? 41 : had + 40] = '\0';
	} else {
		link->identity[0] = '\0';
	}
}

/* What each command must be answered with: EXEC and DISCARD by an error, which tells that we may use them. A
 * connection without a name, or to a Redis that does not let us ask for its
 * role, is as good as another. */
static bool is_right(struct store_link *link, enum store_greeting greeting, const redisReply *reply,
		     struct reason *reason)
{
	bool error = reply->type == REDIS_REPLY_ERROR;
	/* The Sentinels' word alone is not enough: a replica must never be written to. */
	if (error && greeting == STORE_GREETING_ROLE && link->setup.redis->kind == CONFIG_REDIS_SENTINEL) {
		reason_set(reason, "behind Sentinels its role must be told, and Redis refused ROLE: %.120s",
			   reply->str);
		return false;
	}
	if (error && (greeting == STORE_GREETING_NAME || greeting == STORE_GREETING_ROLE) && is_forbidden(reply))
		return true;
	if (greeting == STORE_GREETING_SERVER || greeting == STORE_GREETING_REPLICATION) {
		bool server = greeting == STORE_GREETING_SERVER;
		if (server)
			link->identity[0] = '\0';
		if (server || link->identity[0] != '\0')
			note_identity(link, slice_of(error ? NULL : reply->str, error ? 0 : reply->len),
				      server ? SLICE("run_id:") : SLICE("master_replid:"));
		return true;
	}
	/* Where the slots are, a replica knows as well. */
	if (greeting == STORE_GREETING_ROLE && link->setup.redis->kind == CONFIG_REDIS_CLUSTER)
		return true;
	if (greeting == STORE_GREETING_ROLE && !error) {
		if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0 ||
		    reply->element[0]->type != REDIS_REPLY_STRING ||
		    slice_eq(slice_of(reply->element[0]->str, reply->element[0]->len), SLICE("master")))
			return true;
		reason_set(reason, "this Redis is a %.20s, not a master", reply->element[0]->str);
		return false;
	}
	if (greeting == STORE_GREETING_EXEC || greeting == STORE_GREETING_DISCARD) {
		struct slice text = error ? slice_of(reply->str, reply->len) : SLICE_NONE;
		bool without = slice_starts(text, SLICE("ERR EXEC without MULTI")) ||
			       slice_starts(text, SLICE("ERR DISCARD without MULTI"));
		link->transacts = link->transacts && without;
		if (without || slice_starts(text, SLICE("EXECABORT")) || (error && is_forbidden(reply)))
			return true;
	}
	/* One that has just come back serves nobody until it has found the others. */
	if (greeting == STORE_GREETING_CLUSTER) {
		if (!store_map_is_down((const struct store_reply *)(const void *)reply))
			return true;
		reason_set(reason, "it says that the Cluster is down");
		return false;
	}
	if (greeting == STORE_GREETING_SCRIPT && reply->type == REDIS_REPLY_STRING && reply->len == sizeof link->sha) {
		memcpy(link->sha, reply->str, sizeof link->sha);
		return true;
	}
	if (greeting != STORE_GREETING_SCRIPT && reply->type == REDIS_REPLY_STATUS)
		return true;
	reason_set(reason, "Redis refused %s: %.160s", greeting_name(greeting),
		   error ? reply->str : "unexpected answer");
	return false;
}

void store_greeted(struct store_link *link, const redisReply *reply)
{
	struct reason reason;
	enum store_greeting greeting = STORE_GREETING_AUTH;
	while (greeting < STORE_GREETINGS && !link->expects[greeting])
		greeting++;
	if (greeting == STORE_GREETINGS)
		abort();
	link->expects[greeting] = false;
	if (!is_right(link, greeting, reply, &reason)) {
		store_link_drop(link, reason.text);
		return;
	}
	if (greeting == STORE_GREETING_SCRIPT)
		store_link_ready(link);
}
