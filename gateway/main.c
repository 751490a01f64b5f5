/* main.c - from the command line to the subcommand. No policy here. */
#include "cli/cli.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

/* A descriptor 0, 1 or 2 that is closed would be given to the next socket, and lines meant for a person written to
 * Redis. In its place stands one that refuses to be written to (0: to be read), so that what cannot be said is still
 * known not to be. */
static bool fill_standard_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	if (!fill_standard_descriptors())
		return CLI_FAILED;
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
