/* SPDX-License-Identifier: Apache-2.0 */
/* setup.h - how a plugin that is being set up reaches the rest.
 *
 * Threads: control. All text and tables given out live in the generation's arena unless said
 * otherwise.
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
	struct nd_block *block; /* the server block it stands in */
	struct nd_gen *gen;
	struct nd_process *process;
	struct nd_loop *loop;   /* the control thread's */
	struct nd_arena *arena; /* the generation's */
	struct nd_diag *diag;
	const struct nd_conf_line *directive;
};

/* "FILE:LINE - plugin/NAME: ..." into the diag; returns ND_ECONF. line NULL: the directive's. */
int nd_setup_error(struct nd_setup *s, const struct nd_conf_line *line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The same for a value that is not accepted: `invalid WHAT "VALUE": must be ...` (base/invalid.h).
 * The format and its arguments say what would be accepted; NULL: nothing is said. */
int nd_setup_invalid(struct nd_setup *s, const struct nd_conf_line *line, const char *what,
		     const char *value, const char *must, ...)
	__attribute__((format(printf, 5, 6)));
/* The same for a word that CoreDNS knows and this build does not: `"WORD" is not supported yet;
 * remove it`. word NULL: the line's first word. */
int nd_setup_unsupported(struct nd_setup *s, const struct nd_conf_line *line, const char *word);
/* Reads the directive's block by the plugin's settings table (defaults first). */
int nd_setup_settings(struct nd_setup *s,
		      int (*own)(void *self, const struct nd_conf_line *line, void *ctx),
		      bool own_rest);
/* Zone names from arguments; with none given, the block's zones. */
int nd_setup_zones(struct nd_setup *s, const char *const *args, size_t n, struct nd_name **zones,
		   size_t *nzones);
/* The longest of zones that holds the name, or NULL. Both lower case. For `query`. */
const struct nd_name *nd_setup_zone_match(const struct nd_name *zones, size_t n,
					  struct nd_name name);

/* `fallthrough [ZONES...]`, used by many: all == true without zones. */
struct nd_fallthrough {
	bool on;
	struct nd_name *zones; /* none: all */
	size_t nzones;
};
int nd_setup_fallthrough(struct nd_setup *s, const struct nd_conf_line *line,
			 struct nd_fallthrough *f);
bool nd_setup_falls_through(const struct nd_fallthrough *f, struct nd_name name);

/* path as the Corefile means it: relative to the root plugin's folder. In the arena. */
const char *nd_setup_path(struct nd_setup *s, const char *path);

/* The domains that a resolv.conf searches (`search`, `domain`; the last line holds); those that are
 * no names are left out. 0, also where there is no such file, or ND_ELIMIT. */
int nd_setup_search(struct nd_setup *s, const char *path, struct nd_name **domains, size_t *n);

/* A process object, shared by the fingerprint of its configuration: the same kind and key give the
 * same object, also across a reload, so that what a reload leaves equal keeps its state. Held until
 * the generation is freed. make returns NULL on failure (with s->diag set). */
void *nd_setup_share(struct nd_setup *s, const char *kind, const void *key, size_t key_len,
		     void *(*make)(void *ctx), void *ctx, void (*unmake)(void *object));

/* An HTTP path on an address ("" + default, ":8080", "127.0.0.1:9153"); several plugins and blocks
 * may share an address. Opened in start, before serving; a reload that keeps the address keeps the
 * socket. `drop_at_stop`: closed as soon as shutdown begins (ready), else at the very end (health,
 * metrics). 0 or ND_ECONF. Call from setup. */
int nd_setup_http(struct nd_setup *s, const char *address, const char *path,
		  void (*handle)(void *self, const struct nd_http1_request *req,
				 struct nd_http1_response *res),
		  void *self, bool drop_at_stop);

/* `ready` asks this on the control thread. */
void nd_setup_ready(struct nd_setup *s, bool (*ready)(void *self));
/* The answers of all who registered: appends the names of those not ready, comma-separated; true if
 * all are. */
bool nd_setup_all_ready(struct nd_gen *gen, struct nd_buf *not_ready);
/* What somebody should know though this plugin is ready: one line of text is appended, or nothing. */
void nd_setup_ready_note(struct nd_setup *s, void (*note)(void *self, struct nd_buf *to));
/* Appends a line for each note, "\nNAME: NOTE"; the same one once. */
void nd_setup_ready_notes(struct nd_gen *gen, struct nd_buf *to);

/* Metrics of this plugin; see metric.h. Registered with the generation. */
void nd_setup_collect(struct nd_setup *s, void (*collect)(void *ctx, struct nd_metric_out *out),
		      void *ctx);

/* Called for each reply that the server made by itself, with no block or for no plugin (prometheus:
 * zone "dropped"). On the worker. */
void nd_setup_dropped(struct nd_setup *s, void (*dropped)(const void *self, struct nd_query *q));

/* At shutdown, keep serving this long (health's lameduck); the longest wins. */
void nd_setup_lameduck(struct nd_setup *s, int64_t ns);

/* A fingerprint of the block from this plugin down: its zones and the words of all directives whose
 * plugins come behind it in the chain, and its own. Two blocks with the same one give the same
 * answers below here. */
uint64_t nd_setup_fingerprint(struct nd_setup *s);
/* The zones as CoreDNS writes them in labels: "a.,b.". In the arena. */
const char *nd_setup_zones_text(struct nd_setup *s, const struct nd_name *zones, size_t n);

/* May an answer that was found below this plugin be given without asking it (for answers kept
 * outside the chain)? Default: no. Say so per block, when set up. */
void nd_setup_transparent(struct nd_setup *s, bool yes);

/* Wildcard listeners of this block are replaced by these addresses (plugin bind). */
int nd_setup_bind(struct nd_setup *s, const struct nd_addr *addrs, size_t n);
/* Classes other than IN are let through to this block's listener (forward, chaos). */
void nd_setup_other_classes(struct nd_setup *s);
/* The zone and plugin name pairs of this generation, for coredns_plugin_enabled. */
struct nd_instance {
	const struct nd_plugin *plugin;
	void *self;
	struct nd_block *block;
	struct nd_setup setup;
	uint16_t index;
	bool started, transparent;
	bool (*ready)(void *self);
	void (*note)(void *self, struct nd_buf *to);
	void (*dropped)(const void *self, struct nd_query *q);
};
