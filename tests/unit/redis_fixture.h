/* redis_fixture.h - a real redis-server for a test, in a fresh directory, ended by its process number. Everything that
 * goes wrong here fails the test. */
#ifndef HOOKGATE_TESTS_REDIS_FIXTURE_H
#define HOOKGATE_TESTS_REDIS_FIXTURE_H

#include "base/loop.h"
#include "config/config.h"
#include "store/client.h"

#include <sys/types.h>

struct redis_fixture {
	char dir[64];
	char socket[96];
	int port;  /* on 127.0.0.1 */
	pid_t pid; /* 0: it does not run */
	const char *const *options;
	struct config_redis tcp, by_socket; /* how to reach it */
	struct store_client *client;	    /* of the test's own, past the code that is tested */
};

/* Starts it and waits until it answers. `options` are more arguments, ended by NULL, or NULL; they must outlive the
 * fixture. */
void redis_start(struct redis_fixture *redis, const char *const *options);

/* Kills it if it still runs, and removes the directory. */
void redis_stop(struct redis_fixture *redis);

/* SIGKILL, and waits for its end; and again on the same port, socket and directory. */
void redis_kill(struct redis_fixture *redis);
void redis_again(struct redis_fixture *redis);

/* SIGSTOP and SIGCONT; returns when it has happened. */
void redis_freeze(struct redis_fixture *redis);
void redis_thaw(struct redis_fixture *redis);

/* A command of words without spaces, given as one line: "XLEN key". The reply is to be freed. */
struct store_reply *redis_ask(struct redis_fixture *redis, const char *line);

/* The same for replies of one kind: a number; anything that is no error; a string that must be `text`. */
int64_t redis_number(struct redis_fixture *redis, const char *line);
void redis_do(struct redis_fixture *redis, const char *line);
void redis_expect(struct redis_fixture *redis, const char *line, const char *text);

/* A loop for run_until; one at a time. */
struct loop *new_loop(void);

/* Runs the loop until `is_so`, looked at after each turn, says yes; fails the test after half a minute. */
void run_until(struct loop *loop, bool (*is_so)(void *arg), void *arg);

/* A fresh directory; and its end, with what is in it. */
void make_directory(char *path, size_t size);
void remove_directory(const char *path);

#endif
