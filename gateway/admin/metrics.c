/* metrics.c - the workers' counters as one Prometheus page.
 *
 * The special difficulty: a family's lines must stand together, and the names come from one list of routes and secrets,
 * so that list is walked once per family. Routes that were never delivered to are left out: with ten thousand of them
 * the page would be mostly zeros; Prometheus' rate() and increase() bear a series that begins late. */
#include "admin/inside.h"
#include "base/num.h"
#include "intake/backlog.h"
#include "store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

struct page {
	const struct admin_sources *sources;
	struct buf *out;
};

void admin_family(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* Label values: backslash, quote and line feed are escaped. */
static void add_escaped(struct buf *out, struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\n') {
			buf_add(out, SLICE("\\n"));
			continue;
		}
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_add_byte(out, '\\');
		buf_add_byte(out, s.p[i]);
	}
}

static void add_label(struct buf *out, char before, const char *name, struct slice value)
{
	buf_add_byte(out, (unsigned char)before);
	buf_add_str(out, name);
	buf_add(out, SLICE("=\""));
	add_escaped(out, value);
	buf_add_byte(out, '"');
}

static uint64_t total_at(const struct admin_sources *sources, size_t number)
{
	uint64_t total = 0;

	for (size_t i = 0; i < sources->workers; i++)
		total += intake_stats_value(sources->stats[i], number);
	return total;
}

static void end_line(struct buf *out, uint64_t value)
{
	buf_add(out, SLICE("} "));
	buf_add_u64(out, value);
	buf_add_byte(out, '\n');
}

static void each_delivery(void *arg, const struct intake_series_entry *entry)
{
	struct page *page = arg;

	if (entry->secret.n > 0)
		return;
	for (size_t outcome = 0; outcome < INTAKE_OUTCOME_COUNT; outcome++) {
		uint64_t total = total_at(page->sources, entry->number + outcome);

		if (total == 0)
			continue;
		buf_add(page->out, SLICE("hookgate_deliveries_total"));
		add_label(page->out, '{', "route", entry->route);
		add_label(page->out, ',', "provider", entry->provider);
		add_label(page->out, ',', "outcome", intake_outcome_name((enum intake_outcome)outcome));
		end_line(page->out, total);
	}
}

static void route_line(struct page *page, const struct intake_series_entry *entry, const char *name, size_t counter)
{
	uint64_t total = total_at(page->sources, entry->number + counter);

	if (entry->secret.n > 0 || entry->route.n == 0 || total == 0)
		return;
	buf_add_str(page->out, name);
	add_label(page->out, '{', "route", entry->route);
	end_line(page->out, total);
}

static void each_bytes(void *arg, const struct intake_series_entry *entry)
{
	route_line(arg, entry, "hookgate_delivery_body_bytes_total", INTAKE_ROUTE_BYTES);
}

static void each_missing_id(void *arg, const struct intake_series_entry *entry)
{
	route_line(arg, entry, "hookgate_events_without_id_total", INTAKE_ROUTE_DIGEST_IDS);
}

static void each_keyless(void *arg, const struct intake_series_entry *entry)
{
	route_line(arg, entry, "hookgate_events_without_order_key_total", INTAKE_ROUTE_KEYLESS);
}

static void each_secret(void *arg, const struct intake_series_entry *entry)
{
	struct page *page = arg;

	if (entry->secret.n == 0)
		return;
	buf_add(page->out, SLICE("hookgate_secret_matches_total"));
	add_label(page->out, '{', "route", entry->route);
	add_label(page->out, ',', "secret", entry->secret);
	end_line(page->out, total_at(page->sources, entry->number));
}

static void by_name(struct page *page)
{
	struct intake_series *series = page->sources->series;

	admin_family(page->out, "hookgate_deliveries_total", "counter",
		     "Deliveries by what became of them; without a route where no route was found.");
	intake_series_each(series, each_delivery, page);
	admin_family(page->out, "hookgate_delivery_body_bytes_total", "counter",
		     "Bytes of bodies whose sender was checked.");
	intake_series_each(series, each_bytes, page);
	admin_family(page->out, "hookgate_events_without_id_total", "counter",
		     "Events in which no id was found, so that the route's missing_id decided.");
	intake_series_each(series, each_missing_id, page);
	admin_family(page->out, "hookgate_events_without_order_key_total", "counter",
		     "Events in which the route's order_by found nothing, so that the id chose the partition.");
	intake_series_each(series, each_keyless, page);
	admin_family(page->out, "hookgate_secret_matches_total", "counter",
		     "Deliveries by the secret that matched: tells when an old one can go.");
	intake_series_each(series, each_secret, page);
}

/* One counter of all workers' stats, by its place in the struct. */
static uint64_t total_of(const struct admin_sources *sources, size_t offset)
{
	uint64_t total = 0;

	for (size_t i = 0; i < sources->workers; i++)
		total += intake_read((const intake_counter *)(const void *)((const char *)sources->stats[i] + offset));
	return total;
}

#define TOTAL(member) total_of(sources, offsetof(struct intake_stats, member))

void admin_simple(struct buf *out, const char *name, const char *type, const char *help, uint64_t value)
{
	admin_family(out, name, type, help);
	buf_printf(out, "%s %" PRIu64 "\n", name, value);
}

/* A difference of two counters read one after the other may be short by what happened in between, never below zero. */
static uint64_t still(uint64_t begun, uint64_t ended)
{
	return begun > ended ? begun - ended : 0;
}

static void histogram(const struct admin_sources *sources, struct buf *out, const char *name, const char *help,
		      size_t offset)
{
	uint64_t running = 0;

	admin_family(out, name, "histogram", help);
	for (size_t i = 0; i <= INTAKE_BUCKETS; i++) {
		running += total_of(sources,
				    offset + offsetof(struct intake_histogram, bucket) + i * sizeof(intake_counter));
		if (i < INTAKE_BUCKETS)
			buf_printf(out, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", name, intake_bucket_us[i] / 1e6, running);
		else
			buf_printf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, running);
	}
	buf_printf(out, "%s_sum %.6f\n%s_count %" PRIu64 "\n", name,
		   (double)total_of(sources, offset + offsetof(struct intake_histogram, sum_us)) / 1e6, name, running);
}

static void traffic(const struct admin_sources *sources, struct buf *out)
{
	uint64_t ended = TOTAL(requests_ended), closed = TOTAL(connections_closed);

	histogram(sources, out, "hookgate_answer_duration_seconds",
		  "From a request's first line to its answer being handed over.",
		  offsetof(struct intake_stats, answer_us));
	histogram(sources, out, "hookgate_redis_duration_seconds",
		  "From putting an event to the reply of Redis, or to giving up.",
		  offsetof(struct intake_stats, store_us));
	histogram(sources, out, "hookgate_redis_wait_duration_seconds",
		  "Of that, what replicas or the disk of Redis took, for routes that wait for them.",
		  offsetof(struct intake_stats, wait_us));
	admin_simple(out, "hookgate_requests_in_flight", "gauge", "Requests begun and not yet ended.",
		     still(TOTAL(requests_begun), ended));
	admin_simple(out, "hookgate_connections", "gauge", "Open connections.",
		     still(TOTAL(connections_opened), closed));
	admin_simple(out, "hookgate_connections_opened_total", "counter", "Connections accepted.",
		     TOTAL(connections_opened));
	admin_simple(out, "hookgate_connections_refused_total", "counter",
		     "Connections closed at once for max_connections or connections_per_address.",
		     TOTAL(connections_refused));
	admin_simple(out, "hookgate_buffered_bytes", "gauge", "Bytes of memory that hold bodies.",
		     TOTAL(body_bytes_held));
}

static void redirections(const struct admin_sources *sources, struct buf *out)
{
	const struct {
		const char *kind;
		uint64_t count;
	} kinds[] = { { "moved", TOTAL(store_moved) },
		      { "ask", TOTAL(store_asked) },
		      { "tryagain", TOTAL(store_asked_again) } };

	admin_family(out, "hookgate_redis_redirections_total", "counter",
		     "Answers of a Cluster's nodes that an event belongs to another one, or is to be asked for again.");
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		buf_printf(out, "hookgate_redis_redirections_total{kind=\"%s\"} %" PRIu64 "\n", kinds[i].kind,
			   kinds[i].count);
}

static void redis(const struct admin_sources *sources, struct buf *out)
{
	const char *why;
	uint64_t ready = 0;

	for (size_t i = 0; i < sources->workers; i++)
		ready += intake_read(&sources->stats[i]->store_state) == STORE_READY;
	admin_simple(
		out, "hookgate_ready", "gauge",
		"1 when /readyz says 200: Redis, or a journal that is well, takes events, and nothing is draining.",
		admin_ready(sources, &why));
	admin_simple(out, "hookgate_workers", "gauge", "Workers.", sources->workers);
	admin_simple(out, "hookgate_redis_connections_ready", "gauge", "Workers whose connection to Redis is ready.",
		     ready);
	admin_simple(out, "hookgate_redis_dangers", "gauge",
		     "Findings about Redis that endanger the promise; the log and `hookgate check --redis` tell them.",
		     sources->dangers);
	admin_simple(out, "hookgate_redis_connects_total", "counter", "Connections made to Redis.",
		     TOTAL(store_connects));
	admin_simple(out, "hookgate_redis_losses_total", "counter", "Connections to Redis that were lost.",
		     TOTAL(store_losses));
	admin_simple(out, "hookgate_redis_timeouts_total", "counter", "Events that Redis did not answer for in time.",
		     TOTAL(store_timeouts));
	admin_simple(out, "hookgate_redis_refusals_total", "counter", "Events that Redis answered with an error.",
		     TOTAL(store_refusals));
	admin_simple(out, "hookgate_redis_shortfalls_total", "counter",
		     "Events that Redis had, and its replicas or its disk not in time.", TOTAL(store_shortfalls));
	admin_simple(out, "hookgate_redis_script_loads_total", "counter", "Times that Redis had lost the script.",
		     TOTAL(store_script_loads));
	redirections(sources, out);
}

static void keys(const struct admin_sources *sources, struct buf *out)
{
	struct keys_counts counts;

	if (!sources->keys)
		return;
	keys_count(sources->keys, &counts);
	admin_family(out, "hookgate_key_fetches_total", "counter",
		     "Fetches of providers' published keys by their end.");
	for (size_t i = 0; i < KEYS_ENDINGS; i++)
		buf_printf(out, "hookgate_key_fetches_total{result=\"%s\"} %" PRIu64 "\n",
			   keys_ending_name((enum keys_ending)i), counts.ended[i]);
	admin_simple(out, "hookgate_key_entries", "gauge", "URLs of keys that are known, failures among them.",
		     counts.entries);
	admin_simple(out, "hookgate_key_fetches_in_flight", "gauge", "Fetches begun or queued.", counts.fetching);
	admin_simple(out, "hookgate_deliveries_waiting_for_keys", "gauge", "Deliveries that wait for a key.",
		     counts.waiting);
}

static void replay(const struct admin_sources *sources, struct buf *out)
{
	uint64_t reach_ms = UINT64_MAX;

	for (size_t i = 0; i < sources->workers; i++) {
		uint64_t of_worker = intake_read(&sources->stats[i]->window_reach_ms);

		reach_ms = of_worker < reach_ms ? of_worker : reach_ms;
	}
	admin_family(out, "hookgate_replay_window_seconds", "gauge",
		     "How far back the replay window reaches; the shortest of the workers'.");
	buf_printf(out, "hookgate_replay_window_seconds %.3f\n", (double)reach_ms / 1000);
	admin_simple(out, "hookgate_replay_window_cut", "gauge",
		     "Workers whose replay window is cut short by its size.", TOTAL(window_cut));
	admin_simple(out, "hookgate_replayed_events_total", "counter",
		     "Events sent again to a Redis that had crashed or was replaced.", TOTAL(resent));
	admin_simple(out, "hookgate_replayed_missing_total", "counter", "Those of them that it had lost.",
		     TOTAL(resent_missing));
}

/* Streams that hold nothing are left out, as routes without deliveries are. */
static void stream_family(const struct admin_sources *sources, struct buf *out, const char *name, const char *help,
			  size_t offset)
{
	admin_family(out, name, "gauge", help);
	for (size_t i = 0; i < intake_plan_count(sources->plan); i++) {
		const struct intake_route *route = intake_plan_at(sources->plan, i);
		const void *value = (const char *)route->backlog + offset;

		if (intake_read(&route->backlog->entries) == 0)
			continue;
		buf_add_str(out, name);
		add_label(out, '{', "route", route->config->name);
		end_line(out, intake_read(value));
	}
}

static void streams(const struct admin_sources *sources, struct buf *out)
{
	if (!sources->plan)
		return;
	stream_family(sources, out, "hookgate_stream_entries", "Entries in the route's stream, as last seen.",
		      offsetof(struct intake_backlog, entries));
	stream_family(sources, out, "hookgate_stream_groups", "Consumer groups of the route's stream, as last seen.",
		      offsetof(struct intake_backlog, groups));
	stream_family(sources, out, "hookgate_stream_waiting_entries",
		      "Entries that some group has not acknowledged, as last seen; all where there is no group.",
		      offsetof(struct intake_backlog, waiting));
	stream_family(sources, out, "hookgate_stream_waiting_bytes", "About how many bytes of Redis they take.",
		      offsetof(struct intake_backlog, waiting_bytes));
	admin_simple(out, "hookgate_trimmed_entries_total", "counter",
		     "Entries that this gateway let go: old, and acknowledged by every group.", sources->trimmed);
}

static void seconds(struct buf *out, const char *name, const char *help, int64_t wall_ms)
{
	admin_family(out, name, "gauge", help);
	buf_printf(out, "%s %.3f\n", name, (double)wall_ms / 1000);
}

static void reloads(const struct admin_sources *sources, struct buf *out)
{
	admin_family(out, "hookgate_config_reloads_total", "counter", "Reloads of the configuration by their end.");
	buf_printf(out,
		   "hookgate_config_reloads_total{result=\"done\"} %" PRIu64
		   "\nhookgate_config_reloads_total{result=\"refused\"} %" PRIu64 "\n",
		   sources->reloads_done, sources->reloads_refused);
	seconds(out, "hookgate_config_loaded_timestamp_seconds", "When the configuration in use was loaded.",
		sources->loaded_ms);
}

/* The second number of /proc/self/statm: resident pages. */
static uint64_t resident_bytes(void)
{
	char text[128];
	FILE *file = fopen("/proc/self/statm", "re");
	size_t n = file ? fread(text, 1, sizeof text, file) : 0;
	struct slice size, rest, resident;
	uint64_t pages = 0;

	if (file)
		fclose(file);
	slice_cut(slice_of(text, n), ' ', &size, &rest);
	slice_cut(rest, ' ', &resident, &rest);
	if (!num_parse_u64(resident, UINT64_MAX, &pages))
		return 0;
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void process(const struct admin_sources *sources, struct buf *out)
{
	struct rusage usage = { .ru_maxrss = 0 };

	getrusage(RUSAGE_SELF, &usage);
	admin_family(out, "process_cpu_seconds_total", "counter", "User and system CPU time.");
	buf_printf(out, "process_cpu_seconds_total %.6f\n",
		   (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
			   (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
	admin_simple(out, "process_resident_memory_bytes", "gauge", "Resident memory.", resident_bytes());
	seconds(out, "process_start_time_seconds", "When the gateway started.", sources->started_ms);
	admin_family(out, "hookgate_build_info", "gauge", "Always 1; the label says which version this is.");
	buf_printf(out, "hookgate_build_info{version=\"" HOOKGATE_VERSION "\"} 1\n");
}

void admin_metrics(const struct admin_sources *sources, struct buf *out)
{
	struct page page = { .sources = sources, .out = out };

	by_name(&page);
	traffic(sources, out);
	redis(sources, out);
	keys(sources, out);
	streams(sources, out);
	replay(sources, out);
	admin_journal_metrics(sources->journal, out);
	admin_refused_metrics(sources->refused, out);
	reloads(sources, out);
	process(sources, out);
}
