/* status_gateway.c - a running gateway's counters, from its admin listener's /metrics (Prometheus' text format).
 *
 * The special difficulty: rates need two looks, and with ten thousand routes there are many lines; a line is found
 * again by its labels as they stand, beginning where the last one was found. */
#include "base/clock.h"
#include "base/num.h"
#include "cli/http_client.h"
#include "cli/status.h"

#include <errno.h>
#include <poll.h>

enum { TIMEOUT_MS = 3000 };

/* ---- asking ---- */

static int get_page(struct cli_http *http, struct slice request, struct buf *page, struct reason *reason)
{
	struct cli_http_answer answer;
	int fault = cli_http_exchange(http, request, &answer, reason);

	if (fault != 0)
		return fault;
	if (answer.status != 200) {
		reason_set(reason, "/metrics is answered %u%s", answer.status,
			   answer.status == 401 ? ": admin.token is another than the running gateway's" : "");
		return -EIO;
	}
	buf_clear(page);
	buf_add(page, answer.body);
	return buf_failed(page) ? -ENOMEM : 0;
}

/* ---- reading ---- */

struct sample {
	struct slice labels;
	double value;
};

/* The next delivery counter; false at the end. */
static bool next_sample(struct slice *rest, struct sample *out)
{
	static const struct slice name = SLICE_LIT("hookgate_deliveries_total{");
	struct slice line, labels, value;
	uint64_t number;

	while (rest->n > 0) {
		slice_cut(*rest, '\n', &line, rest);
		if (!slice_starts(line, name) || !slice_cut(slice_from(line, name.n), '}', &labels, &value))
			continue;
		if (!num_parse_u64(slice_trim(value), UINT64_MAX, &number))
			continue;
		*out = (struct sample){ labels, (double)number };
		return true;
	}
	return false;
}

/* What the labels' counter was; 0 when it was not there yet. The search begins at *at and goes once around. */
static double value_before(struct slice page, struct slice *at, struct slice labels)
{
	struct sample sample;
	struct slice from = *at;

	for (int round = 0; round < 2; round++) {
		while (next_sample(&from, &sample)) {
			if (slice_eq(sample.labels, labels)) {
				*at = from;
				return sample.value;
			}
		}
		from = page;
	}
	return 0;
}

/* Names of ours have nothing in them that would be escaped. */
static struct slice label(struct slice labels, struct slice name)
{
	while (labels.n > 0) {
		struct slice key, value, rest;

		slice_cut(labels, '=', &key, &rest);
		if (rest.n == 0 || rest.p[0] != '"')
			break;
		slice_cut(slice_from(rest, 1), '"', &value, &rest);
		if (slice_eq(key, name))
			return value;
		labels = slice_from(rest, 1);
	}
	return SLICE_NONE;
}

static void report(struct slice before, struct slice after, double seconds,
		   void (*counted)(void *arg, const struct status_count *count), void *arg)
{
	struct slice rest = after, at = before;
	struct sample sample;

	while (next_sample(&rest, &sample)) {
		double then = value_before(before, &at, sample.labels);
		struct status_count count = { .route = label(sample.labels, SLICE("route")),
					      .provider = label(sample.labels, SLICE("provider")),
					      .outcome = label(sample.labels, SLICE("outcome")),
					      .total = sample.value,
					      /* A gateway that was restarted meanwhile counts from 0. */
					      .rate = sample.value >= then ? (sample.value - then) / seconds : 0 };

		if (count.total > 0)
			counted(arg, &count);
	}
}

int status_gateway_read(const struct config *config, int64_t apart_ms,
			void (*counted)(void *arg, const struct status_count *count), void *arg,
			struct status_journal *journal, struct reason *reason)
{
	struct cli_http_url url;
	struct cli_http *http = NULL;
	struct buf request = BUF_EMPTY, before = BUF_EMPTY, after = BUF_EMPTY;
	int64_t begun_ms = 0;
	int fault = cli_http_listened(config->admin, &url, reason) ? cli_http_new(&url, TIMEOUT_MS, &http) : -EIO;

	if (fault != 0)
		return fault;
	buf_printf(&request, "GET /metrics HTTP/1.1\r\nHost: %s\r\n", url.authority);
	if (config->admin_token.n > 0 && buf_room(&request, config->admin_token.n + 64)) {
		buf_add(&request, SLICE("Authorization: Bearer "));
		buf_add(&request, config->admin_token);
		buf_add(&request, SLICE("\r\n"));
	}
	buf_add(&request, SLICE("\r\n"));
	fault = buf_failed(&request) ? -ENOMEM : get_page(http, buf_slice(&request), &before, reason);
	if (fault == 0) {
		begun_ms = clock_mono_ms();
		(void)poll(NULL, 0, (int)apart_ms);
		fault = get_page(http, buf_slice(&request), &after, reason);
	}
	if (fault == 0)
		status_journal_read(buf_slice(&after), journal);
	if (fault == 0)
		report(buf_slice(&before), buf_slice(&after), (double)(clock_mono_ms() - begun_ms + 1) / 1000, counted,
		       arg);
	cli_http_free(http);
	buf_wipe(&request);
	buf_free(&before);
	buf_free(&after);
	return fault;
}
