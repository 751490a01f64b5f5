/* batch_fixture.h - enough events in one turn to go as a batch, by a link whose trips a relay can stop between. */
#ifndef HOOKGATE_TESTS_BATCH_FIXTURE_H
#define HOOKGATE_TESTS_BATCH_FIXTURE_H

#include "relay_fixture.h"

enum { BATCH_COUNT = 20 };

extern struct bench bench;
extern struct relay relay;
extern struct noted noted[BATCH_COUNT];
extern char ids[BATCH_COUNT][8]; /* as of numbered() */

/* Before and after each test. */
int batch_begin(void **state);
int batch_end(void **state);

/* The event "eI". */
struct store_event numbered(size_t i);

/* e0, e1 ... e19 in one turn; and their ends. */
void put_all(int64_t patience_ms);
void put_all_and_wait(void);

/* Of each: this result, and a reason in which that stands. */
void expect_all(enum store_result result, const char *in_reason);

#endif
