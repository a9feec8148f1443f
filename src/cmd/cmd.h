/* SPDX-License-Identifier: Apache-2.0 */
/* cmd.h - the subcommands. Each takes its own argv (argv[0] is the name it was called by) and
 * returns the exit status. Threads: control, which each of them starts. */
#pragma once

#define ND_VERSION "0.1.0"
#define ND_COREDNS_VERSION "1.15.0"

int nd_cmd_serve(int argc, char **argv);
int nd_cmd_node(int argc, char **argv);
