/* options.h - what the subcommands' command lines have in common: reading values, the configuration, a route, files,
 * and writing what a stranger sent to a terminal.
 *
 * Where a function returns an exit status, CLI_OK means to go on; anything else has been said on standard error and is
 * to be returned as it is. `command` is the subcommand's name, for messages. */
#ifndef HOOKGATE_CLI_OPTIONS_H
#define HOOKGATE_CLI_OPTIONS_H

#include "base/buf.h"
#include "base/slice.h"
#include "cli/cli.h"
#include "intake/plan.h"

#include <stdint.h>

/* One option; exactly one of the pointers says where its value goes and what it is. `--help` and `-h` need not stand
 * among them. */
struct cli_option {
	const char *name;
	char letter;	   /* 0: there is only the long one */
	bool *flag;	   /* set to true; takes no value */
	const char **text; /* borrowed from argv */
	uint64_t *count;   /* a number from 1 on */
	int64_t *duration_ms;
	int64_t *unix_ms; /* seconds since 1970, as milliseconds */
};

enum { CLI_OPTIONS_MAX = 16 };

struct cli_call {
	const char *command, *help;
	const struct cli_option *options;
	size_t count;
	int operands; /* at most so many words may follow; they stand from argv[optind] on */
};

/* True to go on. False when all is done (--help was printed) or said: *status is the exit status. Values that are not
 * given stay as they are. */
bool cli_parse(const struct cli_call *call, int argc, char **argv, int *status) __attribute__((warn_unused_result));

/* Reads the file and makes it ready to be used; prints all findings when it is wrong. The plan must be given back.
 * `file` NULL: the option was forgotten. */
int cli_load_plan(const char *command, const char *file, struct intake_plan **out);

/* `name` NULL: the only route, where there is just one. */
int cli_find_route(const char *command, const struct intake_plan *plan, const char *name,
		   const struct intake_route **out);

/* Reads a whole file, or standard input for "-", of at most `max` bytes; appended to out. Unlike a configuration it may
 * be a pipe. */
int cli_read_file(const char *command, const char *path, size_t max, struct buf *out);

/* Writes standard output out: CLI_OK, or CLI_FAILED with the error said. For the end of every command that prints. */
int cli_end_output(const char *command);

/* Prints bytes so that a terminal shows them and obeys none: control characters, what changes the direction of
 * writing, and what is not UTF-8 as \xNN; tabs and, where `lines`, line feeds as they are. */
void cli_print_text(FILE *out, struct slice text, bool lines);

#endif
