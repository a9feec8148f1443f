/* SPDX-License-Identifier: Apache-2.0 */
/* nodens - one binary with subcommands; the name it is called by can select one. */
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include "base/err.h"
#include "cmd/cmd.h"
#include "cmd/tool.h"

static const struct {
	const char *name;
	const char *called_as; /* argv[0] of the program that it replaces; NULL: none */
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{ "serve", "coredns", nd_cmd_serve, "DNS server configured by a Corefile" },
	{ "node", "node-cache", nd_cmd_node,
	  "DNS cache of a node that intercepts the node's DNS traffic" },
};

static int usage(FILE *to, int status)
{
	fprintf(to, "usage: nodens COMMAND [OPTION...]\n\n");
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		fprintf(to, "  %-10s %s (also when called as %s)\n", commands[i].name,
			commands[i].help, commands[i].called_as);
	nd_tool_list(to);
	fprintf(to, "\n`nodens COMMAND -help` lists a command's options.\n");
	return status;
}

int main(int argc, char **argv)
{
	char path[4096];

	if (argc < 1)
		return 2;
	snprintf(path, sizeof path, "%s", argv[0]);
	const char *as = basename(path);
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (commands[i].called_as && strcmp(as, commands[i].called_as) == 0)
			return commands[i].run(argc, argv);
	if (argc < 2)
		return usage(stderr, 2);
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	if (strcmp(argv[1], "-version") == 0 || strcmp(argv[1], "--version") == 0) {
		printf("nodens %s\n", ND_VERSION);
		return 0;
	}
	if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "-help") == 0 ||
	    strcmp(argv[1], "--help") == 0)
		return usage(stdout, 0);
	int err = nd_tool_exec(argv + 1);
	if (err != -ENOENT) {
		fprintf(stderr, "nodens: %s: %s\n", argv[1], nd_err_text(err));
		return 1;
	}
	fprintf(stderr, "nodens: unknown command \"%s\"\n", argv[1]);
	return usage(stderr, 2);
}
