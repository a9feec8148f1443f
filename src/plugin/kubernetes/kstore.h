/* SPDX-License-Identifier: Apache-2.0 */
/* kstore.h - the index and what fills it: a process object, shared by the options that decide what
 * is in it, so that a reload that leaves these equal keeps it.
 *
 * Threads: control.
 */
#pragma once

#include "plugin/kubernetes/kconf.h"

/* Sets store and index of c: found, or made and filled. 0 or ND_ECONF. */
int nd_kstore_open(struct nd_kconf *c, struct nd_setup *s);
/* At the first start: runs the loop until everything was listed, or startup_timeout is over: 0. A
 * signal that ends the server meanwhile: ND_ECLOSED. A reload does not wait: it is asked for from
 * inside the loop. */
int nd_kstore_wait(const struct nd_kconf *c, struct nd_setup *s);
/* What /ready says behind its OK: answers are old, and why. */
void nd_kstore_note(const struct nd_kconf *c, struct nd_buf *to);
