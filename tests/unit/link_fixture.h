/* link_fixture.h - a link to a real Redis, and puts whose ends are written down. */
#ifndef HOOKGATE_TESTS_LINK_FIXTURE_H
#define HOOKGATE_TESTS_LINK_FIXTURE_H

#include "base/buf.h"
#include "redis_fixture.h"
#include "store/store.h"

#define STREAM "hookgate:{stripe}:events"
#define SEEN "hookgate:{stripe}:seen:"
#define GUARD "hookgate:{stripe}:guard:"

enum { STALL_MS = 2000, DEADLINE_MS = 5000 };

/* A put and what became of it. */
struct noted {
	struct store_put put;
	int calls; /* of done */
	enum store_result result;
	char reason[256]; /* "" for NULL */
	int64_t ended_ms;
};

struct bench {
	struct redis_fixture redis;
	struct loop *loop;
	struct store *store;
	struct store_target *target;
	enum store_state states[64]; /* each change, in order */
	size_t state_count;
	char reason[256]; /* of the last */
	enum store_state wanted;
	bool forgetful; /* changes of state are not written down */
};

/* Redis, a loop and a target; then a link, which is waited for until it is READY. */
void bench_start(struct bench *bench, const char *const *options);
void bench_connect(struct bench *bench, const struct config_redis *redis, const char *socket, int64_t stall_ms);
void bench_wait(struct bench *bench, enum store_state state);
void bench_stop(struct bench *bench);

/* An ordinary event with this id. */
struct store_event event_of(const struct bench *bench, const char *id);

/* The `done` of a noted put, for who puts in other ways. */
void note_put(struct store_put *ended, enum store_result result, const char *reason, int64_t redis_us);

/* Puts, which must be taken; and waits until `count` of them have ended. */
void put(struct bench *bench, const struct store_event *event, int64_t patience_ms, struct noted *noted);
/* Asks for a wait for what was put before, which must be taken. */
void confirm(struct bench *bench, const struct store_wait *wait, int64_t patience_ms, struct noted *noted);
void await_noted(struct bench *bench, struct noted *noted, size_t count);

/* Puts one event and waits for its end. */
enum store_result put_and_wait(struct bench *bench, const struct store_event *event, struct noted *noted);

/* All ids in the stream, in order, with a space behind each, must be `ids`. */
void expect_stream(struct bench *bench, const char *ids);

struct store_counts counts_of(const struct bench *bench);

#endif
