/* unplaced.c - deliveries of which it is not known where they go: the layout of their route has not been read yet, or was
 * changed by another gateway after it was (store/layout.h).
 *
 * The one difficulty: who reads layouts is another thread, and it takes a millisecond, rarely; so they look for themselves, a
 * few times, instead of being told. */
#include "intake/inside.h"

enum { LOOK_MS = 3 };

static void look(void *arg)
{
	struct intake_worker *worker = arg;
	struct intake_delivery *delivery = worker->unplaced, *next;
	int64_t now_ms = loop_now_ms(worker->loop);

	worker->unplaced = NULL;
	for (; delivery; delivery = next) {
		next = delivery->next_unplaced;
		if (store_places_mark(delivery->route->places) != delivery->refused) {
			intake_put(delivery);
		} else if (now_ms >= delivery->deadline_ms) {
			intake_not_stored(delivery, "it is not known in time where the route's events go");
		} else {
			delivery->next_unplaced = worker->unplaced;
			worker->unplaced = delivery;
		}
	}
	if (worker->unplaced)
		/* A timer that has just fired finds its place again. */
		(void)loop_timer_start(worker->loop, &worker->unplaced_timer, LOOK_MS, look, worker);
}

void intake_wait_for_layout(struct intake_delivery *delivery)
{
	struct intake_worker *worker = delivery->worker;

	/* Who has hung up took the headers along, and waits for no answer. */
	if (delivery->head.request->gone && !delivery->headers_kept) {
		intake_finish(delivery, INTAKE_store_unavailable, "where the route's events go was changed", NULL);
		return;
	}
	if (!intake_keep_headers(delivery) ||
	    (!loop_timer_running(&worker->unplaced_timer) &&
	     loop_timer_start(worker->loop, &worker->unplaced_timer, LOOK_MS, look, worker) < 0)) {
		intake_finish(delivery, INTAKE_internal_error, "out of memory", NULL);
		return;
	}
	delivery->waited = true;
	delivery->next_unplaced = worker->unplaced;
	worker->unplaced = delivery;
}

void intake_unplaced_give_up(struct intake_worker *worker)
{
	struct intake_delivery *delivery = worker->unplaced, *next;

	loop_timer_stop(&worker->unplaced_timer);
	worker->unplaced = NULL;
	for (; delivery; delivery = next) {
		next = delivery->next_unplaced;
		intake_not_stored(delivery, "the gateway is stopping");
	}
}
