/* options.c - what the subcommands' command lines have in common. The one difficulty: a person who called a command
 * wrongly must be told what is wrong, what was accepted, and no more. */
#include "cli/options.h"

#include "base/encode.h"
#include "base/num.h"
#include "config/diag.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <unistd.h>

enum { READ_STEP = 64 * 1024 };

/* ---- values ---- */

/* The end of the year 9999: later times cannot be written down as RFC 3339. */
#define UNIX_MAX UINT64_C(253402300799)
#define COUNT_MAX UINT64_C(1000000000000000)
#define DURATION_MAX_MS (INT64_C(366) * 24 * 3600 * 1000)

static int read_value(const char *command, const struct cli_option *option, const char *text)
{
	struct slice value = slice_str(text);
	uint64_t number = 0;

	if (option->text)
		*option->text = text;
	if (option->count) {
		if (!num_parse_u64(value, COUNT_MAX, &number) || number == 0)
			return cli_usage(command, "--%s takes a number from 1 on, and not %s", option->name, text);
		*option->count = number;
	}
	if (option->duration_ms && !num_parse_duration(value, DURATION_MAX_MS, option->duration_ms))
		return cli_usage(command, "--%s takes a duration such as 500ms, 60s or 1h30m, and not %s", option->name,
				 text);
	if (option->unix_ms) {
		if (!num_parse_u64(value, UNIX_MAX, &number))
			return cli_usage(command, "--%s takes seconds since 1970, such as 1764000000, and not %s",
					 option->name, text);
		*option->unix_ms = (int64_t)number * 1000;
	}
	return CLI_OK;
}

/* What getopt_long wants: the nth option has the value FIRST + n. */
enum { FIRST = 256 };

static void describe(const struct cli_call *call, struct option *out, char *letters)
{
	size_t n = 0;

	for (; n < call->count && n < CLI_OPTIONS_MAX; n++) {
		const struct cli_option *option = &call->options[n];
		bool takes = !option->flag;

		out[n] = (struct option){ option->name, takes ? required_argument : no_argument, NULL, FIRST + (int)n };
		if (option->letter != 0) {
			*letters++ = option->letter;
			if (takes)
				*letters++ = ':';
		}
	}
	*letters++ = 'h';
	*letters = '\0';
	out[n] = (struct option){ "help", no_argument, NULL, 'h' };
	out[n + 1] = (struct option){ NULL, 0, NULL, 0 };
}

static const struct cli_option *found(const struct cli_call *call, int value)
{
	if (value >= FIRST)
		return &call->options[value - FIRST];
	for (size_t i = 0; i < call->count; i++) {
		if (value == call->options[i].letter)
			return &call->options[i];
	}
	return NULL;
}

bool cli_parse(const struct cli_call *call, int argc, char **argv, int *status)
{
	struct option options[CLI_OPTIONS_MAX + 2];
	char letters[2 * CLI_OPTIONS_MAX + 2];
	int value;

	describe(call, options, letters);
	*status = CLI_OK;
	while (*status == CLI_OK && (value = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		const struct cli_option *option = value == '?' ? NULL : found(call, value);

		if (value == 'h') {
			fputs(call->help, stdout);
			*status = cli_end_output(call->command);
			return false;
		}
		if (!option)
			*status = cli_usage(call->command, NULL);
		else if (option->flag)
			*option->flag = true;
		else
			*status = read_value(call->command, option, optarg);
	}
	if (*status == CLI_OK && argc - optind > call->operands)
		*status = cli_usage(call->command, "%s is one argument too many", argv[optind + call->operands]);
	return *status == CLI_OK;
}

/* ---- the configuration ---- */

int cli_load_plan(const char *command, const char *file, struct intake_plan **out)
{
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	int fault;

	if (!file)
		return cli_usage(command, "which configuration? -c FILE is missing");
	fault = intake_plan_new(file, NULL, &diag, out);
	if (fault != 0) {
		cli_print_findings(stderr, &diag);
		if (fault == -EINVAL && diag.errors > 0)
			cli_fail(command, "%s has %zu error%s", file, diag.errors, diag.errors == 1 ? "" : "s");
		else
			cli_fail(command, "%s cannot be read: %s", file, strerror(-fault));
	}
	config_diag_free(&diag);
	return fault == 0 ? CLI_OK : CLI_FAILED;
}

static void list_routes(const struct config *config)
{
	enum { SHOWN = 20 };

	fputs("the routes are:", stderr);
	for (size_t i = 0; i < config->route_count && i < SHOWN; i++)
		fprintf(stderr, " %.*s", SLICE_ARGS(config->routes[i].name));
	if (config->route_count > SHOWN)
		fprintf(stderr, " and %zu more", config->route_count - SHOWN);
	fputc('\n', stderr);
}

int cli_find_route(const char *command, const struct intake_plan *plan, const char *name,
		   const struct intake_route **out)
{
	const struct config *config = intake_plan_config(plan);
	const struct intake_route *route = NULL;

	if (name)
		route = intake_plan_named(plan, slice_str(name));
	else if (config->route_count == 1)
		route = intake_plan_named(plan, config->routes[0].name);
	if (route) {
		*out = route;
		return CLI_OK;
	}
	if (name)
		fprintf(stderr, "hookgate: %s: %s has no route %s\n", command, config->file, name);
	else
		fprintf(stderr, "hookgate: %s: which route? --route NAME is missing\n", command);
	list_routes(config);
	return CLI_USAGE;
}

/* ---- files and output ---- */

static int read_all(int fd, size_t max, struct buf *out)
{
	size_t begin = out->n;

	for (;;) {
		ssize_t n;

		if (!buf_room(out, READ_STEP))
			return -ENOMEM;
		n = read(fd, out->p + out->n, READ_STEP);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return 0;
		if (n > 0)
			out->n += (size_t)n;
		if (out->n - begin > max)
			return -EFBIG;
	}
}

int cli_read_file(const char *command, const char *path, size_t max, struct buf *out)
{
	bool standard = strcmp(path, "-") == 0;
	int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	int fault = fd < 0 ? -errno : read_all(fd, max, out);

	if (fd >= 0 && !standard)
		close(fd);
	if (fault == 0)
		return CLI_OK;
	cli_fail(command, "%s cannot be read: %s", standard ? "standard input" : path,
		 fault == -EFBIG ? "it has more than 64 MiB" : strerror(-fault));
	return CLI_USAGE;
}

int cli_end_output(const char *command)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return CLI_OK;
	return cli_fail(command, "cannot write to standard output: %s", strerror(errno));
}

/* The bytes of a character that may be shown: well-formed, no control character (C1's begin with 0xc2), nothing that
 * moves what stands behind it; else 0. */
static size_t shown(struct slice s)
{
	size_t n = encode_utf8_length(s);

	if (s.p[0] < 0x20 || s.p[0] == 0x7f || (n == 2 && s.p[0] == 0xc2 && s.p[1] < 0xa0) || encode_utf8_moves(s))
		return 0;
	return n;
}

void cli_print_text(FILE *out, struct slice text, bool lines)
{
	while (text.n > 0) {
		size_t n = shown(text);

		if (n == 0 && (text.p[0] == '\t' || (lines && text.p[0] == '\n')))
			n = 1;
		if (n > 0)
			fwrite(text.p, 1, n, out);
		else
			fprintf(out, "\\x%02x", text.p[0]);
		text = slice_from(text, n > 0 ? n : 1);
	}
}
