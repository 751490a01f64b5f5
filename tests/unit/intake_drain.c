/* The drain's end, with a peer in Redis' place: what its last turn brought must not be asked about. */
#include "config/config.h"
#include "intake/drain.h"
#include "journal_fixture.h"
#include "peer_fixture.h"

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

static struct bench bench;
static struct peer peer;
static struct journal_fixture fixture;

static int begin(void **state)
{
	fixture_begin_in(&fixture, new_loop());
	bench = (struct bench){ .loop = fixture.loop };
	peer_start(&peer, &bench);
	fixture_open(&fixture);
	return 0;
}

static int end(void **state)
{
	fixture_close(&fixture);
	peer_stop(&peer);
	fixture_end(&fixture);
	return 0;
}

/* The turn in which the peer has answered the event, and the next, in which the drain has heard it. */
static bool has_heard(void *arg)
{
	int *turns = arg;
	*turns += peer_count(&peer, "EVALSHA") > 0;
	return *turns == 2;
}

/* Of a route whose replicas are still to be asked about: the answer has come, and what is done about it would be the next
 * turn's, which never comes. */
static void test_freed_with_an_answer(void **state)
{
	const struct config config = { .redis = { .kind = CONFIG_REDIS_UNIX, .url = "unix" },
				       .journal = { .dir = fixture.dir, .max_size = fixture.max_size },
				       .ack_deadline_ms = STALL_MS,
				       .replay_window_ms = 1000 };
	const struct intake_drain_setup setup = { .loop = fixture.loop,
						  .journal = fixture.journal,
						  .config = &config,
						  .redis_socket = peer.address.sun_path };
	struct intake_drain *drain;
	struct journal_event event = fixture_event("r", 1, 100);
	struct journal_counts counts;
	int refused = 0, turns = 0;
	event.replicas = 1;
	assert_null(fixture_append(&fixture, &event, &refused));
	assert_int_equal(refused, 0);
	assert_int_equal(intake_drain_new(&setup, &drain), 0);
	run_until(fixture.loop, has_heard, &turns);
	intake_drain_free(drain);
	/* It is stored, and kept, since nobody said that a replica has it. */
	journal_counts(fixture.journal, &counts);
	assert_int_equal(counts.records, 0);
	assert_int_equal(fixture_files(&fixture, ".journal"), 1);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = { CASE(test_freed_with_an_answer) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
