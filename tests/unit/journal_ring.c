/* A ring holds the newest, in order, and what a killed process leaves can be read. */
#include "journal/ring.h"
#include "journal_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

enum { SIZE = 8192 };

static struct journal_ring *make(const char *dir)
{
	struct journal_ring *ring = NULL;
	struct reason reason;
	if (journal_ring_new(dir, 0, SIZE, &ring, &reason) != 0)
		fail_msg("%s", reason.text);
	return ring;
}

static bool add(struct journal_ring *ring, unsigned number, size_t bytes)
{
	struct journal_event event = fixture_event("r", number, bytes);
	return journal_ring_add(ring, &event, 1000 + number);
}

/* What it holds are the numbers before `end`, without a gap; the first of them. */
static unsigned holds_until(struct journal_ring *ring, unsigned end)
{
	struct journal_ring_place place = { .number = 0 };
	struct journal_event event;
	unsigned first = 0, count = 0;
	while (journal_ring_next(ring, &place, &event)) {
		unsigned number = (unsigned)(event.arrived_ms - 1000);
		if (count == 0)
			first = number;
		assert_int_equal(number, first + count++);
	}
	assert_int_equal(first + count, end);
	return first;
}

/* Of any sizes, over many rounds: always the newest, and as many as fit. */
static void test_the_newest(void **state)
{
	struct journal_ring *ring = make(NULL);
	size_t taken[3000];
	srandom(7);
	for (unsigned i = 0; i < 3000; i++) {
		size_t bytes = (size_t)random() % (i % 100 == 0 ? 3500 : 700);
		struct journal_event event = fixture_event("r", i, bytes);
		taken[i] = journal_record_size(&event) + 8;
		assert_true(journal_ring_add(ring, &event, 1000 + i));
		unsigned first = holds_until(ring, i + 1);
		size_t held = 0;
		for (unsigned j = first; j <= i; j++)
			held += taken[j];
		assert_true(held <= SIZE);
		/* What had to make room would not have fitted, but for what is lost at the wrap. */
		assert_true(first == 0 || held + taken[first - 1] > SIZE / 2);
		assert_int_equal(journal_ring_oldest_ms(ring), 1000 + first);
		assert_int_equal(journal_ring_lost_ms(ring), first == 0 ? INT64_MIN : 999 + (int64_t)first);
	}
	journal_ring_free(ring);
}

/* A place stays where it is while events come, and goes to the oldest when it is overtaken. */
static void test_a_place_while_events_come(void **state)
{
	struct journal_ring *ring = make(NULL);
	struct journal_ring_place place = { .number = 0 };
	struct journal_event event;
	int64_t last = 999;
	for (unsigned i = 0; i < 2000; i++) {
		assert_true(add(ring, i, i % 37 * 20));
		if (i % 3 == 2) {
			assert_true(journal_ring_next(ring, &place, &event));
			assert_true(event.arrived_ms > last);
			last = event.arrived_ms;
		}
	}
	while (journal_ring_next(ring, &place, &event)) {
		assert_true(event.arrived_ms > last);
		last = event.arrived_ms;
	}
	assert_int_equal(last, 2999);
	journal_ring_free(ring);
}

static void test_forgetting(void **state)
{
	struct journal_ring *ring = make(NULL);
	for (unsigned i = 0; i < 10; i++)
		assert_true(add(ring, i, 10));
	journal_ring_forget(ring, 1004);
	assert_int_equal(holds_until(ring, 10), 4);
	journal_ring_forget(ring, 5000);
	assert_int_equal(journal_ring_oldest_ms(ring), INT64_MIN);
	assert_true(add(ring, 10, 10));
	assert_int_equal(holds_until(ring, 11), 10);
	/* Larger than half of it: not held, and that is known. */
	assert_false(add(ring, 11, SIZE / 2));
	assert_int_equal(journal_ring_lost_ms(ring), 1011);
	assert_int_equal(holds_until(ring, 11), 10);
	journal_ring_free(ring);
}

struct left {
	unsigned numbers[1000];
	size_t count;
	char identity[96];
};

static int note(void *arg, const struct journal_event *event, const char *identity)
{
	struct left *left = arg;
	left->numbers[left->count++] = (unsigned)(event->arrived_ms - 1000);
	snprintf(left->identity, sizeof left->identity, "%s", identity);
	return 0;
}

/* A child writes and is killed; its own files are not left to itself. */
static void test_what_is_left(void **state)
{
	struct journal_fixture fixture;
	struct left left = { .count = 0 };
	struct buf names = BUF_EMPTY;
	int status;
	fixture_begin(&fixture);
	pid_t pid = fork();
	if (pid == 0) {
		struct journal_ring *ring = make(fixture.dir);
		journal_ring_note(ring, "redis 7");
		for (unsigned i = 0; i < 200; i++)
			if (!add(ring, i, i % 11 * 30))
				abort();
		if (journal_ring_read_left(fixture.dir, INT64_MAX / 2, note, &left, &names) != 0 || left.count != 0)
			abort();
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_int_equal(journal_ring_read_left(fixture.dir, 1000, note, &left, &names), 0);
	assert_string_equal(left.identity, "redis 7");
	assert_true(left.count > 10);
	for (size_t i = 0; i < left.count; i++)
		assert_int_equal(left.numbers[i], 200 - left.count + i);
	/* Only the newest. */
	left.count = 0;
	assert_int_equal(journal_ring_read_left(fixture.dir, 4, note, &left, &names), 0);
	assert_int_equal(left.count, 5);
	journal_ring_remove_left(fixture.dir, buf_slice(&names));
	left.count = 0;
	assert_int_equal(journal_ring_read_left(fixture.dir, 1000, note, &left, &names), 0);
	assert_int_equal(left.count, 0);
	buf_free(&names);
	fixture_end(&fixture);
}

/* Another process' number is no proof that it was another process, and a process that lives keeps what is its own. */
static void test_a_process_of_the_same_number(void **state)
{
	struct journal_fixture fixture;
	struct left left = { .count = 0 };
	struct buf names = BUF_EMPTY;
	fixture_begin(&fixture);
	struct journal_ring *before = make(fixture.dir), *ring;
	assert_true(add(before, 7, 10));
	assert_int_equal(journal_ring_read_left(fixture.dir, 1000, note, &left, &names), 0);
	assert_int_equal(left.count + names.n, 0);
	journal_ring_free(before);
	ring = make(fixture.dir);
	assert_int_equal(journal_ring_read_left(fixture.dir, 1000, note, &left, &names), 0);
	assert_int_equal(left.count, 1);
	assert_int_equal(left.numbers[0], 7);
	journal_ring_remove_left(fixture.dir, buf_slice(&names));
	buf_clear(&names);
	assert_int_equal(fixture_files(&fixture, ""), 1);
	assert_int_equal(journal_ring_read_left(fixture.dir, 1000, note, &left, &names), 0);
	assert_int_equal(names.n, 0);
	journal_ring_free(ring);
	buf_free(&names);
	fixture_end(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_newest),
		cmocka_unit_test(test_a_place_while_events_come),
		cmocka_unit_test(test_forgetting),
		cmocka_unit_test(test_what_is_left),
		cmocka_unit_test(test_a_process_of_the_same_number),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
