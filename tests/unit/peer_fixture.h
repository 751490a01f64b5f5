/* peer_fixture.h - something that speaks Redis' protocol well enough for a store, says what a test wants it to say of WAIT
 * and WAITAOF, and writes down what it was asked. Any number of connections, on the bench's loop. */
#ifndef HOOKGATE_TESTS_PEER_FIXTURE_H
#define HOOKGATE_TESTS_PEER_FIXTURE_H

#include "link_fixture.h"

#include <hiredis/hiredis.h>
#include <sys/un.h>

enum { PEER_CONNECTIONS = 16, PEER_SEEN = 4096 };

struct peer;

struct peer_connection {
	struct peer *peer;
	int fd; /* -1: none */
	struct loop_watch watch;
	redisReader *reader;
	bool multi, holding; /* in a transaction; in a WAIT, so that nothing more is read */
	struct buf out;	     /* what is said once all that came was read */
	struct buf executed; /* the answers that EXEC will give */
	size_t queued;
};

struct peer {
	struct bench *bench;
	char dir[64];
	struct sockaddr_un address;
	int door;
	struct loop_watch at_door;
	struct peer_connection connections[PEER_CONNECTIONS];
	size_t connected; /* so many connections were ever made */
	char *seen[PEER_SEEN];
	size_t seen_count;
	const char *wait_answer, *waitaof_answer; /* NULL: ":1" and "*2 :1 :0" */
	const char *set_answer;			  /* of a SET outside of a transaction; NULL: OK */
	char process;				  /* of whose run_id is made what INFO says; 0: INFO says nothing */
	bool hold;				  /* WAIT and WAITAOF are not answered until peer_release */
	bool cut;				  /* the first of them ends the connection instead */
	struct buf
		log; /* the commands but for the handshake's, each with a space behind; of WAITs with their numbers */
};

/* For a bench that has a loop. */
void peer_start(struct peer *peer, struct bench *bench);
void peer_stop(struct peer *peer);

/* Answers what is held, and goes on. */
void peer_release(struct peer *peer);

/* Is what was asked since the last call, in order, just this? */
void peer_expect(struct peer *peer, const char *log);

/* How often `what` stands in the log; it stays. */
size_t peer_count(const struct peer *peer, const char *what);

#endif
