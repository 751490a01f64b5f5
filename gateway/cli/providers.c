/* providers.c - `hookgate providers`: what is built in, and one in full. The one difficulty is to ask the catalogue for
 * all that is said, so that it cannot say anything else than what is done. */
#include "base/json.h"
#include "cli/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>

static const char help[] =
	"usage: hookgate providers [-c FILE] [--json] [NAME]\n\n"
	"Lists the providers that are built in, or shows NAME (a name or an alias) in full, with a route to paste into "
	"a\n"
	"configuration.\n\n"
	"  -c, --config FILE  show those of its `provider_dir` as well\n"
	"      --json         an array of objects, or one object for NAME: name, aliases, scheme, title, docs, "
	"confidence,\n"
	"                     trusted_because, id, type, handshake, covered, id_signed, window_ms, tolerance_ms; for "
	"NAME also description and "
	"example\n"
	"  -h, --help         this text\n\n"
	"Exit status: 0, 1 there is no such provider or a description is wrong, 2 called the wrong way.\n\n"
	"Example: hookgate providers stripe\n";

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
	if (ms < 0)
		buf_add_byte(room, '-');
	else
		add_duration(room, ms);
	return buf_slice(room);
}

/* ---- JSON ---- */

static void json_text_member(struct buf *out, const char *name, struct slice value)
{
	buf_printf(out, ",\"%s\":", name);
	if (value.n > 0)
		json_write_string(out, value);
	else
		buf_add(out, SLICE("null"));
}

static void json_number_member(struct buf *out, const char *name, int64_t value)
{
	buf_printf(out, ",\"%s\":", name);
	if (value >= 0)
		buf_add_i64(out, value);
	else
		buf_add(out, SLICE("null"));
}

static void json_about(struct buf *out, const struct trust_about *about, bool full)
{
	buf_add(out, SLICE("{\"name\":"));
	json_write_string(out, about->name);
	buf_add(out, SLICE(",\"aliases\":["));
	for (size_t i = 0; i < about->alias_count; i++) {
		buf_add(out, i > 0 ? SLICE(",") : SLICE_NONE);
		json_write_string(out, about->aliases[i]);
	}
	buf_add_byte(out, ']');
	json_text_member(out, "scheme", about->scheme);
	json_text_member(out, "title", about->title);
	json_text_member(out, "docs", about->docs);
	json_text_member(out, "confidence", about->confidence);
	json_text_member(out, "trusted_because", about->trusted_because);
	json_text_member(out, "id", about->id);
	json_text_member(out, "type", about->type);
	json_text_member(out, "handshake", about->handshake);
	json_text_member(out, "covered", about->covered);
	buf_printf(out, ",\"id_signed\":%s", about->id_signed ? "true" : "false");
	json_number_member(out, "window_ms", about->window_ms);
	json_number_member(out, "tolerance_ms", about->tolerance_ms);
	if (full) {
		json_text_member(out, "description", about->text);
		json_text_member(out, "example", about->example);
	}
	buf_add_byte(out, '}');
}

/* ---- the list ---- */

/* Pads to the column's width; what is longer is cut. */
static void cell(struct buf *out, struct slice value, size_t width)
{
	struct slice shown = value.n > 0 ? value : SLICE("-");

	if (shown.n > width)
		buf_printf(out, "%.*s..  ", (int)width - 2, (const char *)shown.p);
	else
		buf_printf(out, "%-*.*s  ", (int)width, SLICE_ARGS(shown));
}

static void list_line(const struct trust_about *about, struct slice window, struct buf *out)
{
	cell(out, about->name, 28);
	cell(out, about->scheme, 44);
	cell(out, about->id, 28);
	cell(out, window, 6);
	cell(out, about->handshake, 32);
	buf_add(out, about->confidence);
	buf_add_byte(out, '\n');
}

static void list_lines(const struct trust_catalogue *catalogue, struct buf *out)
{
	struct trust_about about = { .name = SLICE("NAME"),
				     .scheme = SLICE("SCHEME"),
				     .id = SLICE("EVENT ID"),
				     .handshake = SLICE("HANDSHAKE"),
				     .confidence = SLICE("CONFIDENCE") };
	struct buf window = BUF_EMPTY;

	list_line(&about, SLICE("WINDOW"), out);
	for (size_t i = 0; i < trust_catalogue_count(catalogue); i++) {
		trust_about(trust_catalogue_at(catalogue, i), &about);
		list_line(&about, duration(about.window_ms, &window), out);
	}
	buf_printf(out, "\n%zu providers; `hookgate providers NAME` shows one in full, with a route to paste\n",
		   trust_catalogue_count(catalogue));
	buf_free(&window);
}

static void list(const struct trust_catalogue *catalogue, bool json, struct buf *out)
{
	struct trust_about about;

	if (!json) {
		list_lines(catalogue, out);
		return;
	}
	for (size_t i = 0; i < trust_catalogue_count(catalogue); i++) {
		trust_about(trust_catalogue_at(catalogue, i), &about);
		buf_add(out, i > 0 ? SLICE(",\n") : SLICE("["));
		json_about(out, &about, false);
	}
	buf_add(out, trust_catalogue_count(catalogue) > 0 ? SLICE("]\n") : SLICE("[]\n"));
}

/* ---- one ---- */

static void line(struct buf *out, const char *name, struct slice value)
{
	if (value.n > 0)
		buf_printf(out, "%-12s %.*s\n", name, SLICE_ARGS(value));
}

static void show_lines(const struct trust_about *about, struct buf *out)
{
	struct buf text = BUF_EMPTY;

	line(out, "name", about->name);
	line(out, "title", about->title);
	for (size_t i = 0; i < about->alias_count; i++)
		line(out, "alias", about->aliases[i]);
	line(out, "docs", about->docs);
	line(out, "scheme", about->scheme);
	line(out, "covered", about->covered);
	line(out, "event id", about->id);
	if (about->id.n > 0)
		line(out, "id signed",
		     about->id_signed ? SLICE("yes") : SLICE("no: a digest of the signed bytes is remembered too"));
	line(out, "event type", about->type);
	line(out, "handshake", about->handshake);
	if (about->window_ms >= 0)
		line(out, "window", duration(about->window_ms, &text));
	if (about->tolerance_ms >= 0)
		line(out, "tolerance", duration(about->tolerance_ms, &text));
	line(out, "confidence", about->trusted_because);
	buf_printf(out, "\nA route to paste:\n\n%.*s\nThe description:\n\n%.*s", SLICE_ARGS(about->example),
		   SLICE_ARGS(about->text));
	if (about->text.n > 0 && about->text.p[about->text.n - 1] != '\n')
		buf_add_byte(out, '\n');
	buf_free(&text);
}

static int unknown(const struct trust_catalogue *catalogue, const char *name)
{
	char near[128];

	trust_catalogue_near(catalogue, slice_str(name), near, sizeof near);
	if (near[0] != '\0')
		return cli_fail("providers", "there is no provider %s; did you mean %s?", name, near);
	return cli_fail(
		"providers",
		"there is no provider %s; `hookgate providers` lists them, and `provider: hmac` can be told how "
		"others sign",
		name);
}

static int show(const struct trust_catalogue *catalogue, const char *name, bool json, struct buf *out)
{
	const struct trust_provider *provider = trust_catalogue_find(catalogue, slice_str(name));
	struct trust_about about;

	if (!provider)
		return unknown(catalogue, name);
	trust_about(provider, &about);
	if (json) {
		json_about(out, &about, true);
		buf_add_byte(out, '\n');
	} else {
		show_lines(&about, out);
	}
	return CLI_OK;
}

/* The folder of the user's own descriptions; whatever else is wrong in the file does not matter here. */
static int load(const char *file, struct config **config, struct trust_catalogue **catalogue)
{
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	int fault = file ? config_load_partial(file, &diag, config) : 0;
	bool readable = !file || *config;

	if (readable) {
		config_diag_free(&diag);
		diag = CONFIG_DIAG_EMPTY;
		fault = trust_catalogue_new(*config ? (*config)->provider_dir : NULL,
					    *config ? (*config)->plugin_dir : NULL, &diag, catalogue);
	}
	cli_print_findings(stderr, &diag);
	config_diag_free(&diag);
	if (fault == 0)
		return CLI_OK;
	return fault == -EINVAL ? CLI_FAILED : cli_fail("providers", "%s", strerror(-fault));
}

int cli_providers(int argc, char **argv)
{
	struct trust_catalogue *catalogue = NULL;
	struct config *config = NULL;
	struct buf out = BUF_EMPTY;
	const char *file = NULL;
	bool json = false;
	const struct cli_option options[] = {
		{ "config", 'c', .text = &file },
		{ "json", .flag = &json },
	};
	const struct cli_call call = { "providers", help, options, sizeof options / sizeof options[0], 1 };
	int status;

	if (!cli_parse(&call, argc, argv, &status))
		return status;
	status = load(file, &config, &catalogue);
	if (status == CLI_OK && optind < argc)
		status = show(catalogue, argv[optind], json, &out);
	else if (status == CLI_OK)
		list(catalogue, json, &out);
	if (buf_failed(&out))
		status = cli_fail("providers", "memory is short");
	else if (out.n > 0)
		fwrite(out.p, 1, out.n, stdout);
	buf_free(&out);
	trust_catalogue_free(catalogue);
	config_free(config);
	return cli_end_output("providers") == CLI_OK ? status : CLI_FAILED;
}
