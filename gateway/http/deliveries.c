/* deliveries.c - the public service: what the listeners receive goes through a worker's intake.
 *
 * The exchange's word holds the delivery; it is NULL before there is one and after it was settled. */
#include "http/http.h"
#include "intake/delivery.h"

static void hand_over(void *arg, const struct answer *answer)
{
	struct http_exchange *exchange = arg;

	*http_exchange_state(exchange) = NULL;
	http_answer(exchange, answer);
}

static struct intake_head head_of(struct http_exchange *exchange, int64_t declared)
{
	return (struct intake_head){
		.request = http_exchange_request(exchange),
		.declared = declared,
		.begun_us = http_exchange_begun_us(exchange),
		.arena = http_exchange_arena(exchange),
		.answer = hand_over,
		.arg = exchange,
	};
}

static bool head(void *arg, struct http_exchange *exchange, struct request *request, int64_t declared,
		 uint64_t *max_body)
{
	struct intake_head head = head_of(exchange, declared);
	struct intake_delivery *delivery;

	(void)request;
	if (intake_begin(arg, &head, &delivery, max_body) != INTAKE_READ_BODY)
		return false;
	*http_exchange_state(exchange) = delivery;
	return true;
}

static void complete(void *arg, struct http_exchange *exchange)
{
	(void)arg;
	intake_complete(*http_exchange_state(exchange));
}

static void refused(void *arg, struct http_exchange *exchange, struct request *request, enum http_refusal refusal,
		    const char *reason)
{
	struct intake_head head = head_of(exchange, 0);
	struct intake_delivery *delivery = *http_exchange_state(exchange);

	(void)request;
	switch (refusal) {
	case HTTP_REFUSED_FRAMING:
		intake_refuse(arg, &head, delivery, INTAKE_malformed_request, reason);
		return;
	case HTTP_REFUSED_TOO_LARGE:
		intake_refuse(arg, &head, delivery, INTAKE_body_too_large, reason);
		return;
	case HTTP_REFUSED_OVERLOADED:
		intake_refuse(arg, &head, delivery, INTAKE_overloaded, reason);
		return;
	case HTTP_REFUSED_CUT_OFF:
		intake_abandon(arg, &head, delivery, delivery ? INTAKE_malformed_body : INTAKE_malformed_request,
			       reason);
		return;
	}
}

struct http_service http_deliveries(struct intake_worker *worker)
{
	return (struct http_service){ .arg = worker, .head = head, .complete = complete, .refused = refused };
}
