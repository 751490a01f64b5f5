/* status_journal.c - the journal, as the running gateway counts it, or as its folder looks from outside.
 *
 * The one difficulty: how much of the files waits is the gateway's to know, and reading all of them would take long just when
 * there is much; so without a gateway only their sizes are told, and which command reads them. */
#include "base/json.h"
#include "base/num.h"
#include "cli/status.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

/* ---- from the metrics page ---- */

static bool take(struct slice line, struct slice name, struct slice *value)
{
	if (!slice_starts(line, name) || line.n <= name.n || line.p[name.n] != ' ')
		return false;
	*value = slice_trim(slice_from(line, name.n));
	return true;
}

void status_journal_read(struct slice page, struct status_journal *out)
{
	struct status_journal journal = { .known = false };
	struct slice line, value, whole, rest;
	uint64_t number;

	while (page.n > 0) {
		slice_cut(page, '\n', &line, &page);
		if (take(line, SLICE("hookgate_journal_well"), &value)) {
			journal.known = true;
			journal.well = slice_eq(value, SLICE("1"));
		} else if (take(line, SLICE("hookgate_journal_records"), &value)) {
			(void)!num_parse_u64(value, UINT64_MAX, &journal.records);
		} else if (take(line, SLICE("hookgate_journal_refused_records"), &value)) {
			(void)!num_parse_u64(value, UINT64_MAX, &journal.refused);
		} else if (take(line, SLICE("hookgate_journal_bytes"), &value)) {
			(void)!num_parse_u64(value, UINT64_MAX, &journal.bytes);
		} else if (take(line, SLICE("hookgate_journal_oldest_seconds"), &value)) {
			slice_cut(value, '.', &whole, &rest);
			if (num_parse_u64(whole, INT64_MAX / 1000, &number))
				journal.oldest_s = (int64_t)number;
		}
	}
	if (journal.known)
		*out = journal;
}

/* ---- from its folder ---- */

/* So many files, and their bytes. */
static int look(const char *path, uint64_t *files, uint64_t *bytes)
{
	DIR *folder = opendir(path);

	if (!folder)
		return -errno;
	*files = *bytes = 0;
	for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
		struct slice name = slice_str(entry->d_name), end = SLICE(".journal");
		struct stat about;

		if (name.n <= end.n || !slice_eq(slice_from(name, name.n - end.n), end) ||
		    fstatat(dirfd(folder), entry->d_name, &about, 0) < 0)
			continue;
		++*files;
		*bytes += (uint64_t)about.st_size;
	}
	closedir(folder);
	return 0;
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void folder_line(const struct config_journal *config, struct buf *out)
{
	uint64_t files, bytes;
	int r = look(config->dir, &files, &bytes);

	if (r == -ENOENT)
		buf_add(out, SLICE("  not there yet\n"));
	else if (r < 0)
		buf_printf(out, "  cannot be looked into: %s\n", strerror(-r));
	else if (files == 0)
		buf_add(out, SLICE("  empty\n"));
	else
		buf_printf(out,
			   "  %" PRIu64 " file%s, %.1f MB of at most %.0f; what of it waits: hookgate journal list\n",
			   files, plural(files), (double)bytes / 1e6, (double)config->max_size / 1e6);
}

/* ---- told ---- */

static void line(const struct config_journal *config, const struct status_journal *journal, struct buf *out)
{
	buf_printf(out, "\nJournal %s\n", config->dir);
	if (!journal->known) {
		folder_line(config, out);
		return;
	}
	if (journal->records == 0)
		buf_add(out, SLICE("  nothing waits"));
	else
		buf_printf(out, "  %" PRIu64 " event%s wait%s for Redis, the oldest for %" PRId64 " s",
			   journal->records, plural(journal->records), journal->records == 1 ? "s" : "",
			   journal->oldest_s);
	buf_printf(out, "; %.1f MB of at most %.0f%s\n", (double)journal->bytes / 1e6, (double)config->max_size / 1e6,
		   journal->well ? "" : "; IT TAKES NOTHING MORE: full, or its disk fails");
	if (journal->refused > 0)
		buf_printf(out,
			   "  REDIS REFUSES %" PRIu64
			   " event%s, set aside until it is mended: the log says why; hookgate "
			   "journal list\n",
			   journal->refused, plural(journal->refused));
}

static void member(const struct config_journal *config, const struct status_journal *journal, struct buf *out)
{
	uint64_t files, bytes;

	buf_add(out, SLICE(",\"journal\":{\"dir\":"));
	json_write_string(out, slice_str(config->dir));
	buf_printf(out, ",\"max_bytes\":%" PRIu64, config->max_size);
	if (journal->known)
		buf_printf(out,
			   ",\"bytes\":%" PRIu64 ",\"waiting\":%" PRIu64 ",\"oldest_s\":%" PRId64
			   ",\"well\":%s,\"refused\":%" PRIu64 "}",
			   journal->bytes, journal->records, journal->oldest_s, journal->well ? "true" : "false",
			   journal->refused);
	else if (look(config->dir, &files, &bytes) == 0)
		buf_printf(out, ",\"bytes\":%" PRIu64 ",\"waiting\":null}", bytes);
	else
		buf_add(out, SLICE(",\"bytes\":null,\"waiting\":null}"));
}

void status_journal_add(const struct config *config, const struct status_journal *journal, bool json, struct buf *out)
{
	if (config->journal.dir && json)
		member(&config->journal, journal, out);
	else if (config->journal.dir)
		line(&config->journal, journal, out);
	else if (json)
		buf_add(out, SLICE(",\"journal\":null"));
}
