/* trips.c - the queue of trips to Redis.
 *
 * One list is both the output still to be written and the replies still awaited; its difficulty is to keep the three
 * pointers into it true. Trips are used again with their memory, so that the steady state allocates nothing. */
#include "store/trips.h"

#include <stdlib.h>

enum { SPARE_BYTES_MAX = 64 * 1024 };

struct store_trip *store_trips_take(struct store_trips *trips, enum store_trip_kind kind)
{
	struct store_trip *trip = trips->spare;
	if (trip)
		trips->spare = trip->next;
	else
		trip = calloc(1, sizeof *trip);
	if (!trip)
		return NULL;
	trip->next = NULL;
	trip->kind = kind;
	trip->due = trip->answered = trip->least = trip->leading = 0;
	trip->piece_count = trip->sent = trip->wait_count = 0;
	trip->seen = trip->failed = trip->refused = trip->begun = false;
	return trip;
}

static void free_trip(struct store_trip *trip)
{
	buf_free(&trip->bytes);
	free(trip->pieces);
	free(trip->asked);
	free(trip);
}

void store_trips_give(struct store_trips *trips, struct store_trip *trip)
{
	if (trip->kind == STORE_TRIP_GREETING)
		buf_wipe(&trip->bytes);
	else if (trip->bytes.size > SPARE_BYTES_MAX)
		buf_free(&trip->bytes);
	buf_clear(&trip->bytes);
	trip->next = trips->spare;
	trips->spare = trip;
}

bool store_trip_add(struct store_trip *trip, struct slice piece)
{
	if (trip->piece_count == trip->piece_room) {
		size_t room = trip->piece_room > 0 ? trip->piece_room * 2 : 64;
		struct iovec *pieces = realloc(trip->pieces, room * sizeof *pieces);
		if (!pieces)
			return false;
		trip->pieces = pieces;
		trip->piece_room = room;
	}
	/* sendmsg does not write to them. */
	trip->pieces[trip->piece_count++] = (struct iovec){ (void *)(uintptr_t)piece.p, piece.n };
	return true;
}

void store_trips_queue(struct store_trips *trips, struct store_trip *trip, int64_t now_ms)
{
	trip->begun_ms = now_ms;
	if (trips->tail)
		trips->tail->next = trip;
	else
		trips->head = trip;
	trips->tail = trip;
	if (!trips->unsent)
		trips->unsent = trip;
}

struct store_trip *store_trips_answered(struct store_trips *trips)
{
	struct store_trip *trip = trips->head;
	if (!trip || !trip->begun)
		return NULL;
	trip->due--;
	trip->answered++;
	if (trip->due > 0)
		return trip;
	/* Wholly answered before it was wholly sent: these were not answers to it. */
	if (trips->unsent == trip)
		return NULL;
	trips->head = trip->next;
	if (!trips->head)
		trips->tail = NULL;
	trip->next = NULL;
	return trip;
}

void store_trips_sent(struct store_trips *trips, size_t n)
{
	struct store_trip *trip = trips->unsent;
	trip->begun = true;
	while (trip->sent < trip->piece_count && n >= trip->pieces[trip->sent].iov_len)
		n -= trip->pieces[trip->sent++].iov_len;
	if (trip->sent == trip->piece_count) {
		trips->unsent = trip->next;
		return;
	}
	struct iovec *piece = &trip->pieces[trip->sent];
	*piece = (struct iovec){ (unsigned char *)piece->iov_base + n, piece->iov_len - n };
}

void store_trips_clear(struct store_trips *trips, struct store_list *lost)
{
	struct store_trip *trip = trips->head;
	trips->head = trips->tail = trips->unsent = NULL;
	while (trip) {
		struct store_trip *next = trip->next;
		store_list_join(lost, &trip->list);
		store_list_join(lost, &trip->aside);
		if (trip->kind == STORE_TRIP_ELSEWHERE) {
			trip->next = trips->lost;
			trips->lost = trip;
		} else {
			store_trips_give(trips, trip);
		}
		trip = next;
	}
}

void store_trips_free(struct store_trips *trips)
{
	while (trips->spare) {
		struct store_trip *next = trips->spare->next;
		free_trip(trips->spare);
		trips->spare = next;
	}
}
