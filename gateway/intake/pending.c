/* pending.c - deliveries that wait for a key which their provider publishes (keys/).
 *
 * The special difficulty: a delivery may stop waiting in three ways (the fetch is over, its deadline, the worker's end),
 * and must be let go of by the other two in each. All three happen in the worker's own thread, so each takes it out of
 * the list, off the inbox and off the clock before it does anything else. */
#include "intake/inside.h"

#include <errno.h>

/* A fetch that ends and leads to another (a kid that is lacking) is all that happens rightly. */
enum { ROUNDS_MAX = 4 };

static void stop_waiting(struct intake_delivery *delivery)
{
	keys_unwait(&delivery->waiter);
	loop_timer_stop(&delivery->key_timer);
	*delivery->pending_link = delivery->next_pending;
	if (delivery->next_pending)
		delivery->next_pending->pending_link = delivery->pending_link;
}

static void key_told(void *arg)
{
	struct intake_delivery *delivery = arg;

	stop_waiting(delivery);
	intake_check(delivery);
}

static void too_late(void *arg)
{
	struct intake_delivery *delivery = arg;

	stop_waiting(delivery);
	intake_finish(delivery, INTAKE_overloaded, "the provider's key did not come within ack_deadline", NULL);
}

/* 0: it waits. */
static int begin(struct intake_delivery *delivery)
{
	struct intake_worker *worker = delivery->worker;
	int64_t left_ms = delivery->deadline_ms - loop_now_ms(worker->loop);
	int r;

	delivery->waiter = (struct keys_waiter){ .told = key_told, .arg = delivery };
	if (!intake_keep_headers(delivery))
		return -ENOMEM;
	r = keys_wait(worker->inbox, delivery->verdict.key_url, &delivery->waiter);
	if (r < 0)
		return r;
	r = loop_timer_start(worker->loop, &delivery->key_timer, left_ms, too_late, delivery);
	if (r < 0) {
		keys_unwait(&delivery->waiter);
		return r;
	}
	delivery->next_pending = worker->pending;
	delivery->pending_link = &worker->pending;
	if (worker->pending)
		worker->pending->pending_link = &delivery->next_pending;
	worker->pending = delivery;
	return 0;
}

void intake_wait_for_key(struct intake_delivery *delivery)
{
	int r;

	if (!delivery->worker->inbox) {
		intake_finish(delivery, INTAKE_overloaded, "the gateway is stopping, and fetches no more keys", NULL);
		return;
	}
	if (delivery->key_rounds++ == ROUNDS_MAX) {
		intake_finish(delivery, INTAKE_overloaded, "the provider's key is fetched again and again", NULL);
		return;
	}
	r = begin(delivery);
	if (r == -EALREADY)
		intake_check(delivery);
	else if (r == -EBUSY)
		intake_finish(delivery, INTAKE_overloaded, "too many deliveries wait for keys", NULL);
	else if (r < 0)
		intake_finish(delivery, INTAKE_internal_error, "out of memory", NULL);
}

void intake_pending_give_up(struct intake_worker *worker)
{
	while (worker->pending) {
		struct intake_delivery *delivery = worker->pending;

		stop_waiting(delivery);
		intake_finish(delivery, INTAKE_overloaded, "the gateway stops before the provider's key came", NULL);
	}
	keys_inbox_free(worker->inbox);
	worker->inbox = NULL;
}
