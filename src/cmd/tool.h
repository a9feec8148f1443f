/* SPDX-License-Identifier: Apache-2.0 */
/* tool.h - programs of their own that `nodens NAME` starts, as git does with its.
 *
 * Looked for as libexec/nodens/NAME beside this program first (a build folder), then beside its
 * folder (bin/nodens and libexec/nodens/NAME of one prefix).
 */
#pragma once

#include <stdio.h>

/* Becomes the tool argv[0], with this argv. Returns only if that fails: -ENOENT, there is no such
 * tool; or what execv said. */
int nd_tool_exec(char **argv);
/* A line for each tool that is there. */
void nd_tool_list(FILE *to);
