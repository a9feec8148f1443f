/* SPDX-License-Identifier: Apache-2.0 */
/* setup.h - what a plugin may use while it is set up.
 *
 * Owns:    nothing; texts and tables are in the generation's arena unless stated otherwise.
 * Threads: control.
 * Errors:  ND_ECONF with a message in the diag, ND_ELIMIT: out of memory.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "conf/diag.h"
#include "core/metric.h"
#include "core/plugin.h"
#include "core/site.h"

struct nd_http1_request;
struct nd_http1_response;
struct nd_gen;
struct nd_loop;
struct nd_process;

struct nd_setup {
	const struct nd_plugin *plugin;
	void *self;
	struct nd_block *block; /* its server block */
	struct nd_gen *gen;
	struct nd_process *process;
	struct nd_loop *loop;   /* the control thread's */
	struct nd_arena *arena; /* the generation's */
	struct nd_diag *diag;
	const struct nd_conf_line *directive;
};

/* Stores "FILE:LINE - plugin/NAME: ..." in the diag; returns ND_ECONF. line NULL: the directive. */
int nd_setup_error(struct nd_setup *s, const struct nd_conf_line *line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The same for an invalid value: `invalid WHAT "VALUE": must be MUST` (base/invalid.h). must: a
 * format with its arguments; NULL: no such part. */
int nd_setup_invalid(struct nd_setup *s, const struct nd_conf_line *line, const char *what,
		     const char *value, const char *must, ...)
	__attribute__((format(printf, 5, 6)));
/* The same for what CoreDNS supports and nodens does not: `"WORD" is not supported yet; remove it`.
 * word NULL: the line's first word. */
int nd_setup_unsupported(struct nd_setup *s, const struct nd_conf_line *line, const char *word);
/* Sets the defaults and reads the directive's block by the plugin's settings table
 * (nd_settings_read in conf/settings.h). */
int nd_setup_settings(struct nd_setup *s,
		      int (*own)(void *self, const struct nd_conf_line *line, void *ctx),
		      bool own_rest);
/* Parses zone arguments; without any: the block's zones. */
int nd_setup_zones(struct nd_setup *s, const char *const *args, size_t n, struct nd_name **zones,
		   size_t *nzones);
/* The longest zone that contains the name, or NULL. Both lower case. On any thread, for `query`. */
const struct nd_name *nd_setup_zone_match(const struct nd_name *zones, size_t n,
					  struct nd_name name);

/* `fallthrough [ZONES...]` of many plugins. */
struct nd_fallthrough {
	bool on;
	struct nd_name *zones; /* none: all names */
	size_t nzones;
};
int nd_setup_fallthrough(struct nd_setup *s, const struct nd_conf_line *line,
			 struct nd_fallthrough *f);
/* On any thread, for `query`. */
bool nd_setup_falls_through(const struct nd_fallthrough *f, struct nd_name name);

/* A path of the Corefile: relative to the root plugin's folder. NULL: out of memory. */
const char *nd_setup_path(struct nd_setup *s, const char *path);

/* The search domains of a resolv.conf (`search`, `domain`; the last line counts). Invalid names are
 * left out. 0, also if the file does not exist, or ND_ELIMIT. */
int nd_setup_search(struct nd_setup *s, const char *path, struct nd_name **domains, size_t *n);

/* Takes a process object: the same kind and key give the same object, also after a reload, so that
 * what the reload does not change keeps its state. Held until the generation is freed; unmake is
 * called after the last one. kind: static. make returns NULL on failure, with s->diag set. */
void *nd_setup_share(struct nd_setup *s, const char *kind, const void *key, size_t key_len,
		     void *(*make)(void *ctx), void *ctx, void (*unmake)(void *object));

/* Registers an HTTP path on an address (":8080", "127.0.0.1:9153"), which several plugins and blocks
 * may share. It is opened in start; a reload that keeps the address keeps the socket. drop_at_stop:
 * closed when shutdown begins (ready), else when it ends (health, metrics). From setup. */
int nd_setup_http(struct nd_setup *s, const char *address, const char *path,
		  void (*handle)(void *self, const struct nd_http1_request *req,
				 struct nd_http1_response *res),
		  void *self, bool drop_at_stop);

/* Plugin ready calls `ready` on the control thread. */
void nd_setup_ready(struct nd_setup *s, bool (*ready)(void *self));
/* True if all plugins of the generation are ready; appends the names of the others, separated by
 * commas. */
bool nd_setup_all_ready(struct nd_gen *gen, struct nd_buf *not_ready);
/* `note` appends one line for the operator of a plugin that is ready, or nothing. */
void nd_setup_ready_note(struct nd_setup *s, void (*note)(void *self, struct nd_buf *to));
/* Appends "\nNAME: NOTE" for each note; equal ones once. */
void nd_setup_ready_notes(struct nd_gen *gen, struct nd_buf *to);

/* Calls `collect` on every scrape while the generation serves; metric.h. */
void nd_setup_collect(struct nd_setup *s, void (*collect)(void *ctx, struct nd_metric_out *out),
		      void *ctx);

/* Calls `dropped` on the worker for each reply of the server itself, without a block or plugin
 * (prometheus: zone "dropped"). */
void nd_setup_dropped(struct nd_setup *s, void (*dropped)(const void *self, struct nd_query *q));

/* At shutdown, keep serving this long (health's lameduck); the longest counts. */
void nd_setup_lameduck(struct nd_setup *s, int64_t ns);

/* A hash of the block's zones and of the directives of this plugin and of those after it in the
 * chain: blocks with the same hash give the same answers from here on. */
uint64_t nd_setup_fingerprint(struct nd_setup *s);
/* The zones as CoreDNS writes them in labels: "a.,b.". In the arena. */
const char *nd_setup_zones_text(struct nd_setup *s, const struct nd_name *zones, size_t n);

/* The block listens on these addresses instead of all (plugin bind). 0 or ND_ELIMIT. */
int nd_setup_bind(struct nd_setup *s, const struct nd_addr *addrs, size_t n);
/* The block takes only queries for which filter(self, q) is true; `view` is the label of its
 * metrics (plugin view). Blocks with a filter may have the same zone on the same address. filter is
 * called on the query's worker before a block is chosen: it may read q, its labels and this
 * plugin's state of the worker. */
void nd_setup_filter(struct nd_setup *s, const char *view,
		     bool (*filter)(const void *self, struct nd_query *q));
/* The block's listeners have these limits for connections, where they are set (plugin timeouts). */
void nd_setup_limits(struct nd_setup *s, const struct nd_conn_limits *limits);
/* The block's listeners accept classes other than IN (forward, chaos). */
void nd_setup_other_classes(struct nd_setup *s);
