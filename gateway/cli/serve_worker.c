/* serve_worker.c - a worker's thread.
 *
 * The special difficulty: stopping. The listening sockets close first; idle connections are closed; what is in flight
 * gets its answer, and only when the last request is over, or the drain time-out is, does the thread end. What then
 * still waits for Redis is answered 503, which is true: it is not known to be stored. */
#include "cli/serve_worker.h"

#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { SAMPLE_MS = 1000, DRAIN_LOOK_MS = 10, LOG_DELAY_MS = 20, SWAP_WAIT_S = 10 };

struct serve_worker {
	pthread_t thread;
	sem_t swapped; /* posted once for each share that has been taken over */
	bool started;
	unsigned number;
	struct loop *loop;
	struct http_server *server;
	struct intake_worker *intake;
	struct loop *main_loop;
	_Atomic(unsigned) *running;
	struct loop_hook log_hook;
	struct loop_timer log_timer;
	struct loop_timer sample;
	struct loop_timer drain;
	int64_t drain_until_ms;
	bool draining;
	size_t unfinished;
};

static void write_log(void *arg)
{
	(void)arg;
	log_flush();
}

/* A line waits at most LOG_DELAY_MS: under load one write then carries what many turns have logged. */
static void end_of_turn(void *arg)
{
	struct serve_worker *worker = arg;

	if (log_pending() > 0 && !loop_timer_running(&worker->log_timer))
		loop_timer_start(worker->loop, &worker->log_timer, LOG_DELAY_MS, write_log, worker);
}

static void sample(void *arg)
{
	struct serve_worker *worker = arg;

	intake_worker_sample(worker->intake);
	loop_timer_start(worker->loop, &worker->sample, SAMPLE_MS, sample, worker);
}

/* A worker's share of max_buffered. A body of the largest kind must fit in it: a machine of many cores would else
 * refuse for ever what its configuration allows. */
static uint64_t buffer_share(const struct config *config)
{
	uint64_t largest = 0, share = config->max_buffered / config->workers;

	for (size_t i = 0; i < config->route_count; i++) {
		if (config->routes[i].max_body > largest)
			largest = config->routes[i].max_body;
	}
	return share > largest ? share : largest;
}

static int make_server(struct serve_worker *worker, const struct serve_worker_setup *setup)
{
	const struct config *config = intake_plan_config(setup->plan);

	return http_server_new(&(struct http_setup){ .loop = worker->loop,
						     .limits = setup->limits,
						     .stats = setup->stats,
						     .max_head = config->max_head,
						     .max_buffered = buffer_share(config),
						     .max_connections = config->max_connections,
						     .idle_timeout_ms = config->idle_timeout_ms,
						     .request_timeout_ms = config->request_timeout_ms },
			       &worker->server);
}

int serve_worker_new(const struct serve_worker_setup *setup, struct serve_worker **out)
{
	struct serve_worker *worker = calloc(1, sizeof *worker);
	int r;

	if (!worker)
		return -ENOMEM;
	worker->number = setup->number;
	sem_init(&worker->swapped, 0, 0);
	worker->main_loop = setup->main_loop;
	worker->running = setup->running;
	r = loop_new(&worker->loop);
	/* End-of-turn hooks run in this order: requests are read and answered, then what they put is written to Redis,
	 * then the log. */
	if (r == 0)
		r = make_server(worker, setup);
	if (r == 0)
		r = intake_worker_new(&(struct intake_worker_setup){ .loop = worker->loop,
								     .plan = setup->plan,
								     .stats = setup->stats,
								     .redis_socket = setup->redis_socket,
								     .watch = setup->watch,
								     .keys = setup->keys,
								     .number = setup->number,
								     .journal = setup->journal,
								     .refused = setup->refused,
								     .layouts = setup->layouts },
				      &worker->intake);
	if (r == 0) {
		const struct http_service service = http_deliveries(worker->intake);

		http_server_serve(worker->server, &service);
		loop_hook_add(worker->loop, &worker->log_hook, end_of_turn, worker);
		r = loop_timer_start(worker->loop, &worker->sample, SAMPLE_MS, sample, worker);
	}
	if (r == 0)
		*out = worker;
	else
		serve_worker_free(worker);
	return r;
}

int serve_worker_listen(struct serve_worker *worker, int fd, struct reason *reason)
{
	return http_server_add(worker->server, fd, reason);
}

static void *thread(void *arg)
{
	struct serve_worker *worker = arg;
	int r = loop_run(worker->loop);

	if (r < 0)
		log_line(LOG_ERROR, "worker failed", LOG_U("worker", worker->number), LOG_C("reason", strerror(-r)));
	worker->unfinished = http_server_requests(worker->server);
	/* Gives up what still waits, so that it gets its answer while there are connections to send it on. */
	intake_worker_give_up(worker->intake);
	http_server_free(worker->server);
	worker->server = NULL;
	intake_worker_free(worker->intake);
	worker->intake = NULL;
	log_flush();
	if (atomic_fetch_sub(worker->running, 1) == 1)
		loop_stop(worker->main_loop);
	return NULL;
}

int serve_worker_start(struct serve_worker *worker)
{
	sigset_t all, before;
	char name[16];
	int r;

	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	r = pthread_create(&worker->thread, NULL, thread, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r != 0)
		return -r;
	worker->started = true;
	snprintf(name, sizeof name, "worker-%u", worker->number);
	pthread_setname_np(worker->thread, name);
	return 0;
}

/* ---- reload ---- */

struct swap {
	struct serve_worker *worker;
	struct intake_share *share;
};

static void do_swap(void *arg)
{
	struct swap *swap = arg;
	struct serve_worker *worker = swap->worker;
	const struct config *config;

	intake_worker_swap(worker->intake, swap->share);
	config = intake_worker_config(worker->intake);
	http_server_change(worker->server, config->idle_timeout_ms, config->request_timeout_ms, buffer_share(config));
	free(swap);
	sem_post(&worker->swapped);
}

bool serve_worker_await_swap(struct serve_worker *worker)
{
	struct timespec until;
	int r;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += SWAP_WAIT_S;
	do
		r = sem_timedwait(&worker->swapped, &until);
	while (r < 0 && errno == EINTR);
	return r == 0;
}

int serve_worker_swap(struct serve_worker *worker, struct intake_share *share)
{
	struct swap *swap = malloc(sizeof *swap);
	int r = -ENOMEM;

	if (swap) {
		*swap = (struct swap){ .worker = worker, .share = share };
		r = loop_call(worker->loop, do_swap, swap);
	}
	if (r < 0) {
		free(swap);
		intake_share_free(share);
	}
	return r;
}

/* ---- stopping ---- */

static void look_drained(void *arg)
{
	struct serve_worker *worker = arg;

	if ((http_server_requests(worker->server) == 0 && http_server_connections(worker->server) == 0) ||
	    loop_now_ms(worker->loop) >= worker->drain_until_ms)
		loop_stop(worker->loop);
	else
		loop_timer_start(worker->loop, &worker->drain, DRAIN_LOOK_MS, look_drained, worker);
}

static void do_drain(void *arg)
{
	struct serve_worker *worker = arg;

	if (worker->draining)
		return;
	worker->draining = true;
	worker->drain_until_ms = loop_now_ms(worker->loop) + intake_worker_config(worker->intake)->drain_timeout_ms;
	http_server_drain(worker->server);
	loop_timer_start(worker->loop, &worker->drain, DRAIN_LOOK_MS, look_drained, worker);
}

void serve_worker_drain(struct serve_worker *worker)
{
	/* Without memory for an orderly end there is still the hard one. */
	if (worker->started && loop_call(worker->loop, do_drain, worker) < 0)
		loop_stop(worker->loop);
}

void serve_worker_hurry(struct serve_worker *worker)
{
	if (worker->started)
		loop_stop(worker->loop);
}

size_t serve_worker_join(struct serve_worker *worker)
{
	if (worker->started)
		pthread_join(worker->thread, NULL);
	worker->started = false;
	return worker->unfinished;
}

void serve_worker_free(struct serve_worker *worker)
{
	if (!worker)
		return;
	http_server_free(worker->server);
	intake_worker_free(worker->intake);
	loop_timer_stop(&worker->log_timer);
	loop_timer_stop(&worker->sample);
	loop_timer_stop(&worker->drain);
	loop_free(worker->loop);
	sem_destroy(&worker->swapped);
	free(worker);
}
