/* A journal keeps what it says it keeps, gives it back in order, and refuses what it cannot keep. */
#include "journal_fixture.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

/* fdatasync(2), to fail when it is told to. */
static int sync_fault;
int fdatasync(int fd)
{
	if (sync_fault != 0) {
		errno = sync_fault;
		return -1;
	}
	return fsync(fd);
}

static void append(struct journal_fixture *fixture, const char *route, unsigned from, unsigned to, size_t bytes)
{
	for (unsigned i = from; i < to; i++) {
		struct journal_event event = fixture_event(route, i, bytes);
		assert_null(fixture_append(fixture, &event, NULL));
	}
}

static void test_in_and_out(void **state)
{
	struct journal_fixture fixture;
	struct journal_counts counts;
	struct journal_item item, items[3];
	fixture_begin(&fixture);
	fixture_open(&fixture);
	assert_int_equal(journal_next(fixture.journal, &item), 0);
	assert_int_equal(fixture_files(&fixture, ".journal"), 0);
	append(&fixture, "r", 0, 3, 10);
	assert_true(journal_holds(fixture.journal, SLICE("r")));
	assert_false(journal_holds(fixture.journal, SLICE("other")));
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(journal_next(fixture.journal, &items[i]), 1);
		assert_int_equal(items[i].event->arrived_ms, 1000 + i);
	}
	assert_int_equal(journal_next(fixture.journal, &item), 0);
	journal_stored(fixture.journal, &items[0]);
	/* Read and not stored: it comes again, and only that. */
	journal_rewind(fixture.journal, false);
	for (unsigned i = 1; i < 3; i++) {
		assert_int_equal(journal_next(fixture.journal, &items[i]), 1);
		assert_int_equal(items[i].event->arrived_ms, 1000 + i);
		journal_stored(fixture.journal, &items[i]);
	}
	assert_false(journal_holds(fixture.journal, SLICE("r")));
	journal_counts(fixture.journal, &counts);
	assert_int_equal(counts.records, 0);
	assert_int_equal(counts.oldest_ms, 0);
	assert_int_equal(counts.drained, 3);
	assert_int_equal(counts.appended, 3);
	assert_int_equal(counts.syncs, 3);
	/* Stored and not forgotten: all comes again, and is waiting again. */
	journal_rewind(fixture.journal, true);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(journal_next(fixture.journal, &items[i]), 1);
		assert_true(journal_holds(fixture.journal, SLICE("r")));
	}
	journal_counts(fixture.journal, &counts);
	assert_int_equal(counts.records, 3);
	for (unsigned i = 0; i < 3; i++)
		journal_stored(fixture.journal, &items[i]);
	journal_forget(fixture.journal, &items[2]);
	journal_rewind(fixture.journal, true);
	assert_int_equal(journal_next(fixture.journal, &item), 0);
	fixture_close(&fixture);
	assert_int_equal(fixture_files(&fixture, ".journal"), 0);
	fixture_end(&fixture);
}

/* What was forgotten does not come back at the next start, though its segment was not removed. */
static void test_over_a_start(void **state)
{
	struct journal_fixture fixture;
	struct journal_item item;
	struct journal_counts counts;
	unsigned numbers[20];
	fixture_begin(&fixture);
	fixture_open(&fixture);
	append(&fixture, "r", 0, 10, 10);
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(journal_next(fixture.journal, &item), 1);
		journal_stored(fixture.journal, &item);
		if (i == 3)
			journal_forget(fixture.journal, &item);
	}
	fixture_close(&fixture);
	fixture_open(&fixture);
	journal_counts(fixture.journal, &counts);
	assert_int_equal(counts.records, 6);
	assert_true(journal_holds(fixture.journal, SLICE("r")));
	append(&fixture, "r", 10, 12, 10);
	assert_int_equal(fixture_read(&fixture, numbers, 20), 8);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(numbers[i], 4 + i);
	fixture_close(&fixture);
	fixture_end(&fixture);
}

/* Segments follow each other, and go as soon as they may be forgotten. */
static void test_many_segments(void **state)
{
	struct journal_fixture fixture;
	struct journal_item item;
	struct journal_counts counts;
	fixture_begin(&fixture);
	fixture.max_size = 1 << 20;
	fixture_open(&fixture);
	append(&fixture, "r", 0, 40, 20000);
	size_t segments = fixture_files(&fixture, ".journal");
	assert_in_range(segments, 8, 14);
	for (unsigned i = 0; i < 40; i++) {
		assert_int_equal(journal_next(fixture.journal, &item), 1);
		assert_int_equal(item.event->arrived_ms, 1000 + i);
		journal_stored(fixture.journal, &item);
		journal_forget(fixture.journal, &item);
		size_t left = fixture_files(&fixture, ".journal");
		assert_true(left <= segments);
		segments = left;
	}
	assert_int_equal(segments, 0);
	journal_counts(fixture.journal, &counts);
	assert_int_equal(counts.bytes, 0);
	/* And it goes on. */
	append(&fixture, "r", 40, 41, 10);
	assert_int_equal(journal_next(fixture.journal, &item), 1);
	assert_int_equal(item.event->arrived_ms, 1040);
	fixture_close(&fixture);
	fixture_end(&fixture);
}

static void test_full(void **state)
{
	struct journal_fixture fixture;
	struct journal_item item;
	struct journal_counts counts;
	unsigned count = 0;
	int refused = 0;
	fixture_begin(&fixture);
	fixture.max_size = 1 << 20;
	fixture_open(&fixture);
	struct journal_event event = fixture_event("r", 0, 2 << 20);
	assert_string_equal(fixture_append(&fixture, &event, &refused), "refused");
	assert_int_equal(refused, -EFBIG);
	while (refused != -ENOSPC) {
		event = fixture_event("r", count, 30000);
		if (!fixture_append(&fixture, &event, &refused))
			count++;
		else
			assert_int_equal(refused, -ENOSPC);
	}
	assert_in_range(count, 30, 35);
	journal_counts(fixture.journal, &counts);
	assert_int_equal(counts.state, JOURNAL_FULL);
	assert_int_equal(counts.refused_full, 1);
	assert_int_equal(counts.records, count);
	assert_true(counts.bytes <= fixture.max_size);
	/* Room comes back when something goes. */
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(journal_next(fixture.journal, &item), 1);
		journal_stored(fixture.journal, &item);
		journal_forget(fixture.journal, &item);
	}
	journal_counts(fixture.journal, &counts);
	assert_int_equal(counts.state, JOURNAL_WELL);
	append(&fixture, "r", 500, 501, 30000);
	fixture_close(&fixture);
	fixture_end(&fixture);
}

static void wait_for_retry(struct journal_fixture *fixture)
{
	int refused = -EIO;
	while (refused == -EIO) {
		struct journal_event event = fixture_event("r", 900, 1);
		(void)fixture_append(fixture, &event, &refused);
		usleep(10000);
	}
}

/* A sync that failed is not believed later: what it was for is refused, and the segment is used no more. */
static void test_a_sync_that_fails(void **state)
{
	struct journal_fixture fixture;
	struct journal_counts counts;
	unsigned numbers[10];
	int refused;
	fixture_begin(&fixture);
	fixture_open(&fixture);
	append(&fixture, "r", 0, 2, 10);
	struct journal_event event = fixture_event("r", 2, 10);
	sync_fault = EIO;
	const char *why = fixture_append(&fixture, &event, &refused);
	assert_non_null(why);
	assert_non_null(strstr(why, strerror(EIO)));
	assert_int_equal(refused, 0);
	sync_fault = 0;
	journal_counts(fixture.journal, &counts);
	assert_int_equal(counts.state, JOURNAL_FAILING);
	assert_int_equal(counts.records, 2);
	/* At once, until it is tried again. */
	(void)fixture_append(&fixture, &event, &refused);
	assert_int_equal(refused, -EIO);
	wait_for_retry(&fixture);
	journal_counts(fixture.journal, &counts);
	assert_int_equal(counts.state, JOURNAL_WELL);
	assert_int_equal(fixture_files(&fixture, ".journal"), 2);
	fixture_close(&fixture);
	fixture_open(&fixture);
	assert_int_equal(fixture_read(&fixture, numbers, 10), 3);
	assert_int_equal(numbers[1], 1);
	assert_int_equal(numbers[2], 900);
	fixture_close(&fixture);
	fixture_end(&fixture);
}

/* A disk that is full in the middle of a record: what was there before stays whole, what follows is whole. */
static void test_a_write_that_fails(void **state)
{
	struct journal_fixture fixture;
	struct journal_counts counts;
	struct rlimit before, small;
	unsigned numbers[10];
	int refused;
	signal(SIGXFSZ, SIG_IGN);
	fixture_begin(&fixture);
	fixture_open(&fixture);
	append(&fixture, "r", 0, 2, 1000);
	getrlimit(RLIMIT_FSIZE, &before);
	small = before;
	small.rlim_cur = 3000;
	struct journal_event event = fixture_event("r", 2, 1000);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_non_null(fixture_append(&fixture, &event, &refused));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	journal_counts(fixture.journal, &counts);
	assert_int_equal(counts.state, JOURNAL_FAILING);
	assert_int_equal(counts.refused_failing, 1);
	wait_for_retry(&fixture);
	assert_int_equal(fixture_read(&fixture, numbers, 10), 3);
	assert_int_equal(numbers[1], 1);
	assert_int_equal(numbers[2], 900);
	fixture_close(&fixture);
	fixture_end(&fixture);
}

static void test_one_gateway_per_folder(void **state)
{
	struct journal_fixture fixture;
	struct journal *second;
	struct reason reason = { "" };
	fixture_begin(&fixture);
	fixture_open(&fixture);
	const struct journal_setup setup = { .dir = fixture.dir, .max_size = 1 << 20 };
	assert_int_equal(journal_open(&setup, &second, &reason), -EBUSY);
	assert_non_null(strstr(reason.text, "another gateway has it"));
	fixture_close(&fixture);
	assert_int_equal(journal_open(&setup, &second, &reason), 0);
	journal_close(second);
	fixture_end(&fixture);
}

static void test_no_folder(void **state)
{
	struct journal *journal;
	struct reason reason = { "" };
	const struct journal_setup setup = { .dir = "/proc/none/journal", .max_size = 1 << 20 };
	assert_int_equal(journal_open(&setup, &journal, &reason), -ENOENT);
	assert_non_null(strstr(reason.text, "/proc/none/journal cannot be made"));
	const struct journal_setup file = { .dir = "/dev/null", .max_size = 1 << 20 };
	assert_int_equal(journal_open(&file, &journal, &reason), -ENOTDIR);
}

/* Several lanes in threads of their own, a reader beside them: all come out once, each lane's in its order. */
enum { LANES = 3, EACH = 400, AT_ONCE = 8 };

struct sender;
struct sending {
	struct journal_append append;
	struct sender *sender;
};

struct sender {
	struct journal *journal;
	char route[4];
	unsigned sent, kept;
	struct loop *loop;
	struct journal_lane *lane;
	struct sending sendings[AT_ONCE];
};

static void on_kept(struct journal_append *append, const char *reason);

static void send_one(struct sending *sending)
{
	struct sender *sender = sending->sender;
	struct journal_event event = { .arrived_ms = ++sender->sent, .window_s = 1 };
	event.field[JOURNAL_ROUTE] = slice_str(sender->route);
	event.field[JOURNAL_ID] = SLICE("id-1");
	sending->append.done = on_kept;
	if (journal_lane_append(sender->lane, &event, &sending->append) != 0)
		abort();
}

static void on_kept(struct journal_append *append, const char *reason)
{
	struct sending *sending = (struct sending *)append;
	struct sender *sender = sending->sender;
	if (reason)
		abort();
	sender->kept++;
	if (sender->sent < EACH)
		send_one(sending);
	else if (sender->kept == EACH)
		loop_stop(sender->loop);
}

static void *send_all(void *arg)
{
	struct sender *sender = arg;
	for (unsigned i = 0; i < AT_ONCE; i++) {
		sender->sendings[i].sender = sender;
		send_one(&sender->sendings[i]);
	}
	if (loop_run(sender->loop) != 0)
		abort();
	return NULL;
}

struct taker {
	struct loop *loop;
	struct journal *journal;
	unsigned seen[LANES], all;
};

static void take(void *arg)
{
	struct taker *taker = arg;
	struct journal_item item;
	while (journal_next(taker->journal, &item) == 1) {
		unsigned lane = item.event->field[JOURNAL_ROUTE].p[1] - (unsigned)'0';
		assert_int_equal(item.event->arrived_ms, ++taker->seen[lane]);
		journal_stored(taker->journal, &item);
		journal_forget(taker->journal, &item);
		if (++taker->all == LANES * EACH)
			loop_stop(taker->loop);
	}
}

static void test_many_at_once(void **state)
{
	struct journal_fixture fixture;
	struct journal_counts counts;
	struct sender senders[LANES];
	pthread_t threads[LANES];
	fixture_begin(&fixture);
	fixture.max_size = 1 << 20;
	fixture_open(&fixture);
	struct taker taker = { .loop = fixture.loop, .journal = fixture.journal };
	assert_int_equal(journal_reader_start(fixture.journal, fixture.loop, take, &taker), 0);
	for (unsigned i = 0; i < LANES; i++) {
		senders[i] = (struct sender){ .journal = fixture.journal, .route = { 'r', (char)('0' + i) } };
		assert_int_equal(loop_new(&senders[i].loop), 0);
		assert_int_equal(journal_lane_new(fixture.journal, senders[i].loop, 10000, &senders[i].lane), 0);
		assert_int_equal(pthread_create(&threads[i], NULL, send_all, &senders[i]), 0);
	}
	assert_int_equal(loop_run(fixture.loop), 0);
	for (unsigned i = 0; i < LANES; i++) {
		pthread_join(threads[i], NULL);
		journal_lane_free(senders[i].lane);
		loop_free(senders[i].loop);
	}
	journal_counts(fixture.journal, &counts);
	assert_int_equal(counts.records, 0);
	assert_int_equal(counts.drained, LANES * EACH);
	/* Those that came together were synced together. */
	assert_true(counts.syncs < LANES * EACH / 2);
	fixture_close(&fixture);
	assert_int_equal(fixture_files(&fixture, ".journal"), 0);
	fixture_end(&fixture);
}

/* What is on its way when a lane goes is told what became of it. */
static void test_a_lane_that_goes(void **state)
{
	struct journal_fixture fixture;
	struct sender sender = { .sent = EACH - 2, .kept = 1000 };
	unsigned numbers[4];
	fixture_begin(&fixture);
	fixture_open(&fixture);
	sender.loop = fixture.loop;
	sender.lane = fixture.lane;
	for (unsigned i = 0; i < 2; i++) {
		sender.sendings[i].sender = &sender;
		send_one(&sender.sendings[i]);
	}
	journal_lane_free(fixture.lane);
	fixture.lane = NULL;
	assert_int_equal(sender.kept, 1002);
	assert_int_equal(fixture_read(&fixture, numbers, 4), 2);
	fixture_close(&fixture);
	fixture_end(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_and_out),
		cmocka_unit_test(test_over_a_start),
		cmocka_unit_test(test_many_segments),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_a_sync_that_fails),
		cmocka_unit_test(test_a_write_that_fails),
		cmocka_unit_test(test_one_gateway_per_folder),
		cmocka_unit_test(test_no_folder),
		cmocka_unit_test(test_many_at_once),
		cmocka_unit_test(test_a_lane_that_goes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
