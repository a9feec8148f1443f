/* SPDX-License-Identifier: Apache-2.0 */
/* weights.h - the weight file of `loadbalance weighted`: its table, and the file on disk.
 *
 *     # a domain, then its addresses with weights of 1 to 255
 *     www.example.org
 *     192.0.2.1 3
 *     2001:db8::1 1
 *
 * Owns:    tables are heap. A file is shared by the generations that name it (nd_setup_share); its
 *          last table stays when a new one cannot be read, which is logged.
 * Threads: control; nd_weights_of and nd_weightfile_table: workers, under RCU.
 */
#pragma once

#include <stdint.h>
#include "conf/diag.h"
#include "core/setup.h"
#include "wire/name.h"

enum { ND_WEIGHTS_BYTES_MAX = 1 << 20 }; /* of the file */

struct nd_weights;

/* Parses a text, which is changed. NULL with a message that names the file as path. */
struct nd_weights *nd_weights_parse(char *text, const char *path, struct nd_diag *d);
void nd_weights_free(struct nd_weights *w);
/* The weight of an address (4 or 16 bytes) of the lower-case owner; 1 if the file has none. w may
 * be NULL. */
unsigned nd_weights_of(const struct nd_weights *w, struct nd_name lower, const uint8_t *address,
		       size_t len);

struct nd_weightfile;

/* From setup. reload_ns 0: it is never read again, and must exist. NULL with a message, or out of
 * memory. */
struct nd_weightfile *nd_weightfile_share(struct nd_setup *s, const char *path, uint64_t reload_ns);
/* From start: checks the file at intervals. */
void nd_weightfile_start(struct nd_weightfile *f, struct nd_loop *loop);
/* NULL: there is none yet. */
const struct nd_weights *nd_weightfile_table(const struct nd_weightfile *f);
