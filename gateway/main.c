/* main.c - from the command line to the subcommand. No policy here. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static void help(FILE *out)
{
	fputs("usage: hookgate COMMAND [OPTION]...\n\n"
	      "A webhook receiver gateway: verifies who sent each delivery, drops duplicates, and puts the event in a\n"
	      "Redis stream. A 2xx means that the event is stored and stands in the stream exactly once.\n\n"
	      "Commands:\n",
	      out);
	for (size_t i = 0; i < cli_command_count; i++)
		fprintf(out, "  %-10s %s\n", cli_commands[i].name, cli_commands[i].summary);
	fputs("\n`hookgate COMMAND --help` says more; `hookgate --version` says which this is.\n", out);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		help(stderr);
		return CLI_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
		help(stdout);
		return CLI_OK;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("hookgate " HOOKGATE_VERSION);
		return CLI_OK;
	}
	for (size_t i = 0; i < cli_command_count; i++) {
		if (strcmp(argv[1], cli_commands[i].name) == 0)
			return cli_commands[i].run(argc - 1, argv + 1);
	}
	fprintf(stderr, "hookgate: there is no command %s\ntry `hookgate --help`\n", argv[1]);
	return CLI_USAGE;
}
