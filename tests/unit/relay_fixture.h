/* relay_fixture.h - something between a link and its Redis, so that a test can act at a moment that it could not meet
 * otherwise: between the look for a batch and its commit. One connection at a time, on the bench's loop. */
#ifndef HOOKGATE_TESTS_RELAY_FIXTURE_H
#define HOOKGATE_TESTS_RELAY_FIXTURE_H

#include "link_fixture.h"

struct relay {
	struct bench *bench;
	char dir[64], socket[96];
	int door, link, redis; /* link and redis: -1 without a connection */
	struct loop_watch at_door, at_link, at_redis;
	void (*at_commit)(void); /* called once, before the first commit goes on to Redis */
	bool cut_at_commit;	 /* what Redis answers to the first commit is lost, with the connection */
	bool hold;		 /* answers are not passed on */
	int packets, commits;	 /* from the link */
};

/* To the bench's Redis; the link's socket is `relay->socket`. */
void relay_start(struct relay *relay, struct bench *bench);
void relay_release(struct relay *relay);
void relay_stop(struct relay *relay);

#endif
