/* link.c - a worker's connection to Redis: connecting, the handshake, and trying again.
 *
 *     WAITING -> RESOLVING -> CONNECTING -> GREETING -> READY <-> STALLED
 *        ^___________|____________|____________|__________|__________|
 *
 * The difficulty is that anything may end the connection at any moment, within any callback: so there is one way down,
 * store_link_drop(), and one place where the phase changes, store_link_enter(). */
#include "store/link.h"

#include "base/clock.h"
#include "store/place.h"
#include "store/secure.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { BACKOFF_FIRST_MS = 50, BACKOFF_MAX_MS = 2000, ATTEMPT_MS = 3000, WELL_MS = 2000 };

static void attempt(void *arg);

/* ---- the phase ---- */

static enum store_state state_of(enum store_phase phase, bool tried)
{
	if (phase == STORE_PHASE_READY)
		return STORE_READY;
	if (phase == STORE_PHASE_STALLED)
		return STORE_STALLED;
	return tried ? STORE_AWAY : STORE_CONNECTING;
}

static bool is_move(enum store_phase from, enum store_phase to)
{
	if (to == STORE_PHASE_WAITING)
		return true;
	if (to == STORE_PHASE_CONNECTING)
		return from == STORE_PHASE_WAITING || from == STORE_PHASE_RESOLVING;
	if (to == STORE_PHASE_READY && from == STORE_PHASE_STALLED)
		return true;
	return to == from + 1;
}

void store_link_enter(struct store_link *link, enum store_phase phase, const char *reason)
{
	if (!is_move(link->phase, phase))
		abort();
	enum store_state before = state_of(link->phase, link->tried);
	link->phase = phase;
	if (phase == STORE_PHASE_WAITING || phase == STORE_PHASE_READY)
		link->tried = true;
	if (phase == STORE_PHASE_READY)
		reason = "";
	if (reason)
		reason_set(&link->reason, "%s", reason);
	enum store_state after = state_of(phase, link->tried);
	if (after != before && link->setup.changed)
		link->setup.changed(link->setup.arg, after, after == STORE_READY ? NULL : link->reason.text);
}

/* ---- giving up, and trying again ---- */

/* xorshift64*: to spread reconnects, nothing more. */
static uint64_t next_random(struct store_link *link)
{
	link->random ^= link->random >> 12;
	link->random ^= link->random << 25;
	link->random ^= link->random >> 27;
	return link->random * UINT64_C(0x2545F4914F6CDD1D);
}

static int64_t backoff_ms(struct store_link *link)
{
	int64_t ms = BACKOFF_FIRST_MS;
	for (unsigned i = 0; i < link->attempts && ms < BACKOFF_MAX_MS; i++)
		ms *= 2;
	if (ms > BACKOFF_MAX_MS)
		ms = BACKOFF_MAX_MS;
	link->attempts++;
	return ms / 2 + (int64_t)(next_random(link) % (uint64_t)(ms / 2 + 1));
}

static void close_all(struct store_link *link)
{
	store_resolve_cancel(link->resolve);
	link->resolve = NULL;
	store_wire_close(&link->wire);
	loop_timer_stop(&link->slow);
	loop_timer_stop(&link->stall);
	loop_timer_stop(&link->retry);
}

/* This timer always runs, be it for nothing, so that its place in the loop is never lost: restarting it needs no
 * memory, and a link that is to try again can. */
static void start_step(struct store_link *link, int64_t ms, void (*fire)(void *arg))
{
	if (loop_timer_start(link->setup.loop, &link->step, ms, fire, link) != 0)
		abort();
}

/* Every event that has no end yet, oldest first. */
static void take_all(struct store_link *link, struct store_list *all)
{
	store_trips_clear(&link->trips, all);
	store_list_join(all, &link->waiting.settled);
	store_list_join(all, &link->waiting.confirms);
	store_list_join(all, &link->again);
	store_list_join(all, &link->apart);
	store_list_join(all, &link->gathered);
	link->waiting.ahead = link->waiting.out = 0;
}

void store_link_drop(struct store_link *link, const char *why)
{
	struct reason said;
	reason_set(&said, "%s", why);
	bool was_ready = link->phase == STORE_PHASE_READY || link->phase == STORE_PHASE_STALLED;
	if (was_ready)
		link->counts.losses++;
	if (was_ready && loop_now_ms(link->setup.loop) - link->ready_ms >= WELL_MS)
		link->attempts = 0;
	close_all(link);
	link->heard_us = 0;
	memset(link->expects, 0, sizeof link->expects);
	start_step(link, backoff_ms(link), attempt);
	struct store_list lost = { .first = NULL };
	take_all(link, &lost);
	store_link_enter(link, STORE_PHASE_WAITING, said.text);
	store_put_lost(link, &lost, said.text);
	store_elsewhere_lost(link);
}

static void on_too_late(void *arg)
{
	struct store_link *link = arg;
	struct reason reason;
	if (store_seek_failed(link, &reason)) {
		store_link_drop(link, reason.text);
		return;
	}
	store_link_drop(link, link->phase == STORE_PHASE_GREETING ? "Redis did not answer the handshake in time"
			      : link->wire.shaking		  ? STORE_SECURE_LATE
								  : "Redis could not be reached in time");
}

static void on_nothing(void *arg)
{
	start_step(arg, INT64_MAX, on_nothing);
}

void store_link_ready(struct store_link *link)
{
	start_step(link, INT64_MAX, on_nothing);
	link->counts.connects++;
	link->ready_ms = loop_now_ms(link->setup.loop);
	store_link_enter(link, STORE_PHASE_READY, NULL);
}

/* ---- what the wire says ---- */

static void on_opened(void *arg)
{
	struct store_link *link = arg;
	store_link_enter(link, STORE_PHASE_GREETING, NULL);
	if (!store_greet(link))
		store_link_drop(link, "memory is short");
}

static void answered(struct store_link *link, struct store_trip *trip, const redisReply *reply)
{
	switch (trip->kind) {
	case STORE_TRIP_GREETING:
		store_greeted(link, reply);
		break;
	case STORE_TRIP_SCRIPT:
		store_scripted_answered(link, trip, reply);
		break;
	case STORE_TRIP_MAP:
		link->setup.told(link->setup.arg, (const struct store_reply *)(const void *)reply, trip->answered);
		break;
	case STORE_TRIP_ELSEWHERE:
		store_elsewhere_answered(link, trip, reply);
		break;
	case STORE_TRIP_LOOK:
	case STORE_TRIP_SORT:
	case STORE_TRIP_COMMIT:
	case STORE_TRIP_UNDO:
	case STORE_TRIP_LEAVE:
		store_batch_answered(link, trip, reply);
		break;
	case STORE_TRIP_WAIT:
		store_waited_answered(link, trip, reply);
		break;
	}
}

static void on_reply(void *arg, const redisReply *reply)
{
	struct store_link *link = arg;
	struct store_trip *trip = store_trips_answered(&link->trips);
	if (link->heard_us == 0)
		link->heard_us = clock_mono_us();
	if (!trip) {
		bool error = reply->type == REDIS_REPLY_ERROR;
		char why[200];
		snprintf(why, sizeof why, "Redis said what nobody asked for: %.150s", error ? reply->str : "no error");
		store_link_drop(link, why);
		return;
	}
	bool over = trip->due == 0;
	answered(link, trip, reply);
	/* Else it is still in the queue, or went with it when the link was dropped. */
	if (over)
		store_trips_give(&link->trips, trip);
}

static void on_replied(void *arg)
{
	store_put_heard(arg);
}

static void on_broken(void *arg, const char *why)
{
	store_link_drop(arg, why);
}

static const struct store_wire_calls wire_calls = { on_opened, on_reply, on_replied, on_broken };

/* ---- connecting ---- */

/* `host`: what a certificate must be for. */
static void connect_to(struct store_link *link, const struct sockaddr *address, socklen_t length, const char *host)
{
	const struct config_redis_tls *tls = &link->setup.redis->tls;
	struct reason reason = { "" };
	int fault = store_wire_open(&link->wire, link->setup.loop, address, length, &wire_calls, link);
	if (fault != 0)
		reason_set(&reason, "cannot connect: %s", strerror(-fault));
	else if (tls->on && address->sa_family != AF_UNIX)
		fault = store_wire_secure(&link->wire, tls, host, &reason);
	if (fault == 0)
		store_link_enter(link, STORE_PHASE_CONNECTING, NULL);
	else
		store_link_drop(link, reason.text);
}

/* One address per attempt, in turn, so that each gets the whole of the attempt's time. */
static void on_resolved(void *arg, struct addrinfo *addresses, const char *why)
{
	struct store_link *link = arg;
	link->resolve = NULL;
	if (why) {
		store_link_drop(link, why);
		return;
	}
	const struct addrinfo *chosen = store_resolve_turn(addresses, link->attempts);
	connect_to(link, chosen->ai_addr, chosen->ai_addrlen, link->host);
	freeaddrinfo(addresses);
}

void store_link_resolve(struct store_link *link, const char *host, uint16_t port)
{
	snprintf(link->host, sizeof link->host, "%s", host);
	if (store_resolve_start(link->setup.loop, host, port, on_resolved, link, &link->resolve) != 0)
		store_link_drop(link, "memory or descriptors are short");
}

/* Any node of a Cluster; one for each attempt. */
static void resolve_node(struct store_link *link)
{
	struct store_address place;
	link->setup.place(link->setup.arg, &place);
	store_link_resolve(link, place.host, place.port);
}

static void attempt(void *arg)
{
	struct store_link *link = arg;
	const struct config_redis *redis = link->setup.redis;
	struct sockaddr_un address;
	struct reason reason;
	bool is_unix = false;
	start_step(link, ATTEMPT_MS, on_too_late);
	if (store_place_socket(redis, link->setup.socket, &address, &is_unix, &reason) != 0) {
		store_link_drop(link, reason.text);
	} else if (is_unix) {
		connect_to(link, (const struct sockaddr *)&address, sizeof address, NULL);
	} else {
		store_link_enter(link, STORE_PHASE_RESOLVING, NULL);
		if (redis->kind == CONFIG_REDIS_SENTINEL)
			store_seek(link);
		else if (redis->kind == CONFIG_REDIS_CLUSTER)
			resolve_node(link);
		else
			store_link_resolve(link, redis->host, redis->port);
	}
}

void store_link_hurry(struct store_link *link)
{
	link->attempts = 0;
	start_step(link, 0, attempt);
}

/* ---- life ---- */

void store_link_turn_end(struct store_link *link)
{
	bool up = link->phase == STORE_PHASE_READY || link->phase == STORE_PHASE_STALLED;
	if (up && (link->gathered.first || link->apart.first || link->looking))
		store_depart(link);
	if (up)
		store_waited_turn_end(link);
	if (link->trips.unsent)
		store_wire_flush(&link->wire, &link->trips);
}

bool store_link_ask_map(struct store_link *link)
{
	struct store_trip *trip = store_trips_take(&link->trips, STORE_TRIP_MAP);
	if (!trip)
		return false;
	store_command_add_words(&trip->bytes, (struct slice[]){ SLICE("CLUSTER"), SLICE("SLOTS") }, 2);
	store_command_add_words(&trip->bytes, (struct slice[]){ SLICE("CLUSTER"), SLICE("INFO") }, 2);
	trip->due = 2;
	if (buf_failed(&trip->bytes) || !store_trip_add(trip, buf_slice(&trip->bytes))) {
		store_trips_give(&link->trips, trip);
		return false;
	}
	store_trips_queue(&link->trips, trip, loop_now_ms(link->setup.loop));
	return true;
}

static void copy_socket(struct store_link *link, const char *socket)
{
	/* One that is too long is kept too long, and told when it is used. */
	size_t n = socket ? strlen(socket) : 0;
	bool fits = n < sizeof link->socket;
	if (socket && fits)
		memmove(link->socket, socket, n + 1);
	link->setup.socket = socket && fits ? link->socket : socket;
}

int store_link_new(const struct store_link_setup *setup, struct store_link **out)
{
	struct store_link *link = calloc(1, sizeof *link);
	if (!link)
		return -ENOMEM;
	link->setup = *setup;
	copy_socket(link, setup->socket);
	if (getrandom(&link->random, sizeof link->random, GRND_NONBLOCK) < 0 || link->random == 0)
		link->random = (uint64_t)(uintptr_t)link | 1;
	if (loop_timer_start(setup->loop, &link->step, 0, attempt, link) != 0) {
		free(link);
		return -ENOMEM;
	}
	*out = link;
	return 0;
}

void store_link_free(struct store_link *link)
{
	if (!link)
		return;
	close_all(link);
	store_seek_end(link);
	loop_timer_stop(&link->step);
	link->setup.changed = NULL;
	struct store_list lost = { .first = NULL };
	take_all(link, &lost);
	store_link_enter(link, STORE_PHASE_WAITING, "the gateway is stopping");
	store_put_lost(link, &lost, link->reason.text);
	store_elsewhere_lost(link);
	store_elsewhere_give_up(link);
	store_trips_free(&link->trips);
	store_tickets_free(&link->tickets);
	free(link);
}

void store_link_reconfigure(struct store_link *link, const struct config_redis *redis, const char *socket,
			    int64_t stall_ms)
{
	bool same = store_place_is_same(link->setup.redis, redis) &&
		    slice_eq(slice_str(link->setup.socket), slice_str(socket));
	link->setup.redis = redis;
	link->setup.stall_ms = stall_ms;
	copy_socket(link, socket);
	if (same)
		return;
	store_seek_end(link);
	store_link_drop(link, "the configuration changed");
	store_link_hurry(link);
}

enum store_state store_link_state(const struct store_link *link)
{
	return state_of(link->phase, link->tried);
}

const char *store_link_identity(const struct store_link *link)
{
	return link->identity;
}

const char *store_link_reason(const struct store_link *link)
{
	return link->reason.text;
}

size_t store_link_waiting(const struct store_link *link)
{
	return link->tickets.waiting;
}

void store_link_counts(const struct store_link *link, struct store_counts *sum)
{
	sum->connects += link->counts.connects;
	sum->losses += link->counts.losses;
	sum->script_loads += link->counts.script_loads;
	sum->refusals += link->counts.refusals;
	sum->timeouts += link->counts.timeouts;
	sum->races += link->counts.races;
	sum->shortfalls += link->counts.shortfalls;
	sum->moved += link->counts.moved;
	sum->asked += link->counts.asked;
	sum->asked_again += link->counts.asked_again;
	sum->writes += link->wire.writes;
}
