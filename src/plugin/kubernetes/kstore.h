/* SPDX-License-Identifier: Apache-2.0 */
/* kstore.h - the index and its source of objects. A process object, shared by blocks with equal
 * options; a reload that leaves them equal keeps it.
 *
 * Threads: control.
 */
#pragma once

#include "plugin/kubernetes/kconf.h"

/* Sets store and index of c, and fills a new one from manifests or a snapshot. 0, ND_ECONF or
 * ND_ELIMIT. */
int nd_kstore_open(struct nd_kconf *c, struct nd_setup *s);
/* At the first start, runs the loop until everything was listed or startup_timeout has passed: 0.
 * ND_ECLOSED: a signal ended the server. A reload does not wait, as it is requested from inside the
 * loop. */
int nd_kstore_wait(const struct nd_kconf *c, struct nd_setup *s);
/* Adds the note that /ready prints after its OK: answers are old, and why. */
void nd_kstore_note(const struct nd_kconf *c, struct nd_buf *to);
