/* metrics_journal.c - the journal's part of the metrics page; nothing where there is none. The one difficulty: it counts in
 * its own buckets, from another thread, while the page is made. */
#include "admin/inside.h"

#include <inttypes.h>

static void sync_histogram(const struct journal_counts *counts, struct buf *out)
{
	uint64_t running = 0;

	admin_family(out, "hookgate_journal_sync_duration_seconds", "histogram",
		     "How long the journal's disk took to sync.");
	for (size_t i = 0; i <= JOURNAL_BUCKETS; i++) {
		running += counts->sync_bucket[i];
		if (i < JOURNAL_BUCKETS)
			buf_printf(out, "hookgate_journal_sync_duration_seconds_bucket{le=\"%g\"} %" PRIu64 "\n",
				   journal_bucket_us[i] / 1e6, running);
		else
			buf_printf(out, "hookgate_journal_sync_duration_seconds_bucket{le=\"+Inf\"} %" PRIu64 "\n",
				   running);
	}
	buf_printf(out,
		   "hookgate_journal_sync_duration_seconds_sum %.6f\n"
		   "hookgate_journal_sync_duration_seconds_count %" PRIu64 "\n",
		   (double)counts->sync_us / 1e6, running);
}

static void refusals(const struct journal_counts *counts, struct buf *out)
{
	admin_family(out, "hookgate_journal_refusals_total", "counter",
		     "Events that the journal did not keep, by why.");
	buf_printf(out,
		   "hookgate_journal_refusals_total{reason=\"full\"} %" PRIu64
		   "\nhookgate_journal_refusals_total{reason=\"failing\"} %" PRIu64
		   "\nhookgate_journal_refusals_total{reason=\"slow\"} %" PRIu64 "\n",
		   counts->refused_full, counts->refused_failing, counts->refused_slow);
}

static void oldest(struct buf *out, const char *name, const char *help, const struct journal_counts *counts)
{
	int64_t now_ms = clock_wall_ms();

	admin_family(out, name, "gauge", help);
	buf_printf(out, "%s %.3f\n", name,
		   counts->oldest_ms > 0 && counts->oldest_ms < now_ms ? (double)(now_ms - counts->oldest_ms) / 1000
								       : 0.0);
}

void admin_journal_metrics(const struct journal *journal, struct buf *out)
{
	struct journal_counts counts;

	if (!journal)
		return;
	journal_counts(journal, &counts);
	admin_simple(out, "hookgate_journal_well", "gauge", "1 when the journal takes what is given to it.",
		     counts.state == JOURNAL_WELL);
	admin_simple(out, "hookgate_journal_records", "gauge", "Events that wait to be put into Redis.",
		     counts.records);
	admin_simple(out, "hookgate_journal_bytes", "gauge", "Bytes of the journal's files, and on the way to them.",
		     counts.bytes);
	admin_simple(out, "hookgate_journal_max_bytes", "gauge", "The most that they may be.", counts.max_size);
	oldest(out, "hookgate_journal_oldest_seconds", "How long the oldest of those events has waited.", &counts);
	admin_simple(out, "hookgate_journal_appended_total", "counter", "Events written and synced.", counts.appended);
	admin_simple(out, "hookgate_journal_drained_total", "counter",
		     "Events put into Redis from the journal, or set aside.", counts.drained);
	sync_histogram(&counts, out);
	refusals(&counts, out);
	admin_simple(out, "hookgate_journal_damaged_total", "counter", "Damaged stretches found, and set aside.",
		     counts.damaged);
	admin_simple(out, "hookgate_journal_torn_total", "counter", "Torn records found, and cut off.", counts.torn);
}

void admin_refused_metrics(const struct journal *refused, struct buf *out)
{
	struct journal_counts counts;

	if (!refused)
		return;
	journal_counts(refused, &counts);
	admin_simple(out, "hookgate_journal_refused_records", "gauge",
		     "Events that Redis refuses for good, and what waits behind them, until a person mends it.",
		     counts.records);
	admin_simple(out, "hookgate_journal_refused_bytes", "gauge", "Bytes of their files; at most as many again.",
		     counts.bytes);
	oldest(out, "hookgate_journal_refused_oldest_seconds", "How long ago the oldest of those events arrived.",
	       &counts);
	admin_simple(out, "hookgate_journal_set_aside_total", "counter", "Events set aside for it.", counts.appended);
}
