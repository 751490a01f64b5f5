/* cli.c - the table of subcommands, and what they have in common. */
#include "cli/cli.h"

#include <stdarg.h>

const struct cli_command cli_commands[] = {
	{ "serve", "run the gateway", cli_serve },
	{ "check", "say all that is wrong with a configuration", cli_check },
	{ "verify", "put a captured request through a route's verification, and explain", cli_verify },
	{ "send", "send a delivery signed as a route's provider signs it", cli_send },
	{ "consume", "read a route's events as a member of a consumer group", cli_consume },
	{ "providers", "list the providers that are built in, or show one", cli_providers },
	{ "journal", "what the journal keeps: list, show, verify, drain", cli_journal },
	{ "status", "routes, rates, lag, backlog, journal and Redis, at a glance", cli_status },
};

const size_t cli_command_count = sizeof cli_commands / sizeof cli_commands[0];

void cli_print_findings(FILE *out, const struct config_diag *diag)
{
	char line[2048];

	for (size_t i = 0; i < diag->count; i++) {
		config_finding_format(&diag->findings[i], line, sizeof line);
		fprintf(out, "%s\n", line);
	}
}

int cli_fail(const char *command, const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "hookgate: %s: ", command);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	return CLI_FAILED;
}

int cli_usage(const char *command, const char *format, ...)
{
	va_list arguments;

	if (format) {
		fprintf(stderr, "hookgate: %s: ", command);
		va_start(arguments, format);
		vfprintf(stderr, format, arguments);
		va_end(arguments);
		fputc('\n', stderr);
	}
	fprintf(stderr, "try `hookgate %s --help`\n", command);
	return CLI_USAGE;
}
