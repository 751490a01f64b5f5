/* batch_fixture.c - twenty events in one turn, through a relay. */
#include "batch_fixture.h"

#include <stdio.h>
#include <string.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

struct bench bench;
struct relay relay;
struct noted noted[BATCH_COUNT];
char ids[BATCH_COUNT][8];

int batch_begin(void **state)
{
	bench_start(&bench, NULL);
	relay_start(&relay, &bench);
	bench_connect(&bench, &bench.redis.tcp, relay.socket, STALL_MS);
	bench_wait(&bench, STORE_READY);
	return 0;
}

int batch_end(void **state)
{
	store_free(bench.store);
	bench.store = NULL;
	relay_stop(&relay);
	bench_stop(&bench);
	return 0;
}

struct store_event numbered(size_t i)
{
	snprintf(ids[i], sizeof ids[i], "e%zu", i);
	return event_of(&bench, ids[i]);
}

/* e0, e1 ... e19 in one turn, and their ends. */
void put_all(int64_t patience_ms)
{
	for (size_t i = 0; i < BATCH_COUNT; i++) {
		struct store_event event = numbered(i);
		put(&bench, &event, patience_ms, &noted[i]);
	}
}

void put_all_and_wait(void)
{
	put_all(DEADLINE_MS);
	await_noted(&bench, noted, BATCH_COUNT);
}

void expect_all(enum store_result result, const char *in_reason)
{
	for (size_t i = 0; i < BATCH_COUNT; i++) {
		if (noted[i].result != result || !strstr(noted[i].reason, in_reason))
			fail_msg("e%zu: %d %s", i, noted[i].result, noted[i].reason);
	}
}
