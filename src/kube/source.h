/* SPDX-License-Identifier: Apache-2.0 */
/* source.h - a file or a folder of manifests in the place of an API server.
 *
 * Files: *.yaml, *.yml, *.json of the folder, by name, without its subfolders; or the one file
 * (JSON if its name ends in .json, else YAML). An object that stands twice has the state it has
 * last. Watched: names and stamps are looked at each second. What changed is read when it stands
 * still for a moment, so that a half-written file is not read; if it is broken all the same, the
 * last good state stays, and it is reported once.
 *
 * Owns:    nd_source is heap; its sink is the owner's.
 * Threads: control.
 */
#pragma once

#include "conf/diag.h"
#include "io/loop.h"
#include "kube/objects.h"
#include "kube/selector.h"

struct nd_source;

struct nd_source_config {
	const char *path;
	struct nd_sink *sink;
	bool wanted[ND_OBJECT_KINDS];               /* kinds that go to the sink */
	const struct nd_selector *labels;           /* Services, slices, pods; NULL: all */
	const struct nd_selector *namespace_labels; /* Namespaces, ServiceImports; NULL: all */
	/* After each reading that was tried: what came, or why not. */
	void (*report)(void *ctx, bool good, const char *text);
	void *ctx;
};

/* Reads everything into the sink. Config, path and selectors must outlive it. 0, or ND_ECONF with
 * the diag set and nothing changed in the sink (except ND_ELIMIT's part when the sink is full). */
int nd_source_new(const struct nd_source_config *config, struct nd_source **out, struct nd_diag *d);
void nd_source_free(struct nd_source *s); /* takes NULL */
/* Looks once a second from now on. */
void nd_source_watch(struct nd_source *s, struct nd_loop *loop);
/* One look: reads if something changed since the last reading and stands as it did at the last
 * look. True if it must look again soon: something is changing. */
bool nd_source_look(struct nd_source *s);
