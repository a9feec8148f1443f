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

static const struct {
	const char *name, *help;
} known[] = {
	{ "bench", "look names up as applications do, and measure the latency" },
	{ "lab", "reproduce DNS stalls in network namespaces, with and without a fix" },
	{ "resolvconf", "edit the options of a resolv.conf, or print them as a manifest" },
};

/* The places, the nearer first, under the folder of this program: not argv[0], which may be a
 * name in PATH, or anything. */
static const char *const places[] = { "libexec/nodens", "../libexec/nodens" };

static bool get_place(size_t i, char path[PATH_MAX])
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	if (n <= 0)
		return false;
	self[n] = '\0';
	char *slash = strrchr(self, '/');
	if (!slash)
		return false;
	*slash = '\0';
	return snprintf(path, PATH_MAX, "%s/%s", self, places[i]) < PATH_MAX;
}

/* Letters, digits, dashes: nothing that leads out of the folder. */
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
		if (!get_place(i, folder) ||
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
		int n = get_place(i, folder) ? scandir(folder, &found, is_tool_entry, alphasort)
					     : -1;
		if (n < 0)
			continue;
		for (int k = 0; k < n; k++) {
			fprintf(to, "  %-10s %s\n", found[k]->d_name, find_help(found[k]->d_name));
			free(found[k]);
		}
		free(found);
		return; /* who runs from a build folder sees that folder's tools, once */
	}
}
