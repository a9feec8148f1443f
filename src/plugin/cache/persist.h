/* SPDX-License-Identifier: Apache-2.0 */
/* persist.h - the tables of all caches of the process, kept in a file over a restart (-cache-file).
 *
 * The file is read once, when the first table is made. It is written while answers
 * are stored, every ND_PERSIST_S at most, and at the end of the process. Workers are not involved:
 * tables are read as workers read them.
 *
 * Owns:    nd_persist is a process object; tables are the caller's.
 * Threads: control; blocks while the file system does.
 */
#pragma once

#include "core/setup.h"
#include "plugin/cache/store.h"

enum { ND_PERSIST_S = 10, ND_PERSIST_RETRY_S = 60 };

struct nd_persist;

/* A table of the process: nd_cache.store, shared by fingerprint. */
struct nd_persist_table {
	struct nd_list link; /* of the nd_persist */
	struct nd_persist *persist;
	struct nd_store *store;
	uint64_t view;
};

/* The process's, shared by generations; before the tables, so that it ends after them. NULL when
 * memory is out (*err is set), or without -cache-file. */
struct nd_persist *nd_persist_get(struct nd_setup *s, int *err);
/* The view of the block's answers in the file: its fingerprint, and the contents of the files that
 * its directives name, up to 1 MiB each (forward's resolv.conf). */
uint64_t nd_persist_view(struct nd_setup *s);
/* Adds a table, and stores in it what the file has for its view. p NULL: nothing. */
void nd_persist_add(struct nd_persist *p, struct nd_persist_table *t);
/* Before the table is freed. At the end of the process the file is written. */
void nd_persist_remove(struct nd_persist_table *t);
/* A configuration serves: what was read is no longer needed. */
void nd_persist_serving(struct nd_persist *p);
/* Writes that failed. */
uint64_t nd_persist_failures(const struct nd_persist *p);
/* Answers taken over at the start. */
uint64_t nd_persist_adopted(const struct nd_persist *p);
/* True for the first caller with this generation. */
bool nd_persist_first(struct nd_persist *p, const struct nd_gen *gen);
