/* node_fixture.h - a node of a Cluster that says what a test wants it to, on the test's loop: no Redis, but enough of its
 * answers for a store to take it for one. Everything that goes wrong here fails the test. */
#ifndef HOOKGATE_TESTS_NODE_FIXTURE_H
#define HOOKGATE_TESTS_NODE_FIXTURE_H

#include "base/buf.h"
#include "base/loop.h"

#include <hiredis/hiredis.h>

enum { NODE_CONNECTIONS = 16, NODE_ANSWERS = 64 };

struct node;

struct node_connection {
	struct node *node;
	int fd; /* -1: none */
	struct loop_watch watch;
	redisReader *reader;
	bool asking;	   /* ASKING was the last command */
	bool multi;	   /* in a transaction */
	bool held;	   /* its WAIT was not answered yet */
	struct buf queued; /* what the commands behind MULTI will be answered by EXEC */
	size_t queued_count;
};

struct node {
	struct loop *loop;
	int door, port;
	struct loop_watch at_door;
	struct node_connection connections[NODE_CONNECTIONS];

	char name;			   /* stands in its run_id */
	const char *role;		   /* "master" */
	char slots[1024];		   /* to CLUSTER SLOTS */
	const char *state;		   /* "ok" */
	const char *answers[NODE_ANSWERS]; /* to the script, one after the other; */
	size_t answer_count, answer_at;
	const char *always;	 /* then this; NULL: ":1\r\n" */
	const char *look, *exec; /* to WATCH, and to EXEC behind MULTI; NULL: that all is well */
	const char *exists;	 /* to EXISTS; NULL: ":0\r\n" */
	const char *wait;	 /* to WAIT; NULL: ":1\r\n" */
	bool hold;		 /* WAIT is not answered until node_release */
	bool silent;		 /* it answers nothing any more */

	_Atomic(unsigned) scripts; /* a test may wait for them in another thread */
	unsigned maps, asked_scripts, batches, waits;
	char last[16]; /* the last command's name, but for CLUSTER */
};

/* On a free port of 127.0.0.1; at its address nobody answers before. */
void node_start(struct node *node, struct loop *loop, char name);

/* Its connections end; and no other will come. */
void node_hang_up(struct node *node);
void node_stop(struct node *node);

/* The same of those that are not held in a WAIT, and others may come. */
void node_hang_up_others(struct node *node);

/* Answers what is held. */
void node_release(struct node *node);

/* The next answer to the script. */
void node_answers(struct node *node, const char *answer);

#endif
