/* Unit tests of base/loop. Run it under ThreadSanitizer as well: scripts/build tsan. */
#include "base/clock.h"
#include "base/loop.h"

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

static int set_up(void **state)
{
	return loop_new((struct loop **)state);
}

static int tear_down(void **state)
{
	loop_free(*state);
	return 0;
}

static void stop(void *arg)
{
	loop_stop(arg);
}

/* Runs the loop until nothing more is going to happen at once. */
static void run_for(struct loop *loop, int64_t ms)
{
	struct loop_timer timer = { 0 };
	assert_int_equal(loop_timer_start(loop, &timer, ms, stop, loop), 0);
	assert_int_equal(loop_run(loop), 0);
}

/* A watched pipe that counts its calls. */
struct end {
	struct loop_watch watch;
	int fds[2];
	int calls;
	unsigned events;
	struct end *victim; /* is unwatched and freed when this one is called */
	struct end **slot;  /* where the pointer to the victim is kept */
	bool mute_victim;
	struct end *newcomer; /* is watched when this one is called */
	bool frees_itself;
};

static void end_free(struct end *end)
{
	loop_unwatch(&end->watch);
	close(end->fds[0]);
	close(end->fds[1]);
	free(end);
}

static void end_ready(void *arg, unsigned events)
{
	struct end *end = arg;
	char byte;
	end->calls++;
	end->events = events;
	if (end->frees_itself) {
		*end->slot = NULL;
		end_free(end);
		return;
	}
	if (end->victim && end->mute_victim) {
		loop_watch_change(&end->victim->watch, 0);
	} else if (end->victim) {
		*end->slot = NULL;
		end_free(end->victim);
		end->victim = NULL;
	}
	if (end->newcomer) {
		struct loop *loop = end->watch.loop;
		assert_int_equal(loop_watch(loop, &end->newcomer->watch, end->newcomer->fds[0], LOOP_READ, end_ready,
					    end->newcomer),
				 0);
		end->newcomer = NULL;
	}
	if (events & LOOP_READ)
		(void)!read(end->fds[0], &byte, 1);
}

static struct end *end_new(void)
{
	struct end *end = calloc(1, sizeof *end);
	assert_non_null(end);
	assert_int_equal(pipe2(end->fds, O_NONBLOCK | O_CLOEXEC), 0);
	return end;
}

static struct end *reader_new(struct loop *loop)
{
	struct end *end = end_new();
	assert_int_equal(loop_watch(loop, &end->watch, end->fds[0], LOOP_READ, end_ready, end), 0);
	return end;
}

static void poke(struct end *end)
{
	assert_int_equal(write(end->fds[1], "x", 1), 1);
}

static void calls_who_is_ready(void **state)
{
	struct loop *loop = *state;
	struct end *quiet = reader_new(loop);
	struct end *busy = reader_new(loop);
	for (int i = 0; i < 3; i++)
		poke(busy);
	run_for(loop, 10);
	/* Level-triggered: one byte is read at a time. */
	assert_int_equal(busy->calls, 3);
	assert_int_equal(busy->events, LOOP_READ);
	assert_int_equal(quiet->calls, 0);
	end_free(quiet);
	end_free(busy);
}

static void stop_when_writable(void *arg, unsigned events)
{
	struct end *end = arg;
	end->calls++;
	end->events = events;
	loop_stop(end->watch.loop);
}

static void sees_writable_and_broken_pipes(void **state)
{
	struct loop *loop = *state;
	struct end *end = end_new();
	assert_int_equal(loop_watch(loop, &end->watch, end->fds[1], LOOP_WRITE, stop_when_writable, end), 0);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(end->events, LOOP_WRITE);
	loop_watch_change(&end->watch, LOOP_READ);
	close(end->fds[0]);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(end->events, LOOP_READ);
	loop_unwatch(&end->watch);
	close(end->fds[1]);
	free(end);
}

static void lets_a_callback_free_its_own_watch(void **state)
{
	struct end *end = reader_new(*state);
	end->frees_itself = true;
	end->slot = &end;
	poke(end);
	run_for(*state, 10);
	assert_null(end);
}

static void never_calls_a_neighbour_freed_in_the_same_turn(void **state)
{
	struct end *ends[2] = { reader_new(*state), reader_new(*state) };
	for (int i = 0; i < 2; i++) {
		ends[i]->victim = ends[1 - i];
		ends[i]->slot = &ends[1 - i];
		poke(ends[i]);
	}
	run_for(*state, 10);
	assert_int_equal((ends[0] != NULL) + (ends[1] != NULL), 1);
	struct end *survivor = ends[0] ? ends[0] : ends[1];
	assert_int_equal(survivor->calls, 1);
	end_free(survivor);
}

/* The newcomer takes over the slot of the one that was freed, and its old event must not reach it. */
static void gives_a_stale_event_to_nobody(void **state)
{
	struct end *ends[2] = { reader_new(*state), reader_new(*state) };
	struct end *newcomer = end_new();
	for (int i = 0; i < 2; i++) {
		ends[i]->victim = ends[1 - i];
		ends[i]->slot = &ends[1 - i];
		ends[i]->newcomer = newcomer;
		poke(ends[i]);
	}
	size_t slots[2] = { ends[0]->watch.slot, ends[1]->watch.slot };
	run_for(*state, 10);
	struct end *survivor = ends[0] ? ends[0] : ends[1];
	assert_int_equal(newcomer->watch.slot, slots[survivor == ends[0] ? 1 : 0]);
	assert_int_equal(newcomer->calls, 0);
	poke(newcomer);
	run_for(*state, 10);
	assert_int_equal(newcomer->calls, 1);
	end_free(survivor);
	end_free(newcomer);
}

static void mutes_within_the_turn(void **state)
{
	struct end *ends[2] = { reader_new(*state), reader_new(*state) };
	for (int i = 0; i < 2; i++) {
		ends[i]->victim = ends[1 - i];
		ends[i]->mute_victim = true;
		poke(ends[i]);
	}
	run_for(*state, 10);
	assert_int_equal(ends[0]->calls + ends[1]->calls, 1);
	struct end *muted = ends[0]->calls == 0 ? ends[0] : ends[1];
	muted->victim = NULL;
	loop_watch_change(&muted->watch, LOOP_READ);
	run_for(*state, 10);
	assert_int_equal(muted->calls, 1);
	end_free(ends[0]);
	end_free(ends[1]);
}

static void count(void *arg)
{
	++*(int *)arg;
}

static void sleeps_through_the_hang_up_of_a_mute_watch(void **state)
{
	struct loop *loop = *state;
	struct end *end = reader_new(loop);
	struct loop_hook hook;
	int turns = 0;
	loop_hook_add(loop, &hook, count, &turns);
	loop_watch_change(&end->watch, 0);
	close(end->fds[1]);
	run_for(loop, 30);
	assert_true(turns < 10);
	assert_int_equal(end->calls, 0);
	loop_watch_change(&end->watch, LOOP_READ);
	run_for(loop, 5);
	assert_true(end->calls > 0);
	end->fds[1] = -1;
	end_free(end);
}

static void refuses_what_cannot_be_watched(void **state)
{
	struct loop *loop = *state;
	struct loop_watch watch = { 0 };
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	assert_int_equal(loop_watch(loop, &watch, fd, LOOP_READ, end_ready, NULL), -EPERM);
	close(fd);
	assert_int_equal(loop_watch(loop, &watch, -1, LOOP_READ, end_ready, NULL), -EBADF);
	loop_watch_change(&watch, LOOP_WRITE);
	loop_unwatch(&watch);

	struct end *end = reader_new(loop);
	assert_int_equal(loop_watch(loop, &end->watch, end->fds[0], LOOP_READ, end_ready, end), -EBUSY);
	end_free(end);
}

static void keeps_more_watches_than_its_first_table(void **state)
{
	struct end *ends[100];
	for (int i = 0; i < 100; i++)
		ends[i] = reader_new(*state);
	for (int i = 0; i < 100; i += 2)
		poke(ends[i]);
	run_for(*state, 10);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(ends[i]->calls, i % 2 == 0);
		end_free(ends[i]);
	}
}

/* --- timers --- */

struct alarm {
	struct loop_timer timer;
	struct loop *loop;
	char name;
	char *log;
	int again; /* restarts itself this often */
	int64_t fired_ms;
};

static void ring(void *arg)
{
	struct alarm *alarm = arg;
	alarm->log[strlen(alarm->log)] = alarm->name;
	alarm->fired_ms = loop_now_ms(alarm->loop);
	assert_false(loop_timer_running(&alarm->timer));
	if (alarm->again-- > 0)
		assert_int_equal(loop_timer_start(alarm->loop, &alarm->timer, 0, ring, alarm), 0);
}

static void fires_in_order_of_time_then_of_start(void **state)
{
	static const struct {
		char name;
		int delay_ms;
	} cases[] = { { 'd', 6 }, { 'b', 3 }, { 'a', 0 }, { 'c', 3 }, { 'e', 9 } };
	struct alarm alarms[5] = { 0 };
	char log[16] = "";
	for (size_t i = 0; i < 5; i++) {
		alarms[i] = (struct alarm){ .loop = *state, .name = cases[i].name, .log = log };
		assert_int_equal(loop_timer_start(*state, &alarms[i].timer, 100 + cases[i].delay_ms, ring, &alarms[i]),
				 0);
	}
	/* Started anew and stopped: the last word counts. */
	assert_int_equal(loop_timer_start(*state, &alarms[4].timer, 50, ring, &alarms[4]), 0);
	assert_int_equal(loop_timer_start(*state, &alarms[1].timer, 103, ring, &alarms[1]), 0);
	loop_timer_stop(&alarms[0].timer);
	loop_timer_stop(&alarms[0].timer);
	assert_false(loop_timer_running(&alarms[0].timer));
	run_for(*state, 130);
	assert_true(strcmp(log, "eabc") == 0 || strcmp(log, "eacb") == 0);
	assert_true(alarms[2].fired_ms >= alarms[4].fired_ms);
}

static void equal_timers_fire_as_started(void **state)
{
	struct alarm alarms[8];
	char log[16] = "";
	struct loop *loop = *state;
	for (int i = 0; i < 8; i++)
		alarms[i] = (struct alarm){ .loop = loop, .name = (char)('a' + i), .log = log };
	/* All within one millisecond, or the test says nothing: try until it is so. */
	for (bool same = false; !same;) {
		for (int i = 0; i < 8; i++)
			assert_int_equal(loop_timer_start(loop, &alarms[i].timer, 5, ring, &alarms[i]), 0);
		same = alarms[0].timer.due_ms == alarms[7].timer.due_ms;
	}
	run_for(loop, 20);
	assert_string_equal(log, "abcdefgh");
}

struct turns {
	struct alarm alarm;
	char log[16];
};

static void mark_turn(void *arg)
{
	struct turns *turns = arg;
	size_t n = strlen(turns->log);
	if (n > 0 && n < sizeof turns->log - 1 && turns->log[n - 1] != '|')
		turns->log[n] = '|';
}

/* Also: never in the turn it was started in. */
static void a_timer_may_start_itself_anew(void **state)
{
	struct turns turns = { .alarm = { .loop = *state, .name = 'x', .again = 3 } };
	struct loop_hook hook;
	turns.alarm.log = turns.log;
	loop_hook_add(*state, &hook, mark_turn, &turns);
	assert_int_equal(loop_timer_start(*state, &turns.alarm.timer, 0, ring, &turns.alarm), 0);
	run_for(*state, 10);
	assert_string_equal(turns.log, "x|x|x|x|");
}

struct many {
	struct loop_timer timer;
	struct loop *loop;
	int64_t due_ms;
	bool stopped;
	int fired;
	int64_t *last_due_ms;
};

static void many_fire(void *arg)
{
	struct many *one = arg;
	assert_true(one->due_ms >= *one->last_due_ms);
	assert_true(one->due_ms <= loop_now_ms(one->loop));
	*one->last_due_ms = one->due_ms;
	one->fired++;
}

static void keeps_a_thousand_timers_in_order(void **state)
{
	struct many *all = calloc(1000, sizeof *all);
	int64_t last_due_ms = 0;
	unsigned seed = 12345;
	for (int i = 0; i < 1000; i++) {
		seed = seed * 1103515245 + 12345;
		all[i].loop = *state;
		all[i].last_due_ms = &last_due_ms;
		assert_int_equal(loop_timer_start(*state, &all[i].timer, seed >> 16 & 31, many_fire, &all[i]), 0);
	}
	for (int i = 0; i < 1000; i++) {
		seed = seed * 1103515245 + 12345;
		all[i].stopped = (seed >> 16 & 3) == 0;
		if (all[i].stopped)
			loop_timer_stop(&all[i].timer);
		else if ((seed >> 16 & 3) == 1)
			assert_int_equal(loop_timer_start(*state, &all[i].timer, seed >> 20 & 31, many_fire, &all[i]),
					 0);
		all[i].due_ms = all[i].timer.due_ms;
	}
	run_for(*state, 60);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(all[i].fired, !all[i].stopped);
	free(all);
}

static void starts_timers_from_the_time_it_is(void **state)
{
	struct alarm alarm = { .loop = *state, .name = 'x', .log = (char[4]){ 0 } };
	usleep(20000);
	int64_t before = clock_mono_ms();
	assert_int_equal(loop_timer_start(*state, &alarm.timer, 10, ring, &alarm), 0);
	run_for(*state, 30);
	assert_true(alarm.fired_ms - before >= 10);
}

static void takes_absurd_delays(void **state)
{
	struct alarm alarm = { .loop = *state, .name = 'x', .log = (char[4]){ 0 } };
	assert_int_equal(loop_timer_start(*state, &alarm.timer, INT64_MAX, ring, &alarm), 0);
	assert_true(alarm.timer.due_ms == INT64_MAX);
	run_for(*state, 1);
	assert_int_equal(alarm.fired_ms, 0);
	assert_int_equal(loop_timer_start(*state, &alarm.timer, INT64_MIN, ring, &alarm), 0);
	run_for(*state, 1);
	assert_true(alarm.fired_ms > 0);
}

/* --- hooks and turns --- */

static char hook_log[16];

static void hook_a(void *arg)
{
	hook_log[strlen(hook_log)] = 'a';
}

static void hook_b(void *arg)
{
	hook_log[strlen(hook_log)] = 'b';
	if (strlen(hook_log) < 6)
		loop_again(arg);
	else
		loop_stop(arg);
}

static void runs_hooks_in_order_and_again_at_once(void **state)
{
	struct loop_hook hooks[2];
	struct loop_timer start = { 0 };
	hook_log[0] = '\0';
	loop_hook_add(*state, &hooks[0], hook_a, *state);
	loop_hook_add(*state, &hooks[1], hook_b, *state);
	/* Without loop_again, the first turn would be the only one for a minute. */
	struct loop_timer minute = { 0 };
	assert_int_equal(loop_timer_start(*state, &minute, 60000, stop, *state), 0);
	assert_int_equal(loop_timer_start(*state, &start, 0, count, &(int){ 0 }), 0);
	assert_int_equal(loop_run(*state), 0);
	assert_string_equal(hook_log, "ababab");
	loop_timer_stop(&minute);
}

static void on_signal(int number)
{
	(void)number;
}

static void goes_on_after_a_signal(void **state)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct sigaction before;
	const struct itimerval soon = { .it_value = { .tv_usec = 5000 }, .it_interval = { .tv_usec = 5000 } };
	const struct itimerval never = { 0 };
	assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
	run_for(*state, 40);
	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
	assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
}

/* --- other threads --- */

enum { CALLERS = 4, CALLS = 2000 };

struct caller {
	struct loop *loop;
	pthread_t thread;
	int next;  /* touched in the loop's thread only */
	int *left; /* likewise */
	struct numbered {
		struct caller *caller;
		int number;
	} calls[CALLS];
};

static void called(void *arg)
{
	struct numbered *call = arg;
	assert_int_equal(call->number, call->caller->next++);
	if (--*call->caller->left == 0)
		loop_stop(call->caller->loop);
}

static void *caller_run(void *arg)
{
	struct caller *caller = arg;
	for (int i = 0; i < CALLS; i++) {
		caller->calls[i] = (struct numbered){ caller, i };
		if (loop_call(caller->loop, called, &caller->calls[i]) != 0)
			abort();
	}
	return NULL;
}

static void runs_calls_of_other_threads_in_order(void **state)
{
	struct caller *callers = calloc(CALLERS, sizeof *callers);
	int left = CALLERS * CALLS;
	for (int i = 0; i < CALLERS; i++) {
		callers[i].loop = *state;
		callers[i].left = &left;
		assert_int_equal(pthread_create(&callers[i].thread, NULL, caller_run, &callers[i]), 0);
	}
	assert_int_equal(loop_run(*state), 0);
	assert_int_equal(left, 0);
	for (int i = 0; i < CALLERS; i++)
		pthread_join(callers[i].thread, NULL);
	free(callers);
}

struct chain {
	struct loop *loop;
	int depth;
	int turns;
};

static void call_again(void *arg)
{
	struct chain *chain = arg;
	if (++chain->depth == 3)
		loop_stop(chain->loop);
	else
		assert_int_equal(loop_call(chain->loop, call_again, chain), 0);
}

static void a_call_from_within_runs_in_the_next_turn(void **state)
{
	struct chain chain = { .loop = *state };
	struct loop_hook hook;
	loop_hook_add(*state, &hook, count, &chain.turns);
	assert_int_equal(loop_call(*state, call_again, &chain), 0);
	assert_int_equal(loop_run(*state), 0);
	assert_int_equal(chain.depth, 3);
	assert_int_equal(chain.turns, 3);
}

static void *stop_later(void *arg)
{
	usleep(5000);
	loop_stop(arg);
	return NULL;
}

static void stops_from_another_thread(void **state)
{
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, stop_later, *state), 0);
	assert_int_equal(loop_run(*state), 0);
	pthread_join(thread, NULL);
	/* Told before it runs, it stops after one turn; and then it may run again. */
	loop_stop(*state);
	assert_int_equal(loop_run(*state), 0);
	run_for(*state, 1);
}

static void frees_calls_that_never_ran(void **state)
{
	struct loop *loop;
	int runs = 0;
	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(loop_call(loop, count, &runs), 0);
	assert_int_equal(loop_call(loop, count, &runs), 0);
	loop_free(loop);
	assert_int_equal(runs, 0);
	loop_free(NULL);
}

#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		LOOP_TEST(calls_who_is_ready),
		LOOP_TEST(sees_writable_and_broken_pipes),
		LOOP_TEST(lets_a_callback_free_its_own_watch),
		LOOP_TEST(never_calls_a_neighbour_freed_in_the_same_turn),
		LOOP_TEST(gives_a_stale_event_to_nobody),
		LOOP_TEST(mutes_within_the_turn),
		LOOP_TEST(sleeps_through_the_hang_up_of_a_mute_watch),
		LOOP_TEST(refuses_what_cannot_be_watched),
		LOOP_TEST(keeps_more_watches_than_its_first_table),
		LOOP_TEST(fires_in_order_of_time_then_of_start),
		LOOP_TEST(equal_timers_fire_as_started),
		LOOP_TEST(a_timer_may_start_itself_anew),
		LOOP_TEST(keeps_a_thousand_timers_in_order),
		LOOP_TEST(starts_timers_from_the_time_it_is),
		LOOP_TEST(takes_absurd_delays),
		LOOP_TEST(runs_hooks_in_order_and_again_at_once),
		LOOP_TEST(goes_on_after_a_signal),
		LOOP_TEST(runs_calls_of_other_threads_in_order),
		LOOP_TEST(a_call_from_within_runs_in_the_next_turn),
		LOOP_TEST(stops_from_another_thread),
		cmocka_unit_test(frees_calls_that_never_ran),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
