/* admin.c - the pages by path. The one difficulty: who may see what. Metrics name routes and secrets, so they ask for
 * the token; health says nothing but yes or no. */
#include "admin/admin.h"

#include "trust/trust.h"

static bool journal_takes(const struct journal *journal)
{
	struct journal_counts counts;

	if (!journal || !journal_ready(journal))
		return false;
	journal_counts(journal, &counts);
	return counts.state == JOURNAL_WELL;
}

bool admin_ready(const struct admin_sources *sources, const char **why)
{
	bool redis = atomic_load(&((struct intake_redis_watch *)sources->watch)->ready) >= sources->workers;
	bool journal = !redis && journal_takes(sources->journal);

	if (sources->draining)
		*why = "draining";
	else if (redis)
		*why = "ready";
	else
		*why = journal ? "ready_by_journal" : "redis_away";
	return !sources->draining && (redis || journal);
}

static bool token_right(const struct admin_sources *sources, const struct request *request)
{
	struct slice value, scheme, token;

	if (sources->token.n == 0)
		return true;
	if (message_header(request, SLICE("authorization"), &value) != 1)
		return false;
	slice_cut(value, ' ', &scheme, &token);
	return slice_eq_nocase(scheme, SLICE("bearer")) && trust_equal(slice_trim(token), sources->token);
}

static void text(struct answer *answer, unsigned status, struct slice body)
{
	answer->status = status;
	answer->body = body;
	message_add(answer, SLICE("Content-Type"), SLICE("text/plain; charset=utf-8"));
}

static void ready_page(const struct admin_sources *sources, struct buf *page, struct answer *answer)
{
	const char *why;
	bool ready = admin_ready(sources, &why);

	buf_printf(page, "{\"status\":\"%s\"}\n", why);
	answer->status = ready ? 200 : 503;
	answer->body = buf_slice(page);
	message_add(answer, SLICE("Content-Type"), SLICE("application/json"));
}

static void metrics_page(const struct admin_sources *sources, const struct request *request, struct buf *page,
			 struct answer *answer)
{
	if (!token_right(sources, request)) {
		text(answer, 401, SLICE("this page wants the admin token: Authorization: Bearer TOKEN\n"));
		message_add(answer, SLICE("WWW-Authenticate"), SLICE("Bearer realm=\"hookgate\""));
		return;
	}
	admin_metrics(sources, page);
	if (buf_failed(page)) {
		text(answer, 500, SLICE("out of memory\n"));
		return;
	}
	answer->status = 200;
	answer->body = buf_slice(page);
	message_add(answer, SLICE("Content-Type"), SLICE("text/plain; version=0.0.4; charset=utf-8"));
}

void admin_handle(const struct admin_sources *sources, const struct request *request, struct buf *page,
		  struct answer *answer)
{
	buf_clear(page);
	memset(answer, 0, sizeof *answer);
	if (!slice_eq(request->method, SLICE("GET")) && !slice_eq(request->method, SLICE("HEAD"))) {
		text(answer, 405, SLICE("only GET and HEAD\n"));
		message_add(answer, SLICE("Allow"), SLICE("GET, HEAD"));
	} else if (slice_eq(request->path, SLICE("/healthz"))) {
		text(answer, 200, SLICE("ok\n"));
	} else if (slice_eq(request->path, SLICE("/readyz"))) {
		ready_page(sources, page, answer);
	} else if (slice_eq(request->path, SLICE("/metrics"))) {
		metrics_page(sources, request, page, answer);
	} else if (slice_eq(request->path, SLICE("/"))) {
		text(answer, 200,
		     SLICE("hookgate " HOOKGATE_VERSION "\n\n"
			   "/healthz   the process answers\n"
			   "/readyz    200 when every worker reaches Redis, or the journal stands in for it; else 503\n"
			   "/metrics   for Prometheus\n"));
	} else {
		text(answer, 404, SLICE("there are /healthz, /readyz and /metrics\n"));
	}
}
