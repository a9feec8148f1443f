/* SPDX-License-Identifier: Apache-2.0 */
/* tool.h - separate programs that `nodens NAME` executes, as git does.
 *
 * Searched as libexec/nodens/NAME in the folder of this program (a build folder), then in that
 * folder's parent (bin/nodens and libexec/nodens/NAME of one prefix).
 *
 * Threads: any, before others are started.
 */
#pragma once

#include <stdio.h>

/* Executes the tool argv[0] with this argv. Returns only on failure: -ENOENT if there is no such
 * tool, or the -errno of execv(). */
int nd_tool_exec(char **argv);
/* Prints a line for each installed tool. */
void nd_tool_list(FILE *to);
