/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/tool.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/err.h"
#include "io/file.h"

static const struct {
	const char *name, *help;
} known[] = {
	{ "bench", "look names up as applications do, and measure the latency" },
	{ "lab", "reproduce DNS stalls in network namespaces, with and without a fix" },
	{ "resolvconf", "edit the options of a resolv.conf, or print them as a manifest" },
};

/* Relative to the folder of this program, in search order. */
static const char *const places[] = { "libexec/nodens", "../libexec/nodens" };

/* Letters, digits and dashes: the name cannot lead out of the folder. */
static bool is_tool_name(const char *name)
{
	return *name && *name != '-' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(name);
}

int nd_tool_exec(char **argv)
{
	char folder[PATH_MAX], path[PATH_MAX];

	if (!is_tool_name(argv[0]))
		return -ENOENT;
	for (size_t i = 0; i < ND_COUNT(places); i++) {
		if (nd_file_beside(places[i], folder, sizeof folder) ||
		    snprintf(path, sizeof path, "%s/%s", folder, argv[0]) >= (int)sizeof path)
			continue;
		execv(path, argv);
		if (errno != ENOENT && errno != ENOTDIR)
			return -errno;
	}
	return -ENOENT;
}

static const char *find_help(const char *name)
{
	for (size_t i = 0; i < ND_COUNT(known); i++)
		if (strcmp(known[i].name, name) == 0)
			return known[i].help;
	return "";
}

static int is_tool_entry(const struct dirent *e)
{
	return is_tool_name(e->d_name);
}

void nd_tool_list(FILE *to)
{
	char folder[PATH_MAX];
	struct dirent **found;

	for (size_t i = 0; i < ND_COUNT(places); i++) {
		int n = nd_file_beside(places[i], folder, sizeof folder)
				? -1
				: scandir(folder, &found, is_tool_entry, alphasort);
		if (n < 0)
			continue;
		for (int k = 0; k < n; k++) {
			fprintf(to, "  %-10s %s\n", found[k]->d_name, find_help(found[k]->d_name));
			free(found[k]);
		}
		free(found);
		return; /* the first folder that exists: a build folder's tools are not listed twice
			 */
	}
}
