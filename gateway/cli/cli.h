/* cli.h - the subcommands. One file each; main.c chooses. */
#ifndef HOOKGATE_CLI_CLI_H
#define HOOKGATE_CLI_CLI_H

#include "config/diag.h"

#include <stdio.h>

/* Exit statuses: done; refused or failed; called the wrong way. */
enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

struct cli_command {
	const char *name;
	const char *summary;		   /* one line for `hookgate --help` */
	int (*run)(int argc, char **argv); /* argv[0] is the command's name; returns the exit status */
};

extern const struct cli_command cli_commands[];
extern const size_t cli_command_count;

int cli_serve(int argc, char **argv);
int cli_check(int argc, char **argv);
int cli_verify(int argc, char **argv);
int cli_send(int argc, char **argv);
int cli_consume(int argc, char **argv);
int cli_providers(int argc, char **argv);
int cli_journal(int argc, char **argv);
int cli_status(int argc, char **argv);

/* Prints the findings, sorted, one a line, to `out`. */
void cli_print_findings(FILE *out, const struct config_diag *diag);

/* "hookgate: serve: text" on standard error, and CLI_FAILED for returning. */
int cli_fail(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "try `hookgate serve --help`", and CLI_USAGE. `format` says what was wrong; NULL when getopt has said so. */
int cli_usage(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
