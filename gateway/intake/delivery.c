/* delivery.c - one delivery from its head to its answer. The file to read first: the gateway is this pipeline, and the
 * other rooms are what its steps call.
 *
 *      intake_begin       path -> route, method, declared length           404 405 413
 *      intake_complete    handshake, signature, timestamp      (trust/)    challenge 401 400
 *                         id and type, filter                  (trust/)    400 ignored
 *      put.c              into Redis, atomically               (store/)    accepted duplicate, or
 *                         into the journal                   (journal/)    accepted; 503 where neither can
 *      intake_finish      one answer, one count, one log line
 *
 * The special difficulty is the one promise: a 2xx leaves here only when Redis or the journal has the event (or for
 * what adds nothing by definition: duplicate, ignored, challenge), and intake_finish runs once per delivery, whatever
 * happens. */
#include "base/clock.h"
#include "intake/backlog.h"
#include "intake/filter.h"
#include "intake/forwarded.h"
#include "intake/inside.h"
#include "intake/learned.h"

/* Long enough for a reconnect with backoff, short enough for a provider that obeys it. */
#define RETRY_AFTER_S "2"

static void count_outcome(struct intake_worker *worker, const struct intake_route *route, enum intake_outcome outcome)
{
	size_t number = (route ? route->series : 0) + (size_t)outcome;

	intake_count(intake_stats_at(worker->stats, number), 1);
}

static void log_outcome(const struct intake_head *head, const struct intake_delivery *delivery,
			const struct intake_route *route, enum intake_outcome outcome, const char *reason,
			int64_t now_us)
{
	const struct request *request = head->request;

	if (!log_enabled(intake_outcome_level(outcome)))
		return;
	const struct log_field fields[] = {
		LOG_S("outcome", intake_outcome_name(outcome)),
		LOG_S("route", route ? route->config->name : SLICE_NONE),
		LOG_S("provider", route ? route->config->provider : SLICE_NONE),
		LOG_S("id", delivery ? delivery->event.id : SLICE_NONE),
		LOG_S("type", delivery ? delivery->event.type : SLICE_NONE),
		LOG_S("secret", delivery ? delivery->verdict.secret : SLICE_NONE),
		LOG_S("method", route ? SLICE_NONE : request->method),
		LOG_S("path", route ? SLICE_NONE : slice_head(request->path, 200)),
		LOG_U("bytes", request->body.n),
		LOG_S("address", request->address),
		LOG_US("ms", now_us - head->begun_us),
		LOG_C("reason", reason),
	};
	log_fields_at(clock_wall_at(now_us), intake_outcome_level(outcome), "delivery", fields,
		      sizeof fields / sizeof fields[0]);
}

/* What we answer where nobody has other wishes. */
static void own_answer(struct answer *answer, enum intake_outcome outcome)
{
	answer->status = intake_outcome_status(outcome);
	answer->body = intake_outcome_body(outcome);
	message_add(answer, SLICE("Content-Type"), SLICE("application/json"));
	if (answer->status == 503 || answer->status == 429)
		message_add(answer, SLICE("Retry-After"), SLICE(RETRY_AFTER_S));
}

static void settle(struct intake_worker *worker, const struct intake_head *head, const struct intake_delivery *delivery,
		   const struct intake_route *route, enum intake_outcome outcome, const char *reason)
{
	int64_t now_us = clock_mono_us();

	count_outcome(worker, route, outcome);
	intake_histogram_add(&worker->stats->answer_us, now_us - head->begun_us);
	log_outcome(head, delivery, route, outcome, reason, now_us);
}

/* The end of every delivery that came as far as having a route. `delivery` is gone after it. */
void intake_finish(struct intake_delivery *delivery, enum intake_outcome outcome, const char *reason,
		   const struct answer *answer)
{
	struct intake_worker *worker = delivery->worker;
	struct intake_share *share = delivery->share;
	struct answer own = { .status = 0 };

	settle(worker, &delivery->head, delivery, delivery->route, outcome, reason);
	if (!answer) {
		own_answer(&own, outcome);
		answer = &own;
	}
	delivery->head.answer(delivery->head.arg, answer);
	intake_share_release(share);
}

/* For what was taken: the route's or the provider's wish goes before ours. */
void intake_finish_taken(struct intake_delivery *delivery, enum intake_outcome outcome, const char *reason)
{
	const struct answer *taken = &delivery->route->taken;
	struct answer own = { .status = 0 };

	if (taken->status == 0) {
		own_answer(&own, outcome);
		if (delivery->route->own_status != 0)
			own.status = delivery->route->own_status;
		taken = &own;
	}
	intake_finish(delivery, outcome, reason, taken);
}

static void finish_refused(struct intake_delivery *delivery, enum intake_outcome outcome)
{
	struct answer answer = { .status = 0 };

	own_answer(&answer, outcome);
	if (delivery->verdict.refusal_status != 0)
		answer.status = delivery->verdict.refusal_status;
	if (delivery->verdict.refusal_has_body) {
		answer.header_count = 0;
		answer.body = delivery->verdict.refusal_body;
		if (delivery->verdict.refusal_content_type.n > 0)
			message_add(&answer, SLICE("Content-Type"), delivery->verdict.refusal_content_type);
	}
	if (delivery->verdict.refusal_challenge.n > 0)
		message_add(&answer, SLICE("WWW-Authenticate"), delivery->verdict.refusal_challenge);
	intake_finish(delivery, outcome, delivery->verdict.reason, &answer);
}

/* ---- step 1: the head ---- */

static struct intake_delivery *delivery_new(struct intake_worker *worker, const struct intake_head *head,
					    const struct intake_route *route)
{
	struct intake_delivery *delivery = arena_alloc(head->arena, sizeof *delivery);

	if (!delivery)
		return NULL;
	memset(delivery, 0, sizeof *delivery);
	delivery->worker = worker;
	delivery->share = worker->share;
	delivery->share->deliveries++;
	delivery->route = route;
	delivery->head = *head;
	return delivery;
}

static enum intake_step refuse_method(struct intake_delivery *delivery, struct slice allow)
{
	struct answer answer = { .status = 0 };

	own_answer(&answer, INTAKE_method_not_allowed);
	message_add(&answer, SLICE("Allow"), allow);
	intake_finish(delivery, INTAKE_method_not_allowed, "the route does not take this method", &answer);
	return INTAKE_ANSWERED;
}

enum intake_step intake_begin(struct intake_worker *worker, const struct intake_head *head,
			      struct intake_delivery **out, uint64_t *max_body)
{
	const struct intake_route *route = intake_plan_route(worker->share->plan, head->request->path);
	struct intake_delivery *delivery;
	struct slice allow;

	intake_forwarded(intake_plan_config(worker->share->plan), head->request, head->arena);
	if (!route) {
		intake_refuse(worker, head, NULL, INTAKE_not_found, "no route has this path");
		return INTAKE_ANSWERED;
	}
	delivery = delivery_new(worker, head, route);
	if (!delivery) {
		intake_refuse(worker, head, NULL, INTAKE_internal_error, "out of memory");
		return INTAKE_ANSWERED;
	}
	if (!trust_method_allowed(route->verifier, head->request->method, &allow))
		return refuse_method(delivery, allow);
	if (head->declared > 0 && (uint64_t)head->declared > route->config->max_body) {
		intake_finish(delivery, INTAKE_body_too_large, "Content-Length is over max_body", NULL);
		return INTAKE_ANSWERED;
	}
	if (intake_backlog_full(route->backlog)) {
		intake_finish(delivery, INTAKE_overloaded,
			      "the route's max_backlog is reached: its entries wait to be acknowledged", NULL);
		return INTAKE_ANSWERED;
	}
	*max_body = route->config->max_body;
	*out = delivery;
	return INTAKE_READ_BODY;
}

/* ---- steps 3 to 5: who sent it, and what it is ---- */

static void read_event(struct intake_delivery *delivery)
{
	const struct intake_route *route = delivery->route;
	enum trust_event_result result;
	struct trust_event event;

	if (trust_read_event(route->verifier, delivery->head.request, delivery->head.arena, &event, &result) < 0) {
		intake_finish(delivery, INTAKE_internal_error, "the event could not be read", NULL);
		return;
	}
	switch (result) {
	case TRUST_EVENT_OK:
		break;
	case TRUST_EVENT_ID_MISSING:
		intake_finish(delivery, INTAKE_event_id_missing, event.reason, NULL);
		return;
	case TRUST_EVENT_MALFORMED_BODY:
		intake_finish(delivery, INTAKE_malformed_body, event.reason, NULL);
		return;
	case TRUST_EVENT_MALFORMED_REQUEST:
		intake_finish(delivery, INTAKE_malformed_request, event.reason, NULL);
		return;
	}
	/* The request's headers go with the connection, and a client may hang up before Redis has answered. */
	event.id = arena_copy(delivery->head.arena, event.id);
	event.type = arena_copy(delivery->head.arena, event.type);
	if (arena_failed(delivery->head.arena)) {
		intake_finish(delivery, INTAKE_internal_error, "out of memory", NULL);
		return;
	}
	delivery->event = event;
	if (!event.id_found)
		intake_count(intake_stats_at(delivery->worker->stats, route->series + INTAKE_ROUTE_DIGEST_IDS), 1);
	if (intake_wanted(route->config, event.type, event.detail))
		intake_put(delivery);
	else
		intake_finish_taken(delivery, INTAKE_ignored, "the route's events leave this type out");
}

static void count_taken_in(struct intake_delivery *delivery)
{
	const struct intake_route *route = delivery->route;
	struct intake_stats *stats = delivery->worker->stats;

	intake_count(intake_stats_at(stats, route->series + INTAKE_ROUTE_BYTES), delivery->head.request->body.n);
	if (delivery->verdict.result == TRUST_ACCEPTED && delivery->verdict.secret_index < route->config->secret_count)
		intake_count(intake_stats_at(stats, route->secret_series[delivery->verdict.secret_index]), 1);
}

void intake_check(struct intake_delivery *delivery)
{
	const struct request *request = delivery->head.request;

	if (trust_check(intake_verifier(delivery->route), delivery->share->lane, request, request->received_ms,
			delivery->head.arena, &delivery->verdict) < 0) {
		intake_finish(delivery, INTAKE_internal_error, "the signature could not be checked", NULL);
		return;
	}
	if (delivery->verdict.result == TRUST_KEY_PENDING) {
		intake_wait_for_key(delivery);
		return;
	}
	count_taken_in(delivery);
	switch (delivery->verdict.result) {
	case TRUST_ACCEPTED:
		read_event(delivery);
		return;
	case TRUST_KEY_PENDING:
	case TRUST_KEY_FAILED:
		intake_finish(delivery, INTAKE_overloaded, delivery->verdict.reason, NULL);
		return;
	case TRUST_CHALLENGE:
		intake_learned(delivery->route, request, delivery->verdict.learned);
		intake_finish(delivery, INTAKE_challenge, delivery->verdict.reason, &delivery->verdict.answer);
		return;
	case TRUST_SIGNATURE_MISSING:
		finish_refused(delivery, INTAKE_signature_missing);
		return;
	case TRUST_SIGNATURE_MISMATCH:
		finish_refused(delivery, INTAKE_signature_mismatch);
		return;
	case TRUST_TIMESTAMP_OUT_OF_TOLERANCE:
		finish_refused(delivery, INTAKE_timestamp_out_of_tolerance);
		return;
	case TRUST_MALFORMED_REQUEST:
		finish_refused(delivery, INTAKE_malformed_request);
		return;
	case TRUST_MALFORMED_BODY:
		finish_refused(delivery, INTAKE_malformed_body);
		return;
	}
}

void intake_complete(struct intake_delivery *delivery)
{
	delivery->deadline_ms = loop_now_ms(delivery->worker->loop) + delivery->route->config->ack_deadline_ms;
	intake_check(delivery);
}

/* ---- what the transport finds wrong ---- */

void intake_refuse(struct intake_worker *worker, const struct intake_head *head, struct intake_delivery *delivery,
		   enum intake_outcome outcome, const char *reason)
{
	struct answer answer = { .status = 0 };

	own_answer(&answer, outcome);
	answer.close = true;
	if (delivery) {
		intake_finish(delivery, outcome, reason, &answer);
		return;
	}
	settle(worker, head, NULL, NULL, outcome, reason);
	head->answer(head->arg, &answer);
}

void intake_abandon(struct intake_worker *worker, const struct intake_head *head, struct intake_delivery *delivery,
		    enum intake_outcome outcome, const char *reason)
{
	settle(worker, head, delivery, delivery ? delivery->route : NULL, outcome, reason);
	if (delivery)
		intake_share_release(delivery->share);
}
