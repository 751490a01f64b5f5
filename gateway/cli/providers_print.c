/* providers_print.c - the table and the page of `hookgate providers`.
 *
 * The special difficulty: some texts are longer than any line, and a terminal has 80 columns or 200. So columns are as
 * wide as what is in them, the widest give way first, and a name is never cut: it is what is asked for next. */
#include "base/num.h"
#include "cli/providers.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { COLUMNS = 6, NARROW = 8, GAP = 2, WIDTH = 120, WIDEST = 500, LABEL = 12 };

/* ---- durations ---- */

/* "3d", "5m", "250ms". */
static void add_duration(struct buf *out, int64_t ms)
{
	static const struct {
		int64_t ms;
		const char *unit;
	} units[] = { { 86400000, "d" }, { 3600000, "h" }, { 60000, "m" }, { 1000, "s" }, { 1, "ms" } };

	if (ms == 0)
		buf_add(out, SLICE("0s"));
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		if (ms / units[i].ms > 0)
			buf_printf(out, "%lld%s", (long long)(ms / units[i].ms), units[i].unit);
		ms %= units[i].ms;
	}
}

static struct slice duration(int64_t ms, struct buf *room)
{
	buf_clear(room);
	if (ms >= 0)
		add_duration(room, ms);
	return buf_slice(room);
}

/* ---- the table ---- */

struct row {
	struct slice cells[COLUMNS];
};

/* Which may be cut: the others are short, or the name. */
static const bool may_be_cut[COLUMNS] = { false, true, true, true, false, false };

/* "challenge, ping" of "challenge (unsigned GET), ping (signed POST)": the page has the rest. */
static struct slice handshake_names(struct slice handshake, struct buf *room)
{
	bool inside = false;

	buf_clear(room);
	for (size_t i = 0; i < handshake.n; i++) {
		if (handshake.p[i] == '(')
			inside = true;
		else if (handshake.p[i] == ')')
			inside = false;
		else if (!inside && !(handshake.p[i] == ' ' && i + 1 < handshake.n && handshake.p[i + 1] == '('))
			buf_add_byte(room, handshake.p[i]);
	}
	return buf_slice(room);
}

static struct row row_of(const struct trust_about *about, struct buf *handshake, struct buf *window)
{
	return (struct row){ { about->name, about->algorithm, about->id, handshake_names(about->handshake, handshake),
			       duration(about->window_ms, window), about->confidence } };
}

static const struct row titles = { { SLICE_LIT("NAME"), SLICE_LIT("SCHEME"), SLICE_LIT("EVENT ID"),
				     SLICE_LIT("HANDSHAKE"), SLICE_LIT("WINDOW"), SLICE_LIT("CONFIDENCE") } };

static size_t line_width(void)
{
	const char *said = getenv("COLUMNS");
	struct winsize size;
	uint64_t columns;

	if (said && num_parse_u64(slice_str(said), WIDEST, &columns) && columns > 0)
		return (size_t)columns;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return WIDTH;
}

static void widen(size_t widths[COLUMNS], const struct row *row)
{
	for (size_t i = 0; i < COLUMNS; i++)
		if (row->cells[i].n > widths[i])
			widths[i] = row->cells[i].n;
}

/* The widest gives way, one by one. */
static void fit(size_t widths[COLUMNS])
{
	size_t limit = line_width();

	for (;;) {
		size_t total = (COLUMNS - 1) * GAP, widest = 0;

		for (size_t i = 0; i < COLUMNS; i++) {
			total += widths[i];
			if (may_be_cut[i] && widths[i] > widths[widest] * may_be_cut[widest])
				widest = i;
		}
		if (total <= limit || !may_be_cut[widest] || widths[widest] <= NARROW)
			return;
		widths[widest]--;
	}
}

static void print_row(const struct row *row, const size_t widths[COLUMNS], struct buf *out)
{
	for (size_t i = 0; i < COLUMNS; i++) {
		struct slice cell = row->cells[i].n > 0 ? row->cells[i] : SLICE("-");
		bool last = i + 1 == COLUMNS;

		if (cell.n > widths[i])
			buf_printf(out, "%.*s..", (int)widths[i] - 2, (const char *)cell.p);
		else
			buf_printf(out, "%-*.*s", last ? 0 : (int)widths[i], SLICE_ARGS(cell));
		buf_add(out, last ? SLICE("\n") : SLICE("  "));
	}
}

void cli_providers_table(const struct trust_about *chosen, size_t count, size_t all, struct buf *out)
{
	struct buf handshake = BUF_EMPTY, window = BUF_EMPTY;
	size_t widths[COLUMNS] = { 0 };
	struct row row;

	widen(widths, &titles);
	for (size_t i = 0; i < count; i++) {
		row = row_of(&chosen[i], &handshake, &window);
		widen(widths, &row);
	}
	fit(widths);
	print_row(&titles, widths, out);
	for (size_t i = 0; i < count; i++) {
		row = row_of(&chosen[i], &handshake, &window);
		print_row(&row, widths, out);
	}
	if (count == all)
		buf_printf(out, "\n%zu providers; `hookgate providers NAME` shows one in full, with a route to paste\n",
			   all);
	else
		buf_printf(out, "\n%zu of %zu providers\n", count, all);
	buf_free(&handshake);
	buf_free(&window);
}

/* ---- the page ---- */

static void line(struct buf *out, const char *name, struct slice value)
{
	if (value.n > 0)
		buf_printf(out, "%-*s %.*s\n", LABEL, name, SLICE_ARGS(value));
}

static void aliases(const struct trust_about *about, struct buf *out)
{
	struct buf text = BUF_EMPTY;

	for (size_t i = 0; i < about->alias_count; i++)
		buf_printf(&text, "%s%.*s", i > 0 ? ", " : "", SLICE_ARGS(about->aliases[i]));
	line(out, "aliases", buf_slice(&text));
	buf_free(&text);
}

static void proof(const struct trust_about *about, struct buf *out)
{
	struct buf text = BUF_EMPTY;

	line(out, "scheme", about->scheme);
	line(out, "signature", about->signature);
	line(out, "signed", about->signed_text);
	line(out, "timestamp", about->timestamp);
	if (about->timestamp.n > 0)
		line(out, "tolerance",
		     about->tolerance_ms < 0 ? SLICE("not checked") : duration(about->tolerance_ms, &text));
	line(out, "secret", about->secret.n > 0 ? about->secret : SLICE("none"));
	line(out, "keys", about->keys);
	line(out, "covered",
	     slice_eq(about->covered, SLICE("full"))	  ? SLICE("full: the proof covers the whole body")
	     : slice_eq(about->covered, SLICE("partial")) ? SLICE("partial: the proof covers some fields, not the body")
							  : SLICE("none: the proof says nothing of the body"));
	buf_free(&text);
}

static struct slice id_signed_words(const struct trust_about *about)
{
	if (about->guarded)
		return about->id_signed ? SLICE("yes; a digest of the signed bytes is remembered too")
					: SLICE("no: a digest of the signed bytes is remembered too");
	if (about->id_signed)
		return SLICE("yes");
	return slice_eq(about->covered, SLICE("none"))
		       ? SLICE("no: nothing is")
		       : SLICE("no; and as two events may have the same signed bytes, no digest of them is remembered");
}

static void event(const struct trust_about *about, struct buf *out)
{
	struct buf text = BUF_EMPTY;

	line(out, "event id", about->id.n > 0 ? about->id : SLICE("none: a digest of the signed bytes stands for it"));
	if (about->id.n > 0)
		line(out, "id signed", id_signed_words(about));
	line(out, "event type", about->type.n > 0 ? about->type : SLICE("none"));
	line(out, "window", duration(about->window_ms, &text));
	line(out, "handshake", about->handshake.n > 0 ? about->handshake : SLICE("none"));
	line(out, "answer", about->answer.n > 0 ? about->answer : SLICE("any 2xx"));
	buf_free(&text);
}

static void options(const struct trust_about *about, struct buf *out)
{
	for (size_t i = 0; i < about->option_count; i++) {
		const struct trust_about_option *option = &about->options[i];

		buf_printf(out, "%-*s %.*s%s: %.*s", LABEL, i == 0 ? "options" : "", SLICE_ARGS(option->name),
			   option->required ? " (required)" : "", SLICE_ARGS(option->about));
		if (option->value.n > 0)
			buf_printf(out, "; default: %.*s", SLICE_ARGS(option->value));
		buf_add_byte(out, '\n');
	}
}

void cli_providers_page(const struct trust_about *about, struct buf *out)
{
	line(out, "name", about->name);
	line(out, "title", about->title);
	aliases(about, out);
	line(out, "docs", about->docs);
	line(out, "confidence", about->trusted_because);
	buf_add_byte(out, '\n');
	proof(about, out);
	buf_add_byte(out, '\n');
	event(about, out);
	options(about, out);
	buf_printf(out, "\nA route to paste:\n\n%.*s\nThe description:\n\n%.*s", SLICE_ARGS(about->example),
		   SLICE_ARGS(about->text));
	if (about->text.n > 0 && about->text.p[about->text.n - 1] != '\n')
		buf_add_byte(out, '\n');
}
